//! The names of the metrics that this library records through the `metrics` facade.

/// Connections that were opened and became usable.
pub(crate) const CONNECTIONS: &str = "ottla_connections_total";
/// Connections that could not be made.
pub(crate) const DIAL_FAILURES: &str = "ottla_dial_failures_total";
/// Requests to KDCs, retries included.
#[cfg(feature = "kerberos")]
pub(crate) const KDC_REQUESTS: &str = "ottla_kdc_requests_total";
/// First logins that a broker accepted.
pub(crate) const LOGINS: &str = "ottla_logins_total";
/// Connections that are logged in with a token that has a successor.
pub(crate) const OUTDATED_CONNECTIONS: &str = "ottla_outdated_connections";
/// Logins on a connection that was logged in before (KIP-368).
pub(crate) const REAUTHENTICATIONS: &str = "ottla_reauthentications_total";
/// Requests that were sent, with the label `api`.
pub(crate) const REQUESTS: &str = "ottla_requests_total";
/// Seconds since the token in use was made or renewed.
pub(crate) const TOKEN_AGE: &str = "ottla_token_age_seconds";
/// Tokens that were made.
pub(crate) const TOKENS_CREATED: &str = "ottla_tokens_created_total";
/// Seconds that the token in use still lives.
pub(crate) const TOKEN_EXPIRES_IN: &str = "ottla_token_expires_in_seconds";
/// Operations on tokens that failed, with the label `kind`.
pub(crate) const TOKEN_FAILURES: &str = "ottla_token_failures_total";
/// Seconds from the making of a token until all its brokers took it.
pub(crate) const TOKEN_READINESS: &str = "ottla_token_readiness_seconds";
/// Renewals.
pub(crate) const TOKEN_RENEWALS: &str = "ottla_token_renewals_total";
/// Tokens that came into use in the place of another.
pub(crate) const TOKEN_REPLACEMENTS: &str = "ottla_token_replacements_total";

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
/// Tokens that were made.
pub(crate) const TOKENS_CREATED: &str = "ottla_tokens_created_total";
/// When the token in use ends, in seconds since 1970, with the labels `cluster` and `owner`.
pub(crate) const TOKEN_EXPIRES_AT: &str = "ottla_token_expires_at_seconds";
/// Operations on tokens that failed, with the label `kind`.
pub(crate) const TOKEN_FAILURES: &str = "ottla_token_failures_total";
/// When the token in use was made, in seconds since 1970, with the labels `cluster` and `owner`.
pub(crate) const TOKEN_ISSUED_AT: &str = "ottla_token_issued_at_seconds";
/// Seconds from the making of a token until all its brokers took it.
pub(crate) const TOKEN_READINESS: &str = "ottla_token_readiness_seconds";
/// Renewals.
pub(crate) const TOKEN_RENEWALS: &str = "ottla_token_renewals_total";
/// When a keeper last made or renewed the token in use, in seconds since 1970, with the labels `cluster`
/// and `owner`.
pub(crate) const TOKEN_RENEWED_AT: &str = "ottla_token_renewed_at_seconds";
/// Tokens that came into use in the place of another.
pub(crate) const TOKEN_REPLACEMENTS: &str = "ottla_token_replacements_total";

/// Tells the recorder what the names mean. Whoever begins to measure does so; again does no harm.
pub(crate) fn describe() {
    use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!(CONNECTIONS, "Connections that became usable");
    describe_counter!(DIAL_FAILURES, "Connections that could not be made");
    #[cfg(feature = "kerberos")]
    describe_counter!(KDC_REQUESTS, "Requests to KDCs, retries included");
    describe_counter!(LOGINS, "First logins that a broker accepted");
    describe_gauge!(OUTDATED_CONNECTIONS, "Connections logged in with a token that has a successor");
    describe_counter!(REAUTHENTICATIONS, "Logins on connections that were logged in before");
    describe_counter!(REQUESTS, "Requests that were sent, by API");
    describe_counter!(TOKENS_CREATED, "Delegation tokens that were made");
    describe_gauge!(TOKEN_EXPIRES_AT, Unit::Seconds, "Unix time at which the token in use ends");
    describe_counter!(TOKEN_FAILURES, "Operations on delegation tokens that failed, by kind");
    describe_gauge!(TOKEN_ISSUED_AT, Unit::Seconds, "Unix time at which the token in use was made");
    describe_histogram!(TOKEN_READINESS, Unit::Seconds, "Time until all brokers took a new token");
    describe_counter!(TOKEN_RENEWALS, "Renewals of delegation tokens");
    describe_gauge!(TOKEN_RENEWED_AT, Unit::Seconds, "Unix time of the last renewal of the token in use");
    describe_counter!(TOKEN_REPLACEMENTS, "Delegation tokens that took the place of another");
}

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
/// Logins on a connection that was logged in before (KIP-368).
pub(crate) const REAUTHENTICATIONS: &str = "ottla_reauthentications_total";
/// Requests that were sent, with the label `api`.
pub(crate) const REQUESTS: &str = "ottla_requests_total";

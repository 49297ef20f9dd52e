//! TLS: roots of trust, client identities, crypto providers.
//!
//! [`TlsBuilder`] turns PEM text into the one thing that a connection needs, a checked
//! `rustls::ClientConfig`. Names of servers are verified unless somebody asks by name for the
//! opposite. No connection is made here.

mod any_name;
mod builder;
mod error;
mod pem;
mod provider;
#[cfg(test)]
#[cfg(feature = "tls-graviola")]
pub(crate) mod testing;
#[cfg(test)]
#[cfg(feature = "tls-graviola")]
mod tests;

use std::fmt;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::ClientConfig;

pub use builder::TlsBuilder;
pub use error::InvalidTls;
pub use provider::TlsProvider;

/// Holds what TLS connections are made with: roots of trust, perhaps a client identity, a crypto
/// provider. Clones share it.
///
/// Its `Debug` shows nothing, since a `ClientConfig` may reach private keys.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    /// The roots as they were given, unless the configuration is somebody's own.
    roots: Option<Arc<[CertificateDer<'static>]>>,
    any_name: bool,
}

impl Tls {
    /// Begins with no roots, no client identity and the default provider.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    /// Takes a `ClientConfig` as it is: whatever it verifies, or does not, is its maker's choice.
    pub fn with_client_config(config: Arc<ClientConfig>) -> Self {
        Self { config, roots: None, any_name: false }
    }

    /// What `tokio_rustls::TlsConnector` takes.
    pub(crate) fn client_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Whether servers may have any name.
    pub(crate) fn takes_any_name(&self) -> bool {
        self.any_name
    }

    /// The roots of trust as a PEM text, if they are known: others who shall reach the same
    /// servers need them.
    pub(crate) fn roots_pem(&self) -> Option<String> {
        self.roots.as_deref().map(pem::write_certificates)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}

/// Reads the name, or the address without brackets, that a server's certificate must have.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, InvalidTls> {
    ServerName::try_from(host.to_owned()).map_err(|_| error::Error::NotAServerName.into())
}

//! Makes a [`Tls`] of PEM texts.

use std::path::PathBuf;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, Error as RustlsError, RootCertStore};

use super::Tls;
use super::any_name::AnyName;
use super::error::{Error, InvalidTls, Origin, Part};
use super::pem::Pem;
use super::provider::TlsProvider;
use crate::secret::Secret;

/// Builds a [`Tls`]. At least one root of trust must be given; TLS 1.3 and 1.2 are offered.
///
/// Which PEM sections may stand together is Kafka's rule for its PEM stores: one file may have the
/// client's key and its chain, and can be given for both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsBuilder {
    roots: Vec<Pem>,
    identity: Option<(Pem, Pem)>,
    provider: Option<TlsProvider>,
    any_name: bool,
}

impl TlsBuilder {
    /// Trusts every certificate of a PEM text. May be called again: the roots add up.
    #[must_use]
    pub fn with_roots_pem(mut self, certificates: impl Into<Vec<u8>>) -> Self {
        self.roots.push(Pem::Bytes(Secret::new(certificates.into())));
        self
    }

    /// Trusts every certificate of a PEM file, which [`TlsBuilder::build`] reads.
    #[must_use]
    pub fn with_roots_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.roots.push(Pem::File(path.into()));
        self
    }

    /// Shows the server a client certificate (mTLS). `chain` begins with the client's own
    /// certificate; `key` is its private key as PKCS#8, PKCS#1 or SEC 1, not encrypted.
    #[must_use]
    pub fn with_identity_pem(mut self, chain: impl Into<Vec<u8>>, key: Secret) -> Self {
        self.identity = Some((Pem::Bytes(Secret::new(chain.into())), Pem::Bytes(key)));
        self
    }

    /// As [`TlsBuilder::with_identity_pem`], from two files, or one given twice, which
    /// [`TlsBuilder::build`] reads.
    #[must_use]
    pub fn with_identity_files(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((Pem::File(chain.into()), Pem::File(key.into())));
        self
    }

    /// Chooses the crypto provider. Default: graviola if the feature `tls-graviola` is on, else
    /// one must be chosen.
    #[must_use]
    pub fn with_provider(mut self, provider: TlsProvider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Takes a server's certificate whatever name it has, as Java does with an empty
    /// `ssl.endpoint.identification.algorithm`. Whoever has any certificate of the roots, be it a
    /// client's, can then pose as a broker: give the certificates the right names instead.
    #[must_use]
    pub fn without_name_verification(mut self) -> Self {
        self.any_name = true;
        self
    }

    /// Reads what there is to read and checks it all. Blocks while it reads files, each of at
    /// most 1 MiB.
    ///
    /// # Errors
    /// [`InvalidTls`] if a PEM text is unreadable or wrong, if no root is given, if the key does
    /// not belong to the certificate, or if the provider is missing or cannot run here.
    pub fn build(self) -> Result<Tls, InvalidTls> {
        if self.roots.is_empty() {
            return Err(Error::NoRoots.into());
        }
        let provider = self.provider.or_else(TlsProvider::default_choice).ok_or(Error::NoProvider)?.load()?;
        let roots = certificates(&self.roots)?;
        let mut store = RootCertStore::empty();
        for (certificate, origin) in &roots {
            let added = store.add(certificate.clone());
            added.map_err(|_| Error::BadCertificate { origin: origin.clone() })?;
        }
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|_| Error::NoProvider)?;
        let config = match self.any_name {
            true => {
                let verifier = AnyName::new(store, provider).ok_or(Error::NoRoots)?;
                config.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
            }
            false => config.with_root_certificates(store),
        };
        let config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let (chain, key) = (chain.load(Part::Chain)?, key.load(Part::Key)?);
                config.with_client_auth_cert(chain.certificates()?, key.private_key()?).map_err(|error| {
                    match error {
                        RustlsError::InconsistentKeys(_) => Error::KeyDoesNotFit,
                        RustlsError::InvalidCertificate(_) => {
                            Error::BadCertificate { origin: chain.origin().clone() }
                        }
                        _ => Error::UnusableKey { origin: key.origin().clone() },
                    }
                })?
            }
        };
        let roots = roots.into_iter().map(|(certificate, _)| certificate).collect();
        Ok(Tls { config: Arc::new(config), roots: Some(roots), any_name: self.any_name })
    }
}

fn certificates(texts: &[Pem]) -> Result<Vec<(CertificateDer<'static>, Origin)>, Error> {
    let mut all = Vec::new();
    for text in texts {
        let text = text.load(Part::Roots)?;
        let origin = text.origin();
        all.extend(text.certificates()?.into_iter().map(|certificate| (certificate, origin.clone())));
    }
    Ok(all)
}

#[cfg(test)]
#[cfg(not(feature = "tls-graviola"))]
mod tests {
    use super::*;

    #[test]
    fn chooses_no_provider_by_itself_without_the_default_one() {
        let error = TlsBuilder::default().with_roots_pem("").build().unwrap_err();
        assert_eq!(error.0, Error::NoProvider);
        assert!(error.to_string().contains("with_provider"));
    }
}

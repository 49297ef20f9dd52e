//! The crypto providers, each behind its feature and chosen by call.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::CryptoProvider;

use super::error::Error;

/// Names a crypto provider of TLS. Each exists with its Cargo feature; a feature alone chooses
/// nothing, and neither does the default provider of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsProvider {
    /// graviola: no C to compile, on x86_64 with AES, ADX and AVX2 and aarch64 with AES and SHA-2.
    /// The default, with the feature `tls-graviola`.
    #[cfg(feature = "tls-graviola")]
    Graviola,
    /// ring: compiles C, runs anywhere. With the feature `tls-ring`.
    #[cfg(feature = "tls-ring")]
    Ring,
    /// aws-lc-rs: compiles C. With the feature `tls-aws-lc`.
    #[cfg(feature = "tls-aws-lc")]
    AwsLc,
}

impl TlsProvider {
    /// The default provider does not depend on which other features are on.
    pub(super) fn default_choice() -> Option<Self> {
        #[cfg(feature = "tls-graviola")]
        return Some(Self::Graviola);
        #[cfg(not(feature = "tls-graviola"))]
        None
    }

    pub(super) fn load(self) -> Result<Arc<CryptoProvider>, Error> {
        match self {
            #[cfg(feature = "tls-graviola")]
            Self::Graviola => {
                require(&graviola_features())?;
                Ok(Arc::new(rustls_graviola::default_provider()))
            }
            #[cfg(feature = "tls-ring")]
            Self::Ring => Ok(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider())),
            #[cfg(feature = "tls-aws-lc")]
            Self::AwsLc => Ok(Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider())),
        }
    }
}

/// What graviola 0.4 asserts at its first use: without it the process would panic there.
#[cfg(all(feature = "tls-graviola", target_arch = "x86_64"))]
fn graviola_features() -> [(&'static str, bool); 6] {
    use std::arch::is_x86_feature_detected as has;
    [
        ("aes", has!("aes")),
        ("pclmulqdq", has!("pclmulqdq")),
        ("bmi1", has!("bmi1")),
        ("adx", has!("adx")),
        ("avx", has!("avx")),
        ("avx2", has!("avx2")),
    ]
}

/// What graviola 0.4 asserts at its first use: without it the process would panic there.
#[cfg(all(feature = "tls-graviola", target_arch = "aarch64"))]
fn graviola_features() -> [(&'static str, bool); 4] {
    use std::arch::is_aarch64_feature_detected as has;
    [("neon", has!("neon")), ("aes", has!("aes")), ("pmull", has!("pmull")), ("sha2", has!("sha2"))]
}

#[cfg(feature = "tls-graviola")]
fn require(features: &[(&'static str, bool)]) -> Result<(), Error> {
    match features.iter().find(|(_, present)| !present) {
        Some(&(feature, _)) => Err(Error::CpuLacks { feature }),
        None => Ok(()),
    }
}

#[cfg(test)]
#[cfg(feature = "tls-graviola")]
mod tests {
    use super::*;

    #[test]
    fn names_the_missing_feature_of_the_processor_instead_of_panicking() {
        let error = require(&[("aes", true), ("adx", false), ("avx2", false)]).unwrap_err();
        assert_eq!(error, Error::CpuLacks { feature: "adx" });
        let shown = error.to_string();
        assert!(shown.contains("`adx`") && shown.contains("`tls-ring`"), "{shown}");
        assert_eq!(require(&[("aes", true)]), Ok(()));
    }
}

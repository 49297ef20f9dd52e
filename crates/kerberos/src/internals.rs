//! Pure functions of the private layers, for this project's own fuzz targets, benches and tests.
//!
//! Outside semver, behind the feature `unstable-internals`.

mod exchanges;
mod files;

pub use self::exchanges::{fuzz_der, fuzz_gss_token, fuzz_kdc_reply};
pub use self::files::{fuzz_ccache, fuzz_keytab, fuzz_krb5_conf};

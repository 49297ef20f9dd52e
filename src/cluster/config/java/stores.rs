//! `ssl.truststore.*` and `ssl.keystore.*` of the type PEM (KIP-651) as a [`TlsBuilder`].

use super::error::{Error, Fault};
use super::keys::Keys;
use super::pem_lines::pem_lines;
use crate::secret::Secret;
use crate::tls::{Tls, TlsBuilder};

/// Whether the names of servers are verified.
pub(crate) const NAMES: &str = "ssl.endpoint.identification.algorithm";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Verified,
    Any,
}

/// Reads the stores. A trust store there must be: unlike Java, we trust no one by default.
pub(super) fn tls(keys: Keys<'_>) -> Result<TlsBuilder, Error> {
    let names = match keys.present(NAMES) {
        None => Names::Verified,
        Some((_, text)) if text.eq_ignore_ascii_case("https") => Names::Verified,
        Some((_, "")) => Names::Any,
        Some((line, _)) => {
            let fault = Fault::NotOneOf { allowed: "https, and nothing, which lets servers have any name" };
            return Err(Error::Value { key: NAMES, line, fault });
        }
    };
    for key in ["ssl.truststore.password", "ssl.keystore.password", "ssl.key.password"] {
        keys.read(key, |_| Err::<(), _>(Fault::Password))?;
    }
    let tls = identity(keys, roots(keys)?)?;
    Ok(if names == Names::Any { tls.without_name_verification() } else { tls })
}

fn roots(keys: Keys<'_>) -> Result<TlsBuilder, Error> {
    let inline = "ssl.truststore.certificates";
    let store = store(keys, "ssl.truststore.type", "ssl.truststore.location", &[inline])?;
    match store.ok_or(Error::Missing { key: "ssl.truststore.location" })? {
        Store::File(path) => Ok(Tls::builder().with_roots_file(path)),
        Store::Inline => {
            let (_, text) = keys.text(inline).ok_or(Error::Missing { key: inline })?;
            Ok(Tls::builder().with_roots_pem(pem_lines(text).to_vec()))
        }
    }
}

fn identity(keys: Keys<'_>, builder: TlsBuilder) -> Result<TlsBuilder, Error> {
    let (chain, key) = ("ssl.keystore.certificate.chain", "ssl.keystore.key");
    match store(keys, "ssl.keystore.type", "ssl.keystore.location", &[chain, key])? {
        None => Ok(builder),
        Some(Store::File(path)) => Ok(builder.with_identity_files(path, path)),
        Some(Store::Inline) => {
            let text = |key| keys.text(key).map(|(_, text)| pem_lines(text)).ok_or(Error::Missing { key });
            let (chain, key) = (text(chain)?, text(key)?);
            Ok(builder.with_identity_pem(chain.to_vec(), Secret::new(key.to_vec())))
        }
    }
}

/// Where a store is.
enum Store<'a> {
    File(&'a str),
    Inline,
}

fn store<'a>(
    keys: Keys<'a>,
    kind: &'static str,
    location: &'static str,
    inline: &[&'static str],
) -> Result<Option<Store<'a>>, Error> {
    let file = keys.text(location);
    let text = inline.iter().find_map(|&key| keys.text(key).map(|(line, _)| (key, line)));
    let (key, line, store) = match (file, text) {
        (None, None) => return Ok(None),
        (Some(_), Some((key, line))) => return Err(Error::Value { key, line, fault: Fault::FileAndInline }),
        (Some((line, path)), None) => (location, line, Store::File(path)),
        (None, Some((key, line))) => (key, line, Store::Inline),
    };
    match keys.text(kind) {
        Some((_, "PEM")) => Ok(Some(store)),
        Some((line, _)) => Err(Error::Value { key: kind, line, fault: Fault::NotPem }),
        // Without a type it is JKS.
        None => Err(Error::Value { key, line, fault: Fault::NotPem }),
    }
}

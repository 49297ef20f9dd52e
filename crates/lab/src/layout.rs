//! Names, places and random values of a cluster.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};

/// The most brokers that one cluster can have: there is a certificate for each name.
pub(crate) const MAX_BROKERS: u16 = 5;

/// The users of PLAIN and SCRAM. The password is the name and `-secret`.
pub(crate) const USERS: [&str; 3] = ["alice", "bob", "admin"];

/// The name under which a broker is advertised, and for which it has a certificate.
pub(crate) fn broker_name(id: u16) -> String {
    format!("b{id}")
}

#[expect(clippy::disallowed_methods, reason = "the lab's one source of entropy")]
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context(|| "draw random bytes".into())?;
    Ok(bytes)
}

/// A fresh id in Kafka's form: 22 characters of URL-safe base64 for 16 bytes. The last one holds
/// the four spare bits, which must be zero; the others are hex digits, 84 random bits.
pub(crate) fn kafka_id() -> Result<String> {
    let bits = u128::from_be_bytes(random()?) >> 44;
    Ok(format!("{bits:021x}A"))
}

/// What all labs of a user share, for this user's eyes only: their directories, and locks.
pub(crate) fn base_dir() -> Result<PathBuf> {
    let base = std::env::temp_dir().join(format!("ottla-lab-{}", rustix::process::getuid().as_raw()));
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&base);
    made.context(|| format!("create {}", base.display()))?;
    Ok(base)
}

/// The directory with jars, archives and formatted storage, kept between runs:
/// `OTTLA_LAB_CACHE`, `$XDG_CACHE_HOME/ottla-lab` or `~/.cache/ottla-lab`.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("OTTLA_LAB_CACHE") {
        return Ok(PathBuf::from(dir));
    }
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(dir) => PathBuf::from(dir),
        None => {
            Path::new(&std::env::var_os("HOME").ok_or_else(|| Error::new("HOME is not set"))?).join(".cache")
        }
    };
    Ok(base.join("ottla-lab"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_of_kafka_uuids() {
        let id = kafka_id().unwrap();
        assert_eq!((id.len(), id.ends_with('A')), (22, true), "{id}");
        assert_ne!(id, kafka_id().unwrap());
    }
}

//! Names, places, ports and random values of a cluster.

use std::net::{Ipv4Addr, TcpListener};
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

/// Finds free ports below the range from which the kernel serves outgoing connections: a broker
/// that is down keeps its port, since no connection of anyone else's is ever given it.
pub(crate) fn free_ports(count: usize) -> Result<Vec<u16>> {
    let mut held = Vec::new();
    for _ in 0..count * 100 {
        let port = 10_240 + u16::from_be_bytes(random()?) % 20_000;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, listener));
        }
        if held.len() == count {
            return Ok(held.into_iter().map(|(port, _)| port).collect());
        }
    }
    Err(Error::new(format!("found no {count} free ports on 127.0.0.1 between 10240 and 30240")))
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

    #[test]
    fn free_ports_are_distinct_and_can_be_bound() {
        let ports = free_ports(20).unwrap();
        for &port in &ports {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
        let distinct: std::collections::HashSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), 20);
    }
}

//! Ports that no other cluster of this user takes, in whatever lab.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};

use crate::error::{Context, Error, Result};
use crate::layout::{base_dir, random};

/// The lowest port, and how many there are: below the range from which the kernel serves outgoing
/// connections, so that a broker that is down keeps its port.
const FIRST: u16 = 10_240;
const COUNT: u16 = 20_000;

/// Ports of a cluster, its own for as long as the value lives. Nothing is bound: between the choice
/// of a port and the moment when a JVM binds it lie seconds, in which another lab may choose too;
/// what keeps them apart is a lock on a file for each port.
#[derive(Debug)]
pub(crate) struct Ports {
    numbers: Vec<u16>,
    _locks: Vec<File>,
}

impl Ports {
    /// Reserves ports on 127.0.0.1 that nothing listens on.
    pub(crate) fn reserve(count: usize) -> Result<Self> {
        let dir = base_dir()?.join("ports");
        fs::create_dir_all(&dir).context(|| format!("create {}", dir.display()))?;
        let (mut numbers, mut locks) = (Vec::new(), Vec::new());
        for _ in 0..count * 100 {
            let number = FIRST + u16::from_be_bytes(random()?) % COUNT;
            let path = dir.join(number.to_string());
            let lock = File::create(&path).context(|| format!("create {}", path.display()))?;
            let free = lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok();
            if free {
                numbers.push(number);
                locks.push(lock);
            }
            if numbers.len() == count {
                return Ok(Self { numbers, _locks: locks });
            }
        }
        let last = FIRST + COUNT - 1;
        Err(Error::new(format!("found no {count} free ports on 127.0.0.1 from {FIRST} to {last}")))
    }

    pub(crate) fn numbers(&self) -> &[u16] {
        &self.numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_ports_are_distinct_and_can_be_bound() {
        let ports = Ports::reserve(20).unwrap();
        for &port in ports.numbers() {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
        let distinct: std::collections::HashSet<_> = ports.numbers().iter().collect();
        assert_eq!(distinct.len(), 20);
    }

    #[test]
    fn a_port_is_free_again_when_its_cluster_has_ended() {
        let ports = Ports::reserve(1).unwrap();
        let path = base_dir().unwrap().join("ports").join(ports.numbers()[0].to_string());
        let other = File::open(&path).unwrap();
        assert!(other.try_lock().is_err());
        drop(ports);
        other.try_lock().unwrap();
    }
}

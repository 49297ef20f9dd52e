//! The brokers that a client asks first.

use std::fmt;
use std::net::Ipv6Addr;
use std::num::NonZeroU16;
use std::str::FromStr;

/// More than this many is a mistake, not a cluster.
const MAX_BROKERS: usize = 1000;
/// The longest DNS name (RFC 1035, section 2.3.4).
const MAX_HOST: usize = 255;

/// Names the brokers that a client asks first for all the others: `host:port,host:port`.
///
/// One that answers is enough. A host is a DNS name, an IPv4 address, or an IPv6 address in
/// brackets: `[2001:db8::1]:9092`. Spaces around the commas are passed over, repetitions too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bootstrap(Vec<Endpoint>);

/// A host and a port. The host has no brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Bootstrap {
    /// The brokers in the order in which they were named, at least one.
    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, endpoint) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{endpoint}")?;
        }
        Ok(())
    }
}

/// Tells which of the brokers of a bootstrap list is written wrong, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidBootstrap {
    position: usize,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Empty,
    TooMany,
    Host,
    Brackets,
    Port,
}

impl fmt::Display for InvalidBootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.position;
        match self.fault {
            Fault::Empty => f.write_str("the list of bootstrap servers is empty"),
            Fault::TooMany => write!(f, "more than {MAX_BROKERS} bootstrap servers"),
            Fault::Host => write!(f, "bootstrap server {position} has no valid host before its colon"),
            Fault::Brackets => write!(
                f,
                "bootstrap server {position} is not host:port; an IPv6 address is written [2001:db8::1]:9092"
            ),
            Fault::Port => {
                write!(f, "bootstrap server {position} has no port from 1 to 65535: write host:9092")
            }
        }
    }
}

impl std::error::Error for InvalidBootstrap {}

impl FromStr for Bootstrap {
    type Err = InvalidBootstrap;

    fn from_str(text: &str) -> Result<Self, InvalidBootstrap> {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        let named = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        for (index, part) in named.enumerate() {
            let position = index + 1;
            if position > MAX_BROKERS {
                return Err(InvalidBootstrap { position, fault: Fault::TooMany });
            }
            let endpoint = endpoint(part).map_err(|fault| InvalidBootstrap { position, fault })?;
            if !endpoints.contains(&endpoint) {
                endpoints.push(endpoint);
            }
        }
        if endpoints.is_empty() {
            return Err(InvalidBootstrap { position: 0, fault: Fault::Empty });
        }
        Ok(Self(endpoints))
    }
}

fn endpoint(text: &str) -> Result<Endpoint, Fault> {
    let (host, port) = text.rsplit_once(':').ok_or(Fault::Port)?;
    let port = decimal(port).ok_or(Fault::Port)?.get();
    let host = match host.strip_prefix('[') {
        Some(rest) => {
            let address = rest.strip_suffix(']').ok_or(Fault::Brackets)?;
            address.parse::<Ipv6Addr>().map_err(|_| Fault::Brackets)?;
            address
        }
        None if host.contains(':') => return Err(Fault::Brackets),
        None => host,
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    if !(1..=MAX_HOST).contains(&host.len()) || !host.bytes().all(allowed) {
        return Err(Fault::Host);
    }
    Ok(Endpoint { host: host.to_owned(), port })
}

/// `parse` alone would take a sign too.
fn decimal(port: &str) -> Option<NonZeroU16> {
    if port.bytes().all(|b| b.is_ascii_digit()) { port.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, Fault) {
        let error = text.parse::<Bootstrap>().unwrap_err();
        (error.position, error.fault)
    }

    #[test]
    fn reads_names_and_addresses() {
        let list: Bootstrap =
            "b1.example.org:9092, 10.0.0.1:9093 ,[2001:db8::1]:9094,,b1.example.org:9092".parse().unwrap();
        let hosts: Vec<_> = list.endpoints().iter().map(|e| (e.host.as_str(), e.port)).collect();
        assert_eq!(hosts, [("b1.example.org", 9092), ("10.0.0.1", 9093), ("2001:db8::1", 9094)]);
        assert_eq!(list.to_string(), "b1.example.org:9092,10.0.0.1:9093,[2001:db8::1]:9094");
        assert_eq!(list.to_string().parse(), Ok(list));
    }

    #[test]
    fn says_which_server_is_wrong_and_how() {
        assert_eq!(fault(""), (0, Fault::Empty));
        assert_eq!(fault(" , "), (0, Fault::Empty));
        assert_eq!(fault("a:1,b"), (2, Fault::Port));
        for port in ["a:", "a:0", "a:65536", "a:+1", "a:x", "a:99999999999999999999"] {
            assert_eq!(fault(port), (1, Fault::Port), "{port}");
        }
        for host in [":9092", "a b:1", "a/b:1", "ä:1", "user@host:1"] {
            assert_eq!(fault(host), (1, Fault::Host), "{host}");
        }
        for address in ["::1:9092", "[::1:9092", "[x]:1", "[]:1", "SASL_SSL://b1:9093"] {
            assert_eq!(fault(address), (1, Fault::Brackets), "{address}");
        }
    }

    #[test]
    fn refuses_a_list_without_end() {
        let many: Vec<_> = (1..=1001).map(|n| format!("b{n}:9092")).collect();
        assert_eq!(fault(&many.join(",")), (1001, Fault::TooMany));
        assert!(many[1..].join(",").parse::<Bootstrap>().is_ok());
    }
}

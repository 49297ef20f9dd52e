//! The address of a KDC as krb5.conf has it: `host`, `host:port`, `[IPv6]:port`.

use std::fmt;

/// The port of KDCs (RFC 4120 section 7.2.3).
const KDC_PORT: u16 = 88;

/// How a KDC can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP, and UDP for small requests if the configuration prefers it.
    TcpOrUdp,
    /// TCP only.
    Tcp,
    /// UDP only.
    Udp,
}

/// Where a KDC is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KdcAddress {
    /// The name of the host, or its IP address without brackets.
    pub host: String,
    /// The port. Default in krb5.conf: 88.
    pub port: u16,
    /// How it can be reached.
    pub transport: Transport,
}

/// Why a line of krb5.conf names no KDC that can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFault {
    /// There is no host.
    NoHost,
    /// What follows the colon is no port.
    Port,
    /// A `[` without its `]`, or something other than a port after it.
    Brackets,
    /// The KDC is behind an HTTPS proxy (MS-KKDCP).
    Proxy,
    /// The KDC listens on a Unix-domain socket.
    UnixSocket,
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHost => "names no host",
            Self::Port => "has no port from 1 to 65535 after the colon",
            Self::Brackets => "is no [IPv6 address] or [IPv6 address]:port",
            Self::Proxy => "is an HTTPS proxy, which is not supported",
            Self::UnixSocket => "is a Unix-domain socket, which is not supported",
        })
    }
}

impl std::error::Error for AddressFault {}

impl KdcAddress {
    /// Parses the value of a line `kdc`. As in MIT's library, what follows a blank is ignored; an
    /// IPv6 address needs brackets.
    ///
    /// # Errors
    /// Says why it names no KDC that can be asked.
    pub fn parse(value: &str) -> Result<Self, AddressFault> {
        let value = value.split([' ', '\t', '\r', '\n']).next().unwrap_or_default();
        if value.starts_with("https://") {
            return Err(AddressFault::Proxy);
        }
        if value.starts_with('/') {
            return Err(AddressFault::UnixSocket);
        }
        let (host, port) = match value.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((host, "")) => (host, None),
                Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or(AddressFault::Brackets)?)),
                None => return Err(AddressFault::Brackets),
            },
            None => match value.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (value, None),
            },
        };
        // A number alone is a port of no host.
        if host.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AddressFault::NoHost);
        }
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(AddressFault::Port)?,
            None => KDC_PORT,
        };
        Ok(Self { host: host.to_owned(), port, transport: Transport::TcpOrUdp })
    }
}

impl fmt::Display for KdcAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

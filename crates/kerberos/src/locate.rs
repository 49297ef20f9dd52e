//! Finds the KDCs of a realm: those that krb5.conf lists, else those that DNS lists.
//!
//! ```text
//! [realms] kdc, then primary_kdc ──► any usable? ──► done
//!                                         └─ no, and dns_lookup_kdc ──► SRV _kerberos._tcp, then _udp
//! ```
//! It asks no DNS server itself: whoever calls brings a [`ResolveSrv`], such as `client::SystemDns`
//! (feature `dns`).

mod address;
#[cfg(feature = "dns")]
mod dns_message;
mod srv;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;

pub use self::address::{AddressFault, KdcAddress, Transport};
#[cfg(feature = "dns")]
pub use self::dns_message::{DnsFault, srv_query, srv_reply};
pub use self::srv::{Srv, order};
use crate::conf::Krb5Conf;
use crate::principal::Realm;

/// The future of a lookup of SRV records.
pub type SrvFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<Srv>>> + Send + 'a>>;

/// Asks DNS for SRV records.
pub trait ResolveSrv: Send + Sync {
    /// Looks up the records of a name that is complete and ends with a dot. That there are none is
    /// an empty list, not an error.
    fn srv<'a>(&'a self, name: &'a str) -> SrvFuture<'a>;
}

/// A line of krb5.conf that names no KDC that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The value of the line.
    pub value: String,
    /// Why.
    pub fault: AddressFault,
}

/// The KDCs that krb5.conf lists for a realm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configured {
    /// In the order to ask them: the lines `kdc`, then `primary_kdc`, each address once.
    pub kdcs: Vec<KdcAddress>,
    /// The lines that name no KDC that can be asked.
    pub unusable: Vec<Unusable>,
}

impl Configured {
    /// Reads the lines of `realm`.
    pub fn new(conf: &Krb5Conf, realm: &Realm) -> Self {
        let mut found = Self::default();
        for value in conf.kdcs(realm).into_iter().chain(conf.primary_kdcs(realm)) {
            match KdcAddress::parse(value) {
                Ok(kdc) if found.kdcs.contains(&kdc) => {}
                Ok(kdc) => found.kdcs.push(kdc),
                Err(fault) => {
                    let unusable = Unusable { value: value.to_owned(), fault };
                    if !found.unusable.contains(&unusable) {
                        found.unusable.push(unusable);
                    }
                }
            }
        }
        found
    }
}

/// What DNS had to say about a realm without KDCs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dns {
    /// It was not asked: `dns_lookup_kdc` is off, there is no resolver, or the realm is no name of
    /// DNS.
    NotAsked,
    /// It has no records.
    NoRecords,
    /// The lookup failed.
    Failed(io::ErrorKind),
}

/// A realm has no KDC that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoKdc {
    /// The realm.
    pub realm: Realm,
    /// The lines of krb5.conf that name no KDC that can be asked.
    pub unusable: Vec<Unusable>,
    /// What DNS had to say.
    pub dns: Dns,
}

impl fmt::Display for NoKdc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no KDC for realm {}: ", self.realm)?;
        if self.unusable.is_empty() {
            f.write_str("krb5.conf lists none")?;
        }
        for (index, Unusable { value, fault }) in self.unusable.iter().enumerate() {
            write!(f, "{}{value:?} {fault}", if index > 0 { ", " } else { "" })?;
        }
        match self.dns {
            Dns::NotAsked => f.write_str("; DNS was not asked"),
            Dns::NoRecords => f.write_str("; DNS has no SRV records"),
            Dns::Failed(kind) => write!(f, "; DNS could not be asked: {kind}"),
        }
    }
}

impl std::error::Error for NoKdc {}

/// Finds the KDCs of `realm`, in the order to ask them. `random` gives the numbers by which the
/// weights of SRV records choose.
///
/// # Errors
/// There is none; the error says where was looked.
///
/// # Cancel safety
/// Nothing is lost: a lookup leaves no trace.
pub async fn kdcs(
    conf: &Krb5Conf,
    realm: &Realm,
    resolver: Option<&dyn ResolveSrv>,
    mut random: impl FnMut() -> u32,
) -> Result<Vec<KdcAddress>, NoKdc> {
    let Configured { kdcs, unusable } = Configured::new(conf, realm);
    if !kdcs.is_empty() {
        return Ok(kdcs);
    }
    let (mut found, mut dns) = (Vec::new(), Dns::NotAsked);
    if let Some(resolver) = resolver.filter(|_| conf.libdefaults.dns_lookup_kdc) {
        for (transport, name) in srv::names(realm).into_iter().flatten() {
            match resolver.srv(&name).await {
                Ok(records) => found.extend(srv::addresses(order(records, &mut random), transport)),
                Err(error) => dns = Dns::Failed(error.kind()),
            }
            if dns == Dns::NotAsked {
                dns = Dns::NoRecords;
            }
        }
    }
    if found.is_empty() { Err(NoKdc { realm: realm.clone(), unusable, dns }) } else { Ok(found) }
}

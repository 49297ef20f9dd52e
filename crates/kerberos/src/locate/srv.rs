//! SRV records of KDCs: under which names they are, and in which order to use them (RFC 2782,
//! RFC 4120 section 7.2.3).

use super::{KdcAddress, Transport};
use crate::principal::Realm;

/// A SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// Records with a lower number come first.
    pub priority: u16,
    /// How often the record comes first among those of its priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; a final dot does not matter, and `.` alone says that there is no such service.
    pub target: String,
}

/// The names to look up, TCP first; none if the realm is no name of DNS.
pub(super) fn names(realm: &Realm) -> Option<[(Transport, String); 2]> {
    let realm = realm.as_str().strip_suffix('.').unwrap_or(realm.as_str());
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let fits = realm.len() + "_kerberos._tcp..".len() <= 254 && realm.split('.').all(is_label);
    // The final dot keeps search domains away.
    let name = |protocol| format!("_kerberos.{protocol}.{realm}.");
    fits.then(|| [(Transport::Tcp, name("_tcp")), (Transport::Udp, name("_udp"))])
}

/// Orders records as RFC 2782 asks: by priority, and by lot among those of one priority, where each
/// draw takes one number from `random`.
pub fn order(mut records: Vec<Srv>, mut random: impl FnMut() -> u32) -> Vec<Srv> {
    // "Place all those with weight 0 at the beginning of the list."
    records.sort_by_key(|record| (record.priority, record.weight > 0));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let weights =
            || records.iter().take_while(|record| record.priority == priority).map(|r| u64::from(r.weight));
        let draw = u64::from(random()) % (weights().sum::<u64>() + 1);
        let mut running = 0;
        let chosen = weights().position(|weight| {
            running += weight;
            running >= draw
        });
        ordered.push(records.remove(chosen.unwrap_or(0)));
    }
    ordered
}

pub(super) fn addresses(records: Vec<Srv>, transport: Transport) -> impl Iterator<Item = KdcAddress> {
    records.into_iter().filter_map(move |record| {
        let host = record.target.strip_suffix('.').unwrap_or(&record.target);
        (!host.is_empty() && record.port > 0).then(|| KdcAddress {
            host: host.to_owned(),
            port: record.port,
            transport,
        })
    })
}

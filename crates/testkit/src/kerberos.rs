//! Kerberos on a cluster's SASL listeners: which service a broker is, and whom a client becomes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::acceptor::{AcceptError, Acceptor, Login};
use crate::clock::Now;
use crate::kdc::{Kdc, Shared};
use crate::state::Node;
use crate::{BrokerId, Error, Principal};

/// The KDC that a cluster's services have their keys from.
#[derive(Clone, Debug)]
pub(crate) struct Gssapi {
    kdc: Arc<Shared>,
    realm: String,
}

/// What a broker accepts logins with.
#[derive(Debug)]
pub(crate) struct BrokerAcceptor {
    acceptor: Acceptor,
    source: Gssapi,
    service: String,
}

impl Gssapi {
    pub(crate) fn new(kdc: &Kdc, realm: String) -> Self {
        Self { kdc: Arc::clone(&kdc.shared), realm }
    }

    /// Makes the services of all brokers known, and gives them their keys.
    pub(crate) fn acceptors(
        &self,
        nodes: &BTreeMap<BrokerId, Node>,
    ) -> Result<BTreeMap<BrokerId, BrokerAcceptor>, Error> {
        let mut acceptors = BTreeMap::new();
        for (&broker, node) in nodes {
            let Some((host, _)) = node.addresses.values().next() else { continue };
            let service = format!("kafka/{host}@{}", self.realm);
            let acceptor = Acceptor::of(self.kdc.service_keytab(&service).map_err(Error::Kdc)?);
            acceptors.insert(broker, BrokerAcceptor { acceptor, source: self.clone(), service });
        }
        Ok(acceptors)
    }
}

impl BrokerAcceptor {
    /// Takes the first token of a client; gives the first challenge.
    pub(crate) fn accept(&mut self, token: &[u8], now: Now) -> Result<(Vec<u8>, Login), AcceptError> {
        let since = Duration::from_millis(u64::try_from(now.millis).unwrap_or(0));
        self.acceptor.accept(token, SystemTime::UNIX_EPOCH + since)
    }

    /// Fetches the newest keys, and forgets the old ones.
    pub(crate) fn reload(&mut self) -> Result<(), Error> {
        let keytab = self.source.kdc.service_keytab(&self.service).map_err(Error::Kdc)?;
        self.acceptor = Acceptor::of(keytab);
        Ok(())
    }

    /// Kafka's default rule: the first part of a principal of the brokers' own realm.
    pub(crate) fn user(&self, client: &str) -> Option<Principal> {
        let (name, realm) = client.rsplit_once('@')?;
        let first = name.split('/').next()?;
        (realm == self.source.realm).then(|| Principal::user(first))
    }
}

//! The logins of a proof that run at the same time.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};

use crate::cluster::probe::{Accepted, Probe};
use crate::cluster::topology::Address;
use crate::error::{Error, ErrorKind};

/// Logins with one token, at most one at each address. Dropped, they end.
#[derive(Debug)]
pub(super) struct Logins {
    probe: Probe,
    running: JoinSet<Result<Accepted, Error>>,
    addresses: HashMap<Id, Address>,
}

impl Logins {
    pub(super) fn new(probe: Probe) -> Self {
        Self { probe, running: JoinSet::new(), addresses: HashMap::new() }
    }

    /// How many run.
    pub(super) fn count(&self) -> usize {
        self.addresses.len()
    }

    /// Begins one, which asks for the list of brokers if that is wished.
    pub(super) fn begin(&mut self, address: Address, with_brokers: bool) {
        let (probe, at) = (self.probe.clone(), address.clone());
        let login = self.running.spawn(async move { probe.log_in(&at, with_brokers).await });
        self.addresses.insert(login.id(), address);
    }

    /// Waits for the next one that ends; nothing if none runs. One that panics, as a connector of the
    /// application's may, ends like one at a broker that cannot be reached.
    ///
    /// # Cancel safety
    /// A dropped call loses nothing.
    pub(super) async fn next(&mut self) -> Option<(Address, Result<Accepted, Error>)> {
        loop {
            let ended = self.running.join_next_with_id().await?;
            let (id, login) = match ended {
                Ok((id, login)) => (id, login),
                Err(error) => {
                    (error.id(), Err(Error::because(ErrorKind::Connect, "a login panicked").caused_by(error)))
                }
            };
            if let Some(address) = self.addresses.remove(&id) {
                let at = address.to_string();
                return Some((address, login.map_err(|error| error.at_broker(&at))));
            }
        }
    }
}

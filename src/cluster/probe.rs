//! One login at one broker, to see what becomes of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::Config;
use super::topology::Address;
use crate::conn::counters::Counters;
use crate::conn::dial::Dialler;
use crate::conn::handle::Damage;
use crate::error::Error;
use crate::wire::codec::Request;
use crate::wire::codec::metadata::MetadataRequest;

/// How long the list of brokers may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Logs in with one credential at any address, once for each call, and closes the connection.
/// Clones share what hashing has cost.
#[derive(Clone, Debug)]
pub(crate) struct Probe(Arc<Dialler>);

/// A login that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// When its session ends, if it does.
    pub(crate) session_end: Option<Instant>,
    /// All brokers of the cluster, on the same listener, if they were asked for.
    pub(crate) brokers: Vec<Address>,
}

impl Probe {
    pub(crate) fn new(config: &Config) -> Self {
        let mut dialler = config.dialler();
        dialler.counters = Arc::new(Counters::of_proofs());
        Self(Arc::new(dialler))
    }

    /// Logs in at `address`, and asks for the addresses of all brokers if that is wished.
    ///
    /// # Cancel safety
    /// A dropped call leaves no connection behind.
    pub(crate) async fn log_in(&self, address: &Address, with_brokers: bool) -> Result<Accepted, Error> {
        let at = address.to_string();
        let dialled = self.0.dial(&address.host, address.port, &Damage::default()).await;
        let connection = dialled.map_err(|error| Error::dial(error).at_broker(&at))?;
        let session_end = connection.first_session_end();
        if !with_brokers {
            return Ok(Accepted { session_end, brokers: Vec::new() });
        }
        let request = MetadataRequest { topics: Some(Vec::new()) };
        let response = connection.call(&request, ANSWER).await;
        let response = response
            .map_err(|failure| Error::request(failure).in_api(MetadataRequest::API).at_broker(&at))?;
        let brokers = response.brokers.into_iter();
        let brokers = brokers.map(|broker| Address { host: broker.host.into(), port: broker.port }).collect();
        Ok(Accepted { session_end, brokers })
    }
}

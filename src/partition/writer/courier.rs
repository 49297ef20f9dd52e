//! The task that carries requests to one broker, in their order, and reports the answers.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::request::Item;
use crate::cluster::topology::Address;
use crate::conn::handle::Connection;
use crate::error::Error;
use crate::ids::BrokerId;
use crate::wire::api::ApiKey;
use crate::wire::codec::produce::{ProduceRequest, ProduceResponse};

/// A request to carry, and the connection for it: nothing waits here for a dial.
pub(super) struct Order {
    pub(super) items: Vec<Item>,
    pub(super) request: ProduceRequest,
    pub(super) address: Address,
    pub(super) connection: Connection,
}

/// What became of it.
pub(super) struct Report {
    pub(super) broker: BrokerId,
    pub(super) address: Box<str>,
    pub(super) items: Vec<Item>,
    pub(super) result: Result<ProduceResponse, Error>,
}

pub(super) struct Courier {
    pub(super) timeout: Duration,
    pub(super) broker: BrokerId,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    pub(super) reports: mpsc::UnboundedSender<Report>,
}

impl Courier {
    pub(super) async fn run(mut self) {
        let mut awaited = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(_) = awaited.join_next() => {}
                order = self.orders.recv() => match order {
                    Some(order) => self.carry(order, &mut awaited).await,
                    None => break,
                },
            }
        }
        while awaited.join_next().await.is_some() {}
    }

    /// Hands a request to the connection. Its answer is awaited beside those of others.
    async fn carry(&self, order: Order, awaited: &mut JoinSet<()>) {
        let Order { items, request, address, connection } = order;
        let (broker, reports) = (self.broker, self.reports.clone());
        let address = address.to_string();
        let started = connection.start(&request, self.timeout).await;
        drop(request);
        awaited.spawn(async move {
            let answered = match started {
                Ok(pending) => pending.response().await,
                Err(failure) => Err(failure),
            };
            let result = answered
                .map_err(|failure| Error::request(failure).in_api(ApiKey::Produce).at_broker(&address));
            let _ = reports.send(Report { broker, address: address.into(), items, result });
        });
    }
}

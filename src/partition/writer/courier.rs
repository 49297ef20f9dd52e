//! The task that carries requests to one broker, in their order, and reports the answers.

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::request::Item;
use crate::cluster::client::Cluster;
use crate::cluster::pool::Purpose;
use crate::error::Error;
use crate::ids::BrokerId;
use crate::wire::api::ApiKey;
use crate::wire::codec::produce::{ProduceRequest, ProduceResponse};

/// A request to carry.
pub(super) struct Order {
    pub(super) items: Vec<Item>,
    pub(super) request: ProduceRequest,
}

/// What became of it.
pub(super) struct Report {
    pub(super) broker: BrokerId,
    pub(super) address: Option<Box<str>>,
    pub(super) items: Vec<Item>,
    pub(super) result: Result<ProduceResponse, Error>,
}

pub(super) struct Courier {
    pub(super) cluster: Cluster,
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
        let Order { items, request } = order;
        let (broker, reports) = (self.broker, self.reports.clone());
        let (address, connection) = match self.cluster.connection(broker, Purpose::Write).await {
            Ok(found) => found,
            Err(error) => {
                let _ = reports.send(Report { broker, address: None, items, result: Err(error) });
                return;
            }
        };
        let address = address.to_string();
        let started = connection.start(&request, self.cluster.config().request_timeout()).await;
        drop(request);
        awaited.spawn(async move {
            let answered = match started {
                Ok(pending) => pending.response().await,
                Err(failure) => Err(failure),
            };
            let result = answered
                .map_err(|failure| Error::request(failure).in_api(ApiKey::Produce).at_broker(&address));
            let _ = reports.send(Report { broker, address: Some(address.into()), items, result });
        });
    }
}

//! What is done beside sending: new pictures of the cluster, and the producer's id.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Dispatcher, Leader, MOST_PAUSE};
use crate::cluster::client::Cluster;
use crate::error::{Class, Error, class};
use crate::partition::writer::accumulator::Sleep;
use crate::partition::writer::outbox::Producer;
use crate::wire::codec::Request;
use crate::wire::codec::init_producer_id::InitProducerIdRequest;
use crate::wire::error_code::ErrorCode;

/// So many looks at the cluster that bring nothing follow each other soon, some twenty seconds of them.
const PROMPT_REFRESHES: u32 = 20;

/// One that has ended.
pub(super) enum Errand {
    Refreshed(Result<(), Error>),
    Producer(Result<Producer, Error>),
}

impl Dispatcher {
    /// Starts what is to be done beside sending, and says when to look again.
    pub(super) fn start_errands_and_sleep(&mut self, now: Instant) -> Option<Instant> {
        let shared = Arc::clone(&self.shared);
        let mut accumulator = shared.lock();
        let busy = !accumulator.is_empty();
        if self.producer.is_none() && !self.asking && busy && !self.ended {
            self.asking = true;
            let cluster = self.cluster.clone();
            self.errands.spawn(async move { Errand::Producer(new_producer(&cluster).await) });
        }
        if self.refresh_wanted && !self.refreshing && busy {
            (self.refreshing, self.refresh_wanted) = (true, false);
            let (cluster, seen) = (self.cluster.clone(), self.generation);
            let pause = match self.refresh_failures {
                0 => Duration::ZERO,
                // A new leader is to be found soon, where there is one to find.
                failures @ ..=PROMPT_REFRESHES => cluster.pause(failures),
                failures => cluster.long_pause(failures, MOST_PAUSE),
            };
            self.errands.spawn(async move {
                tokio::time::sleep(pause).await;
                Errand::Refreshed(cluster.refresh(seen).await)
            });
        }
        let linger = accumulator.next_due();
        let full = self.leaders.values().any(Leader::has_room) || self.leaders.is_empty();
        let held = accumulator.ready().map(|(_, batch)| batch.opened + shared.options.linger);
        let pauses = self
            .again
            .iter()
            .filter_map(|place| self.outboxes.get(place.topic)?.get(place.partition)?.not_before());
        let tick = busy.then_some(self.next_tick);
        let soon = held.chain(pauses).filter(|then| *then > now);
        let until = linger.into_iter().chain(soon).chain(tick).min();
        accumulator.sleep(Sleep::Until { then: until, full });
        until
    }

    pub(super) fn handle_errand(&mut self, errand: Errand) {
        match errand {
            Errand::Refreshed(outcome) => {
                self.refreshing = false;
                let leaders_missing = self
                    .outboxes
                    .iter()
                    .flatten()
                    .any(|outbox| outbox.leader().is_none() && !outbox.is_idle());
                // Who asks again at once for what nobody knows yet would spin.
                self.refresh_failures = match outcome.is_ok() && !leaders_missing && self.again.is_empty() {
                    true => 0,
                    false => self.refresh_failures.saturating_add(1),
                };
                if let Err(error) = outcome {
                    tracing::debug!(%error, "no new picture of the cluster");
                    self.refresh_wanted = true;
                }
            }
            Errand::Producer(Ok(producer)) => {
                self.asking = false;
                self.producer = Some(producer);
                let outboxes = self.outboxes.iter_mut().flatten();
                outboxes.filter(|outbox| outbox.producer.is_none()).for_each(|o| o.producer = Some(producer));
            }
            Errand::Producer(Err(error)) => {
                self.asking = false;
                self.end(error);
            }
        }
    }
}

/// Asks for an id until there is one, or there can be none. A cluster that was just started loads
/// what it needs for that.
async fn new_producer(cluster: &Cluster) -> Result<Producer, Error> {
    let mut failures = 0;
    loop {
        let outcome = match cluster.call_any(&InitProducerIdRequest).await {
            Ok(response) => match response.error {
                ErrorCode::NONE => {
                    return Ok(Producer { id: response.producer_id, epoch: response.producer_epoch });
                }
                code => (Error::broker(code).in_api(InitProducerIdRequest::API), comes_later(code)),
            },
            Err(error) => (error, false),
        };
        let (error, later) = outcome;
        if !later && class(&error) == Class::Stop {
            return Err(error);
        }
        failures += 1;
        tracing::debug!(%error, "no producer id yet");
        tokio::time::sleep(cluster.long_pause(failures, MOST_PAUSE)).await;
    }
}

fn comes_later(code: ErrorCode) -> bool {
    let codes = [
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::NOT_COORDINATOR,
    ];
    codes.contains(&code)
}

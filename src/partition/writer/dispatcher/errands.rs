//! What is done beside sending: new pictures of the cluster, and the producer's id.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Dispatcher, Leader, MOST_PAUSE};
use crate::cluster::client::Cluster;
use crate::cluster::silence::{LOOK_PAUSE, PROMPT_LOOKS};
use crate::error::{Class, Error, class};
use crate::ids::BrokerId;
use crate::partition::writer::accumulator::Sleep;
use crate::partition::writer::looks::Trouble;
use crate::partition::writer::outbox::Producer;
use crate::time;
use crate::wire::codec::Request;
use crate::wire::codec::init_producer_id::InitProducerIdRequest;
use crate::wire::error_code::ErrorCode;

/// One that has ended.
pub(super) enum Errand {
    Refreshed(Result<(), Error>),
    Producer(Result<Producer, (Error, bool)>),
    Dialled(BrokerId, Result<(), Error>),
}

impl Dispatcher {
    /// Starts what is to be done beside sending, and says when to look again.
    pub(super) fn start_errands_and_sleep(&mut self, now: Instant) -> Option<Instant> {
        let shared = Arc::clone(&self.shared);
        let mut accumulator = shared.lock();
        let busy = !accumulator.is_empty();
        if !busy {
            // No tick comes until there is something to write.
            self.stall.poll(now, false);
        }
        if self.producer.is_none() && !self.asking && busy && !self.ended {
            self.asking = true;
            let cluster = self.cluster.clone();
            let pause = match self.asking_failures {
                0 => Duration::ZERO,
                failures => cluster.long_pause(failures, MOST_PAUSE),
            };
            self.errands.spawn(async move {
                tokio::time::sleep(pause).await;
                Errand::Producer(new_producer(&cluster).await)
            });
        }
        let look = if busy { self.look(now) } else { None };
        let linger = accumulator.next_due();
        let full = self.leaders.values().any(Leader::has_room) || self.leaders.is_empty();
        let held = accumulator.ready().map(|(_, batch)| batch.opened + shared.options.linger);
        let pauses = self
            .again
            .iter()
            .filter_map(|place| self.outboxes.get(place.topic)?.get(place.partition)?.not_before());
        let tick = busy.then_some(self.next_tick);
        let dials = self.leaders.values().filter_map(Leader::dials_at);
        let soon = held.chain(pauses).chain(dials).chain(look).filter(|then| *then > now);
        let until = linger.into_iter().chain(soon).chain(tick).min();
        accumulator.sleep(Sleep::Until { then: until, full });
        until
    }

    /// Has it looked up who leads what, if that is wanted and it is time; gives when that is otherwise.
    fn look(&mut self, now: Instant) -> Option<Instant> {
        if !self.refresh_wanted || self.refreshing {
            return None;
        }
        // Who looks meanwhile looks for this writer too.
        let seen = *self.refresh_seen.get_or_insert(self.generation);
        let pause = if self.looks.is_prompt(now) { self.prompt_pause } else { self.seldom_pause };
        let due = self.refreshed + pause;
        if due > now {
            return Some(due);
        }
        (self.refreshing, self.refresh_wanted, self.refresh_seen) = (true, false, None);
        let cluster = self.cluster.clone();
        self.errands.spawn(async move { Errand::Refreshed(cluster.refresh(seen).await) });
        None
    }

    fn handle_look(&mut self, outcome: Result<(), Error>) {
        let now = time::now();
        (self.refreshing, self.refreshed) = (false, now);
        match outcome {
            Ok(()) => self.looks.on_success(Trouble::Cluster),
            Err(error) => {
                tracing::debug!(%error, "no new picture of the cluster");
                self.refresh_wanted = true;
                self.trouble = Some(error);
                self.looks.on_trouble(Trouble::Cluster, now);
            }
        }
        // Who asks again at once for what nobody knows yet would spin.
        let row = self.looks.on_look(now);
        // A new leader is to be found soon, where there is one to find.
        self.prompt_pause = self.cluster.pause(row).min(LOOK_PAUSE);
        self.seldom_pause = self.cluster.long_pause(PROMPT_LOOKS, MOST_PAUSE);
    }

    pub(super) fn handle_errand(&mut self, errand: Errand) {
        match errand {
            Errand::Refreshed(outcome) => self.handle_look(outcome),
            Errand::Producer(Ok(producer)) => {
                (self.asking, self.asking_failures) = (false, 0);
                self.producer = Some(producer);
                let outboxes = self.outboxes.iter_mut().flatten();
                outboxes.filter(|outbox| outbox.producer.is_none()).for_each(|o| o.producer = Some(producer));
            }
            Errand::Dialled(broker, dialled) => self.handle_dialled(broker, dialled),
            Errand::Producer(Err((error, comes_later))) => {
                self.asking = false;
                if !comes_later {
                    return self.end(error);
                }
                tracing::debug!(%error, "no producer id yet");
                self.asking_failures = self.asking_failures.saturating_add(1);
                self.trouble = Some(error);
            }
        }
    }
}

/// Asks for a producer's id; a failure says whether one may come later. A cluster that was just started loads what
/// it needs for that.
async fn new_producer(cluster: &Cluster) -> Result<Producer, (Error, bool)> {
    match cluster.call_any(&InitProducerIdRequest).await {
        Ok(response) => match response.error {
            ErrorCode::NONE => Ok(Producer { id: response.producer_id, epoch: response.producer_epoch }),
            code => {
                let error = Error::broker(code).in_api(InitProducerIdRequest::API);
                let later = comes_later(code) || class(&error) != Class::Stop;
                Err((error, later))
            }
        },
        Err(error) => {
            let later = class(&error) != Class::Stop;
            Err((error, later))
        }
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

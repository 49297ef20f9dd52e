//! What is taken over from a new picture of the cluster: topics, how many partitions they have, and who leads these.

use std::sync::Arc;

use super::Dispatcher;
use super::identity::{Identity, Told};
use crate::cluster::topology::Topology;
use crate::error::Error;
use crate::ids::{TopicId, TopicPartition};
use crate::partition::writer::batch::Place;
use crate::partition::writer::looks::Trouble;
use crate::partition::writer::outbox::{Outbox, Resolved};
use crate::time;
use crate::wire::codec::metadata::is_whole;
use crate::wire::error_code::ErrorCode;

impl Dispatcher {
    /// Takes over new topics and partitions, and who leads them, when there is a new picture.
    pub(super) fn follow_topology(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut accumulator = shared.lock();
        let oldest = time::now().checked_sub(self.cluster.config().metadata_max_age());
        let (generation, is_old) = self.cluster.topology(|topology| {
            (topology.generation(), oldest.is_some_and(|oldest| topology.is_older_than(oldest)))
        });
        // Partitions that were added are found so.
        self.refresh_wanted |= is_old;
        if generation == self.generation && self.outboxes.len() == accumulator.topics().len() {
            return;
        }
        self.generation = generation;
        let names: Vec<_> = accumulator.topics().iter().map(|topic| Arc::clone(&topic.name)).collect();
        let new = names.get(self.outboxes.len()..).filter(|new| !new.is_empty());
        self.held.extend(new.map(|new| self.cluster.hold(new)));
        self.outboxes.resize_with(names.len(), Vec::new);
        self.identities.resize_with(names.len(), Identity::default);
        let (now, mut resolved, mut doubtful) = (time::now(), Vec::new(), false);
        let late = now.checked_sub(self.shared.options.delivery_timeout);
        self.cluster.topology(|topology| {
            let states = self.outboxes.iter_mut().zip(&mut self.identities);
            for (topic, (name, (outboxes, identity))) in names.iter().zip(states).enumerate() {
                let (id, known) = told(topology, name);
                let told = identity.take(id, generation);
                if told == Told::Doubtful {
                    doubtful = true;
                    self.looks.on_trouble(Trouble::Topic(topic), now);
                    continue;
                }
                self.looks.on_success(Trouble::Topic(topic));
                let is_anew = told == Told::Anew;
                // An answer that tells fewer partitions of the same topic lags.
                let is_sure = is_anew || (outboxes.is_empty() && id.is_some());
                let count = if is_sure { known } else { known.max(accumulator.partitions(topic)) };
                if is_anew {
                    tracing::warn!(topic = &**name, "the topic was made anew: what waits for it goes there");
                    outboxes.iter_mut().for_each(Outbox::begin_log);
                }
                outboxes.resize_with(count.max(outboxes.len()), || Outbox::new(self.producer));
                let mut led = Vec::new();
                for (partition, outbox) in outboxes.iter_mut().enumerate() {
                    let number = i32::try_from(partition).unwrap_or(i32::MAX);
                    let leader = topology.leader(&TopicPartition::new(Arc::clone(name), number));
                    let moved = outbox.follow_leader(leader.map(|leader| leader.broker), now);
                    resolved.extend(moved);
                    if partition >= count {
                        resolved.extend(outbox.end_log(&gone(count)));
                    }
                    // What the old leader did not answer may be too late for the new one.
                    resolved.extend(late.map(|oldest| outbox.expire(oldest)).unwrap_or_default());
                    if outbox.waiting().is_some() {
                        self.again.insert(Place { topic, partition });
                    }
                    led.extend(leader.map(|_| partition));
                }
                let stranded = accumulator.set_partitions(topic, count, led).into_iter();
                resolved.extend(stranded.map(|batch| Resolved { batch, outcome: Err(gone(count)) }));
            }
        });
        drop(accumulator);
        self.refresh_wanted |= doubtful;
        self.resolve_all(resolved);
    }
}

/// The id of a topic and how many partitions it has. One is believed with the other only.
fn told(topology: &Topology, name: &str) -> (Option<TopicId>, usize) {
    let known = topology.partitions(name).ok().filter(|partitions| is_whole(partitions));
    let known = known.map_or(0, |partitions| partitions.len());
    (topology.topic_id(name).filter(|_| known > 0), known)
}

/// Why what waits for a partition fails.
fn gone(count: usize) -> Error {
    let text = format!(
        "the topic was made anew with {count} partitions, and this one is not among them: send the record again"
    );
    Error::broker(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION).with_detail(text).not_written()
}

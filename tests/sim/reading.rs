//! A task that reads ranges, and holds what it gets against the oracle.

use std::ops::Range;
use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::partition::LossReason;
use ottla::{
    Chunk, Cluster, Decoder, Error, ErrorKind, IsolationLevel, OffsetRange, OnDataLoss, ReadOptions, Reader,
};
use tokio::time::sleep;

use super::follow::{Follow, Gone};
use super::kind::Kind;
use super::laws::{Law, now};
use super::manners::{Patience, limited};
use super::oracle::text;
use super::schedule::{DEADLINE, Place};
use super::tasks::Reading;
use super::world::World;

/// How a reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ReadingEnd {
    /// Every range was read to its end.
    Whole,
    /// An open range was read as far as the log goes, after the world healed.
    Open,
    Lost,
    /// It began beyond the end of a log that was cut or made anew.
    Beyond,
    Excused,
    /// It may not read: no end, it begins again later.
    Denied,
    Broken,
}

fn gone(reason: LossReason) -> Gone {
    match reason {
        LossReason::Truncated => Gone::Truncated,
        LossReason::Recreated => Gone::Recreated,
        _ => Gone::Deleted,
    }
}

/// Whether it is the refusal of who lacks an ACL.
pub(crate) fn is_denied(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Broker(code) if code.code() == 29)
}

/// How often it is looked whether there is something to read by now.
const LOOK: Duration = Duration::from_secs(10);

/// For so long after a call the application counts as asking.
const GRACE: Duration = Duration::from_secs(1);

/// What was fetched may have been given that much later, by the clock of asking.
const QUEUED: Duration = Duration::from_secs(10);

struct Task {
    world: World,
    reading: Reading,
    name: String,
    follows: Vec<Follow>,
    losses: usize,
    /// For how long the application has asked.
    asked: Duration,
    /// When its present reader was made.
    reads_since: Duration,
    decoder: Decoder,
}

/// Reads as the plan says, to the end.
pub(crate) async fn read(world: World, reading: Reading, number: usize) -> ReadingEnd {
    let task = Task {
        follows: Vec::new(),
        name: format!("reader {number}"),
        losses: 0,
        asked: Duration::ZERO,
        reads_since: Duration::ZERO,
        decoder: Decoder::new(),
        reading,
        world,
    };
    task.run().await
}

impl Task {
    async fn run(mut self) -> ReadingEnd {
        sleep(self.reading.start).await;
        let follow =
            |range: &(Place, i64, i64)| Follow::new(&mut self.world.oracle(), *range, self.reading.committed);
        self.follows = self.reading.ranges.iter().map(follow).collect();
        let client = loop {
            let began = self.world.notes.passed();
            let (limit, heals) = (self.world.plan.ends(DEADLINE), self.world.plan.heals());
            match limited(&self.world.notes, "connect", limit, heals, self.world.client()).await {
                Ok(client) => break client,
                Err(error) if self.world.notes.is_excused(began, DEADLINE) => {
                    self.note(&format!("connect: {error}"));
                }
                Err(error) => return self.broken(Law::Reading, format!("connect: {error:?}")),
            }
        };
        if self.reading.ranges.iter().any(|(.., until)| *until > self.world.plan.initial) {
            self.world.strikes(Kind::RecordsAwaited);
        }
        let first = self.reading.ranges[0].0;
        if self.reading.ranges.iter().any(|range| range.0.topic != first.topic) {
            self.world.strikes(Kind::TopicsRead);
        }
        let is_piece = |pair: &[(Place, i64, i64)]| pair[0].0 == pair[1].0;
        if self.reading.ranges.windows(2).any(is_piece) {
            self.world.strikes(Kind::ReadInPieces);
        }
        self.reads_since = self.world.notes.passed();
        let mut reader = client.read(self.ranges(), self.options());
        let mut patience = Patience::new(&self.reading.manners, &self.world);
        loop {
            if self.world.notes.is_broken() {
                return ReadingEnd::Broken;
            }
            if self.world.is_healed() && self.has_read_all_there_is() {
                return ReadingEnd::Open;
            }
            match self.step(&mut reader, &mut patience).await {
                None => {}
                Some(ReadingEnd::Denied) => {
                    self.world.strikes(Kind::DenialHeard);
                    sleep(Duration::from_secs(1)).await;
                    reader = self.begin_again(&client);
                }
                Some(end) => return end,
            }
            if self.reading.dropped_one_in > 0 && patience.dice().one_in(self.reading.dropped_one_in) {
                self.world.strikes(Kind::ReaderDropped);
                drop(reader);
                reader = self.begin_again(&client);
            }
            if !self.world.is_healed() {
                let began = now();
                patience.pause().await;
                self.asked += (now() - began).min(GRACE);
            }
        }
    }

    /// Another reader goes on.
    fn begin_again(&mut self, client: &Cluster) -> Reader {
        self.note("another reader goes on");
        self.reads_since = self.world.notes.passed();
        self.losses = 0;
        let mut oracle = self.world.oracle();
        self.follows.iter_mut().for_each(|follow| *follow = follow.again(&mut oracle));
        drop(oracle);
        let heard = (self.asked, self.reads_since);
        self.follows.iter_mut().for_each(|follow| follow.heard = heard);
        client.read(self.ranges(), self.options())
    }

    /// What is left to read.
    fn ranges(&self) -> Vec<OffsetRange> {
        let range = |follow: &Follow| {
            let place = TopicPartition::new(follow.place.topic, follow.place.partition);
            OffsetRange::new(place, follow.next, follow.until)
        };
        self.follows.iter().filter(|follow| !follow.is_finished()).map(range).collect()
    }

    fn options(&self) -> ReadOptions {
        let isolation = if self.reading.committed {
            IsolationLevel::ReadCommitted
        } else {
            IsolationLevel::ReadUncommitted
        };
        let loss = if self.reading.skip { OnDataLoss::Skip } else { OnDataLoss::Fail };
        let options = ReadOptions::new().with_isolation_level(isolation).with_data_loss(loss);
        if self.reading.small_budget {
            return options.with_byte_budget(64 << 10).with_response_bytes(16 << 10);
        }
        options
    }

    /// Whether only open ranges are left, at the end of their logs. Only at the end of all ranges does a
    /// reader tell of a hole at the end of one.
    fn has_read_all_there_is(&mut self) -> bool {
        let mut oracle = self.world.oracle();
        let is_open = |follow: &Follow| follow.until == i64::MAX;
        self.follows.iter().any(is_open)
            && self.follows.iter().all(|follow| match is_open(follow) {
                true => !follow.has_more(&mut oracle),
                false => follow.is_finished() || follow.ends_in_a_hole(&mut oracle),
            })
    }

    /// One call of `next`, and what follows from it.
    async fn step(&mut self, reader: &mut Reader, patience: &mut Patience) -> Option<ReadingEnd> {
        let may_wait = !self.must_return();
        let notes = self.world.notes.clone();
        let (since, heals) = (notes.passed(), self.world.plan.heals());
        let most = notes.limit(self.world.plan.ends(DEADLINE));
        let limit = if may_wait { LOOK } else { most.min(notes.until_quiet(heals)) };
        let next = async {
            // An open range may wait for ever: then somebody has to look up.
            tokio::time::timeout(limit, reader.next()).await
        };
        let outcome = patience.call(next).await;
        self.asked += notes.passed() - since;
        let outcome = match outcome {
            None => return None,
            Some(Err(_)) => {
                if let Err(text) = self.losses(reader) {
                    return Some(self.broken(Law::Reading, text));
                }
                if may_wait || !self.must_return() {
                    if !notes.is_troubled(since) {
                        let heard = (self.asked, notes.passed());
                        self.follows.iter_mut().for_each(|follow| follow.heard = heard);
                    }
                    return None;
                }
                // Trouble may have come that the plan did not know of.
                if limit < most && notes.quiet(since) < heals {
                    return None;
                }
                let text = format!("next() takes longer than {} ms with records to read", limit.as_millis());
                return Some(self.broken(Law::Ending, text));
            }
            Some(Ok(outcome)) => outcome,
        };
        if let Err(text) = self.losses(reader) {
            return Some(self.broken(Law::Reading, text));
        }
        match outcome {
            Ok(Some(chunk)) => self.chunk(&chunk).err().map(|text| self.broken(Law::Reading, text)),
            Ok(None) => Some(self.end()),
            Err(error) => Some(self.failed(&error)),
        }
    }

    /// Whether a call has something to give; else it may wait for as long as nobody writes.
    fn must_return(&mut self) -> bool {
        let mut oracle = self.world.oracle();
        self.follows.iter().any(|follow| follow.has_more(&mut oracle))
            || self.follows.iter().all(|follow| follow.can_end(&mut oracle))
    }

    fn losses(&mut self, reader: &Reader) -> Result<(), String> {
        let world = self.world.clone();
        for loss in reader.losses().iter().skip(self.losses) {
            self.note(&format!("loss {loss:?}"));
            if !self.reading.skip {
                return Err(format!("{loss:?} is skipped where it is to fail"));
            }
            self.follow(&loss.topic_partition, &loss.offsets)?.loss(
                &mut world.oracle(),
                &loss.offsets,
                gone(loss.reason),
            )?;
        }
        self.losses = reader.losses().len();
        Ok(())
    }

    fn follow(&mut self, told: &TopicPartition, offsets: &Range<i64>) -> Result<&mut Follow, String> {
        let place = Place::of(told);
        let found =
            self.follows.iter_mut().find(|follow| place.is_some_and(|place| follow.has(place, offsets)));
        found.ok_or_else(|| format!("{offsets:?} of {told} were not to be read"))
    }

    fn chunk(&mut self, chunk: &Chunk) -> Result<(), String> {
        let mut records = Vec::new();
        let taken = chunk.for_each_record(&mut self.decoder, |record| {
            records.push((record.offset, text(record.value)));
            Ok::<_, Error>(())
        });
        taken.map_err(|error| format!("a chunk cannot be read: {error:?}"))?;
        let told = chunk.topic_partition();
        self.note(&format!("{told} {:?}: {} records", chunk.offsets(), records.len()));
        let world = self.world.clone();
        let heard = (self.asked, self.world.notes.passed());
        let follow = self.follow(told, &chunk.offsets())?;
        follow.heard = heard;
        follow.chunk(&mut world.oracle(), chunk.offsets(), &records)
    }

    fn end(&mut self) -> ReadingEnd {
        self.note("end");
        let world = self.world.clone();
        for follow in &mut self.follows {
            if let Err(text) = follow.end(&mut world.oracle()) {
                return self.broken(Law::Reading, format!("the end was said too early: {text}"));
            }
        }
        ReadingEnd::Whole
    }

    fn failed(&mut self, error: &Error) -> ReadingEnd {
        self.note(&format!("failed: {error}"));
        if error.kind() == ErrorKind::DataLoss && !self.reading.skip {
            let mut oracle = self.world.oracle();
            if self.follows.iter().any(|follow| follow.has_lost(&mut oracle)) {
                return ReadingEnd::Lost;
            }
        } else if error.is_retriable() && self.asked_in_vain() {
            return ReadingEnd::Excused;
        }
        if is_denied(error) && self.world.was_denied(self.reads_since) {
            return ReadingEnd::Denied;
        }
        if !error.is_retriable() && self.begins_beyond(error) {
            return ReadingEnd::Beyond;
        }
        self.broken(Law::Reading, format!("the reading fails: {error:?}"))
    }

    /// Whether something brought nothing for the whole deadline while the application asked, for a reason.
    fn asked_in_vain(&self) -> bool {
        let is_long = |follow: &&Follow| {
            !follow.is_finished() && self.asked.saturating_sub(follow.heard.0) + QUEUED >= DEADLINE
        };
        let since = self.follows.iter().filter(is_long).map(|follow| follow.heard.1).min();
        since.is_some_and(|since| self.world.notes.is_excused_for_outages(since, DEADLINE))
    }

    /// Whether it is true that a range begins beyond the log's end, which the error names.
    fn begins_beyond(&self, error: &Error) -> bool {
        let text = error.to_string();
        let told = text.split_once("the log, which is offset ").and_then(|(_, end)| end.split(',').next());
        let Some(told) = told.and_then(|end| end.parse().ok()) else { return false };
        let mut oracle = self.world.oracle();
        let of = |follow: &Follow| text.contains(&follow.place.to_string());
        self.follows.iter().any(|follow| of(follow) && follow.begins_beyond(&mut oracle, told))
    }

    fn note(&self, what: &str) {
        self.world.notes.trace(&format!("{}: {what}", self.name));
    }

    fn broken(&self, law: Law, text: String) -> ReadingEnd {
        self.world.notes.broken(law, format!("{}: {text}", self.name));
        ReadingEnd::Broken
    }
}

//! What a task that writes is told of its records, held against the oracle.

use std::time::Duration;

use ottla::partition::Acknowledgement;
use ottla::{Codec, Error, ErrorKind};

use super::kind::Kind;
use super::laws::Law;
use super::reading::is_denied;
use super::schedule::{DELIVERY, Place, REQUEST};
use super::tasks::Ends;
use super::writing::{LIMIT, SHARES, Task};

/// What is known of the outcome of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing but that it was taken: it has no receipt.
    Taken,
    /// The call was given up: it has taken nothing.
    GivenUp,
    Written(Option<i64>, Place),
    /// By a flush that succeeded.
    Flushed,
    Failed {
        possibly: bool,
    },
}

/// What became of one record, by its receipt.
pub(super) struct Answered {
    pub(super) record: usize,
    pub(super) began: Duration,
    /// From when it was taken.
    pub(super) took: Duration,
    /// The longest time of it in which nothing was wrong.
    pub(super) quiet: Duration,
    pub(super) outcome: Result<Acknowledgement, Error>,
}

impl Task {
    pub(super) fn receipt(&mut self, answered: Answered) {
        let Answered { record, began, took, quiet, outcome } = answered;
        let notes = self.world.notes.clone();
        if took > LIMIT || quiet > self.heals() {
            let text = format!(
                "{}: the receipt of record {record} took {} ms, {} ms of them with nothing wrong",
                self.name,
                took.as_millis(),
                quiet.as_millis()
            );
            notes.broken(Law::Ending, text);
        }
        self.told[record] = match outcome {
            Ok(told) => {
                if self.is_new(told.topic_partition.partition) {
                    self.world.strikes(Kind::NewPartitionWritten);
                }
                if self.writing.codec != Codec::Uncompressed {
                    self.world.strikes(Kind::Compressed);
                }
                Told::Written(told.offset, Place::of(&told.topic_partition).unwrap())
            }
            Err(error) => {
                self.note(&format!("record {record} failed after {} ms: {error}", took.as_millis()));
                let dropped =
                    self.writing.ends == Ends::Drop && self.told.len() as u64 == self.writing.records;
                if is_denied(&error) && self.world.was_denied(began) {
                    self.world.strikes(Kind::DenialHeard);
                } else if self.is_refused(&error) {
                    self.world.strikes(Kind::RecordsRefused);
                    let named =
                        if self.has_key(record) { "other records of the same batch" } else { "this record" };
                    if !error.to_string().contains(named) {
                        let text =
                            format!("{}: record {record}: not refused for {named}: {error}", self.name);
                        notes.broken(Law::Receipts, text);
                    }
                } else if !dropped && !self.is_excused(began) {
                    notes.broken(Law::Receipts, format!("{}: record {record} failed: {error:?}", self.name));
                }
                Told::Failed { possibly: error.possibly_written() }
            }
        };
        self.check(record);
    }

    pub(super) fn flushed(&mut self, what: &str, outcome: Option<Result<(), Error>>, before: usize) {
        match outcome {
            None => {}
            Some(Ok(())) => {
                for record in 0..before {
                    if self.told[record] == Told::Taken {
                        self.told[record] = Told::Flushed;
                        self.check(record);
                    }
                }
            }
            Some(Err(error)) => {
                self.note(&format!("{what}: {error}"));
                // What was taken and not named may have failed: nothing more is known of it.
                let taken = self.told.iter_mut().filter(|told| **told == Told::Taken);
                taken.for_each(|told| *told = Told::Failed { possibly: true });
                let gives = |told: &Told| matches!(told, Told::Failed { .. });
                // The first clone is told what others that are gone were not.
                let is_first = self.writing.is_shared && self.number < SHARES;
                if !is_first && !self.told.iter().any(gives) {
                    let text = format!("{}: {what} fails for another task's records: {error:?}", self.name);
                    self.world.notes.broken(Law::Receipts, text);
                }
                let is_denied = is_denied(&error) && self.world.was_denied(Duration::ZERO);
                if !is_denied && !self.is_refused(&error) && !self.world.notes.was_excused(self.fails()) {
                    let text = format!("{}: {what} failed: {error:?}", self.name);
                    self.world.notes.broken(Law::Receipts, text);
                }
            }
        }
    }

    /// Holds what was told of a record against the log of now (law 4).
    pub(super) fn check(&self, record: usize) {
        let value = self.value(record);
        let mut oracle = self.world.oracle();
        let mut there = 0;
        let mut right = false;
        for place in oracle.places() {
            let log = oracle.log(place);
            let now = log.now();
            for (offset, versions) in log.places(&value) {
                there += usize::from(versions.contains(&now));
                right |= match &self.told[record] {
                    Told::Written(Some(told), of) => offset == *told && place == *of,
                    _ => true,
                };
            }
        }
        let told = &self.told[record];
        let wrong = match told {
            Told::Written(..) | Told::Flushed => !right || there > 1,
            Told::Failed { possibly: false } | Told::GivenUp => right,
            Told::Failed { possibly: true } | Told::Taken => there > 1,
        };
        if wrong {
            let text = format!("{}: record {record} ({value}) is there {there} times, {told:?}", self.name);
            self.world.notes.broken(Law::Receipts, text);
        }
    }

    /// Whether a broker refused records for what they are, and nothing of it may be written.
    fn is_refused(&self, error: &Error) -> bool {
        let is_invalid = matches!(error.kind(), ErrorKind::Broker(code) if code.code() == 87);
        is_invalid && self.world.plan.compacted && self.writing.keyless_one_in > 0
    }

    /// Whether a record that was sent then may fail: there was never a time to recover.
    fn is_excused(&self, since: Duration) -> bool {
        self.world.notes.is_excused(since, self.fails())
    }

    /// How long it has to go wrong for records to fail: what was sent into it is noticed a request and a dial later.
    fn fails(&self) -> Duration {
        DELIVERY - REQUEST - self.world.plan.connect - Duration::from_secs(2)
    }
}

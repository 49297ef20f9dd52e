//! Where a fetcher puts what an answer brought: records to the reader, ranges to where they go on.

use std::sync::Arc;

use super::{Gone, Task};
use crate::cluster::pool::Purpose;
use crate::cluster::topology::Address;
use crate::error::{Error, ErrorKind};
use crate::partition::budget::Hold;
use crate::partition::chunk::Chunk;
use crate::partition::progress::{Manner, Progress};
use crate::partition::recovery::{Reading, names};
use crate::partition::report::{Delivery, Report};
use crate::partition::sorted::Sorted;
use crate::time;
use crate::wire::codec::fetch::IsolationLevel;

impl Task {
    /// Puts the ranges where they go on, and sends the next requests.
    pub(super) async fn go_on(
        &mut self,
        sorted: &mut Sorted,
        address: &Address,
        manner: Manner,
    ) -> Result<(), Gone> {
        let mut no_room = std::mem::take(&mut sorted.no_room);
        let mut stuck = std::mem::take(&mut sorted.stuck);
        let asked = self.parts.reading.asking.time();
        if sorted.brought_anything() {
            self.throttles.end();
            no_room.iter_mut().for_each(|range| range.excuse_until(asked));
        }
        if !stuck.is_empty() {
            if !sorted.brought_anything() {
                stuck.append(&mut no_room);
            }
            let error = Error::because(ErrorKind::Timeout, "the broker returns none of the records it has");
            self.fail(stuck, error.at_broker(&address.to_string()), 2).await?;
        }
        no_room.iter_mut().for_each(|range| range.postpone(asked));
        self.plan.push_front(no_room);
        self.plan.push_back(std::mem::take(&mut sorted.had_turn));
        self.fail_refused(std::mem::take(&mut sorted.refused)).await?;
        self.report_lost(sorted)?;
        if self.parts.purpose == Purpose::LongPoll {
            self.settle_polls(sorted, manner);
        }
        self.take_sent();
        self.fill(false).await
    }

    /// Tells the router of ranges whose log is not what it was.
    fn report_lost(&self, sorted: &mut Sorted) -> Result<(), Gone> {
        let (out_of_range, diverged) = (&mut sorted.out_of_range, &mut sorted.diverged);
        let now = time::now();
        out_of_range.iter_mut().for_each(|range| range.stray(now));
        diverged.iter_mut().for_each(|(range, _)| range.fail(now));
        if !out_of_range.is_empty() {
            self.report(Report::OutOfRange(std::mem::take(out_of_range)))?;
        }
        if !diverged.is_empty() {
            self.report(Report::Diverged(std::mem::take(diverged)))?;
        }
        Ok(())
    }

    /// Ranges at the end of their partition wait on. A broker that does not hold their polls is asked
    /// ever more seldom.
    fn settle_polls(&mut self, sorted: &mut Sorted, manner: Manner) {
        self.idle = if manner.held || sorted.brought_anything() { 0 } else { self.idle.saturating_add(1) };
        let pause = Reading::pause(self.idle, 1);
        if !pause.is_zero() {
            self.quiet = self.quiet.max(Some(time::now() + pause));
        }
        let waiting = self.note_waiting(std::mem::take(&mut sorted.moved));
        self.plan.push_back(waiting);
    }

    /// Tells whoever reads the log of ranges that wait for records before their end.
    fn note_waiting(&self, moved: Vec<(Progress, i64)>) -> Vec<Progress> {
        let asked = self.parts.reading.asking.time();
        let committed = self.parts.reading.options.isolation_level == IsolationLevel::ReadCommitted;
        let note = |(mut range, end): (Progress, i64)| {
            if range.warns_of_waiting(asked, end) {
                let until = range.until().unwrap_or(i64::MAX);
                let what = if committed { "the last stable offset" } else { "the end of the log" };
                tracing::warn!(
                    partition = %range.topic_partition, until, end,
                    "the range ends beyond {what}: waiting for more records"
                );
            }
            range
        };
        moved.into_iter().map(note).collect()
    }

    pub(super) async fn hand_over(&mut self, sorted: Sorted, hold: Hold) -> Result<(), Gone> {
        let hold = Arc::new(hold);
        let committed = self.parts.reading.options.isolation_level == IsolationLevel::ReadCommitted;
        let mut chunks = Vec::with_capacity(sorted.found.len());
        for (topic_partition, fetched, taken) in sorted.found {
            if let Some(loss) = taken.lost {
                self.deliver(Delivery::Lost(loss)).await?;
            }
            if taken.batches.count() == 0 || taken.offsets.is_empty() {
                continue;
            }
            chunks.push(Chunk {
                topic_partition,
                offsets: taken.offsets,
                batches: taken.batches,
                aborted: committed.then_some(fetched.aborted_transactions),
                high_watermark: fetched.high_watermark,
                last_stable_offset: fetched.last_stable_offset,
                log_start_offset: fetched.log_start_offset,
                _hold: Arc::clone(&hold),
            });
        }
        drop(hold);
        if !sorted.came_back.is_empty() {
            let partitions = names(&sorted.came_back.iter().collect::<Vec<_>>());
            tracing::info!(partitions, "records come again");
        }
        if !chunks.is_empty() {
            self.deliver(Delivery::Chunks(chunks)).await?;
        }
        if let Some(error) = sorted.fatal {
            self.deliver(Delivery::Failed(error)).await?;
        }
        // Another task goes on with these: what was found before comes first.
        let moved = self.note_waiting(sorted.moved);
        if !moved.is_empty() {
            self.report(Report::Moved(Purpose::LongPoll, moved))?;
        }
        match sorted.finished {
            0 => Ok(()),
            finished => self.report(Report::Finished(finished)),
        }
    }
}

//! What is done for ranges that could not be read: waits, and new pictures of the cluster. Nothing here
//! ends a reading that may still go on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::asking::Asking;
use super::pace;
use super::progress::Progress;
use super::range::{Loss, OnDataLoss, ReadOptions};
use crate::cluster::client::Cluster;
use crate::cluster::silence::OVERDUE;
use crate::entropy;
use crate::error::{Error, ErrorKind};
use crate::ids::{BrokerId, TopicPartition};
use crate::time;
use crate::wire::error_code::ErrorCode;

/// How often somebody who waits looks whether a partition has another leader by now.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// So long before the end of the deadline it is tried once more, however long the pause.
const LAST_TRY: Duration = Duration::from_secs(2);

/// So many answers in a row that break the protocol are no damage of the network's.
const DAMAGE_BELIEVED: u32 = 3;

/// So many partitions are named in a warning.
const NAMED: usize = 3;

/// What all tasks of a reading share.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) cluster: Cluster,
    pub(super) options: Arc<ReadOptions>,
    pub(super) asking: Asking,
}

/// Ranges that could not be read, and why. An attempt to read them takes so many requests.
pub(super) struct Failed {
    pub(super) ranges: Vec<Progress>,
    pub(super) error: Error,
    pub(super) requests: u32,
}

/// Ranges that may be tried again, those that may not yet, and what was lost.
#[derive(Default)]
pub(super) struct Recovered {
    pub(super) ranges: Vec<Progress>,
    pub(super) failed: Option<Failed>,
    pub(super) losses: Vec<Loss>,
}

impl Reading {
    /// Whether another attempt may succeed after so many answers in a row that broke the protocol. What a
    /// broker has no name for may pass, and no checksum covers an answer: damage is asked again.
    pub(super) fn may_recover(&self, error: &Error, damaged: u32) -> bool {
        match error.kind() {
            ErrorKind::Broker(code) if code.error_code() == ErrorCode::UNKNOWN_SERVER_ERROR => true,
            ErrorKind::Protocol => damaged < DAMAGE_BELIEVED,
            _ => self.cluster.may_recover(error),
        }
    }

    /// Whether another broker than `broker` leads the partition by now.
    pub(super) fn is_led_elsewhere(&self, range: &Progress, broker: BrokerId) -> bool {
        let leader = self.cluster.topology(|topology| topology.leader(&range.topic_partition));
        leader.is_some_and(|leader| leader.broker != broker)
    }

    /// Whether the newest picture has another topic under this name.
    pub(super) fn is_of_another_topic(&self, range: &Progress) -> bool {
        let told = self.cluster.topology(|topology| topology.topic_id(&range.topic_partition.topic));
        told.is_some() && range.topic_id.is_some() && told != range.topic_id
    }

    /// At `then` looks who leads the partitions of a broker that is silent, and says when to look again.
    pub(super) async fn look_beside(&self, silent: BrokerId, then: Instant) -> Instant {
        tokio::time::sleep_until(then.into()).await;
        let pause = self.cluster.look_beside(silent).await;
        time::now() + pause
    }

    /// The time since `asked` does not count for ranges whose leader, or whoever could tell of one, wants to be left
    /// alone: what they wait for cannot be sent.
    fn excuse_muted(&self, ranges: &mut [Progress], asked: Duration) {
        let passed = self.asking.time().saturating_sub(asked);
        let mut muted = HashMap::new();
        for range in ranges {
            let leader = self.cluster.topology(|topology| topology.leader(&range.topic_partition));
            let leader = leader.map(|leader| leader.broker);
            // Each leader is looked at once, however many ranges it leads.
            if *muted.entry(leader).or_insert_with(|| self.cluster.is_muted(leader)) {
                range.excuse_for(passed);
            }
        }
    }

    /// Whether a range brought nothing for the whole deadline.
    pub(super) fn is_given_up(&self, range: &Progress) -> bool {
        range.silence(self.asking.time()) >= self.cluster.config().deadline()
    }

    /// Tells whoever reads the log of ranges that bring nothing.
    pub(super) fn warn<'a>(&self, ranges: impl IntoIterator<Item = &'a mut Progress>, cause: &str) {
        let asked = self.asking.time();
        let silent: Vec<&TopicPartition> = ranges
            .into_iter()
            .filter_map(|range| range.warns_of_trouble(asked).then_some(&range.topic_partition))
            .collect();
        if !silent.is_empty() {
            tracing::warn!(
                partitions = names(&silent),
                cause,
                "no records come, although they are asked for"
            );
        }
    }

    /// How long to wait after so many failures in a row.
    pub(super) fn pause(failures: u32, requests: u32) -> Duration {
        pace::pause(failures, requests, entropy::fill().map_or(128, |[byte]| byte))
    }
}

/// Some partitions by name, and how many there are beside them.
pub(super) fn names(partitions: &[&TopicPartition]) -> String {
    let named: Vec<String> = partitions.iter().take(NAMED).map(ToString::to_string).collect();
    match partitions.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

impl Failed {
    /// Awaits `future`, with an eye on the ranges: `None` when it is not worth waiting for any more,
    /// since one of them has a newer leader. An error when one brought nothing for the whole deadline. Brokers are
    /// asked in `future`.
    pub(super) async fn watch<F: Future>(
        &mut self,
        reading: &Reading,
        future: F,
    ) -> Result<Option<F::Output>, Error> {
        self.wait(reading, future, true).await
    }

    async fn wait<F: Future>(
        &mut self,
        reading: &Reading,
        future: F,
        asks: bool,
    ) -> Result<Option<F::Output>, Error> {
        tokio::pin!(future);
        loop {
            self.give_up(reading)?;
            let asked = reading.asking.time();
            tokio::select! {
                biased;
                output = &mut future => return Ok(Some(output)),
                () = tokio::time::sleep(LOOK) => {}
            }
            if asks {
                reading.excuse_muted(&mut self.ranges, asked);
            }
            reading.warn(&mut self.ranges, &self.error.to_string());
            if self.is_news(reading) {
                return Ok(None);
            }
        }
    }

    /// Who leads the first of the ranges.
    pub(super) fn leader(&self, reading: &Reading) -> Option<BrokerId> {
        let place = &self.ranges.first()?.topic_partition;
        Some(reading.cluster.topology(|topology| topology.leader(place))?.broker)
    }

    /// [Awaits](Self::watch) what a broker answers. While it is silent, others are asked who leads what
    /// it led.
    pub(super) async fn question<T>(
        &mut self,
        reading: &Reading,
        broker: Option<BrokerId>,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<Option<Result<T, Error>>, Error> {
        let Some(broker) = broker else { return self.watch(reading, answer).await };
        let look = async {
            let mut next = time::now() + OVERDUE;
            loop {
                next = reading.look_beside(broker, next).await;
            }
        };
        let answered = async {
            tokio::select! {
                biased;
                answer = answer => answer,
                never = look => never,
            }
        };
        let answered = self.watch(reading, answered).await?;
        if matches!(answered, Some(Ok(_))) {
            reading.cluster.note_answer(broker);
        }
        Ok(answered)
    }

    fn is_news(&self, reading: &Reading) -> bool {
        reading.cluster.topology(|topology| {
            self.ranges.iter().any(|range| {
                let leader = topology.leader(&range.topic_partition);
                leader.is_some_and(|leader| leader.epoch > range.leader_epoch)
            })
        })
    }

    fn give_up(&self, reading: &Reading) -> Result<(), Error> {
        match self.ranges.iter().find(|range| reading.is_given_up(range)) {
            Some(range) => Err(self.error.clone().at_partition(&range.topic_partition)),
            None => Ok(()),
        }
    }

    /// Waits as long as the failures in a row ask for. `false`: a newer leader is known before.
    pub(super) async fn pause(&mut self, reading: &Reading) -> Result<bool, Error> {
        self.pause_after(self.failures(), reading).await
    }

    pub(super) async fn pause_after(&mut self, failures: u32, reading: &Reading) -> Result<bool, Error> {
        let pause = Reading::pause(failures, self.requests);
        let last = self.time_left(reading).saturating_sub(LAST_TRY);
        let pause = if last >= LOOK { pause.min(last) } else { pause };
        Ok(self.wait(reading, tokio::time::sleep(pause), false).await?.is_some())
    }

    /// How long it is until the first of the ranges is given up.
    fn time_left(&self, reading: &Reading) -> Duration {
        let (asked, deadline) = (reading.asking.time(), reading.cluster.config().deadline());
        let left = self.ranges.iter().map(|range| deadline.saturating_sub(range.silence(asked)));
        left.min().unwrap_or_default()
    }

    fn failures(&self) -> u32 {
        self.ranges.iter().map(Progress::failures).max().unwrap_or(0)
    }

    /// Notes that the ranges failed, for a reason that may pass or not.
    pub(super) fn of(mut ranges: Vec<Progress>, error: Error, requests: u32) -> Self {
        let now = time::now();
        let damaged = error.kind() == ErrorKind::Protocol;
        ranges.iter_mut().for_each(|range| if damaged { range.damage(now) } else { range.fail(now) });
        Self { ranges, error, requests }
    }

    fn fail(&mut self, error: Error) {
        let now = time::now();
        self.error = error;
        self.ranges.iter_mut().for_each(|range| range.fail(now));
    }

    /// Whether another attempt may succeed.
    pub(super) fn may_recover(&self, reading: &Reading) -> bool {
        let damaged = self.ranges.iter().map(Progress::damaged).max().unwrap_or(0);
        reading.may_recover(&self.error, damaged)
    }

    pub(super) fn recovered(self) -> Recovered {
        Recovered { ranges: self.ranges, ..Recovered::default() }
    }

    pub(super) fn partitions(&self) -> Vec<TopicPartition> {
        self.ranges.iter().map(|range| range.topic_partition.clone()).collect()
    }
}

/// Waits until something is known of the topics that ranges lie in.
pub(super) async fn find_topics(
    reading: &Reading,
    ranges: Vec<Progress>,
    topics: &[Arc<str>],
) -> Result<Vec<Progress>, Error> {
    let error = Error::because(ErrorKind::Timeout, "no broker tells where the partitions are");
    let mut failed = Failed { ranges, error, requests: 1 };
    let asked = reading.asking.time();
    failed.ranges.iter_mut().for_each(|range| range.ask(asked));
    loop {
        let mut found = std::pin::pin!(reading.cluster.want(topics));
        // That one of them is known is no news of the others.
        let found = loop {
            if let Some(found) = failed.watch(reading, found.as_mut()).await? {
                break found;
            }
        };
        match found {
            // Answers that break the protocol were counted in there.
            Err(error) if !reading.may_recover(&error, u32::MAX) => return Err(error),
            Err(error) => failed.error = error,
            Ok(()) => break,
        }
    }
    failed.ranges.iter_mut().for_each(Progress::excuse);
    Ok(failed.ranges)
}

/// Waits and looks where the ranges are led now. The first look comes at once: a leader that has
/// moved is mostly known by then.
pub(super) async fn recover(reading: Reading, mut failed: Failed) -> Result<Recovered, Error> {
    if !failed.may_recover(&reading) {
        return Err(failed.error);
    }
    // Answers about leaders that broke the protocol: they are no answers about the ranges.
    let mut damaged = 0;
    loop {
        if !failed.pause(&reading).await? {
            return Ok(failed.recovered());
        }
        let seen = failed.ranges.iter().map(|range| range.generation).max().unwrap_or(0);
        tracing::debug!(error = %failed.error, ranges = failed.ranges.len(), "looking for leaders again");
        match failed.watch(&reading, reading.cluster.refresh(seen)).await? {
            Some(Err(error)) => {
                damaged += u32::from(error.kind() == ErrorKind::Protocol);
                if !reading.may_recover(&error, damaged) {
                    return Err(error);
                }
                failed.fail(error);
            }
            Some(Ok(())) | None => return Ok(failed.recovered()),
        }
    }
}

/// Ranges that another failure befell while they were looked after.
pub(super) fn again(failed: Failed, error: Error) -> Recovered {
    let failed = Failed::of(failed.ranges, error, failed.requests);
    Recovered { failed: Some(failed), ..Recovered::default() }
}

impl Failed {
    pub(super) fn one(range: Progress) -> Self {
        let error = Error::broker(ErrorCode::UNKNOWN_TOPIC_ID);
        Self { ranges: vec![range], error, requests: 2 }
    }
}

impl Recovered {
    pub(super) fn lose(&mut self, loss: Loss, on_data_loss: OnDataLoss) -> Result<(), Error> {
        match on_data_loss {
            OnDataLoss::Fail => Err(loss.into_error()),
            OnDataLoss::Skip => {
                self.losses.push(loss);
                Ok(())
            }
        }
    }

    pub(super) fn and(mut self, other: Self) -> Result<Self, Error> {
        self.ranges.extend(other.ranges);
        self.losses.extend(other.losses);
        match (&mut self.failed, other.failed) {
            (Some(failed), Some(more)) => failed.ranges.extend(more.ranges),
            (failed, more) => *failed = failed.take().or(more),
        }
        Ok(self)
    }
}

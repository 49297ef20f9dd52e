//! What is done for ranges that could not be read: waits, new pictures of the cluster, questions for
//! offsets and epochs. Nothing here ends a reading that may still go on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::asking::Asking;
use super::pace;
use super::progress::{Bounds, Parting, Progress};
use super::range::{Loss, OnDataLoss, ReadOptions};
use crate::cluster::client::Cluster;
use crate::cluster::topology::Topology;
use crate::entropy;
use crate::error::{Error, ErrorKind};
use crate::ids::{BrokerId, TopicPartition};
use crate::time;
use crate::wire::codec::Request;
use crate::wire::codec::fetch::{EpochEnd, FetchRequest, IsolationLevel};
use crate::wire::codec::list_offsets::OffsetAt;
use crate::wire::codec::offset_for_leader_epoch::{
    EpochPartition, EpochTopic, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};
use crate::wire::error_code::ErrorCode;

/// How often somebody who waits looks whether a partition has another leader by now.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// So long before the end of the deadline it is tried once more, however long the pause.
const LAST_TRY: Duration = Duration::from_secs(2);

/// So many answers in a row that break the protocol are no damage.
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
    /// Whether another attempt may succeed after so many failures in a row. What a broker has no name
    /// for may pass, and no checksum covers an answer: damage is asked again.
    pub(super) fn may_recover(&self, error: &Error, failures: u32) -> bool {
        match error.kind() {
            ErrorKind::Broker(code) if code.error_code() == ErrorCode::UNKNOWN_SERVER_ERROR => true,
            ErrorKind::Protocol => failures <= DAMAGE_BELIEVED,
            _ => self.cluster.may_recover(error),
        }
    }

    /// Whether another broker than `broker` leads the partition by now.
    pub(super) fn is_led_elsewhere(&self, range: &Progress, broker: BrokerId) -> bool {
        let leader = self.cluster.topology(|topology| topology.leader(&range.topic_partition));
        leader.is_some_and(|leader| leader.broker != broker)
    }

    /// Whether the newest picture has another topic under this name.
    fn is_of_another_topic(&self, range: &Progress) -> bool {
        let told = self.cluster.topology(|topology| topology.topic_id(&range.topic_partition.topic));
        told.is_some() && range.topic_id.is_some() && told != range.topic_id
    }

    /// At `then` looks who leads the partitions of a broker that is silent, and says when to look again.
    pub(super) async fn look_beside(&self, silent: BrokerId, then: Instant) -> Instant {
        tokio::time::sleep_until(then.into()).await;
        let pause = self.cluster.look_beside(silent).await;
        time::now() + pause
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
    /// since one of them has a newer leader. An error when one brought nothing for the whole deadline.
    async fn watch<F: Future>(&mut self, reading: &Reading, future: F) -> Result<Option<F::Output>, Error> {
        tokio::pin!(future);
        loop {
            self.give_up(reading)?;
            tokio::select! {
                biased;
                output = &mut future => return Ok(Some(output)),
                () = tokio::time::sleep(LOOK) => {}
            }
            reading.warn(&mut self.ranges, &self.error.to_string());
            if self.is_news(reading) {
                return Ok(None);
            }
        }
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
        let (asked, deadline) = (reading.asking.time(), reading.cluster.config().deadline());
        match self.ranges.iter().find(|range| range.silence(asked) >= deadline) {
            Some(range) => Err(self.error.clone().at_partition(&range.topic_partition)),
            None => Ok(()),
        }
    }

    /// Waits as long as the failures in a row ask for. `false`: a newer leader is known before.
    async fn pause(&mut self, reading: &Reading) -> Result<bool, Error> {
        self.pause_after(self.failures(), reading).await
    }

    async fn pause_after(&mut self, failures: u32, reading: &Reading) -> Result<bool, Error> {
        let pause = Reading::pause(failures, self.requests);
        let last = self.time_left(reading).saturating_sub(LAST_TRY);
        let pause = if last >= LOOK { pause.min(last) } else { pause };
        Ok(self.watch(reading, tokio::time::sleep(pause)).await?.is_some())
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

    fn fail(&mut self, error: Error) {
        self.error = error;
        self.ranges.iter_mut().for_each(Progress::fail);
    }

    fn recovered(self) -> Recovered {
        Recovered { ranges: self.ranges, ..Recovered::default() }
    }

    fn partitions(&self) -> Vec<TopicPartition> {
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
        match failed.watch(reading, reading.cluster.want(topics)).await? {
            // Answers that break the protocol were counted in there.
            Some(Err(error)) if !reading.may_recover(&error, u32::MAX) => return Err(error),
            Some(Err(error)) => failed.error = error,
            Some(Ok(())) | None => break,
        }
    }
    failed.ranges.iter_mut().for_each(Progress::postpone);
    Ok(failed.ranges)
}

/// Waits and looks where the ranges are led now. The first look comes at once: a leader that has
/// moved is mostly known by then.
pub(super) async fn recover(reading: Reading, mut failed: Failed) -> Result<Recovered, Error> {
    loop {
        if !reading.may_recover(&failed.error, failed.failures()) {
            return Err(failed.error);
        }
        if !failed.pause(&reading).await? {
            return Ok(failed.recovered());
        }
        let seen = failed.ranges.iter().map(|range| range.generation).max().unwrap_or(0);
        tracing::debug!(error = %failed.error, ranges = failed.ranges.len(), "looking for leaders again");
        match failed.watch(&reading, reading.cluster.refresh(seen)).await? {
            Some(Err(error)) => failed.fail(error),
            Some(Ok(())) | None => return Ok(failed.recovered()),
        }
    }
}

/// Asks what the partitions have, of ranges whose next offset is out of it.
pub(super) async fn resolve(reading: Reading, ranges: Vec<Progress>) -> Result<Recovered, Error> {
    let error = Error::broker(ErrorCode::OFFSET_OUT_OF_RANGE).in_api(FetchRequest::API);
    let mut failed = Failed { ranges, error, requests: 4 };
    // A broker that says so answers: what failed before is no reason to wait for long.
    let strays = failed.ranges.iter().map(Progress::strays).max().unwrap_or(0);
    if !failed.pause_after(strays, &reading).await? {
        return Ok(failed.recovered());
    }
    let partitions = failed.partitions();
    let level = IsolationLevel::ReadUncommitted;
    let ask = async {
        let earliest = reading.cluster.list_offsets_once(&partitions, OffsetAt::Earliest, level).await?;
        let latest = reading.cluster.list_offsets_once(&partitions, OffsetAt::Latest, level).await?;
        // The bounds may be those of a topic that was made anew.
        reading.cluster.refresh(reading.cluster.topology(Topology::generation)).await?;
        Ok::<_, Error>((earliest, latest))
    };
    let (earliest, latest) = match failed.watch(&reading, ask).await? {
        Some(Ok(offsets)) => offsets,
        Some(Err(error)) => return Ok(again(failed, error)),
        None => return Ok(failed.recovered()),
    };
    let mut recovered = Recovered::default();
    let mut unproven = Vec::new();
    for mut range in failed.ranges {
        if reading.is_of_another_topic(&range) {
            recovered.ranges.push(range);
            continue;
        }
        let place = &range.topic_partition;
        let bounds = earliest.get(place).zip(latest.get(place)).map(|(from, end)| (*from, *end));
        let (from, end) = bounds.unwrap_or((0, i64::MAX));
        match range.resolve(from, end) {
            Bounds::Lost(loss) => {
                recovered.lose(loss, reading.options.on_data_loss)?;
                recovered.ranges.push(range);
            }
            Bounds::Beyond => return Err(beyond(&range, end)),
            // Brokers say the same of an epoch that they do not know.
            Bounds::Within if range.last_epoch().is_some() => unproven.push(range),
            Bounds::Within => recovered.ranges.push(range),
        }
    }
    match unproven.is_empty() {
        true => Ok(recovered),
        false => recovered.and(prove(reading, unproven).await?),
    }
}

/// A range begins where its partition never had anything.
fn beyond(range: &Progress, end: i64) -> Error {
    let text = format!("offset {} lies beyond the end of the log, which is offset {end}", range.next());
    Error::broker(ErrorCode::OFFSET_OUT_OF_RANGE).with_detail(text).at_partition(&range.topic_partition)
}

/// Asks the leaders whether their logs are those that were read so far (KIP-320).
pub(super) async fn prove(reading: Reading, ranges: Vec<Progress>) -> Result<Recovered, Error> {
    let error = Error::broker(ErrorCode::UNKNOWN_LEADER_EPOCH);
    let mut failed = Failed { ranges, error, requests: 3 };
    let mut told = HashMap::new();
    for (broker, request) in questions(&reading, &failed.ranges) {
        match failed.watch(&reading, reading.cluster.call_broker(broker, &request)).await? {
            Some(Ok(response)) => told.extend(answers(response)),
            // Without the API nobody can tell.
            Some(Err(error)) if error.kind() == ErrorKind::Unsupported => {
                failed.ranges.iter_mut().for_each(Progress::forget_epochs);
                return Ok(failed.recovered());
            }
            Some(Err(error)) => return Ok(again(failed, error)),
            None => return Ok(failed.recovered()),
        }
    }
    let mut recovered = Recovered::default();
    for range in failed.ranges {
        let next = match told.remove(&range.topic_partition) {
            Some(Ok(end)) => diverged(&reading, range, end).await?,
            Some(Err(code)) => again(Failed::one(range), Error::broker(code)),
            None => again(Failed::one(range), Error::broker(ErrorCode::UNKNOWN_LEADER_EPOCH)),
        };
        recovered = recovered.and(next)?;
    }
    Ok(recovered)
}

fn answers(
    response: OffsetForLeaderEpochResponse,
) -> impl Iterator<Item = (TopicPartition, Result<EpochEnd, ErrorCode>)> {
    response.topics.into_iter().flat_map(|topic| {
        topic.partitions.into_iter().map(move |answer| {
            let place = TopicPartition::new(Arc::clone(&topic.topic), answer.partition);
            (place, answer.error.ok().map(|()| answer.end))
        })
    })
}

/// One request to each leader.
fn questions(reading: &Reading, ranges: &[Progress]) -> Vec<(BrokerId, OffsetForLeaderEpochRequest)> {
    let mut questions: Vec<(BrokerId, OffsetForLeaderEpochRequest)> = Vec::new();
    for range in ranges {
        let place = &range.topic_partition;
        let leader = reading.cluster.topology(|topology| topology.leader(place));
        let (Some(leader), Some(epoch)) = (leader, range.last_epoch()) else { continue };
        let partition =
            EpochPartition { partition: place.partition, current_leader_epoch: range.leader_epoch, epoch };
        let topic = EpochTopic { topic: Arc::clone(&place.topic), partitions: vec![partition] };
        match questions.iter_mut().find(|(broker, _)| *broker == leader.broker) {
            Some((_, request)) => request.add(topic),
            None => questions.push((leader.broker, OffsetForLeaderEpochRequest { topics: vec![topic] })),
        }
    }
    questions
}

/// Judges a range by where its leader's log ends in the epoch that was read last.
pub(super) async fn diverged(
    reading: &Reading,
    mut range: Progress,
    end: EpochEnd,
) -> Result<Recovered, Error> {
    let mut recovered = Recovered::default();
    match range.part(end) {
        Parting::Lost(loss) => recovered.lose(loss, reading.options.on_data_loss)?,
        Parting::Nowhere => {}
        // The id shows that the log is the same, so that its leader has forgotten its epochs.
        Parting::Unknown if range.topic_id.is_some() => range.forget_epochs(),
        Parting::Unknown => return restart(reading.clone(), range).await,
    }
    recovered.ranges.push(range);
    Ok(recovered)
}

/// Goes on with a topic that was made anew under its name.
pub(super) async fn restart(reading: Reading, mut range: Progress) -> Result<Recovered, Error> {
    let place = range.topic_partition.clone();
    let mut earliest = 0;
    if range.until().is_none() {
        let mut failed = Failed::one(range);
        if !failed.pause(&reading).await? {
            return Ok(failed.recovered());
        }
        let places = [place.clone()];
        let level = IsolationLevel::ReadUncommitted;
        let ask = reading.cluster.list_offsets_once(&places, OffsetAt::Earliest, level);
        match failed.watch(&reading, ask).await? {
            Some(Ok(offsets)) => earliest = offsets.get(&place).copied().unwrap_or(0),
            Some(Err(error)) => return Ok(again(failed, error)),
            None => return Ok(failed.recovered()),
        }
        match failed.ranges.pop() {
            Some(only) => range = only,
            None => return Ok(Recovered::default()),
        }
    }
    let id = reading.cluster.topology(|topology| topology.topic_id(&place.topic));
    let mut recovered = Recovered::default();
    recovered.lose(range.begin_anew(id, earliest), reading.options.on_data_loss)?;
    recovered.ranges.push(range);
    Ok(recovered)
}

/// Ranges that another failure befell while they were looked after.
fn again(mut failed: Failed, error: Error) -> Recovered {
    failed.fail(error);
    Recovered { failed: Some(failed), ..Recovered::default() }
}

impl Failed {
    fn one(range: Progress) -> Self {
        let error = Error::broker(ErrorCode::UNKNOWN_TOPIC_ID);
        Self { ranges: vec![range], error, requests: 2 }
    }
}

impl Recovered {
    fn lose(&mut self, loss: Loss, on_data_loss: OnDataLoss) -> Result<(), Error> {
        match on_data_loss {
            OnDataLoss::Fail => Err(loss.into_error()),
            OnDataLoss::Skip => {
                self.losses.push(loss);
                Ok(())
            }
        }
    }

    fn and(mut self, other: Self) -> Result<Self, Error> {
        self.ranges.extend(other.ranges);
        self.losses.extend(other.losses);
        match (&mut self.failed, other.failed) {
            (Some(failed), Some(more)) => failed.ranges.extend(more.ranges),
            (failed, more) => *failed = failed.take().or(more),
        }
        Ok(self)
    }
}

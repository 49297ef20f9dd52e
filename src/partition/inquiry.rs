//! What leaders are asked about the logs of ranges that cannot simply be read on: where a log begins and
//! ends, and where it parts from what was read so far.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::progress::{Bounds, Parting, Progress};
use super::recovery::{Failed, Reading, Recovered, again};
use crate::cluster::topology::Topology;
use crate::error::{Error, ErrorKind};
use crate::ids::{BrokerId, TopicPartition};
use crate::wire::codec::Request;
use crate::wire::codec::fetch::{EpochEnd, FetchRequest, IsolationLevel};
use crate::wire::codec::list_offsets::{ListOffsetsRequest, OffsetAt};
use crate::wire::codec::offset_for_leader_epoch::{
    EpochPartition, EpochTopic, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};
use crate::wire::error_code::ErrorCode;

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
    let leader = failed.leader(&reading);
    let (earliest, latest) = match failed.question(&reading, leader, ask).await? {
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
        let (Some(from), Some(end)) = (earliest.get(place).copied(), latest.get(place).copied()) else {
            let error = Error::other_than_asked(ListOffsetsRequest::API);
            recovered = recovered.and(again(Failed::one(range), error))?;
            continue;
        };
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
    let mut told = Ends::new();
    for (broker, request) in questions(&reading, &failed.ranges) {
        match failed.question(&reading, Some(broker), reading.cluster.call_broker(broker, &request)).await? {
            Some(Ok(response)) => match answers(&request, response) {
                Ok(answers) => told.extend(answers),
                Err(error) => return Ok(again(failed, error.at_broker(&broker.to_string()))),
            },
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
            Some(Ok(end)) => judge(&reading, range, end).await?,
            Some(Err(code)) => again(Failed::one(range), Error::broker(code)),
            None => again(Failed::one(range), Error::broker(ErrorCode::UNKNOWN_LEADER_EPOCH)),
        };
        recovered = recovered.and(next)?;
    }
    Ok(recovered)
}

/// What a leader says of each partition.
type Ends = HashMap<TopicPartition, Result<EpochEnd, ErrorCode>>;

/// What a leader says of the partitions that it was asked about. Of an answer that is not about these, each of them
/// once, nothing counts: the end of one log would be taken for that of another.
fn answers(
    request: &OffsetForLeaderEpochRequest,
    response: OffsetForLeaderEpochResponse,
) -> Result<Ends, Error> {
    let mut ends = Ends::new();
    let mut is_twice = false;
    for topic in response.topics {
        for told in topic.partitions {
            let place = TopicPartition::new(Arc::clone(&topic.topic), told.partition);
            is_twice |= ends.insert(place, told.error.ok().map(|()| told.end)).is_some();
        }
    }
    let asked = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|it| TopicPartition::new(Arc::clone(&topic.topic), it.partition))
    });
    let (mut count, mut is_any_missing) = (0, false);
    for place in asked {
        count += 1;
        is_any_missing |= !ends.contains_key(&place);
    }
    match is_twice || is_any_missing || count != ends.len() {
        true => Err(Error::other_than_asked(OffsetForLeaderEpochRequest::API)),
        false => Ok(ends),
    }
}

/// One request to each leader, about each partition once: ranges that share one are proven one after the other.
fn questions(reading: &Reading, ranges: &[Progress]) -> Vec<(BrokerId, OffsetForLeaderEpochRequest)> {
    let mut questions: Vec<(BrokerId, OffsetForLeaderEpochRequest)> = Vec::new();
    let mut asked = HashSet::new();
    for range in ranges {
        let place = &range.topic_partition;
        if !asked.insert(place) {
            continue;
        }
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

/// Judges a range of which a leader said in place of records that its log is another one.
pub(super) async fn diverged(reading: &Reading, range: Progress, end: EpochEnd) -> Result<Recovered, Error> {
    let before = (range.next(), range.last_epoch());
    let mut recovered = judge(reading, range, end).await?;
    let is_judged = |range: &Progress| (range.next(), range.last_epoch()) != before;
    if recovered.failed.is_none() && !recovered.ranges.iter().all(is_judged) {
        // It did not say where: it would say the same again at once.
        let ranges = std::mem::take(&mut recovered.ranges);
        recovered.failed =
            Some(Failed { ranges, error: Error::broker(ErrorCode::UNKNOWN_LEADER_EPOCH), requests: 2 });
    }
    Ok(recovered)
}

/// Judges a range by where its leader's log ends in the epoch that was read last.
async fn judge(reading: &Reading, mut range: Progress, end: EpochEnd) -> Result<Recovered, Error> {
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
        let leader = failed.leader(&reading);
        match failed.question(&reading, leader, ask).await? {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LeaderEpoch;
    use crate::wire::codec::offset_for_leader_epoch::{EpochEnds, PartitionEnd};

    #[test]
    fn the_end_of_a_log_that_was_not_asked_about_counts_for_nothing() {
        let epoch = LeaderEpoch(3);
        let asked = |partition| EpochPartition { partition, current_leader_epoch: None, epoch };
        let topic = EpochTopic { topic: "t".into(), partitions: vec![asked(2), asked(3)] };
        let request = OffsetForLeaderEpochRequest { topics: vec![topic] };
        let of = |topic: &str, told: &[(i32, i64)]| {
            let end = |(partition, end_offset): &(i32, i64)| PartitionEnd {
                partition: *partition,
                error: ErrorCode::NONE,
                end: EpochEnd { epoch, end_offset: *end_offset },
            };
            let partitions = told.iter().map(end).collect();
            let topics = vec![EpochEnds { topic: topic.into(), partitions }];
            answers(&request, OffsetForLeaderEpochResponse { topics })
        };
        let ends = of("t", &[(3, 30), (2, 20)]).unwrap();
        let end = |partition| ends[&TopicPartition::new("t", partition)].map(|end| end.end_offset);
        assert_eq!((end(2), end(3)), (Ok(20), Ok(30)));
        for wrong in [&[(3, 20), (3, 30)][..], &[(2, 20)], &[(2, 20), (4, 30)], &[(2, 20), (3, 30), (4, 0)]] {
            assert_eq!(of("t", wrong).unwrap_err().kind(), ErrorKind::Protocol, "{wrong:?}");
        }
        of("u", &[(2, 20), (3, 30)]).unwrap_err();
    }
}

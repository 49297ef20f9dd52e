//! Which offsets are read, and by whom.

use std::collections::HashMap;
use std::sync::Arc;

use ottla::ids::TopicPartition;
use ottla::{Cluster, IsolationLevel, OffsetAt, OffsetRange};

use crate::arguments::read::ReadOptions;
use crate::failure::Failure;
use crate::moment::{End, Start};
use crate::topic;

/// The ranges that are not empty.
pub(super) async fn ranges(
    cluster: &Cluster,
    options: &ReadOptions,
    isolation: IsolationLevel,
) -> Result<Vec<OffsetRange>, Failure> {
    let partitions = partitions(cluster, options).await?;
    let places = Places { cluster, partitions: &partitions, isolation };
    let from = match options.from {
        Start::Earliest => places.at(OffsetAt::Earliest).await?,
        Start::Latest => places.at(OffsetAt::Latest).await?,
        Start::Offset(offset) => places.existing(offset).await?,
        Start::Time(time) => places.since(OffsetAt::Time(time)).await?,
    };
    let until = match options.to {
        End::Latest => places.at(OffsetAt::Latest).await?,
        End::Offset(offset) => places.fixed(offset),
        End::Time(time) => places.since(OffsetAt::Time(time)).await?,
        End::Never => places.fixed(i64::MAX),
    };
    let range = |topic_partition: &TopicPartition| {
        let (from, until) = (offset(&from, topic_partition)?, offset(&until, topic_partition)?);
        Ok(OffsetRange::new(topic_partition.clone(), from, until))
    };
    let ranges: Vec<_> = partitions.iter().map(range).collect::<Result<_, Failure>>()?;
    Ok(ranges.into_iter().filter(|range| range.from < range.until).collect())
}

/// Deals ranges out to at most `readers`, the largest first, so that all have about as much to do.
pub(super) fn shares(mut ranges: Vec<OffsetRange>, readers: usize) -> Vec<Vec<OffsetRange>> {
    let length = |range: &OffsetRange| range.until.saturating_sub(range.from);
    ranges.sort_by_key(|range| std::cmp::Reverse(length(range)));
    let mut shares: Vec<(i64, Vec<OffsetRange>)> = vec![(0, Vec::new()); readers.min(ranges.len())];
    for range in ranges {
        if let Some((sum, share)) = shares.iter_mut().min_by_key(|(sum, share)| (*sum, share.len())) {
            *sum = sum.saturating_add(length(&range));
            share.push(range);
        }
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

async fn partitions(cluster: &Cluster, options: &ReadOptions) -> Result<Vec<TopicPartition>, Failure> {
    let numbers = topic::partitions(cluster, &options.topic).await?;
    let topic: Arc<str> = Arc::from(options.topic.as_str());
    let mut wanted = options.partition.clone();
    wanted.sort_unstable();
    wanted.dedup();
    if let Some(missing) = wanted.iter().find(|wanted| !numbers.contains(wanted)) {
        let last = numbers.last().copied().unwrap_or(0);
        return Err(Failure::failed(format!("topic {topic} has partitions 0 to {last}, and no {missing}")));
    }
    let chosen = if wanted.is_empty() { numbers } else { wanted };
    Ok(chosen.into_iter().map(|partition| TopicPartition::new(Arc::clone(&topic), partition)).collect())
}

/// Finds offsets of partitions.
struct Places<'a> {
    cluster: &'a Cluster,
    partitions: &'a [TopicPartition],
    isolation: IsolationLevel,
}

type Offsets = HashMap<TopicPartition, i64>;

/// The offset of a partition. One that is left out must not be left unread.
fn offset(offsets: &Offsets, partition: &TopicPartition) -> Result<i64, Failure> {
    let missing = || Failure::failed(format!("no broker told an offset of {partition}"));
    offsets.get(partition).copied().ok_or_else(missing)
}

impl Places<'_> {
    async fn at(&self, at: OffsetAt) -> Result<Offsets, Failure> {
        Ok(self.cluster.list_offsets(self.partitions, at, self.isolation).await?)
    }

    /// As [`Places::at`] for a time; partitions without so young a record give their end.
    async fn since(&self, time: OffsetAt) -> Result<Offsets, Failure> {
        let mut offsets = self.at(OffsetAt::Latest).await?;
        offsets.extend(self.at(time).await?);
        Ok(offsets)
    }

    /// An offset that every partition has, or will have next.
    async fn existing(&self, from: i64) -> Result<Offsets, Failure> {
        let anything = IsolationLevel::ReadUncommitted;
        let ends = self.cluster.list_offsets(self.partitions, OffsetAt::Latest, anything).await?;
        for partition in self.partitions {
            let end = offset(&ends, partition)?;
            if from > end {
                let text = format!("--from {from} lies beyond the end of {partition}, which is offset {end}");
                return Err(Failure::failed(text));
            }
        }
        Ok(self.fixed(from))
    }

    fn fixed(&self, offset: i64) -> Offsets {
        self.partitions.iter().map(|partition| (partition.clone(), offset)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_disjoint_and_about_equal() {
        let range = |n: i32, length: i64| OffsetRange::new(TopicPartition::new("t", n), 5, 5 + length);
        let ranges = vec![range(0, 10), range(1, 30), range(2, 10), range(3, 10)];
        let dealt = shares(ranges.clone(), 2);
        let numbers = |share: &Vec<OffsetRange>| -> Vec<i32> {
            share.iter().map(|range| range.topic_partition.partition).collect()
        };
        assert_eq!(dealt.iter().map(numbers).collect::<Vec<_>>(), [vec![1], vec![0, 2, 3]]);
        assert_eq!(shares(ranges, 9).len(), 4);
        assert_eq!(shares(Vec::new(), 3), Vec::<Vec<OffsetRange>>::new());
    }
}

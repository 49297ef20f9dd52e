//! Logs that are cut off under readings that have seen what is lost: random topics on two brokers, of which one is away
//! while more is written, then comes back alone and leads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::partition::LossReason;
use ottla::{
    Cluster, Credentials, Decoder, Error, IsolationLevel, OffsetAt, OffsetRange, OnDataLoss, ReadOptions,
    Reader,
};
use ottla_lab::{Listener, OwnCluster};

use super::judge::Figures;
use super::{Javas, LEVELS, Section, Seen, java, java_reads, java_reads_now, ours, read_as_java};
use crate::support::lab::{connect, settled, with};
use crate::support::{raw, within};

/// How many topics are made together.
pub(crate) const TOPICS: u32 = 40;

/// What something takes at the most, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A reader that has nothing for so long is looked at again.
const GLANCE: Duration = Duration::from_millis(300);

/// What was compared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CutFigures {
    /// Of both isolation levels.
    pub(crate) partitions: usize,
    /// Where the reader had read what was lost.
    pub(crate) cut: usize,
    pub(crate) records: usize,
    /// The new logs, read from their starts.
    pub(crate) afterwards: Figures,
}

/// What a reader brought of a partition, before its log was cut off and after.
#[derive(Default)]
struct Lives {
    before: Vec<Seen>,
    after: Vec<Seen>,
}

/// A reading of all partitions that goes on for ever.
struct Open {
    level: &'static str,
    reader: Reader,
    lives: BTreeMap<TopicPartition, Lives>,
    is_cut: bool,
}

impl Open {
    fn begin(cluster: &Cluster, level: IsolationLevel, name: &'static str, javas: &Javas) -> Self {
        let sections = javas.iter().filter(|((level, ..), _)| *level == name);
        let ranges = sections.map(|((_, topic, partition), section)| {
            OffsetRange::new(TopicPartition::new(topic.as_str(), *partition), section.start, i64::MAX)
        });
        let options = ReadOptions::new().with_isolation_level(level).with_data_loss(OnDataLoss::Skip);
        let ranges: Vec<OffsetRange> = ranges.collect();
        let lives = ranges.iter().map(|range| (range.topic_partition.clone(), Lives::default())).collect();
        Self { level: name, reader: cluster.read(ranges, options), lives, is_cut: false }
    }

    /// Reads until the last of Java's records is there, and each loss that `cuts` asks for is told.
    async fn drain(&mut self, javas: &Javas, cuts: &Ends) -> Result<(), String> {
        let mut decoder = Decoder::new();
        let began = raw::now();
        while !self.is_done(javas, cuts) {
            if began.elapsed() > PATIENCE {
                return Err(format!("{}: not all is read after {PATIENCE:?}", self.level));
            }
            let Ok(chunk) = tokio::time::timeout(GLANCE, self.reader.next()).await else { continue };
            let chunk = chunk.map_err(|error| ours::told(&error))?.ok_or("an open range ended")?;
            let lives = self.lives.get_mut(chunk.topic_partition()).ok_or("a partition that nobody reads")?;
            chunk
                .for_each_record(&mut decoder, |record| {
                    let seen = ours::seen(&chunk, &record)?;
                    if self.is_cut {
                        lives.after.push(seen)
                    } else {
                        lives.before.push(seen)
                    }
                    Ok::<_, Error>(())
                })
                .map_err(|error| ours::told(&error))?;
        }
        Ok(())
    }

    fn is_done(&self, javas: &Javas, cuts: &Ends) -> bool {
        self.lives.iter().all(|(place, lives)| {
            let last = section(javas, self.level, place).records.last().map_or(-1, |seen| seen.offset);
            if !self.is_cut {
                return lives.before_end() > last;
            }
            let cut = cuts[place];
            let is_told = lives.before_end() <= cut || self.loss(place).is_some();
            let behind = lives.after.last().map_or(lives.before_end().min(cut), |seen| seen.offset + 1);
            is_told && behind > last
        })
    }

    fn loss(&self, place: &TopicPartition) -> Option<(i64, i64)> {
        let losses = self.reader.losses().iter().filter(|loss| loss.topic_partition == *place);
        let truncated = losses.filter(|loss| loss.reason == LossReason::Truncated);
        truncated.map(|loss| (loss.offsets.start, loss.offsets.end)).next()
    }

    /// Whether Java reads the same: of the old log before it was cut off, of the new one from there on.
    fn judge(&self, cuts: &Ends, old: &Javas, new: &Javas, figures: &mut CutFigures) -> Result<(), String> {
        for (place, lives) in &self.lives {
            let cut = cuts[place];
            let told = |text: String| format!("{place}, {}, cut off at {cut}: {text}", self.level);
            same(&lives.before, self.level, place, old, 0).map_err(told)?;
            let next = lives.before_end();
            let loss = self.loss(place);
            if next > cut && loss.is_none_or(|(start, end)| start != cut || end < next) {
                return Err(told(format!("the next offset was {next}, and the loss {loss:?}")));
            }
            if loss.is_some_and(|(start, _)| start != cut) {
                return Err(told(format!("the loss is {loss:?}")));
            }
            same(&lives.after, self.level, place, new, next.min(cut)).map_err(told)?;
            figures.partitions += 1;
            figures.cut += usize::from(loss.is_some());
            figures.records += lives.before.len() + lives.after.len();
        }
        let other = self.reader.losses().iter().find(|loss| loss.reason != LossReason::Truncated);
        other.map_or(Ok(()), |loss| Err(format!("{}: {loss:?}", self.level)))
    }
}

impl Lives {
    /// Behind the last record of the old log.
    fn before_end(&self) -> i64 {
        self.before.last().map_or(0, |seen| seen.offset + 1)
    }
}

fn section<'a>(javas: &'a Javas, level: &'static str, place: &TopicPartition) -> &'a Section {
    &javas[&(level, place.topic.to_string(), place.partition)]
}

/// Whether records are those that Java reads from an offset on. Only what the log has no more, by compaction, may be ours alone.
fn same(
    records: &[Seen],
    level: &'static str,
    place: &TopicPartition,
    javas: &Javas,
    from: i64,
) -> Result<(), String> {
    if let Some(pair) = records.windows(2).find(|pair| pair[0].offset >= pair[1].offset) {
        return Err(format!("out of order: {pair:?}"));
    }
    let at = |some: &[Seen], offset: i64| some.iter().find(|seen| seen.offset == offset).copied();
    let javas_records = section(javas, level, place).records.iter().filter(|seen| seen.offset >= from);
    for seen in javas_records {
        let ours = at(records, seen.offset);
        if ours != Some(*seen) {
            return Err(format!("{seen:?} of Java's is {ours:?}"));
        }
    }
    let (all, reads) = (section(javas, LEVELS[0].1, place), section(javas, level, place));
    for seen in records {
        if at(&reads.records, seen.offset).is_none() && at(&all.records, seen.offset).is_some() {
            return Err(format!("{seen:?} of ours is nothing for Java"));
        }
    }
    Ok(())
}

/// The end of each log.
type Ends = BTreeMap<TopicPartition, i64>;

/// The ends of logs, once they stand still: markers of transactions come after these.
async fn ends(cluster: &Cluster, javas: &Javas) -> Ends {
    let names = javas.keys().filter(|(level, ..)| *level == LEVELS[0].1);
    let places = names.map(|(_, topic, partition)| TopicPartition::new(topic.as_str(), *partition));
    let places: Vec<TopicPartition> = places.collect();
    let asked = async || {
        let ends = cluster.list_offsets(&places, OffsetAt::Latest, LEVELS[0].0).await.unwrap();
        ends.into_iter().collect::<Ends>()
    };
    within(PATIENCE, "the ends of logs", async {
        let mut last = asked().await;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let next = asked().await;
            if next == last {
                return next;
            }
            last = next;
        }
    })
    .await
}

/// Makes the topics of a seed on brokers 1 and 2 of a cluster of three, cuts their logs off under readings of both
/// isolation levels, and compares what these read with what Java reads before and after.
pub(crate) async fn compare(own: OwnCluster, seed: u64) -> Result<CutFigures, String> {
    let dir = tempfile::tempdir().unwrap();
    let (word, topics) = (seed.to_string(), TOPICS.to_string());
    let more = |stage: &str| ["more", &word, &topics, "1,2", stage].map(str::to_owned).to_vec();
    let made = java_reads(&own, &["make", &word, &topics, "1,2"], &dir.path().join("made")).await;
    let cluster = connect(&own, Listener::Plaintext, Credentials::None).await.unwrap();
    let mut topics_made: Vec<Arc<str>> = made.keys().map(|(_, topic, _)| topic.as_str().into()).collect();
    topics_made.dedup();
    settled(&cluster, &topics_made, 2).await;
    let cuts = ends(&cluster, &made).await;
    let own = with(own, |own| own.broker(2).stop().unwrap()).await;
    settled(&cluster, &topics_made, 1).await;
    java(&own, more("1")).await;
    let old = java_reads_now(&own, seed).await;
    let begin = |(level, name)| Open::begin(&cluster, level, name, &old);
    let mut readings = LEVELS.map(begin);
    for open in &mut readings {
        open.drain(&old, &cuts).await?;
        open.is_cut = true;
    }
    let own = with(own, |own| own.broker(1).stop().unwrap()).await;
    let own = with(own, |own| own.broker(2).start().unwrap()).await;
    settled(&cluster, &topics_made, 1).await;
    java(&own, more("2")).await;
    let new = java_reads_now(&own, seed).await;
    let mut figures = CutFigures::default();
    for open in &mut readings {
        open.drain(&new, &cuts).await?;
        open.judge(&cuts, &old, &new, &mut figures)?;
    }
    figures.afterwards = read_as_java(&own, &cluster, seed, 2, &new).await?;
    with(own, |_| {}).await;
    Ok(figures)
}

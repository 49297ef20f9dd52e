//! `Reader`: the application's side of reading.

use std::fmt;
use std::sync::Arc;
use std::vec;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::asking::Asking;
use super::chunk::Chunk;
use super::range::{Loss, OffsetRange, ReadOptions};
use super::recovery::Reading;
use super::report::Delivery;
use super::router::Router;
use crate::cluster::client::Cluster;
use crate::error::Error;

/// Responses that wait for the application, beside those in flight.
const READY: usize = 2;

impl Cluster {
    /// Reads ranges of partitions, all side by side. Nothing is sent before the first
    /// [`Reader::next`].
    ///
    /// The order of offsets within a range is kept; ranges come in turn, as they arrive. A range
    /// that exists already needs no connection beyond the one that the client has to each leader;
    /// to wait for records that do not exist yet takes another one.
    ///
    /// # Examples
    /// ```no_run
    /// use ottla::ids::TopicPartition;
    /// use ottla::{Cluster, Decoder, Error, OffsetRange, ReadOptions};
    ///
    /// # async fn example(cluster: Cluster) -> Result<(), Error> {
    /// let range = OffsetRange::new(TopicPartition::new("orders", 0), 0, 1_000_000);
    /// let mut reader = cluster.read(vec![range], ReadOptions::new());
    /// let mut decoder = Decoder::new();
    /// while let Some(chunk) = reader.next().await? {
    ///     chunk.for_each_record(&mut decoder, |record| {
    ///         println!("{} {:?}", record.offset, record.value);
    ///         Ok::<_, Error>(())
    ///     })?;
    /// }
    /// # Ok(()) }
    /// ```
    pub fn read(&self, ranges: Vec<OffsetRange>, options: ReadOptions) -> Reader {
        let ranges = ranges.into_iter().filter(|range| range.from < range.until).collect();
        let stage = Stage::Planned(Box::new((self.clone(), ranges, options)));
        Reader { stage, ready: Vec::new().into_iter(), losses: Vec::new(), asking: Asking::default() }
    }
}

/// Gives the batches of ranges of partitions, chunk by chunk. Made by [`Cluster::read`].
///
/// Every broker is read at its own pace: one that is slow or silent holds up nobody but its own
/// partitions. When a leader moves or a connection breaks, when a partition has no leader for a while or
/// a topic is made again, reading goes on: nothing is lost unseen and nothing comes twice, as long as a
/// partition's log is the same. What asks in vain asks ever more seldom. Dropping the reader ends it at
/// once.
pub struct Reader {
    stage: Stage,
    ready: vec::IntoIter<Chunk>,
    losses: Vec<Loss>,
    asking: Asking,
}

enum Stage {
    Planned(Box<(Cluster, Vec<OffsetRange>, ReadOptions)>),
    /// The set ends its task when it is dropped.
    Running {
        deliveries: mpsc::Receiver<Delivery>,
        _router: JoinSet<()>,
    },
    Failed(Error),
    Done,
}

impl Reader {
    /// Gives the next chunk of any range, `None` when every range is read to its end. It waits as long
    /// as there is nothing: for brokers, for new records, or for chunks to be dropped if they hold
    /// all of the byte budget.
    ///
    /// # Errors
    /// The first one ends the reading and is given again on every later call. `DataLoss` if
    /// records are no longer there; `Protocol` and `Unsupported` for batches that cannot be read;
    /// `Broker` for a partition that may not be read, and for a range that begins beyond the end of its
    /// log; `Shutdown` if the runtime of the first call is gone; what is wrong with a partition that
    /// brought nothing for the configured deadline, in which only time counts that was spent in this
    /// call, and up to a second after each. A broker that throttles (KIP-219) is waited for.
    ///
    /// # Cancel safety
    /// A dropped call loses nothing.
    pub async fn next(&mut self) -> Result<Option<Chunk>, Error> {
        let _call = self.asking.begin();
        loop {
            if let Some(chunk) = self.ready.next() {
                return Ok(Some(chunk));
            }
            self.stage.start(&self.asking);
            let delivery = match &mut self.stage {
                Stage::Running { deliveries, .. } => deliveries.recv().await,
                Stage::Failed(error) => return Err(error.clone()),
                Stage::Done => return Ok(None),
                Stage::Planned(_) => None,
            };
            match delivery {
                Some(Delivery::Chunks(chunks)) => self.ready = chunks.into_iter(),
                Some(Delivery::Lost(loss)) => {
                    warn_of(&loss);
                    self.losses.push(loss);
                }
                Some(Delivery::Failed(error)) => self.stage = Stage::Failed(error),
                Some(Delivery::Done) => self.stage = Stage::Done,
                // The tasks are gone, with the runtime that they were started on.
                None => self.stage = Stage::Failed(Error::shutdown()),
            }
        }
    }

    /// What was skipped so far because it was no longer there, in the order in which it was
    /// found, each with a warning in the log: nothing, unless [`OnDataLoss::Skip`](crate::OnDataLoss::Skip) was asked for.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }
}

fn warn_of(loss: &Loss) {
    let Loss { topic_partition: partition, offsets, reason } = loss;
    tracing::warn!(%partition, from = offsets.start, until = offsets.end, %reason, "records are lost");
}

impl Stage {
    /// Starts the tasks, on the runtime of the call.
    fn start(&mut self, asking: &Asking) {
        if let Self::Planned(plan) = self {
            let (cluster, ranges, options) = (plan.0.clone(), std::mem::take(&mut plan.1), plan.2.clone());
            let reading = Reading { cluster, options: Arc::new(options), asking: asking.clone() };
            let (sender, deliveries) = mpsc::channel(READY);
            let mut router = JoinSet::new();
            router.spawn(Router::new(reading, sender).run(ranges));
            *self = Self::Running { deliveries, _router: router };
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Planned(_) => "planned",
            Stage::Running { .. } => "running",
            Stage::Failed(_) => "failed",
            Stage::Done => "done",
        };
        f.debug_struct("Reader").field("stage", &stage).field("losses", &self.losses).finish_non_exhaustive()
    }
}

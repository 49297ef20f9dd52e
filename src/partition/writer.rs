//! `Writer`: the application's side of writing.
//!
//! ```text
//! send ──► accumulator ──► dispatcher ──► courier (one for each leader) ──► connection
//!          (std mutex)     packs, stamps   │
//!                          outboxes ◄──────┘ answers
//! ```

mod accumulator;
mod batch;
mod completion;
mod courier;
mod dispatcher;
#[cfg(feature = "unstable-internals")]
pub(crate) mod gathering;
mod looks;
mod options;
mod outbox;
mod partitioner;
mod refusal;
mod request;
mod sender;
mod stall;
mod verdict;

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use self::accumulator::{Accumulator, Arrival, Pushed};
pub use self::completion::{Acknowledgement, Receipt};
use self::dispatcher::Dispatcher;
pub use self::options::{BatchOutcome, WriteOptions};
use self::sender::{Handle, Sender};
use crate::cluster::client::Cluster;
use crate::entropy;
use crate::error::{Error, ErrorKind};
use crate::time::{self, Clock, SystemClock};
use crate::wire::records::NewRecord;

impl Cluster {
    /// Makes a writer, which gathers records and sends them in batches. Nothing is sent before a
    /// topic is asked for. One writer serves any number of tasks and topics.
    ///
    /// # Examples
    /// ```no_run
    /// use ottla::{Cluster, Error, NewRecord, WriteOptions};
    ///
    /// # async fn example(cluster: Cluster) -> Result<(), Error> {
    /// let writer = cluster.write(WriteOptions::new());
    /// let orders = writer.topic("orders").await?;
    /// for number in 0..1_000_000 {
    ///     let key = format!("order {number}");
    ///     orders.send(NewRecord::value(b"paid").with_key(&key)).await?;
    /// }
    /// writer.flush().await?;
    /// # Ok(()) }
    /// ```
    pub fn write(&self, options: WriteOptions) -> Writer {
        let accumulator = Mutex::new(Accumulator::new(&options));
        let shared = Shared {
            accumulator,
            wake: Notify::new(),
            changed: Notify::new(),
            turn_due: AtomicBool::new(false),
            turns: tokio::sync::Mutex::default(),
            options,
        };
        let (topics, task) = (Mutex::default(), Mutex::default());
        let inner = Inner { cluster: self.clone(), shared: Arc::new(shared), topics, task };
        Writer { inner: Arc::new(inner), handle: Arc::new(Handle(Sender::first())) }
    }
}

/// Writes records to topics: idempotent, in order within each partition, acknowledged by all
/// in-sync replicas. Made by [`Cluster::write`]. Clones share one writer, and each is told of its own records: give
/// each task a clone.
///
/// When a leader moves, a connection breaks or authenticates again, batches are sent again where
/// that is needed: nothing is lost and nothing comes twice. A batch that is larger than its topic takes
/// is sent in parts. Partitions that a topic gets meanwhile are used once they are known, at the
/// latest after [`metadata_max_age`](crate::Config::with_metadata_max_age); from then on keys go where they send them, as
/// with Java's client. So it is with a topic that is deleted and made anew, be it with fewer partitions: what waits for
/// one that is gone fails, and says so.
///
/// Call [`close`](Self::close) or [`flush`](Self::flush) at the end. When the last clone is dropped, topics'
/// handles included, what is not acknowledged is given up without a word to anybody but the holders of
/// [receipts](Receipt), who are told so; batches that were sent may be written all the same.
pub struct Writer {
    inner: Arc<Inner>,
    handle: Arc<Handle>,
}

impl Clone for Writer {
    fn clone(&self) -> Self {
        let sender = &self.handle.0;
        Self { inner: Arc::clone(&self.inner), handle: Arc::new(Handle(Sender::another(sender))) }
    }
}

struct Inner {
    cluster: Cluster,
    shared: Arc<Shared>,
    topics: Mutex<HashMap<Arc<str>, usize>>,
    /// The set ends its task when it is dropped.
    task: Mutex<Option<JoinSet<()>>>,
}

/// What a writer and its task share.
struct Shared {
    accumulator: Mutex<Accumulator>,
    /// Wakes the task.
    wake: Notify,
    /// A batch was resolved.
    changed: Notify,
    /// The task was woken and should get its turn, so that it finds the batch in the cache.
    turn_due: AtomicBool,
    /// Who waits for memory has it first whose turn it is.
    turns: tokio::sync::Mutex<()>,
    options: WriteOptions,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Accumulator> {
        self.accumulator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Gives a handle to write to one topic, at the price of a look at the cluster for the first
    /// one of each topic. Keep it: it makes sending cheap.
    ///
    /// # Errors
    /// `Broker` for a topic that does not exist or may not be seen; what is wrong with the
    /// connections to the cluster if it could not be asked within the configured deadline.
    ///
    /// # Cancel safety
    /// A dropped call loses the answer only.
    pub async fn topic(&self, name: &str) -> Result<TopicWriter, Error> {
        let known = self.topics().get_key_value(name).map(|(name, index)| (Arc::clone(name), *index));
        let (name, index) = match known {
            Some(known) => known,
            None => self.add(name).await?,
        };
        let (inner, handle) = (Arc::clone(&self.inner), Arc::clone(&self.handle));
        Ok(TopicWriter { inner, handle, name, index })
    }

    async fn add(&self, name: &str) -> Result<(Arc<str>, usize), Error> {
        if let Some(error) = self.inner.shared.lock().fatal.clone() {
            return Err(error);
        }
        let partitions = self.inner.cluster.partitions(name).await?;
        self.start();
        let seed = entropy::fill().map_or(1, u32::from_be_bytes);
        let name: Arc<str> = Arc::from(name);
        let index = self.inner.shared.lock().topic(&name, partitions.len(), seed);
        self.topics().insert(Arc::clone(&name), index);
        Ok((name, index))
    }

    /// Writes a record to a topic as [`TopicWriter::send`] does; with a look for the topic's handle.
    ///
    /// # Errors
    /// Those of [`topic`](Self::topic) and of [`TopicWriter::send`].
    ///
    /// # Cancel safety
    /// A dropped call has taken nothing.
    pub async fn send(&self, topic: &str, record: NewRecord<'_>) -> Result<(), Error> {
        self.topic(topic).await?.send(record).await
    }

    /// Sends all records that were taken so far, without lingering, and waits until it is known
    /// what became of them. It takes at most the delivery timeout.
    ///
    /// It tells of the records that were sent through this clone of the writer and the topics' handles that it gave:
    /// tasks with a clone each hear of their own records and nobody else's. What a clone was not told when it is
    /// dropped, the first writer is told, the one that [`Cluster::write`] gave.
    ///
    /// # Errors
    /// The first failure of a batch since the last call that failed, or since the beginning; other records may
    /// have been written all the same. [`possibly_written`](Error::possibly_written) says
    /// whether those that failed may be in their partition. `Shutdown` if the runtime on which the first topic was
    /// asked for is gone, and the writer's task with it.
    ///
    /// # Cancel safety
    /// A dropped call loses nothing: records are sent all the same.
    pub async fn flush(&self) -> Result<(), Error> {
        let (serial, wake) = self.inner.shared.lock().flush();
        self.resolved(serial, wake).await?;
        self.handle.0.take_failure().map_or(Ok(()), Err)
    }

    /// Ends the writer: takes no more records from any clone, sends those that were taken as
    /// [`flush`](Self::flush) does, and ends its task.
    ///
    /// It takes as long as the records do: at most the delivery timeout. For less time put it into
    /// [`tokio::time::timeout`] and drop the writer. A second call waits for what is left.
    ///
    /// # Errors
    /// Those of [`flush`](Self::flush), and those of clones that are gone. The writer is ended all the same.
    /// Records sent afterwards are `Shutdown`.
    ///
    /// # Cancel safety
    /// A dropped call has ended the taking of records; those that were taken are sent all the same, as long as the
    /// writer or a topic's handle lives.
    pub async fn close(&self) -> Result<(), Error> {
        let ended = Error::because(ErrorKind::Shutdown, "the writer was closed");
        let (serial, wake) = self.inner.shared.lock().end(ended);
        // Who waits for memory waits no longer.
        self.inner.shared.changed.notify_waiters();
        let resolved = self.resolved(serial, wake).await;
        drop(self.inner.task.lock().unwrap_or_else(PoisonError::into_inner).take());
        resolved?;
        self.handle.0.last_failure().map_or(Ok(()), Err)
    }

    /// Waits until it is known what became of all batches before `serial`.
    async fn resolved(&self, serial: u64, wake: bool) -> Result<(), Error> {
        let shared = &self.inner.shared;
        if wake {
            shared.wake.notify_one();
        }
        loop {
            let mut changed = pin!(shared.changed.notified());
            // Heard from now on, so that no change falls between the look and the wait.
            changed.as_mut().enable();
            {
                let accumulator = shared.lock();
                if accumulator.is_resolved(serial) {
                    return Ok(());
                }
                if let Some(error) = accumulator.fatal.clone().filter(|_| accumulator.is_abandoned) {
                    return Err(error.possibly_written_if(true));
                }
            }
            changed.await;
        }
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.inner.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) {
        let mut task = self.inner.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.get_or_insert_with(|| {
            let mut set = JoinSet::new();
            set.spawn(Dispatcher::new(self.inner.cluster.clone(), Arc::clone(&self.inner.shared)).run());
            set
        });
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("options", &self.inner.shared.options).finish_non_exhaustive()
    }
}

/// Writes records to one topic. Made by [`Writer::topic`]. Clones share the writer; what they send is told to the
/// clone of the writer that they come from.
#[derive(Clone)]
pub struct TopicWriter {
    inner: Arc<Inner>,
    handle: Arc<Handle>,
    name: Arc<str>,
    index: usize,
}

impl TopicWriter {
    /// The name of the topic.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes a record to be written. It waits only while the writer's memory is taken; what became
    /// of the record is told by [`Writer::flush`], and to the
    /// [batch listener](WriteOptions::with_batch_listener).
    ///
    /// # Errors
    /// `Misuse` for a record larger than the writer's memory, or a partition that the topic does
    /// not have; what ended the writer. The record was not taken.
    ///
    /// # Cancel safety
    /// A dropped call has taken nothing.
    #[inline]
    pub async fn send(&self, record: NewRecord<'_>) -> Result<(), Error> {
        if self.inner.shared.turn_due.load(Ordering::Relaxed) {
            self.inner.shared.turn_due.store(false, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
        match self.push(&record, false)? {
            Some(_) => Ok(()),
            None => self.push_later(record, false).await.map(drop),
        }
    }

    /// Takes a record as [`send`](Self::send) does, and gives a receipt that becomes what became
    /// of it.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    ///
    /// # Cancel safety
    /// A dropped call has taken nothing.
    pub async fn send_with_receipt(&self, record: NewRecord<'_>) -> Result<Receipt, Error> {
        let receipt = match self.push(&record, true)? {
            Some(receipt) => receipt,
            None => self.push_later(record, true).await?,
        };
        receipt.ok_or_else(Error::shutdown)
    }

    /// Takes a record as [`send`](Self::send) does if there is memory for it now, and says whether
    /// there was.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, record: NewRecord<'_>) -> Result<bool, Error> {
        Ok(self.push(&record, false)?.is_some())
    }

    #[inline]
    fn push(&self, record: &NewRecord<'_>, wants_receipt: bool) -> Result<Option<Option<Receipt>>, Error> {
        let timestamp = record.timestamp.unwrap_or_else(|| SystemClock.now());
        let (topic, timestamp, sender) = (self.index, timestamp.as_millis(), &self.handle.0);
        let arrival = Arrival { topic, timestamp, now: time::now, wants_receipt, sender };
        let pushed = self.inner.shared.lock().push(record, arrival)?;
        let (taken, wake) = match pushed {
            Pushed::Taken { receipt, wake } => (Some(receipt), wake),
            Pushed::Full { wake } => (None, wake),
        };
        if wake {
            self.inner.shared.turn_due.store(true, Ordering::Relaxed);
            self.inner.shared.wake.notify_one();
        }
        Ok(taken)
    }

    /// Waits until there is memory.
    #[cold]
    async fn push_later(&self, record: NewRecord<'_>, wants_receipt: bool) -> Result<Option<Receipt>, Error> {
        let _starving = Starving::new(&self.inner.shared);
        // One after the other, in the order of their calls.
        let _turn = self.inner.shared.turns.lock().await;
        loop {
            let mut changed = pin!(self.inner.shared.changed.notified());
            changed.as_mut().enable();
            if let Some(receipt) = self.push(&record, wants_receipt)? {
                return Ok(receipt);
            }
            changed.await;
        }
    }
}

/// Somebody waits for memory: nothing lingers meanwhile.
struct Starving<'a>(&'a Shared);

impl<'a> Starving<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.lock().starving += 1;
        shared.wake.notify_one();
        Self(shared)
    }
}

impl Drop for Starving<'_> {
    fn drop(&mut self) {
        self.0.lock().starving -= 1;
    }
}

impl fmt::Debug for TopicWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicWriter").field("name", &self.name).finish_non_exhaustive()
    }
}

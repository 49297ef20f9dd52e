//! What waits for one partition, and the partitions of a topic.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::partition::writer::batch::Batch;
use crate::partition::writer::partitioner::{Sticky, of_key};
use crate::wire::records::NewRecord;

#[derive(Debug)]
pub(in crate::partition::writer) struct Topic {
    pub(in crate::partition::writer) name: Arc<str>,
    /// How many partitions it has.
    pub(super) count: usize,
    /// Of these, and of those that it had before it was made anew.
    pub(super) queues: Vec<Queue>,
    pub(super) sticky: Sticky,
    pub(super) led: Vec<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) open: Option<Batch>,
    pub(super) closed: VecDeque<Batch>,
    /// The open batch waits to be sent.
    pub(super) is_due: bool,
    /// The partition stands in `ready`.
    pub(super) is_ready: bool,
    /// How large the last batch grew.
    pub(super) usual: usize,
}

impl Queue {
    /// The batch that is to be sent next.
    pub(super) fn front(&self) -> Option<&Batch> {
        self.closed.front().or_else(|| self.open.as_ref().filter(|_| self.is_due))
    }

    pub(super) fn take_open(&mut self) -> Option<Batch> {
        let batch = self.open.take()?;
        self.is_due = false;
        self.usual = batch.len();
        Some(batch)
    }

    pub(super) fn take_front(&mut self) -> Option<Batch> {
        self.closed.pop_front().or_else(|| self.take_open())
    }
}

impl Topic {
    pub(super) fn new(name: Arc<str>, sticky: Sticky) -> Self {
        Self { name, count: 0, queues: Vec::new(), sticky, led: Vec::new() }
    }

    #[inline]
    pub(super) fn choose(&self, record: &NewRecord<'_>) -> Result<usize, Error> {
        let count = self.count;
        match (record.partition, record.key) {
            (Some(partition), _) => {
                let chosen = usize::try_from(partition).ok().filter(|chosen| *chosen < count);
                chosen.ok_or_else(|| {
                    let text = format!("partition {partition}, of which the topic has {count}");
                    Error::because(ErrorKind::Misuse, text).about_topic(&self.name)
                })
            }
            (None, Some(key)) => Ok(of_key(key, count)),
            (None, None) => Ok(self.sticky.partition()),
        }
    }
}

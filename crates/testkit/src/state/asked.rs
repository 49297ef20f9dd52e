//! The requests that brokers have answered, for a test that counts them.

use std::collections::VecDeque;
use std::time::Duration;

use kafka_protocol::messages::ApiKey;

use crate::BrokerId;

/// So many are remembered.
const REMEMBERED: usize = 1 << 16;

/// What a request asked of one partition, or of a topic.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) topic: String,
    pub(crate) partition: Option<i32>,
    pub(crate) offset: i64,
    pub(crate) code: i16,
    pub(crate) bytes: usize,
}

/// A request that a broker has answered, or a partition's part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// When the broker read the request, counted from the start of the cluster.
    pub at: Duration,
    /// When it had its answer: later than `at` if the broker held the request. What a fault delays
    /// after that is not counted.
    pub answered: Duration,
    /// The broker.
    pub broker: BrokerId,
    /// The number of the connection.
    pub connection: u64,
    /// The API.
    pub api: ApiKey,
    /// The API's version.
    pub version: i16,
    /// The topic: of Fetch, Produce, ListOffsets, OffsetForLeaderEpoch and Metadata. Empty for an id
    /// that no topic has.
    pub topic: Option<String>,
    /// The partition: of the same but Metadata.
    pub partition: Option<i32>,
    /// Where a Fetch reads, where a Produce wrote, what ListOffsets and OffsetForLeaderEpoch told; -1
    /// if nothing.
    pub offset: i64,
    /// The error code.
    pub code: i16,
    /// Bytes of records, read or written.
    pub bytes: usize,
}

impl Asked {
    /// How long the broker held the request.
    #[must_use]
    pub fn held(&self) -> Duration {
        self.answered.saturating_sub(self.at)
    }
}

#[derive(Debug, Default)]
pub(crate) struct AskedLog {
    entries: VecDeque<Asked>,
    forgotten: u64,
}

impl AskedLog {
    /// Remembers a request by what it asked of partitions, or as a whole.
    pub(crate) fn push(&mut self, request: &Asked, notes: Vec<Note>) {
        if notes.is_empty() {
            self.keep(request.clone());
        }
        for note in notes {
            self.keep(Asked {
                topic: Some(note.topic),
                partition: note.partition,
                offset: note.offset,
                code: note.code,
                bytes: note.bytes,
                ..request.clone()
            });
        }
    }

    fn keep(&mut self, asked: Asked) {
        if self.entries.len() >= REMEMBERED {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.entries.push_back(asked);
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Asked> {
        self.entries.iter()
    }

    /// Requests that are no longer remembered.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

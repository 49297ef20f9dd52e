//! A record to be written, borrowed from the application.

use super::record::Header;
use crate::time::Timestamp;

/// A record to write. It borrows its bytes, which are copied once, into the batch that is sent.
///
/// # Examples
/// ```
/// use ottla::NewRecord;
///
/// let record = NewRecord::value(b"paid").with_key(b"order 7");
/// # assert_eq!(record, NewRecord::value(b"paid").with_key(b"order 7"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRecord<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) headers: &'a [Header<'a>],
    pub(crate) partition: Option<i32>,
}

impl<'a> NewRecord<'a> {
    /// Makes a record of a value, without a key.
    pub fn value<V: AsRef<[u8]> + ?Sized>(value: &'a V) -> Self {
        Self { value: Some(value.as_ref()), ..Self::tombstone() }
    }

    /// Makes a record without a value: with a key it deletes that from a compacted topic.
    pub fn tombstone() -> Self {
        Self { key: None, value: None, timestamp: None, headers: &[], partition: None }
    }

    /// Sets the key. Records of one key go to one partition, the same that Java's client chooses,
    /// as long as the topic does not get more of them. Default: none.
    #[must_use]
    pub fn with_key<K: AsRef<[u8]> + ?Sized>(mut self, key: &'a K) -> Self {
        self.key = Some(key.as_ref());
        self
    }

    /// Sets the time of creation. Default: the time at which it is given to the writer.
    #[must_use]
    pub fn with_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// Sets the headers, which keep their order; keys may repeat. Default: none.
    #[must_use]
    pub fn with_headers(mut self, headers: &'a [Header<'a>]) -> Self {
        self.headers = headers;
        self
    }

    /// Sets the partition, whatever the key is. Default: by the key, and without a key another
    /// one for each batch.
    #[must_use]
    pub fn with_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// At least as many bytes as the record takes in a batch.
    #[inline]
    pub(crate) fn most_bytes(&self) -> usize {
        /// Lengths, deltas, attributes and the count of headers.
        const FRAMING: usize = 5 + 1 + 10 + 5 + 5 + 5 + 5;
        let field = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let header = |header: &Header<'_>| header.key.len() + field(header.value) + 10;
        let headers: usize = if self.headers.is_empty() { 0 } else { self.headers.iter().map(header).sum() };
        FRAMING + field(self.key) + field(self.value) + headers
    }
}

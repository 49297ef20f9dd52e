//! Records and their headers, borrowed from the bytes of their batch.

use std::fmt;

use super::cursor::Cursor;
use super::error::Error;
use super::header::{BatchHeader, TimestampType};
use crate::time::Timestamp;

/// One record, borrowed from its batch.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its place in the partition.
    pub offset: i64,
    /// When it was made or appended: the batch's timestamp type tells which.
    pub timestamp: Timestamp,
    /// The key. No key and an empty key are different.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone, which deletes its key from a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers, not parsed until they are iterated.
    pub headers: Headers<'a>,
}

/// The records of one batch, in the order of their offsets.
///
/// The first error ends the iteration: nothing after it can be trusted.
#[derive(Clone)]
pub(crate) struct Records<'a> {
    cursor: Cursor<'a>,
    left: u32,
    base_offset: i64,
    next_delta: i64,
    last_delta: i32,
    base_timestamp: i64,
    append_timestamp: Option<Timestamp>,
}

impl<'a> Records<'a> {
    /// `body` is what follows the head of the batch, unpacked.
    pub(super) fn new(header: &BatchHeader, body: &'a [u8]) -> Result<Self, Error> {
        let got = header.record_count;
        let append_timestamp = match header.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(header.max_timestamp),
        };
        Ok(Self {
            cursor: Cursor(body),
            left: u32::try_from(got).map_err(|_| Error::RecordCount { got })?,
            base_offset: header.base_offset,
            next_delta: 0,
            last_delta: header.last_offset_delta,
            base_timestamp: header.base_timestamp.as_millis(),
            append_timestamp,
        })
    }

    /// How many bytes the records have that are left.
    pub(super) fn len_bytes(&self) -> usize {
        self.cursor.0.len()
    }

    #[inline(always)]
    fn read(&mut self) -> Result<Record<'a>, Error> {
        if self.cursor.0.is_empty() {
            return Err(Error::RecordsMissing { left: self.left });
        }
        let got = self.cursor.varint()?;
        let record = usize::try_from(got).ok().and_then(|length| self.cursor.0.split_at_checked(length));
        let Some((record, rest)) = record else {
            return Err(Error::RecordLength { got, left: self.cursor.0.len() });
        };
        self.cursor.0 = rest;
        self.left -= 1;
        let mut fields = Cursor(record);
        fields.skip_byte()?; // Its attributes, of which none is defined.
        let timestamp_delta = fields.varlong()?;
        let delta = fields.varint()?;
        if i64::from(delta) < self.next_delta || delta > self.last_delta {
            return Err(Error::OffsetDelta { got: delta, min: self.next_delta, max: self.last_delta });
        }
        self.next_delta = i64::from(delta) + 1;
        let created = || Timestamp::from_millis(self.base_timestamp.saturating_add(timestamp_delta));
        Ok(Record {
            offset: self.base_offset.saturating_add(delta.into()),
            timestamp: self.append_timestamp.unwrap_or_else(created),
            key: fields.nullable_bytes()?,
            value: fields.nullable_bytes()?,
            headers: Headers { bytes: fields.0 },
        })
    }

    /// Ends the iteration.
    fn stop(&mut self) -> &'a [u8] {
        self.left = 0;
        std::mem::take(&mut self.cursor.0)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            let left = self.stop().len();
            return (left > 0).then_some(Err(Error::TrailingBytes { left }));
        }
        let record = self.read();
        if record.is_err() {
            self.stop();
        }
        Some(record)
    }
}

/// The headers of one record. To copy it costs nothing; to iterate it parses them.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    bytes: &'a [u8],
}

impl<'a> Headers<'a> {
    /// Parses the headers one by one, in the order in which they were written. Keys may repeat.
    #[inline]
    pub fn iter(&self) -> HeaderIter<'a> {
        let mut cursor = Cursor(self.bytes);
        let count =
            cursor.varint().and_then(|got| u32::try_from(got).map_err(|_| Error::HeaderCount { got }));
        match count {
            Ok(left) => HeaderIter { cursor, left, error: None },
            Err(error) => HeaderIter { cursor: Cursor(&[]), left: 0, error: Some(error) },
        }
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = Result<Header<'a>, MalformedHeader>;
    type IntoIter = HeaderIter<'a>;

    fn into_iter(self) -> HeaderIter<'a> {
        self.iter()
    }
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its name.
    pub key: &'a str,
    /// Its value. No value and an empty value are different.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record cannot be read: who wrote them made them wrong, since the CRC of their
/// batch is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedHeader(Error);

impl From<MalformedHeader> for Error {
    fn from(malformed: MalformedHeader) -> Self {
        malformed.0
    }
}

impl fmt::Display for MalformedHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for MalformedHeader {}

/// Iterates over the headers of one record. The first error ends the iteration.
#[derive(Clone)]
pub struct HeaderIter<'a> {
    cursor: Cursor<'a>,
    left: u32,
    /// What was wrong with the count of headers, until it is told.
    error: Option<Error>,
}

impl<'a> HeaderIter<'a> {
    #[inline(always)]
    fn read(&mut self) -> Result<Header<'a>, Error> {
        let key = std::str::from_utf8(self.cursor.bytes()?).map_err(|_| Error::HeaderKey)?;
        Ok(Header { key, value: self.cursor.nullable_bytes()? })
    }

    /// What is wrong after the last header, told once.
    fn error_at_end(&mut self) -> Option<Error> {
        let left = std::mem::take(&mut self.cursor.0).len();
        self.error.take().or_else(|| (left > 0).then_some(Error::TrailingHeaderBytes { left }))
    }
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = Result<Header<'a>, MalformedHeader>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Some(left) = self.left.checked_sub(1) else {
            return if self.cursor.0.is_empty() && self.error.is_none() {
                None
            } else {
                self.error_at_end().map(|error| Err(MalformedHeader(error)))
            };
        };
        self.left = left;
        let header = self.read();
        if header.is_err() {
            (self.left, self.cursor) = (0, Cursor(&[]));
        }
        Some(header.map_err(MalformedHeader))
    }
}

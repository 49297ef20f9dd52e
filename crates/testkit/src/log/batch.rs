//! A record batch of format 2 (KIP-98), kept as its bytes.

use bytes::Bytes;

use super::varint::{read_varint, split};

/// The bytes before the records.
pub(crate) const HEADER: usize = 61;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
/// Where the part begins that the checksum covers.
const CHECKED_FROM: usize = 21;
const COUNT_AT: usize = 57;
const NO_TIMESTAMP: i64 = -1;

const COMPRESSION: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
pub(super) const TRANSACTIONAL: i16 = 0x10;
pub(super) const CONTROL: i16 = 0x20;

/// Why bytes from a producer are not one good batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadBatch {
    /// No batch, or more than one, or a format before 2, or negative counts.
    Invalid,
    /// The checksum or the length is wrong.
    Corrupt,
}

/// A whole batch. The length is that of the bytes and the header is complete.
#[derive(Clone, Debug)]
pub(crate) struct Batch(Bytes);

impl Batch {
    /// Takes bytes that are one batch.
    pub(crate) fn parse(bytes: Bytes) -> Result<Self, BadBatch> {
        let batch = Self(bytes);
        if batch.0.len() < HEADER || batch.0.get(MAGIC_AT) != Some(&2) {
            return Err(BadBatch::Invalid);
        }
        let length = usize::try_from(batch.int32(8)).map_err(|_| BadBatch::Corrupt)?;
        match batch.0.len().cmp(&length.saturating_add(12)) {
            std::cmp::Ordering::Less => return Err(BadBatch::Corrupt),
            std::cmp::Ordering::Greater => return Err(BadBatch::Invalid),
            std::cmp::Ordering::Equal => {}
        }
        let crc = crc32c::crc32c(batch.0.get(CHECKED_FROM..).unwrap_or_default());
        if crc.to_be_bytes() != batch.array(CRC_AT) {
            return Err(BadBatch::Corrupt);
        }
        if batch.count() < 0 || batch.int32(23) < 0 {
            return Err(BadBatch::Invalid);
        }
        Ok(batch)
    }

    /// Takes the batches of a byte string one after the other.
    pub(crate) fn parse_all(mut bytes: Bytes) -> Result<Vec<Self>, BadBatch> {
        let mut batches = Vec::new();
        while !bytes.is_empty() {
            let length = bytes.get(8..12).and_then(|b| b.try_into().ok()).map(i32::from_be_bytes);
            let length = length.and_then(|l| usize::try_from(l).ok()).ok_or(BadBatch::Invalid)?;
            let end = length.checked_add(12).filter(|&end| end <= bytes.len()).ok_or(BadBatch::Corrupt)?;
            batches.push(Self::parse(bytes.split_to(end))?);
        }
        Ok(batches)
    }

    /// Trusts bytes that the encoder made.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
    }

    fn int16(&self, at: usize) -> i16 {
        i16::from_be_bytes(self.array(at))
    }

    fn int32(&self, at: usize) -> i32 {
        i32::from_be_bytes(self.array(at))
    }

    fn int64(&self, at: usize) -> i64 {
        i64::from_be_bytes(self.array(at))
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.0
    }

    pub(crate) fn base_offset(&self) -> i64 {
        self.int64(0)
    }

    pub(crate) fn last_offset(&self) -> i64 {
        self.base_offset().saturating_add(i64::from(self.int32(23)))
    }

    pub(crate) fn leader_epoch(&self) -> i32 {
        self.int32(12)
    }

    /// Whether there is a record at every offset, as in a batch fresh from a producer.
    pub(crate) fn is_dense(&self) -> bool {
        self.int32(23).checked_add(1) == Some(self.count())
    }

    fn attributes(&self) -> i16 {
        self.int16(21)
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.attributes() & COMPRESSION != 0
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.attributes() & TRANSACTIONAL != 0
    }

    pub(crate) fn is_control(&self) -> bool {
        self.attributes() & CONTROL != 0
    }

    fn base_timestamp(&self) -> i64 {
        self.int64(27)
    }

    pub(crate) fn max_timestamp(&self) -> i64 {
        self.int64(35)
    }

    pub(crate) fn producer_id(&self) -> i64 {
        self.int64(43)
    }

    pub(crate) fn producer_epoch(&self) -> i16 {
        self.int16(51)
    }

    pub(crate) fn base_sequence(&self) -> i32 {
        self.int32(53)
    }

    /// The sequence number of the last record; numbers wrap to 0.
    pub(crate) fn last_sequence(&self) -> i32 {
        let last = i64::from(self.base_sequence()) + i64::from(self.int32(23));
        i32::try_from(last % (i64::from(i32::MAX) + 1)).unwrap_or(0)
    }

    pub(crate) fn count(&self) -> i32 {
        self.int32(COUNT_AT)
    }

    /// A copy of its own memory, placed in the log: neither field is under the checksum.
    pub(crate) fn placed(&self, base_offset: i64, leader_epoch: i32) -> Self {
        let rest = self.0.get(MAGIC_AT..).unwrap_or_default();
        let length: [u8; 4] = self.array(8);
        Self::of([&base_offset.to_be_bytes(), &length[..], &leader_epoch.to_be_bytes(), rest].concat())
    }

    /// The records with their offset, timestamp and bytes; none of a compressed batch.
    pub(crate) fn records(&self) -> Records<'_> {
        let rest = if self.is_compressed() { &[] } else { self.0.get(HEADER..).unwrap_or_default() };
        Records { batch: self, rest }
    }

    /// The first record at or after `timestamp`. Of a compressed batch only the first and the last
    /// offset are known, so the answer may lie before the record asked for.
    pub(crate) fn find_timestamp(&self, timestamp: i64) -> Option<(i64, i64)> {
        if self.max_timestamp() < timestamp {
            return None;
        }
        if self.is_compressed() {
            return Some((self.base_offset(), self.base_timestamp().max(timestamp)));
        }
        self.records().find(|r| r.timestamp >= timestamp).map(|r| (r.offset, r.timestamp))
    }

    /// The same batch without the records that `keep` refuses, as the log cleaner leaves it: its
    /// offsets still span what they did. None if nothing is left. A compressed batch stays whole if
    /// any of its offsets is to be kept.
    pub(crate) fn retain(&self, keep: &mut dyn FnMut(i64) -> bool) -> Option<Self> {
        if self.is_compressed() {
            let wanted: Vec<i64> = (self.base_offset()..=self.last_offset()).filter(|&o| keep(o)).collect();
            return (!wanted.is_empty() && self.count() > 0).then(|| self.clone());
        }
        let mut kept = Vec::new();
        let mut count = 0_i32;
        for record in self.records().filter(|r| keep(r.offset)) {
            kept.extend_from_slice(record.bytes);
            count = count.saturating_add(1);
        }
        if count == 0 {
            return None;
        }
        if count == self.count() {
            return Some(self.clone());
        }
        let fields = self.0.get(CHECKED_FROM..COUNT_AT).unwrap_or_default();
        let checked = [fields, &count.to_be_bytes(), &kept].concat();
        Some(super::encode::seal(self.base_offset(), self.leader_epoch(), &checked))
    }

    /// What the log cleaner leaves of a batch whose sequence or last offset must not be forgotten:
    /// the header, with its span and its greatest timestamp.
    pub(crate) fn emptied(&self) -> Self {
        let attributes = self.attributes() & !COMPRESSION;
        let (span, producer) = (self.0.get(23..27), self.0.get(35..COUNT_AT));
        let checked = [
            &attributes.to_be_bytes()[..],
            span.unwrap_or_default(),
            &NO_TIMESTAMP.to_be_bytes(),
            producer.unwrap_or_default(),
            &0_i32.to_be_bytes(),
        ]
        .concat();
        super::encode::seal(self.base_offset(), self.leader_epoch(), &checked)
    }
}

/// A record inside its batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredRecord<'a> {
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    /// The record with its length.
    bytes: &'a [u8],
    /// What follows the offset delta: key, value, headers.
    payload: &'a [u8],
}

impl<'a> StoredRecord<'a> {
    /// The key and the value.
    pub(crate) fn key_and_value(&self) -> Option<[Option<&'a [u8]>; 2]> {
        let mut rest = self.payload;
        Some([nullable(&mut rest)?, nullable(&mut rest)?])
    }
}

fn nullable<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    match usize::try_from(read_varint(rest)?) {
        Ok(length) => split(rest, length).map(Some),
        Err(_) => Some(None),
    }
}

/// Walks over the records of a batch, and stops at the first that is malformed.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    batch: &'a Batch,
    rest: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = StoredRecord<'a>;

    fn next(&mut self) -> Option<StoredRecord<'a>> {
        let whole = self.rest;
        let length = usize::try_from(read_varint(&mut self.rest)?).ok()?;
        let mut body = split(&mut self.rest, length)?;
        let bytes = whole.get(..whole.len() - self.rest.len())?;
        split(&mut body, 1)?;
        let timestamp = self.batch.base_timestamp().wrapping_add(read_varint(&mut body)?);
        let offset = self.batch.base_offset().wrapping_add(read_varint(&mut body)?);
        let append_time = self.batch.attributes() & LOG_APPEND_TIME != 0;
        let timestamp = if append_time { self.batch.max_timestamp() } else { timestamp };
        Some(StoredRecord { offset, timestamp, bytes, payload: body })
    }
}

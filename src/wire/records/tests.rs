//! Batches made by kafka-protocol's encoder, typed by hand, and drafted with any field a lie.

mod bombs;
mod builder;
mod checked;
mod codecs;
mod golden;
mod hostile;
mod packed;
mod transactions;
mod walk;

use super::*;

/// What the heads of the batches of one fetched partition say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Skimmed {
    /// The next offset to fetch: the one after the last whole batch, or the offset that was asked
    /// for if there is none.
    next_offset: i64,
    /// How many batches are whole.
    batches: usize,
    /// How many bytes the whole batches have.
    bytes: usize,
}

/// Reads the heads of the batches, and nothing else.
fn skim(bytes: &[u8], from: i64) -> Result<Skimmed, Error> {
    let mut skimmed = Skimmed { next_offset: from, batches: 0, bytes: 0 };
    for batch in Batches::new(bytes) {
        let batch = batch?;
        skimmed.next_offset = batch.header().last_offset().saturating_add(1);
        skimmed.batches += 1;
        skimmed.bytes += batch.as_bytes().len();
    }
    if skimmed.batches > 0 && skimmed.next_offset <= from {
        return Err(Error::OffsetsGoBack { got: skimmed.next_offset, min: from.saturating_add(1) });
    }
    Ok(skimmed)
}

/// A record with nothing borrowed, to compare by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Owned {
    fn copy(record: &Record<'_>) -> Result<Self, Error> {
        let own = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let header = |header: Result<Header<'_>, MalformedHeader>| {
            header.map(|h| (h.key.to_owned(), own(h.value))).map_err(Error::from)
        };
        Ok(Self {
            offset: record.offset,
            timestamp: record.timestamp.as_millis(),
            key: own(record.key),
            value: own(record.value),
            headers: record.headers.into_iter().map(header).collect::<Result<_, _>>()?,
        })
    }
}

/// Reads everything there is to read in the bytes of a partition.
fn read_all(bytes: &[u8], decompressor: &mut Decompressor) -> Result<Vec<Owned>, Error> {
    let mut all = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch?.verify_crc()?;
        for record in batch.records(decompressor)? {
            all.push(Owned::copy(&record?)?);
        }
    }
    Ok(all)
}

fn read(bytes: &[u8]) -> Result<Vec<Owned>, Error> {
    read_all(bytes, &mut Decompressor::new(1 << 20))
}

/// The fields of a batch, to be written as they are, true or not.
#[derive(Clone)]
struct Draft {
    base: i64,
    last_delta: i32,
    attributes: i16,
    producer_id: i64,
    count: i32,
    body: Vec<u8>,
}

impl Draft {
    fn of(count: i32, body: &[u8]) -> Self {
        let last_delta = (count - 1).max(0);
        Self { base: 0, last_delta, attributes: 0, producer_id: -1, count, body: body.to_vec() }
    }

    /// The bytes of the batch, with the right length and CRC.
    fn seal(&self) -> Vec<u8> {
        let mut covered = self.attributes.to_be_bytes().to_vec();
        covered.extend(self.last_delta.to_be_bytes());
        covered.extend([0; 16]);
        covered.extend(self.producer_id.to_be_bytes());
        covered.extend([0xff; 6]);
        covered.extend(self.count.to_be_bytes());
        covered.extend(&self.body);
        let mut bytes = self.base.to_be_bytes().to_vec();
        bytes.extend(i32::try_from(covered.len() + 9).unwrap().to_be_bytes());
        bytes.extend([0, 0, 0, 0, 2]);
        bytes.extend(crc32c::crc32c(&covered).to_be_bytes());
        bytes.extend(covered);
        bytes
    }
}

/// A record with offset delta `delta`, no key, the value `v` and no headers.
fn record(delta: u8) -> Vec<u8> {
    vec![14, 0, 0, delta << 1, 1, 2, b'v', 0]
}

//! A record batch, built where it will be sent from.
//!
//! ```text
//! push, push, ... ──► finish (packs, writes the head) ──► stamp (producer, sequence, CRC) ──► bytes
//!                                                           └── again, if the epoch changes
//! ```
//! Nothing is allocated for a record, and the CRC is computed once.

use super::compress::Compressor;
use super::error::Error;
use super::header::{AFTER_CRC, AFTER_LENGTH, Codec, HEADER};
use super::new_record::NewRecord;

/// Where the fields of the head stand that a stamp sets.
const CRC_AT: usize = 17;
const PRODUCER_AT: usize = 43;

/// Who sends a batch, and as which of its records (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
}

/// The records of a batch to come.
#[derive(Debug)]
pub(crate) struct BatchBuilder {
    bytes: Vec<u8>,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// What a batch takes besides its records.
    pub(crate) const OVERHEAD: usize = HEADER;

    /// Begins a batch in a buffer that was used before, or is new.
    pub(crate) fn new(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        bytes.resize(HEADER, 0);
        Self { bytes, count: 0, base_timestamp: 0, max_timestamp: i64::MIN }
    }

    /// The length so far, that of the head included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes there is room for.
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Makes room for so many bytes in all.
    pub(crate) fn grow(&mut self, bytes: usize) {
        self.bytes.reserve_exact(bytes.saturating_sub(self.bytes.len()));
    }

    /// How many records there are.
    #[inline]
    pub(crate) fn count(&self) -> i32 {
        self.count
    }

    /// Appends a record, and gives its place in the batch. `timestamp` is in Kafka's milliseconds.
    #[inline]
    pub(crate) fn push(&mut self, record: &NewRecord<'_>, timestamp: i64) -> i32 {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let mut front = Scratch::default();
        front.byte(0);
        front.varlong(timestamp.wrapping_sub(self.base_timestamp));
        front.varlong(self.count.into());
        front.length(record.key);
        let mut middle = Scratch::default();
        middle.length(record.value);
        let mut back = Scratch::default();
        back.varlong(long(record.headers.len()));
        let headers = if record.headers.is_empty() { 0 } else { headers_len(record) };
        let fields = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        let length = front.len() + middle.len() + back.len() + fields + headers;
        let mut prefix = Scratch::default();
        prefix.varlong(long(length));
        self.bytes.reserve(prefix.len() + length);
        self.bytes.extend_from_slice(prefix.as_slice());
        self.bytes.extend_from_slice(front.as_slice());
        self.bytes.extend_from_slice(record.key.unwrap_or_default());
        self.bytes.extend_from_slice(middle.as_slice());
        self.bytes.extend_from_slice(record.value.unwrap_or_default());
        self.bytes.extend_from_slice(back.as_slice());
        if headers > 0 {
            self.push_headers(record);
        }
        let place = self.count;
        self.count = place.saturating_add(1);
        place
    }

    #[inline(never)]
    fn push_headers(&mut self, record: &NewRecord<'_>) {
        for header in record.headers {
            let mut length = Scratch::default();
            length.length(Some(header.key.as_bytes()));
            self.bytes.extend_from_slice(length.as_slice());
            self.bytes.extend_from_slice(header.key.as_bytes());
            let mut length = Scratch::default();
            length.length(header.value);
            self.bytes.extend_from_slice(length.as_slice());
            self.bytes.extend_from_slice(header.value.unwrap_or_default());
        }
    }

    /// Packs the records into `spare` and writes the head; the stamp is still to come. Gives the
    /// batch, and the buffer that is free now: `spare` itself if nothing was packed.
    ///
    /// # Errors
    /// Those of [`Compressor::pack`].
    pub(crate) fn finish(
        mut self,
        codec: Codec,
        compressor: &mut Compressor,
        mut spare: Vec<u8>,
    ) -> Result<(Vec<u8>, Vec<u8>), Error> {
        if codec != Codec::Uncompressed {
            spare.clear();
            spare.resize(HEADER, 0);
            compressor.pack(codec, self.bytes.get(HEADER..).unwrap_or_default(), &mut spare)?;
            std::mem::swap(&mut self.bytes, &mut spare);
        }
        self.write_head(codec);
        Ok((self.bytes, spare))
    }

    fn write_head(&mut self, codec: Codec) {
        let length = i32::try_from(self.bytes.len() - AFTER_LENGTH).unwrap_or(i32::MAX);
        let mut head = self.bytes.iter_mut();
        let mut put = |field: &[u8]| head.by_ref().zip(field).for_each(|(place, byte)| *place = *byte);
        put(&0_i64.to_be_bytes());
        put(&length.to_be_bytes());
        put(&(-1_i32).to_be_bytes());
        put(&[2]);
        put(&[0; 4]);
        put(&codec.attribute().to_be_bytes());
        put(&(self.count - 1).to_be_bytes());
        put(&self.base_timestamp.to_be_bytes());
        put(&self.max_timestamp.to_be_bytes());
        put(&[0xff; 14]);
        put(&self.count.to_be_bytes());
    }
}

impl Stamp {
    /// The stamp of the records behind the first `count` of these. After the last number comes 0.
    pub(crate) fn after(self, count: i32) -> Self {
        Self { base_sequence: self.base_sequence.wrapping_add(count) & i32::MAX, ..self }
    }

    /// Writes the stamp into a batch, and its CRC.
    pub(crate) fn apply(self, batch: &mut [u8]) {
        let (id, epoch) = (self.producer_id.to_be_bytes(), self.producer_epoch.to_be_bytes());
        let sequence = self.base_sequence.to_be_bytes();
        let fields = batch.iter_mut().skip(PRODUCER_AT);
        for (place, byte) in fields.zip(id.into_iter().chain(epoch).chain(sequence)) {
            *place = byte;
        }
        let crc = crc32c::crc32c(batch.get(AFTER_CRC..).unwrap_or_default());
        if let Some(place) = batch.get_mut(CRC_AT..AFTER_CRC) {
            place.copy_from_slice(&crc.to_be_bytes());
        }
    }
}

fn headers_len(record: &NewRecord<'_>) -> usize {
    let field = |bytes: Option<&[u8]>| {
        let mut length = Scratch::default();
        length.length(bytes);
        length.len() + bytes.map_or(0, <[u8]>::len)
    };
    record.headers.iter().map(|header| field(Some(header.key.as_bytes())) + field(header.value)).sum()
}

fn long(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// A few variable-length integers on their way into a batch.
#[derive(Default)]
struct Scratch {
    bytes: [u8; 32],
    length: usize,
}

impl Scratch {
    #[inline(always)]
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    #[inline(always)]
    fn varlong(&mut self, value: i64) {
        let mut word = ((value << 1) ^ (value >> 63)).cast_unsigned();
        while word >= 0x80 {
            let [low, ..] = word.to_le_bytes();
            self.byte(low | 0x80);
            word >>= 7;
        }
        let [low, ..] = word.to_le_bytes();
        self.byte(low);
    }

    /// The length of a field, -1 for none.
    #[inline(always)]
    fn length(&mut self, field: Option<&[u8]>) {
        self.varlong(field.map_or(-1, |field| long(field.len())));
    }

    #[inline(always)]
    fn len(&self) -> usize {
        self.length
    }

    #[inline(always)]
    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

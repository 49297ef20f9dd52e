//! Record batches in the bytes of one fetched partition.

use super::decompress::Decompressor;
use super::error::Error;
use super::header::{AFTER_CRC, AFTER_LENGTH, BatchHeader, HEADER, MAGIC_AT};
use super::record::Records;

/// The only format that is read: 2, of Kafka 0.11 and later.
const MAGIC: u8 = 2;

/// The record batches of one fetched partition.
///
/// A broker cuts its answer where the limit on bytes falls, so the last batch may be cut short;
/// it is left out without an error. The first error ends the iteration.
#[derive(Clone)]
pub(crate) struct Batches<'a> {
    rest: &'a [u8],
    next_offset: i64,
}

impl<'a> Batches<'a> {
    /// Reads the batches in `bytes`, the records of one partition of a Fetch response.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, next_offset: 0 }
    }

    fn read(&mut self) -> Result<Option<Batch<'a>>, Error> {
        let Some(&magic) = self.rest.get(MAGIC_AT) else { return Ok(None) };
        if magic != MAGIC {
            return Err(Error::Magic { got: magic });
        }
        let Some(header) = BatchHeader::parse(self.rest) else { return Ok(None) };
        let got = header.batch_length;
        let length = usize::try_from(got).ok().and_then(|length| length.checked_add(AFTER_LENGTH));
        let length = length.filter(|length| *length >= HEADER).ok_or(Error::BatchLength { got })?;
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else { return Ok(None) };
        let (base, last_delta) = (header.base_offset, header.last_offset_delta);
        if base < 0 || last_delta < 0 || base.checked_add(i64::from(last_delta) + 1).is_none() {
            return Err(Error::Offsets { base, last_delta });
        }
        if base < self.next_offset {
            return Err(Error::OffsetsGoBack { got: base, min: self.next_offset });
        }
        self.next_offset = header.last_offset().saturating_add(1);
        self.rest = rest;
        Ok(Some(Batch { header, bytes }))
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.read();
        if !matches!(batch, Ok(Some(_))) {
            self.rest = &[];
        }
        batch.transpose()
    }
}

/// A whole record batch whose CRC has not been checked: its head may be garbage.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The head, as yet unchecked.
    #[cfg(test)]
    pub(crate) fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// All bytes of the batch, its head included.
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Checks that the bytes are those that were written, from the attributes on. The base offset
    /// and the leader epoch are set by brokers and stand before them: no CRC covers those.
    ///
    /// # Errors
    /// [`Error::Crc`].
    pub(crate) fn verify_crc(self) -> Result<CheckedBatch<'a>, Error> {
        let (got, stated) =
            (crc32c::crc32c(self.bytes.get(AFTER_CRC..).unwrap_or_default()), self.header.crc);
        if got != stated {
            return Err(Error::Crc { got, stated });
        }
        Ok(self.assume_checked())
    }

    /// For batches whose CRC was found right before.
    #[inline]
    pub(super) fn assume_checked(self) -> CheckedBatch<'a> {
        CheckedBatch { header: self.header, body: self.bytes.get(HEADER..).unwrap_or_default() }
    }
}

/// A record batch whose CRC is right.
#[derive(Clone, Copy)]
pub(crate) struct CheckedBatch<'a> {
    header: BatchHeader,
    body: &'a [u8],
}

impl<'a> CheckedBatch<'a> {
    /// The head.
    pub(crate) fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Iterates over the records, unpacking them into `decompressor` if they are compressed.
    ///
    /// The first batch of a fetch may begin before the offset that was asked for: leave out the
    /// records before it.
    ///
    /// # Errors
    /// Those of unpacking, [`Error::UnknownCodec`] and [`Error::RecordCount`]; what is wrong with
    /// a single record is found when the iteration comes to it.
    pub(crate) fn records<'b>(&self, decompressor: &'b mut Decompressor) -> Result<Records<'b>, Error>
    where
        'a: 'b,
    {
        Records::new(&self.header, decompressor.unpack(self.header.codec()?, self.body)?)
    }
}

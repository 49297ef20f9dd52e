use crate::wire::records::{AbortedTransactions, Batches, Decompressor, Error};

/// The most that a batch may unpack to here.
const MAX_UNPACKED: usize = 16 << 20;

/// Checks and walks the batches of a partition.
pub struct RecordWalk {
    decompressor: Decompressor,
}

impl Default for RecordWalk {
    fn default() -> Self {
        Self { decompressor: Decompressor::new(MAX_UNPACKED) }
    }
}

impl RecordWalk {
    /// Gives the number of records and the length of their keys and values, if all are well
    /// formed. With `headers` it parses those too.
    pub fn walk(&mut self, bytes: &[u8], headers: bool) -> Option<(u64, usize)> {
        self.try_walk(bytes, headers).ok()
    }

    /// Gives offset and value of each record, if all are well formed.
    pub fn values(&mut self, bytes: &[u8]) -> Option<Vec<(i64, Vec<u8>)>> {
        let mut values = Vec::new();
        for batch in Batches::new(bytes) {
            let batch = batch.ok()?.verify_crc().ok()?;
            for record in batch.records(&mut self.decompressor).ok()? {
                let record = record.ok()?;
                values.push((record.offset, record.value.unwrap_or_default().to_vec()));
            }
        }
        Some(values)
    }

    fn try_walk(&mut self, bytes: &[u8], headers: bool) -> Result<(u64, usize), Error> {
        let (mut count, mut length) = (0, 0);
        for batch in Batches::new(bytes) {
            for record in batch?.verify_crc()?.records(&mut self.decompressor)? {
                let record = record?;
                count += 1;
                length += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
                if headers {
                    for header in record.headers {
                        length += header?.key.len();
                    }
                }
            }
        }
        Ok((count, length))
    }
}

/// Reads the input as the records of a partition, as it is and with its CRCs set right, to the
/// last header and through a filter of aborted transactions.
///
/// # Panics
/// If an offset lies outside of its batch, or a batch has more records than bytes.
pub fn fuzz_record_batch(input: &[u8]) {
    let _ = visit(input);
    let _ = visit(&with_right_crcs(input));
}

fn visit(bytes: &[u8]) -> Result<(), Error> {
    let mut decompressor = Decompressor::new(1 << 20);
    let mut aborted = AbortedTransactions::new([(0, 0), (1, 5)]);
    for batch in Batches::new(bytes) {
        let batch = batch?.verify_crc()?;
        let _ = aborted.admits(&batch, &mut decompressor);
        let span = batch.header().base_offset..=batch.header().last_offset();
        let mut count = 0;
        for record in batch.records(&mut decompressor)? {
            let record = record?;
            assert!(span.contains(&record.offset), "offset outside of the batch");
            for header in record.headers {
                header?;
            }
            count += 1;
        }
        assert!(count <= (1 << 20) + bytes.len(), "more records than bytes");
    }
    Ok(())
}

/// The CRC would keep a fuzzer from ever reaching what lies behind it.
fn with_right_crcs(input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    let mut start = 0;
    for batch in Batches::new(input).map_while(Result::ok) {
        let end = start + batch.as_bytes().len();
        let crc = crc32c::crc32c(batch.as_bytes().get(21..).unwrap_or_default());
        if let Some(place) = bytes.get_mut(start + 17..start + 21) {
            place.copy_from_slice(&crc.to_be_bytes());
        }
        start = end;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_input_is_read_within_bounds(input in prop::collection::vec(any::<u8>(), 0..300)) {
            fuzz_record_batch(&input);
        }
    }

    #[test]
    fn a_batch_with_a_wrong_crc_is_walked_once_it_is_right() {
        let mut batch = vec![0; 61];
        batch[11] = 49;
        batch[16] = 2;
        assert_eq!(RecordWalk::default().walk(&batch, true), None);
        assert_eq!(RecordWalk::default().walk(&with_right_crcs(&batch), true), Some((0, 0)));
    }
}

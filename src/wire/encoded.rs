//! A request as bytes, ready to be written.

use std::fmt;
use std::io::IoSlice;

use bytes::Bytes;
use zeroize::Zeroize;

use super::api::ApiKey;
use crate::ids::CorrelationId;

/// Where the correlation id stands: after the length (4), the api key (2) and the version (2).
const CORRELATION_ID: std::ops::Range<usize> = 8..12;

/// A whole request frame, length prefix included: a head, and segments that are borrowed from
/// elsewhere (record batches), so that they can be written without a copy.
///
/// The correlation id is filled in by the session that sends it. The head is wiped on drop, since
/// it may hold a password or a proof.
pub(crate) struct Encoded {
    api: ApiKey,
    version: i16,
    head: Vec<u8>,
    tail: Vec<Bytes>,
}

impl Encoded {
    /// Wraps a frame. `head` starts with the length prefix, which counts `tail` too, and the
    /// request header.
    pub(crate) fn new(api: ApiKey, version: i16, head: Vec<u8>, tail: Vec<Bytes>) -> Self {
        debug_assert!(head.len() >= CORRELATION_ID.end);
        Self { api, version, head, tail }
    }

    pub(crate) fn api(&self) -> ApiKey {
        self.api
    }

    pub(crate) fn version(&self) -> i16 {
        self.version
    }

    /// Writes the number by which the response will be recognised.
    pub(crate) fn set_correlation_id(&mut self, id: CorrelationId) {
        if let Some(place) = self.head.get_mut(CORRELATION_ID) {
            place.copy_from_slice(&id.0.to_be_bytes());
        }
    }

    /// The number of bytes of the whole frame, length prefix included.
    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.tail.iter().map(Bytes::len).sum::<usize>()
    }

    /// The bytes from `offset` on, as slices for one vectored write.
    pub(crate) fn slices_from(&self, mut offset: usize) -> Vec<IoSlice<'_>> {
        let segments = std::iter::once(self.head.as_slice()).chain(self.tail.iter().map(Bytes::as_ref));
        let mut slices = Vec::with_capacity(1 + self.tail.len());
        for segment in segments {
            match segment.get(offset..) {
                Some(rest) => {
                    slices.push(IoSlice::new(rest));
                    offset = 0;
                }
                None => offset -= segment.len(),
            }
        }
        slices
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        self.head.zeroize();
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{} ({} bytes)", self.api, self.version, self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Encoded {
        Encoded::new(
            ApiKey::Fetch,
            4,
            (0..14).collect(),
            vec![Bytes::from_static(b"tail"), Bytes::from_static(b"end")],
        )
    }

    #[test]
    fn the_correlation_id_stands_in_bytes_8_to_12() {
        let mut request = sample();
        request.set_correlation_id(CorrelationId(0x0102_0304));
        assert_eq!(request.head, [0, 1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 12, 13]);
    }

    #[test]
    fn slices_go_on_where_a_short_write_stopped() {
        let request = sample();
        let whole: Vec<u8> = request.slices_from(0).iter().flat_map(|s| s.to_vec()).collect();
        assert_eq!(whole.len(), request.len());
        for offset in 0..=whole.len() {
            let rest: Vec<u8> = request.slices_from(offset).iter().flat_map(|s| s.to_vec()).collect();
            assert_eq!(rest, whole[offset..], "{offset}");
        }
    }
}

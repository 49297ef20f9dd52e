use bytes::{BufMut, Bytes};

use crate::wire::Error;
use crate::wire::frame::FrameReader;
use crate::wire::pool::BufferPool;

const MAX: usize = 1 << 20;

/// Reads a stream of frames in the pieces that the input chooses, and compares with reading it at
/// once. The input is a number of piece lengths (a byte), those lengths (a byte each, used in a
/// circle), and the stream.
///
/// # Panics
/// If a frame, an error, or the memory taken is not what it must be.
pub fn fuzz_frame(input: &[u8]) {
    let Some((&count, rest)) = input.split_first() else { return };
    let Some((pieces, stream)) = rest.split_at_checked(count.into()) else { return };
    let pool = BufferPool::default();
    let mut reader = FrameReader::new(pool.clone());
    let mut pieces = pieces.iter().cycle();
    let mut unread = stream;
    let mut expected = stream;
    while !unread.is_empty() {
        let mut spare = reader.spare();
        assert!(spare.has_remaining_mut(), "no room");
        let piece = pieces.next().map_or(1, |piece| usize::from(*piece).pow(2).max(1));
        let (now, later) = unread.split_at(piece.min(unread.len()).min(spare.remaining_mut()));
        spare.put_slice(now);
        unread = later;
        loop {
            match reader.poll_frame(MAX) {
                Ok(Some(frame)) => assert_eq!(Ok(Some(frame)), at_once(&mut expected)),
                Ok(None) => break,
                Err(error) => return assert_eq!(Err(error), at_once(&mut expected)),
            }
        }
        assert!(pool.bytes_out() <= 2 * MAX, "too much memory");
    }
    assert_eq!(at_once(&mut expected), Ok(None));
}

/// The same by the shortest way: everything is there from the start.
fn at_once(stream: &mut &[u8]) -> Result<Option<Bytes>, Error> {
    let Some((prefix, rest)) = stream.split_first_chunk() else { return Ok(None) };
    let got = i32::from_be_bytes(*prefix);
    let length = usize::try_from(got).ok().filter(|length| (4..=MAX).contains(length));
    let length = length.ok_or(Error::FrameLength { got: got.into(), max: MAX })?;
    let Some((frame, rest)) = rest.split_at_checked(length) else { return Ok(None) };
    *stream = rest;
    Ok(Some(Bytes::copy_from_slice(frame)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_stream_gives_the_same_frames_however_it_is_cut(
            pieces in prop::collection::vec(any::<u8>(), 0..9),
            lengths in prop::collection::vec(prop_oneof![0_u32..9, 4000_u32..140_000, any::<u32>()], 0..4),
        ) {
            let mut input = vec![u8::try_from(pieces.len()).unwrap()];
            input.extend(pieces);
            for length in lengths {
                input.extend(length.to_be_bytes());
                input.resize(input.len() + length.min(150_000) as usize, 7);
            }
            fuzz_frame(&input);
        }
    }
}

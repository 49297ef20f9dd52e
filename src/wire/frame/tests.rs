use proptest::prelude::*;

use super::*;

const MAX: usize = 128 << 20;

fn reader() -> FrameReader {
    FrameReader::new(BufferPool::default())
}

/// Offers bytes as a socket would: as many as there is room for. Returns how many were taken.
fn offer(reader: &mut FrameReader, bytes: &[u8]) -> usize {
    let mut spare = reader.spare();
    let taken = bytes.len().min(spare.remaining_mut());
    spare.put_slice(&bytes[..taken]);
    taken
}

/// Feeds all of `bytes`, `chunk` bytes a read at most, and collects the frames.
fn feed(reader: &mut FrameReader, mut bytes: &[u8], chunk: usize, max: usize) -> Result<Vec<Bytes>, Error> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let taken = offer(reader, &bytes[..chunk.min(bytes.len())]);
        assert!(taken > 0, "no room was given");
        bytes = &bytes[taken..];
        while let Some(frame) = reader.poll_frame(max)? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut bytes = i32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes
}

fn body(len: usize) -> Vec<u8> {
    (0..251).cycle().take(len).collect()
}

#[test]
fn refuses_lengths_that_are_negative_tiny_or_too_large() {
    for got in [i32::MIN, -1, 0, 3, 65, i32::MAX] {
        let error = Error::FrameLength { got: got.into(), max: 64 };
        let mut reader = reader();
        assert_eq!(offer(&mut reader, &got.to_be_bytes()), 4);
        assert_eq!(reader.poll_frame(64), Err(error.clone()), "{got}");
        assert_eq!(reader.poll_frame(64), Err(error), "{got}, again");
        assert_eq!(reader.owed(), 0);
    }
    for len in [4, 64] {
        assert_eq!(feed(&mut reader(), &framed(&body(len)), 99, 64), Ok(vec![body(len).into()]));
    }
}

#[test]
fn several_small_frames_come_out_of_one_read() {
    let bytes = [framed(b"first"), framed(b"second"), framed(b"third one")].concat();
    let mut reader = reader();
    assert_eq!(offer(&mut reader, &bytes), bytes.len());
    for want in [&b"first"[..], b"second", b"third one"] {
        assert_eq!(reader.poll_frame(MAX).unwrap().unwrap(), want);
    }
    assert_eq!(reader.poll_frame(MAX), Ok(None));
}

#[test]
fn each_frame_is_held_to_the_maximum_of_its_own_poll() {
    let bytes = [framed(&body(100)), framed(&body(100))].concat();
    let mut reader = reader();
    offer(&mut reader, &bytes);
    assert_eq!(reader.poll_frame(100).unwrap().unwrap(), body(100));
    assert_eq!(reader.poll_frame(99), Err(Error::FrameLength { got: 100, max: 99 }));
}

#[test]
fn takes_no_byte_beyond_a_frame_of_known_length() {
    for len in [READ_AHEAD * 2, MAX_OWNED + 1, FIRST_STEP * 3] {
        let mut reader = reader();
        let bytes = framed(&body(len));
        let ahead = offer(&mut reader, &bytes);
        assert_eq!(ahead, READ_AHEAD);
        assert_eq!(reader.poll_frame(MAX), Ok(None));
        assert_eq!(reader.owed(), bytes.len() - ahead);
        let endless = vec![7; 2 * len];
        let mut taken = 0;
        let frame = loop {
            taken += offer(&mut reader, &endless);
            if let Some(frame) = reader.poll_frame(MAX).unwrap() {
                break frame;
            }
        };
        assert_eq!((taken, frame.len(), reader.owed()), (bytes.len() - ahead, len, 0));
    }
}

#[test]
fn a_claimed_length_costs_little_until_its_bytes_arrive() {
    let pool = BufferPool::default();
    let mut reader = FrameReader::new(pool.clone());
    offer(&mut reader, &i32::try_from(MAX).unwrap().to_be_bytes());
    assert_eq!(reader.poll_frame(MAX), Ok(None));
    assert_eq!(pool.bytes_out(), FIRST_STEP);
    let (mut sent, piece) = (0, vec![1; 64 << 10]);
    while sent < 16 << 20 {
        sent += offer(&mut reader, &piece);
        assert_eq!(reader.poll_frame(MAX), Ok(None));
        assert!(pool.bytes_out() <= FIRST_STEP.max(2 * sent), "{sent}: {}", pool.bytes_out());
    }
    drop(reader);
    assert_eq!(pool.bytes_out(), 0);
}

#[test]
fn a_large_frame_that_grew_is_whole_and_its_buffer_is_used_again() {
    let pool = BufferPool::default();
    let mut reader = FrameReader::new(pool.clone());
    let (bytes, want) = (framed(&body(5 << 20)), body(5 << 20));
    let frames = feed(&mut reader, &bytes, 100_000, MAX).unwrap();
    assert!(frames == [want.clone()]);
    let place = frames[0].as_ptr();
    drop(frames);
    assert_eq!(pool.bytes_out(), 0);
    let frames = feed(&mut reader, &bytes, 100_000, MAX).unwrap();
    assert!(frames == [want]);
    assert_eq!(frames[0].as_ptr(), place);
}

#[test]
fn a_frame_with_secrets_is_in_no_pooled_buffer_however_long_it_is() {
    let pool = BufferPool::default();
    let mut reader = FrameReader::new(pool.clone());
    let bytes = framed(&body(5 << 20));
    offer(&mut reader, &bytes[..4]);
    assert_eq!(reader.poll_secret_frame(MAX), Ok(None));
    let Some(Body { buf: BodyBuf::Owned(room), .. }) = &reader.body else { panic!("it is pooled") };
    assert_eq!((room.capacity(), pool.bytes_out()), (FIRST_STEP, 0), "a claimed length costs little");
    let mut taken = 4;
    let frame = loop {
        taken += offer(&mut reader, &bytes[taken..bytes.len().min(taken + 100_000)]);
        if let Some(frame) = reader.poll_secret_frame(MAX).unwrap() {
            break frame;
        }
    };
    assert!(frame == body(5 << 20) && taken == bytes.len());
    drop(frame);
    assert_eq!(pool.bytes_out(), 0);
}

#[test]
fn used_bytes_of_the_read_ahead_buffer_are_wiped() {
    let mut reader = reader();
    offer(&mut reader, &framed(b"a token's hmac"));
    reader.poll_frame(MAX).unwrap().unwrap();
    assert_eq!(reader.ahead, [0; 18]);
}

proptest! {
    #[test]
    fn frames_do_not_depend_on_how_the_stream_is_cut(
        lens in prop::collection::vec(prop_oneof![4_usize..50, 4000_usize..4200, 60_000_usize..140_000], 1..6),
        chunk in prop_oneof![1_usize..9, 1000_usize..9000, 65_000_usize..70_000],
    ) {
        let want: Vec<Bytes> = lens.iter().map(|&len| body(len).into()).collect();
        let stream: Vec<u8> = want.iter().flat_map(|frame| framed(frame)).collect();
        let got = feed(&mut reader(), &stream, chunk, MAX).unwrap();
        prop_assert!(got == want);
    }
}

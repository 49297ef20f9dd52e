//! What a fault does to an answer.

use bytes::BytesMut;

use crate::fault::Action;
use crate::random::Random;

/// Length and correlation id.
const PREFIX: usize = 8;

/// An answer that a fault has been at.
pub(super) struct Spoiled {
    pub(super) frame: BytesMut,
    pub(super) then_close: bool,
}

/// Applies a fault to a whole frame. None if the answer is not to be sent.
pub(super) fn spoil(mut frame: BytesMut, action: Option<&Action>, random: &mut Random) -> Option<Spoiled> {
    let mut then_close = false;
    match action {
        Some(Action::Drop) => return None,
        Some(Action::CloseAfter) => {
            frame.clear();
            then_close = true;
        }
        Some(Action::Truncate(bytes)) => {
            frame.truncate(*bytes);
            then_close = true;
        }
        Some(Action::CorruptByte) => corrupt(&mut frame, random),
        Some(Action::WrongCorrelationId) => {
            if let Some(last) = frame.get_mut(PREFIX - 1) {
                *last ^= 0x55;
            }
        }
        Some(Action::ClaimLength(length)) => overwrite(&mut frame, 0, &length.to_be_bytes()),
        Some(Action::Overwrite { at, bytes }) => overwrite(&mut frame, *at, bytes),
        _ => {}
    }
    Some(Spoiled { frame, then_close })
}

fn corrupt(frame: &mut BytesMut, random: &mut Random) {
    let body = u64::try_from(frame.len().saturating_sub(PREFIX)).unwrap_or(0);
    let at = usize::try_from(random.below(body)).unwrap_or(0);
    let [flips, ..] = random.next().to_be_bytes();
    if let Some(byte) = frame.get_mut(PREFIX + at) {
        *byte ^= flips.max(1);
    }
}

fn overwrite(frame: &mut BytesMut, at: usize, bytes: &[u8]) {
    for (to, from) in frame.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

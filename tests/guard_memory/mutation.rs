//! Damage to a frame, the same in every run.

/// A generator of numbers that look random (xorshift).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    fn of<const N: usize>(&mut self, choices: [&'static [u8]; N]) -> &'static [u8] {
        choices[self.below(N)]
    }
}

/// Damages `frame` in one to four places. The header is left whole most of the time.
pub(crate) fn mutate(frame: &mut Vec<u8>, numbers: &mut Numbers) {
    let from = if numbers.below(16) == 0 { 0 } else { 4 };
    for _ in 0..=numbers.below(4) {
        let at = from + numbers.below(frame.len().saturating_sub(from));
        match numbers.below(6) {
            0 => overwrite(frame, at, &[numbers.byte()]),
            1 => overwrite(frame, at, numbers.of(LENGTHS)),
            2 => frame.truncate(at),
            3 => {
                let byte = [0, 0, 1, 1, 2, 0xff][numbers.below(6)];
                let count = 1 << numbers.below(11);
                frame.splice(at.min(frame.len())..at.min(frame.len()), vec![byte; count]);
            }
            4 => {
                // A count that the bytes after it can just about bear.
                let count = u16::try_from(numbers.below(2 * frame.len())).unwrap_or(u16::MAX);
                overwrite(frame, at, &count.to_be_bytes());
            }
            _ => {
                let end = (at + numbers.below(64)).min(frame.len());
                let piece = frame.get(at..end).unwrap_or_default().to_vec();
                frame.splice(at.min(frame.len())..at.min(frame.len()), piece);
            }
        }
    }
}

const LENGTHS: [&[u8]; 9] = [
    &[0xff, 0xff, 0xff, 0xff],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0],
    &[0, 0, 0x40, 0],
    &[0x7f, 0xff],
    &[0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x80, 0x80, 0x80, 0x80, 0x80],
    &[0x80, 0x80, 0x04],
];

fn overwrite(frame: &mut [u8], at: usize, bytes: &[u8]) {
    for (place, byte) in frame.iter_mut().skip(at).zip(bytes) {
        *place = *byte;
    }
}

//! The values that every writer of a comparison sends: slices of 4 MiB of words, the same bytes in
//! every language.

const LENGTH: usize = 4 << 20;
const WORDS: usize = 2048;

pub(crate) struct Text(Vec<u8>);

impl Text {
    pub(crate) fn new() -> Self {
        let mut state = 42_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap_or(0)
        };
        let letter = |number: usize| b"abcdefghijklmnopqrstuvwxyz".get(number % 26).copied().unwrap_or(b'a');
        let words: Vec<Vec<u8>> = (0..WORDS)
            .map(|_| {
                let length = 3 + next() % 8;
                (0..length).map(|_| letter(next())).collect()
            })
            .collect();
        let mut text = Vec::with_capacity(LENGTH + 16);
        while text.len() < LENGTH {
            text.extend_from_slice(words.get(next() % WORDS).map_or(b"", Vec::as_slice));
            text.push(b' ');
        }
        text.truncate(LENGTH);
        Self(text)
    }

    /// Value number `number`, of `length` bytes.
    pub(crate) fn value(&self, number: usize, length: usize) -> &[u8] {
        let at = (number * 7919 + 13) % (LENGTH - length);
        self.0.get(at..at + length).unwrap_or_default()
    }
}

//! Which partition a record goes to.

/// The partition of a key among `count`, as Java's client chooses it.
pub(super) fn of_key(key: &[u8], count: usize) -> usize {
    let positive = murmur2(key) & 0x7fff_ffff;
    usize::try_from(positive).unwrap_or(0).checked_rem(count).unwrap_or(0)
}

/// MurmurHash2 with the seed of Kafka's clients.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    // Java's lengths are of 32 bits, and so are ours where they meet a broker.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let (words, rest) = data.as_chunks::<4>();
    let mut hash = SEED ^ length;
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    if !rest.is_empty() {
        for (shift, byte) in [0, 8, 16].into_iter().zip(rest) {
            hash ^= u32::from(*byte) << shift;
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of records without a key: the same for the records of one batch, then another one
/// by chance (KIP-480).
#[derive(Clone, Debug)]
pub(super) struct Sticky {
    at: usize,
    state: u32,
}

impl Sticky {
    /// Begins somewhere, as `seed` says.
    pub(super) fn new(seed: u32) -> Self {
        Self { at: 0, state: seed | 1 }
    }

    /// The present one.
    pub(super) fn partition(&self) -> usize {
        self.at
    }

    /// Goes to another one of those that have a leader, or of all if none has.
    pub(super) fn turn(&mut self, count: usize, led: &[usize]) {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        let random = usize::try_from(self.state >> 1).unwrap_or(0);
        let choices = if led.is_empty() { count } else { led.len() };
        let choose = |number: usize| led.get(number).copied().unwrap_or(number);
        let chosen = choose(random.checked_rem(choices).unwrap_or(0));
        // The same one again would be no turn.
        self.at = match chosen == self.at {
            true => choose((random + 1).checked_rem(choices).unwrap_or(0)),
            false => chosen,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_kafkas_own_tests_say() {
        let vectors: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn keyless_records_come_to_every_partition_and_never_stay() {
        let mut sticky = Sticky::new(4711);
        let mut seen = [0; 7];
        for _ in 0..700 {
            let before = sticky.partition();
            sticky.turn(7, &[]);
            assert_ne!(sticky.partition(), before);
            seen[sticky.partition()] += 1;
        }
        assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
    }

    #[test]
    fn partitions_without_a_leader_are_left_out() {
        let mut sticky = Sticky::new(1);
        for _ in 0..50 {
            sticky.turn(7, &[2, 5]);
            assert!([2, 5].contains(&sticky.partition()));
        }
        sticky.turn(1, &[]);
        assert_eq!(sticky.partition(), 0);
    }
}

//! Every "random" choice of a cluster: ids, salts, nonces, keys, faults. All follow from one seed,
//! so a run can be repeated. Nothing here is fit for secrets of the real world.

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Another source, which goes its own way from here.
    #[cfg(feature = "kerberos")]
    pub(crate) fn fork(&mut self) -> Self {
        Self::seeded(self.next())
    }

    /// A number below `bound`; 0 if there is none.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// True with this probability, from 0 to 1.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        let [high, low, ..] = self.next().to_be_bytes();
        f64::from(u16::from_be_bytes([high, low])) < probability * 65536.0
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        for chunk in out.chunks_mut(8) {
            let random = self.next().to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(random) {
                *to = from;
            }
        }
        out
    }

    /// 25 characters of base 36: the look of a broker's nonces and salts.
    pub(crate) fn text(&mut self) -> String {
        const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        (0..25)
            .filter_map(|_| DIGITS.get(usize::try_from(self.below(36)).unwrap_or(0)).copied().map(char::from))
            .collect()
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }
}

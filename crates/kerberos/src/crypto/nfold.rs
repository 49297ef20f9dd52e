//! Folding a text to a length: ones' complement sum of rotated copies (RFC 3961 section 5.1).

/// Folds `input` (not empty) into all of `out`.
pub(super) fn nfold(input: &[u8], out: &mut [u8]) {
    let bits = input.len().saturating_mul(8);
    if bits == 0 || out.is_empty() {
        return;
    }
    let total = lcm(input.len(), out.len());
    let mut sums = vec![0_u64; out.len()];
    for position in 0..total {
        let column = position % sums.len();
        if let Some(sum) = sums.get_mut(column) {
            *sum += u64::from(rotated(input, position));
        }
    }
    let mut carry = 0;
    loop {
        for sum in sums.iter_mut().rev() {
            *sum += carry;
            carry = *sum >> 8;
            *sum &= 0xff;
        }
        if carry == 0 {
            break;
        }
    }
    for (byte, sum) in out.iter_mut().zip(sums) {
        *byte = u8::try_from(sum).unwrap_or(u8::MAX);
    }
}

/// The byte at `position` of the copies laid end to end, each rotated right by 13 bits more.
fn rotated(input: &[u8], position: usize) -> u8 {
    let bits = input.len() * 8;
    let shift = (position / input.len() * 13) % bits;
    let start = (position % input.len()) * 8 + bits - shift;
    // Eight bits in a row lie in two bytes at most.
    let byte_at = |index: usize| u16::from(input.get(index % input.len()).copied().unwrap_or_default());
    let two = byte_at(start / 8) << 8 | byte_at(start / 8 + 1);
    let [_, byte] = (two >> (8 - start % 8)).to_be_bytes();
    byte
}

const fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::hex;

    fn folded(input: &[u8], bits: usize) -> Vec<u8> {
        let mut out = vec![0; bits / 8];
        nfold(input, &mut out);
        out
    }

    #[test]
    fn folds_as_rfc_3961_appendix_a_1() {
        let mit = "MASSACHVSETTS INSTITVTE OF TECHNOLOGY";
        for (bits, input, expected) in [
            (64, "012345", "be072631276b1955"),
            (56, "password", "78a07b6caf85fa"),
            (64, "Rough Consensus, and Running Code", "bb6ed30870b7f0e0"),
            (168, "password", "59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e"),
            (192, mit, "db3b0d8f0b061e603282b308a50841229ad798fab9540c1b"),
            (168, "Q", "518a54a2 15a8452a 518a54a2 15a8452a 518a54a2 15"),
            (168, "ba", "fb25d531 ae897449 9f52fd92 ea9857c4 ba24cf29 7e"),
            (64, "kerberos", "6b65726265726f73"),
            (128, "kerberos", "6b65726265726f737b9b5b2b93132b93"),
            (168, "kerberos", "8372c236344e5f1550cd0747e15d62ca7a5a3bcea4"),
            (256, "kerberos", "6b65726265726f737b9b5b2b93132b935c9bdcdad95c9899c4cae4dee6d6cae4"),
        ] {
            assert_eq!(folded(input.as_bytes(), bits), hex(expected), "{bits} bits of {input}");
        }
    }
}

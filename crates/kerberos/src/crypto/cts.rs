//! AES in CBC mode with ciphertext stealing and a zero first vector (RFC 3962 section 5).

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256, Block};
use zeroize::{Zeroize, Zeroizing};

pub(super) const BLOCK: usize = 16;

/// AES with an expanded key, which wipes itself.
pub(super) enum Cipher {
    Aes128(Box<Aes128>),
    Aes256(Box<Aes256>),
}

impl Cipher {
    /// Expands a key of 16 or 32 bytes; there is no cipher for another length.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Some(Self::Aes128(Box::new(Aes128::new_from_slice(key).ok()?))),
            32 => Some(Self::Aes256(Box::new(Aes256::new_from_slice(key).ok()?))),
            _ => None,
        }
    }

    pub(super) fn encrypt_block(&self, block: &mut [u8; BLOCK]) {
        let mut cell = Block::from(*block);
        match self {
            Self::Aes128(aes) => aes.encrypt_block(&mut cell),
            Self::Aes256(aes) => aes.encrypt_block(&mut cell),
        }
        *block = cell.into();
    }

    fn decrypt_block(&self, block: &mut [u8; BLOCK]) {
        let mut cell = Block::from(*block);
        match self {
            Self::Aes128(aes) => aes.decrypt_block(&mut cell),
            Self::Aes256(aes) => aes.decrypt_block(&mut cell),
        }
        *block = cell.into();
        cell.zeroize();
    }

    /// Encrypts at least one block's length; the ciphertext is as long as the text.
    pub(super) fn encrypt(&self, text: &[&[u8]]) -> Vec<u8> {
        let length = text.iter().map(|part| part.len()).sum();
        let mut blocks = blocks_of(text, length);
        let mut previous = [0; BLOCK];
        for block in blocks.iter_mut() {
            xor(block, &previous);
            self.encrypt_block(block);
            previous = *block;
        }
        steal(&mut blocks);
        let mut out = std::mem::take(&mut *blocks).into_flattened();
        out.truncate(length);
        out
    }

    /// Decrypts what [`encrypt`](Self::encrypt) made. Fewer bytes than a block give nothing.
    pub(super) fn decrypt(&self, ciphertext: &[u8]) -> Zeroizing<Vec<u8>> {
        if ciphertext.len() < BLOCK {
            return Zeroizing::default();
        }
        let mut blocks = blocks_of(&[ciphertext], ciphertext.len());
        let left = ciphertext.len() % BLOCK;
        if let [.., stolen, last] = blocks.as_mut_slice()
            && left > 0
        {
            // The end of the last block but one was cut off; decrypting the last one shows it.
            let mut shown = *stolen;
            self.decrypt_block(&mut shown);
            for (byte, shown) in last.iter_mut().zip(shown).skip(left) {
                *byte = shown;
            }
            shown.zeroize();
        }
        steal(&mut blocks);
        let mut previous = [0; BLOCK];
        for block in blocks.iter_mut() {
            let ciphertext = *block;
            self.decrypt_block(block);
            xor(block, &previous);
            previous = ciphertext;
        }
        let mut out = Zeroizing::new(std::mem::take(&mut *blocks).into_flattened());
        out.truncate(ciphertext.len());
        out
    }
}

/// Swaps the last two blocks, if there are two.
fn steal(blocks: &mut [[u8; BLOCK]]) {
    if let [.., a, b] = blocks {
        std::mem::swap(a, b);
    }
}

fn xor(block: &mut [u8; BLOCK], with: &[u8; BLOCK]) {
    for (byte, with) in block.iter_mut().zip(with) {
        *byte ^= with;
    }
}

fn blocks_of(parts: &[&[u8]], length: usize) -> Zeroizing<Vec<[u8; BLOCK]>> {
    let mut blocks = Zeroizing::new(vec![[0; BLOCK]; length.div_ceil(BLOCK)]);
    let bytes = parts.iter().flat_map(|part| part.iter());
    for (cell, byte) in blocks.as_flattened_mut().iter_mut().zip(bytes) {
        *cell = *byte;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::hex;

    /// RFC 3962 appendix B: the key and text of all CTS vectors, then length and ciphertext.
    const KEY: &[u8] = b"chicken teriyaki";
    const TEXT: &[u8] = b"I would like the General Gau's Chicken, please, and wonton soup.";
    const VECTORS: [(usize, &str); 6] = [
        (17, "c6353568f2bf8cb4d8a580362da7ff7f97"),
        (31, "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"),
        (32, "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"),
        (
            47,
            "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5",
        ),
        (
            48,
            "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd839312523a78662d5be7fcbcc98ebf5a8",
        ),
        (
            64,
            "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a8\
             4807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8",
        ),
    ];

    #[test]
    fn encrypts_and_decrypts_as_rfc_3962_appendix_b() {
        let cipher = Cipher::new(KEY).unwrap();
        for (length, expected) in VECTORS {
            let ciphertext = cipher.encrypt(&[&TEXT[..5], &TEXT[5..length]]);
            assert_eq!(ciphertext, hex(expected), "{length} bytes");
            assert_eq!(*cipher.decrypt(&ciphertext), TEXT[..length], "{length} bytes");
        }
    }

    #[test]
    fn one_block_is_plain_cbc() {
        let cipher = Cipher::new(KEY).unwrap();
        let ciphertext = cipher.encrypt(&[&TEXT[..16]]);
        assert_eq!(ciphertext, hex("97687268d6ecccc0c07b25e25ecfe584"));
        assert_eq!(*cipher.decrypt(&ciphertext), TEXT[..16]);
        assert!(cipher.decrypt(&ciphertext[..15]).is_empty());
    }

    #[test]
    fn there_are_only_two_key_lengths() {
        assert!(Cipher::new(&[0; 24]).is_none() && Cipher::new(&[]).is_none());
        assert!(Cipher::new(&[0; 32]).is_some());
    }
}

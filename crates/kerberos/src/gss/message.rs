use crate::crypto::{AesKey, KeyUsage};
use crate::error::GssFault;

/// An established context: protects messages against change, loss and replay, not against reading.
#[derive(Debug)]
pub struct SecurityContext {
    key: AesKey,
    acceptor_subkey: bool,
    send: u64,
    receive: u64,
}

const HEADER: usize = 16;
const WRAP: [u8; 2] = [5, 4];
const MIC: [u8; 2] = [4, 4];
const SENT_BY_ACCEPTOR: u8 = 0x01;
const SEALED: u8 = 0x02;
const ACCEPTOR_SUBKEY: u8 = 0x04;

/// The header of a token (RFC 4121 section 4.2.6), as its checksum covers it.
struct Header {
    bytes: [u8; HEADER],
    /// The "extra count" of a Wrap token: for one that is not encrypted, its checksum's length.
    extra_count: usize,
    /// By how many bytes what follows was rotated to the right.
    rotation: usize,
    sequence: u64,
}

impl SecurityContext {
    pub(super) fn new(key: AesKey, acceptor_subkey: bool, send: u32, receive: u32) -> Self {
        Self { key, acceptor_subkey, send: u64::from(send), receive: u64::from(receive) }
    }

    /// Makes a Wrap token around `payload`: readable, with a checksum (RFC 4121 section 4.2.6.2).
    pub fn wrap(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut header = self.header(WRAP, [0xff, 0, 0, 0, 0]);
        let checksum = self.key.checksum(KeyUsage::INITIATOR_SEAL, &[payload, &header]);
        let length = u16::try_from(checksum.len()).unwrap_or(u16::MAX).to_be_bytes();
        // The checksum is over a header with zeros in place of its own length.
        if let Some(extra_count) = header.get_mut(4..6) {
            extra_count.copy_from_slice(&length);
        }
        [&header[..], payload, &checksum].concat()
    }

    /// Takes the payload out of a Wrap token of the acceptor that is not encrypted.
    ///
    /// # Errors
    /// The token is not the next one that the acceptor made for this context.
    pub fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, GssFault> {
        let (header, body) = self.parse(WRAP, token)?;
        let checksum_len = self.key.checksum_len();
        if header.extra_count != checksum_len {
            return Err(GssFault::ChecksumLength);
        }
        let mut body = body.to_vec();
        let split = body.len().checked_sub(checksum_len).ok_or(GssFault::Truncated)?;
        let rotation = header.rotation % body.len().max(1);
        body.rotate_left(rotation);
        let checksum = body.split_off(split);
        self.key
            .verify_checksum(KeyUsage::ACCEPTOR_SEAL, &[&body, &header.bytes], &checksum)
            .map_err(|_| GssFault::Integrity)?;
        self.advance(header.sequence)?;
        Ok(body)
    }

    /// Makes a MIC token for `message` (RFC 4121 section 4.2.6.1).
    pub fn mic(&mut self, message: &[u8]) -> Vec<u8> {
        let header = self.header(MIC, [0xff; 5]);
        let checksum = self.key.checksum(KeyUsage::INITIATOR_SIGN, &[message, &header]);
        [&header[..], &checksum].concat()
    }

    /// Checks the acceptor's MIC token for `message`.
    ///
    /// # Errors
    /// The token is not the next one that the acceptor made, or is for another message.
    pub fn verify_mic(&mut self, message: &[u8], token: &[u8]) -> Result<(), GssFault> {
        let (header, checksum) = self.parse(MIC, token)?;
        self.key
            .verify_checksum(KeyUsage::ACCEPTOR_SIGN, &[message, &header.bytes], checksum)
            .map_err(|_| GssFault::Integrity)?;
        self.advance(header.sequence)
    }

    fn header(&mut self, id: [u8; 2], filler: [u8; 5]) -> [u8; HEADER] {
        let [a, b] = id;
        let flags = if self.acceptor_subkey { ACCEPTOR_SUBKEY } else { 0 };
        let [f0, f1, f2, f3, f4] = filler;
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.send.to_be_bytes();
        self.send = self.send.wrapping_add(1);
        [a, b, flags, f0, f1, f2, f3, f4, s0, s1, s2, s3, s4, s5, s6, s7]
    }

    fn parse<'a>(&self, id: [u8; 2], token: &'a [u8]) -> Result<(Header, &'a [u8]), GssFault> {
        let (bytes, body) = token.split_first_chunk::<HEADER>().ok_or(GssFault::Truncated)?;
        let [a, b, flags, filler, e0, e1, r0, r1, sequence @ ..] = *bytes;
        if [a, b] != id {
            return Err(GssFault::TokenId);
        }
        if flags & SENT_BY_ACCEPTOR == 0 {
            return Err(GssFault::Direction);
        }
        if flags & SEALED != 0 {
            return Err(GssFault::Sealed);
        }
        if (flags & ACCEPTOR_SUBKEY != 0) != self.acceptor_subkey {
            return Err(GssFault::WhichKey);
        }
        if filler != 0xff || (id == MIC && [e0, e1, r0, r1] != [0xff; 4]) {
            return Err(GssFault::Filler);
        }
        let mut bytes = *bytes;
        if id == WRAP
            && let Some(counts) = bytes.get_mut(4..8)
        {
            counts.fill(0);
        }
        Ok((
            Header {
                bytes,
                extra_count: usize::from(u16::from_be_bytes([e0, e1])),
                rotation: usize::from(u16::from_be_bytes([r0, r1])),
                sequence: u64::from_be_bytes(sequence),
            },
            body,
        ))
    }

    /// No token may be lost, repeated or overtaken: the transport below keeps the order.
    const fn advance(&mut self, sequence: u64) -> Result<(), GssFault> {
        if sequence != self.receive {
            return Err(GssFault::Sequence);
        }
        self.receive = self.receive.wrapping_add(1);
        Ok(())
    }
}

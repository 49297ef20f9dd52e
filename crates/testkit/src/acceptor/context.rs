//! Messages of an established context (RFC 4121 section 4.2.6.2), from the acceptor's side.

use ottla_kerberos::crypto::{AesKey, KeyUsage};

use super::AcceptError;

#[derive(Debug)]
pub(super) struct Context {
    key: AesKey,
    /// The key is one that we chose.
    chosen: bool,
    send: u64,
    receive: u64,
}

const HEADER: usize = 16;
const SENT_BY_ACCEPTOR: u8 = 0x01;
const SEALED: u8 = 0x02;
const ACCEPTOR_SUBKEY: u8 = 0x04;

impl Context {
    pub(super) fn new(key: AesKey, chosen: bool, send: u32, receive: u32) -> Self {
        Self { key, chosen, send: send.into(), receive: receive.into() }
    }

    /// Makes a Wrap token that can be read: header, payload, checksum.
    pub(super) fn wrap(&mut self, payload: &[u8]) -> Vec<u8> {
        let flags = SENT_BY_ACCEPTOR | if self.chosen { ACCEPTOR_SUBKEY } else { 0 };
        let number = self.send.to_be_bytes();
        self.send = self.send.wrapping_add(1);
        let header = [&[5, 4, flags, 0xff, 0, 0, 0, 0], &number[..]].concat();
        let checksum = self.key.checksum(KeyUsage::ACCEPTOR_SEAL, &[payload, &header]);
        let length = u16::try_from(checksum.len()).unwrap_or(0).to_be_bytes();
        let head = [&[5, 4, flags, 0xff], &length[..], &[0, 0], &number].concat();
        [&head[..], payload, &checksum].concat()
    }

    /// Checks a Wrap token of the initiator and gives its payload.
    pub(super) fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, AcceptError> {
        let wrong = AcceptError::Integrity;
        let (header, body) = token.split_first_chunk::<HEADER>().ok_or(wrong)?;
        let [a, b, flags, filler, e0, e1, r0, r1, number @ ..] = *header;
        let has_our_key = flags & ACCEPTOR_SUBKEY != 0;
        if [a, b] != [5, 4] || filler != 0xff {
            return Err(AcceptError::Token);
        }
        if flags & (SENT_BY_ACCEPTOR | SEALED) != 0 || has_our_key != self.chosen {
            return Err(wrong);
        }
        let length = usize::from(u16::from_be_bytes([e0, e1]));
        let mut body = body.to_vec();
        if length != self.key.checksum_len() || u64::from_be_bytes(number) != self.receive {
            return Err(wrong);
        }
        let split = body.len().checked_sub(length).ok_or(wrong)?;
        let rotation = usize::from(u16::from_be_bytes([r0, r1])).checked_rem(body.len()).unwrap_or(0);
        body.rotate_left(rotation);
        let checksum = body.split_off(split);
        let signed = [&[a, b, flags, filler, 0, 0, 0, 0], &number[..]].concat();
        self.key
            .verify_checksum(KeyUsage::INITIATOR_SEAL, &[&body, &signed], &checksum)
            .map_err(|_| wrong)?;
        self.receive = self.receive.wrapping_add(1);
        Ok(body)
    }
}

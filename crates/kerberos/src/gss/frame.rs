//! The frame around the tokens that set up a context (RFC 2743 section 3.1, RFC 4121 section 4.1).

use crate::der::{Error, Reader, Writer, tag};
use crate::error::{Fault, GssFault};

/// The mechanism's object identifier, 1.2.840.113554.1.2.2.
const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
const FRAME: u8 = 0x60;

/// What a framed token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenId {
    ApRequest,
    ApReply,
    Error,
}

pub(super) fn encode(id: TokenId, message: &[u8]) -> Vec<u8> {
    let id = match id {
        TokenId::ApRequest => [1, 0],
        TokenId::ApReply => [2, 0],
        TokenId::Error => [3, 0],
    };
    Writer::encode(|w| {
        w.constructed(FRAME, |w| {
            w.content(tag::OID, KERBEROS);
            w.raw(&id);
            w.raw(message);
        });
    })
}

pub(super) fn decode(token: &[u8]) -> Result<(TokenId, &[u8]), Fault> {
    let content = Reader::whole(token, |r| r.content(FRAME))?;
    let mut reader = Reader::new(content);
    if reader.content(tag::OID)? != KERBEROS {
        return Err(GssFault::Mechanism.into());
    }
    let (id, message) = reader.rest().split_first_chunk().ok_or(Error::Truncated)?;
    match id {
        [1, 0] => Ok((TokenId::ApRequest, message)),
        [2, 0] => Ok((TokenId::ApReply, message)),
        [3, 0] => Ok((TokenId::Error, message)),
        _ => Err(GssFault::TokenId.into()),
    }
}

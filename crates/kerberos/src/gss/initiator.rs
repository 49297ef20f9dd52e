use std::sync::Arc;

use super::frame::{self, TokenId};
use super::{SecurityContext, ServiceTicket};
use crate::crypto::{AesKey, KeyUsage};
use crate::enctype::Enctype;
use crate::entropy::Seed;
use crate::error::{ErrorCode, Fault, GssFault};
use crate::messages::{ApReply, ApRequest, Authenticator, KrbError};
use crate::ticket::Grant;
use crate::time::Timestamp;

/// How a context is to be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GssOptions {
    /// Whether the service has to prove itself by an AP-REP. Costs one round trip. Default: yes.
    pub mutual: bool,
    /// The types of subkey that the service may choose. Default: [`Enctype::SUPPORTED`].
    pub enctypes: Vec<Enctype>,
}

impl Default for GssOptions {
    fn default() -> Self {
        Self { mutual: true, enctypes: Enctype::SUPPORTED.to_vec() }
    }
}

/// What the first token leads to.
#[derive(Debug)]
pub enum Begun {
    /// The service answers with an AP-REP.
    ExpectReply(ExpectReply),
    /// Nothing comes before the first protected message.
    Established(SecurityContext),
}

/// The checksum type whose content is the context's flags (RFC 4121 section 4.1.1).
const FLAGS_CHECKSUM: i32 = 0x8003;

const MUTUAL: u32 = 0x02;
const REPLAY_AND_SEQUENCE: u32 = 0x04 | 0x08;
const INTEGRITY: u32 = 0x20;

/// Makes the first token of a context, an AP-REQ with a subkey of our own.
///
/// # Errors
/// [`Fault::Crypto`] if the session key is of a type that cannot be used.
pub fn begin(ticket: &ServiceTicket, options: &GssOptions, seed: &Seed) -> Result<(Vec<u8>, Begun), Fault> {
    let Grant { client, ticket: sealed, session_key, .. } = ticket.grant.as_ref();
    let now = ticket.kdc_now();
    let subkey = seed.subkey(session_key.enctype())?;
    let sequence = seed.sequence();
    let authenticator = Authenticator {
        client,
        checksum: (FLAGS_CHECKSUM, &flags_checksum(options.mutual)),
        now,
        subkey: &subkey,
        sequence: Some(sequence),
    };
    let usage = KeyUsage::AP_REQ_AUTHENTICATOR;
    let authenticator = ApRequest::seal(&authenticator, session_key, usage, seed.confounder());
    let request = ApRequest { ticket: sealed, mutual: options.mutual, authenticator };
    let token = frame::encode(TokenId::ApRequest, &request.encode());
    let begun = if options.mutual {
        Begun::ExpectReply(ExpectReply {
            grant: Arc::clone(&ticket.grant),
            enctypes: options.enctypes.clone(),
            now,
            subkey,
            sequence,
        })
    } else {
        // Without an AP-REP both sides count from our number.
        Begun::Established(SecurityContext::new(subkey, false, sequence, sequence))
    };
    Ok((token, begun))
}

/// Length, channel bindings (none: 16 zero bytes) and flags, little endian.
fn flags_checksum(mutual: bool) -> [u8; 24] {
    let flags = REPLAY_AND_SEQUENCE | INTEGRITY | if mutual { MUTUAL } else { 0 };
    let [a, b, c, d] = flags.to_le_bytes();
    [16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
}

/// Reads an error token, which a service may send in place of any other.
pub(crate) fn refusal(token: &[u8]) -> Result<Option<GssFault>, Fault> {
    match frame::decode(token) {
        Ok((TokenId::Error, message)) => {
            Ok(Some(GssFault::Refused(ErrorCode(KrbError::parse(message)?.code))))
        }
        _ => Ok(None),
    }
}

/// A context that awaits the service's proof.
#[derive(Debug)]
pub struct ExpectReply {
    grant: Arc<Grant>,
    enctypes: Vec<Enctype>,
    now: Timestamp,
    subkey: AesKey,
    sequence: u32,
}

impl ExpectReply {
    /// Takes the service's AP-REP.
    ///
    /// # Errors
    /// The service refuses, or the token does not prove that it could open the ticket.
    pub fn accept(self, token: &[u8]) -> Result<SecurityContext, Fault> {
        if let Some(refused) = refusal(token)? {
            return Err(refused.into());
        }
        let (TokenId::ApReply, message) = frame::decode(token)? else {
            return Err(GssFault::TokenId.into());
        };
        let reply = ApReply::parse_sealed(message)?;
        let session_key = &self.grant.session_key;
        if reply.enctype != session_key.enctype() {
            return Err(GssFault::WhichKey.into());
        }
        let reply = ApReply::parse(&session_key.decrypt(KeyUsage::AP_REP, &reply.cipher)?)?;
        if reply.client_time != self.now {
            return Err(GssFault::ClientTime.into());
        }
        let receive = reply.sequence.unwrap_or(0);
        let Some(key) = reply.subkey else {
            return Ok(SecurityContext::new(self.subkey, false, self.sequence, receive));
        };
        if !self.enctypes.contains(&key.enctype()) {
            return Err(GssFault::Subkey.into());
        }
        let key = AesKey::of(&key).map_err(|_| GssFault::Subkey)?;
        Ok(SecurityContext::new(key, true, self.sequence, receive))
    }
}

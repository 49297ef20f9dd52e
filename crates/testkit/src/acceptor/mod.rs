//! The service's side of SASL GSSAPI (RFC 4752) with Kerberos (RFC 4121): what a broker does with a
//! client's ticket.
//!
//! ```text
//! Acceptor::accept ── AP-REQ: key, times, replay, flags ──► Login, first challenge
//!    └─ mutual: AP-REP ─► Login::step (empty) ─► offer ─► Login::step (answer) ─► Step::Done(client)
//!    └─ else:   offer  ─► Login::step (answer) ─► Step::Done(client)
//! ```
//! It behaves as the JDK's, which Kafka's brokers run: it offers no security layer, and by default
//! chooses no subkey ([`Acceptor::with_subkey`] chooses one, as MIT's library does).

mod context;

use std::collections::HashMap;
use std::fmt;
use std::time::SystemTime;

use ottla_kerberos::crypto::{AesKey, KeyUsage};
use ottla_kerberos::der::{Error as DerError, Reader, Writer, tag};
use ottla_kerberos::keytab::{Keytab, KeytabError};
use ottla_kerberos::principal::Principal;
use ottla_kerberos::time::{KerberosTime, Timestamp};

use self::context::Context;
use crate::krb::{
    ApRequest, Authenticator, CLOCK_SKEW, Refusal, Sealed, SealedTicket, TicketPart, write_key,
};
use crate::random::Random;

/// Accepts logins with the keys of a keytab, and remembers the authenticators that it has seen.
#[derive(Debug)]
pub struct Acceptor {
    keytab: Keytab,
    subkey: bool,
    /// What was sealed in an authenticator, and when it is too old to be sent again.
    seen: HashMap<Vec<u8>, KerberosTime>,
    random: Random,
}

/// Why a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcceptError {
    /// Kerberos' own reason, by the code of RFC 4120 section 7.5.9: 34 for a replay, 37 for a clock.
    Kerberos(i32),
    /// The token is not of GSS-API, of Kerberos, or of the kind that comes now.
    Token,
    /// The protection of a message is not right.
    Integrity,
    /// The answer to the offer is not "authentication alone".
    Answer,
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kerberos(code) => write!(f, "Kerberos error {code}"),
            Self::Token => f.write_str("not a token that is awaited"),
            Self::Integrity => f.write_str("the token's checksum or header is wrong"),
            Self::Answer => f.write_str("the client wants more than authentication"),
        }
    }
}

impl std::error::Error for AcceptError {}

impl From<Refusal> for AcceptError {
    fn from(refusal: Refusal) -> Self {
        Self::Kerberos(refusal.0)
    }
}

impl From<DerError> for AcceptError {
    fn from(_: DerError) -> Self {
        Self::Token
    }
}

/// A login under way.
#[derive(Debug)]
pub struct Login {
    client: Principal,
    context: Context,
    awaits: Awaits,
}

#[derive(Debug)]
enum Awaits {
    /// The empty response to the AP-REP.
    Nothing,
    Answer,
}

/// What a response leads to.
#[derive(Debug)]
pub enum Step {
    /// Send this and await another response.
    Challenge(Vec<u8>, Login),
    /// The client is who the ticket says: its principal, `alice@EXAMPLE.TEST`.
    Done(String),
}

/// The mechanism's object identifier, 1.2.840.113554.1.2.2.
const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
const FRAME: u8 = 0x60;
const AP_REQ: [u8; 2] = [1, 0];
const AP_REP: [u8; 2] = [2, 0];
/// The type of the checksum that has the context's flags in it (RFC 4121 section 4.1.1).
const FLAGS_CHECKSUM: i32 = 0x8003;
const MUTUAL: u8 = 0x02;
/// Security layers: none. The JDK names a buffer size all the same.
const OFFER: [u8; 4] = [1, 1, 0, 0];
const NO_LAYER: u8 = 1;

impl Acceptor {
    /// Takes the bytes of a keytab; any of its principals is accepted as the service.
    ///
    /// # Errors
    /// The bytes are not a keytab.
    pub fn new(keytab: &[u8]) -> Result<Self, KeytabError> {
        Keytab::parse(keytab).map(Self::of)
    }

    pub(crate) fn of(keytab: Keytab) -> Self {
        Self { keytab, subkey: false, seen: HashMap::new(), random: Random::seeded(0) }
    }

    /// Chooses a key for each context, as MIT's library does and the JDK does not.
    #[must_use]
    pub fn with_subkey(mut self) -> Self {
        self.subkey = true;
        self
    }

    /// Takes the first token of a client, at a time by the service's clock; gives the first challenge.
    ///
    /// # Errors
    /// What is wrong with the ticket or its authenticator.
    pub fn accept(&mut self, token: &[u8], now: SystemTime) -> Result<(Vec<u8>, Login), AcceptError> {
        let now = Timestamp::from(now).time();
        let request = ApRequest::parse(unframed(token, AP_REQ)?)?;
        let ticket = request.ticket.open(&self.key(&request.ticket)?, now)?;
        let authenticator = request.authenticator(&ticket, KeyUsage::AP_REQ_AUTHENTICATOR, now)?;
        self.remember(request.authenticator.cipher, &authenticator, now)?;
        let is_mutual = flags(&authenticator)? & MUTUAL != 0;
        let theirs = authenticator.sequence.unwrap_or(0);
        if !is_mutual {
            // Without an AP-REP both sides count from the client's number.
            let context = Context::new(initiator_key(&authenticator, &ticket)?, false, theirs, theirs);
            return Ok(Login::begin(ticket.client, context, None));
        }
        let subkey = if self.subkey { Some(self.random_key(&ticket)?) } else { None };
        let ours = u32::try_from(self.random.below(1 << 30)).unwrap_or(0);
        let reply = self.reply(&authenticator, &ticket, subkey.as_ref(), ours);
        let chosen = subkey.is_some();
        let key = subkey.map_or_else(|| initiator_key(&authenticator, &ticket), Ok)?;
        Ok(Login::begin(ticket.client, Context::new(key, chosen, ours, theirs), Some(reply)))
    }

    /// The key that the ticket names, or else the newest of its type: versions are a hint.
    fn key(&self, ticket: &SealedTicket) -> Result<AesKey, Refusal> {
        let Sealed { enctype, kvno, .. } = ticket.sealed;
        let is_ours = self.keytab.principals().contains(&&ticket.server);
        let entry = self.keytab.key(&ticket.server, enctype, kvno);
        let entry = entry.ok_or(if is_ours { Refusal::NO_KEY } else { Refusal::NOT_US })?;
        Ok(AesKey::of(&entry.key)?)
    }

    fn random_key(&mut self, ticket: &TicketPart) -> Result<AesKey, Refusal> {
        let bytes: [u8; 32] = self.random.bytes();
        let enctype = ticket.session_key.enctype();
        let length = ticket.session_key.secret_bytes().len();
        Ok(AesKey::new(enctype, bytes.get(..length).unwrap_or_default())?)
    }

    /// Refuses what was seen before (RFC 4120 section 3.2.3).
    fn remember(
        &mut self,
        sealed: Vec<u8>,
        authenticator: &Authenticator,
        now: KerberosTime,
    ) -> Result<(), Refusal> {
        self.seen.retain(|_, until| *until >= now);
        let until = authenticator.time.time().saturating_add(CLOCK_SKEW);
        match self.seen.insert(sealed, until) {
            Some(_) => Err(Refusal::REPEAT),
            None => Ok(()),
        }
    }

    /// AP-REP: proves that we could open the ticket.
    fn reply(
        &mut self,
        authenticator: &Authenticator,
        ticket: &TicketPart,
        subkey: Option<&AesKey>,
        sequence: u32,
    ) -> Vec<u8> {
        let part = Writer::encode(|w| {
            w.message(27, |w| {
                w.field(0, |w| w.time(authenticator.time.time()));
                w.field(1, |w| w.integer(authenticator.time.subsec_micros()));
                if let Some(subkey) = subkey {
                    w.field(2, |w| write_key(w, subkey));
                }
                w.field(3, |w| w.integer(sequence.into()));
            });
        });
        let sealed = Sealed::new(&part, &ticket.session_key, None, KeyUsage::AP_REP, &mut self.random);
        let message = Writer::encode(|w| {
            w.message(15, |w| {
                w.field(0, |w| w.integer(5));
                w.field(1, |w| w.integer(15));
                w.field(2, |w| sealed.write(w));
            });
        });
        framed(AP_REP, &message)
    }
}

fn unframed(token: &[u8], expected: [u8; 2]) -> Result<&[u8], AcceptError> {
    let content = Reader::whole(token, |r| r.content(FRAME))?;
    let mut reader = Reader::new(content);
    if reader.content(tag::OID)? != KERBEROS {
        return Err(AcceptError::Token);
    }
    match reader.rest().split_first_chunk() {
        Some((id, message)) if *id == expected => Ok(message),
        _ => Err(AcceptError::Token),
    }
}

fn framed(id: [u8; 2], message: &[u8]) -> Vec<u8> {
    Writer::encode(|w| {
        w.constructed(FRAME, |w| {
            w.content(tag::OID, KERBEROS);
            w.raw(&id);
            w.raw(message);
        });
    })
}

/// The lowest byte of the context's flags.
fn flags(authenticator: &Authenticator) -> Result<u8, AcceptError> {
    let wrong = Refusal::INAPPROPRIATE_CHECKSUM;
    let (kind, content) = authenticator.checksum.as_ref().ok_or(wrong)?;
    match content.as_slice() {
        // Behind the length and the channel bindings.
        [16, 0, 0, 0, rest @ ..] if *kind == FLAGS_CHECKSUM => Ok(*rest.get(16).ok_or(wrong)?),
        _ => Err(wrong.into()),
    }
}

/// The key of a context whose acceptor chose none.
fn initiator_key(authenticator: &Authenticator, ticket: &TicketPart) -> Result<AesKey, Refusal> {
    let key = &ticket.session_key;
    match authenticator.subkey()? {
        Some(subkey) => Ok(subkey),
        None => Ok(AesKey::new(key.enctype(), key.secret_bytes())?),
    }
}

impl Login {
    fn begin(client: Principal, mut context: Context, reply: Option<Vec<u8>>) -> (Vec<u8>, Self) {
        match reply {
            Some(reply) => (reply, Self { client, context, awaits: Awaits::Nothing }),
            None => (context.wrap(&OFFER), Self { client, context, awaits: Awaits::Answer }),
        }
    }

    /// Takes a response of the client.
    ///
    /// # Errors
    /// The response is not what comes now.
    pub fn step(mut self, response: &[u8]) -> Result<Step, AcceptError> {
        match self.awaits {
            Awaits::Nothing if response.is_empty() => {
                let offer = self.context.wrap(&OFFER);
                Ok(Step::Challenge(offer, Self { awaits: Awaits::Answer, ..self }))
            }
            Awaits::Nothing => Err(AcceptError::Token),
            Awaits::Answer => {
                let answer = self.context.unwrap(response)?;
                match answer.as_slice() {
                    // The authorization id behind it is not looked at, as in Kafka.
                    [NO_LAYER, 0, 0, 0, ..] => Ok(Step::Done(self.client.to_string())),
                    _ => Err(AcceptError::Answer),
                }
            }
        }
    }
}

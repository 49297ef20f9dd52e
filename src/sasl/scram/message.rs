//! The messages of SCRAM (RFC 5802 section 7), written and read.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::NonceEntropy;
use crate::entropy;
use crate::sasl::error::{Error, Fault, Message, Refusal};
use crate::secret::Secret;

/// No channel binding, no authorization identity.
pub(super) const GS2_HEADER: &str = "n,,";
/// The base64 of [`GS2_HEADER`].
const CHANNEL_BINDING: &str = "biws";
/// RFC 7677 section 4 and Kafka agree on the floor.
const MIN_ITERATIONS: u32 = 4_096;
/// About 0.7 s of one processor; Kafka's brokers never store more than 16,384.
const MAX_ITERATIONS: u32 = 1_000_000;
/// Kafka's messages have about 100 bytes.
const MAX_MESSAGE: usize = 4_096;
/// Kafka's salts have about 26 bytes.
const MAX_SALT: usize = 256;
/// The longest hash of a mechanism, SHA-512's.
const MAX_SIGNATURE: usize = 64;

/// Gives the nonce that is made of random bytes: base64 has no comma.
pub(super) fn nonce(entropy: NonceEntropy) -> String {
    Base64::encode_string(&entropy)
}

/// Refuses names that no SCRAM or PLAIN message can carry. RFC 5802 forbids NUL; the other
/// control characters are forbidden by SASLprep and never meant.
pub(crate) fn check_user_name(name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::EmptyUserName);
    }
    if name.chars().any(char::is_control) {
        return Err(Error::ControlCharacter);
    }
    Ok(())
}

/// The extension follows the nonce (KIP-48), so the proof covers it.
pub(super) fn client_first_bare(user: &str, client_nonce: &str, token_auth: bool) -> String {
    // The escape character first, or it would be escaped once more.
    let user = user.replace('=', "=3D").replace(',', "=2C");
    let extension = if token_auth { ",tokenauth=true" } else { "" };
    format!("n={user},r={client_nonce}{extension}")
}

pub(super) fn client_final_without_proof(nonce: &str) -> String {
    format!("c={CHANNEL_BINDING},r={nonce}")
}

pub(super) fn client_final(without_proof: &str, client_proof: &Secret) -> Secret {
    let proof = Zeroizing::new(Base64::encode_string(client_proof.secret_bytes()));
    // One exact allocation: `format!` would grow, and leave pieces of the proof behind.
    let parts = [without_proof.as_bytes(), b",p=", proof.as_bytes()];
    Secret::new(parts.concat())
}

/// What `server_first` says, its numbers checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerFirst<'a> {
    /// The whole message, of which the proof is made.
    pub(super) text: &'a str,
    /// The client's nonce and the server's.
    pub(super) nonce: &'a str,
    pub(super) salt: Box<[u8]>,
    pub(super) iterations: u32,
}

impl<'a> ServerFirst<'a> {
    /// Reads `[m=..,]r=nonce,s=salt,i=iterations[,extension]*`.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let malformed = |fault| Error::Malformed { message: Message::ServerFirst, fault };
        let text = text(bytes, Message::ServerFirst)?;
        if text.starts_with("m=") {
            return Err(Error::MandatoryExtension);
        }
        if let Some(refused) = refused(text) {
            return Err(refused);
        }
        let mut attributes = text.split(',');
        let mut attribute = |name: char| {
            let value =
                attributes.next().and_then(|a| a.strip_prefix(name)).and_then(|a| a.strip_prefix('='));
            value.ok_or(malformed(Fault::Attribute { expected: name }))
        };
        let nonce = attribute('r')?;
        let salt = attribute('s')?;
        let iterations = attribute('i')?;
        extensions(attributes, Message::ServerFirst)?;
        if !nonce.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(malformed(Fault::Nonce));
        }
        let salt = decode(salt).ok_or(malformed(Fault::Salt))?;
        if salt.is_empty() || salt.len() > MAX_SALT {
            return Err(Error::SaltLength { got: salt.len(), max: MAX_SALT });
        }
        let iterations = iteration_count(iterations).ok_or(malformed(Fault::IterationCount))?;
        let iterations = match iterations {
            // A simulation lives too many lives to hash for each of them.
            1 if entropy::is_repeatable() => 1,
            iterations => bounded(iterations)?,
        };
        Ok(Self { text, nonce, salt: salt.into_boxed_slice(), iterations })
    }
}

/// Reads `v=signature[,extension]*`, or the reason of a refusal.
pub(super) fn read_server_final(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let malformed = |fault| Error::Malformed { message: Message::ServerFinal, fault };
    let text = text(bytes, Message::ServerFinal)?;
    if let Some(refused) = refused(text) {
        return Err(refused);
    }
    let mut attributes = text.split(',');
    let signature = attributes.next().and_then(|a| a.strip_prefix("v="));
    let signature = signature.ok_or(malformed(Fault::Attribute { expected: 'v' }))?;
    extensions(attributes, Message::ServerFinal)?;
    match decode(signature) {
        Some(signature) if signature.len() <= MAX_SIGNATURE => Ok(signature),
        _ => Err(malformed(Fault::Signature)),
    }
}

fn text(bytes: &[u8], message: Message) -> Result<&str, Error> {
    if bytes.len() > MAX_MESSAGE {
        return Err(Error::MessageLength { message, got: bytes.len(), max: MAX_MESSAGE });
    }
    std::str::from_utf8(bytes).map_err(|_| Error::Malformed { message, fault: Fault::Encoding })
}

/// RFC 5802 has the refusal in `server_final`; servers send it in place of `server_first` too.
fn refused(text: &str) -> Option<Error> {
    let value = text.split(',').next()?.strip_prefix("e=")?;
    Some(Error::ServerRefused { reason: Refusal::of(value) })
}

/// Unknown optional extensions are to be ignored, but must have the form of one. RFC 5802 gives
/// them one letter, Kafka a word.
fn extensions<'a>(attributes: impl Iterator<Item = &'a str>, message: Message) -> Result<(), Error> {
    for attribute in attributes {
        let named = |(name, value): (&str, &str)| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic()) && !value.is_empty()
        };
        if !attribute.split_once('=').is_some_and(named) {
            return Err(Error::Malformed { message, fault: Fault::Extension });
        }
    }
    Ok(())
}

/// Strict: canonical, with padding, without white space.
fn decode(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

/// Reads a positive number without sign or leading zero; more than 64 bits count as their most.
fn iteration_count(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits && !text.starts_with('0')).then(|| text.parse().unwrap_or(u64::MAX))
}

fn bounded(iterations: u64) -> Result<u32, Error> {
    let count = u32::try_from(iterations).ok().filter(|c| (MIN_ITERATIONS..=MAX_ITERATIONS).contains(c));
    count.ok_or(Error::IterationCount { got: iterations, min: MIN_ITERATIONS, max: MAX_ITERATIONS })
}

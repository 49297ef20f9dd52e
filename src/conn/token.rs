//! A delegation token as its users need it (KIP-48).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};

use crate::ids::Principal;
use crate::secret::Secret;
use crate::time::Timestamp;

/// How long after its making a token may be unknown to a broker without being gone: brokers learn
/// of it from the metadata log, the one that made it too.
pub(crate) const YOUNG: Duration = Duration::from_secs(20);

/// The longest token id that is taken. A broker's ids have 22 characters.
const MAX_ID: usize = 249;
/// The longest HMAC that is taken. A broker's have 64 bytes (HMAC-SHA-512).
const MAX_HMAC: usize = 512;

/// Holds a delegation token: what one needs to log in with it, and what is known of its life.
///
/// Whoever has the HMAC can act as the owner until the token expires, so it is a [`Secret`].
/// A token that was read from a file made for Java tells neither owner nor times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    id: Arc<str>,
    hmac: Secret,
    owner: Option<Principal>,
    requester: Option<Principal>,
    life: Option<TokenLife>,
    here: Here,
}

/// What this process saw of the token, on its own clock. It says nothing of what the token is, so
/// two tokens that differ in it alone are equal.
#[derive(Clone, Copy, Debug, Default)]
struct Here {
    /// When the broker that made it answered.
    received: Option<Instant>,
    /// When it ends.
    end: Option<Instant>,
    /// Brokers have taken it.
    known: bool,
}

impl PartialEq for Here {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Here {}

/// When a token was made and when it ends, by the broker's clock.
///
/// Compare these with each other, not with a local clock: the machines' clocks may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLife {
    /// When the broker made the token.
    pub issued: Timestamp,
    /// When it ends unless it is renewed.
    pub expires: Timestamp,
    /// When it ends however often it is renewed.
    pub max: Timestamp,
    /// How often it was renewed since it was made, as far as its keeper knows.
    pub renewals: u32,
}

/// Orders the tokens of one owner in time: by issue, and then by renewal.
///
/// A renewed token has the same id and HMAC and a longer life; a replacement has a later issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenEpoch {
    /// When the broker made the token.
    pub issued: Timestamp,
    /// How often it was renewed since.
    pub renewals: u32,
}

impl fmt::Display for TokenEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.issued.as_millis(), self.renewals)
    }
}

/// These are not the id and HMAC of a delegation token: the id is empty, too long or has other
/// characters than printable ASCII, or the HMAC is empty or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAToken;

impl fmt::Display for NotAToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a delegation token has an id of 1 to {MAX_ID} printable ASCII characters and an HMAC of 1 to {MAX_HMAC} bytes"
        )
    }
}

impl std::error::Error for NotAToken {}

impl Token {
    /// Makes a token of its id and the bytes of its HMAC. The HMAC is the decoded one, not its
    /// base64 text.
    ///
    /// # Errors
    /// [`NotAToken`] if no broker can have made them.
    pub fn new(id: impl Into<Arc<str>>, hmac: Secret) -> Result<Self, NotAToken> {
        let id = id.into();
        let id_fits = (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
        let hmac_fits = (1..=MAX_HMAC).contains(&hmac.secret_bytes().len());
        if !(id_fits && hmac_fits) {
            return Err(NotAToken);
        }
        Ok(Self { id, hmac, owner: None, requester: None, life: None, here: Here::default() })
    }

    /// Makes a token of its id and its password, the base64 text of the HMAC, as Kafka's own
    /// tools print it.
    ///
    /// # Errors
    /// [`NotAToken`] if the password is not standard, padded base64, or for the reasons of
    /// [`Token::new`].
    pub fn from_password(id: impl Into<Arc<str>>, password: &Secret) -> Result<Self, NotAToken> {
        let text = std::str::from_utf8(password.secret_bytes()).map_err(|_| NotAToken)?;
        let hmac = Base64::decode_vec(text).map_err(|_| NotAToken)?;
        Self::new(id, Secret::new(hmac))
    }

    /// Says who the token acts as.
    #[must_use]
    pub fn with_owner(mut self, owner: Principal) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Says who asked for the token, if that was not its owner (KIP-373).
    #[must_use]
    pub fn with_requester(mut self, requester: Principal) -> Self {
        self.requester = Some(requester);
        self
    }

    /// Says when the token was made and when it ends.
    #[must_use]
    pub fn with_life(mut self, life: TokenLife) -> Self {
        self.life = Some(life);
        self
    }

    /// Says when the broker that made the token answered.
    pub(crate) fn with_received(mut self, now: Instant) -> Self {
        self.here.received = Some(now);
        self
    }

    /// What is left of a token that has ended: who it was, without its secret.
    pub(crate) fn ended(&self, now: Instant) -> Self {
        let here = Here { end: Some(now), ..self.here };
        Self { hmac: Secret::from(""), here, ..self.clone() }
    }

    /// Says that the brokers know the token.
    pub(crate) fn with_known(mut self) -> Self {
        self.here.known = true;
        self
    }

    /// Whether the brokers are known to know the token.
    pub(crate) fn is_known(&self) -> bool {
        self.here.known
    }

    /// Says when the token ends, on this process's clock.
    pub(crate) fn with_end(mut self, end: Instant) -> Self {
        self.here.end = Some(end);
        self
    }

    /// When the token ends, if this process knows.
    pub(crate) fn end(&self) -> Option<Instant> {
        self.here.end
    }

    /// Whether a broker may not know the token yet. Of one that another process made only the wall clock
    /// tells, and of one that tells nothing of its life nothing does.
    pub(crate) fn may_be_young(&self, now: Instant, wall: Timestamp) -> bool {
        match (self.here.received, self.life) {
            (Some(received), _) => now < received + YOUNG,
            (None, Some(life)) => wall.saturating_since(life.issued) < YOUNG,
            (None, None) => true,
        }
    }

    /// Whether it is known here that the token has ended.
    pub(crate) fn is_dead(&self, now: Instant) -> bool {
        self.here.end.is_some_and(|end| end <= now)
    }

    /// When the broker that made the token answered, if it answered this process.
    pub(crate) fn received(&self) -> Option<Instant> {
        self.here.received
    }

    /// The id, which is the SCRAM user name. It is not a secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The bytes of the HMAC, as renewing and expiring send them.
    pub fn secret_hmac(&self) -> &Secret {
        &self.hmac
    }

    /// The SCRAM password: the HMAC as standard, padded base64 *text*.
    pub fn secret_password(&self) -> Secret {
        Secret::from(Base64::encode_string(self.hmac.secret_bytes()))
    }

    /// Who the token acts as, if known.
    pub fn owner(&self) -> Option<&Principal> {
        self.owner.as_ref()
    }

    /// Who asked for the token, if known.
    pub fn requester(&self) -> Option<&Principal> {
        self.requester.as_ref()
    }

    /// When the token was made and when it ends, if known.
    pub fn life(&self) -> Option<TokenLife> {
        self.life
    }

    /// The place of this token among its owner's, if its life is known.
    pub fn epoch(&self) -> Option<TokenEpoch> {
        self.life.map(|life| TokenEpoch { issued: life.issued, renewals: life.renewals })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(issued: i64, renewals: u32) -> TokenLife {
        let at = |after| Timestamp::from_millis(issued + after);
        TokenLife { issued: at(0), expires: at(10), max: at(20), renewals }
    }

    #[test]
    fn the_password_is_padded_standard_base64_text() {
        let token = Token::new("id", Secret::new(vec![0xfb, 0xff, 0xfe, 0x01])).unwrap();
        assert_eq!(token.secret_password(), Secret::from("+//+AQ=="));
        assert_eq!(Token::from_password("id", &Secret::from("+//+AQ==")), Ok(token));
    }

    #[test]
    fn refuses_what_no_broker_makes() {
        let hmac = || Secret::from("h");
        for id in ["", "a b", "a\n", "é", &"x".repeat(250)] {
            assert_eq!(Token::new(id, hmac()), Err(NotAToken), "{id}");
        }
        for hmac in [Secret::from(""), Secret::new(vec![0; 513])] {
            assert_eq!(Token::new("id", hmac), Err(NotAToken));
        }
        for password in ["", "+//+AQ", "-__-AQ==", "+//+AQ==\n", "+//+AR=="] {
            assert_eq!(Token::from_password("id", &Secret::from(password)), Err(NotAToken), "{password}");
        }
    }

    #[test]
    fn a_replacement_comes_after_every_renewal() {
        let epoch = |issued, renewals| {
            Token::new("id", Secret::from("h")).unwrap().with_life(life(issued, renewals)).epoch()
        };
        assert!(epoch(1, 0) < epoch(1, 1));
        assert!(epoch(1, 9) < epoch(2, 0));
        assert!(Token::new("id", Secret::from("h")).unwrap().epoch() < epoch(0, 0));
    }

    #[test]
    fn debug_shows_no_hmac() {
        let token = Token::new("the-id", Secret::from("sesame")).unwrap();
        let shown = format!("{token:?}");
        assert!(shown.contains("the-id") && shown.contains("Secret(..)"));
        assert!(!shown.contains("sesame") && !shown.contains("c2VzYW1l"));
    }
}

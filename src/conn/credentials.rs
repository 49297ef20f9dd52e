//! What a client proves who it is with, and where connections find the newest token.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::keys::Keys;
use super::token::{Token, YOUNG};
use super::turns::Turns;
use crate::sasl::{MechanismFactory, ScramMechanism};
use crate::secret::Secret;
use crate::time;

/// Says with what a connection logs in. Each case has exactly what its mechanism needs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credentials {
    /// No SASL at all: anonymous, or known by the client certificate of TLS.
    None,
    /// SASL PLAIN (RFC 4616). The password crosses the network as it is: only over TLS is it safe.
    Plain {
        /// The user name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// SASL SCRAM (RFC 5802) with a user that the cluster knows.
    Scram {
        /// SHA-256 or SHA-512, as the user was made.
        mechanism: ScramMechanism,
        /// The user name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// SASL SCRAM with a delegation token (KIP-48). Each login takes the newest one.
    Token {
        /// SHA-256 or SHA-512: every token works with both, if the listener offers them.
        mechanism: ScramMechanism,
        /// Where the token comes from.
        source: TokenSource,
    },
    /// SASL GSSAPI: Kerberos. Clones of one [`Kerberos`](crate::Kerberos) share its login.
    #[cfg(feature = "kerberos")]
    Kerberos(super::kerberos::Kerberos),
    /// A SASL mechanism of your own; the factory makes a fresh one for each login.
    Custom(Arc<dyn MechanismFactory>),
}

impl Credentials {
    /// The turns of the connections that log in with newer tokens as they come.
    pub(crate) fn turns(&self) -> Option<&Arc<Turns>> {
        match self {
            Self::Token { source, .. } => source.turns(),
            _ => None,
        }
    }

    /// Where salted passwords are kept: with the source of the tokens, or with the client.
    pub(crate) fn keys(&self) -> Arc<Keys> {
        match self {
            Self::Token { source, .. } => Arc::clone(source.keys()),
            _ => Arc::new(Keys::new()),
        }
    }

    /// The newest token, where it is by a token that one logs in.
    pub(crate) fn token(&self) -> Option<Arc<Token>> {
        match self {
            Self::Token { source, .. } => Some(source.current()),
            #[cfg(feature = "kerberos")]
            Self::Kerberos(_) => None,
            Self::None | Self::Plain { .. } | Self::Scram { .. } | Self::Custom(_) => None,
        }
    }
}

/// Gives the newest token to whoever logs in. Clones look at the same token.
#[derive(Clone, Debug)]
pub struct TokenSource(Source);

#[derive(Clone, Debug)]
enum Source {
    Fixed {
        token: Arc<Token>,
        keys: Arc<Keys>,
    },
    Watched {
        reader: watch::Receiver<Arc<Token>>,
        refusals: watch::Sender<Refusal>,
        turns: Arc<Turns>,
        keys: Arc<Keys>,
    },
}

/// A broker refused a token, which is nothing once one has taken it.
#[derive(Debug)]
struct Refusal {
    token: Weak<Token>,
    at: Instant,
}

impl TokenSource {
    /// Makes a source of one token that is never replaced. Logins fail once it has expired.
    pub fn fixed(token: Token) -> Self {
        Self(Source::Fixed { token: Arc::new(token), keys: Arc::new(Keys::new()) })
    }

    /// Makes a source that begins with `first` and follows what its writer puts in its place.
    pub fn watched(first: Token) -> (TokenWriter, Self) {
        let (writer, reader) = watch::channel(Arc::new(first));
        let since = time::now();
        let (refusals, refused) = watch::channel(Refusal { token: Weak::new(), at: since });
        let (turns, keys) = (Arc::default(), Arc::new(Keys::new()));
        let writer = TokenWriter { writer, since: Mutex::new(since), refused, keys: Arc::clone(&keys) };
        (writer, Self(Source::Watched { reader, refusals, turns, keys }))
    }

    /// Whether a newer token can come.
    pub(crate) fn may_change(&self) -> bool {
        matches!(&self.0, Source::Watched { reader, .. } if reader.has_changed().is_ok())
    }

    /// In how long a connection may log in with `token`, the newest one.
    pub(crate) fn turn(&self, now: Instant, token: &Arc<Token>, left: Option<Duration>) -> Duration {
        self.turns().map_or(Duration::ZERO, |turns| turns.take(now, token, left))
    }

    /// The turns of the connections that follow, if there is anything to follow.
    pub(crate) fn turns(&self) -> Option<&Arc<Turns>> {
        match &self.0 {
            Source::Fixed { .. } => None,
            Source::Watched { turns, .. } => Some(turns),
        }
    }

    /// The salted passwords of its tokens, which all clients share that log in by them.
    fn keys(&self) -> &Arc<Keys> {
        match &self.0 {
            Source::Fixed { keys, .. } | Source::Watched { keys, .. } => keys,
        }
    }

    /// Tells the writer that a broker refused a login with `token`, if it is still the newest.
    pub(crate) fn report_refused(&self, token: &Arc<Token>) {
        if let Source::Watched { refusals, .. } = &self.0
            && *self.current() == **token
        {
            refusals.send_replace(Refusal { token: Arc::downgrade(token), at: time::now() });
        }
    }

    /// Tells the writer that a broker took `token`: a refusal before that was a passing one, as by a
    /// broker that starts.
    pub(crate) fn report_taken(&self, token: &Arc<Token>) {
        if let Source::Watched { refusals, .. } = &self.0 {
            refusals.send_if_modified(|last| {
                if last.token.upgrade().is_some_and(|refused| refused == *token) {
                    last.token = Weak::new();
                }
                // Nobody waits for that.
                false
            });
        }
    }

    /// The newest token.
    pub fn current(&self) -> Arc<Token> {
        match &self.0 {
            Source::Fixed { token, .. } => Arc::clone(token),
            Source::Watched { reader, .. } => Arc::clone(&reader.borrow()),
        }
    }

    /// Whether there is a token that this clone has not had from [`TokenSource::changed`] yet.
    /// Costs one load of a counter: cheap enough to ask before each piece of work.
    #[inline]
    pub fn has_changed(&self) -> bool {
        matches!(&self.0, Source::Watched { reader, .. } if reader.has_changed().is_ok_and(|newer| newer))
    }

    /// Waits until there is a token that this clone has not had from `changed` yet, and gives it.
    /// The token at the time of [`TokenSource::watched`] counts as had.
    ///
    /// Never returns for a fixed source or when the writer is gone: no newer token can come.
    ///
    /// # Cancel safety
    /// A dropped call loses nothing: the next one gives the newest token.
    pub async fn changed(&mut self) -> Arc<Token> {
        if let Source::Watched { reader, .. } = &mut self.0
            && reader.changed().await.is_ok()
        {
            return Arc::clone(&reader.borrow_and_update());
        }
        std::future::pending().await
    }
}

/// Puts newer tokens in the place of the one that a [`TokenSource`] gives.
#[derive(Debug)]
pub struct TokenWriter {
    writer: watch::Sender<Arc<Token>>,
    /// When the present token was put there.
    since: Mutex<Instant>,
    refused: watch::Receiver<Refusal>,
    keys: Arc<Keys>,
}

impl TokenWriter {
    /// Makes `token` the newest one and tells whether it was taken. A token of an earlier epoch
    /// than the present one, and the present one again, are not: hand-overs may overtake each
    /// other. A token of unknown epoch is taken whenever it differs.
    ///
    /// An earlier one is taken after all if the present one is dead, or brokers refuse it although it
    /// had time to become known: then the clock of the broker that made the earlier one was behind.
    pub fn replace(&self, token: Token) -> bool {
        let password = token.secret_password();
        let mut in_need = false;
        let taken = self.writer.send_if_modified(|present| {
            let older = token.epoch().zip(present.epoch()).is_some_and(|(new, old)| new < old);
            let newer = (!older || self.is_useless(present)) && token != **present;
            if newer {
                in_need = older;
                self.put(present, token);
            }
            newer
        });
        if in_need {
            let present = self.current();
            tracing::warn!(token = present.id(), "an older token takes the place of one that is refused");
        }
        if taken {
            self.keys.keep_only(password);
        }
        taken
    }

    /// Whether `present`, the newest token, is dead, or was refused when it had had time to become
    /// known, and no broker has taken it since.
    fn is_useless(&self, present: &Arc<Token>) -> bool {
        let known_from = *self.since.lock().unwrap_or_else(PoisonError::into_inner) + YOUNG;
        let last = self.refused.borrow();
        let is_refused = last.token.upgrade().is_some_and(|refused| refused == *present);
        (is_refused && last.at >= known_from) || present.is_dead(time::now())
    }

    fn put(&self, present: &mut Arc<Token>, token: Token) {
        *present = Arc::new(token);
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = time::now();
    }

    /// Makes `token` the newest one whatever its epoch says: a broker's clock that was set back
    /// makes a replacement look older than what it replaces. For whoever made the token.
    pub(crate) fn supersede(&self, token: Token) {
        let password = token.secret_password();
        self.writer.send_modify(|present| self.put(present, token));
        self.keys.keep_only(password);
    }

    /// Takes the secret from a token that is dead: its end is known here, or the longest life that it
    /// could have has passed since it was put there. Nobody has put another in its place.
    pub(crate) fn forget_dead(&self) {
        let (now, present) = (time::now(), self.current());
        let longest = present.life().map(|life| life.max.saturating_since(life.issued));
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = longest.and_then(|longest| since.checked_add(longest)).is_some_and(|end| end <= now);
        if (is_over || present.is_dead(now)) && !present.secret_hmac().is_empty() {
            self.supersede(present.ended(now));
        }
    }

    /// The token that the source gives now.
    pub fn current(&self) -> Arc<Token> {
        Arc::clone(&self.writer.borrow())
    }

    /// Waits until a broker refused a login with the newest token, and gives that token. It may be
    /// too young to be known there; else it has expired, or was deleted, or the cluster's secret
    /// is another one.
    ///
    /// Never returns when all sources are gone.
    ///
    /// # Cancel safety
    /// A dropped call loses nothing: the next one gives the last refusal.
    pub async fn refused(&mut self) -> Arc<Token> {
        while self.refused.changed().await.is_ok() {
            // One that is gone has a successor.
            if let Some(token) = self.refused.borrow_and_update().token.upgrade() {
                return token;
            }
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::conn::token::TokenLife;
    use crate::sasl::MechanismError;
    use crate::time::Timestamp;

    fn token(id: &str, epoch: Option<(i64, u32)>) -> Token {
        let token = Token::new(id, Secret::from("sesame")).unwrap();
        let Some((issued, renewals)) = epoch else { return token };
        let at = Timestamp::from_millis;
        token.with_life(TokenLife { issued: at(issued), expires: at(100), max: at(200), renewals })
    }

    #[tokio::test(start_paused = true)]
    async fn a_fixed_source_never_changes() {
        let mut source = TokenSource::fixed(token("a", None));
        assert_eq!(source.current().id(), "a");
        assert!(timeout(Duration::from_secs(3600), source.changed()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn every_clone_sees_the_replacement_once() {
        let (writer, mut source) = TokenSource::watched(token("a", Some((1, 0))));
        let mut other = source.clone();
        assert!(writer.replace(token("b", Some((2, 0)))));
        assert_eq!((source.changed().await.id(), other.changed().await.id()), ("b", "b"));
        assert_eq!((source.current().id(), writer.current().id()), ("b", "b"));
        assert!(timeout(Duration::from_secs(1), source.changed()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_outlives_its_writer() {
        let (writer, mut source) = TokenSource::watched(token("a", None));
        drop(writer);
        assert_eq!(source.current().id(), "a");
        assert!(timeout(Duration::from_secs(1), source.changed()).await.is_err());
    }

    #[test]
    fn takes_no_token_of_an_earlier_epoch_nor_the_same_again() {
        let (writer, source) = TokenSource::watched(token("a", Some((5, 1))));
        for stale in [token("b", Some((4, 7))), token("a", Some((5, 0))), token("a", Some((5, 1)))] {
            assert!(!writer.replace(stale));
        }
        assert_eq!(source.current().id(), "a");
        assert!(writer.replace(token("a", Some((5, 2)))));
        assert!(writer.replace(token("c", None)));
        assert!(!writer.replace(token("c", None)));
        assert_eq!(source.current().id(), "c");
    }

    #[test]
    fn clients_of_one_source_hash_once_for_all() {
        let (_writer, watched) = TokenSource::watched(token("a", None));
        for source in [TokenSource::fixed(token("a", None)), watched] {
            let credentials =
                || Credentials::Token { mechanism: ScramMechanism::Sha512, source: source.clone() };
            assert!(Arc::ptr_eq(&credentials().keys(), &credentials().keys()));
        }
        assert!(!Arc::ptr_eq(&Credentials::None.keys(), &Credentials::None.keys()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_learns_that_the_newest_token_was_refused() {
        let (mut writer, source) = TokenSource::watched(token("a", Some((1, 0))));
        let old = source.current();
        source.report_refused(&old);
        assert_eq!(writer.refused().await.id(), "a");
        assert!(writer.replace(token("b", Some((2, 0)))));
        source.report_refused(&old);
        assert!(timeout(Duration::from_secs(1), writer.refused()).await.is_err(), "that one is old");
    }

    /// A controller whose clock was behind makes tokens that look older than those before.
    #[tokio::test(start_paused = true)]
    async fn an_older_token_replaces_one_that_is_refused_or_dead_and_none_that_works() {
        let older = || token("older", Some((1, 0)));
        let (writer, source) = TokenSource::watched(token("a", Some((2, 0))));
        source.report_refused(&source.current());
        assert!(!writer.replace(older()), "it may not be known yet");
        tokio::time::advance(YOUNG).await;
        assert!(!writer.replace(older()), "it was not refused since");
        source.report_refused(&source.current());
        source.report_taken(&source.current());
        assert!(!writer.replace(older()), "a broker has taken it since");
        source.report_refused(&source.current());
        assert!(writer.replace(older()));
        assert_eq!(source.current().id(), "older");
        let (writer, source) = TokenSource::watched(token("a", Some((2, 0))).with_end(time::now()));
        assert!(writer.replace(older()), "it is dead");
        assert_eq!(source.current().id(), "older");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_without_a_successor_is_forgotten_after_the_longest_life_that_it_could_have() {
        let life = |max| {
            let at = Timestamp::from_millis;
            TokenLife { issued: at(0), expires: at(10), max: at(max), renewals: 0 }
        };
        let (writer, source) = TokenSource::watched(token("a", None).with_life(life(60_000)));
        tokio::time::advance(Duration::from_secs(59)).await;
        writer.forget_dead();
        assert!(!source.current().secret_hmac().is_empty(), "somebody else may have renewed it");
        tokio::time::advance(Duration::from_secs(1)).await;
        writer.forget_dead();
        assert!(source.current().secret_hmac().is_empty() && source.current().is_dead(time::now()));
        assert!(writer.replace(token("older", None).with_life(life(50_000))), "it is dead");
        assert_eq!(source.current().id(), "older");
    }

    #[test]
    fn debug_shows_no_secret() {
        let user = || "alice".to_owned();
        let (_writer, watched) = TokenSource::watched(token("a", None));
        let mechanism = ScramMechanism::Sha512;
        let all = [
            Credentials::None,
            Credentials::Plain { user: user(), password: Secret::from("sesame") },
            Credentials::Scram { mechanism, user: user(), password: Secret::from("sesame") },
            Credentials::Token { mechanism, source: TokenSource::fixed(token("a", None)) },
            Credentials::Token { mechanism, source: watched },
            Credentials::Custom(Arc::new(|_: &str, _: u16| Err(MechanismError::new("none")))),
        ];
        let shown = format!("{all:?} {all:#?}");
        assert!(shown.contains("alice") && !shown.contains("sesame") && !shown.contains("c2VzYW1l"));
    }
}

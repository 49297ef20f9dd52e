//! SCRAM exchanges to measure and to attack.

use std::sync::OnceLock;

use crate::conn::keys::Keys;
use crate::sasl::transcript::{TOKEN_SHA_256, TOKEN_SHA_512, Transcript};
use crate::sasl::{AwaitingKey, Derivation, Exchange, SaltedPassword, Step};

/// A login whose messages are all known, with a cache of its key.
#[derive(Debug)]
pub struct ScramLogin {
    transcript: Transcript,
    keys: Keys,
}

impl ScramLogin {
    /// A delegation token over SCRAM-SHA-256 with 4,096 iterations.
    pub fn sha_256() -> Self {
        Self { transcript: TOKEN_SHA_256, keys: Keys::new() }
    }

    /// A delegation token over SCRAM-SHA-512 with 4,096 iterations.
    pub fn sha_512() -> Self {
        Self { transcript: TOKEN_SHA_512, keys: Keys::new() }
    }

    /// Prepares the PBKDF2 of the login, and nothing else of it.
    pub fn pbkdf2(&self) -> impl Fn() {
        let derivation = server_first(&self.transcript).map(|(derivation, _)| derivation);
        move || {
            std::hint::black_box(derivation.as_ref().map(Derivation::derive));
        }
    }

    /// Runs the whole exchange and tells whether the server was verified.
    pub fn log_in(&self) -> bool {
        server_first(&self.transcript)
            .is_some_and(|(derivation, next)| self.finish(next, derivation.derive()))
    }

    /// Runs the whole exchange with the key from the cache, where it is from the second call on.
    pub async fn log_in_again(&self) -> bool {
        let Some((derivation, next)) = server_first(&self.transcript) else { return false };
        let Ok(key) = self.keys.key(derivation).await else { return false };
        self.finish(next, key)
    }

    fn finish(&self, next: AwaitingKey, key: SaltedPassword) -> bool {
        let Ok(Step::Send { response, next }) = next.with_key(key) else { return false };
        std::hint::black_box(response);
        matches!(next.step(self.transcript.server_final.as_bytes()), Ok(Step::Done(_)))
    }
}

fn begin(transcript: &Transcript) -> Option<Exchange> {
    match Exchange::scram(transcript.credentials(), Transcript::ENTROPY).step(b"") {
        Ok(Step::Send { next, .. }) => Some(next),
        _ => None,
    }
}

fn server_first(transcript: &Transcript) -> Option<(Derivation, AwaitingKey)> {
    match begin(transcript)?.step(transcript.server_first.as_bytes()) {
        Ok(Step::Derive { derivation, next }) => Some((derivation, next)),
        _ => None,
    }
}

/// Lets a hostile server answer a whole exchange: each line of `bytes` is a message, and each `@`
/// in it the client's nonce, which no fuzzer would guess. A key that was derived before stands in
/// for the one asked for, or most runs would count iterations.
pub fn fuzz_scram(bytes: &[u8]) {
    static KEY: OnceLock<Option<SaltedPassword>> = OnceLock::new();
    let key = KEY.get_or_init(|| server_first(&TOKEN_SHA_512).map(|(derivation, _)| derivation.derive()));
    let nonce = TOKEN_SHA_512.client_first.split(',').find_map(|a| a.strip_prefix("r="));
    let (Some(key), Some(nonce), Some(mut exchange)) = (key, nonce, begin(&TOKEN_SHA_512)) else { return };
    for line in bytes.split(|b| *b == b'\n') {
        let pieces: Vec<_> = line.split(|b| *b == b'@').collect();
        let step = match exchange.step(&pieces.join(nonce.as_bytes())) {
            Ok(Step::Derive { next, .. }) => next.with_key(key.clone()),
            other => other,
        };
        let Ok(Step::Send { next, .. }) = step else { return };
        exchange = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_login_is_verified() {
        for login in [ScramLogin::sha_256(), ScramLogin::sha_512()] {
            assert!(login.log_in());
            assert!(login.log_in_again().await && login.log_in_again().await);
        }
    }

    #[test]
    fn hostile_servers_end_an_exchange_with_an_error() {
        for lines in
            ["", "\n", "r=@x,s=c2FsdA==,i=4096\nv=AAAA", "r=@x,s=c2FsdA==,i=4096\ne=unknown-user\n\n"]
        {
            fuzz_scram(lines.as_bytes());
        }
    }
}

//! Whether a token can be used at its target: what each broker makes of it.

use std::time::Duration;

use super::gate::{self, Terms};
use super::readiness;
use super::target::Target;
use crate::cluster::topology::{Address, named};
use crate::conn::token::Token;
use crate::error::{Error, ErrorKind};
use crate::time::{self, Clock, SystemClock};

/// How long brokers that cannot be reached are waited for, once all others take the token.
const ABSENCE: Duration = Duration::from_secs(5);

/// Tells what the brokers of a [`Target`] make of a token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Proof {
    /// The brokers that take it, as `host:port`.
    pub accepted: Vec<String>,
    /// The brokers that do not, each with what it said.
    pub refused: Vec<(String, Error)>,
    /// The brokers that could not be asked, each with why, if that is known.
    pub unasked: Vec<(String, Option<Error>)>,
    /// That nobody took it in time, if that is so: the least that can be said.
    late: Option<Error>,
}

impl Proof {
    /// Whether every broker takes the token.
    pub fn is_complete(&self) -> bool {
        !self.accepted.is_empty() && self.refused.is_empty() && self.unasked.is_empty()
    }

    /// Why the token cannot be used everywhere: a refusal, else why nobody could be asked, which is a
    /// `Timeout` where no broker said anything; nothing if all that could be asked take it.
    pub fn error(&self) -> Option<&Error> {
        let refused = self.refused.iter().map(|(_, error)| error);
        let unasked = self.unasked.iter().filter_map(|(_, error)| error.as_ref());
        refused.chain(unasked.filter(|_| self.accepted.is_empty())).chain(&self.late).next()
    }
}

impl Target {
    /// Asks every broker of the target whether it takes `token`, by logging in with the token itself.
    /// The addresses of the target are where it begins; one broker that takes the token names all.
    ///
    /// A broker that does not know the token yet is asked again, for twenty seconds after it was made,
    /// since a token that was made moments ago is refused as a wrong one is. Brokers that cannot be
    /// reached are tried for five seconds, or until the others know. No more than 16 logins run at
    /// once.
    ///
    /// # Cancel safety
    /// A dropped call ends all its logins.
    pub async fn prove(&self, token: &Token) -> Proof {
        self.prove_within(token, Duration::MAX).await
    }

    /// Asks every broker of the target as [`Target::prove`] does, for no longer than `limit`: what
    /// brokers said until then is told.
    ///
    /// # Cancel safety
    /// A dropped call ends all its logins.
    pub async fn prove_within(&self, token: &Token, limit: Duration) -> Proof {
        let most = limit;
        let young = token.may_be_young(time::now(), SystemClock.now());
        let limit = if young { readiness::LIMIT } else { ABSENCE };
        let limit = limit.min(most);
        let terms = Terms { limit, absence: ABSENCE, urgent: false, outlasting: None };
        let found = gate::pass(self, token, &[], terms).await;
        let late = found.accepted.is_empty().then(|| {
            let silent = named(found.unasked.iter());
            let text = format!("no broker said within {limit:?} whether it takes the token: {silent}");
            Error::because(ErrorKind::Timeout, text)
        });
        let why = |address: &Address| (address.to_string(), found.errors.get(address).cloned());
        let refused = found.refused.iter().map(why);
        Proof {
            accepted: found.accepted.iter().map(ToString::to_string).collect(),
            refused: refused.filter_map(|(broker, error)| Some((broker, error?))).collect(),
            unasked: found.unasked.iter().map(why).collect(),
            late,
        }
    }
}

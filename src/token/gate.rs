//! Asks the brokers of a target whether they take a token, by logging in with the token itself.
//! No KDC hears of it.

mod logins;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use self::logins::Logins;
use super::readiness::{AT_ONCE, LIMIT, Readiness, Step, Verdict};
use super::target::Target;
use crate::cluster::probe::{Accepted, Probe};
use crate::cluster::topology::{Address, named};
use crate::conn::credentials::TokenSource;
use crate::conn::token::Token;
use crate::error::{Error, ErrorKind};
use crate::time;

/// What the gate found.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    /// The end of the longest session that a login got.
    pub(super) session_end: Option<Instant>,
    /// All brokers, if one of them could be asked.
    pub(super) brokers: Vec<Address>,
    /// The brokers that took the token, that did not, and that could not be asked.
    pub(super) accepted: Vec<Address>,
    pub(super) refused: Vec<Address>,
    pub(super) unasked: Vec<Address>,
    /// The last failure at each broker that has not taken it since.
    pub(super) errors: BTreeMap<Address, Error>,
}

impl Finding {
    fn new() -> Self {
        Self {
            verdict: Verdict::Unreachable,
            session_end: None,
            brokers: Vec::new(),
            accepted: Vec::new(),
            refused: Vec::new(),
            unasked: Vec::new(),
            errors: BTreeMap::new(),
        }
    }

    /// The failure that says most: one that time does not mend, else a refusal, else any.
    pub(super) fn error(&self) -> Option<&Error> {
        self.errors.values().min_by_key(|error| (error.is_retriable(), error.needs_new_credentials()))
    }

    /// That it took too long; more time may help.
    pub(super) fn not_taken(&self) -> Error {
        let error = Error::because(ErrorKind::Timeout, "not all brokers take the token in time");
        match self.error() {
            Some(cause) => error.caused_by(cause.clone()),
            None => error,
        }
    }

    /// What time does not mend, as it is.
    pub(super) fn impossible(&self) -> Error {
        self.error().map_or_else(|| self.not_taken(), Clone::clone)
    }

    /// The refusal itself, of a token of this age that no broker takes: for whoever tries again as long
    /// as that may help, it does not.
    pub(super) fn rejected(&self, age: Duration) -> Error {
        let Some(cause) = self.error().filter(|cause| !cause.is_retriable()) else { return self.not_taken() };
        let brokers = named(self.refused.iter());
        let or = match age < LIMIT {
            true => ", or give brokers more time to learn of it by a longer deadline",
            false => "",
        };
        cause.clone().with_detail(format!(
            "no broker takes the token {age:.1?} after it was made, {brokers} refuse it: see that the target \
             belongs to the cluster that made it{or}; one of the refusals"
        ))
    }

    fn tell(&mut self, readiness: &Readiness) {
        self.accepted = readiness.accepted();
        self.refused = readiness.refusing();
        self.unasked = readiness.absent();
        self.errors.retain(|address, _| !self.accepted.contains(address));
    }
}

/// How long the gate waits, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) limit: Duration,
    /// How long brokers that cannot be reached are waited for, if all others take it.
    pub(super) absence: Duration,
    /// Whether the token is taken as far as it goes: there is no other.
    pub(super) urgent: bool,
    /// A login counts only if its session outlasts this: so a broker shows that it knows of a
    /// renewal.
    pub(super) outlasting: Option<Instant>,
}

/// Passes when `token` is ready at the brokers of `target`, or does not get ready in time.
///
/// # Cancel safety
/// A dropped call ends all its logins.
pub(super) async fn pass(target: &Target, token: &Token, known: &[Address], terms: Terms) -> Finding {
    let bootstrap = target.bootstrap().endpoints().iter();
    let bootstrap = bootstrap.map(|end| Address { host: end.host.as_str().into(), port: end.port });
    let seeds = bootstrap.chain(known.iter().cloned());
    let now = time::now();
    let mut readiness =
        Readiness::new(now, terms.limit, terms.urgent, seeds).with_absence(now, terms.absence);
    let mut logins = Logins::new(probe(target, token));
    let mut found = Finding::new();
    loop {
        match readiness.poll(time::now()) {
            Step::Probe { address, with_brokers } => logins.begin(address, with_brokers),
            Step::Wait(until) => tokio::select! {
                Some((address, login)) = logins.next() => {
                    take(&mut readiness, &mut found, (address, login), terms);
                }
                () = tokio::time::sleep_until(until.into()) => {}
            },
            Step::Done(verdict) => {
                found.tell(&readiness);
                found.verdict = verdict;
                return found;
            }
        }
    }
}

/// Logs in once at each of these addresses and tells which took the token.
///
/// # Cancel safety
/// A dropped call ends all its logins.
pub(super) async fn look_again(target: Target, token: Token, absent: Vec<Address>) -> Vec<Address> {
    let (mut logins, mut found) = (Logins::new(probe(&target, &token)), Vec::new());
    let mut left = absent.into_iter();
    loop {
        let room = AT_ONCE.saturating_sub(logins.count());
        left.by_ref().take(room).for_each(|address| logins.begin(address, false));
        match logins.next().await {
            Some((address, Ok(_))) => found.push(address),
            Some((_, Err(_))) => {}
            None => return found,
        }
    }
}

fn probe(target: &Target, token: &Token) -> Probe {
    Probe::new(&target.config(TokenSource::fixed(token.clone())))
}

fn take(
    readiness: &mut Readiness,
    found: &mut Finding,
    (address, login): (Address, Result<Accepted, Error>),
    terms: Terms,
) {
    let now = time::now();
    match login {
        Ok(accepted) => {
            found.errors.remove(&address);
            found.session_end = found.session_end.max(accepted.session_end);
            if found.brokers.is_empty() {
                found.brokers.clone_from(&accepted.brokers);
            }
            let outlasts = terms.outlasting.is_none_or(|end| accepted.session_end.is_none_or(|e| e > end));
            if outlasts {
                readiness.on_accepted(now, &address, accepted.brokers);
            } else {
                readiness.on_outdated(now, &address, accepted.brokers);
            }
        }
        Err(error) => {
            tracing::debug!(%error, "the token is not taken yet");
            if error.is_retriable() {
                readiness.on_unreachable(now, &address);
            } else if error.needs_new_credentials() {
                readiness.on_refused(now, &address);
            } else {
                readiness.on_impossible(now, &address);
            }
            found.errors.insert(address, error);
        }
    }
}

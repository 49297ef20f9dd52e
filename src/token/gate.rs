//! Asks the brokers of a target whether they take a token, by logging in with the token itself.
//! No KDC hears of it.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::readiness::{Readiness, Step, Verdict};
use super::target::Target;
use crate::cluster::probe::{Accepted, Probe};
use crate::cluster::topology::Address;
use crate::conn::credentials::TokenSource;
use crate::conn::token::Token;
use crate::error::Error;
use crate::time;

/// What the gate found.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    /// The end of the longest session that a login got.
    pub(super) session_end: Option<Instant>,
    /// All brokers, if one of them could be asked.
    pub(super) brokers: Vec<Address>,
    /// The last failure.
    pub(super) error: Option<Error>,
}

/// How long the gate waits, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) limit: Duration,
    /// Whether the token is taken as far as it goes: there is no other.
    pub(super) urgent: bool,
    /// A login counts only if its session outlasts this: so a broker shows that it knows of a
    /// renewal.
    pub(super) outlasting: Option<Instant>,
}

type Probed = (Address, Result<Accepted, Error>);

/// Passes when `token` is ready at the brokers of `target`, or does not get ready in time.
///
/// # Cancel safety
/// A dropped call ends all its logins.
pub(super) async fn pass(target: &Target, token: &Token, known: &[Address], terms: Terms) -> Finding {
    let probe = probe(target, token);
    let bootstrap = target.bootstrap().endpoints().iter();
    let bootstrap = bootstrap.map(|end| Address { host: end.host.as_str().into(), port: end.port });
    let seeds = bootstrap.chain(known.iter().cloned());
    let mut readiness = Readiness::new(time::now(), terms.limit, terms.urgent, seeds);
    let mut logins: JoinSet<Probed> = JoinSet::new();
    let mut found =
        Finding { verdict: Verdict::Unreachable, session_end: None, brokers: Vec::new(), error: None };
    loop {
        match readiness.poll(time::now()) {
            Step::Probe { address, with_brokers } => {
                let probe = probe.clone();
                logins.spawn(async move {
                    let login = probe.log_in(&address, with_brokers).await;
                    (address, login)
                });
            }
            Step::Wait(until) => tokio::select! {
                Some(Ok(probed)) = logins.join_next() => take(&mut readiness, &mut found, probed, terms),
                () = tokio::time::sleep_until(until.into()) => {}
            },
            Step::Done(verdict) => {
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
    let probe = probe(&target, &token);
    let mut logins = JoinSet::new();
    for address in absent {
        let probe = probe.clone();
        logins.spawn(async move { probe.log_in(&address, false).await.is_ok().then_some(address) });
    }
    logins.join_all().await.into_iter().flatten().collect()
}

fn probe(target: &Target, token: &Token) -> Probe {
    Probe::new(&target.config(TokenSource::fixed(token.clone())))
}

fn take(readiness: &mut Readiness, found: &mut Finding, (address, login): Probed, terms: Terms) {
    let now = time::now();
    match login {
        Ok(accepted) => {
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
            } else {
                readiness.on_refused(now, &address);
            }
            found.error = Some(error);
        }
    }
}

//! A new token is unknown to the brokers for a while; until then it is refused as if it were
//! wrong. Here it is waited for.

use std::time::Duration;

use ottla::{Bootstrap, Cluster, Target, Token, TokenSource};
use tokio::task::JoinSet;

use crate::arguments::Access;
use crate::failure::Failure;
use crate::login;

/// For how long brokers may not know the token.
const LIMIT: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Logs in with the token at every broker of the list, side by side, until each has accepted it.
/// Those that cannot be reached are passed over if another one can.
pub(super) async fn wait(
    access: &Access,
    target: &Target,
    brokers: &Bootstrap,
    token: &Token,
) -> Result<(), Failure> {
    let limit = access.timeout.unwrap_or(LIMIT);
    let mut logins = JoinSet::new();
    for broker in brokers.to_string().split(',') {
        let Ok(broker) = broker.parse::<Bootstrap>() else { continue };
        let config = target.clone().with_bootstrap(broker).config(TokenSource::fixed(token.clone()));
        let config = login::with_access(config.with_deadline(LIMIT / 4), access);
        logins.spawn(until_accepted(config, limit));
    }
    let mut accepted = false;
    let mut failure = None;
    while let Some(outcome) = logins.join_next().await {
        match outcome.map_err(|_| Failure::failed("a login broke"))? {
            Ok(()) => accepted = true,
            Err(error) if error.is_retriable() => failure = Some(error),
            Err(error) => return Err(refused(token, error)),
        }
    }
    match failure {
        Some(error) if !accepted => Err(refused(token, error)),
        _ => Ok(()),
    }
}

async fn until_accepted(config: ottla::Config, limit: Duration) -> Result<(), ottla::Error> {
    let mut pause = FIRST_PAUSE;
    let until = crate::now() + limit;
    loop {
        match Cluster::connect(config.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) if error.needs_new_credentials() && crate::now() + pause < until => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

fn refused(token: &Token, error: ottla::Error) -> Failure {
    Failure::from(error)
        .while_at(format!("token {} is made, but the target does not accept it", token.id()))
        .with_hint("does --target-bootstrap name a SASL listener with SCRAM? --no-wait leaves this test out")
}

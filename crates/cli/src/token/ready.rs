//! A new token is unknown to the brokers for a while; until then it is refused as if it were
//! wrong. Here it is waited for.

use std::time::Duration;

use ottla::{Target, Token};

use crate::arguments::Access;
use crate::failure::{Failure, say};

/// Logs in with the token at every broker of the target, until each has accepted it. Those that
/// cannot be reached are named and passed over if another one can.
pub(super) async fn wait(access: &Access, target: &Target, token: &Token) -> Result<(), Failure> {
    let proof = target.prove_within(token, access.timeout.unwrap_or(Duration::MAX)).await;
    if let Some(error) = proof.error() {
        return Err(refused(token, Failure::from(error.clone())));
    }
    for (broker, _) in &proof.unasked {
        say(&format!("{broker} could not be asked whether it accepts token {}", token.id()));
    }
    Ok(())
}

fn refused(token: &Token, failure: Failure) -> Failure {
    failure
        .while_at(format!("token {} is made, but the target does not accept it", token.id()))
        .with_hint("does --target-bootstrap name a SASL listener with SCRAM? --no-wait leaves this test out")
}

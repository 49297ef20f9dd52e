//! The messages of GSSAPI.

use super::{Failure, Progress, complete, invalid_credentials};
use crate::Mechanism;
use crate::acceptor::{self, AcceptError};
use crate::api::Call;
use crate::serve::{Exchange, Phase, Step};

/// What the JDK takes for a reason to try again: the broker closes the connection without a word.
const TRANSIENT: [i32; 3] = [21, 33, 34];

pub(super) fn step(exchange: Exchange, message: &[u8], call: &mut Call<'_>) -> Result<Progress, Failure> {
    let again = call.session.is_authenticated();
    let said = || Failure::Said(invalid_credentials(Mechanism::Gssapi, again));
    let refused = |error: AcceptError| match error {
        AcceptError::Kerberos(code) if TRANSIENT.contains(&code) => Failure::Silent,
        _ => said(),
    };
    let (challenge, login) = match exchange.step {
        Step::Kerberos(login) => match login.step(message).map_err(refused)? {
            acceptor::Step::Challenge(challenge, login) => (challenge, login),
            acceptor::Step::Done(client) => {
                let acceptor = call.state.acceptors.get(&call.broker);
                let user = acceptor.and_then(|acceptor| acceptor.user(&client)).ok_or_else(said)?;
                let done = complete(Mechanism::Gssapi, user, None, bytes::Bytes::new(), call);
                return done.map_err(|text| text.map_or_else(said, Failure::Said));
            }
        },
        _ => {
            let acceptor = call.state.acceptors.get_mut(&call.broker).ok_or_else(said)?;
            acceptor.accept(message, call.now).map_err(refused)?
        }
    };
    let step = Step::Kerberos(Box::new(login));
    call.session.phase =
        Phase::ExpectMessage(Exchange { mechanism: Mechanism::Gssapi, raw: exchange.raw, step });
    Ok(Progress { message: challenge.into(), lifetime: 0 })
}

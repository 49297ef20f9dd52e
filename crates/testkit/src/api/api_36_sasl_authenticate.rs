//! SaslAuthenticate, versions 0 to 2: PLAIN, SCRAM, SCRAM with delegation tokens, and GSSAPI.
//!
//! - Any failure is 58, the reply comes after `connection.failed.authentication.delay.ms`, and the
//!   connection is closed. SCRAM's text never tells why. What tells an unknown or deleted token id
//!   from a wrong HMAC is the step: the former fails at client-first, the latter at client-final.
//! - A token logs in as its owner. Expiry is not looked at: a token that is over but not swept logs
//!   in, with a session lifetime of 0 that is over at once. Which tokens there are, and until when,
//!   is what this broker has learned so far.
//! - Session lifetime = min(token's expiry - now, `connections.max.reauth.ms` if set), not below 0;
//!   without either 0, and no end (KIP-368).
//! - GSSAPI: where the JDK calls Kerberos' error transient (21, 33, 34) the broker closes the connection
//!   without a reply.
//! - Re-authentication must be of the same principal; a token and a password may take turns.
//! - Without a handshake before: 34.

#[cfg(feature = "kerberos")]
mod gssapi;

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslAuthenticateResponse};

use super::{Answer, Api, Call};
use crate::clock::{millis, period};
use crate::scram::{ClientFirst, ExpectClientFinal, ScramHash};
use crate::serve::{Exchange, Login, Phase, Step};
use crate::shape::{BLOB, Shape, shape};
use crate::{Mechanism, Principal};

pub(super) struct SaslAuthenticate;

impl Api for SaslAuthenticate {
    type Request = SaslAuthenticateRequest;
    const SHAPE: Shape = shape(2, &[BLOB]);

    fn answer(request: SaslAuthenticateRequest, call: &mut Call<'_>) -> Answer<SaslAuthenticateResponse> {
        let response = SaslAuthenticateResponse::default();
        let delay = call.state.settings.failure_delay;
        if let Some(code) = call.refusal() {
            return Answer::Last(delay, response.with_error_code(code));
        }
        let Some(exchange) = take_exchange(call) else {
            let text = "SaslAuthenticate request received after successful authentication";
            return Answer::Reply(
                response
                    .with_error_code(ResponseError::IllegalSaslState.code())
                    .with_error_message(Some(text.into())),
            );
        };
        match step(exchange, &request.auth_bytes, call) {
            Ok(Progress { message, lifetime }) => {
                Answer::Reply(response.with_auth_bytes(message).with_session_lifetime_ms(lifetime))
            }
            #[cfg(feature = "kerberos")]
            Err(Failure::Silent) => Answer::Close(delay),
            Err(Failure::Said(text)) => Answer::Last(
                delay,
                response
                    .with_error_code(ResponseError::SaslAuthenticationFailed.code())
                    .with_error_message(Some(text.into())),
            ),
        }
    }
}

/// Answers a message that came as a frame of its own: with such a frame, or by closing.
pub(crate) fn answer_raw(message: &[u8], call: &mut Call<'_>) -> Answer<Bytes> {
    let delay = call.state.settings.failure_delay;
    let Some(exchange) = take_exchange(call) else { return Answer::Close(delay) };
    match step(exchange, message, call) {
        Ok(progress) => Answer::Reply(progress.message),
        Err(_) => Answer::Close(delay),
    }
}

fn take_exchange(call: &mut Call<'_>) -> Option<Exchange> {
    if !matches!(call.session.phase, Phase::ExpectMessage(_)) {
        return None;
    }
    match std::mem::replace(&mut call.session.phase, Phase::Ready) {
        Phase::ExpectMessage(exchange) => Some(exchange),
        _ => None,
    }
}

/// A step that was taken: what to say, and the session's lifetime once it is the last.
struct Progress {
    message: Bytes,
    lifetime: i64,
}

/// How a failure looks to the client.
enum Failure {
    Said(String),
    /// The connection is closed, and nothing is said.
    #[cfg(feature = "kerberos")]
    Silent,
}

/// Takes a step of the mechanism.
fn step(exchange: Exchange, message: &[u8], call: &mut Call<'_>) -> Result<Progress, Failure> {
    let mechanism = exchange.mechanism;
    #[cfg(feature = "kerberos")]
    if mechanism == Mechanism::Gssapi {
        return gssapi::step(exchange, message, call).inspect_err(|_| call.state.counters.failed_logins += 1);
    }
    let taken = match (exchange.step, hash_of(mechanism)) {
        (Step::First, None) => plain(message, call),
        (Step::First, Some(hash)) => client_first(exchange.raw, hash, mechanism, message, call),
        (Step::ScramFinal { state, principal, token_ends }, _) => match state.finish(message) {
            Some(last) => complete(mechanism, principal, token_ends, last.into(), call),
            None => Err(None),
        },
        #[cfg(feature = "kerberos")]
        (Step::Kerberos(_), _) => Err(None),
    };
    taken.map_err(|text| {
        call.state.counters.failed_logins += 1;
        let plain = || invalid_credentials(mechanism, call.session.is_authenticated());
        Failure::Said(text.unwrap_or_else(plain))
    })
}

fn hash_of(mechanism: Mechanism) -> Option<ScramHash> {
    match mechanism {
        Mechanism::Plain => None,
        Mechanism::ScramSha256 => Some(ScramHash::Sha256),
        Mechanism::ScramSha512 => Some(ScramHash::Sha512),
        #[cfg(feature = "kerberos")]
        Mechanism::Gssapi => None,
    }
}

fn invalid_credentials(mechanism: Mechanism, again: bool) -> String {
    let what = if again { "re-authentication" } else { "authentication" };
    let name = mechanism.name();
    format!("Authentication failed during {what} due to invalid credentials with SASL mechanism {name}")
}

/// A failure may have a text of its own.
type Taken = Result<Progress, Option<String>>;

const FOREIGN_AUTHORIZATION_ID: &str =
    "Authentication failed: Client requested an authorization id that is different from username";

fn plain(message: &[u8], call: &mut Call<'_>) -> Taken {
    let text = std::str::from_utf8(message).map_err(|_| None)?;
    let parts: Vec<&str> = text.split('\0').collect();
    let [authorization_id, user, password] = parts.as_slice() else {
        return Err(Some(format!("Invalid SASL/PLAIN response: expected 3 tokens, got {}", parts.len())));
    };
    if user.is_empty() {
        return Err(Some("Authentication failed: username not specified".into()));
    }
    if password.is_empty() {
        return Err(Some("Authentication failed: password not specified".into()));
    }
    if !call.state.access.has_password(user, password) {
        return Err(Some("Authentication failed: Invalid username or password".into()));
    }
    if !authorization_id.is_empty() && authorization_id != user {
        return Err(Some(FOREIGN_AUTHORIZATION_ID.into()));
    }
    complete(Mechanism::Plain, Principal::user(*user), None, Bytes::new(), call)
}

fn client_first(
    raw: bool,
    hash: ScramHash,
    mechanism: Mechanism,
    message: &[u8],
    call: &mut Call<'_>,
) -> Taken {
    let first = ClientFirst::parse(message).ok_or(None)?;
    let (keys, principal, token_ends) = if first.token {
        let known = call.state.tokens.image(call.broker).and_then(|image| image.by_id(&first.user));
        let known = known.ok_or(None)?;
        (known.keys(hash), Principal::user(known.token.owner.name()), Some(known.token.expires))
    } else {
        let keys = call.state.access.keys(&first.user, hash).ok_or(None)?;
        (keys, Principal::user(first.user.clone()), None)
    };
    if !first.authorization_id.is_empty() && first.authorization_id != first.user {
        return Err(Some(FOREIGN_AUTHORIZATION_ID.into()));
    }
    let (state, server_first) = ExpectClientFinal::start(&first, keys, &call.state.random.text());
    let step = Step::ScramFinal { state, principal, token_ends };
    call.session.phase = Phase::ExpectMessage(Exchange { mechanism, raw, step });
    Ok(Progress { message: server_first.into(), lifetime: 0 })
}

fn complete(
    mechanism: Mechanism,
    principal: Principal,
    token_ends: Option<i64>,
    message: Bytes,
    call: &mut Call<'_>,
) -> Taken {
    let before = call.session.login.as_ref().map(|login| login.principal.clone());
    if let Some(before) = before.as_ref().filter(|before| **before != principal) {
        let names = [before, &principal].map(|p| format!("{}.{}", p.kind(), p.name()));
        return Err(Some(format!(
            "Cannot change principals during re-authentication from {}: {}",
            names[0], names[1]
        )));
    }
    let max = call.state.settings.max_reauth.map(millis);
    let left = token_ends.map(|ends| ends.saturating_sub(call.now.millis).max(0));
    let lifetime = left.into_iter().chain(max).min();
    let ends = lifetime.map(|lifetime| call.now.instant + at_most_a_century(period(lifetime)));
    let by_token = token_ends.is_some();
    call.session.login = Some(Login { principal, by_token, mechanism: Some(mechanism), ends });
    call.session.phase = Phase::Ready;
    match before {
        None => call.state.counters.logins += 1,
        Some(_) => call.state.counters.reauthentications += 1,
    }
    Ok(Progress { message, lifetime: lifetime.unwrap_or(0) })
}

/// Keeps the clock's arithmetic in range.
fn at_most_a_century(time: Duration) -> Duration {
    time.min(Duration::from_secs(100 * 365 * 86_400))
}

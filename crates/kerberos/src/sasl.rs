//! The SASL mechanism GSSAPI (RFC 4752) as a client that wants authentication and no layer.
//!
//! ```text
//!   client                                   server
//!   AP-REQ ────────────────────────────────►
//!          ◄──────────────────────────────── AP-REP          only with mutual authentication
//!   (empty) ───────────────────────────────►                 only with mutual authentication
//!          ◄──────────────────────────────── Wrap(layers that it offers)
//!   Wrap(layer "auth", authorization id) ──►
//! ```
//! After the last message nothing protects the connection: whoever sits on the way reads and alters
//! all that follows, and no channel binding ties the login to the connection that it was made on.
//! Run it inside TLS, with the server's certificate verified.

#[cfg(test)]
mod tests;

use crate::entropy::Seed;
use crate::error::{Error, Fault, GssFault};
use crate::gss::{self, Begun, ExpectReply, GssOptions, SecurityContext, ServiceTicket};

/// No security layer: authentication alone.
const AUTH_ONLY: u8 = 0x01;

/// How to authenticate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaslOptions {
    /// How the context below is set up.
    pub gss: GssOptions,
    /// As whom to act. Default: as the principal of the ticket, which servers take an empty
    /// authorization id for.
    pub authorization_id: String,
}

/// A GSSAPI login that awaits a challenge of the server.
#[derive(Debug)]
pub struct SaslClient {
    ticket: ServiceTicket,
    authorization_id: String,
    state: State,
}

#[derive(Debug)]
enum State {
    ExpectReply(ExpectReply),
    ExpectOffer(SecurityContext),
}

/// What a challenge leads to.
#[derive(Debug)]
pub enum SaslStep {
    /// Send this and await another challenge.
    Send {
        /// The response; it may be empty, and has to be sent all the same.
        response: Vec<u8>,
        /// The login, which awaits the next challenge.
        next: SaslClient,
    },
    /// Send this; the server has the last word on whether it accepts.
    Last {
        /// The response.
        response: Vec<u8>,
    },
}

impl SaslClient {
    /// Starts a login: the client speaks first. `seed` and the time in `ticket` must be fresh.
    ///
    /// # Errors
    /// The ticket's session key cannot be used.
    pub fn begin(
        ticket: ServiceTicket,
        options: &SaslOptions,
        seed: &Seed,
    ) -> Result<(Vec<u8>, Self), Error> {
        let (token, begun) = gss::begin(&ticket, &options.gss, seed).map_err(|fault| ticket.error(fault))?;
        let state = match begun {
            Begun::ExpectReply(expect) => State::ExpectReply(expect),
            Begun::Established(context) => State::ExpectOffer(context),
        };
        Ok((token, Self { ticket, authorization_id: options.authorization_id.clone(), state }))
    }

    /// Takes a challenge.
    ///
    /// # Errors
    /// The server refuses the ticket, cannot prove itself, or does not offer to go on without a
    /// security layer.
    pub fn step(self, challenge: &[u8]) -> Result<SaslStep, Error> {
        let Self { ticket, authorization_id, state } = self;
        match state {
            State::ExpectReply(expect) => match expect.accept(challenge) {
                Ok(context) => Ok(SaslStep::Send {
                    response: Vec::new(),
                    next: Self { ticket, authorization_id, state: State::ExpectOffer(context) },
                }),
                Err(fault) => Err(ticket.error(fault)),
            },
            State::ExpectOffer(context) => match answer(context, challenge, &authorization_id) {
                Ok(response) => Ok(SaslStep::Last { response }),
                Err(fault) => Err(ticket.error(fault)),
            },
        }
    }
}

/// Chooses "auth" out of the offer. The server's buffer size is of no interest without a layer:
/// the JDK names one although RFC 4752 section 3.1 wants zero.
fn answer(mut context: SecurityContext, challenge: &[u8], authorization_id: &str) -> Result<Vec<u8>, Fault> {
    if let Some(refused) = gss::refusal(challenge)? {
        return Err(refused.into());
    }
    let offer = context.unwrap(challenge)?;
    let [layers, _, _, _] = offer.as_slice() else { return Err(GssFault::OfferLength.into()) };
    if layers & AUTH_ONLY == 0 {
        return Err(GssFault::NoAuthOnly.into());
    }
    Ok(context.wrap(&[&[AUTH_ONLY, 0, 0, 0], authorization_id.as_bytes()].concat()))
}

//! GSSAPI (RFC 4752): a service ticket for the broker's proof, and the proof that the broker can
//! open it. The tickets themselves are fetched by the layer above.

#[cfg(test)]
pub(crate) mod testing;

use std::fmt;

use ottla_kerberos::entropy::Seed;
use ottla_kerberos::error;
use ottla_kerberos::gss::ServiceTicket;
use ottla_kerberos::sasl::{SaslClient, SaslOptions, SaslStep};

use crate::secret::Secret;

/// A login by a service ticket.
#[derive(Debug)]
pub(super) enum Gssapi {
    /// Nothing was said yet. Ticket and seed are for this one login.
    Start { ticket: Box<ServiceTicket>, seed: Box<Seed> },
    /// The broker was shown the ticket.
    Begun(Box<SaslClient>),
}

/// What follows a challenge.
pub(super) enum GssapiStep {
    Send { response: Secret, next: Gssapi },
    Last { response: Secret },
}

impl Gssapi {
    /// The broker proves itself too: mutual authentication costs one round trip.
    pub(super) fn step(self, challenge: &[u8]) -> Result<GssapiStep, KerberosError> {
        match self {
            Self::Start { ticket, seed } => {
                let (token, client) = SaslClient::begin(*ticket, &SaslOptions::default(), &seed)?;
                Ok(GssapiStep::Send { response: Secret::new(token), next: Self::Begun(Box::new(client)) })
            }
            Self::Begun(client) => match client.step(challenge)? {
                SaslStep::Send { response, next } => Ok(GssapiStep::Send {
                    response: Secret::new(response),
                    next: Self::Begun(Box::new(next)),
                }),
                SaslStep::Last { response } => Ok(GssapiStep::Last { response: Secret::new(response) }),
            },
        }
    }
}

/// An error of a Kerberos exchange, whose `Display` says all that is known in one text: who, for
/// which service, at which KDC, why, with which keys and clocks, and where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KerberosError(error::Error);

impl KerberosError {
    /// What the exchange says.
    pub(crate) const fn exchange(&self) -> &error::Error {
        &self.0
    }
}

impl From<error::Error> for KerberosError {
    fn from(error: error::Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for KerberosError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(&self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        let context = self.0.context();
        let mut details = Vec::new();
        if !context.enctypes.is_empty() {
            let names: Vec<_> = context.enctypes.iter().map(ToString::to_string).collect();
            details.push(format!("encryption types offered: {}", names.join(" ")));
        }
        if context.offset != Default::default() {
            details.push(format!("the KDC's clock is {} ahead", context.offset));
        }
        if !details.is_empty() {
            write!(f, " ({})", details.join("; "))?;
        }
        match self.0.hint() {
            Some(hint) => write!(f, ". {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla_kerberos::error::{Class, Fault};

    use super::testing::service_ticket;
    use super::*;
    use crate::sasl::{Error, Exchange, Step};

    fn exchange() -> Exchange {
        Exchange::gssapi(service_ticket(), Seed::new(&[9; Seed::LEN]))
    }

    #[test]
    fn the_client_speaks_first_and_a_broker_that_cannot_prove_itself_is_refused() {
        let exchange = exchange();
        assert_eq!(exchange.mechanism(), "GSSAPI");
        let Ok(Step::Send { response, next }) = exchange.step(b"") else { panic!("no first message") };
        // A GSS-API token of the Kerberos mechanism (RFC 2743 section 3.1).
        assert_eq!(response.secret_bytes().first(), Some(&0x60));
        assert!(!format!("{next:?}").contains("07, 07") && next.mechanism() == "GSSAPI");
        let Err(Error::Kerberos(error)) = next.step(b"nonsense") else { panic!("nonsense is taken") };
        assert_eq!(error.exchange().class(), Class::Security);
        assert!(matches!(error.exchange().fault(), Fault::Gss(_) | Fault::Malformed(_)), "{error}");
    }

    #[test]
    fn an_error_says_who_for_which_service_why_and_with_which_key_and_clock() {
        let Ok(Step::Send { next, .. }) = exchange().step(b"") else { panic!("no first message") };
        let Err(Error::Kerberos(error)) = next.step(&[0x60, 1]) else { panic!("nonsense is taken") };
        let shown = error.to_string();
        for part in ["job@R", "kafka/b1@R", "aes256-cts-hmac-sha1-96", "kvno 7", "-2 s"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains('\n'), "{shown}");
    }
}

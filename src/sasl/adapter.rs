//! Mechanisms that are written for the crate `sasl`.

use ::sasl::client::Mechanism as CrateMechanism;

use super::mechanism::{CustomStep, Mechanism, MechanismError};
use crate::secret::Secret;

/// Lets a mechanism of the crate `sasl` (`sasl::client::Mechanism`) authenticate to a broker.
///
/// That crate's trait cannot tell a challenge from the outcome, so the adapter is told how many
/// challenges the mechanism answers before the broker decides: none for PLAIN and EXTERNAL, whose
/// initial response is all that they say.
///
/// # Examples
///
/// ```
/// use ottla::sasl::{Adapter, Mechanism};
/// use sasl::client::mechanisms::Plain;
///
/// let mechanism: Box<dyn Mechanism> = Box::new(Adapter::new(Plain::new("alice", "secret"), 0));
/// assert_eq!(mechanism.name(), "PLAIN");
/// ```
#[derive(Debug)]
pub struct Adapter<M> {
    mechanism: M,
    challenges: usize,
    begun: bool,
}

impl<M: CrateMechanism + Send + 'static> Adapter<M> {
    /// Adapts `mechanism`, which answers `challenges` challenges after its initial response.
    pub fn new(mechanism: M, challenges: usize) -> Self {
        Self { mechanism, challenges, begun: false }
    }
}

impl<M: CrateMechanism + Send + 'static> Mechanism for Adapter<M> {
    fn name(&self) -> &str {
        self.mechanism.name()
    }

    fn step(mut self: Box<Self>, challenge: &[u8]) -> Result<CustomStep, MechanismError> {
        let response = if self.begun {
            self.challenges = self.challenges.saturating_sub(1);
            self.mechanism.response(challenge).map_err(|e| MechanismError::new(e.to_string()))?
        } else {
            self.begun = true;
            self.mechanism.initial()
        };
        let response = Secret::new(response);
        Ok(match self.challenges {
            0 => CustomStep::Last { response, next: self },
            _ => CustomStep::Send { response, next: self },
        })
    }

    fn finish(mut self: Box<Self>, server_last: &[u8]) -> Result<(), MechanismError> {
        self.mechanism.success(server_last).map_err(|e| MechanismError::new(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use ::sasl::client::MechanismError as CrateError;
    use ::sasl::common::Credentials;

    use super::*;

    /// Says one, two, and then wants to hear three.
    struct Count(u8);

    impl CrateMechanism for Count {
        fn name(&self) -> &str {
            "COUNT"
        }

        fn from_credentials(_: Credentials) -> Result<Self, CrateError> {
            Ok(Self(0))
        }

        fn initial(&mut self) -> Vec<u8> {
            self.0 = 1;
            b"one".to_vec()
        }

        fn response(&mut self, challenge: &[u8]) -> Result<Vec<u8>, CrateError> {
            match (self.0, challenge) {
                (1, b"go on") => Ok(b"two".to_vec()),
                _ => Err(CrateError::CannotDecodeChallenge),
            }
        }

        fn success(&mut self, data: &[u8]) -> Result<(), CrateError> {
            if data == b"three" { Ok(()) } else { Err(CrateError::CannotDecodeSuccessResponse) }
        }
    }

    fn second_state() -> Box<dyn Mechanism> {
        let first = Box::new(Adapter::new(Count(0), 1)).step(b"").unwrap();
        let CustomStep::Send { response, next } = first else { panic!("{first:?}") };
        assert_eq!(response.secret_bytes(), b"one");
        next
    }

    #[test]
    fn tells_a_challenge_from_the_outcome_by_their_number() {
        let second = second_state().step(b"go on").unwrap();
        let CustomStep::Last { response, next } = second else { panic!("{second:?}") };
        assert_eq!(response.secret_bytes(), b"two");
        assert_eq!(next.finish(b"three"), Ok(()));
    }

    #[test]
    fn carries_the_reason_of_the_adapted_mechanism() {
        let error = second_state().step(b"stop").unwrap_err();
        assert_eq!(error.to_string(), "can't decode challenge");
        let error = second_state().finish(b"four").unwrap_err();
        assert_eq!(error.to_string(), "can't decode success response");
    }
}

//! The SCRAM mechanisms that Kafka knows.

use std::fmt;
use std::str::FromStr;

/// Names one of the two SCRAM mechanisms of Kafka (RFC 5802, RFC 7677).
///
/// A broker keeps credentials of a delegation token for both of them; the listener must have the
/// chosen one in `sasl.enabled.mechanisms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScramMechanism {
    /// `SCRAM-SHA-256`.
    Sha256,
    /// `SCRAM-SHA-512`.
    Sha512,
}

impl ScramMechanism {
    /// The name in the protocol and in `sasl.mechanism`, such as `SCRAM-SHA-512`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }
}

impl fmt::Display for ScramMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text is neither `SCRAM-SHA-256` nor `SCRAM-SHA-512`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAScramMechanism;

impl fmt::Display for NotAScramMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the SCRAM mechanisms are SCRAM-SHA-256 and SCRAM-SHA-512")
    }
}

impl std::error::Error for NotAScramMechanism {}

impl FromStr for ScramMechanism {
    type Err = NotAScramMechanism;

    fn from_str(name: &str) -> Result<Self, NotAScramMechanism> {
        [Self::Sha256, Self::Sha512].into_iter().find(|m| m.name() == name).ok_or(NotAScramMechanism)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mechanism_reads_what_it_prints_and_nothing_else() {
        for mechanism in [ScramMechanism::Sha256, ScramMechanism::Sha512] {
            assert_eq!(mechanism.to_string().parse(), Ok(mechanism));
        }
        for name in ["", "scram-sha-256", "SCRAM-SHA-1", "PLAIN"] {
            assert_eq!(name.parse::<ScramMechanism>(), Err(NotAScramMechanism));
        }
        let known = [ScramMechanism::Sha256, ScramMechanism::Sha512].map(ScramMechanism::name);
        assert!(known.iter().all(|name| NotAScramMechanism.to_string().contains(name)));
    }
}

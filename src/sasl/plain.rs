//! PLAIN (RFC 4616): the password itself, in one message. It takes the road that mechanisms of
//! the crate `sasl` take, but wipes its password, which that crate's own PLAIN does not.

use ::sasl::client::{Mechanism, MechanismError};
use ::sasl::common::{self, Credentials, Identity, Password};

use super::error::Error;
use crate::secret::Secret;

/// A user name and password that PLAIN can carry.
#[derive(Debug)]
pub(super) struct Plain {
    user: String,
    password: Secret,
}

impl Plain {
    /// Checks what RFC 4616 forbids: empty parts, and NUL, which separates them.
    pub(super) fn new(user: String, password: Secret) -> Result<Self, Error> {
        super::scram::check_user_name(&user)?;
        if password.is_empty() {
            return Err(Error::EmptyPassword);
        }
        if password.secret_bytes().contains(&0) {
            return Err(Error::NulInPassword);
        }
        Ok(Self { user, password })
    }
}

impl Mechanism for Plain {
    fn name(&self) -> &str {
        "PLAIN"
    }

    fn from_credentials(credentials: Credentials) -> Result<Self, MechanismError> {
        let Identity::Username(user) = credentials.identity else {
            return Err(MechanismError::PlainRequiresUsername);
        };
        let common::Secret::Password(Password::Plain(password)) = credentials.secret else {
            return Err(MechanismError::PlainRequiresPlaintextPassword);
        };
        Self::new(user, password.into()).map_err(|_| MechanismError::PlainRequiresPlaintextPassword)
    }

    /// The authorization identity stays empty: brokers accept only the user's own.
    fn initial(&mut self) -> Vec<u8> {
        let password = self.password.secret_bytes();
        // Exact, so that no smaller allocation with half a password is left behind.
        let mut message = Vec::with_capacity(self.user.len() + password.len() + 2);
        message.push(0);
        message.extend_from_slice(self.user.as_bytes());
        message.push(0);
        message.extend_from_slice(password);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_credentials_that_have_a_name_and_a_password() {
        let none = Credentials::default();
        let name = none.clone().with_username("tim");
        let missing = |credentials| Plain::from_credentials(credentials).unwrap_err();
        assert_eq!(missing(none), MechanismError::PlainRequiresUsername);
        assert_eq!(missing(name.clone()), MechanismError::PlainRequiresPlaintextPassword);
        let mut plain = Plain::from_credentials(name.with_password("secret")).unwrap();
        assert_eq!(plain.initial(), b"\0tim\0secret");
    }
}

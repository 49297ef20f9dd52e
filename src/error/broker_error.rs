//! An error code from a broker, as callers see it.

use std::fmt;

use crate::wire::error_code::ErrorCode;

/// The error code with which a broker refused a request, a topic or a partition.
///
/// The constants name the codes that callers tell apart; any other code is a value of this type
/// too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerError(i16);

macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        impl BrokerError {
            $($(#[$doc])* pub const $name: Self = Self::new(ErrorCode::$name);)*
        }
    };
}

constants! {
    /// The offset is not one that the partition has.
    OFFSET_OUT_OF_RANGE,
    /// The broker does not know the topic or partition.
    UNKNOWN_TOPIC_OR_PARTITION,
    /// Another broker leads the partition.
    NOT_LEADER_OR_FOLLOWER,
    /// The principal may not do this with the topic.
    TOPIC_AUTHORIZATION_FAILED,
    /// The principal may not do this with the cluster.
    CLUSTER_AUTHORIZATION_FAILED,
    /// The listener does not offer the SASL mechanism.
    UNSUPPORTED_SASL_MECHANISM,
    /// A login at a time at which the broker takes none.
    ILLEGAL_SASL_STATE,
    /// The broker does not do this: it is too old, or its metadata version is.
    UNSUPPORTED_VERSION,
    /// The topic exists.
    TOPIC_ALREADY_EXISTS,
    /// The credential was refused.
    SASL_AUTHENTICATION_FAILED,
    /// The cluster has no `delegation.token.secret.key`, so it makes no tokens.
    DELEGATION_TOKEN_AUTH_DISABLED,
    /// The broker does not know the token; right after it was made that is normal.
    DELEGATION_TOKEN_NOT_FOUND,
    /// Only the owner and the renewers of a token may do this.
    DELEGATION_TOKEN_OWNER_MISMATCH,
    /// Token requests need a connection that is authenticated, and not by a token.
    DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
    /// A token for somebody else needs the ACL `CreateTokens` on the resource `User:<owner>`.
    DELEGATION_TOKEN_AUTHORIZATION_FAILED,
    /// The token has expired.
    DELEGATION_TOKEN_EXPIRED,
    /// Owners and renewers of tokens must be of the type `User`.
    INVALID_PRINCIPAL_TYPE,
}

impl BrokerError {
    pub(crate) const fn new(code: ErrorCode) -> Self {
        Self(code.0)
    }

    pub(crate) const fn error_code(self) -> ErrorCode {
        ErrorCode(self.0)
    }

    /// Kafka's number.
    pub const fn code(self) -> i16 {
        self.0
    }

    /// Kafka's name, such as `DELEGATION_TOKEN_EXPIRED`, where this client knows it.
    pub fn name(self) -> Option<&'static str> {
        self.error_code().name()
    }
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error_code().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_errors_are_61_to_67() {
        let codes = [
            BrokerError::DELEGATION_TOKEN_AUTH_DISABLED,
            BrokerError::DELEGATION_TOKEN_NOT_FOUND,
            BrokerError::DELEGATION_TOKEN_OWNER_MISMATCH,
            BrokerError::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
            BrokerError::DELEGATION_TOKEN_AUTHORIZATION_FAILED,
            BrokerError::DELEGATION_TOKEN_EXPIRED,
            BrokerError::INVALID_PRINCIPAL_TYPE,
        ];
        assert_eq!(codes.map(BrokerError::code), [61, 62, 63, 64, 65, 66, 67]);
    }
}

//! What a retry loop does about an error: the one place that decides it.
//!
//! Codes that are part of one API's protocol (35 on ApiVersions, 34 on SaslHandshake, 62 on a
//! young token, out-of-range in Fetch) are read in the file that speaks that API, before this.

use super::{BrokerError, Error, ErrorKind};
use crate::wire::error_code::ErrorCode;

/// What may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Nothing: the same call fails again.
    Stop,
    /// Time.
    Again,
    /// A new picture of the cluster, and time.
    RefreshMetadata,
    /// Another credential.
    NewCredential,
}

/// Sorts an error by what may help.
pub(crate) fn class(error: &Error) -> Class {
    match error.kind() {
        ErrorKind::Connect | ErrorKind::Closed | ErrorKind::Timeout => Class::RefreshMetadata,
        ErrorKind::TokenExpired => Class::NewCredential,
        ErrorKind::Auth => of_login(error),
        ErrorKind::Broker(code) => of_code(code),
        // No checksum covers an answer: the same one may come whole on another connection. What comes
        // so three times in a row is another error by then.
        ErrorKind::Protocol if is_damage(error) => Class::Again,
        ErrorKind::Config
        | ErrorKind::Misuse
        | ErrorKind::Tls
        | ErrorKind::Protocol
        | ErrorKind::Unsupported
        | ErrorKind::DataLoss
        | ErrorKind::Shutdown => Class::Stop,
    }
}

/// Whether an answer could not be read, which may be the network's fault.
pub(crate) fn is_damage(error: &Error) -> bool {
    error.conn_source().is_some_and(crate::conn::error::Error::is_damage)
}

fn of_login(error: &Error) -> Class {
    use crate::conn::error::Error::{LoginRefused, Mechanism, Sasl};
    match error.conn_source() {
        Some(Mechanism(given_up) | Sasl(crate::sasl::Error::Mechanism(given_up)))
            if given_up.is_passing() =>
        {
            Class::Again
        }
        Some(LoginRefused { code, .. }) if ErrorCode(*code) == ErrorCode::SASL_AUTHENTICATION_FAILED => {
            Class::NewCredential
        }
        _ => Class::Stop,
    }
}

fn of_code(code: BrokerError) -> Class {
    match code.error_code() {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::LEADER_NOT_AVAILABLE
        | ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::BROKER_NOT_AVAILABLE
        | ErrorCode::REPLICA_NOT_AVAILABLE
        | ErrorCode::NOT_CONTROLLER
        | ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::LISTENER_NOT_FOUND
        | ErrorCode::FENCED_LEADER_EPOCH
        | ErrorCode::UNKNOWN_LEADER_EPOCH
        | ErrorCode::OFFSET_NOT_AVAILABLE
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::INCONSISTENT_TOPIC_ID
        | ErrorCode::REBOOTSTRAP_REQUIRED => Class::RefreshMetadata,
        ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::NETWORK_EXCEPTION
        | ErrorCode::THROTTLING_QUOTA_EXCEEDED => Class::Again,
        ErrorCode::SASL_AUTHENTICATION_FAILED | ErrorCode::DELEGATION_TOKEN_EXPIRED => Class::NewCredential,
        _ => Class::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn;
    use crate::conn::error::{LoginStep, PeerText};

    #[test]
    fn a_refused_credential_wants_another_one() {
        let text = PeerText::default();
        let refused = conn::error::Error::LoginRefused { code: 58, step: LoginStep::First, text };
        assert_eq!(class(&Error::dial(refused)), Class::NewCredential);
        assert_eq!(class(&Error::dial(conn::error::Error::TokenExpired)), Class::NewCredential);
    }

    #[test]
    fn a_mechanism_that_gives_up_for_now_is_worth_another_try() {
        use crate::sasl::MechanismError;
        let passing = || MechanismError::passing("the issuer is away").caused_by(std::fmt::Error);
        let by_factory = Error::dial(conn::error::Error::Mechanism(passing()));
        let by_step = Error::dial(crate::sasl::Error::Mechanism(passing()).into());
        for error in [by_factory, by_step] {
            assert_eq!((class(&error), error.kind()), (Class::Again, ErrorKind::Auth));
            let told = crate::error::explained(&error);
            assert!(told.ends_with(&format!("the issuer is away: {}", std::fmt::Error)), "{told}");
        }
        let last = Error::dial(conn::error::Error::Mechanism(MechanismError::new("no such user")));
        assert_eq!(class(&last), Class::Stop);
    }

    #[test]
    fn damage_is_worth_another_connection_until_it_comes_again_and_again() {
        let damage = conn::error::Error::CorrelationId { got: 7, want: Some(6) };
        assert_eq!(class(&Error::dial(damage.clone())), Class::Again);
        let repeated = Error::dial(damage.repeated());
        assert_eq!((class(&repeated), repeated.kind()), (Class::Stop, ErrorKind::Protocol));
        let tls = conn::error::Error::TlsDamaged(PeerText::new("cannot decrypt peer's message"));
        assert_eq!(
            class(&Error::from(conn::handle::Failure::not_written(tls.clone()))),
            Class::RefreshMetadata
        );
        let repeated = Error::dial(tls.repeated());
        assert_eq!((class(&repeated), repeated.kind()), (Class::Stop, ErrorKind::Tls));
    }

    #[test]
    fn what_cannot_succeed_is_not_tried_again() {
        for code in [29, 36, 61, 63, 64, 65, 67, -1, 9999] {
            assert_eq!(class(&Error::broker(ErrorCode(code))), Class::Stop, "{code}");
        }
    }

    #[test]
    fn a_moved_leader_wants_a_new_picture_of_the_cluster() {
        for code in [3, 5, 6, 74, 75, 100, 103, 129] {
            assert_eq!(class(&Error::broker(ErrorCode(code))), Class::RefreshMetadata, "{code}");
        }
    }
}

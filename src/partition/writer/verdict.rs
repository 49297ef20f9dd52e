//! What an answer means for a batch: the one place that reads the error codes of Produce.

use super::refusal::Refusal;
use crate::error::{Class, Error, ErrorKind, class};
use crate::wire::codec::produce::ProducedPartition;
use crate::wire::error_code::ErrorCode;

/// What to do with a batch now.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// It is in the partition, at this offset if that was told.
    Written(Option<i64>),
    /// Send it once more, as it is.
    Again(Error),
    /// The partition expects another sequence: send it as the first of a new epoch (KIP-360).
    NewEpoch(Error),
    /// The cluster does not know the producer's id: send it as the first of a new one.
    NewProducer(Error),
    /// Another writer took the producer's id over: nothing can be written any more.
    Fenced(Error),
    /// It is larger than the topic takes.
    TooLarge(Error),
    /// It cannot be written.
    Fail(Error),
    /// It cannot be written because of some of its records.
    FailRecords(Refusal),
}

impl Verdict {
    /// Reads an answer of the broker; `error` makes the error of a code.
    pub(super) fn of_answer(answer: &ProducedPartition, error: impl FnOnce(ErrorCode) -> Error) -> Self {
        let code = answer.error;
        match code {
            ErrorCode::NONE | ErrorCode::DUPLICATE_SEQUENCE_NUMBER => {
                Self::Written(Some(answer.base_offset).filter(|offset| *offset >= 0))
            }
            ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND => Self::Again(error(code).possibly_written_if(true)),
            ErrorCode::NOT_ENOUGH_REPLICAS | ErrorCode::CORRUPT_MESSAGE => Self::Again(error(code)),
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER | ErrorCode::UNKNOWN_PRODUCER_ID => {
                Self::NewEpoch(error(code))
            }
            ErrorCode::INVALID_PRODUCER_ID_MAPPING | ErrorCode::INVALID_PRODUCER_EPOCH => {
                Self::NewProducer(error(code))
            }
            ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => Self::TooLarge(error(code)),
            ErrorCode::PRODUCER_FENCED => Self::Fenced(error(code)),
            code if is_refusal(code) && !answer.refused.is_empty() => {
                Self::FailRecords(Refusal::new(answer, error(code)))
            }
            // These are said after an append too, if the partition moves or is deleted while the batch waits for its
            // replicas. Then the offset of the append comes with it: Kafka changes the code alone.
            ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::UNKNOWN_TOPIC_ID => {
                Self::of_error(error(code).possibly_written_if(answer.base_offset >= 0))
            }
            // So are all others that may pass: a disk may fail in the middle (56). A code without a name may
            // come at any point.
            _ => Self::of_error(error(code).possibly_written_if(!is_refusal(code))),
        }
    }

    /// Judges a request that got no answer. A credential that is refused may be replaced by
    /// another one in time, and so may a connection that was damaged.
    pub(super) fn of_error(error: Error) -> Self {
        match (class(&error), error.kind()) {
            (Class::Again | Class::RefreshMetadata | Class::NewCredential, _) => Self::Again(error),
            (Class::Stop, ErrorKind::Tls | ErrorKind::Protocol) => Self::Again(error),
            (Class::Stop, _) => Self::Fail(error),
        }
    }

    /// Judges a dial that failed: nothing was sent.
    pub(super) fn of_dial(error: Error) -> Self {
        match class(&error) {
            Class::Again | Class::RefreshMetadata | Class::NewCredential => Self::Again(error),
            Class::Stop => Self::Fail(error),
        }
    }

    /// Whether the partition may have the batch all the same, or take it yet.
    pub(super) fn is_undecided(&self) -> bool {
        matches!(self, Self::Again(_) | Self::NewEpoch(_) | Self::NewProducer(_))
    }

    /// Whether the broker expects other numbers.
    pub(super) fn is_wrong_sequence(&self) -> bool {
        matches!(self, Self::NewEpoch(_) | Self::NewProducer(_))
    }

    /// Whether another broker may lead the partition now.
    pub(super) fn wants_refresh(&self) -> bool {
        match self {
            Self::Again(error) => class(error) == Class::RefreshMetadata,
            _ => false,
        }
    }

    pub(super) fn error(&self) -> Option<&Error> {
        match self {
            Self::Written(_) => None,
            Self::Again(error)
            | Self::NewEpoch(error)
            | Self::NewProducer(error)
            | Self::Fenced(error)
            | Self::TooLarge(error)
            | Self::Fail(error) => Some(error),
            Self::FailRecords(refusal) => Some(&refusal.error),
        }
    }
}

/// Whether a broker says this only before it appends anything.
fn is_refusal(code: ErrorCode) -> bool {
    // In this order: required acks that are none, the state of a transaction and who may have it.
    const OF_TRANSACTIONS: [ErrorCode; 3] = [ErrorCode(21), ErrorCode(48), ErrorCode(53)];
    let refusals = [
        ErrorCode::INVALID_TOPIC_EXCEPTION,
        ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
        ErrorCode::INVALID_TIMESTAMP,
        ErrorCode::UNSUPPORTED_VERSION,
        ErrorCode::INVALID_REQUEST,
        ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT,
        ErrorCode::POLICY_VIOLATION,
        ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
        ErrorCode::INVALID_RECORD,
    ];
    refusals.contains(&code) || OF_TRANSACTIONS.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: i16) -> Verdict {
        at(code, -1)
    }

    fn at(code: i16, base_offset: i64) -> Verdict {
        let answer = ProducedPartition {
            partition: 0,
            error: ErrorCode(code),
            base_offset,
            append_time: None,
            message: None,
            refused: Vec::new(),
            leader: None,
        };
        Verdict::of_answer(&answer, Error::broker)
    }

    #[test]
    fn every_code_of_an_idempotent_producer_has_its_verdict() {
        assert!(matches!(of(0), Verdict::Written(_)) && matches!(of(46), Verdict::Written(None)));
        assert!(matches!(of(45), Verdict::NewEpoch(_)) && matches!(of(59), Verdict::NewEpoch(_)));
        assert!(matches!(of(47), Verdict::NewProducer(_)) && matches!(of(49), Verdict::NewProducer(_)));
        assert!(matches!(of(90), Verdict::Fenced(_)));
        for code in [10, 18] {
            assert!(matches!(of(code), Verdict::TooLarge(error) if !error.possibly_written()), "{code}");
        }
        for code in [17, 29, 31, 32, 35, 43, 44, 76, 87] {
            assert!(matches!(of(code), Verdict::Fail(error) if !error.possibly_written()), "{code}");
        }
        for code in [2, 3, 6, 19, 100] {
            assert!(matches!(of(code), Verdict::Again(error) if !error.possibly_written()), "{code}");
        }
        for code in [-1, 9999] {
            assert!(matches!(of(code), Verdict::Fail(error) if error.possibly_written()), "{code}");
        }
    }

    #[test]
    fn codes_that_come_after_an_append_too_say_that_it_may_have_happened() {
        for code in [5, 7, 8, 13, 20, 56, 74, 75] {
            assert!(matches!(of(code), Verdict::Again(error) if error.possibly_written()), "{code}");
        }
        for code in [3, 6, 7, 20, 56, 100] {
            assert!(matches!(at(code, 0), Verdict::Again(error) if error.possibly_written()), "{code}");
        }
    }

    #[test]
    fn a_damaged_connection_is_made_anew() {
        for kind in [ErrorKind::Tls, ErrorKind::Protocol, ErrorKind::Closed] {
            let error = Error::because(kind, "damaged");
            assert!(matches!(Verdict::of_error(error), Verdict::Again(_)), "{kind}");
        }
        let error = Error::because(ErrorKind::Unsupported, "too old");
        assert!(matches!(Verdict::of_error(error), Verdict::Fail(_)));
    }

    #[test]
    fn a_moved_leader_is_looked_for() {
        assert!(of(6).wants_refresh() && of(3).wants_refresh() && !of(19).wants_refresh());
    }
}

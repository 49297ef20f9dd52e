//! What an answer means for a batch: the one place that reads the error codes of Produce.

use crate::error::{Class, Error, class};
use crate::wire::codec::produce::ProducedPartition;
use crate::wire::error_code::ErrorCode;

/// What to do with a batch now.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// It is in the partition.
    Written,
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
}

impl Verdict {
    /// Reads an answer of the broker; `error` makes the error of a code.
    pub(super) fn of_answer(answer: &ProducedPartition, error: impl FnOnce(ErrorCode) -> Error) -> Self {
        let code = answer.error;
        match code {
            ErrorCode::NONE | ErrorCode::DUPLICATE_SEQUENCE_NUMBER => Self::Written,
            // Appended, but not by all replicas in time; an unknown error may come at any point.
            ErrorCode::REQUEST_TIMED_OUT | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND => {
                Self::Again(error(code).possibly_written_if(true))
            }
            ErrorCode::UNKNOWN_SERVER_ERROR => Self::Fail(error(code).possibly_written_if(true)),
            ErrorCode::NOT_ENOUGH_REPLICAS | ErrorCode::CORRUPT_MESSAGE => Self::Again(error(code)),
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER | ErrorCode::UNKNOWN_PRODUCER_ID => {
                Self::NewEpoch(error(code))
            }
            ErrorCode::INVALID_PRODUCER_ID_MAPPING | ErrorCode::INVALID_PRODUCER_EPOCH => {
                Self::NewProducer(error(code))
            }
            ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => Self::TooLarge(error(code)),
            ErrorCode::PRODUCER_FENCED => Self::Fenced(error(code)),
            _ => Self::of_error(error(code)),
        }
    }

    /// Judges a request that got no answer. A credential that is refused may be replaced by
    /// another one in time.
    pub(super) fn of_error(error: Error) -> Self {
        match class(&error) {
            Class::Again | Class::RefreshMetadata | Class::NewCredential => Self::Again(error),
            Class::Stop => Self::Fail(error),
        }
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
            Self::Written => None,
            Self::Again(error)
            | Self::NewEpoch(error)
            | Self::NewProducer(error)
            | Self::Fenced(error)
            | Self::TooLarge(error)
            | Self::Fail(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: i16) -> Verdict {
        let answer = ProducedPartition {
            partition: 0,
            error: ErrorCode(code),
            base_offset: -1,
            append_time: None,
            message: None,
            leader: None,
        };
        Verdict::of_answer(&answer, Error::broker)
    }

    #[test]
    fn every_code_of_an_idempotent_producer_has_its_verdict() {
        assert!(matches!(of(0), Verdict::Written) && matches!(of(46), Verdict::Written));
        assert!(matches!(of(45), Verdict::NewEpoch(_)) && matches!(of(59), Verdict::NewEpoch(_)));
        assert!(matches!(of(47), Verdict::NewProducer(_)) && matches!(of(49), Verdict::NewProducer(_)));
        assert!(matches!(of(90), Verdict::Fenced(_)));
        for code in [10, 18] {
            assert!(matches!(of(code), Verdict::TooLarge(error) if !error.possibly_written()), "{code}");
        }
        for code in [29, 31, 32, 35, 43, 44, 76, 87] {
            assert!(matches!(of(code), Verdict::Fail(error) if !error.possibly_written()), "{code}");
        }
        for code in [2, 3, 5, 6, 8, 13, 19, 56, 74, 75] {
            assert!(matches!(of(code), Verdict::Again(error) if !error.possibly_written()), "{code}");
        }
        for code in [7, 20] {
            assert!(matches!(of(code), Verdict::Again(error) if error.possibly_written()), "{code}");
        }
        assert!(matches!(of(-1), Verdict::Fail(error) if error.possibly_written()));
    }

    #[test]
    fn a_moved_leader_is_looked_for() {
        assert!(of(6).wants_refresh() && of(3).wants_refresh() && !of(19).wants_refresh());
    }
}

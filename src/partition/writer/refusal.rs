//! A batch that a broker refused because of some of its records, which it names (KIP-467).

use crate::error::Error;
use crate::wire::codec::produce::ProducedPartition;

/// What is to be said of the records of a batch of which none was written.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// Of the batch.
    pub(super) error: Error,
    /// Of the records that are named, by their places.
    pub(super) named: Vec<(i32, Error)>,
    /// Of the others.
    pub(super) others: Error,
}

impl Refusal {
    /// Takes an answer with named records apart; `error` is that of its code.
    pub(super) fn new(answer: &ProducedPartition, error: Error) -> Self {
        let code = answer.error;
        let own = |text: &Option<Box<str>>| text.clone().or_else(|| answer.message.clone());
        let why = |text: &Option<Box<str>>| own(text).map_or(String::new(), |text| format!(": {text}"));
        let named = answer.refused.iter().map(|(place, text)| {
            let text = format!("the broker refused this record with {code}{}", why(text));
            (*place, error.clone().with_peer_detail(&text))
        });
        let named: Vec<_> = named.collect();
        let count = named.len();
        let first = answer.refused.first().map(|(_, text)| why(text)).unwrap_or_default();
        let batch = format!(
            "the broker refused {count} records of a batch with {code}, so none of it was written{first}"
        );
        let others = format!(
            "the broker refused other records of the same batch with {code}, so none of it was written{first}"
        );
        Self { named, others: error.clone().with_peer_detail(&others), error: error.with_peer_detail(&batch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::error_code::ErrorCode;

    #[test]
    fn the_brokers_reason_stands_with_the_record_that_it_names() {
        let answer = ProducedPartition {
            partition: 0,
            error: ErrorCode::INVALID_RECORD,
            base_offset: -1,
            append_time: None,
            message: Some("of all".into()),
            refused: vec![(2, Some("no key".into())), (3, None)],
            leader: None,
        };
        let refusal = Refusal::new(&answer, Error::broker(answer.error));
        let told: Vec<_> = refusal.named.iter().map(|(place, error)| (*place, error.to_string())).collect();
        let this = "the broker refused this record with INVALID_RECORD (87)";
        assert_eq!(told, [(2, format!("{this}: no key")), (3, format!("{this}: of all"))]);
        assert_eq!(
            refusal.error.to_string(),
            "the broker refused 2 records of a batch with INVALID_RECORD (87), so none of it was written: no key"
        );
        let others = refusal.others.to_string();
        assert!(others.contains("same batch") && others.contains("none of it was written"), "{others}");
        assert!(!refusal.error.possibly_written() && !refusal.others.possibly_written());
    }
}

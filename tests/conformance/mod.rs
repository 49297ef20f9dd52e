//! Facts about brokers, each written once and asked of every target: the embedded broker, and real
//! Apache Kafka of both major versions. Every fact speaks raw frames, so that neither the client's
//! code nor the embedded broker's can hide a mistake of its own.
//!
//! Real brokers are right: what a fact expects is what they answer. Where the embedded broker
//! differs, the line stands here with the real answer and the reason, and nowhere else.

#![allow(dead_code, reason = "each test target uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

pub(crate) mod embedded;
pub(crate) mod facts;
pub(crate) mod made;
pub(crate) mod matrix;
pub(crate) mod runner;
pub(crate) mod target;
pub(crate) mod topic;

/// Where the embedded broker answers otherwise than real ones.
pub(crate) struct Difference {
    /// The fact, by its sentence.
    pub(crate) fact: &'static str,
    /// What the embedded broker answers.
    pub(crate) embedded: &'static str,
    pub(crate) reason: &'static str,
}

const UNDECODED: &str = "kafka-protocol 0.18 decodes no others";

pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        fact: "a mechanism that is not offered is answered with those that are",
        embedded: "33 PLAIN SCRAM-SHA-256 SCRAM-SHA-512",
        reason: "the embedded broker has no OAUTHBEARER",
    },
    Difference {
        fact: "versions of Create, Renew, Expire and DescribeDelegationToken",
        embedded: "1-3 1-2 1-2 1-3",
        reason: UNDECODED,
    },
    Difference { fact: "versions of Produce", embedded: "3-11", reason: UNDECODED },
    Difference { fact: "versions of Fetch", embedded: "4-17", reason: UNDECODED },
    Difference { fact: "versions of ListOffsets", embedded: "1-9", reason: UNDECODED },
    Difference { fact: "versions of ListOffsets", embedded: "1-10", reason: UNDECODED },
    Difference { fact: "versions of OffsetCommit and OffsetFetch", embedded: "2-9 1-9", reason: UNDECODED },
];

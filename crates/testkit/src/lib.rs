//! Kafka brokers inside a test.
//!
//! A [`Cluster`] is any number of brokers in this process. They speak the real protocol, over
//! sockets on loopback or over pipes in memory, and take their time from tokio: with a paused clock a
//! month in the life of a delegation token passes in milliseconds. No Java, no containers, no C.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), ottla_testkit::Error> {
//! use ottla_testkit::{Cluster, Protocol, Record};
//!
//! let cluster = Cluster::builder()
//!     .brokers(3)
//!     .listener(Protocol::SaslPlaintext)
//!     .user("alice", "alice-secret")
//!     .start_tcp()
//!     .await?;
//! cluster.create_topic("orders", 6, 3)?;
//! cluster.write("orders", 0, &[Record::value("first")])?;
//! let bootstrap = cluster.bootstrap(Protocol::SaslPlaintext)?;
//! // .. run a client against `bootstrap`, then look:
//! assert_eq!(cluster.read("orders", 0)?.len(), 1);
//! assert_eq!(cluster.counters().failed_logins, 0);
//! # assert_eq!(bootstrap.split(',').count(), 3);
//! # Ok(())
//! # }
//! ```
//!
//! # What is modelled
//! - Delegation tokens as KRaft treats them: brokers learn of a token some time after it was made
//!   ([`ClusterBuilder::token_propagation`]), each with salts of its own that change at every renewal;
//!   an expired token logs in until it is swept, and its session is over at once; a request after the
//!   end of a session closes the connection, a new login by the same owner revives it.
//! - Logins by PLAIN, SCRAM and Kerberos ([`kdc`], [`ClusterBuilder::kerberos`]), re-authentication (KIP-368), mutual TLS.
//! - Reading and writing: fetches cut at the byte limits as brokers cut them, idempotent producers,
//!   aborted and open transactions, retention, topics made anew under another id.
//! - The log cleaner ([`Cluster::clean`], [`Cluster::compact`]): gaps, headers without records.
//! - Leaders that change, are lost with the log's end ([`Cluster::unclean_leader`]) or are away
//!   ([`Cluster::without_leader`]); leader epochs and where logs part (KIP-101, KIP-320); replicas that are
//!   not in sync; brokers that stop, crash unnoticed, restart, and lag behind with their metadata.
//! - Answers after the append: [`Action::RefuseAfter`], [`Action::HoldProduce`] as Kafka's DelayedProduce.
//! - Quotas ([`Cluster::set_quota`]), measured and enforced as by Kafka (KIP-219).
//! - Faults ([`Fault`]) for a broker, an API, a connection, at a given time or by a seeded chance; harm to the
//!   bytes below TLS ([`WireFault`]), names with several addresses of which some are silent ([`Reach`]).
//! - What happened: everything ever appended with its [`Fate`] ([`Cluster::appended`]), and what was asked of
//!   which partition when ([`Cluster::asked`]).
//!
//! Each API is a file that opens with the versions and rules it models.
//!
//! # What is not
//! Consumer groups with members, transactions from the client's side, ACLs on topics of single users
//! ([`Cluster::set_denied`] denies everybody), replication as such: all replicas of a partition share one log, and its end is the high watermark. Segments: the last
//! batch stands for the active one. Nothing is written to disk. A seed decides everything random, and no secret is one.
//!
//! # Paused clock
//! Under `tokio::time::pause()` use [`ClusterBuilder::start_in_memory`]: sockets do not wait for a
//! paused clock.

#![forbid(unsafe_code)]

#[cfg(feature = "kerberos")]
pub mod acceptor;
mod api;
mod broker;
mod builder;
mod clock;
mod cluster;
mod connector;
mod counters;
mod error;
mod fault;
#[cfg(feature = "kerberos")]
pub mod kdc;
#[cfg(feature = "kerberos")]
mod kerberos;
#[cfg(feature = "kerberos")]
mod krb;
mod listener;
mod log;
mod network;
mod principal;
mod random;
mod record;
mod scram;
mod serve;
mod shape;
mod state;
#[cfg(feature = "tls")]
mod tls;
mod version;

pub use broker::BrokerId;
pub use builder::ClusterBuilder;
pub use cluster::{Appended, Cluster, Fate, Faults, LogOffsets, LoggedRecord};
pub use connector::Connector;
pub use counters::Counters;
pub use error::Error;
pub use fault::{Action, Fault};
pub use kafka_protocol::messages::ApiKey;
pub use listener::{Mechanism, Protocol};
pub use network::{Harm, Reach, WireFault};
pub use principal::Principal;
pub use record::Record;
pub use state::{Asked, Quota, Token, TokenRight, TopicOperation};
#[cfg(feature = "tls")]
pub use tls::Identity;
pub use version::KafkaVersion;

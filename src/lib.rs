//! Kafka client built around **delegation tokens**, in pure Rust.
//!
//! A driver logs in to Kafka once (Kerberos, mTLS, SCRAM, PLAIN, or a mechanism of your own), creates a
//! delegation token and hands it to executors on other machines; each of them authenticates with
//! the token over SCRAM and reads exactly the topic partitions that it was given.

#![deny(unsafe_code)]

mod admin;
mod cluster;
mod conn;
mod entropy;
mod error;
pub mod ids;
#[cfg(feature = "unstable-internals")]
#[doc(hidden)]
pub mod internals;
mod metrics;
pub mod partition;
pub mod sasl;
pub mod secret;
pub mod time;
mod tls;
mod token;
mod wire;

pub use admin::delegation_token::{DescribedToken, NewToken};
pub use admin::topics::{DescribedPartition, DescribedTopic, NewTopic};
pub use cluster::client::Cluster;
pub use cluster::config::{Bootstrap, Config, ConfigWarning, InvalidBootstrap, InvalidProperties, Security};
pub use conn::counters::Statistics;
pub use conn::credentials::{Credentials, TokenSource, TokenWriter};
pub use conn::dial::{Connect, Connecting, Stream, TcpConnector};
#[cfg(feature = "kerberos")]
pub use conn::kerberos::{Kerberos, KerberosDiagnosis};
pub use conn::token::{NotAToken, Token, TokenEpoch, TokenLife};
pub use error::{BrokerError, Error, ErrorKind, explained};
pub use partition::reader::Reader;
pub use partition::{Chunk, Decoder, Loss, LossReason, OffsetRange, OnDataLoss, ReadOptions};
pub use partition::{Codec, NewRecord, Receipt, TopicWriter, WriteOptions, Writer};
pub use sasl::scram::{NotAScramMechanism, ScramMechanism};
pub use tls::{InvalidTls, Tls, TlsBuilder, TlsProvider};
pub use token::file::disk::note_renewal;
pub use token::file::{InvalidTokenFile, TokenFile};
pub use token::followed::FollowedTokenFile;
pub use token::keeper::{AtShutdown, RunningKeeper, TokenKeeper};
pub use token::proof::Proof;
pub use token::state::{KeeperState, KeeperStep};
pub use token::target::{Target, secret_jaas_config, write_secret_file, write_secret_file_unless};
pub use wire::codec::fetch::IsolationLevel;
pub use wire::codec::list_offsets::OffsetAt;

/// The program in README.md compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

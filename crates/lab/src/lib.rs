//! Starts real Apache Kafka clusters on loopback, for tests, examples and people.
//!
//! One lab process (`ottla-lab serve`) owns every JVM. Tests ask it through a Unix socket, each
//! named [`Profile`] is started at most once, on demand, and everything ends when the process
//! that started the lab ends, however it ends:
//!
//! ```text
//!   tests/run ──stdin pipe──► ottla-lab serve ──spawns──► controller, b1, b2, b3   (one JVM each)
//!       │ OTTLA_LAB=DIR            ▲                       (killed by the kernel with their parent)
//!       └─► test ──DIR/socket──────┘  `cluster default 4.3.1` → `ok DIR/default-4.3.1/description`
//! ```
//!
//! Without `OTTLA_LAB` the first call in a test process starts a lab for that process alone.
#![forbid(unsafe_code)]

mod cache;
mod certs;
mod client;
mod client_properties;
mod cluster;
mod command;
mod containers;
mod deadline;
mod description;
mod error;
mod format;
mod java;
mod jvms;
mod kerberos;
mod layout;
mod node_properties;
mod ports;
mod profile;
mod realms;
mod running;
mod server;
mod tally;
mod versions;

pub use cache::jars;
pub use client::{cluster, cluster_of_version, own_cluster, own_cluster_of_version};
pub use client_properties::Login;
pub use cluster::{Broker, Cluster, OwnCluster};
pub use error::{Error, Result};
pub use kerberos::Kerberos;
pub use profile::{Listener, Profile};
pub use server::serve;
pub use tally::{Record, Tally, json_field};
pub use versions::{default_version, versions};

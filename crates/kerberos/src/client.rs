//! The client that owns sockets, time and tickets (feature `tokio`).
//!
//! ```text
//!   Session (handle, cheap to clone) ──► owner task: one TGT, service tickets, one job at a time
//!                                           └─► Kdcs: login, ticket, renewal ──► Transport ──► KDC
//! ```
//! A ticket is replaced when its successor is there, never before: whoever asks while the KDCs are
//! down gets the old one as long as it lasts.

mod clock;
mod connect;
mod diagnosis;
#[cfg(feature = "dns")]
mod dns;
mod kdcs;
mod owner;
mod race;
mod session;
mod source;
mod tickets;
mod transport;

pub use self::clock::{SystemClock, WallClock};
pub use self::connect::{Connect, ConnectFuture, Datagram, DatagramFuture, Sockets, Stream};
pub use self::diagnosis::Diagnosis;
#[cfg(feature = "dns")]
pub use self::dns::SystemDns;
pub use self::session::{Session, SessionConfig};
pub use self::source::Source;
pub use self::transport::Timeouts;

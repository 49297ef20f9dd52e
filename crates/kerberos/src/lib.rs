//! Kerberos 5 initiator in pure Rust: logs a principal in with a keytab, a password or a ticket
//! cache, gets tickets for services, and shows them to services over GSS-API or SASL GSSAPI.
//!
//! No C library and no `unsafe`; AES encryption types 17 to 20 only. It is a client: it opens no
//! tickets and grants none.
//!
//! ```text
//!   client    Session: one task owns a principal's tickets (feature `tokio`)
//!   sasl      SASL GSSAPI without a security layer        locate    where the KDCs are
//!   gss       security contexts with services             conf      krb5.conf
//!   exchange  logins, service tickets, renewal            ccache, keytab
//!   messages, der, crypto, principal, ticket, time        error     what to do about a failure
//! ```
//! Below `client` nothing reads a clock, a socket or random bytes: they are arguments.
//!
//! # Examples
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn login() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use ottla_kerberos::client::{Session, SessionConfig, Source};
//! use ottla_kerberos::conf::Krb5Conf;
//! use ottla_kerberos::entropy::Seed;
//! use ottla_kerberos::exchange::ServiceRequest;
//! use ottla_kerberos::principal::{NameType, PrincipalName};
//! use ottla_kerberos::sasl::{SaslClient, SaslOptions};
//!
//! let conf = Arc::new(Krb5Conf::of_this_process()?);
//! let source = Source::Keytab {
//!     principal: "etl@EXAMPLE.COM".parse()?,
//!     path: "/etc/security/etl.keytab".into(),
//! };
//! let session = Session::start(SessionConfig::new(source, conf));
//! let broker = PrincipalName::new(NameType::SRV_HST, ["kafka", "broker1.example.com"]);
//! let ticket = session.service_ticket(&ServiceRequest::by_referral(broker)).await?;
//! let (first_token, login) = SaslClient::begin(ticket, &SaslOptions::default(), &Seed::random()?)?;
//! # let _ = (first_token, login);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/support/capture.rs"]
mod capture;
pub mod ccache;
#[cfg(feature = "tokio")]
pub mod client;
pub mod conf;
pub mod crypto;
mod cursor;
pub mod der;
pub mod enctype;
pub mod entropy;
pub mod error;
pub mod exchange;
pub mod expand;
pub mod file;
#[cfg(test)]
mod forge;
pub mod gss;
#[cfg(feature = "unstable-internals")]
#[doc(hidden)]
pub mod internals;
pub mod key;
pub mod keytab;
mod limit;
pub mod locate;
mod log;
mod messages;
pub mod principal;
pub mod sasl;
pub mod ticket;
pub mod time;

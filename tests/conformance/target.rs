//! What can be asked: a kind of broker, and clusters of it with known settings.

use std::sync::Arc;

use ottla_testkit::Protocol;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::super::support::raw::{Raw, Who, dial};

/// Whose answers are expected where the versions differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kafka {
    V3_9,
    V4,
}

/// A kind of broker.
pub(crate) trait Target: Sync {
    /// The head of its column.
    fn name(&self) -> String;
    fn kafka(&self) -> Kafka;
    /// Whether a [`Difference`](super::Difference) may excuse it.
    fn is_embedded(&self) -> bool;
    /// A cluster with these settings. All facts share it.
    fn place(&self, setting: Setting) -> Arc<dyn Place>;
}

/// What a cluster is like. Everywhere alice, bob and admin have passwords, admin and ANONYMOUS are
/// super users, and failed logins are answered at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Setting {
    /// Three brokers; tokens live a day and at most a week.
    Day,
    /// Tokens expire after 30 s, live at most 60 s and are swept every second.
    ShortToken,
    /// Tokens expire after 3 s and live at most a day, expired ones are swept after an hour.
    LongSweep,
    /// No secret for tokens.
    NoSecret,
    /// `connections.max.reauth.ms=5000`.
    Reauth5s,
    /// Failed logins are answered after 100 ms.
    AuthDelay,
}

/// What an ACL allows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Right<'a> {
    CreateFor(&'a str),
    DescribeOf(&'a str),
    Describe(&'a str),
}

/// A running cluster.
pub(crate) trait Place: Send + Sync {
    fn brokers(&self) -> u16;
    fn port(&self, broker: u16, protocol: Protocol) -> u16;
    /// The name in a broker's certificate.
    fn server_name(&self, broker: u16) -> String;
    fn ca_pem(&self) -> String;
    /// Certificate and key of a user, PEM.
    fn identity(&self, user: &str) -> (String, String);
    /// A connection of a user whom nobody else is, on SASL_PLAINTEXT of broker 1.
    fn stranger(&self, name: &str) -> Raw;
    fn allow(&self, user: &str, right: Right<'_>);
    /// Has the log cleaner do its work on the first partition, or sees to it that it will.
    fn clean(&self, topic: &str);
    /// Has another broker lead the first partition, and the first one lead it no more. It may take a while.
    fn move_leader(&self, topic: &str, to: u16);
    /// `consumer_byte_rate` or `producer_byte_rate` of a client id.
    fn bound(&self, client_id: &str, quota: &'static str, bytes_per_second: u32);
    /// Sees to it that users may not describe, read or write a topic.
    fn deny(&self, topic: &str);
    /// How many connections were closed for a request after their session's end.
    fn killed(&self) -> u64;
}

impl dyn Place {
    /// A connection that is not logged in.
    pub(crate) fn open(&self, broker: u16, protocol: Protocol) -> Raw {
        match protocol {
            Protocol::Plaintext | Protocol::SaslPlaintext => Raw::over(dial(self.port(broker, protocol))),
            Protocol::Ssl | Protocol::SaslSsl => self.over_tls(broker, protocol, None),
        }
    }

    /// A connection by client certificate.
    pub(crate) fn open_as(&self, broker: u16, user: &str) -> Raw {
        self.over_tls(broker, Protocol::Ssl, Some(self.identity(user)))
    }

    fn over_tls(&self, broker: u16, protocol: Protocol, identity: Option<(String, String)>) -> Raw {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca_pem().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        };
        let name = ServerName::try_from(self.server_name(broker)).unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        Raw::over(StreamOwned::new(connection, dial(self.port(broker, protocol))))
    }

    /// One of the users, by SCRAM-SHA-256 on SASL_PLAINTEXT of broker 1.
    pub(crate) fn user(&self, name: &str) -> Raw {
        self.user_on(1, name)
    }

    pub(crate) fn user_on(&self, broker: u16, name: &str) -> Raw {
        let mut raw = self.open(broker, Protocol::SaslPlaintext);
        let login = raw.login(Who::password(name, &format!("{name}-secret")));
        assert_eq!(login.code, 0, "{login:?}");
        raw
    }
}

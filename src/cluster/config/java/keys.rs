//! Which keys there are, and what is done with them.

use std::time::Duration;

use super::error::{Error, Fault, InvalidProperties};
use crate::cluster::config::Config;
use crate::cluster::properties::Properties;

/// What is done with a key.
#[derive(Clone, Copy)]
pub(super) enum Use {
    /// It is read whatever the others say.
    Always,
    /// It is read where `security.protocol` has TLS, or SASL.
    Tls,
    Sasl,
    /// It sets one thing.
    Set(fn(Config, &str) -> Result<Config, Fault>),
    /// It sets how to read or write, which is no part of a [`Config`].
    Elsewhere,
    /// Java's clients know it. There is nothing here that it could change.
    JavaOnly,
}

impl Use {
    /// Finds what a key is for; nothing if it is unknown.
    pub(super) fn of(key: &str) -> Option<(&'static str, Self)> {
        let understood = KEYS.iter().find(|(known, _)| *known == key).copied();
        let by_prefix = || JAVA_ONLY_PREFIXES.iter().find(|prefix| key.starts_with(**prefix));
        let java_only = || JAVA_ONLY.iter().find(|known| **known == key).or_else(by_prefix);
        understood.or_else(|| java_only().map(|known| (*known, Self::JavaOnly)))
    }
}

/// All keys that are understood, one a row.
const KEYS: &[(&str, Use)] = &[
    ("batch.size", Use::Elsewhere),
    ("bootstrap.servers", Use::Always),
    ("buffer.memory", Use::Elsewhere),
    ("client.id", Use::Set(|config, id| Ok(config.with_client_id(id)))),
    ("compression.type", Use::Elsewhere),
    ("connections.max.idle.ms", Use::Set(|config, ms| Ok(config.with_idle_close(millis_or_never(ms)?)))),
    ("default.api.timeout.ms", Use::Set(|config, ms| Ok(config.with_deadline(millis(ms)?)))),
    ("delivery.timeout.ms", Use::Elsewhere),
    ("fetch.max.bytes", Use::Elsewhere),
    ("isolation.level", Use::Elsewhere),
    ("linger.ms", Use::Elsewhere),
    ("max.request.size", Use::Elsewhere),
    ("metadata.max.age.ms", Use::Set(|config, ms| Ok(config.with_metadata_max_age(millis(ms)?)))),
    (
        "reconnect.backoff.max.ms",
        Use::Set(|config, ms| {
            let first = config.reconnect_backoff.first;
            Ok(config.with_reconnect_backoff(first, millis(ms)?))
        }),
    ),
    (
        "reconnect.backoff.ms",
        Use::Set(|config, ms| {
            let max = config.reconnect_backoff.max;
            Ok(config.with_reconnect_backoff(millis(ms)?, max))
        }),
    ),
    ("request.timeout.ms", Use::Set(|config, ms| Ok(config.with_request_timeout(millis(ms)?)))),
    ("sasl.jaas.config", Use::Sasl),
    ("sasl.kerberos.service.name", Use::Sasl),
    ("sasl.mechanism", Use::Sasl),
    ("security.protocol", Use::Always),
    (
        "socket.connection.setup.timeout.ms",
        Use::Set(|config, ms| Ok(config.with_connect_timeout(millis(ms)?))),
    ),
    ("ssl.endpoint.identification.algorithm", Use::Tls),
    ("ssl.key.password", Use::Tls),
    ("ssl.keystore.certificate.chain", Use::Tls),
    ("ssl.keystore.key", Use::Tls),
    ("ssl.keystore.location", Use::Tls),
    ("ssl.keystore.password", Use::Tls),
    ("ssl.keystore.type", Use::Tls),
    ("ssl.truststore.certificates", Use::Tls),
    ("ssl.truststore.location", Use::Tls),
    ("ssl.truststore.password", Use::Tls),
    ("ssl.truststore.type", Use::Tls),
];

/// What stands in many files and steers Java's consumers, producers and admin clients alone.
const JAVA_ONLY: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.commit.interval.ms",
    "auto.include.jmx.reporter",
    "auto.offset.reset",
    "check.crcs",
    "client.dns.lookup",
    "client.rack",
    "enable.auto.commit",
    "enable.idempotence",
    "enable.metrics.push",
    "exclude.internal.topics",
    "fetch.max.wait.ms",
    "fetch.min.bytes",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "interceptor.classes",
    "key.deserializer",
    "key.serializer",
    "max.block.ms",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "max.poll.records",
    "metadata.max.idle.ms",
    "partition.assignment.strategy",
    "receive.buffer.bytes",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "security.providers",
    "send.buffer.bytes",
    "session.timeout.ms",
    "socket.connection.setup.timeout.max.ms",
    "ssl.cipher.suites",
    "ssl.enabled.protocols",
    "ssl.engine.factory.class",
    "ssl.keymanager.algorithm",
    "ssl.protocol",
    "ssl.provider",
    "ssl.secure.random.implementation",
    "ssl.trustmanager.algorithm",
    "transaction.timeout.ms",
    "transactional.id",
    "value.deserializer",
    "value.serializer",
];

const JAVA_ONLY_PREFIXES: &[&str] = &[
    "compression.",
    "metadata.recovery.",
    "metric.",
    "metrics.",
    "partitioner.",
    "sasl.client.callback.",
    "sasl.kerberos.",
    "sasl.login.",
    "sasl.oauthbearer.",
];

/// Looks up keys the way Kafka does: the last entry counts, and white space around values does not.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a>(pub(super) &'a Properties);

impl<'a> Keys<'a> {
    /// A value that is there, be it empty, with its line.
    pub(super) fn present(self, key: &str) -> Option<(usize, &'a str)> {
        let entry = self.0.last(key)?;
        Some((entry.line, entry.value.secret_text().trim_matches(|c| c <= ' ')))
    }

    /// A value that is there and not empty, with its line.
    pub(super) fn text(self, key: &str) -> Option<(usize, &'a str)> {
        self.present(key).filter(|(_, text)| !text.is_empty())
    }

    pub(crate) fn read<T>(
        self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Result<Option<T>, Error> {
        let Some((line, text)) = self.text(key) else { return Ok(None) };
        read(text).map(Some).map_err(|fault| Error::Value { key, line, fault })
    }
}

/// Looks up keys in a whole text of at most 1 MiB.
pub(crate) fn with_keys<T>(
    text: &[u8],
    read: impl FnOnce(Keys<'_>) -> Result<T, Error>,
) -> Result<T, InvalidProperties> {
    let properties = Properties::parse(text)?;
    Ok(read(Keys(&properties))?)
}

pub(crate) fn millis(text: &str) -> Result<Duration, Fault> {
    text.parse().map(Duration::from_millis).map_err(|_| Fault::NotMillis)
}

fn millis_or_never(text: &str) -> Result<Duration, Fault> {
    if text == "-1" { Ok(Duration::MAX) } else { millis(text) }
}

pub(crate) fn bytes(text: &str) -> Result<usize, Fault> {
    text.parse().map_err(|_| Fault::NotBytes)
}

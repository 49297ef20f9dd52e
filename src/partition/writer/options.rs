//! How to write.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::config::InvalidProperties;
use crate::cluster::config::java::{Fault, bytes, millis, with_keys};
use crate::error::Error;
use crate::ids::TopicPartition;
use crate::wire::records::Codec;

/// Says how a [`Writer`](crate::Writer) gathers records and how patient it is. Every writer is
/// idempotent, and a record is acknowledged when all in-sync replicas have it (`acks=all`).
#[derive(Clone, Debug)]
pub struct WriteOptions {
    pub(super) batch_bytes: usize,
    pub(super) request_bytes: usize,
    pub(super) memory: usize,
    pub(super) linger: Duration,
    pub(super) delivery_timeout: Duration,
    pub(super) codec: Codec,
    pub(super) listener: Option<Listener>,
}

/// Who is told about batches.
#[derive(Clone)]
pub(super) struct Listener(Arc<dyn Fn(&BatchOutcome) + Send + Sync>);

impl Listener {
    /// A listener that panics takes nothing with it but what it was told.
    pub(super) fn tell(&self, outcome: &BatchOutcome) {
        if catch_unwind(AssertUnwindSafe(|| (self.0)(outcome))).is_err() {
            let (partition, records) = (&outcome.topic_partition, outcome.records);
            tracing::error!(%partition, records, "the batch listener panicked; the writer goes on");
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener(..)")
    }
}

/// What became of one batch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchOutcome {
    /// The partition.
    pub topic_partition: TopicPartition,
    /// How many records the batch has.
    pub records: u32,
    /// The offset of its first record, if the broker told it; or why it failed, where
    /// [`possibly_written`](Error::possibly_written) says whether it may be there all the same.
    pub base_offset: Result<Option<i64>, Error>,
}

impl WriteOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            batch_bytes: 64 << 10,
            request_bytes: 1 << 20,
            memory: 32 << 20,
            linger: Duration::from_millis(5),
            delivery_timeout: Duration::from_secs(120),
            codec: Codec::Uncompressed,
            listener: None,
        }
    }

    /// Reads the keys of a Java `client.properties` that say how to write: `batch.size`,
    /// `max.request.size`, `buffer.memory`, `linger.ms`, `delivery.timeout.ms` and `compression.type`. All others are
    /// left to [`Config::from_properties`](crate::Config::from_properties).
    ///
    /// # Errors
    /// [`InvalidProperties`] names the line and the key, never the value.
    pub fn from_properties(text: &[u8]) -> Result<Self, InvalidProperties> {
        with_keys(text, |keys| {
            let mut options = Self::new();
            if let Some(size) = keys.read("batch.size", bytes)? {
                options = options.with_batch_bytes(size);
            }
            if let Some(size) = keys.read("max.request.size", bytes)? {
                options = options.with_request_bytes(size);
            }
            if let Some(memory) = keys.read("buffer.memory", bytes)? {
                options = options.with_memory(memory);
            }
            if let Some(linger) = keys.read("linger.ms", millis)? {
                options = options.with_linger(linger);
            }
            if let Some(timeout) = keys.read("delivery.timeout.ms", millis)? {
                options = options.with_delivery_timeout(timeout);
            }
            Ok(match keys.read("compression.type", codec)? {
                Some(codec) => options.with_codec(codec),
                None => options,
            })
        })
    }

    /// Sets how large a batch grows before it is sent, in bytes before compression. Default
    /// 64 KiB; from 1 KiB to 16 MiB, others are moved to the nearest. Topics refuse batches beyond their
    /// `max.message.bytes`, by default 1 MiB. A larger record is a batch of its own.
    #[must_use]
    pub fn with_batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes.clamp(1 << 10, 16 << 20);
        self
    }

    /// Sets how many bytes of batches go into one request. Default 1 MiB; from 16 KiB to 64 MiB, others are
    /// moved to the nearest. Brokers refuse requests beyond their `socket.request.max.bytes`, by default
    /// 100 MiB. A larger batch is a request of its own.
    #[must_use]
    pub fn with_request_bytes(mut self, bytes: usize) -> Self {
        self.request_bytes = bytes.clamp(16 << 10, 64 << 20);
        self
    }

    /// Sets the memory for records that are not acknowledged yet, in bytes. Default 32 MiB; at
    /// least 64 KiB. Counted is what buffers hold: that of a partition begins with 1 KiB and grows with its records up
    /// to a batch. When it is taken, [`send`](crate::TopicWriter::send) waits. No record can be larger.
    #[must_use]
    pub fn with_memory(mut self, bytes: usize) -> Self {
        self.memory = bytes.max(64 << 10);
        self
    }

    /// Sets how long a record waits for others to fill its batch. Default 5 ms, at most a minute. A batch that
    /// cannot be sent then, because its leader is away, takes records until it is full, or a quarter of the
    /// delivery timeout has passed.
    #[must_use]
    pub fn with_linger(mut self, linger: Duration) -> Self {
        self.linger = linger.min(Duration::from_secs(60));
        self
    }

    /// Sets how long a record stays in the writer, from when the first record of its batch was taken.
    /// Default 2 min; from 1 s to a day. A record of which nothing is known then has failed, and a request that is
    /// under way is not waited for: it [may be written](crate::Error::possibly_written). So
    /// [`flush`](crate::Writer::flush) and [`close`](crate::Writer::close) end by then, half a second later at most.
    /// It bounds the lingering too: a batch lingers for at most half of it.
    #[must_use]
    pub fn with_delivery_timeout(mut self, timeout: Duration) -> Self {
        self.delivery_timeout = timeout.clamp(Duration::from_secs(1), Duration::from_secs(24 * 3600));
        self
    }

    /// Sets how batches are packed (`compression.type`). Default: not at all. A batch takes at most
    /// four allocations and a record none, with every codec but zstd, whose encoder in pure Rust
    /// makes about 25 more for each batch of 64 KiB; with the feature `zstd-c` it does not.
    #[must_use]
    pub fn with_codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Calls `listener` with what became of each batch. It runs in the task that writes: let it
    /// be quick, and not block. If it panics, that is logged, and the writer goes on.
    #[must_use]
    pub fn with_batch_listener(mut self, listener: impl Fn(&BatchOutcome) + Send + Sync + 'static) -> Self {
        self.listener = Some(Listener(Arc::new(listener)));
        self
    }
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self::new()
    }
}

fn codec(name: &str) -> Result<Codec, Fault> {
    let all = [Codec::Uncompressed, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    let found = all.into_iter().find(|codec| codec.to_string() == name.to_ascii_lowercase());
    found.ok_or(Fault::NotOneOf { allowed: "none, gzip, snappy, lz4 and zstd" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_javas_keys_of_producers() {
        let text = b"batch.size=16384\nbuffer.memory=1048576\nlinger.ms=7\nmax.request.size=2097152\ndelivery.timeout.ms=9000\ncompression.type=zstd\n";
        let read = WriteOptions::from_properties(text).unwrap();
        assert_eq!((read.batch_bytes, read.memory, read.codec), (16_384, 1 << 20, Codec::Zstd));
        assert_eq!(read.request_bytes, 2 << 20);
        assert_eq!((read.linger, read.delivery_timeout), (Duration::from_millis(7), Duration::from_secs(9)));
        let default = WriteOptions::from_properties(b"").unwrap();
        assert_eq!((default.batch_bytes, default.codec), (64 << 10, Codec::Uncompressed));
        let error = |text: &[u8]| WriteOptions::from_properties(text).unwrap_err().to_string();
        assert_eq!(
            error(b"compression.type=brotli"),
            "line 1, compression.type: it is one of none, gzip, snappy, lz4 and zstd"
        );
        assert_eq!(error(b"\nlinger.ms=soon"), "line 2, linger.ms: it is a number of milliseconds");
    }
}

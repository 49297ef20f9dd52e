//! What the driver tells an executor, through a pipe: the token file, and the ranges to read.

use std::io;

use ottla::OffsetRange;
use ottla::ids::TopicPartition;
use ottla::secret::Secret;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Neither the command line nor the environment may hold the token: other processes see both.
pub(crate) struct Message {
    pub(crate) token_file: Secret,
    pub(crate) ranges: Vec<OffsetRange>,
}

impl Message {
    pub(crate) async fn send(&self, mut pipe: impl AsyncWrite + Unpin) -> io::Result<()> {
        let token_file = self.token_file.secret_bytes();
        pipe.write_all(format!("{}\n", token_file.len()).as_bytes()).await?;
        pipe.write_all(token_file).await?;
        for range in &self.ranges {
            let TopicPartition { topic, partition } = &range.topic_partition;
            let line = format!("{topic} {partition} {} {}\n", range.from, range.until);
            pipe.write_all(line.as_bytes()).await?;
        }
        pipe.shutdown().await
    }

    pub(crate) async fn receive(mut pipe: impl AsyncBufRead + Unpin) -> io::Result<Self> {
        let mut line = String::new();
        pipe.read_line(&mut line).await?;
        let length: usize = line.trim_end().parse().map_err(|_| io::ErrorKind::InvalidData)?;
        let mut token_file = vec![0; length.min(64 * 1024)];
        pipe.read_exact(&mut token_file).await?;
        let mut ranges = Vec::new();
        let mut lines = pipe.lines();
        while let Some(line) = lines.next_line().await? {
            ranges.push(range(&line).ok_or(io::ErrorKind::InvalidData)?);
        }
        Ok(Self { token_file: Secret::new(token_file), ranges })
    }
}

fn range(line: &str) -> Option<OffsetRange> {
    let mut words = line.split(' ');
    let topic = words.next()?;
    let topic_partition = TopicPartition::new(topic, words.next()?.parse().ok()?);
    let (from, until) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(OffsetRange::new(topic_partition, from, until))
}

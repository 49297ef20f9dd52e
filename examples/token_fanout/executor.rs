//! An executor: it knows a token and the ranges that it is to read, and nothing else.

use std::collections::HashMap;
use std::error::Error;
use std::net::IpAddr;

use ottla::{Cluster, Decoder, OffsetRange, ReadOptions, TcpConnector, TokenFile, TokenSource};
use ottla_lab::{Record, Tally};
use tokio::io::BufReader;

use crate::arguments::Arguments;
use crate::message::Message;
use crate::report::Report;

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error + Send + Sync>> {
    let message = Message::receive(BufReader::new(tokio::io::stdin())).await?;
    println!("{}", read(message, &arguments.resolve).await?);
    Ok(())
}

/// Logs in with the token and reads the ranges to their ends.
pub(crate) async fn read(
    message: Message,
    names: &[(String, IpAddr)],
) -> Result<Report, Box<dyn Error + Send + Sync>> {
    let token_file = TokenFile::parse(message.token_file.secret_bytes())?;
    let source = TokenSource::fixed(token_file.token().clone());
    let config = token_file.into_config(source)?.with_connector(connector(names));
    let cluster = Cluster::connect(config).await?;
    let mut ends: HashMap<_, _> = message.ranges.iter().map(end).collect();
    let mut tally = Tally::default();
    let mut decoder = Decoder::default();
    let mut reader = cluster.read(message.ranges, ReadOptions::default());
    while let Some(chunk) = reader.next().await? {
        let topic_partition = chunk.topic_partition().clone();
        chunk.for_each_record(&mut decoder, |record| {
            let headers = record.headers.iter().flatten().map(|header| (header.key, header.value));
            tally.add(Record {
                topic: &topic_partition.topic,
                partition: topic_partition.partition,
                offset: record.offset,
                timestamp: record.timestamp.as_millis(),
                key: record.key,
                value: record.value,
                headers,
            });
            Ok::<_, ottla::Error>(())
        })?;
        ends.retain(|partition, until| *partition != topic_partition || chunk.next_offset() < *until);
    }
    let statistics = cluster.statistics();
    Ok(Report {
        tally,
        complete: ends.is_empty().into(),
        connections: statistics.connections,
        logins: statistics.logins,
        requests: statistics.requests.iter().map(|(_, count)| count).sum(),
    })
}

fn end(range: &OffsetRange) -> (ottla::ids::TopicPartition, i64) {
    (range.topic_partition.clone(), range.until)
}

/// TCP, with the addresses that were given for some names.
pub(crate) fn connector(names: &[(String, IpAddr)]) -> TcpConnector {
    names.iter().fold(TcpConnector::new(), |connector, (name, address)| connector.with_name(name, *address))
}

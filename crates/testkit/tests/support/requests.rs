//! Requests about the topic `orders`, made of the generated messages alone.

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::*;
use kafka_protocol::records::{
    Compression, Record as Wire, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use ottla_testkit::Record;

use super::Client;

pub(crate) fn name() -> TopicName {
    TopicName("orders".into())
}

pub(crate) fn values(count: i64, size: usize) -> Vec<Record> {
    (0..count).map(|i| Record::keyed(format!("{i}"), vec![b'v'; size])).collect()
}

pub(crate) fn fetch(offset: i64, isolation: i8) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_fetch_offset(offset)
        .with_current_leader_epoch(-1)
        .with_last_fetched_epoch(-1)
        .with_partition_max_bytes(1 << 20);
    FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_isolation_level(isolation)
        .with_topics(vec![FetchTopic::default().with_topic(name()).with_partitions(vec![partition])])
}

pub(crate) async fn fetch_one(client: &mut Client, request: FetchRequest) -> PartitionData {
    client.call(request, 12).await.unwrap().responses.remove(0).partitions.remove(0)
}

pub(crate) fn offsets(records: Option<Bytes>) -> Vec<i64> {
    let mut records = records.unwrap();
    if records.is_empty() {
        return Vec::new();
    }
    let sets = RecordBatchDecoder::decode_all(&mut records).unwrap();
    sets.into_iter().flat_map(|set| set.records).map(|record| record.offset).collect()
}

pub(crate) fn batch(producer_id: i64, sequence: i32, count: i32) -> Bytes {
    let records: Vec<Wire> = (0..count)
        .map(|i| Wire {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id,
            producer_epoch: 0,
            timestamp_type: TimestampType::Creation,
            offset: i.into(),
            sequence: sequence + i,
            timestamp: 1,
            key: None,
            value: Some("value".into()),
            headers: Default::default(),
        })
        .collect();
    let mut bytes = bytes::BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
    bytes.freeze()
}

pub(crate) fn produce(acks: i16, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_records(Some(records));
    let topic = TopicProduceData::default().with_name(name()).with_partition_data(vec![data]);
    ProduceRequest::default().with_acks(acks).with_topic_data(vec![topic])
}

/// What a broker says to a batch for partition 0, with acks -1.
pub(crate) async fn produced_in(
    client: &mut Client,
    records: Bytes,
    version: i16,
) -> PartitionProduceResponse {
    let request = produce(-1, records).with_timeout_ms(30_000);
    client.call(request, version).await.unwrap().responses.remove(0).partition_responses.remove(0)
}

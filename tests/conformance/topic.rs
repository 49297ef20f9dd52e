//! A topic of one partition, led by broker 1, and what a fact asks of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteTopicsRequest, FetchRequest, FetchResponse, ListOffsetsRequest,
    MetadataRequest, OffsetForLeaderEpochRequest, ProduceRequest, ProduceResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use ottla::time::{Clock, SystemClock};
use ottla_testkit::Protocol;

use super::super::support::raw::Raw;
use super::made::{Scene, until};
use super::target::Place;

/// Who writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
    pub(crate) sequence: i32,
}

/// The bytes of a batch before its records.
const HEADER: usize = 61;

/// A producer that is not idempotent.
pub(crate) const PLAIN: Writer = Writer { id: -1, epoch: -1, sequence: -1 };

/// A key and a value.
type Pair<'a> = (Option<&'a str>, &'a str);

impl Writer {
    /// An uncompressed batch.
    pub(crate) fn batch(self, records: &[Pair<'_>]) -> Bytes {
        let timestamp = SystemClock.now().as_millis();
        let record = |(offset, (key, value)): (i32, &Pair<'_>)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: self.id,
            producer_epoch: self.epoch,
            timestamp_type: TimestampType::Creation,
            offset: offset.into(),
            sequence: self.sequence + offset,
            timestamp,
            key: key.map(|key| Bytes::copy_from_slice(key.as_bytes())),
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            headers: Default::default(),
        };
        let records: Vec<Record> = (0..).zip(records).map(record).collect();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        let mut bytes = BytesMut::new();
        RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
        bytes.freeze()
    }
}

pub(crate) struct Topic {
    pub(crate) place: Arc<dyn Place>,
    pub(crate) raw: Raw,
    pub(crate) name: String,
    pub(crate) created: CreatableTopicResult,
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

impl Topic {
    /// A topic of this fact's own, another one if it is asked again.
    pub(crate) fn made(s: &Scene<'_>, name: &str, settings: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::named(s, &format!("facts-{name}-{}-{number}", std::process::id()), settings)
    }

    /// A topic of this name, when broker 1 leads it.
    pub(crate) fn named(s: &Scene<'_>, name: &str, settings: &[(&str, &str)]) -> Self {
        let place = s.day();
        let mut raw = place.open(1, Protocol::Plaintext);
        let setting = |(name, value): &(&str, &str)| {
            CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
        };
        let assignment = CreatableReplicaAssignment::default().with_broker_ids(vec![1.into()]);
        let topic = CreatableTopic::default()
            .with_name(TopicName(text(name)))
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_assignments(vec![assignment])
            .with_configs(settings.iter().map(setting).collect());
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
        let told = raw.call(7, &request).unwrap().topics.remove(0);
        assert_eq!(told.error_code, 0, "{:?}", told.error_message);
        let mut topic = Self { place, raw, name: name.to_owned(), created: told };
        until(|| {
            topic.fetch(0, -1, -1).error_code == 0 && topic.metadata().0.topic_id == topic.created.topic_id
        });
        topic
    }

    /// The same topic over another connection.
    pub(crate) fn of(other: &Self) -> Self {
        let (place, raw) = (Arc::clone(&other.place), other.another_connection());
        Self { place, raw, name: other.name.clone(), created: other.created.clone() }
    }

    /// The same topic, asked of another broker.
    pub(crate) fn on_broker(&self, broker: u16) -> Self {
        Self { raw: self.place.open(broker, Protocol::Plaintext), ..Self::of(self) }
    }

    pub(crate) fn another_connection(&self) -> Raw {
        self.place.open(1, Protocol::Plaintext)
    }

    fn topic_name(&self) -> TopicName {
        TopicName(text(&self.name))
    }

    pub(crate) fn delete(&mut self) {
        let topic = DeleteTopicState::default().with_name(Some(self.topic_name()));
        let request = DeleteTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
        assert_eq!(self.raw.call(6, &request).unwrap().responses[0].error_code, 0);
    }

    /// What metadata says by name and by id.
    pub(crate) fn metadata(&mut self) -> (MetadataResponseTopic, MetadataResponseTopic) {
        let by_name = MetadataRequestTopic::default().with_name(Some(self.topic_name()));
        let by_id = MetadataRequestTopic::default().with_name(None).with_topic_id(self.created.topic_id);
        let mut ask = |topic| {
            let request = MetadataRequest::default().with_topics(Some(vec![topic]));
            self.raw.call(12, &request.with_allow_auto_topic_creation(false)).unwrap().topics.remove(0)
        };
        (ask(by_name), ask(by_id))
    }

    /// Error code and base offset, with acks -1.
    pub(crate) fn produced(&mut self, writer: Writer, records: &[Pair<'_>]) -> String {
        let told = self.produce(writer, records, -1);
        format!("{}@{}", told.error_code, told.base_offset)
    }

    pub(crate) fn produce(
        &mut self,
        writer: Writer,
        records: &[Pair<'_>],
        acks: i16,
    ) -> PartitionProduceResponse {
        self.produce_bytes(writer.batch(records), acks)
    }

    pub(crate) fn produce_bytes(&mut self, records: Bytes, acks: i16) -> PartitionProduceResponse {
        let topic = TopicProduceData::default().with_name(self.topic_name());
        self.send(topic, records, acks, 11)
    }

    pub(crate) fn produce_by_id(&mut self, writer: Writer, records: &[Pair<'_>]) -> PartitionProduceResponse {
        let topic = TopicProduceData::default().with_topic_id(self.created.topic_id);
        self.send(topic, writer.batch(records), -1, 13)
    }

    fn send(
        &mut self,
        topic: TopicProduceData,
        records: Bytes,
        acks: i16,
        version: i16,
    ) -> PartitionProduceResponse {
        let mut told = self.raw.call(version, &produce(topic, records, acks)).unwrap();
        told.responses.remove(0).partition_responses.remove(0)
    }

    /// A whole answer by name, over another connection.
    pub(crate) fn produce_by(&self, raw: &mut Raw, records: &[Pair<'_>]) -> ProduceResponse {
        let topic = TopicProduceData::default().with_name(self.topic_name());
        raw.call(11, &produce(topic, PLAIN.batch(records), -1)).unwrap()
    }

    /// Error code and offset of the log's end.
    pub(crate) fn told_end(&mut self) -> (i16, i64) {
        let partition = ListOffsetsPartition::default().with_current_leader_epoch(-1).with_timestamp(-1);
        let topic = ListOffsetsTopic::default().with_name(self.topic_name()).with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic]);
        let told = self.raw.call(7, &request).unwrap();
        let told = &told.topics[0].partitions[0];
        (told.error_code, told.offset)
    }

    /// A fetch by name, of a reader that knows of epoch `current` and has seen epoch `seen`.
    pub(crate) fn fetch(&mut self, offset: i64, current: i32, seen: i32) -> PartitionData {
        let topic = FetchTopic::default().with_topic(self.topic_name());
        let request = fetch(topic, offset, current, seen);
        self.raw.call(12, &request).unwrap().responses.remove(0).partitions.remove(0)
    }

    /// A fetch by id at offset 0 that waits for so many milliseconds.
    pub(crate) fn fetch_by_id(&mut self, wait: i32) -> PartitionData {
        let topic = FetchTopic::default().with_topic_id(self.created.topic_id);
        let request = fetch(topic, 0, -1, -1).with_min_bytes(1).with_max_wait_ms(wait);
        self.raw.call(16, &request).unwrap().responses.remove(0).partitions.remove(0)
    }

    /// A whole answer by id, which names leaders (KIP-951).
    pub(crate) fn fetch_whole_by_id(&mut self) -> FetchResponse {
        let topic = FetchTopic::default().with_topic_id(self.created.topic_id);
        self.raw.call(16, &fetch(topic, 0, -1, -1)).unwrap()
    }

    /// A whole answer by name, over another connection.
    pub(crate) fn fetch_by(&self, raw: &mut Raw, offset: i64) -> FetchResponse {
        let topic = FetchTopic::default().with_topic(self.topic_name());
        raw.call(12, &fetch(topic, offset, -1, -1)).unwrap()
    }

    /// First offset, last offset and number of records of each batch. One fetch reads one segment.
    pub(crate) fn layout(&mut self) -> String {
        let (mut next, end) = (0, self.end());
        let mut batches = Vec::new();
        while next < end {
            let mut bytes = self.fetch(next, -1, -1).records.unwrap_or_default();
            assert!(bytes.len() > HEADER - 1, "nothing is read at {next}");
            while bytes.len() > HEADER - 1 {
                let base = (&bytes[..8]).get_i64();
                let last = base + i64::from((&bytes[23..27]).get_i32());
                batches.push(format!("{base}-{last}:{}", (&bytes[57..61]).get_i32()));
                let length = usize::try_from((&bytes[8..12]).get_i32()).unwrap() + 12;
                bytes.advance(length.min(bytes.len()));
                next = last + 1;
            }
        }
        batches.join(" ")
    }

    /// The log's end.
    pub(crate) fn end(&mut self) -> i64 {
        self.told_end().1
    }

    /// Error code, epoch and end of an epoch.
    pub(crate) fn end_of_epoch(&mut self, epoch: i32, current: i32) -> (i16, i32, i64) {
        let partition = OffsetForLeaderPartition::default();
        let partition = partition.with_current_leader_epoch(current).with_leader_epoch(epoch);
        let topic = OffsetForLeaderTopic::default().with_topic(self.topic_name());
        let topic = topic.with_partitions(vec![partition]);
        let request = OffsetForLeaderEpochRequest::default().with_replica_id((-1).into());
        let told = self.raw.call(4, &request.with_topics(vec![topic])).unwrap();
        let told = &told.topics[0].partitions[0];
        (told.error_code, told.leader_epoch, told.end_offset)
    }
}

fn produce(topic: TopicProduceData, records: Bytes, acks: i16) -> ProduceRequest {
    let data = PartitionProduceData::default().with_records(Some(records));
    let request = ProduceRequest::default().with_acks(acks).with_timeout_ms(20_000);
    request.with_topic_data(vec![topic.with_partition_data(vec![data])])
}

fn fetch(topic: FetchTopic, offset: i64, current: i32, seen: i32) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_fetch_offset(offset)
        .with_current_leader_epoch(current)
        .with_last_fetched_epoch(seen)
        .with_partition_max_bytes(1 << 20);
    let request = FetchRequest::default().with_replica_id((-1).into()).with_max_bytes(1 << 20);
    request.with_session_epoch(-1).with_topics(vec![topic.with_partitions(vec![partition])])
}

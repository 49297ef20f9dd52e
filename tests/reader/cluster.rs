//! A cluster in memory whose brokers can be told to misbehave.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    ApiKey, BrokerId, FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, TopicName,
};
use kafka_protocol::protocol::{Decodable, StrBytes};
use ottla::ids::TopicPartition;
use ottla::{Cluster, Config, Connect, Connecting, Credentials, OffsetRange, Security};

use crate::support::peer::{Asked, Broker, Peer};

pub(crate) const TOPIC: &str = "t";
const VERSIONS: [(ApiKey, i16, i16); 5] = [
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::Metadata, 4, 9),
    (ApiKey::ListOffsets, 2, 5),
    (ApiKey::OffsetForLeaderEpoch, 2, 3),
    // Without the comparison of epochs, which came with version 12.
    (ApiKey::Fetch, 4, 11),
];

/// What the brokers share.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) logs: BTreeMap<i32, Log>,
    /// Brokers that take requests and do not answer them.
    pub(crate) silent: HashSet<i32>,
    /// Brokers that take so long for each answer.
    pub(crate) slow: HashMap<i32, Duration>,
    /// Answer a fetch with a partition that was not asked for.
    pub(crate) wrong_partition: bool,
    /// Hurt the next so many batches on their way.
    pub(crate) damage: u32,
    /// The bytes of records that were sent.
    pub(crate) sent: usize,
    pub(crate) fetches: usize,
}

/// One partition.
pub(crate) struct Log {
    pub(crate) leader: i32,
    /// The leader's epoch, and where each one before it ended.
    pub(crate) epoch: i32,
    pub(crate) ended: Vec<i64>,
    pub(crate) start: i64,
    /// Base offset, next offset, bytes.
    pub(crate) batches: Vec<(i64, i64, Vec<u8>)>,
}

impl Log {
    pub(crate) fn new(leader: i32, batches: i64, records: i64, value_bytes: usize) -> Self {
        let mut log = Self { leader, epoch: 0, ended: Vec::new(), start: 0, batches: Vec::new() };
        (0..batches).for_each(|_| log.append(records, value_bytes));
        log
    }

    pub(crate) fn append(&mut self, records: i64, value_bytes: usize) {
        let base = self.end();
        let mut bytes = batch(base, records, value_bytes);
        bytes[12..16].copy_from_slice(&self.epoch.to_be_bytes());
        self.batches.push((base, base + records, bytes));
    }

    /// Another broker leads from now on, and lacks what is from `offset` on.
    pub(crate) fn cut(&mut self, leader: i32, offset: i64) {
        self.batches.retain(|batch| batch.1 <= offset);
        self.ended.push(self.end());
        (self.leader, self.epoch) = (leader, self.epoch + 1);
    }

    pub(crate) fn end(&self) -> i64 {
        self.batches.last().map_or(self.start, |batch| batch.1)
    }

    /// As a broker reads: from the batch that has the offset, cut off at `limit`, but the first
    /// batch of a response whole.
    fn read(&self, offset: i64, limit: usize, whole: bool) -> Vec<u8> {
        let batches: Vec<_> = self.batches.iter().filter(|batch| batch.1 > offset).collect();
        let first = batches.first().map_or(0, |batch| batch.2.len());
        let limit = if whole { limit.max(first) } else { limit };
        let mut bytes = Vec::new();
        for batch in batches {
            if bytes.len() >= limit {
                break;
            }
            bytes.extend_from_slice(&batch.2);
        }
        bytes.truncate(limit);
        bytes
    }
}

/// A batch of records without keys.
fn batch(base: i64, records: i64, value_bytes: usize) -> Vec<u8> {
    let mut body = BytesMut::new();
    for delta in 0..records {
        let mut record = BytesMut::new();
        record.put_u8(0);
        record.put_u8(0);
        varint(&mut record, delta);
        varint(&mut record, -1);
        varint(&mut record, i64::try_from(value_bytes).unwrap());
        record.put_bytes(b'v', value_bytes);
        record.put_u8(0);
        varint(&mut body, i64::try_from(record.len()).unwrap());
        body.extend_from_slice(&record);
    }
    let mut covered = BytesMut::new();
    covered.put_i16(0);
    covered.put_i32(i32::try_from(records - 1).unwrap());
    covered.put_bytes(0, 16);
    covered.put_bytes(0xff, 14);
    covered.put_i32(i32::try_from(records).unwrap());
    covered.extend_from_slice(&body);
    let mut bytes = BytesMut::new();
    bytes.put_i64(base);
    bytes.put_i32(i32::try_from(covered.len() + 9).unwrap());
    bytes.put_i32(0);
    bytes.put_u8(2);
    bytes.put_u32(crc32c::crc32c(&covered));
    bytes.extend_from_slice(&covered);
    bytes.to_vec()
}

fn varint(out: &mut BytesMut, value: i64) {
    let mut word = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while word >= 0x80 {
        out.put_u8(u8::try_from(word & 0x7f).unwrap() | 0x80);
        word >>= 7;
    }
    out.put_u8(u8::try_from(word).unwrap());
}

/// Brokers 1 and 2.
#[derive(Clone, Default)]
pub(crate) struct Brokers(Arc<Mutex<State>>);

/// Opens connections to the broker of a name.
struct ByHost(HashMap<String, Peer>);

impl Connect for ByHost {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        self.0[host].connect(host, port)
    }
}

impl Brokers {
    pub(crate) fn new(logs: impl IntoIterator<Item = Log>) -> Self {
        let brokers = Self::default();
        brokers.state().logs = (0..).zip(logs).collect();
        brokers
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) async fn client(&self) -> Cluster {
        let peer = |id: i32| {
            let brokers = self.clone();
            (format!("b{id}"), Peer::new(move |it| brokers.clone().serve(id, it)))
        };
        let hosts = ByHost([1, 2].map(peer).into());
        let config = Config::new("b1:1,b2:1".parse().unwrap(), Security::Plaintext, Credentials::None);
        Cluster::connect(config.with_connector(hosts)).await.unwrap()
    }

    /// All there is in every partition.
    pub(crate) fn ranges(&self) -> Vec<OffsetRange> {
        let state = self.state();
        let range = |(index, log): (&i32, &Log)| {
            OffsetRange::new(TopicPartition::new(TOPIC, *index), log.start, log.end())
        };
        state.logs.iter().map(range).collect()
    }

    async fn serve(self, id: i32, mut it: Broker) -> io::Result<()> {
        it.tell_versions(&VERSIONS).await?;
        loop {
            let asked = it.asked().await?;
            if self.state().silent.contains(&id) {
                return it.fall_silent().await;
            }
            let delay = self.state().slow.get(&id).copied();
            if let Some(delay) = delay {
                tokio::time::sleep(delay).await;
            }
            match asked.api {
                ApiKey::Metadata => it.answer(&asked, &self.metadata()).await?,
                ApiKey::OffsetForLeaderEpoch => it.answer(&asked, &self.epoch_ends(&asked)).await?,
                ApiKey::ListOffsets => it.answer(&asked, &self.offsets(&asked)).await?,
                ApiKey::Fetch => {
                    let (response, wait) = self.fetch(id, &asked);
                    if wait > 0 {
                        tokio::time::sleep(Duration::from_millis(wait)).await;
                    }
                    it.answer(&asked, &response).await?;
                }
                other => panic!("{other:?} was not expected"),
            }
        }
    }

    fn metadata(&self) -> MetadataResponse {
        let broker = |id: i32| {
            let host = StrBytes::from_string(format!("b{id}"));
            MetadataResponseBroker::default().with_node_id(BrokerId(id)).with_host(host).with_port(1)
        };
        let partition = |(index, log): (&i32, &Log)| {
            let partition = MetadataResponsePartition::default().with_partition_index(*index);
            partition.with_leader_id(BrokerId(log.leader)).with_leader_epoch(log.epoch)
        };
        let topic = MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_static_str(TOPIC))))
            .with_partitions(self.state().logs.iter().map(partition).collect());
        MetadataResponse::default().with_brokers([1, 2].map(broker).into()).with_topics(vec![topic])
    }

    fn offsets(&self, asked: &Asked) -> ListOffsetsResponse {
        let request = ListOffsetsRequest::decode(&mut asked.body.clone(), asked.version).unwrap();
        let state = self.state();
        let partition = |wanted: &kafka_protocol::messages::list_offsets_request::ListOffsetsPartition| {
            let log = &state.logs[&wanted.partition_index];
            let offset = if wanted.timestamp == -2 { log.start } else { log.end() };
            let partition =
                ListOffsetsPartitionResponse::default().with_partition_index(wanted.partition_index);
            partition.with_offset(offset)
        };
        let topic = ListOffsetsTopicResponse::default()
            .with_name(TopicName(StrBytes::from_static_str(TOPIC)))
            .with_partitions(request.topics[0].partitions.iter().map(partition).collect());
        ListOffsetsResponse::default().with_topics(vec![topic])
    }

    fn epoch_ends(&self, asked: &Asked) -> OffsetForLeaderEpochResponse {
        let request = OffsetForLeaderEpochRequest::decode(&mut asked.body.clone(), asked.version).unwrap();
        let state = self.state();
        let partition = |wanted: &OffsetForLeaderPartition| {
            let log = &state.logs[&wanted.partition];
            assert_eq!(wanted.current_leader_epoch, log.epoch, "as it was told");
            let ended = log.ended.get(usize::try_from(wanted.leader_epoch).unwrap());
            EpochEndOffset::default()
                .with_partition(wanted.partition)
                .with_leader_epoch(wanted.leader_epoch)
                .with_end_offset(ended.copied().unwrap_or(log.end()))
        };
        let topic = OffsetForLeaderTopicResult::default()
            .with_topic(TopicName(StrBytes::from_static_str(TOPIC)))
            .with_partitions(request.topics[0].partitions.iter().map(partition).collect());
        OffsetForLeaderEpochResponse::default().with_topics(vec![topic])
    }

    /// The answer, and for how many milliseconds it waits for records.
    fn fetch(&self, id: i32, asked: &Asked) -> (FetchResponse, u64) {
        let request = FetchRequest::decode(&mut asked.body.clone(), asked.version).unwrap();
        let mut state = self.state();
        state.fetches += 1;
        let mut left = usize::try_from(request.max_bytes).unwrap();
        let mut first = true;
        let mut partitions = Vec::new();
        for wanted in &request.topics[0].partitions {
            let log = &state.logs[&wanted.partition];
            let mut data = PartitionData::default().with_partition_index(wanted.partition);
            data = data.with_high_watermark(log.end()).with_last_stable_offset(log.end());
            data = data.with_log_start_offset(log.start);
            if log.leader != id {
                data = data.with_error_code(6).with_high_watermark(-1);
            } else if wanted.fetch_offset < log.start || wanted.fetch_offset > log.end() {
                data = data.with_error_code(1).with_high_watermark(-1).with_log_start_offset(-1);
            } else {
                let limit = left.min(usize::try_from(wanted.partition_max_bytes).unwrap());
                let mut bytes = log.read(wanted.fetch_offset, limit, first);
                first &= bytes.is_empty();
                left = left.saturating_sub(bytes.len());
                state.sent += bytes.len();
                if state.damage > 0
                    && let Some(last) = bytes.get_mut(60)
                {
                    *last ^= 1;
                    state.damage -= 1;
                }
                data = data.with_records(Some(Bytes::from(bytes)));
            }
            partitions.push(data);
        }
        if state.wrong_partition {
            partitions[0].partition_index = 99;
        }
        let wait = if first { u64::try_from(request.max_wait_ms).unwrap() } else { 0 };
        let topic = FetchableTopicResponse::default()
            .with_topic(TopicName(StrBytes::from_static_str(TOPIC)))
            .with_partitions(partitions);
        (FetchResponse::default().with_responses(vec![topic]), wait)
    }
}

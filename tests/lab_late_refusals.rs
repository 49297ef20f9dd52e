//! What a leader says of a batch that is in its log and does not reach the followers: the code tells what became of the
//! partition meanwhile, and the offset of the append comes with it. The writer tells by that offset whether 3 and 6 were
//! said before the append or after it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use bytes::BytesMut;
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponsePartition;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId, CreateTopicsRequest, DeleteTopicsRequest,
    ElectLeadersRequest, ListOffsetsRequest, MetadataRequest, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use ottla::time::{Clock, SystemClock};
use ottla_lab::{Listener, OwnCluster, Profile};
use support::raw::{Raw, now};
use uuid::Uuid;

/// For what a cluster does by and by, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than anything waits for its followers here.
const LONG: i32 = 25_000;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let patience = now() + PATIENCE;
    while !done() {
        assert!(now() < patience, "{what}");
        sleep(Duration::from_millis(20));
    }
}

/// A topic of one partition, and the cluster that it is in.
struct Topic<'a> {
    lab: &'a OwnCluster,
    name: TopicName,
    id: Uuid,
    replicas: Vec<i32>,
}

impl<'a> Topic<'a> {
    /// A topic with these replicas, of which the first one leads.
    fn made(lab: &'a OwnCluster, name: &str, replicas: &[i32]) -> Self {
        let mut topic =
            Self { lab, name: TopicName(text(name)), id: Uuid::nil(), replicas: replicas.to_vec() };
        let nodes = replicas.iter().map(|&id| BrokerId(id)).collect();
        // While one of them is missing nothing more is committed.
        let setting = CreatableTopicConfig::default()
            .with_name(text("min.insync.replicas"))
            .with_value(Some(text(&replicas.len().to_string())));
        let wanted = CreatableTopic::default()
            .with_name(topic.name.clone())
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_assignments(vec![CreatableReplicaAssignment::default().with_broker_ids(nodes)])
            .with_configs(vec![setting]);
        let request = CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(30_000);
        let told = topic.ask(1).call(7, &request).unwrap().topics.remove(0);
        assert_eq!(told.error_code, 0, "{:?}", told.error_message);
        topic.id = told.topic_id;
        topic
    }

    fn ask(&self, broker: u16) -> Raw {
        Raw::connect(self.lab, broker, Listener::Plaintext)
    }

    fn partition(&self, broker: u16) -> Option<MetadataResponsePartition> {
        let topic = MetadataRequestTopic::default().with_name(Some(self.name.clone()));
        let request = MetadataRequest::default().with_topics(Some(vec![topic]));
        self.ask(broker).call(9, &request).unwrap().topics[0].partitions.pop()
    }

    fn await_leader(&self, broker: u16, leader: i32) {
        until("a leader", || self.partition(broker).is_some_and(|it| it.leader_id.0 == leader));
    }

    fn in_sync(&self) -> usize {
        self.partition(1).map_or(0, |partition| partition.isr_nodes.len())
    }

    /// Waits until broker 1 leads and all replicas are in sync.
    fn await_replicas(&self) {
        self.await_leader(1, 1);
        until("the replicas", || self.in_sync() == self.replicas.len());
    }

    /// The end of a broker's log, committed or not; -1 if it does not lead.
    fn end(&self, broker: u16) -> i64 {
        let partition = ListOffsetsPartition::default().with_current_leader_epoch(-1).with_timestamp(-1);
        let topic = ListOffsetsTopic::default().with_name(self.name.clone()).with_partitions(vec![partition]);
        // The id of one who looks for faults.
        let request = ListOffsetsRequest::default().with_replica_id((-2).into()).with_topics(vec![topic]);
        self.ask(broker).call(7, &request).unwrap().topics[0].partitions[0].offset
    }

    /// Writes a record on a thread of its own, which ends with what the broker says.
    fn produce(&self, broker: u16, value: &'static str, acks: i16, timeout: i32) -> JoinHandle<String> {
        let mut raw = self.ask(broker);
        let data = PartitionProduceData::default().with_records(Some(batch(value).freeze()));
        let topic = TopicProduceData::default().with_partition_data(vec![data]);
        // The newest versions: that of 4 goes by id.
        let (version, topic) = match self.lab.version().starts_with("3.") {
            true => (11, topic.with_name(self.name.clone())),
            false => (13, topic.with_topic_id(self.id)),
        };
        let request = ProduceRequest::default().with_acks(acks).with_timeout_ms(timeout);
        let request = request.with_topic_data(vec![topic]);
        std::thread::spawn(move || {
            let mut told = raw.call(version, &request).unwrap();
            let told = told.responses.remove(0).partition_responses.remove(0);
            format!("{}@{}, leader {}", told.error_code, told.base_offset, told.current_leader.leader_id.0)
        })
    }

    /// Has broker 1 append a record that is not committed.
    fn append(&self, timeout: i32) -> JoinHandle<String> {
        let told = self.produce(1, "waits", -1, timeout);
        until("the append", || self.end(1) == 1 || told.is_finished());
        told
    }

    fn elect(&self, leader: i32) {
        let mut replicas: Vec<BrokerId> = self.replicas.iter().map(|&id| BrokerId(id)).collect();
        replicas.sort_by_key(|id| id.0 != leader);
        let partition =
            ReassignablePartition::default().with_partition_index(0).with_replicas(Some(replicas));
        let topic = ReassignableTopic::default().with_name(self.name.clone());
        let topic = topic.with_partitions(vec![partition]);
        let request = AlterPartitionReassignmentsRequest::default().with_timeout_ms(30_000);
        let told = self.ask(1).call(0, &request.with_topics(vec![topic])).unwrap();
        assert_eq!(told.error_code, 0);
        let topic = TopicPartitions::default().with_topic(self.name.clone()).with_partitions(vec![0]);
        let request = ElectLeadersRequest::default().with_topic_partitions(Some(vec![topic]));
        let told = self.ask(1).call(2, &request.with_timeout_ms(30_000)).unwrap();
        assert_eq!(told.error_code, 0);
        self.await_leader(1, leader);
    }

    fn delete(&self) {
        let topic = DeleteTopicState::default().with_name(Some(self.name.clone()));
        let request = DeleteTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
        assert_eq!(self.ask(1).call(6, &request).unwrap().responses[0].error_code, 0);
    }
}

/// A batch of one record, of nobody's.
fn batch(value: &'static str) -> BytesMut {
    let record = Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: -1,
        timestamp: SystemClock.now().as_millis(),
        key: None,
        value: Some(value.as_bytes().into()),
        headers: Default::default(),
    };
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, &[record], &options).unwrap();
    bytes
}

fn signal(lab: &OwnCluster, broker: u16, name: &str) {
    let pid = lab.pid(broker).unwrap().to_string();
    let done = std::process::Command::new("kill").args([name, &pid]).status();
    assert!(done.unwrap().success(), "kill {name} {pid}");
}

/// They stop brokers.
mod alone {
    use super::*;

    #[test]
    fn what_is_said_of_a_batch_after_its_append_comes_with_its_offset() {
        let lab = ottla_lab::own_cluster(Profile::Default, 3).unwrap();
        let [moved, deleted, few] =
            ["moved", "deleted", "few"].map(|name| Topic::made(&lab, name, &[1, 2, 3]));
        let slept = Topic::made(&lab, "slept", &[1, 2]);
        let all = [&moved, &deleted, &few, &slept];
        all.iter().for_each(|topic| topic.await_replicas());

        signal(&lab, 2, "-STOP");
        let [told_moved, told_deleted] = [&moved, &deleted].map(|topic| topic.append(LONG));
        // Longer than the controller waits for a silent broker.
        let told_few = few.append(10_000);
        moved.elect(3);
        assert_eq!(told_moved.join().unwrap(), "6@0, leader 3");
        assert_eq!(moved.end(3), 1, "the log of the new leader has it");
        deleted.delete();
        assert_eq!(told_deleted.join().unwrap(), "3@0, leader -1");
        // Nothing is committed with too few replicas in sync, so 20 is not said (KIP-966).
        assert_eq!(told_few.join().unwrap(), "7@0, leader -1");
        until("a replica that is given up", || few.in_sync() == 2);
        signal(&lab, 2, "-CONT");

        slept.await_replicas();
        signal(&lab, 2, "-STOP");
        // The fetch of before is answered with nothing by then.
        sleep(Duration::from_secs(1));
        let told = slept.append(LONG);
        signal(&lab, 1, "-STOP");
        signal(&lab, 2, "-CONT");
        slept.await_leader(3, 2);
        assert_eq!(slept.produce(2, "other", 1, LONG).join().unwrap(), "0@0, leader -1");
        signal(&lab, 1, "-CONT");
        assert_eq!(told.join().unwrap(), "6@0, leader 2", "of an offset that has another record by now");
        assert_eq!(slept.end(2), 1);
    }
}

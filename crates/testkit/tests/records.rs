//! Writing and reading: limits, transactions, retention, leaders; over pipes and a paused clock.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops at the first thing that is wrong, and measures time"
)]

mod support;

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::*;
use kafka_protocol::records::RecordBatchDecoder;
use ottla_testkit::{BrokerId, Cluster, Protocol, Record, TopicOperation};
use support::requests::{batch, fetch, fetch_one, name, offsets, produce, produced_in, values};
use support::{Client, Closed};

fn cluster() -> Cluster {
    let cluster = Cluster::builder().brokers(2).start_in_memory().unwrap();
    cluster.create_topic("orders", 2, 2).unwrap();
    cluster
}

async fn connect(cluster: &Cluster, broker: i32) -> Client {
    Client::piped(cluster, broker, Protocol::Plaintext).await
}

async fn sizes(client: &mut Client, request: FetchRequest) -> Vec<usize> {
    let answer = client.call(request, 12).await.unwrap();
    answer.responses[0].partitions.iter().map(|p| p.records.as_ref().unwrap().len()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_denied_is_neither_read_nor_written_nor_shown_until_it_is_allowed() {
    let cluster = Cluster::builder().start_in_memory().unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    let mut client = Client::piped(&cluster, 1, Protocol::Plaintext).await;
    let topics = || MetadataRequest::default().with_topics(None);
    let mut seen = Vec::new();
    use TopicOperation::{Read, Write};
    for (producer, denied) in (1..).zip([vec![], vec![Read], vec![Write], vec![Read, Write]]) {
        denied.iter().for_each(|operation| cluster.set_denied("orders", *operation, true));
        let read = fetch_one(&mut client, fetch(0, 0)).await.error_code;
        let written = produced_in(&mut client, batch(producer, 0, 1), 9).await.error_code;
        let shown = client.call(topics(), 12).await.unwrap().topics[0].error_code;
        seen.push([read, written, shown]);
        denied.iter().for_each(|operation| cluster.set_denied("orders", *operation, false));
    }
    assert_eq!(seen, [[0, 0, 0], [29, 0, 0], [0, 29, 0], [29, 29, 29]]);
    assert_eq!(cluster.read("orders", 0).unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn records_that_a_test_wrote_are_read_by_another_decoder() {
    let cluster = cluster();
    let record = Record::keyed("key", "value").at(1_000).with_header("h", "x");
    assert_eq!(cluster.write("orders", 0, &[record, Record::value("second").at(900)]).unwrap(), 0);
    let mut client = connect(&cluster, 1).await;
    let answer = fetch_one(&mut client, fetch(0, 0)).await;
    assert_eq!((answer.error_code, answer.high_watermark, answer.log_start_offset), (0, 2, 0));
    let set = RecordBatchDecoder::decode(&mut answer.records.unwrap()).unwrap();
    let first = &set.records[0];
    assert_eq!((first.offset, first.timestamp, first.partition_leader_epoch), (0, 1_000, 0));
    assert_eq!((first.key.as_deref(), first.value.as_deref()), (Some(&b"key"[..]), Some(&b"value"[..])));
    assert_eq!(first.headers.len(), 1);
    assert_eq!((set.records[1].timestamp, &set.records[1].key), (900, &None));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_is_cut_at_its_limit_and_the_first_batch_is_whole() {
    let cluster = cluster();
    for _ in 0..3 {
        cluster.write("orders", 0, &values(1, 1_000)).unwrap();
        cluster.write("orders", 1, &values(1, 1_000)).unwrap();
    }
    cluster.move_leader("orders", 1, BrokerId(1)).unwrap();
    let mut client = connect(&cluster, 1).await;
    let whole = fetch_one(&mut client, fetch(0, 0)).await.records.unwrap().len();
    let mut request = fetch(0, 0);
    let second = request.topics[0].partitions[0].clone().with_partition(1);
    request.topics[0].partitions.push(second);
    for partition in &mut request.topics[0].partitions {
        partition.partition_max_bytes = 1;
    }
    assert_eq!(sizes(&mut client, request.clone()).await, [whole / 3, 0]);
    for partition in &mut request.topics[0].partitions {
        partition.partition_max_bytes = 1_500;
    }
    // The second batch is cut short.
    assert_eq!(sizes(&mut client, request).await, [1_500, 1_500]);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_waits_for_a_write_or_its_time() {
    let cluster = cluster();
    let mut client = connect(&cluster, 1).await;
    let started = tokio::time::Instant::now();
    let nothing = fetch_one(&mut client, fetch(0, 0).with_min_bytes(1).with_max_wait_ms(500)).await;
    assert!(nothing.records.unwrap().is_empty());
    assert_eq!(started.elapsed(), Duration::from_millis(500));
    client.send(fetch(0, 0).with_min_bytes(1).with_max_wait_ms(500), 12).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    cluster.write("orders", 0, &values(1, 1)).unwrap();
    let answer = client.receive::<FetchRequest>(12).await.unwrap();
    assert_eq!(offsets(answer.responses[0].partitions[0].records.clone()), [0]);
    assert_eq!(started.elapsed(), Duration::from_millis(600));
}

#[tokio::test(start_paused = true)]
async fn fetch_sessions_are_refused() {
    let cluster = cluster();
    let mut client = connect(&cluster, 1).await;
    let opened = client.call(fetch(0, 0).with_session_epoch(0), 12).await.unwrap();
    assert_eq!((opened.error_code, opened.session_id), (0, 0));
    let inside = client.call(fetch(0, 0).with_session_id(7).with_session_epoch(1), 12).await.unwrap();
    assert_eq!(inside.error_code, 70);
}

#[tokio::test(start_paused = true)]
async fn aborted_and_open_transactions_are_told_to_those_who_ask_for_committed_records() {
    let cluster = cluster();
    let aborted = cluster.write_in_transaction("orders", 0, None, &values(2, 1)).unwrap();
    cluster.write("orders", 0, &values(1, 1)).unwrap();
    cluster.end_transaction("orders", 0, aborted, false).unwrap();
    let open = cluster.write_in_transaction("orders", 0, None, &values(1, 1)).unwrap();
    let at = cluster.offsets("orders", 0).unwrap();
    assert_eq!((at.start, at.last_stable, at.end), (0, 4, 5));
    let mut client = connect(&cluster, 1).await;
    let answer = fetch_one(&mut client, fetch(0, 1)).await;
    assert_eq!(answer.last_stable_offset, 4);
    let told = answer.aborted_transactions.unwrap();
    assert_eq!(told.iter().map(|t| (t.producer_id.0, t.first_offset)).collect::<Vec<_>>(), [(aborted, 0)]);
    assert_eq!(offsets(answer.records), [0, 1, 2, 3]);
    assert_eq!(offsets(fetch_one(&mut client, fetch(0, 0)).await.records), [0, 1, 2, 3, 4]);
    cluster.end_transaction("orders", 0, open, true).unwrap();
    assert_eq!(cluster.offsets("orders", 0).unwrap().last_stable, 6);
}

#[tokio::test(start_paused = true)]
async fn compaction_leaves_gaps_and_retention_moves_the_start() {
    let cluster = cluster();
    cluster.write("orders", 0, &values(5, 10)).unwrap();
    cluster.write("orders", 0, &values(5, 10)).unwrap();
    cluster.compact("orders", 0, |offset| [1, 3, 9].contains(&offset)).unwrap();
    let mut client = connect(&cluster, 1).await;
    assert_eq!(offsets(fetch_one(&mut client, fetch(4, 0)).await.records), [1, 3, 9]);
    cluster.delete_records_before("orders", 0, 6).unwrap();
    let refused = fetch_one(&mut client, fetch(4, 0)).await;
    assert_eq!((refused.error_code, refused.log_start_offset, refused.high_watermark), (1, -1, -1));
    assert_eq!(offsets(fetch_one(&mut client, fetch(6, 0)).await.records), [9]);
    assert_eq!(fetch_one(&mut client, fetch(11, 0)).await.error_code, 1);
    assert_eq!(cluster.read("orders", 0).unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unclean_leader_loses_the_end_and_its_epoch_tells() {
    let cluster = cluster();
    for _ in 0..3 {
        cluster.write("orders", 0, &values(2, 10)).unwrap();
    }
    cluster.unclean_leader("orders", 0, BrokerId(2), 3).unwrap();
    assert_eq!(cluster.offsets("orders", 0).unwrap().end, 2);
    cluster.write("orders", 0, &values(5, 10)).unwrap();
    let mut client = connect(&cluster, 1).await;
    assert_eq!(fetch_one(&mut client, fetch(0, 0)).await.error_code, 6);
    let mut client = connect(&cluster, 2).await;
    let mut fenced = fetch(0, 0);
    fenced.topics[0].partitions[0].current_leader_epoch = 0;
    assert_eq!(fetch_one(&mut client, fenced.clone()).await.error_code, 74);
    fenced.topics[0].partitions[0].current_leader_epoch = 9;
    assert_eq!(fetch_one(&mut client, fenced).await.error_code, 75);
    let mut diverged = fetch(6, 0);
    diverged.topics[0].partitions[0].last_fetched_epoch = 0;
    let told = fetch_one(&mut client, diverged).await.diverging_epoch;
    assert_eq!((told.epoch, told.end_offset), (0, 2));
    let partition = OffsetForLeaderPartition::default().with_current_leader_epoch(-1).with_leader_epoch(0);
    let topic = OffsetForLeaderTopic::default().with_topic(name()).with_partitions(vec![partition]);
    let answer =
        client.call(OffsetForLeaderEpochRequest::default().with_topics(vec![topic]), 4).await.unwrap();
    let told = &answer.topics[0].partitions[0];
    assert_eq!((told.error_code, told.leader_epoch, told.end_offset), (0, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn offsets_are_listed_by_timestamp() {
    let cluster = cluster();
    let records: Vec<Record> = [10, 30, 20].into_iter().map(|t| Record::value("v").at(t)).collect();
    cluster.write("orders", 0, &records).unwrap();
    let mut client = connect(&cluster, 1).await;
    for (timestamp, expected) in
        [(-1, (3, -1)), (-2, (0, -1)), (-3, (1, 30)), (11, (1, 30)), (20, (1, 30)), (31, (-1, -1))]
    {
        let partition =
            ListOffsetsPartition::default().with_current_leader_epoch(-1).with_timestamp(timestamp);
        let topic = ListOffsetsTopic::default().with_name(name()).with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic]);
        let answer = client.call(request, 7).await.unwrap();
        let found = &answer.topics[0].partitions[0];
        assert_eq!((found.error_code, (found.offset, found.timestamp)), (0, expected), "{timestamp}");
    }
}

async fn produced(client: &mut Client, records: Bytes) -> (i16, i64) {
    let answer = client.call(produce(-1, records), 9).await.unwrap();
    let partition = &answer.responses[0].partition_responses[0];
    (partition.error_code, partition.base_offset)
}

#[tokio::test(start_paused = true)]
async fn sequences_of_idempotent_producers_are_checked() {
    let cluster = cluster();
    let mut client = connect(&cluster, 1).await;
    let id = client
        .call(InitProducerIdRequest::default().with_transactional_id(None), 4)
        .await
        .unwrap()
        .producer_id
        .0;
    assert_eq!(produced(&mut client, batch(id, 0, 3)).await, (0, 0));
    assert_eq!(produced(&mut client, batch(id, 3, 1)).await, (0, 3));
    assert_eq!(produced(&mut client, batch(id, 0, 3)).await, (0, 0));
    assert_eq!(produced(&mut client, batch(id, 5, 1)).await, (45, -1));
    assert_eq!(cluster.read("orders", 0).unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_was_started_again_remembers_the_last_batch_of_a_producer_alone() {
    let cluster = cluster();
    cluster.create_topic("alone", 1, 1).unwrap();
    let leader = cluster.leader("alone", 0).unwrap();
    let on_alone = |records| {
        let mut request = produce(-1, records);
        request.topic_data[0].name = TopicName(kafka_protocol::protocol::StrBytes::from_static_str("alone"));
        request
    };
    let mut codes = Vec::new();
    for (first, restarts) in [(0, false), (1, false), (0, false), (0, true), (1, false), (2, false)] {
        if restarts {
            cluster.stop_broker(leader).unwrap();
            cluster.start_broker(leader).unwrap();
        }
        let mut client = connect(&cluster, leader.0).await;
        let answer = client.call(on_alone(batch(7, first, 1)), 9).await.unwrap();
        let partition = &answer.responses[0].partition_responses[0];
        codes.push((partition.error_code, partition.base_offset));
    }
    assert_eq!(codes, [(0, 0), (0, 1), (0, 0), (45, -1), (0, 1), (0, 2)]);
}

#[tokio::test(start_paused = true)]
async fn bad_batches_are_refused_and_without_acks_the_connection_ends() {
    let cluster = cluster();
    let mut client = connect(&cluster, 1).await;
    let good = batch(-1, -1, 1);
    let mut damaged = good.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(produced(&mut client, damaged.clone().into()).await.0, 2);
    assert_eq!(produced(&mut client, [good.clone(), good.clone()].concat().into()).await.0, 87);
    assert_eq!(produced(&mut client, Bytes::new()).await.0, 87);
    let answer = client.call(produce(2, good.clone()), 9).await.unwrap();
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 21);
    client.send(produce(0, good), 9).await;
    client.send(produce(0, damaged.into()), 9).await;
    assert_eq!(client.frame().await, Err(Closed));
    assert_eq!(cluster.read("orders", 0).unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_topic_made_again_has_another_id() {
    let cluster = cluster();
    cluster.write("orders", 0, &values(3, 1)).unwrap();
    let mut client = connect(&cluster, 1).await;
    let before = client.call(MetadataRequest::default().with_topics(None), 12).await.unwrap();
    let id = before.topics[0].topic_id;
    cluster.delete_topic("orders").unwrap();
    assert_eq!(fetch_one(&mut client, fetch(0, 0)).await.error_code, 3);
    cluster.create_topic("orders", 2, 2).unwrap();
    assert_eq!(cluster.offsets("orders", 0).unwrap().end, 0);
    let mut request = fetch(0, 0);
    request.topics[0].topic = TopicName::default();
    request.topics[0].topic_id = id;
    let answer = client.call(request, 13).await.unwrap();
    assert_eq!(answer.responses[0].partitions[0].error_code, 100);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_broker_hands_its_partitions_over() {
    let cluster = cluster();
    let mut first = connect(&cluster, 1).await;
    cluster.stop_broker(BrokerId(1)).unwrap();
    assert_eq!(first.frame().await, Err(Closed));
    let mut refused = connect(&cluster, 1).await;
    assert_eq!(refused.frame().await, Err(Closed));
    let mut second = connect(&cluster, 2).await;
    let metadata = second.call(MetadataRequest::default().with_topics(None), 12).await.unwrap();
    assert_eq!(metadata.brokers.len(), 1);
    assert!(metadata.topics[0].partitions.iter().all(|p| p.leader_id.0 == 2));
    assert_eq!(metadata.topics[0].partitions[0].leader_epoch, 1);
    cluster.start_broker(BrokerId(1)).unwrap();
    assert!(connect(&cluster, 1).await.call(MetadataRequest::default(), 12).await.is_ok());
    assert_eq!(cluster.counters().open_connections, 2);
}

#[tokio::test(start_paused = true)]
async fn offsets_are_committed_at_the_coordinator() {
    use kafka_protocol::messages::offset_commit_request::{
        OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    };
    let cluster = cluster();
    let mut client = connect(&cluster, 1).await;
    let found = client.call(FindCoordinatorRequest::default().with_key("group".into()), 3).await.unwrap();
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(7);
    let topic = OffsetCommitRequestTopic::default().with_name(name()).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId("group".into()))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    for broker in [1, 2] {
        let mut client = connect(&cluster, broker).await;
        let answer = client.call(request.clone(), 8).await.unwrap();
        let expected = if found.node_id.0 == broker { 0 } else { 16 };
        assert_eq!(answer.topics[0].partitions[0].error_code, expected);
    }
    assert_eq!(cluster.committed("group", "orders", 0), Some(7));
    let mut client = connect(&cluster, found.node_id.0).await;
    let request = OffsetFetchRequest::default().with_group_id(GroupId("group".into())).with_topics(None);
    let answer = client.call(request, 7).await.unwrap();
    assert_eq!(answer.topics[0].partitions[0].committed_offset, 7);
}

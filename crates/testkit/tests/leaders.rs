//! Partitions without leaders, brokers that crash and lag behind, logs that part, topics made anew.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops at the first thing that is wrong, and measures time"
)]

mod support;

use std::time::Duration;

use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::*;
use ottla_testkit::{Action, ApiKey, BrokerId, Cluster, Error, Fault, Protocol};
use support::requests::{batch, fetch, fetch_one, name, offsets, produced_in, values};
use support::{Client, Closed};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

fn cluster() -> Cluster {
    let cluster = Cluster::builder().brokers(3).start_in_memory().unwrap();
    cluster.create_topic("orders", 1, 3).unwrap();
    cluster
}

async fn connect(cluster: &Cluster, broker: i32) -> Client {
    Client::piped(cluster, broker, Protocol::Plaintext).await
}

/// What a broker says of the only partition: error, leader and leader epoch.
async fn told(cluster: &Cluster, broker: i32) -> (i16, i32, i32) {
    let mut client = connect(cluster, broker).await;
    let answer = client.call(MetadataRequest::default().with_topics(None), 12).await.unwrap();
    let partition = &answer.topics[0].partitions[0];
    (partition.error_code, partition.leader_id.0, partition.leader_epoch)
}

/// A fetch at `offset` by a reader who has seen `seen` and knows of `current`.
fn fetch_in(offset: i64, current: i32, seen: i32) -> FetchRequest {
    let mut request = fetch(offset, 0);
    request.topics[0].partitions[0].current_leader_epoch = current;
    request.topics[0].partitions[0].last_fetched_epoch = seen;
    request
}

fn parting(data: &PartitionData) -> (i16, i32, i64) {
    (data.error_code, data.diverging_epoch.epoch, data.diverging_epoch.end_offset)
}

#[tokio::test(start_paused = true)]
async fn a_partition_has_no_leader_until_one_is_elected() {
    let cluster = cluster();
    cluster.write("orders", 0, &values(1, 1)).unwrap();
    cluster.without_leader("orders", 0).unwrap();
    assert_eq!(told(&cluster, 2).await, (5, -1, 1));
    assert_eq!(fetch_one(&mut connect(&cluster, 1).await, fetch(0, 0)).await.error_code, 6);
    // A broker that comes up does not lead what is to have no leader.
    cluster.restart_broker(BrokerId(2), Duration::from_secs(1)).await.unwrap();
    assert_eq!(told(&cluster, 2).await, (5, -1, 1));
    cluster.leave_isr("orders", 0, BrokerId(1)).unwrap();
    assert_eq!(cluster.elect("orders", 0).unwrap(), BrokerId(2));
    assert_eq!(told(&cluster, 1).await, (0, 2, 2));
    assert_eq!(offsets(fetch_one(&mut connect(&cluster, 2).await, fetch(0, 0)).await.records), [0]);
    for replica in [2, 3] {
        cluster.leave_isr("orders", 0, BrokerId(replica)).unwrap();
    }
    assert!(matches!(cluster.elect("orders", 0), Err(Error::NoReplica { partition: 0, .. })));
}

#[tokio::test(start_paused = true)]
async fn a_crash_is_noticed_later() {
    let cluster = cluster();
    let mut first = connect(&cluster, 1).await;
    cluster.crash_broker(BrokerId(1)).unwrap();
    assert_eq!(first.frame().await, Err(Closed));
    assert_eq!(connect(&cluster, 1).await.frame().await, Err(Closed));
    assert_eq!(told(&cluster, 2).await, (0, 1, 0));
    cluster.fence_broker(BrokerId(1)).unwrap();
    assert_eq!(told(&cluster, 2).await, (0, 2, 1));
    // One that is back before anybody notices has a new epoch all the same, or another leads.
    cluster.crash_broker(BrokerId(2)).unwrap();
    cluster.start_broker(BrokerId(2)).unwrap();
    assert_eq!(told(&cluster, 2).await, (0, 3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_restart_takes_its_time_and_leaves_a_lone_partition_without_leader() {
    let cluster = Cluster::builder().start_in_memory().unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    let started = Instant::now();
    cluster.restart_broker(BrokerId(1), Duration::from_secs(20)).await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_secs(20));
    assert_eq!(told(&cluster, 1).await, (0, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_lags_behind_tells_old_leaders_and_ids() {
    let cluster = cluster();
    let old = cluster.topic_id("orders").unwrap();
    cluster.freeze_metadata(BrokerId(3)).unwrap();
    cluster.move_leader("orders", 0, BrokerId(3)).unwrap();
    assert_eq!((told(&cluster, 3).await, told(&cluster, 1).await), ((0, 1, 0), (0, 3, 1)));
    let mut third = connect(&cluster, 3).await;
    assert_eq!(fetch_one(&mut third, fetch_in(0, 1, -1)).await.error_code, 75);
    assert_eq!(fetch_one(&mut third, fetch(0, 0)).await.error_code, 6);
    cluster.delete_topic("orders").unwrap();
    cluster.create_topic("orders", 1, 3).unwrap();
    let by_id = |answer: MetadataResponse| answer.topics[0].topic_id.into_bytes();
    let all = MetadataRequest::default().with_topics(None);
    assert_eq!(by_id(third.call(all.clone(), 12).await.unwrap()), old);
    cluster.thaw_metadata(BrokerId(3)).unwrap();
    assert_eq!(by_id(third.call(all, 12).await.unwrap()), cluster.topic_id("orders").unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_wrote_nothing_is_known_and_an_election_alone_parts_nothing() {
    let cluster = cluster();
    cluster.write("orders", 0, &values(2, 1)).unwrap();
    cluster.move_leader("orders", 0, BrokerId(2)).unwrap();
    let mut client = connect(&cluster, 2).await;
    let at_end = fetch_one(&mut client, fetch_in(2, 1, 0)).await;
    assert_eq!(parting(&at_end), (0, -1, -1));
    let newer = fetch_one(&mut client, fetch_in(2, 1, 7)).await;
    assert_eq!(parting(&newer), (1, -1, -1));
    let partition = OffsetForLeaderPartition::default().with_current_leader_epoch(1).with_leader_epoch(0);
    let topic = OffsetForLeaderTopic::default().with_topic(name()).with_partitions(vec![partition]);
    let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
    let answer = &client.call(request, 4).await.unwrap().topics[0].partitions[0];
    assert_eq!((answer.error_code, answer.leader_epoch, answer.end_offset), (0, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_cut_tells_where_it_parts() {
    let cluster = cluster();
    for _ in 0..5 {
        cluster.write("orders", 0, &values(2, 1)).unwrap();
    }
    cluster.unclean_leader("orders", 0, BrokerId(2), 4).unwrap();
    cluster.write("orders", 0, &values(9, 1)).unwrap();
    let mut client = connect(&cluster, 2).await;
    let parted = fetch_one(&mut client, fetch_in(10, 1, 0)).await;
    assert_eq!(parting(&parted), (0, 0, 4));
    let before = fetch_one(&mut client, fetch_in(3, 1, 0)).await;
    assert_eq!((parting(&before), before.error_code), ((0, -1, -1), 0));
    // Cut again, further: the epoch between is forgotten, and epoch 0 ends earlier.
    cluster.unclean_leader("orders", 0, BrokerId(3), 2).unwrap();
    let mut client = connect(&cluster, 3).await;
    let parted = fetch_one(&mut client, fetch_in(13, 2, 1)).await;
    assert_eq!(parting(&parted), (0, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_topic_made_anew_is_another_by_id_and_the_same_by_name() {
    let cluster = cluster();
    let old = Uuid::from_bytes(cluster.topic_id("orders").unwrap());
    let by_id = |version| {
        let mut request =
            fetch(0, 0).with_min_bytes(1).with_max_wait_ms(if version == 13 { 60_000 } else { 0 });
        request.topics[0].topic = TopicName::default();
        request.topics[0].topic_id = old;
        request
    };
    let code = |answer: FetchResponse| answer.responses[0].partitions[0].error_code;
    let mut client = connect(&cluster, 1).await;
    // A fetch that waits while the topic goes had looked its id up before.
    let (waiting, ()) = tokio::join!(client.call(by_id(13), 13), async {
        sleep(Duration::from_secs(1)).await;
        cluster.delete_topic("orders").unwrap();
    });
    assert_eq!(code(waiting.unwrap()), 3);
    for made_anew in [false, true] {
        if made_anew {
            cluster.create_topic("orders", 1, 3).unwrap();
        }
        assert_eq!(code(client.call(by_id(17), 17).await.unwrap()), 100);
        let mut request = support::requests::produce(-1, batch(-1, -1, 1));
        request.topic_data[0].name = TopicName::default();
        request.topic_data[0].topic_id = old;
        let produced = client.call(request, 13).await.unwrap();
        assert_eq!(produced.responses[0].partition_responses[0].error_code, 100);
        let by_name = if made_anew { 0 } else { 3 };
        assert_eq!(fetch_one(&mut client, fetch(0, 0)).await.error_code, by_name);
        assert_eq!(produced_in(&mut client, batch(-1, -1, 1), 12).await.error_code, by_name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_can_be_told_to_start_from_its_bootstrap_list() {
    let cluster = cluster();
    cluster.faults().add(Fault::new(Action::Refuse(129)).on_api(ApiKey::Metadata));
    let mut client = connect(&cluster, 1).await;
    let all = MetadataRequest::default().with_topics(None);
    let answer = client.call(all.clone(), 13).await.unwrap();
    assert_eq!((answer.error_code, answer.brokers.len(), answer.topics.len()), (129, 0, 0));
}

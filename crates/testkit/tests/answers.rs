//! What brokers say to a Produce after they have written it, and what a test is told of it.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first thing that is wrong, and measures time"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use ottla_testkit::{Action, ApiKey, BrokerId, Cluster, Fate, Fault, Protocol, Record};
use support::Client;
use support::requests::{batch, fetch, fetch_one, offsets, produce, produced_in, values};
use tokio::time::{Instant, sleep, timeout};

fn cluster() -> Cluster {
    let cluster = Cluster::builder().brokers(2).start_in_memory().unwrap();
    cluster.create_topic("orders", 1, 2).unwrap();
    cluster
}

async fn connect(cluster: &Cluster, broker: i32) -> Client {
    Client::piped(cluster, broker, Protocol::Plaintext).await
}

fn on_produce(cluster: &Cluster, action: Action) {
    cluster.faults().add(Fault::new(action).on_api(ApiKey::Produce).times(1));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_after_the_append_is_in_the_log() {
    let cluster = cluster();
    let mut client = connect(&cluster, 1).await;
    for (at, code) in [(0, 6), (1, 3), (2, 56), (3, 7), (4, 20)] {
        on_produce(&cluster, Action::RefuseAfter(code));
        let told = produced_in(&mut client, batch(7, at, 1), 12).await;
        // As brokers answer a DelayedProduce, the offset is told beside the error.
        assert_eq!((told.error_code, told.base_offset), (code, at.into()));
        let again = produced_in(&mut client, batch(7, at, 1), 12).await;
        assert_eq!((again.error_code, again.base_offset), (0, at.into()));
    }
    on_produce(&cluster, Action::RefusePartitionAfter { topic: "orders".into(), partition: 0, code: 6 });
    assert_eq!(produced_in(&mut client, batch(7, 5, 1), 12).await.error_code, 6);
    assert_eq!(cluster.read("orders", 0).unwrap().len(), 6);
    // What is not written is refused as ever.
    on_produce(&cluster, Action::RefuseAfter(7));
    assert_eq!(produced_in(&mut client, batch(7, 9, 1), 12).await.error_code, 45);
}

/// Produces under [`Action::HoldProduce`], and changes the world meanwhile. Whatever comes of it, the offset is told.
async fn held(cluster: &Cluster, change: impl FnOnce()) -> (i16, Duration) {
    let end = cluster.offsets("orders", 0).unwrap().end;
    on_produce(cluster, Action::HoldProduce(Duration::from_secs(5)));
    let mut client = connect(cluster, 1).await;
    let started = Instant::now();
    let asked = produced_in(&mut client, batch(-1, -1, 1), 12);
    let (told, ()) = tokio::join!(asked, async {
        sleep(Duration::from_secs(1)).await;
        change();
    });
    assert_eq!(told.base_offset, end);
    (told.error_code, started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_produce_that_waits_for_followers_is_answered_by_what_is_so_then() {
    let cluster = cluster();
    let after = Duration::from_secs(5);
    let written = || assert_eq!(cluster.offsets("orders", 0).unwrap().end, 1);
    assert_eq!(held(&cluster, written).await, (0, after));
    let mover = || cluster.move_leader("orders", 0, BrokerId(2)).unwrap();
    assert_eq!(held(&cluster, mover).await, (6, after));
    cluster.move_leader("orders", 0, BrokerId(1)).unwrap();
    let there_and_back = || {
        cluster.move_leader("orders", 0, BrokerId(2)).unwrap();
        cluster.move_leader("orders", 0, BrokerId(1)).unwrap();
    };
    assert_eq!(held(&cluster, there_and_back).await, (6, after));
    assert_eq!(cluster.read("orders", 0).unwrap().len(), 3);
    assert_eq!(held(&cluster, || cluster.delete_topic("orders").unwrap()).await, (3, after));
}

#[tokio::test(start_paused = true)]
async fn a_produce_that_waits_is_read_meanwhile_and_ends_at_its_own_timeout() {
    let cluster = cluster();
    on_produce(&cluster, Action::HoldProduce(Duration::from_secs(120)));
    let mut reader = connect(&cluster, 1).await;
    let mut client = connect(&cluster, 1).await;
    let started = Instant::now();
    let (told, seen) = tokio::join!(produced_in(&mut client, batch(-1, -1, 1), 9), async {
        let answer = fetch_one(&mut reader, fetch(0, 0).with_min_bytes(1).with_max_wait_ms(20_000)).await;
        (offsets(answer.records), started.elapsed())
    });
    assert_eq!((told.error_code, started.elapsed()), (7, Duration::from_secs(30)));
    assert_eq!(seen, (vec![0], Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn too_few_replicas_in_sync_refuse_before_the_append_and_commit_nothing_after_it() {
    let cluster = Arc::new(Cluster::builder().brokers(2).min_insync_replicas(2).start_in_memory().unwrap());
    cluster.create_topic("orders", 1, 2).unwrap();
    let leave = || cluster.leave_isr("orders", 0, BrokerId(2)).unwrap();
    let leave_for_long = || {
        leave();
        let cluster = Arc::clone(&cluster);
        tokio::spawn(async move {
            sleep(Duration::from_secs(9)).await;
            cluster.join_isr("orders", 0, BrokerId(2)).unwrap();
        });
    };
    assert_eq!(held(&cluster, leave_for_long).await, (0, Duration::from_secs(10)));
    assert_eq!(held(&cluster, leave).await, (7, Duration::from_secs(30)));
    let mut client = connect(&cluster, 1).await;
    assert_eq!(produced_in(&mut client, batch(-1, -1, 1), 9).await.error_code, 19);
    let one_ack = client.call(produce(1, batch(-1, -1, 1)), 9).await.unwrap();
    assert_eq!(one_ack.responses[0].partition_responses[0].error_code, 0);
    cluster.join_isr("orders", 0, BrokerId(2)).unwrap();
    assert_eq!(produced_in(&mut client, batch(-1, -1, 1), 9).await.error_code, 0);
    assert_eq!(cluster.offsets("orders", 0).unwrap().end, 4);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_network_swallows_leaves_a_silent_connection() {
    let cluster = cluster();
    on_produce(&cluster, Action::StallAfter);
    let mut client = connect(&cluster, 1).await;
    client.send(produce(-1, batch(-1, -1, 1)), 9).await;
    client.send(produce(-1, batch(-1, -1, 1)), 9).await;
    assert!(timeout(Duration::from_secs(50), client.frame()).await.is_err());
    assert_eq!(cluster.offsets("orders", 0).unwrap().end, 1);
}

#[tokio::test(start_paused = true)]
async fn a_compacted_topic_names_the_records_without_a_key() {
    let cluster = cluster();
    cluster.set_compacted("orders", true).unwrap();
    let mut client = connect(&cluster, 1).await;
    let told = produced_in(&mut client, batch(-1, -1, 2), 8).await;
    let reason = "Compacted topic cannot accept message without key in topic partition orders-0";
    let named = told.record_errors.iter().map(|it| (it.batch_index, it.batch_index_error_message.as_deref()));
    assert_eq!(named.collect::<Vec<_>>(), [(0, Some(reason)), (1, Some(reason))]);
    assert_eq!((told.error_code, told.base_offset, told.error_message.is_some()), (87, -1, true));
    assert_eq!(produced_in(&mut client, batch(-1, -1, 1), 7).await.error_code, 87);
    assert_eq!(cluster.offsets("orders", 0).unwrap().end, 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_ever_appended_is_remembered_with_what_became_of_it() {
    let cluster = cluster();
    let mut client = connect(&cluster, 1).await;
    assert_eq!(produced_in(&mut client, batch(7, 0, 2), 9).await.error_code, 0);
    cluster.write("orders", 0, &values(4, 1)).unwrap();
    cluster.write("orders", 0, &values(1, 1)).unwrap();
    cluster.compact("orders", 0, |offset| offset != 3).unwrap();
    cluster.delete_records_before("orders", 0, 1).unwrap();
    cluster.unclean_leader("orders", 0, BrokerId(2), 6).unwrap();
    cluster.write("orders", 0, &[Record::value("after")]).unwrap();
    let fates = |cluster: &Cluster| {
        let all = cluster.appended("orders", 0);
        all.iter()
            .flat_map(|it| {
                (it.base_offset()..=it.last_offset()).map(|offset| (it.leader_epoch, it.fate(offset)))
            })
            .collect::<Vec<_>>()
    };
    let kept = (0, Fate::Kept);
    let (deleted, compacted, cut) = ((0, Fate::Deleted), (0, Fate::Compacted), (0, Fate::Truncated));
    assert_eq!(fates(&cluster), [deleted, kept, kept, compacted, kept, kept, cut, (1, Fate::Kept)]);
    let first = &cluster.appended("orders", 0)[0];
    assert_eq!((first.producer_id(), first.producer_epoch(), first.base_sequence()), (7, 0, 0));
    assert_eq!((first.broker, first.records().unwrap().len()), (Some(BrokerId(1)), 2));
    let old = cluster.topic_id("orders").unwrap();
    cluster.delete_topic("orders").unwrap();
    cluster.create_topic("orders", 1, 2).unwrap();
    cluster.write("orders", 0, &[Record::value("anew")]).unwrap();
    let all = cluster.appended("orders", 0);
    let seen: Vec<_> =
        all.iter().map(|it| (it.incarnation, it.base_offset(), it.fate(it.last_offset()))).collect();
    let gone = Fate::TopicDeleted;
    assert_eq!(seen, [(0, 0, gone), (0, 2, gone), (0, 6, Fate::Truncated), (0, 6, gone), (1, 0, Fate::Kept)]);
    assert_eq!((all[0].topic_id, all[4].topic_id), (old, cluster.topic_id("orders").unwrap()));
}

#[tokio::test(start_paused = true)]
async fn every_request_is_remembered_by_partition_with_its_times() {
    let cluster = cluster();
    cluster.clear_asked();
    let mut client = connect(&cluster, 1).await;
    sleep(Duration::from_secs(1)).await;
    fetch_one(&mut client, fetch(0, 0).with_min_bytes(1).with_max_wait_ms(500)).await;
    produced_in(&mut client, batch(-1, -1, 1), 9).await;
    fetch_one(&mut client, fetch(9, 0)).await;
    let asked = cluster.asked();
    let seen: Vec<_> =
        asked.iter().map(|it| (it.api, it.partition, it.offset, it.code, it.held().as_millis())).collect();
    let (fetch, produce) = (ApiKey::Fetch, ApiKey::Produce);
    assert_eq!(seen, [(fetch, Some(0), 0, 0, 500), (produce, Some(0), 0, 0, 0), (fetch, Some(0), 9, 1, 0)]);
    assert_eq!((asked[0].at, asked[0].topic.as_deref()), (Duration::from_secs(1), Some("orders")));
    assert_eq!((asked[0].bytes, asked[1].bytes > 0, cluster.forgotten_requests()), (0, true, 0));
}

//! Addresses that are silent and streams that come to harm, over pipes and a paused clock.

mod support;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use kafka_protocol::messages::*;
use ottla_testkit::{ApiKey, BrokerId, Cluster, Harm, Protocol, Reach, WireFault};
use support::{Client, Closed};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(50);

fn metadata() -> MetadataRequest {
    MetadataRequest::default()
}

/// The next connection comes to this harm.
async fn harmed(cluster: &Cluster, harm: Harm) -> Client {
    cluster.faults().add_wire(WireFault::new(harm).times(1));
    Client::piped(cluster, 1, Protocol::Plaintext).await
}

#[tokio::test(start_paused = true)]
async fn a_name_has_several_addresses_and_some_do_not_answer() {
    let cluster = Cluster::builder().brokers(2).addresses(4).start_in_memory().unwrap();
    let connector = cluster.connector();
    let all = connector.addresses("broker-2", 9092);
    assert_eq!(all.len(), 4);
    assert_eq!(all[1], SocketAddr::from(([10, 0, 1, 2], 9092)));
    assert_eq!(connector.addresses("broker-3", 9092), []);
    for (address, reach) in all.iter().zip([Reach::Silent, Reach::Mute, Reach::Refused]) {
        cluster.set_reach(address.ip(), reach);
    }
    assert!(timeout(LONG, connector.connect_to(all[0])).await.is_err());
    assert!(timeout(LONG, connector.connect("broker-2", 9092)).await.is_err());
    let mut mute = Client::new(connector.connect_to(all[1]).await.unwrap());
    mute.send(metadata(), 12).await;
    assert!(timeout(LONG, mute.frame()).await.is_err());
    let refused = connector.connect_to(all[2]).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let mut open = Client::new(connector.connect_to(all[3]).await.unwrap());
    open.call(metadata(), 12).await.unwrap();
    cluster.set_reach(all[0].ip(), Reach::Open);
    assert!(connector.connect("broker-2", 9092).await.is_ok());
    drop(cluster);
    assert_eq!(mute.frame().await, Err(Closed));
}

#[tokio::test(start_paused = true)]
async fn one_bit_is_flipped_on_its_way() {
    let cluster = Cluster::builder().start_in_memory().unwrap();
    // The last byte of the correlation id, which the answer repeats.
    for harm in [Harm::FlipRequest(11), Harm::FlipAnswer(7)] {
        let mut client = harmed(&cluster, harm).await;
        client.send(metadata(), 12).await;
        assert_eq!(client.frame().await.unwrap()[..4], [0, 0, 0, 0]);
        client.send(metadata(), 12).await;
        assert_eq!(client.frame().await.unwrap()[..4], [0, 0, 0, 2]);
    }
    // The second frame's, whose place is counted over the first.
    let mut client = Client::piped(&cluster, 1, Protocol::Plaintext).await;
    client.send(metadata(), 12).await;
    let first = client.frame().await.unwrap().len() + 4;
    let mut client = harmed(&cluster, Harm::FlipAnswer(u64::try_from(first + 7).unwrap())).await;
    client.call(metadata(), 12).await.unwrap();
    client.send(metadata(), 12).await;
    assert_eq!(client.frame().await.unwrap()[..4], [0, 0, 0, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_falls_silent_or_ends_on_one_side() {
    let cluster = Cluster::builder().start_in_memory().unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    let requests = |cluster: &Cluster| cluster.counters().requests(ApiKey::Metadata);
    let mut client = harmed(&cluster, Harm::Silence(10)).await;
    client.send(metadata(), 12).await;
    client.send(metadata(), 12).await;
    assert!(timeout(LONG, client.frame()).await.is_err());
    assert_eq!(requests(&cluster), 1);
    let mut client = harmed(&cluster, Harm::HalfClose(10)).await;
    client.send(metadata(), 12).await;
    client.send(metadata(), 12).await;
    assert_eq!(client.frame().await, Err(Closed));
    client.send(metadata(), 12).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(requests(&cluster), 4);
}

#[tokio::test(start_paused = true)]
async fn harm_befalls_the_connections_that_it_names() {
    let cluster = Cluster::builder().brokers(2).start_in_memory().unwrap();
    let fault = WireFault::new(Harm::Silence(0)).on_broker(BrokerId(2)).after(1).times(1);
    cluster.faults().add_wire(fault);
    let mut silent = Vec::new();
    for broker in [1, 2, 1, 2, 2] {
        let mut client = Client::piped(&cluster, broker, Protocol::Plaintext).await;
        silent.push(timeout(LONG, client.call(metadata(), 12)).await.is_err());
    }
    assert_eq!(silent, [false, false, false, true, false]);
}

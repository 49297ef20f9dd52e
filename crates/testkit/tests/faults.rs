//! Faults, hostile clients, TCP and TLS.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first thing that is wrong, and measures time"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::*;
use ottla_testkit::{Action, ApiKey, BrokerId, Cluster, Fault, KafkaVersion, Protocol, Record};
use support::requests::{fetch, fetch_one};
use support::{Client, Closed};
use tokio::io::AsyncWriteExt;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

fn metadata() -> MetadataRequest {
    MetadataRequest::default()
}

async fn connect(cluster: &Cluster) -> Client {
    Client::piped(cluster, 1, Protocol::Plaintext).await
}

#[tokio::test(start_paused = true)]
async fn a_fault_has_a_number_by_which_it_is_counted_and_taken_away() {
    let cluster = Cluster::builder().start_in_memory().unwrap();
    let mut client = connect(&cluster).await;
    let refused = |code| Fault::new(Action::Refuse(code)).on_api(ApiKey::Metadata);
    let (first, second) =
        (cluster.faults().add_numbered(refused(-1).times(1)), cluster.faults().add_numbered(refused(6)));
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(client.call(metadata(), 13).await.unwrap().error_code);
    }
    cluster.faults().remove(second);
    codes.push(client.call(metadata(), 13).await.unwrap().error_code);
    assert_eq!(codes, [-1, 6, 6, 0]);
    assert_eq!((cluster.faults().hits(first), cluster.faults().hits(second)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_before_its_upgrade_offers_an_older_version_and_takes_no_newer_one() {
    let cluster = Cluster::builder().newest(ApiKey::Metadata, 9).start_in_memory().unwrap();
    let mut client = connect(&cluster).await;
    let listed = client.call(ApiVersionsRequest::default(), 0).await.unwrap();
    let newest =
        |api: ApiKey| listed.api_keys.iter().find(|it| it.api_key == api as i16).unwrap().max_version;
    assert_eq!((newest(ApiKey::Metadata), newest(ApiKey::Fetch)), (9, 18));
    client.call(metadata(), 9).await.unwrap();
    assert_eq!(client.call(metadata(), 10).await.unwrap_err(), Closed);
}

#[tokio::test(start_paused = true)]
async fn answers_are_late_lost_cut_or_damaged_as_asked() {
    let cluster = Cluster::builder().start_in_memory().unwrap();
    let add = |action| cluster.faults().add(Fault::new(action).on_api(ApiKey::Metadata).times(1));
    let mut client = connect(&cluster).await;

    add(Action::Delay(Duration::from_secs(3)));
    let started = tokio::time::Instant::now();
    client.call(metadata(), 12).await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_secs(3));

    add(Action::Throttle(Duration::from_millis(70)));
    assert_eq!(client.call(metadata(), 12).await.unwrap().throttle_time_ms, 70);

    add(Action::Refuse(-1));
    assert_eq!(client.call(metadata(), 13).await.unwrap().error_code, -1);

    add(Action::Drop);
    client.send(metadata(), 12).await;
    client.call(metadata(), 12).await.unwrap();

    add(Action::WrongCorrelationId);
    client.send(metadata(), 12).await;
    let frame = client.frame().await.unwrap();
    assert_eq!(frame[..3], [0, 0, 0]);
    assert_eq!(frame[3], 6 ^ 0x55);

    add(Action::Overwrite { at: 4, bytes: vec![0xff; 6] });
    client.send(metadata(), 12).await;
    assert_eq!(client.frame().await.unwrap()[..6], [0xff; 6]);

    add(Action::CloseAfter);
    assert_eq!(client.call(metadata(), 12).await, Err(Closed));
    let mut client = connect(&cluster).await;
    add(Action::Truncate(20));
    client.send(metadata(), 12).await;
    assert_eq!(client.frame().await, Err(Closed));
    let mut client = connect(&cluster).await;
    add(Action::ClaimLength(i32::MIN));
    client.send(metadata(), 12).await;
    assert_eq!(client.frame().await, Err(Closed));
    let mut client = connect(&cluster).await;
    add(Action::CloseBefore);
    assert_eq!(client.call(metadata(), 12).await, Err(Closed));
    let mut client = connect(&cluster).await;
    add(Action::Stall);
    client.send(metadata(), 12).await;
    assert!(tokio::time::timeout(Duration::from_secs(50), client.frame()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn faults_hit_the_broker_connection_and_share_that_they_name() {
    let cluster = Cluster::builder().brokers(2).seed(7).start_in_memory().unwrap();
    cluster.faults().add(Fault::new(Action::CloseBefore).on_broker(BrokerId(2)));
    let mut second = Client::piped(&cluster, 2, Protocol::Plaintext).await;
    assert_eq!(second.call(metadata(), 12).await, Err(Closed));
    cluster.faults().clear();
    cluster.faults().add(Fault::new(Action::CloseBefore).on_connection(2).after(1));
    let mut client = connect(&cluster).await;
    client.call(metadata(), 12).await.unwrap();
    assert_eq!(client.call(metadata(), 12).await, Err(Closed));
    cluster.faults().clear();
    cluster.faults().add(Fault::new(Action::Throttle(Duration::from_millis(1))).chance(0.5));
    let mut client = connect(&cluster).await;
    let mut hits = 0;
    for _ in 0..100 {
        hits += client.call(metadata(), 12).await.unwrap().throttle_time_ms;
    }
    assert!((30..70).contains(&hits), "{hits}");
    assert_eq!(cluster.counters().requests_to(BrokerId(1), ApiKey::Metadata), 102);
}

#[tokio::test(start_paused = true)]
async fn hostile_clients_lose_their_connection_and_nobody_else_does() {
    let cluster = Cluster::builder().listener(Protocol::SaslPlaintext).listener(Protocol::Plaintext);
    let cluster = cluster.start_in_memory().unwrap();
    let mut bystander = connect(&cluster).await;
    let hostile: [&[u8]; 7] = [
        &[0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 1],
        &[0x80, 0, 0, 0],
        &[0, 0, 0, 0],
        b"GET / HTTP/1.1\r\n\r\n",
        // An API that is not there; a version that is too new.
        &[0, 0, 0, 10, 0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
        &[0, 0, 0, 10, 0, 3, 0x7f, 0, 0, 0, 0, 1, 0xff, 0xff],
        // Metadata version 1 with two thousand million topics.
        &[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff],
    ];
    for bytes in hostile {
        for protocol in [Protocol::Plaintext, Protocol::SaslPlaintext] {
            let mut client = Client::piped(&cluster, 1, protocol).await;
            client.stream.write_all(bytes).await.unwrap();
            assert_eq!(client.frame().await, Err(Closed), "{bytes:?}");
        }
    }
    bystander.call(metadata(), 12).await.unwrap();
    let versions = bystander.call(ApiVersionsRequest::default(), 0).await.unwrap();
    assert_eq!(versions.error_code, 0);
}

#[tokio::test(start_paused = true)]
async fn api_versions_that_are_too_new_are_answered_in_version_0() {
    let cluster = Cluster::builder().kafka(KafkaVersion::V3_9).start_in_memory().unwrap();
    let mut client = connect(&cluster).await;
    let request = [&[0, 0, 0, 14, 0, 18, 0x7f, 0, 0, 0, 0, 9, 0xff, 0xff][..], &[0, 1, 1, 0]].concat();
    client.stream.write_all(&request).await.unwrap();
    let frame = client.frame().await.unwrap();
    assert_eq!(frame[..], [0, 0, 0, 9, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    let request = ApiVersionsRequest::default().with_client_software_name("a b".into());
    assert_eq!(client.call(request, 3).await.unwrap().error_code, 42);
}

#[tokio::test]
async fn the_same_brokers_answer_over_sockets() {
    let cluster = Cluster::builder().brokers(3).start_tcp().await.unwrap();
    cluster.create_topic("orders", 3, 1).unwrap();
    for broker in 1..=3 {
        let mut client = Client::tcp(&cluster, broker, Protocol::Plaintext).await;
        let answer = client.call(metadata().with_topics(None), 12).await.unwrap();
        assert_eq!((answer.brokers.len(), answer.topics[0].partitions.len()), (3, 3));
        let address = cluster.address(BrokerId(1), Protocol::Plaintext).unwrap();
        assert_eq!(
            (answer.brokers[0].host.to_string(), answer.brokers[0].port),
            (address.0, address.1.into())
        );
    }
    let mut client = Client::tcp(&cluster, 1, Protocol::Plaintext).await;
    drop(cluster);
    assert_eq!(client.call(metadata(), 12).await, Err(Closed));
}

async fn over_tls(cluster: &Cluster, protocol: Protocol, user: Option<&str>) -> Client {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(cluster.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls_graviola::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let config = match user.map(|user| cluster.client_identity(user).unwrap()) {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let chain = vec![CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let (host, port) = cluster.address(BrokerId(1), protocol).unwrap();
    let pipe = cluster.connector().connect(&host, port).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    Client::new(connector.connect(ServerName::try_from(host).unwrap(), pipe).await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn over_tls_a_certificate_or_a_login_tells_who_it_is() {
    let cluster = Cluster::builder()
        .listener(Protocol::Ssl)
        .listener(Protocol::SaslSsl)
        .user("alice", "alice-secret")
        .start_in_memory()
        .unwrap();
    assert_eq!(over_tls(&cluster, Protocol::Ssl, None).await.create_token().await.error_code, 64);
    let token = over_tls(&cluster, Protocol::Ssl, Some("carol")).await.create_token().await;
    assert_eq!((token.error_code, &*token.principal_name), (0, "carol"));
    let mut client = over_tls(&cluster, Protocol::SaslSsl, None).await;
    assert_eq!(client.scram("alice", "alice-secret", false).await.unwrap().1.error_code, 0);
    assert_eq!(client.create_token().await.error_code, 0);
}

#[tokio::test(start_paused = true)]
async fn a_partition_can_be_refused_alone() {
    use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
    let cluster = Cluster::builder().start_in_memory().unwrap();
    cluster.create_topic("orders", 2, 1).unwrap();
    cluster.write("orders", 1, &[Record::value("v")]).unwrap();
    let refuse = Action::RefusePartition { topic: "orders".into(), partition: 0, code: 9 };
    cluster.faults().add(Fault::new(refuse));
    let partitions = [0, 1].map(|index| {
        let partition = ListOffsetsPartition::default().with_partition_index(index);
        partition.with_current_leader_epoch(-1).with_timestamp(-1)
    });
    let topic = ListOffsetsTopic::default().with_name(TopicName("orders".into()));
    let topic = topic.with_partitions(partitions.to_vec());
    let mut client = connect(&cluster).await;
    let answer = client.call(ListOffsetsRequest::default().with_topics(vec![topic]), 7).await.unwrap();
    let told: Vec<_> = answer.topics[0].partitions.iter().map(|p| (p.error_code, p.offset)).collect();
    assert_eq!(told, [(9, -1), (0, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_leaves_out_a_partition_or_calls_its_log_another_one_as_asked() {
    let cluster = Cluster::builder().start_in_memory().unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    cluster.write("orders", 0, &[Record::value("v")]).unwrap();
    let mut client = connect(&cluster).await;
    let (topic, partition, started) = ("orders".to_owned(), 0, tokio::time::Instant::now());
    let add = |action| cluster.faults().add(Fault::new(action).times(1));
    let long_poll = || fetch(1, 0).with_min_bytes(1).with_max_wait_ms(500);

    add(Action::LeaveOut { topic: topic.clone(), partition });
    let told = client.call(long_poll(), 12).await.unwrap().responses.remove(0);
    assert_eq!((told.topic.as_str(), told.partitions), ("orders", Vec::new()));
    add(Action::LeaveOut { topic: topic.clone(), partition: 1 });
    assert_eq!(fetch_one(&mut client, fetch(0, 0)).await.error_code, 0);

    add(Action::Diverge { topic: topic.clone(), partition, epoch: 3, end_offset: 70 });
    let told = fetch_one(&mut client, long_poll()).await;
    assert_eq!((told.error_code, told.records.map(|records| records.len())), (0, Some(0)));
    assert_eq!((told.diverging_epoch.epoch, told.diverging_epoch.end_offset), (3, 70));
    add(Action::Diverge { topic, partition, epoch: 3, end_offset: 70 });
    let told = client.call(fetch(0, 0), 11).await.unwrap();
    assert_eq!(told.responses[0].partitions[0].records.as_ref().map(|records| records.len()), Some(0));
    assert_eq!(started.elapsed(), Duration::ZERO);
}

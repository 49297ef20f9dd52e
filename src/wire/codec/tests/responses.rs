use super::*;
use crate::wire::codec::create_topics::TopicOutcome;
use crate::wire::codec::metadata::{Broker, Partition, Topic};

#[test]
fn reads_the_failure_that_a_real_broker_answers_to_a_wrong_token() {
    let words = "Authentication failed during authentication due to invalid credentials \
                 with SASL mechanism SCRAM-SHA-256";
    let start = hex("00000007 00 003a 69");
    let end = hex("01 0000000000000000 00");
    let frame: Bytes = [&start, words.as_bytes(), &end].concat().into();
    assert_eq!(correlation_id(&frame), Ok(CorrelationId(7)));
    let response = decode::<SaslAuthenticateRequest>(2, frame).unwrap();
    assert_eq!(response.error, ErrorCode::SASL_AUTHENTICATION_FAILED);
    assert_eq!(response.error_message.as_deref(), Some(words));
    assert!(response.auth_bytes.is_empty());
    assert_eq!(response.session_lifetime, Duration::ZERO);
}

#[test]
fn nothing_keeps_the_memory_of_a_secret_response() {
    let frame = hex("00000007 00 0000 00 05 763d5858 000000000000ea60 00");
    let response = decode::<SaslAuthenticateRequest>(2, frame.clone()).unwrap();
    assert_eq!(response.auth_bytes, Secret::from("v=XX"));
    assert_eq!(response.session_lifetime, Duration::from_secs(60));
    assert!(frame.is_unique());
}

#[test]
fn a_negative_lifetime_is_none() {
    let frame = hex("00000007 0000 ffff 00000000 ffffffffffffffff");
    assert_eq!(decode::<SaslAuthenticateRequest>(1, frame).unwrap().session_lifetime, Duration::ZERO);
}

#[test]
fn reads_the_mechanisms_beside_an_error() {
    let response = decode::<SaslHandshakeRequest>(1, hex("00000001 0021 00000001 0005 504c41494e")).unwrap();
    assert_eq!(response.error, ErrorCode::UNSUPPORTED_SASL_MECHANISM);
    assert_eq!(response.mechanisms, ["PLAIN"]);
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let response = decode::<ApiVersionsRequest>(4, hex("00000001 0023 00000001 0012 0000 0003")).unwrap();
    assert_eq!(response.error, ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(response.ranges, [ApiVersionRange { api_code: 18, min: 0, max: 3 }]);
    let empty = decode::<ApiVersionsRequest>(4, hex("00000001 0023 00000000")).unwrap();
    assert_eq!(empty.ranges, []);
}

#[test]
fn reads_brokers_topics_and_leaders() {
    let broker = "00000001 00000002 0001 68 00002385 ffff";
    let partition = "0000 00000000 00000002 00000001 00000002 00000000 00000000";
    let orphan = "0005 00000001 ffffffff 00000000 00000000 00000000";
    let topic = format!("0000 0001 74 00 00000002 {partition} {orphan}");
    let frame = hex(&format!("00000001 00000000 {broker} ffff ffffffff 00000001 {topic}"));
    let response = decode::<MetadataRequest>(5, frame).unwrap();
    assert_eq!(response.error, ErrorCode::NONE);
    assert_eq!(response.brokers, [Broker { id: BrokerId(2), host: "h".to_owned(), port: 9093 }]);
    assert_eq!(response.controller, None);
    let partition = |partition, error, leader, replicas| Partition {
        error,
        partition,
        leader,
        leader_epoch: None,
        replicas,
        in_sync: 0,
    };
    let partitions = vec![
        partition(0, ErrorCode::NONE, Some(BrokerId(2)), 1),
        partition(1, ErrorCode::LEADER_NOT_AVAILABLE, None, 0),
    ];
    let topic = Topic { error: ErrorCode::NONE, name: "t".into(), id: None, internal: false, partitions };
    assert_eq!(response.topics, [topic]);
}

#[test]
fn a_topic_has_an_id_from_version_10_on_if_it_exists() {
    let ids = |id: &str| {
        let topic = format!("0000 02 74 {id} 00 01 80000000 00");
        let frame = hex(&format!("00000001 00 00000000 01 00 ffffffff 02 {topic} 00"));
        decode::<MetadataRequest>(12, frame).unwrap().topics[0].id.map(TopicId::as_u128)
    };
    assert_eq!(ids("0000000000000000000000000000002a"), Some(42));
    assert_eq!(ids("00000000000000000000000000000000"), None);
}

#[test]
fn refuses_a_port_that_is_none() {
    let frame = hex("00000001 00000000 00000001 00000002 0001 68 00010000 ffff ffff 00000001 00000000");
    let malformed = Error::Malformed { api: ApiKey::Metadata, version: 5 };
    assert_eq!(decode::<MetadataRequest>(5, frame), Err(malformed));
}

#[test]
fn fetched_records_are_a_slice_of_the_frame() {
    let partition = "00000003 0000 0000000000000064 0000000000000063 00000001 \
                     0000000000000009 0000000000000050 00000003 aabbcc";
    let frame = hex(&format!("00000001 00000010 00000001 0001 74 00000001 {partition}"));
    let response = decode::<FetchRequest>(4, frame.clone()).unwrap();
    let held_back = "the broker has waited by itself";
    assert_eq!((response.throttle_time, response.error), (Duration::ZERO, ErrorCode::NONE), "{held_back}");
    let fetched = &response.topics[0].partitions[0];
    assert_eq!((fetched.partition, fetched.high_watermark, fetched.last_stable_offset), (3, 100, 99));
    assert_eq!((fetched.log_start_offset, fetched.error), (-1, ErrorCode::NONE));
    let aborted = fetched.aborted_transactions[0];
    assert_eq!((aborted.producer_id, aborted.first_offset), (9, 80));
    assert_eq!(fetched.records, hex("aabbcc"));
    assert!(frame.as_ptr_range().contains(&fetched.records.as_ptr()));
}

#[test]
fn reads_where_a_log_parts_from_the_one_that_was_fetched() {
    let fetched = |tagged: &str| {
        let partition = "00000003 0000 0000000000000064 0000000000000063 0000000000000000 00 ffffffff 01";
        let topic = format!("0000000000000000000000000000002a 02 {partition} {tagged} 00");
        let frame = hex(&format!("00000001 00 00000010 0000 00000000 02 {topic} 00"));
        let response = decode::<FetchRequest>(13, frame).unwrap();
        assert_eq!(response.throttle_time, Duration::from_millis(16));
        let topic = &response.topics[0];
        assert_eq!((&*topic.topic, topic.id), ("", TopicId::new(42)));
        topic.partitions[0].diverging.map(|end| (end.epoch.0, end.end_offset))
    };
    assert_eq!(fetched("00"), None);
    let damaged = decode::<FetchRequest>(12, hex("00000001 00 7fffffff 0000 00000000 01 00")).unwrap();
    assert_eq!(damaged.throttle_time, Duration::from_secs(300), "no answer silences for longer");
    assert_eq!(fetched("01 00 0d 00000005 0000000000000032 00"), Some((5, 50)));
}

#[test]
fn reads_the_end_of_an_epoch() {
    let partition = "0000 00000003 00000005 0000000000000032";
    let frame = hex(&format!("00000001 00000000 00000001 0001 74 00000001 {partition}"));
    let response = decode::<OffsetForLeaderEpochRequest>(2, frame).unwrap();
    let told = response.topics[0].partitions[0];
    assert_eq!((told.partition, told.error), (3, ErrorCode::NONE));
    assert_eq!((told.end.epoch, told.end.end_offset), (LeaderEpoch(5), 50));
}

#[test]
fn reads_offsets_by_partition() {
    let partition = "00000001 ffff 00000000000003e8 000000000000002a ffffffff";
    let frame = hex(&format!("00000001 00000000 00000001 0001 74 00000001 {partition}"));
    let response = decode::<ListOffsetsRequest>(4, frame).unwrap();
    let listed = response.topics[0].partitions[0];
    assert_eq!((listed.partition, listed.offset, listed.leader_epoch), (1, 42, None));
    assert_eq!(listed.error, ErrorCode::UNKNOWN_SERVER_ERROR);
    assert_eq!(listed.timestamp, Timestamp::from_millis(1000));
}

#[test]
fn hundreds_of_topics_with_names_of_two_letters_are_within_the_budget() {
    let created: String = (0..500).map(|_| "0002 7431 0024 ffff").collect();
    let response = decode::<CreateTopicsRequest>(4, hex(&format!("00000001 00000000 000001f4 {created}")));
    let error = ErrorCode::TOPIC_ALREADY_EXISTS;
    let outcome = TopicOutcome { name: "t1".into(), error, error_message: None };
    assert_eq!(response.unwrap().topics, vec![outcome; 500]);
    let deleted: String = (0..500).map(|_| "03 7431 0003 00").collect();
    let response = decode::<DeleteTopicsRequest>(4, hex(&format!("00000001 00 00000000 f503 {deleted} 00")));
    assert_eq!(response.unwrap().topics.len(), 500);
}

#[test]
fn reads_the_token_and_tells_its_requester_from_version_3_on() {
    let owner = "05 55736572 06 616c696365";
    let times = "0000000000000001 0000000000000002 0000000000000003";
    let end = "03 6964 03 6868 00000000 00";
    let token = |version, frame: String| {
        decode::<CreateDelegationTokenRequest>(version, hex(&frame)).unwrap().outcome.unwrap()
    };
    let old = token(2, format!("00000001 00 0000 {owner} {times} {end}"));
    assert_eq!((&old.owner, &old.requester), (&alice(), &None));
    assert_eq!((old.token_id.as_str(), &old.hmac), ("id", &Secret::from("hh")));
    let times_read = [old.issued, old.expires, old.max].map(Timestamp::as_millis);
    assert_eq!(times_read, [1, 2, 3]);
    let new = token(3, format!("00000001 00 0000 {owner} 05 55736572 04 626f62 {times} {end}"));
    assert_eq!(new.requester, Some(Principal::user("bob")));
}

#[test]
fn an_error_stands_in_the_place_of_a_token() {
    let frame = hex(
        "00000001 0041 0000 0000 ffffffffffffffff ffffffffffffffff ffffffffffffffff 0000 00000000 00000000",
    );
    let response = decode::<CreateDelegationTokenRequest>(1, frame).unwrap();
    assert_eq!(response.outcome, Err(ErrorCode::DELEGATION_TOKEN_AUTHORIZATION_FAILED));
    let frame = || hex("00000001 003e ffffffffffffffff 00000000");
    let renewed = decode::<RenewDelegationTokenRequest>(1, frame()).unwrap();
    assert_eq!(renewed.outcome, Err(ErrorCode::DELEGATION_TOKEN_NOT_FOUND));
    let expired = decode::<ExpireDelegationTokenRequest>(1, frame()).unwrap();
    assert_eq!(expired.outcome, Err(ErrorCode::DELEGATION_TOKEN_NOT_FOUND));
    let described =
        decode::<DescribeDelegationTokenRequest>(1, hex("00000001 003d 00000000 00000000")).unwrap();
    assert_eq!(described.outcome, Err(ErrorCode::DELEGATION_TOKEN_AUTH_DISABLED));
}

#[test]
fn no_secret_is_shown() {
    let token = "05 55736572 06 616c696365 0000000000000001 0000000000000002 0000000000000003 03 6964 07 736563726574 01 00";
    let frame = hex(&format!("00000001 00 0000 02 {token} 00000000 00"));
    let response = decode::<DescribeDelegationTokenRequest>(2, frame).unwrap();
    let shown = format!("{response:?}");
    assert!(shown.contains("alice") && !shown.contains("secret") && !shown.contains("115"), "{shown}");
}

#[test]
fn refuses_what_the_guard_or_the_decoder_refuses() {
    let bad = |field, fault| Error::BadField { api: ApiKey::SaslHandshake, version: 1, field, fault };
    let refused = |frame| decode::<SaslHandshakeRequest>(1, hex(frame)).unwrap_err();
    let huge = Fault::TooLong { got: 0x7fff_ffff, left: 0 };
    assert_eq!(refused("00000001 0000 7fffffff"), bad("mechanisms", huge));
    assert_eq!(refused("00000001 0000 ffffffff"), bad("mechanisms", Fault::Null));
    let trailing = Error::TrailingBytes { api: ApiKey::SaslHandshake, version: 1, left: 2 };
    assert_eq!(refused("00000001 0000 00000000 0000"), trailing);
    let unknown = Error::Malformed { api: ApiKey::SaslHandshake, version: 9 };
    assert_eq!(decode::<SaslHandshakeRequest>(9, hex("00000001 0000 00000000")), Err(unknown));
    assert_eq!(correlation_id(&[1, 2, 3]), Err(Error::NoCorrelationId { left: 3 }));
}

#[test]
fn the_generated_decoder_has_the_last_word() {
    // The tagged field 0 of a whole Fetch response came with version 16.
    let frame = hex("00000001 00 00000000 0000 00000000 01 01 00 01 01 ");
    assert_eq!(decode::<FetchRequest>(12, frame), Err(Error::Malformed { api: ApiKey::Fetch, version: 12 }));
}

#[test]
fn the_time_to_wait_is_bounded_and_never_fails() {
    let metadata = |frame| throttle_time(ApiKey::Metadata, 6, &hex(frame));
    assert_eq!(metadata("00000001 000003e8"), Duration::from_secs(1));
    assert_eq!(metadata("00000001 7fffffff"), Duration::from_secs(300));
    assert_eq!(metadata("00000001 ffffffff"), Duration::ZERO);
    assert_eq!(metadata("00000001 0000"), Duration::ZERO);
    assert_eq!(throttle_time(ApiKey::Metadata, 5, &hex("00000001 000003e8")), Duration::ZERO);
    let renewed = hex("00000001 00 0000 0000000000000000 000003e8 01 09 01 ff");
    assert_eq!(throttle_time(ApiKey::RenewDelegationToken, 2, &renewed), Duration::from_secs(1));
}

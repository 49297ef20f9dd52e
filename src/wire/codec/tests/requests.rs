use super::*;

#[test]
fn the_header_has_tagged_fields_in_flexible_versions_only() {
    let request = SaslAuthenticateRequest { auth_bytes: Secret::from("abc") };
    assert_eq!(sent_body(&request, 1, "0024 0001 00000000 0002 6d65"), *hex("00000003 616263"));
    assert_eq!(sent_body(&request, 2, "0024 0002 00000000 0002 6d65 00"), *hex("04 616263 00"));
}

#[test]
fn a_handshake_names_the_mechanism() {
    let request = SaslHandshakeRequest { mechanism: "PLAIN".to_owned() };
    assert_eq!(sent_body(&request, 1, "0011 0001 00000000 0002 6d65"), *hex("0005 504c41494e"));
}

#[test]
fn api_versions_names_this_library_from_version_3_on() {
    assert_eq!(sent_body(&ApiVersionsRequest, 0, "0012 0000 00000000 0002 6d65"), [0; 0]);
    let body = sent_body(&ApiVersionsRequest, 4, "0012 0004 00000000 0002 6d65 00");
    let version = env!("CARGO_PKG_VERSION");
    let length = u8::try_from(version.len() + 1).unwrap();
    assert_eq!(body, [&[6][..], b"ottla", &[length], version.as_bytes(), &[0]].concat());
}

#[test]
fn metadata_never_creates_topics() {
    let header = "0003 0004 00000000 0002 6d65";
    let all = MetadataRequest { topics: None };
    assert_eq!(sent_body(&all, 4, header), *hex("ffffffff 00"));
    let none = MetadataRequest { topics: Some(Vec::new()) };
    assert_eq!(sent_body(&none, 4, header), *hex("00000000 00"));
    let one = MetadataRequest { topics: Some(vec!["t".into()]) };
    let body = sent_body(&one, 12, "0003 000c 00000000 0002 6d65 00");
    assert_eq!(body, *hex("02 | 00000000000000000000000000000000 02 74 00 | 00 00 00"));
}

fn fetch() -> FetchRequest {
    let partition = FetchPartition {
        partition: 3,
        offset: 100,
        current_leader_epoch: Some(LeaderEpoch(5)),
        last_fetched_epoch: Some(LeaderEpoch(4)),
        max_bytes: 1 << 20,
    };
    FetchRequest {
        max_wait: Duration::from_millis(500),
        min_bytes: 1,
        max_bytes: 1 << 21,
        isolation_level: IsolationLevel::ReadCommitted,
        topics: vec![FetchTopic { topic: "t".into(), id: None, partitions: vec![partition] }],
    }
}

#[test]
fn a_fetch_has_no_session_and_no_epoch_where_there_is_no_field() {
    let body = sent_body(&fetch(), 4, "0001 0004 00000000 0002 6d65");
    let fields = "ffffffff 000001f4 00000001 00200000 01";
    let partition = "00000003 0000000000000064 00100000";
    assert_eq!(body, *hex(&format!("{fields} | 00000001 0001 74 00000001 {partition}")));

    let body = sent_body(&fetch(), 12, "0001 000c 00000000 0002 6d65 00");
    let partition = "00000003 00000005 0000000000000064 00000004 ffffffffffffffff 00100000 00";
    let session = "00000000 ffffffff";
    assert_eq!(body, *hex(&format!("{fields} {session} | 02 02 74 02 {partition} 00 | 01 | 01 | 00")));
}

#[test]
fn a_fetch_names_topics_by_their_ids_if_it_has_them_all() {
    let mut request = fetch();
    assert_eq!(request.highest_version(), 12);
    request.topics[0].id = TopicId::new(42);
    assert_eq!(request.highest_version(), 17);
    let partition = "00000003 00000005 0000000000000064 00000004 ffffffffffffffff 00100000 00";
    let topics = format!("02 0000000000000000000000000000002a 02 {partition} 00 | 01 | 01 | 00");
    let body = sent_body(&request, 13, "0001 000d 00000000 0002 6d65 00");
    let fields = "ffffffff 000001f4 00000001 00200000 01 00000000 ffffffff";
    assert_eq!(body, *hex(&format!("{fields} | {topics}")));
    let body = sent_body(&request, 17, "0001 0011 00000000 0002 6d65 00");
    let fields = "000001f4 00000001 00200000 01 00000000 ffffffff";
    assert_eq!(body, *hex(&format!("{fields} | {topics}")));
}

#[test]
fn the_end_of_an_epoch_is_asked_for_as_a_consumer() {
    let asked = |partition| EpochTopic {
        topic: "t".into(),
        partitions: vec![EpochPartition {
            partition,
            current_leader_epoch: Some(LeaderEpoch(5)),
            epoch: LeaderEpoch(4),
        }],
    };
    let mut request = OffsetForLeaderEpochRequest { topics: vec![asked(3)] };
    request.add(asked(4));
    let body = sent_body(&request, 2, "0017 0002 00000000 0002 6d65");
    let partitions = "00000002 00000003 00000005 00000004 00000004 00000005 00000004";
    assert_eq!(body, *hex(&format!("00000001 0001 74 {partitions}")));
    let body = sent_body(&request, 4, "0017 0004 00000000 0002 6d65 00");
    let partitions = "03 00000003 00000005 00000004 00 00000004 00000005 00000004 00";
    assert_eq!(body, *hex(&format!("ffffffff 02 02 74 {partitions} 00 00")));
}

#[test]
fn offsets_are_asked_for_by_kafkas_negative_times() {
    let millis = |at| {
        let partition = ListOffsetsPartition { partition: 0, current_leader_epoch: None, at };
        let topics = vec![ListOffsetsTopic { topic: "t".into(), partitions: vec![partition] }];
        let request = ListOffsetsRequest { isolation_level: IsolationLevel::ReadUncommitted, topics };
        let body = sent_body(&request, 4, "0002 0004 00000000 0002 6d65");
        i64::from_be_bytes(*body.last_chunk().unwrap())
    };
    assert_eq!(millis(OffsetAt::Earliest), -2);
    assert_eq!(millis(OffsetAt::Latest), -1);
    assert_eq!(millis(OffsetAt::Time(Timestamp::from_millis(77))), 77);
    assert_eq!(millis(OffsetAt::Time(Timestamp::from_millis(-1))), 0);
}

#[test]
fn topics_are_created_with_the_brokers_defaults() {
    let configs = vec![("k".to_owned(), "v".to_owned())];
    let topic = NewTopic { name: "t".into(), partitions: None, replication_factor: None, configs };
    let request =
        CreateTopicsRequest { topics: vec![topic], timeout: Duration::from_secs(1), validate_only: true };
    let body = sent_body(&request, 4, "0013 0004 00000000 0002 6d65");
    let topic = "0001 74 ffffffff ffff 00000000 00000001 0001 6b 0001 76";
    assert_eq!(body, *hex(&format!("00000001 {topic} | 000003e8 01")));
}

#[test]
fn topics_are_deleted_by_name() {
    let request = DeleteTopicsRequest { topics: vec!["t".into()], timeout: Duration::MAX };
    let body = sent_body(&request, 5, "0014 0005 00000000 0002 6d65 00");
    assert_eq!(body, *hex("02 02 74 | 7fffffff 00"));
}

fn create(owner: Option<Principal>, max_lifetime: Option<Duration>) -> CreateDelegationTokenRequest {
    CreateDelegationTokenRequest { owner, renewers: vec![Principal::user("bob")], max_lifetime }
}

#[test]
fn a_token_without_owner_and_lifetime_leaves_both_to_the_broker() {
    let renewer = "0004 55736572 0003 626f62";
    let body = sent_body(&create(None, None), 1, "0026 0001 00000000 0002 6d65");
    assert_eq!(body, *hex(&format!("00000001 {renewer} | ffffffffffffffff")));
    let body = sent_body(&create(None, None), 3, "0026 0003 00000000 0002 6d65 00");
    assert_eq!(body, *hex("00 00 | 02 05 55736572 04 626f62 00 | ffffffffffffffff 00"));
}

#[test]
fn an_owner_is_named_in_version_3_and_refused_below() {
    let request = create(Some(alice()), Some(Duration::ZERO));
    let body = sent_body(&request, 3, "0026 0003 00000000 0002 6d65 00");
    let owner = "05 55736572 06 616c696365";
    assert_eq!(body, *hex(&format!("{owner} | 02 05 55736572 04 626f62 00 | 0000000000000001 00")));
    let refused =
        |version| Error::NotInVersion { api: ApiKey::CreateDelegationToken, version, field: "owner" };
    for version in [1, 2] {
        assert_eq!(encode(&request, version, "me").unwrap_err(), refused(version));
    }
}

#[test]
fn renewing_and_expiring_send_the_hmac_and_a_period() {
    let hmac = || Secret::from("h");
    let renew = |period| {
        let request = RenewDelegationTokenRequest { hmac: hmac(), period };
        sent_body(&request, 2, "0027 0002 00000000 0002 6d65 00")
    };
    assert_eq!(renew(None), *hex("02 68 ffffffffffffffff 00"));
    assert_eq!(renew(Some(Duration::ZERO)), *hex("02 68 0000000000000001 00"));
    assert_eq!(renew(Some(Duration::MAX)), *hex("02 68 7fffffffffffffff 00"));
    let expire = |expiry| {
        let request = ExpireDelegationTokenRequest { hmac: hmac(), expiry };
        sent_body(&request, 1, "0028 0001 00000000 0002 6d65")
    };
    assert_eq!(expire(Expiry::Delete), *hex("00000001 68 ffffffffffffffff"));
    assert_eq!(expire(Expiry::After(Duration::ZERO)), *hex("00000001 68 0000000000000000"));
    assert_eq!(expire(Expiry::After(Duration::from_secs(2))), *hex("00000001 68 00000000000007d0"));
}

#[test]
fn describing_everybody_is_null_and_nobody_is_an_empty_list() {
    let body = |owners| {
        let request = DescribeDelegationTokenRequest { owners };
        sent_body(&request, 2, "0029 0002 00000000 0002 6d65 00")
    };
    assert_eq!(body(None), *hex("00 00"));
    assert_eq!(body(Some(Vec::new())), *hex("01 00"));
    assert_eq!(body(Some(vec![alice()])), *hex("02 05 55736572 06 616c696365 00 00"));
}

#[test]
fn refuses_what_does_not_fit_into_the_format() {
    let unencodable = Error::Unencodable { api: ApiKey::SaslHandshake, version: 1 };
    let request = SaslHandshakeRequest { mechanism: "x".repeat(40_000) };
    assert_eq!(encode(&request, 1, "me").unwrap_err(), unencodable);
    let request = SaslHandshakeRequest { mechanism: "PLAIN".to_owned() };
    assert_eq!(encode(&request, 1, &"x".repeat(40_000)).unwrap_err(), unencodable);
    let unknown = Error::Unencodable { api: ApiKey::SaslHandshake, version: 0 };
    assert_eq!(encode(&request, 0, "me").unwrap_err(), unknown);
}

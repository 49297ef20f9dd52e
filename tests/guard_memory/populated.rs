//! Responses in which every field is set, encoded by Kafka's own schemas.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_delegation_token_response::{
    DescribedDelegationToken, DescribedDelegationTokenRenewer,
};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint as FetchNode,
    PartitionData, SnapshotId,
};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset as EpochEnd, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch as NewLeader, NodeEndpoint, PartitionProduceResponse,
    TopicProduceResponse,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, CreateDelegationTokenResponse, CreateTopicsResponse,
    DeleteTopicsResponse, DescribeDelegationTokenResponse, ExpireDelegationTokenResponse, FetchResponse,
    InitProducerIdResponse, ListOffsetsResponse, MetadataResponse, OffsetForLeaderEpochResponse,
    ProduceResponse, ProducerId, RenewDelegationTokenResponse, ResponseHeader, SaslAuthenticateResponse,
    SaslHandshakeResponse, TopicName,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use uuid::Uuid;

/// The time to wait that every response asks for, where it has the field.
pub(crate) const THROTTLE_MILLIS: i32 = 1234;

/// The whole frame after the length.
pub(crate) fn frame(api_code: i16, version: i16) -> Bytes {
    let api = ApiKey::try_from(api_code).unwrap();
    match api {
        ApiKey::Produce => framed(api, version, &produce(version)),
        ApiKey::InitProducerId => framed(api, version, &init_producer_id()),
        ApiKey::Fetch => framed(api, version, &fetch(version)),
        ApiKey::ListOffsets => framed(api, version, &list_offsets()),
        ApiKey::OffsetForLeaderEpoch => framed(api, version, &epoch_ends()),
        ApiKey::Metadata => framed(api, version, &metadata(version)),
        ApiKey::SaslHandshake => framed(api, version, &sasl_handshake()),
        ApiKey::ApiVersions => framed(api, version, &api_versions(version)),
        ApiKey::CreateTopics => framed(api, version, &create_topics(version)),
        ApiKey::DeleteTopics => framed(api, version, &delete_topics(version)),
        ApiKey::SaslAuthenticate => framed(api, version, &sasl_authenticate()),
        ApiKey::CreateDelegationToken => framed(api, version, &create_token(version)),
        ApiKey::RenewDelegationToken => framed(api, version, &renewed()),
        ApiKey::ExpireDelegationToken => framed(api, version, &expired()),
        ApiKey::DescribeDelegationToken => framed(api, version, &describe_tokens(version)),
        other => panic!("the client does not call {other:?}"),
    }
}

pub(crate) fn framed(api: ApiKey, version: i16, response: &impl Encodable) -> Bytes {
    let mut frame = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(7);
    header.encode(&mut frame, api.response_header_version(version)).unwrap();
    response.encode(&mut frame, version).unwrap();
    frame.freeze()
}

fn produce(version: i16) -> ProduceResponse {
    let partition = |index: i32| {
        let mut partition = PartitionProduceResponse::default()
            .with_index(index)
            .with_error_code(6)
            .with_base_offset(-1)
            .with_log_append_time_ms(1_700_000_000_000);
        if version >= 5 {
            partition = partition.with_log_start_offset(3);
        }
        if version >= 8 {
            let wrong = BatchIndexAndErrorMessage::default()
                .with_batch_index(4)
                .with_batch_index_error_message(Some(text("no key")));
            partition = partition
                .with_record_errors(vec![wrong.clone(), wrong.with_batch_index_error_message(None)])
                .with_error_message(Some(text("words")));
        }
        if version >= 9 {
            partition = partition.with_unknown_tagged_field(40, unknown_field());
        }
        if version >= 10 {
            let leader = NewLeader::default().with_leader_id(BrokerId(2)).with_leader_epoch(9);
            partition = partition.with_current_leader(leader);
        }
        partition
    };
    let topics = ["orders", "payments"].map(|name| {
        TopicProduceResponse::default()
            .with_name(topic(name))
            .with_partition_responses(vec![partition(0), partition(1)])
    });
    let response =
        ProduceResponse::default().with_throttle_time_ms(THROTTLE_MILLIS).with_responses(topics.into());
    if version < 10 {
        return response;
    }
    let node = NodeEndpoint::default()
        .with_node_id(BrokerId(2))
        .with_host(text("broker.example"))
        .with_port(9093)
        .with_rack(Some(text("rack-a")));
    response.with_node_endpoints(vec![node.clone(), node.with_rack(None)])
}

fn init_producer_id() -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_throttle_time_ms(THROTTLE_MILLIS)
        .with_producer_id(ProducerId(4711))
        .with_producer_epoch(3)
}

fn sasl_handshake() -> SaslHandshakeResponse {
    SaslHandshakeResponse::default().with_mechanisms(vec![text("GSSAPI"), text("SCRAM-SHA-512")])
}

fn sasl_authenticate() -> SaslAuthenticateResponse {
    SaslAuthenticateResponse::default()
        .with_error_message(Some(text("words")))
        .with_auth_bytes(Bytes::from_static(b"v=proof"))
        .with_session_lifetime_ms(60_000)
}

fn renewed() -> RenewDelegationTokenResponse {
    RenewDelegationTokenResponse::default()
        .with_expiry_timestamp_ms(1_700_000_000_000)
        .with_throttle_time_ms(THROTTLE_MILLIS)
}

fn expired() -> ExpireDelegationTokenResponse {
    ExpireDelegationTokenResponse::default()
        .with_expiry_timestamp_ms(1_700_000_000_000)
        .with_throttle_time_ms(THROTTLE_MILLIS)
}

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn topic(name: &'static str) -> TopicName {
    TopicName(text(name))
}

fn hmac() -> Bytes {
    Bytes::from_static(&[0x5a; 64])
}

fn unknown_field() -> Bytes {
    Bytes::from_static(b"from a later version")
}

fn fetch(version: i16) -> FetchResponse {
    let partition = |index| {
        let mut partition = PartitionData::default()
            .with_partition_index(index)
            .with_high_watermark(100)
            .with_last_stable_offset(90)
            .with_log_start_offset(1)
            .with_aborted_transactions(Some(vec![
                AbortedTransaction::default()
                    .with_producer_id(ProducerId(9))
                    .with_first_offset(5);
                2
            ]))
            .with_records(Some(Bytes::from_static(&[0; 200])));
        if version >= 11 {
            partition = partition.with_preferred_read_replica(BrokerId(2));
        }
        if version >= 12 {
            partition = partition
                .with_diverging_epoch(EpochEndOffset::default().with_epoch(3).with_end_offset(4))
                .with_current_leader(
                    LeaderIdAndEpoch::default().with_leader_id(BrokerId(1)).with_leader_epoch(6),
                )
                .with_snapshot_id(SnapshotId::default().with_end_offset(7).with_epoch(8))
                .with_unknown_tagged_field(40, unknown_field());
        }
        partition
    };
    let topics = [("orders", 1), ("payments", 2)].map(|(name, id)| {
        let named = match version {
            13.. => FetchableTopicResponse::default().with_topic_id(Uuid::from_u128(id)),
            _ => FetchableTopicResponse::default().with_topic(topic(name)),
        };
        named.with_partitions(vec![partition(0), partition(1), partition(2).with_records(None)])
    });
    let mut response =
        FetchResponse::default().with_throttle_time_ms(THROTTLE_MILLIS).with_responses(topics.into());
    if version >= 16 {
        let node = FetchNode::default()
            .with_node_id(BrokerId(2))
            .with_host(text("broker.example"))
            .with_port(9093)
            .with_rack(Some(text("rack-a")));
        response = response.with_node_endpoints(vec![node.clone(), node.with_rack(None)]);
    }
    if version >= 7 { response.with_error_code(0).with_session_id(0) } else { response }
}

fn epoch_ends() -> OffsetForLeaderEpochResponse {
    let partition = EpochEnd::default().with_partition(1).with_leader_epoch(3).with_end_offset(42);
    let told =
        OffsetForLeaderTopicResult::default().with_topic(topic("orders")).with_partitions(vec![partition; 3]);
    OffsetForLeaderEpochResponse::default().with_throttle_time_ms(THROTTLE_MILLIS).with_topics(vec![told; 2])
}

fn list_offsets() -> ListOffsetsResponse {
    let partition = ListOffsetsPartitionResponse::default()
        .with_partition_index(1)
        .with_timestamp(1_700_000_000_000)
        .with_offset(42)
        .with_leader_epoch(3);
    let listed =
        ListOffsetsTopicResponse::default().with_name(topic("orders")).with_partitions(vec![partition; 3]);
    ListOffsetsResponse::default().with_throttle_time_ms(THROTTLE_MILLIS).with_topics(vec![listed; 2])
}

fn metadata(version: i16) -> MetadataResponse {
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(1))
        .with_host(text("broker.example"))
        .with_port(9093)
        .with_rack(Some(text("rack-a")));
    let partition = MetadataResponsePartition::default()
        .with_partition_index(1)
        .with_leader_id(BrokerId(1))
        .with_leader_epoch(4)
        .with_replica_nodes(vec![BrokerId(1), BrokerId(2), BrokerId(3)])
        .with_isr_nodes(vec![BrokerId(1)])
        .with_offline_replicas(vec![BrokerId(3)]);
    let mut listed = MetadataResponseTopic::default()
        .with_name(Some(topic("orders")))
        .with_is_internal(true)
        .with_partitions(vec![partition; 3]);
    if version >= 8 {
        listed = listed.with_topic_authorized_operations(7);
    }
    if version >= 9 {
        listed = listed.with_unknown_tagged_field(3, unknown_field());
    }
    let response = MetadataResponse::default()
        .with_throttle_time_ms(THROTTLE_MILLIS)
        .with_brokers(vec![broker; 3])
        .with_cluster_id(Some(text("cluster")))
        .with_controller_id(BrokerId(1))
        .with_topics(vec![listed; 2]);
    if (8..=10).contains(&version) { response.with_cluster_authorized_operations(7) } else { response }
}

fn api_versions(version: i16) -> ApiVersionsResponse {
    let keys = (0..60).map(|key| ApiVersion::default().with_api_key(key).with_max_version(9));
    let mut response = ApiVersionsResponse::default().with_api_keys(keys.collect());
    if version >= 1 {
        response = response.with_throttle_time_ms(THROTTLE_MILLIS);
    }
    if version >= 3 {
        let supported =
            SupportedFeatureKey::default().with_name(text("metadata.version")).with_max_version(20);
        let finalized =
            FinalizedFeatureKey::default().with_name(text("metadata.version")).with_max_version_level(20);
        response = response
            .with_supported_features(vec![supported; 2])
            .with_finalized_features_epoch(77)
            .with_finalized_features(vec![finalized; 2])
            .with_zk_migration_ready(true)
            .with_unknown_tagged_field(9, unknown_field());
    }
    response
}

fn create_topics(version: i16) -> CreateTopicsResponse {
    let mut created = CreatableTopicResult::default()
        .with_name(topic("orders"))
        .with_error_code(36)
        .with_error_message(Some(text("is there")));
    if version >= 5 {
        let config = CreatableTopicConfigs::default()
            .with_name(text("retention.ms"))
            .with_value(Some(text("1000")))
            .with_read_only(true)
            .with_is_sensitive(true);
        created = created
            .with_topic_config_error_code(29)
            .with_num_partitions(3)
            .with_replication_factor(2)
            .with_configs(Some(vec![config; 3]));
    }
    CreateTopicsResponse::default().with_throttle_time_ms(THROTTLE_MILLIS).with_topics(vec![created; 3])
}

fn delete_topics(version: i16) -> DeleteTopicsResponse {
    let mut deleted = DeletableTopicResult::default().with_name(Some(topic("orders"))).with_error_code(3);
    if version >= 5 {
        deleted = deleted.with_error_message(Some(text("is not there")));
    }
    DeleteTopicsResponse::default().with_throttle_time_ms(THROTTLE_MILLIS).with_responses(vec![deleted; 3])
}

fn create_token(version: i16) -> CreateDelegationTokenResponse {
    let response = CreateDelegationTokenResponse::default()
        .with_principal_type(text("User"))
        .with_principal_name(text("alice"))
        .with_issue_timestamp_ms(1_700_000_000_000)
        .with_expiry_timestamp_ms(1_700_086_400_000)
        .with_max_timestamp_ms(1_700_604_800_000)
        .with_token_id(text("tDW8gGjmTQ2sOGgYRZBUIg"))
        .with_hmac(hmac())
        .with_throttle_time_ms(THROTTLE_MILLIS);
    if version < 3 {
        return response;
    }
    response
        .with_token_requester_principal_type(text("User"))
        .with_token_requester_principal_name(text("bob"))
}

fn describe_tokens(version: i16) -> DescribeDelegationTokenResponse {
    let renewer = DescribedDelegationTokenRenewer::default()
        .with_principal_type(text("User"))
        .with_principal_name(text("carol"));
    let mut token = DescribedDelegationToken::default()
        .with_principal_type(text("User"))
        .with_principal_name(text("alice"))
        .with_issue_timestamp(1_700_000_000_000)
        .with_expiry_timestamp(1_700_086_400_000)
        .with_max_timestamp(1_700_604_800_000)
        .with_token_id(text("tDW8gGjmTQ2sOGgYRZBUIg"))
        .with_hmac(hmac())
        .with_renewers(vec![renewer; 2]);
    if version >= 3 {
        token = token
            .with_token_requester_principal_type(text("User"))
            .with_token_requester_principal_name(text("bob"));
    }
    DescribeDelegationTokenResponse::default()
        .with_throttle_time_ms(THROTTLE_MILLIS)
        .with_tokens(vec![token; 2])
}

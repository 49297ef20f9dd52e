//! Requests of every API and version are walked over to their last byte.

use bytes::BytesMut;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Encodable, Message};

use super::Api;
use crate::shape::Malformed;

/// Encodes a request in every version that is offered, walks over it, over all its beginnings, and
/// over it with every byte set to the greatest.
fn walk<A: Api>(request: impl Fn(i16) -> A::Request) {
    let offered = A::Request::VERSIONS;
    for version in offered.min..=offered.max {
        let mut body = BytesMut::new();
        request(version).encode(&mut body, version).unwrap();
        assert_eq!(A::SHAPE.check(version, &body), Ok(body.len()), "version {version}");
        for length in 0..body.len() {
            assert_eq!(A::SHAPE.check(version, &body[..length]), Err(Malformed), "version {version}");
        }
        for at in 0..body.len() {
            let mut damaged = body.clone();
            damaged[at..].fill(0xff);
            let _ = A::SHAPE.check(version, &damaged);
        }
    }
}

fn name() -> TopicName {
    super::topic("orders".into())
}

#[test]
fn produce_requests_are_walked_to_their_end() {
    use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
    walk::<super::api_00_produce::Produce>(|version| {
        let data = PartitionProduceData::default().with_index(3).with_records(Some("records".into()));
        let topic = TopicProduceData::default().with_partition_data(vec![data.clone(), data]);
        let topic = if version < 13 { topic.with_name(name()) } else { topic };
        ProduceRequest::default().with_topic_data(vec![topic])
    });
}

#[test]
fn fetch_requests_are_walked_to_their_end() {
    use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
    walk::<super::api_01_fetch::Fetch>(|version| {
        let topic = FetchTopic::default().with_partitions(vec![FetchPartition::default(); 2]);
        let forgotten = ForgottenTopic::default().with_partitions(vec![1, 2]);
        let request = FetchRequest::default().with_topics(vec![if version < 13 {
            topic.with_topic(name())
        } else {
            topic
        }]);
        match version {
            ..=6 => request,
            7..=12 => request.with_forgotten_topics_data(vec![forgotten.with_topic(name())]),
            _ => request.with_forgotten_topics_data(vec![forgotten]),
        }
    });
}

#[test]
fn requests_about_partitions_are_walked_to_their_end() {
    use kafka_protocol::messages::{list_offsets_request as l, offset_for_leader_epoch_request as e};
    walk::<super::api_02_list_offsets::ListOffsets>(|_| {
        ListOffsetsRequest::default().with_topics(vec![
            l::ListOffsetsTopic::default()
                .with_name(name())
                .with_partitions(vec![l::ListOffsetsPartition::default(); 2]),
        ])
    });
    walk::<super::api_23_offset_for_leader_epoch::OffsetForLeaderEpoch>(|_| {
        OffsetForLeaderEpochRequest::default().with_topics(vec![
            e::OffsetForLeaderTopic::default()
                .with_topic(name())
                .with_partitions(vec![e::OffsetForLeaderPartition::default(); 2]),
        ])
    });
}

#[test]
fn requests_about_topics_are_walked_to_their_end() {
    use kafka_protocol::messages::{
        create_topics_request as c, delete_topics_request as d, metadata_request as m,
    };
    walk::<super::api_03_metadata::Metadata>(|_| {
        let topic = m::MetadataRequestTopic::default().with_name(Some(name()));
        MetadataRequest::default().with_topics(Some(vec![topic]))
    });
    walk::<super::api_19_create_topics::CreateTopics>(|_| {
        let assignment = c::CreatableReplicaAssignment::default().with_broker_ids(vec![1.into(), 2.into()]);
        let config = c::CreatableTopicConfig::default().with_name("a".into()).with_value(Some("b".into()));
        CreateTopicsRequest::default().with_topics(vec![
            c::CreatableTopic::default()
                .with_name(name())
                .with_assignments(vec![assignment])
                .with_configs(vec![config]),
        ])
    });
    walk::<super::api_20_delete_topics::DeleteTopics>(|version| {
        let request = DeleteTopicsRequest::default();
        if version < 6 {
            request.with_topic_names(vec![name()])
        } else {
            request.with_topics(vec![d::DeleteTopicState::default().with_name(Some(name()))])
        }
    });
}

#[test]
fn requests_about_groups_are_walked_to_their_end() {
    use kafka_protocol::messages::{offset_commit_request as c, offset_fetch_request as f};
    walk::<super::api_08_offset_commit::OffsetCommit>(|_| {
        let partition = c::OffsetCommitRequestPartition::default().with_committed_metadata(Some("m".into()));
        OffsetCommitRequest::default().with_topics(vec![
            c::OffsetCommitRequestTopic::default().with_name(name()).with_partitions(vec![partition]),
        ])
    });
    walk::<super::api_09_offset_fetch::OffsetFetch>(|version| {
        let request = OffsetFetchRequest::default();
        if version < 8 {
            let topic = f::OffsetFetchRequestTopic::default().with_name(name());
            return request.with_topics(Some(vec![topic.with_partition_indexes(vec![1])]));
        }
        let topic = f::OffsetFetchRequestTopics::default().with_name(name());
        let topic = topic.with_partition_indexes(vec![1, 2]);
        request.with_groups(vec![f::OffsetFetchRequestGroup::default().with_topics(Some(vec![topic]))])
    });
    walk::<super::api_10_find_coordinator::FindCoordinator>(|version| {
        let request = FindCoordinatorRequest::default();
        if version < 4 {
            request.with_key("g".into())
        } else {
            request.with_coordinator_keys(vec!["g".into()])
        }
    });
    walk::<super::api_22_init_producer_id::InitProducerId>(|_| {
        InitProducerIdRequest::default().with_transactional_id(Some(TransactionalId("t".into())))
    });
}

#[test]
fn requests_of_logins_are_walked_to_their_end() {
    walk::<super::api_17_sasl_handshake::SaslHandshake>(|_| {
        SaslHandshakeRequest::default().with_mechanism("PLAIN".into())
    });
    walk::<super::api_18_api_versions::ApiVersions>(|version| {
        let request = ApiVersionsRequest::default();
        if version < 3 { request } else { request.with_client_software_name("ottla".into()) }
    });
    walk::<super::api_36_sasl_authenticate::SaslAuthenticate>(|_| {
        SaslAuthenticateRequest::default().with_auth_bytes("secret".into())
    });
}

#[test]
fn requests_about_tokens_are_walked_to_their_end() {
    use kafka_protocol::messages::{
        create_delegation_token_request as c, describe_delegation_token_request as d,
    };
    walk::<super::api_38_create_delegation_token::CreateToken>(|version| {
        let renewer = c::CreatableRenewers::default().with_principal_name("bob".into());
        let request = CreateDelegationTokenRequest::default().with_renewers(vec![renewer]);
        if version < 3 { request } else { request.with_owner_principal_name(Some("bob".into())) }
    });
    walk::<super::api_39_renew_delegation_token::RenewToken>(|_| {
        RenewDelegationTokenRequest::default().with_hmac("hmac".into())
    });
    walk::<super::api_40_expire_delegation_token::ExpireToken>(|_| {
        ExpireDelegationTokenRequest::default().with_hmac("hmac".into())
    });
    walk::<super::api_41_describe_delegation_token::DescribeTokens>(|_| {
        let owner = d::DescribeDelegationTokenOwner::default().with_principal_name("bob".into());
        DescribeDelegationTokenRequest::default().with_owners(Some(vec![owner]))
    });
}

#[test]
fn a_count_without_elements_is_refused_before_memory_is_reserved() {
    // Metadata version 1: two thousand million topics.
    let shape = super::api_03_metadata::Metadata::SHAPE;
    assert_eq!(shape.check(1, &i32::MAX.to_be_bytes()), Err(Malformed));
    // Version 9: the same, compact.
    assert_eq!(shape.check(9, &[0xff, 0xff, 0xff, 0xff, 0x07, 0, 0, 0, 0]), Err(Malformed));
}

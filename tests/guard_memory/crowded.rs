//! Well-formed responses with as many elements as their bytes can hold: what costs a decoder most.

use bytes::Bytes;
use kafka_protocol::messages::api_versions_response::{ApiVersion, SupportedFeatureKey};
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_delegation_token_response::{
    DescribedDelegationToken, DescribedDelegationTokenRenewer,
};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, FetchableTopicResponse, NodeEndpoint as FetchNode, PartitionData,
};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, CreateTopicsResponse, DeleteTopicsResponse,
    DescribeDelegationTokenResponse, FetchResponse, ListOffsetsResponse, MetadataResponse,
    OffsetForLeaderEpochResponse, ProduceResponse, SaslHandshakeResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::populated::framed;

const CROWD: usize = 3000;

/// A frame for each kind of element of the response, none for responses without arrays.
pub(crate) fn frames(api_code: i16, version: i16) -> Vec<Bytes> {
    match ApiKey::try_from(api_code).unwrap() {
        ApiKey::Produce => produce(version),
        ApiKey::Fetch => fetch(version),
        ApiKey::ListOffsets => list_offsets(version),
        ApiKey::OffsetForLeaderEpoch => epoch_ends(version),
        ApiKey::Metadata => metadata(version),
        ApiKey::SaslHandshake => {
            let response = SaslHandshakeResponse::default().with_mechanisms(vec![StrBytes::new(); CROWD]);
            vec![framed(ApiKey::SaslHandshake, version, &response)]
        }
        ApiKey::ApiVersions => api_versions(version),
        ApiKey::CreateTopics => create_topics(version),
        ApiKey::DeleteTopics => {
            let deleted = DeletableTopicResult::default().with_name(Some(TopicName::default()));
            let response = DeleteTopicsResponse::default().with_responses(vec![deleted; CROWD]);
            vec![framed(ApiKey::DeleteTopics, version, &response)]
        }
        ApiKey::DescribeDelegationToken => describe_tokens(version),
        _ => Vec::new(),
    }
}

fn produce(version: i16) -> Vec<Bytes> {
    let topic = TopicProduceResponse::default();
    let partition = PartitionProduceResponse::default().with_error_message(None);
    let mut crowds = vec![
        vec![topic.clone(); CROWD],
        vec![topic.clone().with_partition_responses(vec![partition.clone(); CROWD])],
    ];
    if version >= 8 {
        let wrong = BatchIndexAndErrorMessage::default().with_batch_index_error_message(None);
        let crowd = partition.with_record_errors(vec![wrong; CROWD]);
        crowds.push(vec![topic.with_partition_responses(vec![crowd])]);
    }
    let mut responses: Vec<_> =
        crowds.into_iter().map(|topics| ProduceResponse::default().with_responses(topics)).collect();
    if version >= 10 {
        let nodes = vec![NodeEndpoint::default().with_rack(None); CROWD];
        responses.push(ProduceResponse::default().with_node_endpoints(nodes));
    }
    responses.iter().map(|response| framed(ApiKey::Produce, version, response)).collect()
}

fn fetch(version: i16) -> Vec<Bytes> {
    let topic = FetchableTopicResponse::default();
    let partition = PartitionData::default();
    let aborted =
        PartitionData::default().with_aborted_transactions(Some(vec![AbortedTransaction::default(); CROWD]));
    let mut crowds = vec![
        vec![topic.clone(); CROWD],
        vec![topic.clone().with_partitions(vec![partition; CROWD])],
        vec![topic.clone().with_partitions(vec![aborted])],
    ];
    if version >= 12 {
        crowds.push(vec![topic.with_unknown_tagged_field(9, Bytes::new()); CROWD]);
    }
    let response = |topics| FetchResponse::default().with_responses(topics);
    let mut responses: Vec<_> = crowds.into_iter().map(response).collect();
    if version >= 16 {
        let nodes = vec![FetchNode::default().with_rack(None); CROWD];
        responses.push(FetchResponse::default().with_node_endpoints(nodes));
    }
    responses.iter().map(|response| framed(ApiKey::Fetch, version, response)).collect()
}

fn epoch_ends(version: i16) -> Vec<Bytes> {
    let topic = OffsetForLeaderTopicResult::default();
    let partition = EpochEndOffset::default();
    let crowds = [vec![topic.clone(); CROWD], vec![topic.with_partitions(vec![partition; CROWD])]];
    let response = |topics| OffsetForLeaderEpochResponse::default().with_topics(topics);
    crowds
        .into_iter()
        .map(|topics| framed(ApiKey::OffsetForLeaderEpoch, version, &response(topics)))
        .collect()
}

fn list_offsets(version: i16) -> Vec<Bytes> {
    let topic = ListOffsetsTopicResponse::default();
    let partition = ListOffsetsPartitionResponse::default();
    let crowds = [vec![topic.clone(); CROWD], vec![topic.with_partitions(vec![partition; CROWD])]];
    let response = |topics| ListOffsetsResponse::default().with_topics(topics);
    crowds.into_iter().map(|topics| framed(ApiKey::ListOffsets, version, &response(topics))).collect()
}

fn metadata(version: i16) -> Vec<Bytes> {
    let topic = MetadataResponseTopic::default().with_name(Some(TopicName::default()));
    let partition = MetadataResponsePartition::default();
    let replicas = partition.clone().with_replica_nodes(vec![BrokerId(1); CROWD]);
    let brokers = vec![MetadataResponseBroker::default().with_rack(None); CROWD];
    let topics = [
        vec![topic.clone(); CROWD],
        vec![topic.clone().with_partitions(vec![partition; CROWD])],
        vec![topic.with_partitions(vec![replicas])],
    ];
    let mut responses: Vec<_> =
        topics.into_iter().map(|topics| MetadataResponse::default().with_topics(topics)).collect();
    responses.push(MetadataResponse::default().with_brokers(brokers));
    responses.iter().map(|response| framed(ApiKey::Metadata, version, response)).collect()
}

fn api_versions(version: i16) -> Vec<Bytes> {
    let keys = ApiVersionsResponse::default().with_api_keys(vec![ApiVersion::default(); CROWD]);
    let mut responses = vec![keys];
    if version >= 3 {
        let features = vec![SupportedFeatureKey::default(); CROWD];
        responses.push(ApiVersionsResponse::default().with_supported_features(features));
        let tagged = ApiVersion::default().with_unknown_tagged_field(0, Bytes::new());
        responses.push(ApiVersionsResponse::default().with_api_keys(vec![tagged; CROWD]));
        let mut tags = ApiVersionsResponse::default();
        for tag in 10..i32::try_from(CROWD).unwrap() {
            tags = tags.with_unknown_tagged_field(tag, Bytes::new());
        }
        responses.push(tags);
    }
    responses.iter().map(|response| framed(ApiKey::ApiVersions, version, response)).collect()
}

fn create_topics(version: i16) -> Vec<Bytes> {
    let topic = CreatableTopicResult::default().with_error_message(None);
    let mut crowds = vec![vec![topic.clone(); CROWD]];
    if version >= 5 {
        let config = CreatableTopicConfigs::default();
        crowds.push(vec![topic.with_configs(Some(vec![config; CROWD]))]);
    }
    let response = |topics| CreateTopicsResponse::default().with_topics(topics);
    crowds.into_iter().map(|topics| framed(ApiKey::CreateTopics, version, &response(topics))).collect()
}

fn describe_tokens(version: i16) -> Vec<Bytes> {
    let token = DescribedDelegationToken::default();
    let renewer = DescribedDelegationTokenRenewer::default();
    let crowds = [vec![token.clone(); CROWD], vec![token.with_renewers(vec![renewer; CROWD])]];
    let response = |tokens| DescribeDelegationTokenResponse::default().with_tokens(tokens);
    crowds
        .into_iter()
        .map(|tokens| framed(ApiKey::DescribeDelegationToken, version, &response(tokens)))
        .collect()
}

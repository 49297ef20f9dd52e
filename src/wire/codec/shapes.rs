//! The shapes of the responses that this client reads, after the schemas in Kafka's
//! `clients/src/main/resources/common/message`.
//!
//! Stricter than those where this client never asks for what may be null: topics go by name in all
//! but Fetch.

use std::mem::size_of;

use kafka_protocol::messages as kafka;

use super::{
    api_versions, create_topics, describe_delegation_token, fetch, list_offsets, metadata,
    offset_for_leader_epoch, produce,
};
use crate::ids::Principal;
use crate::wire::api::ApiKey;
use crate::wire::guard::{
    BOOL, Field, INT8, INT16, INT32, INT64, Kind, Shape, TEXT, UUID, blob, field, list, text,
};

/// The shape of the response of an API.
pub(super) fn of(api: ApiKey) -> &'static Shape {
    match api {
        ApiKey::Produce => &Shape { flexible_from: 9, fields: PRODUCE },
        ApiKey::Fetch => &Shape { flexible_from: 12, fields: FETCH },
        ApiKey::ListOffsets => &Shape { flexible_from: 6, fields: LIST_OFFSETS },
        ApiKey::Metadata => &Shape { flexible_from: 9, fields: METADATA },
        ApiKey::SaslHandshake => &Shape { flexible_from: i16::MAX, fields: SASL_HANDSHAKE },
        ApiKey::ApiVersions => &Shape { flexible_from: 3, fields: API_VERSIONS },
        ApiKey::CreateTopics => &Shape { flexible_from: 5, fields: CREATE_TOPICS },
        ApiKey::DeleteTopics => &Shape { flexible_from: 4, fields: DELETE_TOPICS },
        ApiKey::InitProducerId => &Shape { flexible_from: 2, fields: INIT_PRODUCER_ID },
        ApiKey::OffsetForLeaderEpoch => &Shape { flexible_from: 4, fields: OFFSET_FOR_LEADER_EPOCH },
        ApiKey::SaslAuthenticate => &Shape { flexible_from: 2, fields: SASL_AUTHENTICATE },
        ApiKey::CreateDelegationToken => &Shape { flexible_from: 2, fields: CREATE_DELEGATION_TOKEN },
        ApiKey::RenewDelegationToken | ApiKey::ExpireDelegationToken => {
            &Shape { flexible_from: 2, fields: NEW_EXPIRY }
        }
        ApiKey::DescribeDelegationToken => &Shape { flexible_from: 2, fields: DESCRIBE_DELEGATION_TOKEN },
    }
}

/// What an element takes in memory: the generated type and ours stand side by side for a moment.
const fn both<Generated, Ours>() -> usize {
    size_of::<Generated>() + size_of::<Ours>()
}

/// What an element takes that has no counterpart among our types.
const fn dropped<Generated>() -> usize {
    size_of::<Generated>()
}

const INT32S: usize = dropped::<i32>();

const PRODUCE: &[Field] = &[
    list(
        "responses",
        &Kind::Struct(&[
            text("name").until(12),
            field("topic_id", UUID).since(13),
            list(
                "partition_responses",
                &Kind::Struct(PRODUCE_PARTITION),
                both::<kafka::produce_response::PartitionProduceResponse, produce::ProducedPartition>(),
            ),
        ]),
        both::<kafka::produce_response::TopicProduceResponse, produce::ProducedTopic>(),
    ),
    field("throttle_time_ms", INT32).since(1),
    list("node_endpoints", &Kind::Struct(NODE_ENDPOINT), dropped::<kafka::produce_response::NodeEndpoint>())
        .since(10)
        .tagged(0),
];

/// A leader's address (KIP-951).
const NODE_ENDPOINT: &[Field] =
    &[field("node_id", INT32), text("host"), field("port", INT32), text("rack").nullable_from(0)];

const PRODUCE_PARTITION: &[Field] = &[
    field("index", INT32),
    field("error_code", INT16),
    field("base_offset", INT64),
    field("log_append_time_ms", INT64).since(2),
    field("log_start_offset", INT64).since(5),
    list(
        "record_errors",
        &Kind::Struct(&[field("batch_index", INT32), text("batch_index_error_message").nullable_from(8)]),
        both::<kafka::produce_response::BatchIndexAndErrorMessage, (i32, Option<Box<str>>)>(),
    )
    .since(8),
    text("error_message").since(8).nullable_from(8),
    field("current_leader", Kind::Struct(&[field("leader_id", INT32), field("leader_epoch", INT32)]))
        .since(10)
        .tagged(0),
];

const INIT_PRODUCER_ID: &[Field] = &[
    field("throttle_time_ms", INT32),
    field("error_code", INT16),
    field("producer_id", INT64),
    field("producer_epoch", INT16),
];

const FETCH: &[Field] = &[
    field("throttle_time_ms", INT32).since(1),
    field("error_code", INT16).since(7),
    field("session_id", INT32).since(7),
    list(
        "responses",
        &Kind::Struct(&[
            text("topic").until(12),
            field("topic_id", UUID).since(13),
            list(
                "partitions",
                &Kind::Struct(FETCH_PARTITION),
                both::<kafka::fetch_response::PartitionData, fetch::FetchedPartition>(),
            ),
        ]),
        both::<kafka::fetch_response::FetchableTopicResponse, fetch::FetchedTopic>(),
    ),
    list("node_endpoints", &Kind::Struct(NODE_ENDPOINT), dropped::<kafka::fetch_response::NodeEndpoint>())
        .since(16)
        .tagged(0),
];

const FETCH_PARTITION: &[Field] = &[
    field("partition_index", INT32),
    field("error_code", INT16),
    field("high_watermark", INT64),
    field("last_stable_offset", INT64).since(4),
    field("log_start_offset", INT64).since(5),
    list(
        "aborted_transactions",
        &Kind::Struct(&[field("producer_id", INT64), field("first_offset", INT64)]),
        both::<kafka::fetch_response::AbortedTransaction, fetch::AbortedTransaction>(),
    )
    .since(4)
    .nullable_from(4),
    field("preferred_read_replica", INT32).since(11),
    blob("records").nullable_from(0),
    field("diverging_epoch", Kind::Struct(&[field("epoch", INT32), field("end_offset", INT64)]))
        .since(12)
        .tagged(0),
    field("current_leader", Kind::Struct(&[field("leader_id", INT32), field("leader_epoch", INT32)]))
        .since(12)
        .tagged(1),
    field("snapshot_id", Kind::Struct(&[field("end_offset", INT64), field("epoch", INT32)]))
        .since(12)
        .tagged(2),
];

const OFFSET_FOR_LEADER_EPOCH: &[Field] = &[
    field("throttle_time_ms", INT32),
    list(
        "topics",
        &Kind::Struct(&[
            text("topic"),
            list(
                "partitions",
                &Kind::Struct(&[
                    field("error_code", INT16),
                    field("partition", INT32),
                    field("leader_epoch", INT32),
                    field("end_offset", INT64),
                ]),
                both::<
                    kafka::offset_for_leader_epoch_response::EpochEndOffset,
                    offset_for_leader_epoch::PartitionEnd,
                >(),
            ),
        ]),
        both::<
            kafka::offset_for_leader_epoch_response::OffsetForLeaderTopicResult,
            offset_for_leader_epoch::EpochEnds,
        >(),
    ),
];

const LIST_OFFSETS: &[Field] = &[
    field("throttle_time_ms", INT32).since(2),
    list(
        "topics",
        &Kind::Struct(&[
            text("name"),
            list(
                "partitions",
                &Kind::Struct(&[
                    field("partition_index", INT32),
                    field("error_code", INT16),
                    field("timestamp", INT64).since(1),
                    field("offset", INT64).since(1),
                    field("leader_epoch", INT32).since(4),
                ]),
                both::<kafka::list_offsets_response::ListOffsetsPartitionResponse, list_offsets::ListedOffset>(
                ),
            ),
        ]),
        both::<kafka::list_offsets_response::ListOffsetsTopicResponse, list_offsets::ListedTopic>(),
    ),
];

const METADATA: &[Field] = &[
    field("throttle_time_ms", INT32).since(3),
    list(
        "brokers",
        &Kind::Struct(&[
            field("node_id", INT32),
            text("host"),
            field("port", INT32),
            text("rack").since(1).nullable_from(1),
        ]),
        both::<kafka::metadata_response::MetadataResponseBroker, metadata::Broker>(),
    ),
    text("cluster_id").since(2).nullable_from(2),
    field("controller_id", INT32).since(1),
    list(
        "topics",
        &Kind::Struct(METADATA_TOPIC),
        both::<kafka::metadata_response::MetadataResponseTopic, metadata::Topic>(),
    ),
    field("cluster_authorized_operations", INT32).since(8).until(10),
    field("error_code", INT16).since(13),
];

const METADATA_TOPIC: &[Field] = &[
    field("error_code", INT16),
    text("name"),
    field("topic_id", UUID).since(10),
    field("is_internal", BOOL).since(1),
    list(
        "partitions",
        &Kind::Struct(&[
            field("error_code", INT16),
            field("partition_index", INT32),
            field("leader_id", INT32),
            field("leader_epoch", INT32).since(7),
            list("replica_nodes", &INT32, INT32S),
            list("isr_nodes", &INT32, INT32S),
            list("offline_replicas", &INT32, INT32S).since(5),
        ]),
        both::<kafka::metadata_response::MetadataResponsePartition, metadata::Partition>(),
    ),
    field("topic_authorized_operations", INT32).since(8),
];

const SASL_HANDSHAKE: &[Field] =
    &[field("error_code", INT16), list("mechanisms", &TEXT, both::<kafka::TopicName, String>())];

const API_VERSIONS: &[Field] = &[
    field("error_code", INT16),
    list(
        "api_keys",
        &Kind::Struct(&[field("api_key", INT16), field("min_version", INT16), field("max_version", INT16)]),
        both::<kafka::api_versions_response::ApiVersion, api_versions::ApiVersionRange>(),
    ),
    field("throttle_time_ms", INT32).since(1),
    list(
        "supported_features",
        &Kind::Struct(&[text("name"), field("min_version", INT16), field("max_version", INT16)]),
        dropped::<kafka::api_versions_response::SupportedFeatureKey>(),
    )
    .since(3)
    .tagged(0),
    field("finalized_features_epoch", INT64).since(3).tagged(1),
    list(
        "finalized_features",
        &Kind::Struct(&[text("name"), field("max_version_level", INT16), field("min_version_level", INT16)]),
        dropped::<kafka::api_versions_response::FinalizedFeatureKey>(),
    )
    .since(3)
    .tagged(2),
    field("zk_migration_ready", BOOL).since(3).tagged(3),
];

const CREATE_TOPICS: &[Field] = &[
    field("throttle_time_ms", INT32).since(2),
    list(
        "topics",
        &Kind::Struct(&[
            text("name"),
            field("topic_id", UUID).since(7),
            field("error_code", INT16),
            text("error_message").since(1).nullable_from(0),
            field("topic_config_error_code", INT16).since(5).tagged(0),
            field("num_partitions", INT32).since(5),
            field("replication_factor", INT16).since(5),
            list(
                "configs",
                &Kind::Struct(CREATED_TOPIC_CONFIG),
                dropped::<kafka::create_topics_response::CreatableTopicConfigs>(),
            )
            .since(5)
            .nullable_from(5),
        ]),
        both::<kafka::create_topics_response::CreatableTopicResult, create_topics::TopicOutcome>(),
    ),
];

const CREATED_TOPIC_CONFIG: &[Field] = &[
    text("name"),
    text("value").nullable_from(5),
    field("read_only", BOOL),
    field("config_source", INT8),
    field("is_sensitive", BOOL),
];

const DELETE_TOPICS: &[Field] = &[
    field("throttle_time_ms", INT32).since(1),
    list(
        "responses",
        &Kind::Struct(&[
            text("name"),
            field("error_code", INT16),
            text("error_message").since(5).nullable_from(5),
        ]),
        both::<kafka::delete_topics_response::DeletableTopicResult, create_topics::TopicOutcome>(),
    ),
];

const SASL_AUTHENTICATE: &[Field] = &[
    field("error_code", INT16),
    text("error_message").nullable_from(0),
    blob("auth_bytes"),
    field("session_lifetime_ms", INT64).since(1),
];

const CREATE_DELEGATION_TOKEN: &[Field] = &[
    field("error_code", INT16),
    text("principal_type"),
    text("principal_name"),
    text("token_requester_principal_type").since(3),
    text("token_requester_principal_name").since(3),
    field("issue_timestamp_ms", INT64),
    field("expiry_timestamp_ms", INT64),
    field("max_timestamp_ms", INT64),
    text("token_id"),
    blob("hmac"),
    field("throttle_time_ms", INT32),
];

const NEW_EXPIRY: &[Field] =
    &[field("error_code", INT16), field("expiry_timestamp_ms", INT64), field("throttle_time_ms", INT32)];

const DESCRIBE_DELEGATION_TOKEN: &[Field] = &[
    field("error_code", INT16),
    list(
        "tokens",
        &Kind::Struct(DESCRIBED_TOKEN),
        both::<
            kafka::describe_delegation_token_response::DescribedDelegationToken,
            describe_delegation_token::DescribedToken,
        >(),
    ),
    field("throttle_time_ms", INT32),
];

const DESCRIBED_TOKEN: &[Field] = &[
    text("principal_type"),
    text("principal_name"),
    text("token_requester_principal_type").since(3),
    text("token_requester_principal_name").since(3),
    field("issue_timestamp", INT64),
    field("expiry_timestamp", INT64),
    field("max_timestamp", INT64),
    text("token_id"),
    blob("hmac"),
    list(
        "renewers",
        &Kind::Struct(&[text("principal_type"), text("principal_name")]),
        both::<kafka::describe_delegation_token_response::DescribedDelegationTokenRenewer, Principal>(),
    ),
];

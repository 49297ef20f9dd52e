//! Real Apache Kafka as a target: the clusters of the lab.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::sync::Arc;

use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterPartitionReassignmentsRequest, BrokerId, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use ottla_lab::{Listener, Profile};
use ottla_testkit::Protocol;

use super::conformance::target::{Kafka, Place, Right, Setting, Target};
use super::support::raw::Raw;

pub(crate) struct Real {
    version: String,
}

struct RealPlace(ottla_lab::Cluster);

impl Real {
    pub(crate) fn of(version: &str) -> Self {
        Self { version: version.to_owned() }
    }
}

impl Target for Real {
    fn name(&self) -> String {
        format!("Kafka {}", self.version)
    }

    fn kafka(&self) -> Kafka {
        if self.version.starts_with("3.") { Kafka::V3_9 } else { Kafka::V4 }
    }

    fn is_embedded(&self) -> bool {
        false
    }

    fn place(&self, setting: Setting) -> Arc<dyn Place> {
        let profile = match setting {
            Setting::Day => Profile::Default,
            Setting::ShortToken => Profile::ShortToken,
            Setting::LongSweep => Profile::LongSweep,
            Setting::NoSecret => Profile::NoSecret,
            Setting::Reauth5s => Profile::Reauth5s,
            Setting::AuthDelay => Profile::AuthDelay,
        };
        let cluster = ottla_lab::cluster_of_version(profile, &self.version);
        Arc::new(RealPlace(cluster.unwrap_or_else(|error| panic!("{error}"))))
    }
}

fn listener(protocol: Protocol) -> Listener {
    match protocol {
        Protocol::Plaintext => Listener::Plaintext,
        Protocol::Ssl => Listener::Ssl,
        Protocol::SaslPlaintext => Listener::SaslPlaintext,
        Protocol::SaslSsl => Listener::SaslSsl,
    }
}

impl Place for RealPlace {
    fn brokers(&self) -> u16 {
        self.0.brokers()
    }

    fn port(&self, broker: u16, protocol: Protocol) -> u16 {
        let address = self.0.address(broker, listener(protocol)).unwrap();
        address.rsplit(':').next().unwrap().parse().unwrap()
    }

    fn server_name(&self, broker: u16) -> String {
        let address = self.0.address(broker, Listener::Ssl).unwrap();
        address.split(':').next().unwrap().to_owned()
    }

    fn ca_pem(&self) -> String {
        fs::read_to_string(self.0.ca_pem_path()).unwrap()
    }

    fn identity(&self, user: &str) -> (String, String) {
        let (certificate, key) = self.0.certificate(user);
        (fs::read_to_string(certificate).unwrap(), fs::read_to_string(key).unwrap())
    }

    fn stranger(&self, name: &str) -> Raw {
        Raw::anybody(&self.0, 1, name)
    }

    fn allow(&self, user: &str, right: Right<'_>) {
        let user = format!("User:{user}");
        let (operation, kind, name) = match right {
            Right::CreateFor(owner) => ("CREATE_TOKENS", "USER", format!("User:{owner}")),
            Right::DescribeOf(owner) => ("DESCRIBE_TOKENS", "USER", format!("User:{owner}")),
            Right::Describe(id) => ("DESCRIBE", "DELEGATION_TOKEN", id.to_owned()),
        };
        self.0.admin(&["allow", &user, operation, kind, &name]).unwrap_or_else(|error| panic!("{error}"));
    }

    fn clean(&self, _topic: &str) {
        // `log.cleaner.backoff.ms` is 15 s, so it will be done by then.
    }

    fn move_leader(&self, topic: &str, to: u16) {
        let to = BrokerId(to.into());
        let partition =
            ReassignablePartition::default().with_partition_index(0).with_replicas(Some(vec![to]));
        let topic = ReassignableTopic::default()
            .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
            .with_partitions(vec![partition]);
        let request = AlterPartitionReassignmentsRequest::default().with_timeout_ms(30_000);
        let mut raw = (self as &dyn Place).open(1, Protocol::Plaintext);
        let told = raw.call(0, &request.with_topics(vec![topic])).unwrap();
        let refused = told.responses.iter().flat_map(|topic| &topic.partitions).find(|it| it.error_code != 0);
        assert_eq!((told.error_code, refused), (0, None));
    }

    fn bound(&self, client_id: &str, quota: &'static str, bytes_per_second: u32) {
        let entity = EntityData::default()
            .with_entity_type(StrBytes::from_static_str("client-id"))
            .with_entity_name(Some(StrBytes::from_string(client_id.to_owned())));
        let quota =
            OpData::default().with_key(StrBytes::from_static_str(quota)).with_value(bytes_per_second.into());
        let entry = EntryData::default().with_entity(vec![entity]).with_ops(vec![quota]);
        let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
        let told = (self as &dyn Place).open(1, Protocol::Plaintext).call(1, &request).unwrap();
        let refused = told.entries.iter().find(|entry| entry.error_code != 0);
        assert_eq!(refused, None);
    }

    fn deny(&self, _topic: &str) {
        // Users may what an ACL says, and there is none.
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    fn killed(&self) -> u64 {
        self.0.metric_sum("expired-connections-killed-count").unwrap() as u64
    }
}

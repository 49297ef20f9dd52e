//! The embedded broker as a target: over sockets, since facts are asked without async.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use ottla_testkit::{
    BrokerId, Cluster, ClusterBuilder, KafkaVersion, Principal, Protocol, Quota, TokenRight, TopicOperation,
};
use tokio::runtime::Runtime;

use super::super::support::raw::Raw;
use super::target::{Kafka, Place, Right, Setting, Target};

pub(crate) struct Embedded {
    version: KafkaVersion,
    places: Mutex<BTreeMap<Setting, Arc<EmbeddedPlace>>>,
}

struct EmbeddedPlace(Cluster);

const USERS: [&str; 3] = ["alice", "bob", "admin"];

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

impl Embedded {
    pub(crate) fn new(version: KafkaVersion) -> Self {
        Self { version, places: Mutex::default() }
    }

    fn builder(&self, setting: Setting) -> ClusterBuilder {
        let seconds = Duration::from_secs;
        let mut builder = Cluster::builder()
            .kafka(self.version)
            .brokers(if setting == Setting::Day { 3 } else { 1 })
            .super_user(Principal::user("admin"))
            .super_user(Principal::user("ANONYMOUS"))
            .failed_authentication_delay(Duration::ZERO)
            .token_propagation(Duration::from_millis(40));
        for protocol in [Protocol::Plaintext, Protocol::Ssl, Protocol::SaslPlaintext, Protocol::SaslSsl] {
            builder = builder.listener(protocol);
        }
        for user in USERS {
            builder = builder.user(user, format!("{user}-secret"));
        }
        match setting {
            Setting::Day => builder,
            Setting::ShortToken => {
                builder.token_expiry(seconds(30)).token_max_lifetime(seconds(60)).token_sweep(seconds(1))
            }
            Setting::LongSweep => builder.token_expiry(seconds(3)).token_max_lifetime(seconds(86_400)),
            Setting::NoSecret => builder.without_token_secret(),
            Setting::Reauth5s => builder.max_reauth(seconds(5)),
            Setting::AuthDelay => builder.failed_authentication_delay(Duration::from_millis(100)),
        }
    }
}

impl Target for Embedded {
    fn name(&self) -> String {
        match self.version {
            KafkaVersion::V3_9 => "embedded 3.9".to_owned(),
            KafkaVersion::V4_3 => "embedded 4.3".to_owned(),
        }
    }

    fn kafka(&self) -> Kafka {
        if self.version == KafkaVersion::V3_9 { Kafka::V3_9 } else { Kafka::V4 }
    }

    fn is_embedded(&self) -> bool {
        true
    }

    fn place(&self, setting: Setting) -> Arc<dyn Place> {
        let mut places = self.places.lock().unwrap();
        let start = || {
            let builder = self.builder(setting);
            Arc::new(EmbeddedPlace(runtime().block_on(builder.start_tcp()).unwrap()))
        };
        places.entry(setting).or_insert_with(start).clone()
    }
}

impl Place for EmbeddedPlace {
    fn brokers(&self) -> u16 {
        u16::try_from(self.0.bootstrap(Protocol::Plaintext).unwrap().split(',').count()).unwrap()
    }

    fn port(&self, broker: u16, protocol: Protocol) -> u16 {
        self.0.address(BrokerId(broker.into()), protocol).unwrap().1
    }

    fn server_name(&self, _broker: u16) -> String {
        "127.0.0.1".to_owned()
    }

    fn ca_pem(&self) -> String {
        self.0.ca_pem().to_owned()
    }

    fn identity(&self, user: &str) -> (String, String) {
        let identity = self.0.client_identity(user).unwrap();
        (identity.certificate_pem, identity.key_pem)
    }

    fn stranger(&self, name: &str) -> Raw {
        self.0.set_password(name, &format!("{name}-secret"));
        (self as &dyn Place).user(name)
    }

    fn allow(&self, user: &str, right: Right<'_>) {
        let right = match right {
            Right::CreateFor(owner) => TokenRight::CreateFor(Principal::user(owner)),
            Right::DescribeOf(owner) => TokenRight::DescribeOf(Principal::user(owner)),
            Right::Describe(id) => TokenRight::Describe(id.to_owned()),
        };
        self.0.allow(Principal::user(user), right);
    }

    fn clean(&self, topic: &str) {
        self.0.clean(topic, 0).unwrap();
    }

    fn move_leader(&self, topic: &str, to: u16) {
        self.0.move_leader(topic, 0, BrokerId(to.into())).unwrap();
    }

    fn bound(&self, client_id: &str, quota: &'static str, bytes_per_second: u32) {
        let quota = match quota {
            "consumer_byte_rate" => Quota::ConsumerByteRate,
            "producer_byte_rate" => Quota::ProducerByteRate,
            other => panic!("no quota {other}"),
        };
        self.0.set_quota(quota, Some(client_id), Some(bytes_per_second.into()));
    }

    fn deny(&self, topic: &str) {
        for operation in [TopicOperation::Read, TopicOperation::Write] {
            self.0.set_denied(topic, operation, true);
        }
    }

    fn killed(&self) -> u64 {
        self.0.counters().expired_connections_killed
    }
}

//! Where the job runs: on brokers inside this process, or on a cluster that is there.

use std::error::Error;
use std::time::Duration;

use ottla::{Config, Credentials, ScramMechanism, Security, Target, Tls};
use ottla_testkit::{Protocol, Record};

use crate::arguments::{Arguments, Elsewhere};
use crate::show::Show;

type Failure = Box<dyn Error + Send + Sync>;

pub(crate) struct Stage {
    /// How the driver logs in.
    pub(crate) driver: Config,
    /// Where executors use the token.
    pub(crate) target: Target,
    pub(crate) topic: String,
    /// How the driver has logged in, in words.
    pub(crate) login: &'static str,
    /// The brokers, if they are in this process. They end with it.
    pub(crate) embedded: Option<ottla_testkit::Cluster>,
}

const PARTITIONS: u32 = 12;
/// Bytes of a record's value.
const VALUE: usize = 100;
/// Records of one batch, as a producer in a hurry makes them.
const BATCH: u32 = 250;

/// Short enough to see a token renewed, replaced and deleted within the run.
const TOKEN_EXPIRY: Duration = Duration::from_secs(4);
const TOKEN_MAX: Duration = Duration::from_secs(8);

impl Stage {
    pub(crate) async fn set(arguments: &Arguments, show: &Show) -> Result<Self, Failure> {
        match &arguments.elsewhere {
            Some(elsewhere) => Self::elsewhere(elsewhere, show),
            None => Self::embedded(arguments.records, show).await,
        }
    }

    async fn embedded(records: u32, show: &Show) -> Result<Self, Failure> {
        let cluster = ottla_testkit::Cluster::builder()
            .brokers(3)
            .listener(Protocol::SaslSsl)
            .user("alice", "alice-secret")
            .token_expiry(TOKEN_EXPIRY)
            .token_max_lifetime(TOKEN_MAX)
            .token_sweep(Duration::from_secs(1))
            .token_propagation(Duration::from_millis(80))
            .start_tcp()
            .await?;
        let bootstrap = cluster.bootstrap(Protocol::SaslSsl)?;
        show.event("brokers", &format!("three listen with TLS on {bootstrap}"));
        let topic = "orders".to_owned();
        fill(&cluster, &topic, records)?;
        show.event("brokers", &format!("topic {topic} has {records} records in {PARTITIONS} partitions"));
        let tls = Tls::builder().with_roots_pem(cluster.ca_pem().as_bytes()).build()?;
        let alice = Credentials::Scram {
            mechanism: ScramMechanism::Sha512,
            user: "alice".to_owned(),
            password: "alice-secret".into(),
        };
        let driver = Config::new(bootstrap.parse()?, Security::Tls(tls), alice);
        let target = Target::of(&driver);
        let login = "logged in as alice by SCRAM (by keytab once there is an embedded KDC)";
        Ok(Self { driver, target, topic, login, embedded: Some(cluster) })
    }

    fn elsewhere(elsewhere: &Elsewhere, show: &Show) -> Result<Self, Failure> {
        let mut properties = std::fs::read(&elsewhere.config)?;
        // The last of two lines wins.
        properties.extend_from_slice(format!("\nbootstrap.servers={}\n", elsewhere.brokers).as_bytes());
        let (driver, warnings) = Config::from_properties(&properties)?;
        for warning in warnings {
            show.event("driver", &format!("{}: {warning}", elsewhere.config.display()));
        }
        let target = Target::of(&driver);
        let topic = elsewhere.topic.clone();
        Ok(Self { driver, target, topic, login: "logged in", embedded: None })
    }
}

/// Writes the records, as even as can be. Each value tells where it belongs.
fn fill(cluster: &ottla_testkit::Cluster, topic: &str, records: u32) -> Result<(), Failure> {
    cluster.create_topic(topic, i32::try_from(PARTITIONS)?, 3)?;
    for partition in 0..PARTITIONS {
        let mut left = records / PARTITIONS + u32::from(partition < records % PARTITIONS);
        let mut next = 0_u32;
        while left > 0 {
            let count = left.min(BATCH);
            let batch: Vec<Record> = (next..next + count).map(|offset| record(partition, offset)).collect();
            cluster.write(topic, i32::try_from(partition)?, &batch)?;
            (left, next) = (left - count, next + count);
        }
    }
    Ok(())
}

fn record(partition: u32, offset: u32) -> Record {
    let mut value = format!("order {offset} of partition {partition} ").into_bytes();
    value.resize(VALUE, b'.');
    Record::value(value)
}

//! Where the job runs: on brokers inside this process, or on a cluster that is there.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla::{Config, Connect, Connecting, Credentials, Kerberos, Security, Target, TcpConnector, Tls};
use ottla_testkit::kdc::{Account, Kdc};
use ottla_testkit::{Protocol, Record};
use tempfile::TempDir;

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
    /// The servers, if they are in this process. They end with it.
    pub(crate) embedded: Option<Embedded>,
}

pub(crate) struct Embedded {
    pub(crate) brokers: ottla_testkit::Cluster,
    pub(crate) kdc: Kdc,
    pub(crate) driver_at_kdc: Counted,
    /// The driver's keytab and krb5.conf: all that is ever written to a disk.
    _files: TempDir,
}

/// Connects by TCP, and counts how often: whatever reaches the KDC otherwise is not the driver's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted(Arc<AtomicU64>);

impl Counted {
    pub(crate) fn connections(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Connect for Counted {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { TcpConnector::new().connect(host, port).await })
    }
}

const REALM: &str = "EXAMPLE.TEST";
const DRIVER: &str = "driver@EXAMPLE.TEST";

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
        let kdc =
            Kdc::builder().realm(REALM).account(Account::user(DRIVER, "driver-secret")).start_tcp().await?;
        let (host, port) = kdc.address(REALM)?;
        show.event("kdc", &format!("of {REALM} listens on {host}:{port}"));
        let brokers = ottla_testkit::Cluster::builder()
            .brokers(3)
            .listener(Protocol::SaslSsl)
            .kerberos(&kdc, REALM)
            .token_expiry(TOKEN_EXPIRY)
            .token_max_lifetime(TOKEN_MAX)
            .token_sweep(Duration::from_secs(1))
            .token_propagation(Duration::from_millis(80))
            .start_tcp()
            .await?;
        let bootstrap = brokers.bootstrap(Protocol::SaslSsl)?;
        show.event("brokers", &format!("three listen with TLS on {bootstrap}"));
        let topic = "orders".to_owned();
        fill(&brokers, &topic, records)?;
        show.event("brokers", &format!("topic {topic} has {records} records in {PARTITIONS} partitions"));
        let files = TempDir::new()?;
        let (keytab, krb5_conf) = (files.path().join("driver.keytab"), files.path().join("krb5.conf"));
        kdc.write_keytab(&keytab, &[DRIVER])?;
        kdc.write_krb5_conf(&krb5_conf)?;
        let tls = Tls::builder().with_roots_pem(brokers.ca_pem().as_bytes()).build()?;
        let driver_at_kdc = Counted::default();
        let keytab = Kerberos::keytab(DRIVER, keytab).with_krb5_conf(krb5_conf);
        let keytab = keytab.with_kdc_connector(driver_at_kdc.clone());
        let driver = Config::new(bootstrap.parse()?, Security::Tls(tls), Credentials::Kerberos(keytab));
        let target = Target::of(&driver);
        let embedded = Some(Embedded { brokers, kdc, driver_at_kdc, _files: files });
        Ok(Self { driver, target, topic, login: "logged in by keytab as driver@EXAMPLE.TEST", embedded })
    }

    fn elsewhere(elsewhere: &Elsewhere, show: &Show) -> Result<Self, Failure> {
        let mut properties = std::fs::read(&elsewhere.config)?;
        // The last of two lines wins.
        properties.extend_from_slice(format!("\nbootstrap.servers={}\n", elsewhere.brokers).as_bytes());
        let (driver, warnings) = Config::from_properties(&properties)?;
        for warning in warnings {
            show.event("driver", &format!("{}: {warning}", elsewhere.config.display()));
        }
        let connector = elsewhere
            .resolve
            .iter()
            .fold(TcpConnector::new(), |connector, (name, address)| connector.with_name(name, *address));
        let driver = driver.with_connector(connector);
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

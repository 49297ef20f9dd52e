//! Logins by Kerberos to the testkit's brokers and KDC: in memory, under a paused clock.
#![cfg(feature = "kerberos")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::{Duration, SystemTime};

use ottla::ids::TopicPartition;
use ottla::time::{Clock, Timestamp};
use ottla::{
    Cluster, Config, Connect, Connecting, Credentials, Error, ErrorKind, Kerberos, NewToken, Security,
    Stream, TokenKeeper,
};
use ottla_testkit::kdc::{Account, Kdc};
use ottla_testkit::{BrokerId, ClusterBuilder};
use support::embedded::{self, SASL};

const REALM: &str = "EXAMPLE.TEST";
const DRIVER: &str = "driver@EXAMPLE.TEST";

/// Opens pipes to the KDCs.
#[derive(Clone, Debug)]
struct KdcPipes(ottla_testkit::kdc::Connector);

impl Connect for KdcPipes {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move { Ok(Box::new(self.0.connect(host, port).await?) as Box<dyn Stream>) })
    }
}

/// The time of the KDC, which goes with tokio's, and some seconds more.
#[derive(Clone)]
struct Ahead(std::sync::Arc<Kdc>, i64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        let since = self.0.now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap() + self.1 * 1000)
    }
}

/// Brokers, KDC, and the files of a client.
struct World {
    kdc: std::sync::Arc<Kdc>,
    brokers: ottla_testkit::Cluster,
    files: tempfile::TempDir,
}

impl World {
    fn new(change: impl FnOnce(ClusterBuilder) -> ClusterBuilder) -> Self {
        let kdc = Kdc::builder()
            .realm(REALM)
            .realm("OTHER.TEST")
            .trust("OTHER.TEST", REALM)
            .host_realm("broker-1", REALM)
            .account(Account::user(DRIVER, "driver-secret"))
            .account(Account::user("guest@OTHER.TEST", "guest-secret"))
            .start_in_memory()
            .unwrap();
        let brokers = change(embedded::builder().kerberos(&kdc, REALM)).start_in_memory().unwrap();
        let files = tempfile::tempdir().unwrap();
        kdc.write_krb5_conf(files.path().join("krb5.conf")).unwrap();
        kdc.write_keytab(files.path().join("driver.keytab"), &[DRIVER]).unwrap();
        Self { kdc: std::sync::Arc::new(kdc), brokers, files }
    }

    fn with(&self, kerberos: Kerberos, seconds: i64) -> Kerberos {
        kerberos
            .with_krb5_conf(self.files.path().join("krb5.conf"))
            .with_kdc_connector(KdcPipes(self.kdc.connector()))
            .with_clock(Ahead(std::sync::Arc::clone(&self.kdc), seconds))
    }

    /// A keytab login, with a clock that is ahead by some seconds.
    fn driver(&self, seconds: i64) -> Kerberos {
        self.with(Kerberos::keytab(DRIVER, self.files.path().join("driver.keytab")), seconds)
    }

    fn config(&self, kerberos: &Kerberos) -> Config {
        embedded::config(&self.brokers, Credentials::Kerberos(kerberos.clone()))
    }

    async fn connect(&self, kerberos: &Kerberos) -> Result<Cluster, Error> {
        Cluster::connect(self.config(kerberos)).await
    }
}

async fn reach_all(cluster: &Cluster, topic: &str) {
    for partition in 0..3 {
        embedded::touch(cluster, &TopicPartition::new(topic, partition)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_keytab_becomes_a_token_and_the_kdc_sees_one_login() {
    let world = World::new(|brokers| brokers);
    embedded::fill(&world.brokers, "orders", 3, 10);
    let driver = world.connect(&world.driver(0)).await.unwrap();
    reach_all(&driver, "orders").await;
    let token = driver.create_delegation_token(NewToken::new()).await.unwrap();
    assert_eq!(token.owner().unwrap().to_string(), "User:driver");
    let executor = embedded::executor(&world.brokers, ottla::TokenSource::fixed(token)).await.unwrap();
    let seen = embedded::read_all(&executor, "orders").await.unwrap();
    assert_eq!(seen, embedded::every_offset(3, 10));
    let counted = world.kdc.counters();
    // A service ticket for each of the three brokers, and none for the executor.
    assert_eq!((counted.logins, counted.tickets), (1, 3), "{counted:?}");
    assert_eq!(world.brokers.counters().failed_logins, 0);
}

#[tokio::test(start_paused = true)]
async fn ten_days_of_sessions_of_an_hour_are_authenticated_in_place() {
    let world = World::new(|brokers| brokers.brokers(1).max_reauth(Duration::from_secs(3600)));
    embedded::fill(&world.brokers, "orders", 1, 1);
    let driver = world.connect(&world.driver(0)).await.unwrap();
    for _ in 0..10 * 24 * 12 {
        embedded::touch(&driver, &TopicPartition::new("orders", 0)).await.unwrap();
        embedded::pass(Duration::from_secs(300)).await;
    }
    let (brokers, kdc) = (world.brokers.counters(), world.kdc.counters());
    assert_eq!((brokers.failed_logins, brokers.expired_connections_killed), (0, 0), "{brokers:?}");
    assert!(brokers.reauthentications >= 240, "{brokers:?}");
    // A day's ticket has a successor after 80 to 85 percent of it.
    assert!((11..=14).contains(&kdc.logins), "{kdc:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_far_off_does_not_keep_anybody_from_logging_in() {
    for seconds in [1000, -1000, 90_000, -90_000] {
        let world = World::new(|brokers| brokers);
        world.connect(&world.driver(seconds)).await.unwrap();
        assert_eq!((world.kdc.counters().logins, world.kdc.counters().errors(37)), (1, 1), "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_rotated_on_the_brokers_side_costs_one_fresh_ticket() {
    let world = World::new(|brokers| brokers.brokers(1));
    let kerberos = world.driver(0);
    world.connect(&kerberos).await.unwrap();
    world.kdc.rotate("kafka/broker-1@EXAMPLE.TEST", None).unwrap();
    world.brokers.reload_keytab(BrokerId(1)).unwrap();
    world.connect(&kerberos).await.unwrap();
    assert_eq!((world.kdc.counters().logins, world.kdc.counters().tickets), (1, 2));
    assert_eq!(world.brokers.counters().failed_logins, 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_broker_does_not_have_is_a_refusal_that_names_the_ticket() {
    let world = World::new(|brokers| brokers.brokers(1));
    world.kdc.rotate("kafka/broker-1@EXAMPLE.TEST", None).unwrap();
    let error = world.connect(&world.driver(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    let story = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
    assert!(story.contains("kafka/broker-1@EXAMPLE.TEST") && story.contains("kvno 2"), "{story}");
}

#[tokio::test(start_paused = true)]
async fn a_principal_of_another_realm_has_no_user_by_kafkas_default_rules() {
    let world = World::new(|brokers| brokers.brokers(1));
    let guest = world.with(Kerberos::password("guest@OTHER.TEST", "guest-secret".into()), 0);
    let error = world.connect(&guest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
    // The ticket was given all the same: by referral, and then by the brokers' KDC.
    assert_eq!(world.kdc.counters().tickets, 2);
}

#[tokio::test]
async fn over_sockets_brokers_are_localhost_and_anybody_may_log_in() {
    let kdc = Kdc::builder().realm(REALM).account(Account::user(DRIVER, "driver-secret"));
    let kdc = kdc.start_tcp().await.unwrap();
    let brokers = embedded::builder().kerberos(&kdc, REALM).start_tcp().await.unwrap();
    let files = tempfile::tempdir().unwrap();
    kdc.write_krb5_conf(files.path().join("krb5.conf")).unwrap();
    let kerberos = Kerberos::password(DRIVER, "driver-secret".into());
    let kerberos = kerberos.with_krb5_conf(files.path().join("krb5.conf"));
    let bootstrap = embedded::bootstrap(&brokers, SASL);
    let config = Config::new(bootstrap, Security::Plaintext, Credentials::Kerberos(kerberos));
    let connected = Cluster::connect(config);
    support::within(Duration::from_secs(30), "a login over sockets", connected).await.unwrap();
    assert_eq!((kdc.counters().logins, brokers.counters().logins), (1, 1));
}

fn keeper(world: &World, driver: &Kerberos) -> TokenKeeper {
    TokenKeeper::new(world.config(driver), embedded::target(&world.brokers))
}

#[tokio::test(start_paused = true)]
async fn a13_every_kdc_is_down_when_the_token_is_to_be_renewed() {
    const HOUR: Duration = Duration::from_secs(3600);
    let world = World::new(|brokers| brokers);
    embedded::fill(&world.brokers, "orders", 3, 10);
    let driver = Account::user(DRIVER, "driver-secret").with_ticket_lifetime(10 * HOUR);
    world.kdc.put(driver).unwrap();
    let keeper = keeper(&world, &world.driver(0)).start().await.unwrap();
    let executor = embedded::executor(&world.brokers, keeper.source()).await.unwrap();
    embedded::pass(18 * HOUR - HOUR / 60).await;
    let id = keeper.state().token_id;
    world.kdc.set_down(REALM, true);
    for _ in 0..20 {
        embedded::pass(HOUR / 60).await;
        let seen = embedded::read_all(&executor, "orders").await.unwrap();
        assert_eq!(seen, embedded::every_offset(3, 10));
    }
    let state = keeper.state();
    assert!((3..=9).contains(&state.failures) && state.renewed == 0, "{state:?}");
    assert_eq!(state.last_error.unwrap().kind(), ErrorKind::Connect);
    world.kdc.set_down(REALM, false);
    embedded::pass(HOUR / 6).await;
    let state = keeper.state();
    assert_eq!((state.token_id, state.renewed, state.created), (id, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a13_a_ticket_that_is_still_good_needs_no_kdc() {
    const HOUR: Duration = Duration::from_secs(3600);
    let world = World::new(|brokers| brokers.brokers(1).token_expiry(HOUR));
    let keeper = keeper(&world, &world.driver(0)).start().await.unwrap();
    world.kdc.set_down(REALM, true);
    embedded::pass(5 * HOUR).await;
    let state = keeper.state();
    assert!(state.renewed >= 6 && state.failures == 0 && state.last_error.is_none(), "{state:?}");
}

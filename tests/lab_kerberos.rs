//! Logins by Kerberos, against real Kafka and MIT's KDCs.
#![cfg(feature = "kerberos")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ottla::time::{Clock, SystemClock, Timestamp};
use ottla::{
    Cluster, Config, Credentials, ErrorKind, IsolationLevel, Kerberos, NewToken, NewTopic, OffsetAt,
    ScramMechanism, Security, TcpConnector,
};
use ottla_lab::{Listener, Login, Profile};
use support::kerberos::{credentials, fresh, keytab, new_user, principal, realms};
use support::lab;

/// Who the broker takes a client for: the owner of the token that it gives.
async fn owner(cluster: &Cluster) -> String {
    let token = cluster.create_delegation_token(NewToken::new()).await.unwrap();
    token.owner().unwrap().to_string()
}

async fn owner_by(lab: &ottla_lab::Cluster, listener: Listener, kerberos: &Kerberos) -> String {
    owner(&lab::connect(lab, listener, credentials(kerberos)).await.unwrap()).await
}

/// Connects to one broker, as it is named in the bootstrap list.
fn at_broker(lab: &ottla_lab::Cluster, broker: u16, kerberos: &Kerberos) -> Config {
    let address = lab.address(broker, Listener::SaslPlaintext).unwrap();
    lab::secured(lab, &address, Security::Plaintext, credentials(kerberos))
}

async fn refused(config: Config) -> ottla::Error {
    Cluster::connect(config).await.unwrap_err()
}

/// Everything that an error says, level by level.
fn story(error: &ottla::Error) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}")
}

#[tokio::test]
async fn a_keytab_logs_in_over_both_listeners() {
    let lab = lab::cluster(Profile::Kerberos);
    lab::in_time(async {
        let client = keytab(&lab, "client");
        assert_eq!(owner_by(&lab, Listener::SaslPlaintext, &client).await, "User:client");
        assert_eq!(owner_by(&lab, Listener::SaslSsl, &client).await, "User:client");
    })
    .await;
}

#[tokio::test]
async fn a_password_logs_in_and_a_wrong_one_is_named_by_the_kdc() {
    let lab = lab::cluster(Profile::Kerberos);
    let conf = realms(&lab).krb5_conf();
    lab::in_time(async {
        let with = |secret: &str| Kerberos::password(principal("alice"), secret.into()).with_krb5_conf(&conf);
        assert_eq!(owner_by(&lab, Listener::SaslPlaintext, &with("alice-secret")).await, "User:alice");
        let error = refused(at_broker(&lab, 1, &with("sesame"))).await;
        assert_eq!(error.kind(), ErrorKind::Auth);
        let story = story(&error);
        for part in ["alice@EXAMPLE.TEST", "127.0.0.1:", "error 24"] {
            assert!(story.contains(part), "{story}");
        }
        assert!(!story.contains("sesame"), "{story}");
    })
    .await;
}

#[tokio::test]
async fn a_ticket_cache_of_kinit_logs_in() {
    let lab = lab::cluster(Profile::Kerberos);
    let realms = realms(&lab);
    let cache = realms.path("kinit-bob");
    let name = format!("FILE:{}", cache.display());
    realms.tool("kinit", &["-c", &name, &principal("bob")], "bob-secret\n").unwrap();
    lab::in_time(async {
        let bob = Kerberos::ticket_cache(Some(&name)).with_krb5_conf(realms.krb5_conf());
        assert_eq!(owner_by(&lab, Listener::SaslPlaintext, &bob).await, "User:bob");
        let none = Kerberos::ticket_cache(Some("/nonexistent/cache")).with_krb5_conf(realms.krb5_conf());
        let error = refused(at_broker(&lab, 1, &none)).await;
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(story(&error).contains("/nonexistent/cache"), "{}", story(&error));
    })
    .await;
}

#[tokio::test]
async fn an_instance_and_a_user_of_a_trusted_realm_become_users_by_the_brokers_rules() {
    let lab = lab::cluster(Profile::Kerberos);
    let realms = realms(&lab);
    lab::in_time(async {
        let admin = keytab(&lab, "client/admin");
        assert_eq!(owner_by(&lab, Listener::SaslPlaintext, &admin).await, "User:client");
        let name = format!("carol@{}", ottla_lab::Kerberos::OTHER_REALM);
        let carol = Kerberos::keytab(name, realms.keytab("carol")).with_krb5_conf(realms.krb5_conf());
        assert_eq!(owner_by(&lab, Listener::SaslPlaintext, &carol).await, "User:carol");
    })
    .await;
}

#[tokio::test]
async fn every_type_of_client_key_meets_every_type_of_broker_key() {
    let lab = lab::cluster(Profile::Kerberos);
    let types = ["aes128-cts", "aes256-cts", "aes128-sha2", "aes256-sha2"];
    lab::in_time(async {
        for enctype in types {
            let user = fresh(&format!("only-{enctype}"));
            let keytab = new_user(&lab, &user, enctype);
            let kerberos =
                Kerberos::keytab(principal(&user), keytab).with_krb5_conf(realms(&lab).krb5_conf());
            // The brokers' keys: 1 has all types (the ticket is of aes256-cts), 2 aes128-cts, 3 aes256-sha2.
            for broker in 1..=3 {
                let cluster = Cluster::connect(at_broker(&lab, broker, &kerberos)).await;
                cluster.unwrap_or_else(|error| panic!("{enctype} at b{broker}: {}", story(&error)));
            }
        }
    })
    .await;
}

/// A machine's clock that is ahead by some seconds, or behind.
#[derive(Clone, Copy)]
struct Ahead(i64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().as_millis() + self.0 * 1_000)
    }
}

#[tokio::test]
async fn a_clock_that_is_off_by_minutes_or_by_a_day_keeps_nobody_out() {
    let lab = lab::cluster(Profile::Kerberos);
    let user = fresh("clock");
    let keytab = new_user(&lab, &user, "");
    lab::in_time(async {
        for (nth, seconds) in [1_000, -1_000, 90_000, -90_000].into_iter().enumerate() {
            let kerberos = Kerberos::keytab(principal(&user), &keytab)
                .with_krb5_conf(realms(&lab).krb5_conf())
                .with_clock(Ahead(seconds));
            let owner = owner_by(&lab, Listener::SaslPlaintext, &kerberos).await;
            assert_eq!(owner, format!("User:{user}"), "{seconds} s");
            let issued = realms(&lab).issued(&principal(&user)).unwrap();
            assert_eq!(issued.0, nth + 1, "one login each: {issued:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_that_ends_is_authenticated_again_in_place() {
    let lab = lab::cluster(Profile::Kerberos);
    lab::in_time(async {
        let kerberos = keytab(&lab, "client");
        let cluster = lab::connect(&lab, Listener::SaslSsl, credentials(&kerberos)).await.unwrap();
        // Sessions last 5 s; one that is not renewed ends at the first request after that.
        for _ in 0..9 {
            cluster.describe_delegation_tokens(None).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // On a busy machine a login may come late, which costs a connection and no caller's request.
        let did = cluster.statistics();
        assert!(did.reauthentications >= 1 && did.connections <= 2, "{did:?}");
    })
    .await;
}

#[tokio::test]
async fn a_keytab_login_makes_a_token_with_which_an_executor_lists_offsets() {
    let lab = lab::cluster(Profile::Kerberos);
    lab::in_time(async {
        let kerberos = keytab(&lab, "client");
        let driver = lab::connect(&lab, Listener::SaslSsl, credentials(&kerberos)).await.unwrap();
        let topic = fresh("kerberos-token-flow");
        let new = NewTopic::new(topic.as_str()).with_partitions(3);
        driver.create_topics(vec![new]).await.unwrap();
        let token = driver.create_delegation_token(NewToken::new()).await.unwrap();
        lab::await_known(&lab, &token);
        let executor = lab::token(ScramMechanism::Sha512, &token);
        let executor = lab::connect(&lab, Listener::SaslSsl, executor).await.unwrap();
        let partitions = executor.partitions(topic.as_str()).await.unwrap();
        let listed = executor
            .list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::ReadUncommitted)
            .await
            .unwrap();
        assert_eq!(listed.into_values().collect::<Vec<_>>(), [0; 3]);
    })
    .await;
}

#[tokio::test]
async fn a_broker_known_by_its_ip_address_is_a_config_error_that_says_what_to_do() {
    let lab = lab::cluster(Profile::Kerberos);
    lab::in_time(async {
        let port = lab.address(1, Listener::SaslPlaintext).unwrap();
        let address = port.replace("b1", "127.0.0.1");
        let kerberos = keytab(&lab, "alice");
        let error = refused(lab::secured(&lab, &address, Security::Plaintext, credentials(&kerberos))).await;
        assert_eq!(error.kind(), ErrorKind::Config);
        let story = story(&error);
        assert!(story.contains("127.0.0.1") && story.contains("kafka/HOSTNAME"), "{story}");
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_an_identity_is_said_by_kind_and_by_name() {
    let lab = lab::cluster(Profile::Kerberos);
    let realms = realms(&lab);
    lab::in_time(async {
        let with =
            |user: &str, keytab| Kerberos::keytab(principal(user), keytab).with_krb5_conf(realms.krb5_conf());
        // No keytab; another's keytab; a principal that the KDC does not know; one that is not in the keytab.
        let cases = [
            (
                with("alice", "/nonexistent/alice.keytab".into()),
                ErrorKind::Config,
                "/nonexistent/alice.keytab",
            ),
            (with("alice", realms.keytab("bob")), ErrorKind::Auth, "alice@EXAMPLE.TEST"),
            (
                Kerberos::password(principal("nobody"), "x".into()).with_krb5_conf(realms.krb5_conf()),
                ErrorKind::Auth,
                "error 6",
            ),
        ];
        for (kerberos, kind, said) in cases {
            let error = refused(at_broker(&lab, 1, &kerberos)).await;
            assert_eq!(error.kind(), kind, "{}", story(&error));
            assert!(story(&error).contains(said) && !error.is_retriable(), "{}", story(&error));
        }
        // A broker that the KDC does not know.
        let elsewhere = lab.address(1, Listener::SaslPlaintext).unwrap().replace("b1", "elsewhere");
        let alice = credentials(&keytab(&lab, "alice"));
        let error = refused(lab::secured(&lab, &elsewhere, Security::Plaintext, alice)).await;
        assert_eq!(error.kind(), ErrorKind::Auth);
        let story = story(&error);
        assert!(story.contains("kafka/elsewhere") && story.contains("error 7"), "{story}");
    })
    .await;
}

#[tokio::test]
async fn a_kdc_that_is_down_is_waited_for_and_a_missing_krb5_conf_is_not() {
    let lab = lab::cluster(Profile::Kerberos);
    let realms = realms(&lab);
    let down = realms.path("down.conf");
    let text = "[realms]\n EXAMPLE.TEST = {\n kdc = 127.0.0.1:1\n }\n";
    std::fs::write(&down, text).unwrap();
    lab::in_time(async {
        let keytab = realms.keytab("alice");
        let alice = |conf| Kerberos::keytab(principal("alice"), &keytab).with_krb5_conf(conf);
        let short = Duration::from_secs(2);
        let error = refused(at_broker(&lab, 1, &alice(down)).with_deadline(short)).await;
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Connect, true), "{}", story(&error));
        assert!(story(&error).contains("EXAMPLE.TEST"), "{}", story(&error));
        let error = refused(at_broker(&lab, 1, &alice("/nonexistent/krb5.conf".into()))).await;
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(story(&error).contains("/nonexistent/krb5.conf"), "{}", story(&error));
    })
    .await;
}

#[tokio::test]
async fn java_logs_in_with_the_same_keytab() {
    let lab = lab::cluster(Profile::Kerberos);
    let login = Login::Keytab { principal: principal("client"), keytab: realms(&lab).keytab("client") };
    let file = lab.client_properties_file(Listener::SaslPlaintext, &login).unwrap();
    let created = tokio::task::spawn_blocking({
        let lab = lab.clone();
        move || lab.java_answer("Admin", &[&file.to_string_lossy(), "create-token"])
    });
    let told = created.await.unwrap().unwrap();
    assert!(told.contains("User:client"), "{told}");
}

/// What a process finds by its environment: krb5.conf, ticket cache and keytab.
#[test]
fn a_process_finds_its_files_by_the_environment() {
    const NAME: &str = "a_process_finds_its_files_by_the_environment";
    if let Ok(properties) = std::env::var("OTTLA_TEST_PROPERTIES") {
        return log_in_by_environment(&properties);
    }
    let lab = lab::cluster(Profile::Kerberos);
    let realms = realms(&lab);
    let cache = format!("FILE:{}", realms.path("environment-cache").display());
    realms.tool("kinit", &["-c", &cache, &principal("bob")], "bob-secret\n").unwrap();
    let login = Login::Keytab { principal: principal("client"), keytab: realms.keytab("client") };
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env("OTTLA_TEST_PROPERTIES", lab.client_properties(Listener::SaslPlaintext, &login))
        .env("KRB5_CONFIG", realms.krb5_conf())
        .env("KRB5CCNAME", cache)
        .env("KRB5_CLIENT_KTNAME", realms.keytab("alice"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

fn log_in_by_environment(properties: &str) {
    let (config, warnings) = Config::from_properties(properties.as_bytes()).unwrap();
    assert_eq!(warnings, []);
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let named = |connector: TcpConnector, id| connector.with_name(format!("b{id}"), loopback);
    let connector = (1..=3).fold(TcpConnector::new(), named);
    let bootstrap = properties.lines().find_map(|line| line.strip_prefix("bootstrap.servers=")).unwrap();
    let others = [Kerberos::ticket_cache(None), Kerberos::default_keytab("alice")]
        .map(|kerberos| Config::new(bootstrap.parse().unwrap(), Security::Plaintext, credentials(&kerberos)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(lab::in_time(async {
        for (config, user) in [config].into_iter().chain(others).zip(["client", "bob", "alice"]) {
            let cluster = Cluster::connect(config.with_connector(connector.clone())).await.unwrap();
            assert_eq!(owner(&cluster).await, format!("User:{user}"));
        }
    }));
}

#[test]
fn credentials_of_kerberos_show_no_secret() {
    let kerberos = Kerberos::password("alice@EXAMPLE.TEST", "sesame".into());
    let shown = format!("{:?}", Credentials::Kerberos(kerberos));
    assert!(shown.contains("alice") && !shown.contains("sesame"), "{shown}");
}

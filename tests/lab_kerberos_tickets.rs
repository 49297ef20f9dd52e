//! What the KDC sees of many logins, and what a broker's new keys do to tickets.
#![cfg(feature = "kerberos")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use ottla::{AtShutdown, Cluster, Credentials, ErrorKind, Kerberos, NewToken, Security, Target, TokenKeeper};
use ottla_lab::{Listener, Profile};
use support::kerberos::{credentials, fresh, keytab, new_user, principal, realms};
use support::lab;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Tasks that log in at the same time, and how often each does.
const TASKS: usize = 8;
const LOGINS: usize = 500;

fn user(lab: &ottla_lab::Cluster, name: &str) -> Kerberos {
    let keytab = new_user(lab, name, "");
    Kerberos::keytab(principal(name), keytab).with_krb5_conf(realms(lab).krb5_conf())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "how long they take is worth a line of output")]
async fn thousands_of_logins_of_eight_tasks_take_one_login_and_one_ticket_of_the_kdc() {
    let lab = lab::cluster(Profile::Kerberos);
    let many = fresh("many");
    let kerberos = user(&lab, &many);
    let address = lab.address(1, Listener::SaslPlaintext).unwrap();
    let config = lab::secured(&lab, &address, Security::Plaintext, credentials(&kerberos));
    let started = std::time::Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let config = config.clone();
            tokio::spawn(async move {
                for _ in 0..LOGINS {
                    Cluster::connect(config.clone()).await.unwrap_or_else(|error| panic!("{error:?}"));
                }
            })
        })
        .collect();
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(900), task).await.unwrap().unwrap();
    }
    println!("{} logins in {:?}", TASKS * LOGINS, started.elapsed());
    assert_eq!(realms(&lab).issued(&principal(&many)).unwrap(), (1, 1));
}

#[tokio::test]
async fn five_hundred_connections_to_three_brokers_take_one_login_and_three_tickets_of_the_kdc() {
    let lab = lab::cluster(Profile::Kerberos);
    lab::in_time(async {
        let trio = fresh("trio");
        let kerberos = user(&lab, &trio);
        for connection in 0..500 {
            let address = lab.address(connection % 3 + 1, Listener::SaslPlaintext).unwrap();
            let config = lab::secured(&lab, &address, Security::Plaintext, credentials(&kerberos));
            Cluster::connect(config).await.unwrap_or_else(|error| panic!("{error:?}"));
        }
        assert_eq!(realms(&lab).issued(&principal(&trio)).unwrap(), (1, 3));
    })
    .await;
}

/// Executors, each in a process of its own in real life: nothing is shared.
const EXECUTORS: usize = 100;

/// Connects every executor, and gives how long that took and what the KDC gave to `user` for it.
#[expect(clippy::disallowed_methods, reason = "the time is printed")]
async fn connect_all(
    lab: &ottla_lab::Cluster,
    user: &str,
    config: impl Fn() -> ottla::Config,
) -> (Duration, usize, usize) {
    let before = realms(lab).issued(&principal(user)).unwrap();
    let started = std::time::Instant::now();
    let mut clusters = Vec::new();
    for _ in 0..EXECUTORS {
        clusters.push(Cluster::connect(config()).await.unwrap());
    }
    let after = realms(lab).issued(&principal(user)).unwrap();
    (started.elapsed(), after.0 - before.0, after.1 - before.1)
}

#[tokio::test]
async fn a_hundred_executors_by_keytab_cost_the_kdc_a_hundred_logins_and_by_token_none() {
    let lab = lab::cluster(Profile::Kerberos);
    lab::in_time(async {
        let fleet = fresh("fleet");
        let keytab = new_user(&lab, &fleet, "");
        let login = || Kerberos::keytab(principal(&fleet), &keytab).with_krb5_conf(realms(&lab).krb5_conf());
        let address = lab.address(1, Listener::SaslPlaintext).unwrap();
        let config = |credentials| lab::secured(&lab, &address, Security::Plaintext, credentials);
        let driver = Cluster::connect(config(credentials(&login()))).await.unwrap();
        let token = driver.create_delegation_token(NewToken::new()).await.unwrap();
        lab::await_known(&lab, &token);
        let by_keytab = connect_all(&lab, &fleet, || config(credentials(&login()))).await;
        let by_token =
            connect_all(&lab, &fleet, || config(lab::token(ottla::ScramMechanism::Sha256, &token))).await;
        println!("{EXECUTORS} executors   by keytab   by token");
        println!("KDC logins      {:>9}  {:>9}", by_keytab.1, by_token.1);
        println!("KDC tickets     {:>9}  {:>9}", by_keytab.2, by_token.2);
        println!("time            {:>9.2?}  {:>9.2?}", by_keytab.0, by_token.0);
        assert_eq!((by_keytab.1, by_keytab.2), (EXECUTORS, EXECUTORS));
        assert_eq!((by_token.1, by_token.2), (0, 0));
    })
    .await;
}

/// Gives the broker a new key, of another type, in place of the old ones.
fn rotate(realms: &ottla_lab::Kerberos, principal: &str, keytab: &Path) {
    let new = keytab.with_extension("new");
    let query = format!("ktadd -k {} -e aes128-sha2:normal {principal}\n", new.display());
    realms.kadmin(ottla_lab::Kerberos::REALM, &query).unwrap();
    std::fs::rename(new, keytab).unwrap();
}

/// Sessions of SASL_SSL last 5 s: within 6 s each is authenticated again, or made anew.
async fn survives_reauthentication(cluster: &Cluster) {
    for _ in 0..6 {
        cluster.describe_delegation_tokens(None).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// They end what they run on, and have the machine for themselves.
mod alone {
    use super::*;

    #[tokio::test]
    async fn a_ticket_for_a_key_that_the_broker_has_replaced_gives_way_to_a_fresh_one() {
        let lab = tokio::task::spawn_blocking(|| ottla_lab::own_cluster(Profile::Kerberos, 1))
            .await
            .unwrap()
            .unwrap();
        let realms = realms(&lab);
        lab::in_time(async {
            let kerberos = user(&lab, "rotated");
            let connect = || lab::connect(&lab, Listener::SaslPlaintext, credentials(&kerberos));
            connect().await.unwrap();
            let live = lab::connect(&lab, Listener::SaslSsl, credentials(&kerberos)).await.unwrap();
            assert_eq!(realms.issued(&principal("rotated")).unwrap(), (1, 1));
            rotate(&realms, "kafka/b1@EXAMPLE.TEST", &realms.keytab("b1"));
            let cluster = connect().await.unwrap();
            cluster.create_delegation_token(NewToken::new()).await.unwrap();
            assert_eq!(realms.issued(&principal("rotated")).unwrap(), (1, 2));
            survives_reauthentication(&live).await;
            assert_eq!(realms.issued(&principal("rotated")).unwrap(), (1, 2));
            // The KDC has a newer key than the broker: no ticket helps.
            realms.kadmin(ottla_lab::Kerberos::REALM, "cpw -randkey kafka/b1@EXAMPLE.TEST\n").unwrap();
            let fresh = keytab(&lab, "alice");
            let error = lab::connect(&lab, Listener::SaslPlaintext, credentials(&fresh)).await.unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            println!("refused: {error}: {source}");
            assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Auth, false), "{source}");
            for part in ["kafka/b1@EXAMPLE.TEST", "alice@EXAMPLE.TEST", "kvno 3", "aes256-cts", "keytab"] {
                assert!(source.contains(part), "{part}: {source}");
            }
            assert_eq!(realms.issued(&principal("alice")).unwrap(), (1, 1));
        })
        .await;
    }
}

/// A way to a KDC that lasts as long as its task. Gives its port.
async fn way_to(kdc: u16) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect((Ipv4Addr::LOCALHOST, kdc)).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    });
    (port, task)
}

#[tokio::test]
async fn a13_every_kdc_is_down_while_a_token_is_replaced_twice() {
    let lab = lab::cluster(Profile::Kerberos);
    lab::in_time(async {
        let kept = fresh("kept");
        let keytab = new_user(&lab, &kept, "");
        let conf = std::fs::read_to_string(realms(&lab).krb5_conf()).unwrap();
        let (_, kdc) = conf.split_once("kdc = 127.0.0.1:").unwrap();
        let kdc: u16 = kdc.lines().next().unwrap().parse().unwrap();
        let (port, way) = way_to(kdc).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("krb5.conf");
        std::fs::write(&path, conf.replace(&format!(":{kdc}"), &format!(":{port}"))).unwrap();
        let login = || credentials(&Kerberos::keytab(principal(&kept), &keytab).with_krb5_conf(&path));
        // Sessions by Kerberos last five seconds on this listener.
        let admin = lab::config(&lab, Listener::SaslSsl, login());
        let target = Target::of(&lab::config(&lab, Listener::SaslPlaintext, Credentials::None));
        let short = NewToken::new().with_max_lifetime(Duration::from_secs(30));
        let keeper = TokenKeeper::new(admin, target.clone()).with_new_token(short).with_renewal_ratio(0.4);
        let keeper = keeper.start().await.unwrap();
        let executor = Cluster::connect(target.config(keeper.source())).await.unwrap();
        way.abort();
        assert!(way.await.unwrap_err().is_cancelled());
        let new = lab::config(&lab, Listener::SaslPlaintext, login()).with_deadline(Duration::from_secs(2));
        let error = Cluster::connect(new).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "no ticket, no login: {error:?}");
        let connections = executor.statistics().connections;
        while keeper.state().created < 3 {
            executor.list_topics().await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let state = keeper.state();
        assert!(state.failures == 0 && state.last_error.is_none(), "{state:?}");
        assert_eq!(executor.statistics().connections, connections);
        assert_eq!(realms(&lab).issued(&principal(&kept)).unwrap().0, 1, "one login at the KDC");
        keeper.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}

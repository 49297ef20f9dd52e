//! Logins by Kerberos under a subscriber that keeps everything, at TRACE: no key, password, ticket or
//! authenticator appears there, in what types print, or in errors. Keys that all may read are told.
#![cfg(feature = "kerberos")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "secrets/everything.rs"]
mod everything;
#[path = "secrets/scanner.rs"]
mod scanner;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use everything::Everything;
use ottla::{Cluster, Config, Credentials, Kerberos, Security};
use ottla_kerberos::client::{Session, SessionConfig, Source};
use ottla_kerberos::conf::Krb5Conf;
use ottla_kerberos::entropy::Seed;
use ottla_kerberos::exchange::ServiceRequest;
use ottla_kerberos::keytab::Keytab;
use ottla_kerberos::principal::{NameType, PrincipalName};
use ottla_kerberos::sasl::{SaslClient, SaslOptions};
use ottla_testkit::kdc::{Account, Kdc};
use scanner::Scanner;
use support::{embedded, within};

const REALM: &str = "EXAMPLE.TEST";
const DRIVER: &str = "driver@EXAMPLE.TEST";
const SERVICE: &str = "kafka/service@EXAMPLE.TEST";
const PASSWORD: &str = "driver-secret-phrase";
const WRONG: &str = "another-secret-phrase";

struct World {
    kdc: Kdc,
    brokers: ottla_testkit::Cluster,
    files: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let kdc = Kdc::builder().realm(REALM).account(Account::user(DRIVER, PASSWORD));
        let kdc = kdc.account(Account::service(SERVICE)).start_tcp().await.unwrap();
        let brokers = embedded::builder().kerberos(&kdc, REALM).start_tcp().await.unwrap();
        let files = tempfile::tempdir().unwrap();
        kdc.write_krb5_conf(files.path().join("krb5.conf")).unwrap();
        kdc.write_keytab(files.path().join("keytab"), &[DRIVER]).unwrap();
        readable_by_all(&files.path().join("keytab"));
        Self { kdc, brokers, files }
    }

    /// Connects, and gives all that can be printed of it, errors too.
    async fn connect(&self, kerberos: Kerberos) -> String {
        let kerberos = kerberos.with_krb5_conf(self.files.path().join("krb5.conf"));
        let credentials = Credentials::Kerberos(kerberos.clone());
        let bootstrap = embedded::bootstrap(&self.brokers, embedded::SASL);
        let config = Config::new(bootstrap, Security::Plaintext, credentials);
        let mut printed = format!("{config:?} {config:#?} {kerberos:#?}");
        match Cluster::connect(config).await {
            Ok(cluster) => printed += &format!("{cluster:?} {:?}", cluster.statistics()),
            Err(error) => {
                let source = std::error::Error::source(&error);
                printed += &format!("{error} {error:?} {error:#?} {source:?}");
                printed += &source.map(ToString::to_string).unwrap_or_default();
            }
        }
        printed
    }

    /// The same one layer below, where ticket, session key and authenticator can be had.
    async fn context(&self, scanner: &mut Scanner) -> String {
        let source =
            Source::Keytab { principal: DRIVER.parse().unwrap(), path: self.files.path().join("keytab") };
        let conf = Krb5Conf::load(self.files.path().join("krb5.conf")).unwrap();
        let session = Session::start(SessionConfig::new(source, Arc::new(conf)));
        let name = PrincipalName::new(NameType::SRV_HST, ["kafka", "service"]);
        let ticket = session.service_ticket(&ServiceRequest::by_referral(name)).await.unwrap();
        let begun = SaslClient::begin(ticket.clone(), &SaslOptions::default(), &Seed::random().unwrap());
        let (token, client) = begun.unwrap();
        scanner.look_for("session key", ticket.grant().session_key.secret_bytes());
        // Its head is names, which are no secret.
        let sealed = ticket.grant().ticket.as_bytes();
        scanner.look_for("ticket", &sealed[sealed.len() / 2..]);
        scanner.look_for("authenticator", &token[token.len() - 100..]);
        let mut printed = format!("{ticket:?} {ticket:#?} {session:?} {client:?} {client:#?}");
        let error = client.step(&token).unwrap_err();
        printed += &format!("{error} {error:?} {error:#?}");
        printed
    }
}

fn readable_by_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
}

#[tokio::test]
async fn logins_show_no_key_password_ticket_nor_authenticator_and_tell_of_keys_that_all_may_read() {
    let everything = Everything::install();
    let mut scanner = Scanner::default();
    let world = World::start().await;
    let flow = async {
        let mut printed = world.connect(Kerberos::keytab(DRIVER, world.files.path().join("keytab"))).await;
        printed += &world.connect(Kerberos::password(DRIVER, PASSWORD.into())).await;
        printed += &world.connect(Kerberos::password(DRIVER, WRONG.into())).await;
        printed + &world.context(&mut scanner).await
    };
    let printed = within(Duration::from_secs(60), "the logins", flow).await;
    assert_eq!(world.brokers.counters().logins, 2);
    scanner.look_for("password", PASSWORD.as_bytes());
    scanner.look_for("wrong password", WRONG.as_bytes());
    let keytab = Keytab::parse(&world.kdc.keytab(&[DRIVER, SERVICE]).unwrap()).unwrap();
    for entry in keytab.entries() {
        scanner.look_for("key", entry.key.secret_bytes());
    }
    let logged = everything.text();
    println!("{} bytes logged, {} printed", logged.len(), printed.len());
    assert!(logged.contains("other users may read this file"), "{logged}");
    assert!(printed.contains(DRIVER) && printed.contains("error 24"), "{printed}");
    assert_eq!(scanner.leaks(&logged), Vec::<String>::new());
    assert_eq!(scanner.leaks(&printed), Vec::<String>::new());
}

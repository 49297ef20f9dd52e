//! KDCs other than MIT's: Heimdal's, and that of Samba's Active Directory. `tests/run kerberos-breadth`
//! runs these, and no other group does: their packages take time to fetch.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "support/acceptor.rs"]
mod acceptor;
#[path = "support/mit.rs"]
mod mit;

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use acceptor::{Acceptor, Outcome};
use mit::Mit;
use ottla_kerberos::client::{Session, SessionConfig, Source, WallClock};
use ottla_kerberos::conf::Krb5Conf;
use ottla_kerberos::entropy::Seed;
use ottla_kerberos::exchange::{LongTermSecret, ServiceRequest};
use ottla_kerberos::gss::{GssOptions, ServiceTicket};
use ottla_kerberos::principal::{NameType, PrincipalName};
use ottla_kerberos::sasl::{SaslClient, SaslOptions};

/// A KDC that ends with this value, and the files that belong to it.
struct Foreign {
    realm: &'static str,
    process: Child,
    mit: Mit,
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct WrongClock(i64);

impl WallClock for WrongClock {
    #[expect(clippy::disallowed_methods, reason = "real KDCs live in real time")]
    fn now(&self) -> SystemTime {
        let difference = Duration::from_secs(self.0.unsigned_abs());
        if self.0 < 0 { SystemTime::now() - difference } else { SystemTime::now() + difference }
    }
}

/// Unpacks packages once for all tests of all times.
fn unpacked(name: &str, packages: &[&str]) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("breadth").join(name);
    let done = Command::new(script("unpack.sh")).arg(&dir).args(packages).status();
    assert!(done.is_ok_and(|status| status.success()), "the packages of {name} could not be unpacked");
    dir
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/breadth").join(name)
}

impl Foreign {
    fn heimdal() -> Self {
        let root = unpacked("heimdal", &["heimdal-kdc", "heimdal-clients"]);
        Self::start("H.TEST", Command::new(script("heimdal.sh")), &root)
    }

    fn samba() -> Self {
        let packages = ["samba", "samba-ad-provision", "samba-dsdb-modules", "samba-vfs-modules", "winbind"];
        let root = unpacked("samba", &packages);
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if !rustix::process::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command.arg(script("samba.sh"));
        Self::start("S.TEST", command, &root)
    }

    fn start(realm: &'static str, mut command: Command, root: &Path) -> Self {
        let port = mit::free_port();
        let conf = format!(
            "[libdefaults]\n default_realm = {realm}\n dns_lookup_kdc = false\n rdns = false\n \
             dns_canonicalize_hostname = false\n[realms]\n {realm} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
        );
        let mit = Mit::without_kdc(&conf);
        let log = fs::File::create(mit.path("out")).unwrap();
        command.arg(root).arg(mit.path("")).arg(port.to_string());
        // Samba ends when this pipe does.
        command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut foreign = Self { realm, process: command.spawn().unwrap(), mit };
        for _ in 0..2400 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return foreign;
            }
            if foreign.process.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let said = fs::read_to_string(foreign.mit.path("out")).unwrap();
        panic!("the KDC of {realm} did not start: {said}");
    }

    fn config(&self, client: &str) -> SessionConfig {
        let path = self.mit.path(&format!("{client}.keytab"));
        let principal = format!("{client}@{}", self.realm).parse().unwrap();
        let conf = Krb5Conf::load(self.mit.krb5_conf()).unwrap();
        SessionConfig::new(Source::Keytab { principal, path }, Arc::new(conf))
    }

    /// The services that tickets are shown to: the JDK's and MIT's.
    fn services(&self, host: &str) -> [Acceptor; 2] {
        let keytab = self.mit.path("service.keytab");
        [
            Acceptor::java(&self.mit, self.realm, "kafka", host, &keytab),
            Acceptor::mit(&self.mit, "kafka", host, &keytab),
        ]
    }
}

fn kafka(host: &str) -> ServiceRequest {
    ServiceRequest::by_referral(PrincipalName::new(NameType::SRV_HST, ["kafka", host]))
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.unwrap_or_else(|_| panic!("took too long"))
}

async fn ticket(config: SessionConfig, host: &str) -> ServiceTicket {
    let session = Session::start(config);
    within(session.service_ticket(&kafka(host)))
        .await
        .unwrap_or_else(|error| panic!("{error}: {}", error.fault()))
}

/// Shows a ticket to each service, with and without mutual authentication.
fn show(services: &[Acceptor], ticket: &ServiceTicket, client: &str) {
    for (service, mutual) in services.iter().flat_map(|service| [(service, true), (service, false)]) {
        let gss = GssOptions { mutual, ..GssOptions::default() };
        let options = SaslOptions { gss, ..SaslOptions::default() };
        let begun = SaslClient::begin(ticket.clone(), &options, &Seed::random().unwrap()).unwrap();
        assert_eq!(service.log_in(begun), Outcome::Accepted(client.to_owned()), "mutual {mutual}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heimdal_logs_in_keytabs_passwords_and_clients_with_wrong_clocks() {
    let kdc = Foreign::heimdal();
    let services = kdc.services("broker.h.test");
    show(&services, &ticket(kdc.config("alice"), "broker.h.test").await, "alice@H.TEST");
    let mut config = kdc.config("alice");
    config.clock = Arc::new(WrongClock(2000));
    show(&services, &ticket(config, "broker.h.test").await, "alice@H.TEST");
    let mut config = kdc.config("alice");
    let secret = LongTermSecret::password("secret".to_owned());
    config.source = Source::Secret { principal: "alice@H.TEST".parse().unwrap(), secret };
    show(&services, &ticket(config, "broker.h.test").await, "alice@H.TEST");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heimdal_gives_tickets_for_a_ticket_that_cannot_be_renewed_and_renews_one_that_can() {
    let kdc = Foreign::heimdal();
    let mut config = kdc.config("alice");
    let secret = LongTermSecret::password("secret".to_owned());
    config.source = Source::Secret { principal: "plain@H.TEST".parse().unwrap(), secret };
    config.options.renew_lifetime = Some(Duration::from_secs(86_400));
    ticket(config, "broker.h.test").await;
    let mut config = kdc.config("alice");
    config.options.lifetime = Duration::from_secs(600);
    config.options.renew_lifetime = Some(Duration::from_secs(86_400));
    // Due after three seconds: a successor of the same second would not last longer.
    config.renew_window = 0.005;
    config.renew_jitter = 0.0;
    let session = Session::start(config);
    within(session.service_ticket(&kafka("broker.h.test"))).await.unwrap();
    let first = within(session.diagnose(None)).await.tgt.unwrap();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = within(session.diagnose(None)).await.tgt.unwrap();
        if now.end_time > first.end_time {
            assert_eq!(now.auth_time, first.auth_time, "a renewal, not a login");
            return;
        }
    }
    panic!("the ticket was not renewed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn active_directory_takes_names_in_utf_8_and_in_any_case_and_clocks_that_are_off() {
    let kdc = Foreign::samba();
    let services = kdc.services("broker.s.test");
    let found = ticket(kdc.config("jürgen"), "broker.s.test").await;
    println!("a ticket of {} bytes, with a PAC", found.grant().ticket.as_bytes().len());
    assert!(found.grant().ticket.as_bytes().len() > 900);
    show(&services, &found, "jürgen@S.TEST");
    let mut config = kdc.config("jürgen");
    config.clock = Arc::new(WrongClock(-4000));
    show(&services, &ticket(config, "broker.s.test").await, "jürgen@S.TEST");
    // A service whose account was never told about AES.
    let weak = within(Session::start(kdc.config("jürgen")).diagnose(Some(&kafka("weak.s.test")))).await;
    let sealed = weak.ticket.as_ref().unwrap().ticket.enctype();
    assert_eq!(sealed.to_string(), "arcfour-hmac");
    assert!(weak.to_string().contains("msDS-SupportedEncryptionTypes"), "{weak}");
}

//! KDCs by SRV records, which a real name server has.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ottla_kerberos::client::{Session, SessionConfig, Source, SystemDns};
use ottla_kerberos::conf::Krb5Conf;
use ottla_kerberos::error::Fault;
use ottla_kerberos::exchange::{LongTermSecret, ServiceRequest};
use ottla_kerberos::locate::{ResolveSrv, order};
use ottla_kerberos::principal::{NameType, PrincipalName};
use ottla_testkit::kdc::{Account, Kdc};

const INSTALL: &str = "apt-get install -y --no-install-recommends dnsmasq-base";

/// dnsmasq with the records that it is told, on a port of 127.0.0.1. It ends with this value.
struct NameServer {
    process: Child,
    port: u16,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl NameServer {
    fn start(records: &[String]) -> Self {
        let program =
            ["/usr/sbin/dnsmasq", "/usr/bin/dnsmasq"].into_iter().find(|path| Path::new(path).exists());
        let program = program.unwrap_or_else(|| panic!("no dnsmasq; run: {INSTALL}"));
        for _ in 0..10 {
            let port = free_port();
            let mut command = Command::new(program);
            command.args(["--no-daemon", "--no-resolv", "--no-hosts", "--bind-interfaces"]);
            command.args(["--conf-file=/dev/null", "--pid-file=", "--user=", "--local=/test/"]);
            command.arg("--listen-address=127.0.0.1").arg(format!("--port={port}"));
            command.args(records.iter().map(|record| format!("--srv-host={record}")));
            let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let mut server = Self { process: process.unwrap(), port };
            if server.is_up() {
                return server;
            }
        }
        panic!("dnsmasq did not start");
    }

    fn is_up(&mut self) -> bool {
        for _ in 0..200 {
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// A client whose first name server does not answer.
    fn client(&self, files: &Path) -> SystemDns {
        let path = files.join("resolv.conf");
        let text =
            format!("search elsewhere.test\nnameserver 127.0.0.1:1\nnameserver 127.0.0.1:{}\n", self.port);
        std::fs::write(&path, text).unwrap();
        SystemDns::with_resolv_conf(path)
    }
}

fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = tcp.local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.unwrap_or_else(|_| panic!("took too long"))
}

#[tokio::test]
async fn records_come_by_datagrams_and_long_answers_by_tcp() {
    let many =
        (0..40).map(|n| format!("_kerberos._tcp.many.test,kdc-{n}.a-rather-long-name.many.test,88,{n},1"));
    let few =
        ["_kerberos._tcp.few.test,kdc2.few.test,89,2,5", "_kerberos._tcp.few.test,kdc1.few.test,88,1,0"];
    let server = NameServer::start(&many.chain(few.map(str::to_owned)).collect::<Vec<_>>());
    let files = tempfile::tempdir().unwrap();
    let dns = server.client(files.path());
    let few = within(dns.srv("_kerberos._tcp.few.test.")).await.unwrap();
    let few = order(few, || 0);
    let shown: Vec<_> = few.iter().map(|srv| (srv.target.as_str(), srv.port, srv.weight)).collect();
    assert_eq!(shown, [("kdc1.few.test", 88, 0), ("kdc2.few.test", 89, 5)]);
    assert_eq!(within(dns.srv("_kerberos._tcp.many.test.")).await.unwrap().len(), 40);
    assert_eq!(within(dns.srv("_kerberos._tcp.none.test.")).await.unwrap(), []);
}

#[tokio::test]
async fn a_realm_that_krb5_conf_does_not_know_is_found_by_its_records() {
    let kdc = Kdc::builder().realm("A.TEST").account(Account::user("alice@A.TEST", "secret"));
    let kdc = kdc.account(Account::service("kafka/b@A.TEST")).start_tcp().await.unwrap();
    let (_, port) = kdc.address("A.TEST").unwrap();
    // dnsmasq answers in any case of letters; the realm is of upper case.
    let server = NameServer::start(&[format!("_kerberos._tcp.a.test,localhost,{port},1,1")]);
    let files = tempfile::tempdir().unwrap();
    let conf = files.path().join("krb5.conf");
    std::fs::write(&conf, "[libdefaults]\n default_realm = A.TEST\n").unwrap();
    let source = Source::Secret {
        principal: "alice@A.TEST".parse().unwrap(),
        secret: LongTermSecret::password("secret".to_owned()),
    };
    let mut config = SessionConfig::new(source, Arc::new(Krb5Conf::load(conf).unwrap()));
    config.resolver = Some(Arc::new(server.client(files.path())));
    let service = ServiceRequest::by_referral(PrincipalName::new(NameType::SRV_HST, ["kafka", "b"]));
    within(Session::start(config.clone()).service_ticket(&service)).await.unwrap();
    assert_eq!(kdc.counters().logins, 1);
    let elsewhere = "bob@NONE.TEST".parse().unwrap();
    config.source = Source::Secret { principal: elsewhere, secret: LongTermSecret::password("x".to_owned()) };
    let error = within(Session::start(config).service_ticket(&service)).await.unwrap_err();
    let Fault::NoKdc(why) = error.fault() else { panic!("{}", error.fault()) };
    assert!(why.to_string().contains("DNS has no SRV records"), "{why}");
}

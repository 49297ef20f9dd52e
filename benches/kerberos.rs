//! What Kerberos costs: from the keytab to the first authenticated connection at most 10 ms on loopback,
//! KDC and broker included, and a further login on a cached ticket at most 1 ms of our own time.

use std::path::Path;
use std::sync::Arc;

use divan::Bencher;
use ottla::{Bootstrap, Cluster, Config, Credentials, Kerberos, Security};
use ottla_kerberos::client::{Session, SessionConfig, Source};
use ottla_kerberos::conf::Krb5Conf;
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::entropy::Seed;
use ottla_kerberos::exchange::ServiceRequest;
use ottla_kerberos::gss::ServiceTicket;
use ottla_kerberos::principal::{NameType, PrincipalName};
use ottla_kerberos::sasl::{SaslClient, SaslOptions, SaslStep};
use ottla_testkit::Protocol;
use ottla_testkit::acceptor::{Acceptor, Step};
use ottla_testkit::kdc::{Account, Kdc};

const ALICE: &str = "alice@EXAMPLE.TEST";
const SERVICE: &str = "kafka/service@EXAMPLE.TEST";

fn main() {
    divan::main();
}

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct World {
    kdc: Kdc,
    brokers: ottla_testkit::Cluster,
    files: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn start(enctypes: &[Enctype]) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let account = |account: Account| account.with_enctypes(enctypes.iter().copied());
        let kdc = Kdc::builder().realm("EXAMPLE.TEST").account(account(Account::service(ALICE)));
        let kdc = runtime.block_on(kdc.account(account(Account::service(SERVICE))).start_tcp())?;
        let brokers = ottla_testkit::Cluster::builder().listener(Protocol::SaslPlaintext);
        let brokers = runtime.block_on(brokers.kerberos(&kdc, "EXAMPLE.TEST").start_tcp())?;
        let files = tempfile::tempdir()?;
        kdc.write_krb5_conf(files.path().join("krb5.conf"))?;
        kdc.write_keytab(files.path().join("keytab"), &[ALICE])?;
        Ok(Self { kdc, brokers, files, runtime })
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.files.path()).join(name)
    }

    fn login(&self) -> Kerberos {
        Kerberos::keytab(ALICE, self.path("keytab")).with_krb5_conf(self.path("krb5.conf"))
    }

    fn connect(&self, kerberos: Kerberos) -> Outcome<Cluster> {
        let bootstrap: Bootstrap = self.brokers.bootstrap(Protocol::SaslPlaintext)?.parse()?;
        let config = Config::new(bootstrap, Security::Plaintext, Credentials::Kerberos(kerberos));
        Ok(self.runtime.block_on(Cluster::connect(config))?)
    }

    fn ticket(&self) -> Outcome<ServiceTicket> {
        let source = Source::Keytab { principal: ALICE.parse()?, path: self.path("keytab") };
        let config = SessionConfig::new(source, Arc::new(Krb5Conf::load(self.path("krb5.conf"))?));
        let name = PrincipalName::new(NameType::SRV_HST, ["kafka", "service"]);
        let request = ServiceRequest::by_referral(name);
        let ticket = async { Session::start(config).service_ticket(&request).await };
        Ok(self.runtime.block_on(ticket)?)
    }
}

/// A keytab, a KDC and a broker that the client has not seen before, over loopback.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn keytab_to_first_connection(bencher: Bencher<'_, '_>) {
    let Ok(world) = World::start(&Enctype::SUPPORTED) else { return };
    bencher.bench_local(|| drop(world.connect(world.login()).map_err(|error| error.to_string())));
    assert!(world.brokers.counters().logins >= 1 && world.brokers.counters().failed_logins == 0);
    assert_eq!(world.kdc.counters().logins, world.brokers.counters().logins);
}

/// The same with tickets at hand: one connection more.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn further_connection(bencher: Bencher<'_, '_>) {
    let Ok(world) = World::start(&Enctype::SUPPORTED) else { return };
    let login = world.login();
    bencher.bench_local(|| drop(world.connect(login.clone()).map_err(|error| error.to_string())));
    assert_eq!((world.kdc.counters().logins, world.brokers.counters().failed_logins), (1, 0));
}

/// Our own part of a login with a cached ticket: three messages, for what the service said once.
#[divan::bench(args = [17, 18, 19, 20])]
fn our_time_for_a_further_login(bencher: Bencher<'_, '_>, enctype: i32) {
    let Ok(recorded) = Recorded::of(Enctype(enctype)) else { return };
    assert!(recorded.replay().is_some());
    bencher.bench_local(|| recorded.replay());
}

struct Recorded {
    ticket: ServiceTicket,
    challenges: Vec<Vec<u8>>,
}

impl Recorded {
    fn of(enctype: Enctype) -> Outcome<Self> {
        let world = World::start(&[enctype])?;
        let ticket = world.ticket()?;
        let mut acceptor =
            Acceptor::new(&world.kdc.keytab(&[SERVICE])?).map_err(|fault| fault.to_string())?;
        let (token, mut client) = SaslClient::begin(ticket.clone(), &SaslOptions::default(), &seed())?;
        let (mut challenge, mut login) = acceptor.accept(&token, world.kdc.now())?;
        let mut challenges = Vec::new();
        loop {
            challenges.push(challenge.clone());
            match client.step(&challenge)? {
                SaslStep::Send { response, next } => {
                    client = next;
                    match login.step(&response)? {
                        Step::Challenge(more, next) => (challenge, login) = (more, next),
                        Step::Done(_) => return Err("done too early".into()),
                    }
                }
                SaslStep::Last { .. } => return Ok(Self { ticket, challenges }),
            }
        }
    }

    /// With the random bytes of then, the service's words fit again.
    fn replay(&self) -> Option<Vec<u8>> {
        let begun = SaslClient::begin(self.ticket.clone(), &SaslOptions::default(), &seed());
        let mut client = begun.ok()?.1;
        for challenge in &self.challenges {
            match client.step(challenge).ok()? {
                SaslStep::Send { next, .. } => client = next,
                SaslStep::Last { response } => return Some(response),
            }
        }
        None
    }
}

fn seed() -> Seed {
    Seed::new(&[7; Seed::LEN])
}

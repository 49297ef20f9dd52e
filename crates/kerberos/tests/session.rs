//! The client over tokio against MIT's KDC.
#![expect(clippy::panic, reason = "a test fails by panicking")]

#[path = "support/mit.rs"]
mod mit;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use mit::Mit;
use ottla_kerberos::ccache::CredentialCache;
use ottla_kerberos::client::{
    Connect, ConnectFuture, DatagramFuture, Session, SessionConfig, Sockets, Source, Timeouts, WallClock,
};
use ottla_kerberos::conf::Krb5Conf;
use ottla_kerberos::error::{Class, ErrorCode, Fault, Stage};
use ottla_kerberos::exchange::{LongTermSecret, ServiceRequest};
use ottla_kerberos::gss::ServiceTicket;
use ottla_kerberos::principal::{NameType, Principal, PrincipalName};

const ALICE: &str = "alice@SESSION.TEST";
const KAFKA: &str = "kafka/broker.test@SESSION.TEST";

/// Counts what goes to KDCs, and can cut them off.
#[derive(Default)]
struct Wire {
    connects: AtomicUsize,
    datagrams: AtomicUsize,
    is_cut: AtomicBool,
    datagrams_are_lost: bool,
}

impl Wire {
    fn connects(&self) -> usize {
        self.connects.load(Ordering::Relaxed)
    }
}

impl Connect for Wire {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> ConnectFuture<'a> {
        self.connects.fetch_add(1, Ordering::Relaxed);
        if self.is_cut.load(Ordering::Relaxed) {
            return Box::pin(async { Err(std::io::ErrorKind::ConnectionRefused.into()) });
        }
        Sockets.connect(host, port)
    }

    fn datagram<'a>(&'a self, host: &'a str, port: u16, request: &'a [u8]) -> DatagramFuture<'a> {
        self.datagrams.fetch_add(1, Ordering::Relaxed);
        if self.datagrams_are_lost {
            return Box::pin(std::future::pending());
        }
        Sockets.datagram(host, port, request)
    }
}

struct WrongClock(Duration);

impl WallClock for WrongClock {
    #[expect(clippy::disallowed_methods, reason = "real KDCs live in real time")]
    fn now(&self) -> SystemTime {
        SystemTime::now() + self.0
    }
}

fn realm(extra: &str) -> (Mit, PathBuf) {
    let mit = Mit::start_with(&["SESSION.TEST"], extra);
    mit.add_principal(ALICE, "secret", "");
    mit.add_principal(KAFKA, "service", "");
    let keytab = mit.path("alice.keytab");
    mit.export_keytab(ALICE, &keytab);
    (mit, keytab)
}

fn principal(text: &str) -> Principal {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn kafka() -> ServiceRequest {
    ServiceRequest::by_referral(PrincipalName::new(NameType::SRV_HST, ["kafka", "broker.test"]))
}

fn config(mit: &Mit, source: Source) -> (SessionConfig, Arc<Wire>) {
    let conf = Krb5Conf::load(mit.krb5_conf()).unwrap_or_else(|error| panic!("{error}"));
    let wire = Arc::new(Wire::default());
    let mut config = SessionConfig::new(source, Arc::new(conf));
    config.connect = Arc::clone(&wire) as Arc<dyn Connect>;
    // A busy machine must not look like a dead KDC.
    config.timeouts = Timeouts { per_kdc: Duration::from_secs(20), total: Duration::from_secs(25) };
    (config, wire)
}

fn keytab(path: &std::path::Path) -> Source {
    Source::Keytab { principal: principal(ALICE), path: path.to_owned() }
}

fn password(text: &str) -> Source {
    Source::Secret { principal: principal(ALICE), secret: LongTermSecret::password(text.to_owned()) }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.unwrap_or_else(|_| panic!("took too long"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_ask_at_once_share_one_login_and_one_ticket() {
    let (mit, file) = realm("");
    let (config, wire) = config(&mit, keytab(&file));
    let session = Session::start(config);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(async move { session.service_ticket(&kafka()).await })
        })
        .collect();
    let mut tickets = Vec::new();
    for task in tasks {
        tickets.push(within(task).await.unwrap().unwrap());
    }
    assert!(tickets.iter().all(|ticket| Arc::ptr_eq(ticket.grant(), tickets[0].grant())));
    // The first request of a login, its proof, and the ticket.
    assert_eq!(wire.connects(), 3);
    assert_eq!(tickets[0].grant().server.to_string(), KAFKA);
}

#[tokio::test]
async fn a_password_logs_in_too_and_a_wrong_one_says_so() {
    let (mit, _) = realm("");
    let session = Session::start(config(&mit, password("secret")).0);
    within(session.service_ticket(&kafka())).await.unwrap();
    let session = Session::start(config(&mit, password("wrong")).0);
    for _ in 0..2 {
        let error = within(session.service_ticket(&kafka())).await.unwrap_err();
        assert_eq!((error.code(), error.stage()), (Some(ErrorCode::PREAUTH_FAILED), Stage::Login));
        assert_eq!(error.context().kdc, Some(format!("127.0.0.1:{}", mit.port("SESSION.TEST"))));
    }
}

#[tokio::test]
async fn asks_the_next_kdc_if_one_is_dead_and_stays_with_the_one_that_answers() {
    let (mit, file) = realm("");
    let (mut config, wire) = config(&mit, keytab(&file));
    let text = format!(
        "[realms]\n SESSION.TEST = {{\n  kdc = 127.0.0.1:1\n  kdc = 127.0.0.1:{}\n }}\n",
        mit.port("SESSION.TEST")
    );
    config.conf = Arc::new(Krb5Conf::parse(text.as_bytes()).unwrap());
    let session = Session::start(config);
    within(session.service_ticket(&kafka())).await.unwrap();
    assert_eq!(wire.connects(), 4);
}

#[tokio::test]
async fn says_which_realm_has_no_kdc_or_none_that_answers() {
    let (mit, file) = realm("");
    let (mut nowhere, _) = config(&mit, keytab(&file));
    nowhere.conf = Arc::new(Krb5Conf::default());
    let error = within(Session::start(nowhere).service_ticket(&kafka())).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::NoKdc(_)), "{error:?}");
    let (cut, wire) = config(&mit, keytab(&file));
    wire.is_cut.store(true, Ordering::Relaxed);
    let error = within(Session::start(cut).service_ticket(&kafka())).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Unreachable(..)), "{error:?}");
    assert_eq!(error.class(), Class::Transient);
}

/// MIT's KDC of one realm takes itself to be asked whatever the request says, and does not know the
/// client: code 6. It says 68 only of names that its database keeps for another realm, which DB2 and
/// LMDB cannot; that answer is in tests/embedded.rs.
#[tokio::test]
async fn the_kdc_of_another_realm_knows_nobody_of_this_one() {
    let (mit, _) = realm("");
    let (mut config, _) = config(&mit, password("secret"));
    let port = mit.port("SESSION.TEST");
    let text = format!("[realms]\n ELSEWHERE.TEST = {{\n  kdc = 127.0.0.1:{port}\n }}\n");
    config.conf = Arc::new(Krb5Conf::parse(text.as_bytes()).unwrap());
    let secret = LongTermSecret::password("secret".to_owned());
    config.source = Source::Secret { principal: principal("alice@ELSEWHERE.TEST"), secret };
    let error = within(Session::start(config).service_ticket(&kafka())).await.unwrap_err();
    assert_eq!((error.code(), error.class()), (Some(ErrorCode::C_PRINCIPAL_UNKNOWN), Class::Config));
    let context = error.context();
    assert_eq!(context.kdc, Some(format!("127.0.0.1:{port}")), "{error}");
    assert!(error.to_string().contains("alice@ELSEWHERE.TEST"), "{error}");
}

#[tokio::test]
async fn an_unknown_service_fails_and_the_session_goes_on() {
    let (mit, file) = realm("");
    let session = Session::start(config(&mit, keytab(&file)).0);
    let unknown = ServiceRequest::by_referral(PrincipalName::new(NameType::SRV_HST, ["kafka", "nowhere"]));
    let error = within(session.service_ticket(&unknown)).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::S_PRINCIPAL_UNKNOWN));
    within(session.service_ticket(&kafka())).await.unwrap();
}

#[tokio::test]
async fn a_refused_ticket_is_replaced_by_one_under_the_new_key() {
    let (mit, file) = realm("");
    let session = Session::start(config(&mit, keytab(&file)).0);
    let old = within(session.service_ticket(&kafka())).await.unwrap();
    mit.kadmin("SESSION.TEST", &format!("cpw -pw rotated {KAFKA}"));
    let same = within(session.service_ticket(&kafka())).await.unwrap();
    assert_eq!(same.grant().ticket.kvno(), Some(1));
    let new = within(session.fresh_service_ticket(&kafka(), &old)).await.unwrap();
    assert_eq!(new.grant().ticket.kvno(), Some(2));
    // Who comes late with the old one gets the present one.
    let late = within(session.fresh_service_ticket(&kafka(), &old)).await.unwrap();
    assert!(Arc::ptr_eq(late.grant(), new.grant()));
}

#[tokio::test]
async fn uses_datagrams_up_to_the_limit_and_tcp_for_long_answers() {
    let (mit, file) = realm("[kdcdefaults]\n kdc_max_dgram_reply_size = 400\n");
    let port = mit.port("SESSION.TEST");
    let text = format!(
        "[libdefaults]\n udp_preference_limit = 1400\n[realms]\n SESSION.TEST = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
    );
    let (mut by_udp, wire) = config(&mit, keytab(&file));
    by_udp.conf = Arc::new(Krb5Conf::parse(text.as_bytes()).unwrap());
    within(Session::start(by_udp.clone()).service_ticket(&kafka())).await.unwrap();
    // The KDC's call for a proof fits into a datagram, the two tickets do not.
    assert_eq!((wire.datagrams.load(Ordering::Relaxed), wire.connects()), (3, 2));

    let lossy = Arc::new(Wire { datagrams_are_lost: true, ..Wire::default() });
    by_udp.connect = Arc::clone(&lossy) as Arc<dyn Connect>;
    by_udp.timeouts.per_kdc = Duration::from_secs(6);
    within(Session::start(by_udp).service_ticket(&kafka())).await.unwrap();
    assert_eq!((lossy.datagrams.load(Ordering::Relaxed), lossy.connects()), (3, 3));
}

#[tokio::test]
async fn renews_in_the_background_and_keeps_the_old_ticket_while_kdcs_are_down() {
    let (mit, file) = realm("");
    let (mut config, wire) = config(&mit, keytab(&file));
    config.options.lifetime = Duration::from_secs(20);
    config.options.renew_lifetime = Some(Duration::from_secs(3600));
    config.renew_window = 0.1;
    let session = Session::start(config);
    let first = within(session.service_ticket(&kafka())).await.unwrap();
    assert_eq!(wire.connects(), 3);
    // Nobody asks for anything: the fourth is the renewal.
    within(async {
        while wire.connects() < 4 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    wire.is_cut.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        let same = within(session.service_ticket(&kafka())).await.unwrap();
        assert!(Arc::ptr_eq(first.grant(), same.grant()));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    wire.is_cut.store(false, Ordering::Relaxed);
    // The old one is given out to its end, then one of the renewed ticket-granting ticket.
    let last = |ticket: &ServiceTicket| ticket.grant().end_time > first.grant().end_time;
    within(async {
        while !last(&session.service_ticket(&kafka()).await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn takes_tickets_out_of_a_cache_that_kinit_filled() {
    let (mit, _) = realm("");
    mit.tool("kinit", &[ALICE], "secret\n");
    let path = mit.path("ccache");
    let cache = Source::Cache { path: path.clone(), principal: Some(principal(ALICE)) };
    let (cached, wire) = config(&mit, cache);
    let ticket = within(Session::start(cached).service_ticket(&kafka())).await.unwrap();
    assert_eq!((ticket.grant().client.to_string().as_str(), wire.connects()), (ALICE, 1));

    let other = Source::Cache { path, principal: Some(principal("bob@SESSION.TEST")) };
    let error = within(Session::start(config(&mit, other).0).service_ticket(&kafka())).await.unwrap_err();
    assert_eq!(error.fault(), &Fault::CachePrincipal(principal(ALICE)));
    let none = Source::Cache { path: mit.path("no-such-cache"), principal: None };
    let error = within(Session::start(config(&mit, none).0).service_ticket(&kafka())).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Cache(_)), "{error:?}");
    let none = Source::Keytab { principal: principal(ALICE), path: mit.path("no-such-keytab") };
    let error = within(Session::start(config(&mit, none).0).service_ticket(&kafka())).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Keytab(_)), "{error:?}");
}

#[tokio::test]
async fn an_expired_ticket_in_a_cache_is_found_again_once_kinit_has_run() {
    let (mit, _) = realm("");
    mit.tool("kinit", &["-l", "1s", ALICE], "secret\n");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let cache = Source::Cache { path: mit.path("ccache"), principal: None };
    let session = Session::start(config(&mit, cache).0);
    let error = within(session.service_ticket(&kafka())).await.unwrap_err();
    assert_eq!(error.fault(), &Fault::NoTgt);
    mit.tool("kinit", &[ALICE], "secret\n");
    within(session.service_ticket(&kafka())).await.unwrap();
}

#[tokio::test]
async fn a_wrong_clock_is_followed_through_login_and_ticket() {
    let (mit, file) = realm("");
    let (mut config, _) = config(&mit, keytab(&file));
    config.clock = Arc::new(WrongClock(Duration::from_secs(7200)));
    let ticket = within(Session::start(config).service_ticket(&kafka())).await.unwrap();
    assert!((ticket.offset().as_micros() + 7_200_000_000).abs() < 5_000_000);
}

#[tokio::test]
async fn a_revoked_ticket_granting_ticket_leads_to_one_new_login() {
    let (mit, file) = realm("");
    let (config, wire) = config(&mit, keytab(&file));
    let session = Session::start(config);
    let ticket = within(session.service_ticket(&kafka())).await.unwrap();
    // The KDC cannot open what it sealed with its old key.
    mit.kadmin("SESSION.TEST", "cpw -randkey krbtgt/SESSION.TEST");
    let again = within(session.fresh_service_ticket(&kafka(), &ticket)).await.unwrap();
    assert!(!Arc::ptr_eq(again.grant(), ticket.grant()));
    assert!(wire.connects() >= 6, "{}", wire.connects());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_diagnosis_names_the_kdc_the_keys_and_the_clock() {
    let (mit, file) = realm("");
    let (mut config, _) = config(&mit, keytab(&file));
    config.clock = Arc::new(WrongClock(Duration::from_secs(1000)));
    let session = Session::start(config);
    let found = within(session.diagnose(Some(&kafka()))).await;
    assert!(found.error.is_none(), "{found}");
    let ticket = found.ticket.as_ref().unwrap_or_else(|| panic!("no ticket"));
    assert_eq!(ticket.server, principal(KAFKA));
    assert_eq!(found.login_key.map(|(enctype, kvno)| (enctype.0, kvno)), Some((18, Some(1))));
    let said = found.to_string();
    let kdc = format!("{}", found.kdcs[0].1);
    for part in [ALICE, KAFKA, &kdc, "of realm SESSION.TEST", "kvno 1", "-1000 s", "set the clocks"] {
        assert!(said.contains(part) || said.contains(&part.replace("1000", "999")), "{part} in {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_diagnosis_of_a_failure_says_what_to_do() {
    let (mit, _) = realm("");
    let (config, _) = config(&mit, password("sesame"));
    let found = within(Session::start(config).diagnose(None)).await;
    assert_eq!(found.error.as_ref().and_then(|error| error.code()), Some(ErrorCode::PREAUTH_FAILED));
    assert!(found.tgt.is_none() && found.to_string().contains("what to do"), "{found}");
    assert!(!found.to_string().contains("sesame"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mits_tools_use_and_renew_the_ticket_of_our_login() {
    let (mit, file) = realm("");
    let (mut config, _) = config(&mit, keytab(&file));
    config.options.renew_lifetime = Some(Duration::from_secs(2 * 86_400));
    let found = within(Session::start(config).diagnose(Some(&kafka()))).await;
    let mut cache = CredentialCache::new(principal(ALICE), None);
    for grant in [&found.tgt, &found.ticket].into_iter().flatten() {
        cache.insert(grant.as_ref().into());
    }
    let path = mit.path("ours");
    cache.store(&path).unwrap_or_else(|error| panic!("{error}"));
    let name = path.display().to_string();
    let shown = mit.tool("klist", &["-e", "-c", &name], "");
    assert!(shown.contains(KAFKA) && shown.contains("renew until"), "{shown}");
    mit.add_principal("http/broker.test@SESSION.TEST", "service", "");
    mit.tool("kvno", &["-c", &name, KAFKA, "http/broker.test@SESSION.TEST"], "");
    mit.tool("kinit", &["-R", "-c", &name], "");
    mit.tool("kvno", &["-c", &name, KAFKA], "");
}

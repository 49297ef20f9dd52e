//! The client over tokio against the testkit's KDC and acceptor: in memory, under a paused clock.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ottla_kerberos::client::{Connect, ConnectFuture, Session, SessionConfig, Source, Stream, WallClock};
use ottla_kerberos::conf::Krb5Conf;
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::entropy::Seed;
use ottla_kerberos::error::{Class, ErrorCode, Fault};
use ottla_kerberos::exchange::{AsExchange, LongTermSecret, Options, ServiceRequest};
use ottla_kerberos::gss::{GssOptions, ServiceTicket};
use ottla_kerberos::keytab::Keytab;
use ottla_kerberos::principal::{NameType, PrincipalName, Realm};
use ottla_kerberos::sasl::{SaslClient, SaslOptions, SaslStep};
use ottla_kerberos::time::{ClockOffset, Timestamp};
use ottla_testkit::acceptor::{AcceptError, Acceptor, Step};
use ottla_testkit::kdc::{Account, Kdc, KdcBuilder};
use tokio::io::AsyncWriteExt;

const ALICE: &str = "alice@A.TEST";
const KAFKA: &str = "kafka/broker.a@A.TEST";
const DAY: Duration = Duration::from_secs(86_400);

/// A wall clock that goes with tokio's, ahead or behind by some seconds.
struct TokioClock {
    start: tokio::time::Instant,
    ahead: i64,
}

/// What the KDC's clock shows at the start of each test.
fn epoch() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

impl TokioClock {
    #[expect(clippy::disallowed_methods, reason = "the clock that tests pause")]
    fn ahead_by(seconds: i64) -> Self {
        Self { start: tokio::time::Instant::now(), ahead: seconds }
    }
}

impl WallClock for TokioClock {
    fn now(&self) -> SystemTime {
        let here = epoch() + self.start.elapsed();
        let difference = Duration::from_secs(self.ahead.unsigned_abs());
        if self.ahead < 0 { here - difference } else { here + difference }
    }
}

fn realm() -> KdcBuilder {
    let clock = TokioClock::ahead_by(0);
    Kdc::builder()
        .realm("A.TEST")
        .account(Account::user(ALICE, "secret"))
        .account(Account::service(KAFKA))
        .clock(move || clock.now())
}

fn config(kdc: &Kdc) -> SessionConfig {
    let keytab = Keytab::parse(&kdc.keytab(&[ALICE]).unwrap()).unwrap();
    let secret = LongTermSecret::Keytab(Arc::new(keytab));
    let source = Source::Secret { principal: ALICE.parse().unwrap(), secret };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("krb5.conf");
    kdc.write_krb5_conf(&path).unwrap();
    let mut config = SessionConfig::new(source, Arc::new(Krb5Conf::load(path).unwrap()));
    config.connect = Arc::new(kdc.connector()) as Arc<dyn Connect>;
    config.clock = Arc::new(TokioClock::ahead_by(0));
    config
}

fn kafka(host: &str) -> ServiceRequest {
    ServiceRequest::by_referral(PrincipalName::new(NameType::SRV_HST, ["kafka", host]))
}

fn acceptor(kdc: &Kdc, service: &str) -> Acceptor {
    Acceptor::new(&kdc.keytab(&[service]).unwrap()).unwrap()
}

/// A login to its end, and who the service takes the client for.
fn log_in(
    acceptor: &mut Acceptor,
    ticket: ServiceTicket,
    mutual: bool,
    now: SystemTime,
) -> Result<String, AcceptError> {
    let gss = GssOptions { mutual, ..GssOptions::default() };
    let options = SaslOptions { gss, ..SaslOptions::default() };
    let (token, mut client) = SaslClient::begin(ticket, &options, &Seed::random().unwrap()).unwrap();
    let (mut challenge, mut login) = acceptor.accept(&token, now)?;
    loop {
        let response = match client.step(&challenge).unwrap() {
            SaslStep::Send { response, next } => {
                client = next;
                response
            }
            SaslStep::Last { response } => {
                return match login.step(&response)? {
                    Step::Done(name) => Ok(name),
                    Step::Challenge(..) => panic!("the service wants more"),
                };
            }
        };
        (challenge, login) = match login.step(&response)? {
            Step::Challenge(challenge, login) => (challenge, login),
            Step::Done(_) => panic!("the service is done too early"),
        };
    }
}

#[tokio::test(start_paused = true)]
async fn every_type_of_key_logs_in_with_and_without_mutual_authentication() {
    for enctype in Enctype::SUPPORTED {
        let kdc = realm()
            .account(Account::user(ALICE, "secret").with_enctypes([enctype]))
            .account(Account::service(KAFKA).with_enctypes([enctype]))
            .start_in_memory()
            .unwrap();
        let session = Session::start(config(&kdc));
        for (mutual, subkey) in [(true, false), (true, true), (false, false)] {
            let mut acceptor = acceptor(&kdc, KAFKA);
            if subkey {
                acceptor = acceptor.with_subkey();
            }
            let ticket = session.service_ticket(&kafka("broker.a")).await.unwrap();
            assert_eq!(log_in(&mut acceptor, ticket, mutual, kdc.now()), Ok(ALICE.to_owned()), "{enctype}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_logs_in_with_the_salt_and_the_cost_that_the_kdc_names() {
    let kdc = realm().start_in_memory().unwrap();
    let mut config = config(&kdc);
    let secret = LongTermSecret::password("secret".to_owned());
    config.source = Source::Secret { principal: ALICE.parse().unwrap(), secret };
    Session::start(config).service_ticket(&kafka("broker.a")).await.unwrap();
    assert_eq!((kdc.counters().as_requests, kdc.counters().errors(25)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_week_is_one_login_and_a_renewal_at_four_fifths_of_each_day() {
    let kdc = realm().start_in_memory().unwrap();
    let mut config = config(&kdc);
    config.options.renew_lifetime = Some(DAY * 7);
    let session = Session::start(config);
    for _ in 0..7 * 24 {
        let mut acceptor = acceptor(&kdc, KAFKA);
        let ticket = session.service_ticket(&kafka("broker.a")).await.unwrap();
        log_in(&mut acceptor, ticket, true, kdc.now()).unwrap();
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    let counted = kdc.counters();
    // A renewal and a service ticket every 20 hours or so; the last renewal cannot last longer.
    assert!((1..=2).contains(&counted.logins), "{counted:?}");
    assert!((14..=20).contains(&counted.tickets), "{counted:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_followed_at_the_kdc_and_at_the_service() {
    for seconds in [1000, -1000, 90_000, -90_000] {
        let kdc = realm().start_in_memory().unwrap();
        let mut config = config(&kdc);
        config.clock = Arc::new(TokioClock::ahead_by(seconds));
        let session = Session::start(config);
        let ticket = session.service_ticket(&kafka("broker.a")).await.unwrap();
        assert_eq!(ticket.offset().as_micros() / 1_000_000, -seconds);
        let mut acceptor = acceptor(&kdc, KAFKA);
        assert_eq!(log_in(&mut acceptor, ticket, true, kdc.now()), Ok(ALICE.to_owned()));
        assert_eq!(kdc.counters().errors(37), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn services_of_other_realms_are_found_by_referral_over_two_trusts() {
    let kdc = realm()
        .realm("B.TEST")
        .realm("C.TEST")
        .trust("A.TEST", "B.TEST")
        .trust("B.TEST", "C.TEST")
        .host_realm(".c.example", "C.TEST")
        .account(Account::service("kafka/one.c.example@C.TEST"))
        .start_in_memory()
        .unwrap();
    let session = Session::start(config(&kdc));
    let ticket = session.service_ticket(&kafka("one.c.example")).await.unwrap();
    assert_eq!(ticket.grant().server.to_string(), "kafka/one.c.example@C.TEST");
    let mut acceptor = acceptor(&kdc, "kafka/one.c.example@C.TEST");
    assert_eq!(log_in(&mut acceptor, ticket, true, kdc.now()), Ok(ALICE.to_owned()));
    let counted = kdc.counters();
    assert_eq!((counted.logins, counted.tgs_requests, counted.tickets), (1, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn the_kdc_refuses_who_is_locked_expired_unknown_or_wrong() {
    let user = || Account::user(ALICE, "secret");
    for (account, code) in [
        (user().locked(), ErrorCode(18)),
        (user().expired(), ErrorCode(1)),
        (user().with_expired_password(), ErrorCode(23)),
        (Account::user(ALICE, "another"), ErrorCode::PREAUTH_FAILED),
    ] {
        let kdc = realm().start_in_memory().unwrap();
        let config = config(&kdc);
        kdc.put(account).unwrap();
        let error = Session::start(config).service_ticket(&kafka("broker.a")).await.unwrap_err();
        assert_eq!((error.code(), error.class()), (Some(code), Class::Config), "{error}");
    }
    let kdc = realm().start_in_memory().unwrap();
    let config = config(&kdc);
    kdc.remove(ALICE).unwrap();
    let error = Session::start(config).service_ticket(&kafka("broker.a")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::C_PRINCIPAL_UNKNOWN));
}

#[tokio::test(start_paused = true)]
async fn the_acceptor_refuses_replays_other_clocks_and_other_keys() {
    let kdc = realm().start_in_memory().unwrap();
    let session = Session::start(config(&kdc));
    let ticket = session.service_ticket(&kafka("broker.a")).await.unwrap();
    let begun = SaslClient::begin(ticket.clone(), &SaslOptions::default(), &Seed::random().unwrap());
    let (token, _) = begun.unwrap();
    let mut service = acceptor(&kdc, KAFKA);
    service.accept(&token, kdc.now()).unwrap();
    assert_eq!(service.accept(&token, kdc.now()).unwrap_err(), AcceptError::Kerberos(34));
    let late = kdc.now() + Duration::from_secs(301);
    assert_eq!(acceptor(&kdc, KAFKA).accept(&token, late).unwrap_err(), AcceptError::Kerberos(37));
    assert_eq!(kdc.rotate(KAFKA, None).unwrap(), 2);
    assert_eq!(acceptor(&kdc, KAFKA).accept(&token, kdc.now()).unwrap_err(), AcceptError::Kerberos(31));
    // One more ticket is of the new key.
    let fresh = session.fresh_service_ticket(&kafka("broker.a"), &ticket).await.unwrap();
    let mut service = acceptor(&kdc, KAFKA);
    assert_eq!(log_in(&mut service, fresh, true, kdc.now()), Ok(ALICE.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn datagrams_serve_small_requests_and_long_answers_come_by_tcp() {
    for (limit, errors) in [(4096, 0), (100, 2)] {
        let kdc = realm().max_datagram(limit).start_in_memory().unwrap();
        let mut config = config(&kdc);
        let conf = Arc::get_mut(&mut config.conf).unwrap();
        conf.libdefaults.udp_preference_limit = 1465;
        Session::start(config).service_ticket(&kafka("broker.a")).await.unwrap();
        let counted = kdc.counters();
        assert_eq!(counted.as_requests + counted.tgs_requests, 3 + 3 * u64::from(errors > 0), "{counted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kdc_that_is_down_is_not_noticed_while_tickets_last() {
    let kdc = realm().start_in_memory().unwrap();
    let session = Session::start(config(&kdc));
    session.service_ticket(&kafka("broker.a")).await.unwrap();
    kdc.set_down("A.TEST", true);
    tokio::time::sleep(Duration::from_secs(23 * 3600)).await;
    session.service_ticket(&kafka("broker.a")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    let error = session.service_ticket(&kafka("broker.a")).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient);
    kdc.set_down("A.TEST", false);
    session.service_ticket(&kafka("broker.a")).await.unwrap();
}

/// A KDC on `odd.test` that says the same to everybody.
struct Odd {
    others: ottla_testkit::kdc::Connector,
    reply: Vec<u8>,
}

impl Odd {
    fn beside(kdc: &Kdc, reply: &[u8]) -> Self {
        Self { others: kdc.connector(), reply: reply.to_vec() }
    }
}

/// The answer of a KDC that lacks a service: that of one which wants a proof, with another code.
fn unavailable(kdc: &Kdc) -> Vec<u8> {
    let mut error = kdc.answer("A.TEST", &first_request());
    let code = error.windows(5).position(|at| at == [0xa6, 3, 2, 1, 25]).unwrap() + 4;
    *error.get_mut(code).unwrap() = 29;
    let length = u32::try_from(error.len()).unwrap();
    [&length.to_be_bytes()[..], &error].concat()
}

/// What a login begins with.
fn first_request() -> Vec<u8> {
    let secret = LongTermSecret::password("secret".to_owned());
    let now = Timestamp::from(epoch());
    let (alice, offset, seed) = (ALICE.parse().unwrap(), ClockOffset::ZERO, Seed::random().unwrap());
    AsExchange::begin(alice, secret, Options::default(), offset, now, &seed).unwrap().0.bytes
}

impl Connect for Odd {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> ConnectFuture<'a> {
        if host != "odd.test" {
            return Connect::connect(&self.others, host, port);
        }
        Box::pin(async {
            let (ours, mut theirs) = tokio::io::duplex(4096);
            theirs.write_all(&self.reply).await?;
            // The request is taken, and the connection stays up for the answer.
            tokio::spawn(async move { tokio::io::copy(&mut theirs, &mut tokio::io::sink()).await });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

fn with_kdcs(kdc: &Kdc, odd: Odd, lines: &str) -> SessionConfig {
    let mut config = config(kdc);
    let text = format!("[realms]\n A.TEST = {{\n  kdc = odd.test:88\n{lines} }}\n");
    config.conf = Arc::new(Krb5Conf::parse(text.as_bytes()).unwrap());
    config.connect = Arc::new(odd);
    config
}

/// MIT's KDC says 29 where its database cannot be locked, and with its own databases it waits for the
/// lock instead: no real one could be brought to it.
#[tokio::test(start_paused = true)]
async fn a_kdc_that_lacks_a_service_gives_way_to_the_next_one() {
    let kdc = realm().start_in_memory().unwrap();
    let (host, port) = kdc.address("A.TEST").unwrap();
    let odd = || Odd::beside(&kdc, &unavailable(&kdc));
    let two = with_kdcs(&kdc, odd(), &format!("  kdc = {host}:{port}\n"));
    let ticket = Session::start(two).service_ticket(&kafka("broker.a")).await.unwrap();
    assert_eq!(ticket.grant().server.to_string(), KAFKA);
    let alone = with_kdcs(&kdc, odd(), "");
    let error = Session::start(alone).service_ticket(&kafka("broker.a")).await.unwrap_err();
    assert_eq!((error.code(), error.class()), (Some(ErrorCode(29)), Class::Transient), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_reply_of_more_than_a_mebibyte_is_not_awaited() {
    let kdc = realm().start_in_memory().unwrap();
    let reply = [&((1_u32 << 20) + 1).to_be_bytes()[..], &[0x6b; 100]].concat();
    let config = with_kdcs(&kdc, Odd::beside(&kdc, &reply), "");
    let error = Session::start(config).service_ticket(&kafka("broker.a")).await.unwrap_err();
    let refused = Fault::Unreachable(Realm::new("A.TEST"), std::io::ErrorKind::InvalidData);
    assert_eq!((error.fault(), error.class()), (&refused, Class::Transient), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_kdc_that_is_not_of_the_realm_is_an_error_that_names_both() {
    let kdc = realm().start_in_memory().unwrap();
    let (host, port) = kdc.address("A.TEST").unwrap();
    let text = format!("[realms]\n ELSEWHERE.TEST = {{\n  kdc = {host}:{port}\n }}\n");
    let mut config = config(&kdc);
    config.conf = Arc::new(Krb5Conf::parse(text.as_bytes()).unwrap());
    let secret = LongTermSecret::password("secret".to_owned());
    config.source = Source::Secret { principal: "alice@ELSEWHERE.TEST".parse().unwrap(), secret };
    let error = Session::start(config).service_ticket(&kafka("broker.a")).await.unwrap_err();
    assert_eq!((error.code(), error.class()), (Some(ErrorCode::WRONG_REALM), Class::Config), "{error}");
    let said = error.to_string();
    assert!(said.contains("alice@ELSEWHERE.TEST") && said.contains(&format!("{host}:{port}")), "{said}");
    assert_eq!(kdc.counters().errors(68), 1);
}

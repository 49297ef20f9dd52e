use std::sync::Arc;

use super::*;
use crate::principal::PrincipalName;
use crate::ticket::{Grant, Ticket, TicketFlags};

const KAFKA: &str = "kafka/b@R";

fn tgt() -> Arc<Grant> {
    Arc::new(Grant {
        client: principal(ALICE),
        server: principal(TGS),
        ticket: Ticket::parse(&forge::ticket(&principal(TGS))).unwrap(),
        session_key: key(Enctype(18), 8),
        flags: TicketFlags::default(),
        auth_time: NOW.time(),
        start_time: NOW.time(),
        end_time: seconds(3600),
        renew_till: None,
    })
}

fn begin_for(request: ServiceRequest) -> TgsExchange {
    let options = Options::default();
    TgsExchange::begin(tgt(), request, options, ClockOffset::ZERO, NOW, &seed(1)).unwrap().1
}

fn begin() -> TgsExchange {
    begin_for(ServiceRequest::by_referral(principal(KAFKA).name))
}

/// The reply to the request made with seed `byte` under its subkey; `session` is the type of the
/// session key in use.
fn sealed(reply: &Reply, byte: u8, session: Enctype) -> Vec<u8> {
    reply.encode(13, &seed(byte).subkey(session).unwrap(), KeyUsage::TGS_REP_SUBKEY)
}

fn reply_for(server: &str, byte: u8) -> Vec<u8> {
    sealed(&Reply::to(&seed(byte), ALICE, server), byte, Enctype(18))
}

fn done(step: Result<Step<TgsExchange, TgsOutcome>, Error>) -> Grant {
    match step.unwrap() {
        Step::Done(outcome) => outcome.grant,
        Step::Send { .. } => panic!("asks again"),
    }
}

fn again(step: Result<Step<TgsExchange, TgsOutcome>, Error>) -> (KdcRequest, TgsExchange) {
    match step.unwrap() {
        Step::Send { request, next } => (request, next),
        Step::Done(_) => panic!("is done"),
    }
}

fn refusal(reply: &[u8]) -> Fault {
    let error = begin().step(reply, NOW, &seed(2)).unwrap_err();
    assert_eq!(error.stage(), Stage::Ticket);
    error.fault().clone()
}

#[test]
fn takes_a_reply_that_is_right() {
    let grant = done(begin().step(&reply_for(KAFKA, 1), NOW, &seed(2)));
    assert_eq!(grant.server, principal(KAFKA));
}

#[test]
fn refuses_a_reply_with_another_nonce() {
    let reply = Reply { nonce: 77, ..Reply::to(&seed(1), ALICE, KAFKA) };
    assert_eq!(refusal(&sealed(&reply, 1, Enctype(18))), ReplyFault::Nonce.into());
}

#[test]
fn refuses_a_reply_for_another_client() {
    let reply = Reply::to(&seed(1), "bob@R", KAFKA);
    assert_eq!(refusal(&sealed(&reply, 1, Enctype(18))), ReplyFault::Client.into());
}

#[test]
fn refuses_a_ticket_that_outlives_the_ticket_granting_ticket() {
    let reply = Reply { end_time: seconds(3601), ..Reply::to(&seed(1), ALICE, KAFKA) };
    assert_eq!(refusal(&sealed(&reply, 1, Enctype(18))), ReplyFault::EndTime.into());
}

#[test]
fn refuses_a_reply_that_is_not_sealed_with_our_subkey() {
    let reply = Reply::to(&seed(1), ALICE, KAFKA);
    let session_key = reply.encode(13, &key(Enctype(18), 8), KeyUsage::TGS_REP_SESSION);
    assert_eq!(refusal(&session_key), Fault::Crypto(CryptoError::Integrity));
    let other_use = reply.encode(13, &seed(1).subkey(Enctype(18)).unwrap(), KeyUsage::TGS_REP_SESSION);
    assert_eq!(refusal(&other_use), Fault::Crypto(CryptoError::Integrity));
    let other_type = sealed(&reply, 1, Enctype(20));
    assert_eq!(refusal(&other_type), ReplyFault::Enctype(Enctype(20)).into());
}

#[test]
fn refuses_a_ticket_of_another_realm() {
    assert_eq!(refusal(&reply_for("kafka/b@S", 1)), ReplyFault::Server.into());
    assert_eq!(refusal(&reply_for("krbtgt/S@S", 1)), ReplyFault::Server.into());
}

#[test]
fn takes_another_name_of_the_same_realm_only_while_it_asks_for_that() {
    let grant = done(begin().step(&reply_for("kafka/canonical@R", 1), NOW, &seed(2)));
    assert_eq!(grant.server, principal("kafka/canonical@R"));

    let unknown = forge::krb_error(7, NOW.time(), None);
    let (_, exchange) = again(begin().step(&unknown, NOW, &seed(2)));
    let error = exchange.step(&reply_for("kafka/canonical@R", 2), NOW, &seed(3)).unwrap_err();
    assert_eq!(error.fault(), &ReplyFault::Server.into());

    let (_, exchange) = again(begin().step(&unknown, NOW, &seed(2)));
    let error = exchange.step(&unknown, NOW, &seed(3)).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::S_PRINCIPAL_UNKNOWN));
}

#[test]
fn the_ticket_granting_ticket_itself_is_no_answer() {
    assert_eq!(refusal(&reply_for(TGS, 1)), ReplyFault::Server.into());
}

#[test]
fn follows_a_referral_with_its_ticket_and_asks_the_other_realm() {
    let (request, exchange) = again(begin().step(&reply_for("krbtgt/S@R", 1), NOW, &seed(2)));
    assert_eq!(request.realm, Realm::new("S"));
    let grant = done(exchange.step(&reply_for("kafka/b@S", 2), NOW, &seed(3)));
    assert_eq!(grant.server, principal("kafka/b@S"));
}

#[test]
fn refuses_referrals_in_a_circle() {
    let (_, exchange) = again(begin().step(&reply_for("krbtgt/S@R", 1), NOW, &seed(2)));
    let error = exchange.step(&reply_for("krbtgt/R@S", 2), NOW, &seed(3)).unwrap_err();
    assert_eq!(error.fault(), &Fault::ReferralLoop(Realm::new("R")));
    assert_eq!(error.class(), Class::Security);
}

#[test]
fn refuses_more_than_ten_referrals() {
    let mut exchange = begin();
    let mut here = "R".to_owned();
    for hop in 1..=10 {
        let there = format!("S{hop}");
        let reply = reply_for(&format!("krbtgt/{there}@{here}"), hop);
        (_, exchange) = again(exchange.step(&reply, NOW, &seed(hop + 1)));
        here = there;
    }
    let error = exchange.step(&reply_for(&format!("krbtgt/T@{here}"), 11), NOW, &seed(12)).unwrap_err();
    assert_eq!(error.fault(), &Fault::TooManyReferrals);
}

#[test]
fn goes_to_a_known_realm_along_the_given_path() {
    let name = PrincipalName::new(crate::principal::NameType::SRV_HST, ["kafka", "b"]);
    let request =
        ServiceRequest { path: vec![Realm::new("M")], ..ServiceRequest::in_realm(name, Realm::new("S")) };
    let exchange = begin_for(request);
    let (at_m, exchange) = again(exchange.step(&reply_for("krbtgt/M@R", 1), NOW, &seed(2)));
    assert_eq!(at_m.realm, Realm::new("M"));
    let (at_s, exchange) = again(exchange.step(&reply_for("krbtgt/S@M", 2), NOW, &seed(3)));
    assert_eq!(at_s.realm, Realm::new("S"));
    assert_eq!(done(exchange.step(&reply_for("kafka/b@S", 3), NOW, &seed(4))).server, principal("kafka/b@S"));
}

#[test]
fn follows_the_referral_of_the_realm_that_the_service_was_thought_to_be_in() {
    let name = principal(KAFKA).name;
    let exchange = begin_for(ServiceRequest::in_realm(name, Realm::new("S")));
    let (_, exchange) = again(exchange.step(&reply_for("krbtgt/S@R", 1), NOW, &seed(2)));
    let (request, exchange) = again(exchange.step(&reply_for("krbtgt/T@S", 2), NOW, &seed(3)));
    assert_eq!(request.realm, Realm::new("T"));
    assert_eq!(done(exchange.step(&reply_for("kafka/b@T", 3), NOW, &seed(4))).server, principal("kafka/b@T"));
}

#[test]
fn a_service_on_the_way_to_another_realm_is_no_answer() {
    let name = principal(KAFKA).name;
    let exchange = begin_for(ServiceRequest::in_realm(name, Realm::new("S")));
    let error = exchange.step(&reply_for(KAFKA, 1), NOW, &seed(2)).unwrap_err();
    assert_eq!(error.fault(), &ReplyFault::Server.into());
}

#[test]
fn believes_the_clock_of_an_error_only_once() {
    let skew = forge::krb_error(37, seconds(1000), None);
    let (_, exchange) = again(begin().step(&skew, NOW, &seed(2)));
    let error = exchange.step(&skew, NOW, &seed(3)).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::SKEW));
}

#[test]
fn follows_no_clock_if_told_so() {
    let options = Options { follow_clock: false, ..Options::default() };
    let request = ServiceRequest::by_referral(principal(KAFKA).name);
    let begun = TgsExchange::begin(tgt(), request, options, ClockOffset::ZERO, NOW, &seed(1));
    let skew = forge::krb_error(37, seconds(1000), None);
    let error = begun.unwrap().1.step(&skew, NOW, &seed(2)).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::SKEW));
}

#[test]
fn an_expired_ticket_granting_ticket_calls_for_a_new_login() {
    for code in [20, 31, 32, 41, 44, 45] {
        let error = begin().step(&forge::krb_error(code, NOW.time(), None), NOW, &seed(2)).unwrap_err();
        assert_eq!((error.code(), error.class()), (Some(ErrorCode(code)), Class::StaleCredential));
    }
}

#[test]
fn only_a_ticket_granting_ticket_gets_tickets() {
    let mut grant = Arc::into_inner(tgt()).unwrap();
    grant.server = principal(KAFKA);
    let request = ServiceRequest::by_referral(principal(KAFKA).name);
    let begun =
        TgsExchange::begin(Arc::new(grant), request, Options::default(), ClockOffset::ZERO, NOW, &seed(1));
    assert!(matches!(begun.unwrap_err().fault(), Fault::Malformed(_)));
}

fn renewable() -> Arc<Grant> {
    let grant = Arc::into_inner(tgt()).unwrap();
    Arc::new(Grant { flags: TicketFlags::RENEWABLE, renew_till: Some(seconds(7200)), ..grant })
}

fn begin_renewal(tgt: Arc<Grant>) -> Result<(KdcRequest, TgsExchange), Error> {
    TgsExchange::begin_renewal(tgt, Options::default(), ClockOffset::ZERO, NOW, &seed(1))
}

#[test]
fn renews_only_what_can_be_renewed() {
    let grant = || Arc::into_inner(renewable()).unwrap();
    for other in [
        Grant { flags: TicketFlags::INITIAL, ..grant() },
        Grant { renew_till: None, ..grant() },
        Grant { renew_till: Some(seconds(-1)), ..grant() },
        Grant { renew_till: Some(seconds(3600)), ..grant() },
        Grant { end_time: seconds(0), ..grant() },
    ] {
        let error = begin_renewal(Arc::new(other)).unwrap_err();
        assert_eq!((error.fault(), error.class()), (&Fault::NotRenewable, Class::StaleCredential));
    }
}

#[test]
fn a_renewed_ticket_is_for_the_same_realm_and_within_the_limit() {
    let reply = |server: &str, end: i64| {
        let reply = Reply { end_time: seconds(end), ..Reply::to(&seed(1), ALICE, server) };
        begin_renewal(renewable()).unwrap().1.step(&sealed(&reply, 1, Enctype(18)), NOW, &seed(2))
    };
    assert_eq!(done(reply(TGS, 7200)).end_time, seconds(7200));
    assert_eq!(reply(TGS, 7201).unwrap_err().fault(), &ReplyFault::EndTime.into());
    assert_eq!(reply("krbtgt/S@R", 7200).unwrap_err().fault(), &ReplyFault::Server.into());
    assert_eq!(reply(KAFKA, 7200).unwrap_err().fault(), &ReplyFault::Server.into());
}

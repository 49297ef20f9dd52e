use super::*;
use crate::crypto::AesKey;
use crate::enctype::Enctype;
use crate::forge::{self, NOW, principal};
use crate::ticket::{Ticket, TicketFlags};

const AT_80: RenewAt = RenewAt { window: 0.80, jitter: 0.05 };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000)
}

fn grant(server: &str, from: i64, to: i64) -> Grant {
    Grant {
        client: principal("alice@R"),
        server: principal(server),
        ticket: Ticket::parse(&forge::ticket(&principal(server))).unwrap(),
        session_key: AesKey::new(Enctype(18), &[7; 32]).unwrap(),
        flags: TicketFlags::default(),
        auth_time: forge::seconds(from),
        start_time: forge::seconds(from),
        end_time: forge::seconds(to),
        renew_till: None,
    }
}

fn kafka() -> ServiceRequest {
    ServiceRequest::by_referral(principal("kafka/b@R").name)
}

fn with_tgt(from: i64, to: i64) -> Tickets {
    let mut tickets = Tickets::default();
    tickets.on_tgt((grant("krbtgt/R@R", from, to), ClockOffset::ZERO), at(from), AT_80, 0);
    tickets
}

#[test]
fn a_ticket_is_due_at_80_to_85_percent_of_its_life() {
    let life = grant("krbtgt/R@R", 0, 1000);
    assert_eq!(AT_80.point(&life, 0), forge::seconds(800));
    assert_eq!(AT_80.point(&life, u32::MAX), forge::seconds(850));
    let tickets = with_tgt(0, 1000);
    assert!(!tickets.is_tgt_due(at(799)) && tickets.is_tgt_due(at(800)));
    assert_eq!(tickets.due_in(at(300)), Some(Duration::from_secs(500)));
    assert_eq!(Tickets::default().due_in(at(0)), None);
}

#[test]
fn a_ticket_close_to_its_end_is_not_handed_out() {
    let day = with_tgt(0, 86_400);
    assert!(day.tgt(at(86_339)).is_some() && day.tgt(at(86_340)).is_none());
    let brief = with_tgt(0, 100);
    assert!(brief.tgt(at(89)).is_some() && brief.tgt(at(90)).is_none());
}

#[test]
fn a_failure_leaves_the_ticket_and_makes_the_next_attempt_wait() {
    let mut tickets = with_tgt(0, 1000);
    tickets.on_failed(at(800));
    assert!(tickets.tgt(at(800)).is_some() && !tickets.is_tgt_due(at(859)));
    assert_eq!(tickets.due_in(at(800)), Some(Duration::from_secs(60)));
    assert!(tickets.is_tgt_due(at(860)));
}

#[test]
fn what_does_not_last_longer_is_no_successor() {
    let mut tickets = with_tgt(0, 1000);
    let first = Arc::clone(tickets.tgt(at(0)).unwrap());
    tickets.on_tgt((grant("krbtgt/R@R", 0, 1000), ClockOffset::ZERO), at(800), AT_80, 0);
    assert!(Arc::ptr_eq(tickets.tgt(at(800)).unwrap(), &first) && !tickets.is_tgt_due(at(800)));
    tickets.on_tgt((grant("krbtgt/R@R", 860, 1860), ClockOffset::ZERO), at(860), AT_80, 0);
    assert!(!Arc::ptr_eq(tickets.tgt(at(860)).unwrap(), &first));
}

#[test]
fn a_service_ticket_is_due_only_if_its_successor_would_last_longer() {
    let mut tickets = with_tgt(0, 1000);
    tickets.on_ticket(kafka(), grant("kafka/b@R", 0, 1000), ClockOffset::ZERO, AT_80, 0);
    assert!(!tickets.is_service_due(&kafka(), at(850)));
    tickets.on_tgt((grant("krbtgt/R@R", 850, 1850), ClockOffset::ZERO), at(850), AT_80, 0);
    assert!(tickets.is_service_due(&kafka(), at(850)) && !tickets.is_service_due(&kafka(), at(700)));
    assert!(tickets.service(&kafka(), at(850)).is_some());
}

#[test]
fn forgets_a_refused_ticket_but_not_its_successor() {
    let mut tickets = with_tgt(0, 1000);
    tickets.on_ticket(kafka(), grant("kafka/b@R", 0, 1000), ClockOffset::ZERO, AT_80, 0);
    let refused = Arc::clone(tickets.service(&kafka(), at(0)).unwrap());
    tickets.on_ticket(kafka(), grant("kafka/b@R", 0, 1000), ClockOffset::ZERO, AT_80, 0);
    tickets.forget(&kafka(), &refused);
    let second = Arc::clone(tickets.service(&kafka(), at(0)).unwrap());
    tickets.forget(&kafka(), &second);
    assert!(tickets.service(&kafka(), at(0)).is_none());
}

#[test]
fn times_are_by_the_clock_of_the_kdc() {
    let mut tickets = Tickets::default();
    let offset = ClockOffset::from_micros(5_000_000_000);
    tickets.on_tgt((grant("krbtgt/R@R", 5000, 6000), offset), at(0), AT_80, 0);
    assert_eq!(tickets.due_in(at(0)), Some(Duration::from_secs(800)));
    assert!(tickets.tgt(at(939)).is_some() && tickets.tgt(at(940)).is_none());
    tickets.on_ticket(kafka(), grant("kafka/b@R", 5000, 6000), offset, AT_80, 0);
    tickets.sweep(at(999));
    assert_eq!(tickets.services.len(), 1);
    tickets.sweep(at(1000));
    assert_eq!(tickets.services.len(), 0);
}

//! A model broker and a clock of its own: whole lives in no time.

use super::*;
use crate::conn::token::TokenLife;
use crate::secret::Secret;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A broker whose wall clock shows what it likes.
struct Broker {
    start: Instant,
    wall: i64,
    period: Duration,
    max: Duration,
    made: i64,
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap()
}

impl Broker {
    fn new(period: Duration, max: Duration) -> Self {
        Self { start: crate::time::now(), wall: 1_700_000_000_000, period, max, made: 0 }
    }

    fn at(&self, now: Instant) -> i64 {
        self.wall + millis(now - self.start)
    }

    fn create(&mut self, now: Instant) -> Arc<Token> {
        self.made += 1;
        let issued = self.at(now);
        let max = issued + millis(self.max);
        let expires = max.min(issued + millis(self.period));
        let [issued, expires, max] = [issued, expires, max].map(Timestamp::from_millis);
        let token = Token::new(format!("token-{}", self.made), Secret::from("h")).unwrap();
        Arc::new(token.with_life(TokenLife { issued, expires, max, renewals: 0 }).with_received(now))
    }

    fn renew(&self, now: Instant, token: &Token) -> Timestamp {
        let max = token.life().unwrap().max.as_millis();
        Timestamp::from_millis(max.min(self.at(now) + millis(self.period)))
    }
}

/// What happened in a run.
#[derive(Default)]
struct Log {
    creates: Vec<Duration>,
    renews: Vec<Duration>,
    expires: Vec<Duration>,
    least_left: Option<Duration>,
    most_alive: usize,
}

fn policy() -> Policy {
    Policy { renew_at: 750, grace: 60 * SECOND }
}

/// Lets a lifecycle run against a broker that answers at once.
fn run(life: &mut Lifecycle, broker: &mut Broker, length: Duration) -> Log {
    let (mut now, mut log) = (broker.start, Log::default());
    while now < broker.start + length {
        let since = now - broker.start;
        match life.poll(now) {
            Action::Create => {
                log.creates.push(since);
                assert!(life.on_created(now, now, broker.create(now)));
            }
            Action::Prove(_) => life.on_proved(now),
            Action::Renew(token) => {
                log.renews.push(since);
                life.on_renewed(now, now, broker.renew(now, &token));
            }
            Action::Expire(token) => {
                log.expires.push(since);
                life.on_expired(now, token.id());
            }
            Action::Wait(until) => {
                assert!(until > now, "waits for the past");
                if let Some(left) = life.left(until) {
                    log.least_left = Some(log.least_left.map_or(left, |least| least.min(left)));
                }
                now = until;
            }
        }
        log.most_alive = log.most_alive.max(life.alive(now).len());
    }
    log
}

fn in_use(broker: &mut Broker) -> Lifecycle {
    let (mut life, now) = (Lifecycle::new(policy()), broker.start);
    assert_eq!(life.poll(now), Action::Create);
    assert!(life.on_created(now, now, broker.create(now)));
    assert!(matches!(life.poll(now), Action::Prove(_)));
    life.on_proved(now);
    life
}

#[test]
fn a_short_token_is_made_every_56_seconds_and_renewed_twice_in_between() {
    let mut broker = Broker::new(30 * SECOND, 60 * SECOND);
    let log = run(&mut Lifecycle::new(policy()), &mut broker, 600 * SECOND);
    let wanted: Vec<Duration> = (0..11).map(|k| Duration::from_millis(56_250) * k).collect();
    assert_eq!(log.creates, wanted);
    assert_eq!(log.renews.len(), 21);
    assert_eq!(log.renews[..3], [22_500, 45_000, 78_750].map(Duration::from_millis));
    // They die before the grace is over.
    assert_eq!((log.expires.len(), log.most_alive), (0, 2));
}

#[test]
fn a_token_of_a_day_is_renewed_eight_times_and_made_every_162_hours() {
    let mut broker = Broker::new(24 * HOUR, 168 * HOUR);
    let log = run(&mut Lifecycle::new(policy()), &mut broker, 30 * 24 * HOUR);
    assert_eq!(log.creates, (0..5).map(|k| 162 * HOUR * k).collect::<Vec<_>>());
    let first: Vec<_> = log.renews.iter().copied().filter(|at| *at < 162 * HOUR).collect();
    assert_eq!(first, (1..9).map(|k| 18 * HOUR * k).collect::<Vec<_>>());
    assert_eq!(log.least_left, Some(6 * HOUR));
    // Each is given back a minute after its successor came into use.
    assert_eq!(log.expires, (1..5).map(|k| 162 * HOUR * k + 60 * SECOND).collect::<Vec<_>>());
}

#[test]
fn the_clock_of_the_broker_does_not_matter() {
    for ahead in [-600, 600] {
        let mut broker = Broker::new(30 * SECOND, 60 * SECOND);
        broker.wall += ahead * 1000;
        let log = run(&mut Lifecycle::new(policy()), &mut broker, 600 * SECOND);
        assert_eq!((log.creates.len(), log.renews.len()), (11, 21));
    }
}

#[test]
fn a_broker_whose_clock_is_set_does_not_cost_the_token() {
    for jump in [-600, 600] {
        let mut broker = Broker::new(HOUR, 168 * HOUR);
        let mut life = in_use(&mut broker);
        broker.wall += jump * 1000;
        let log = run(&mut life, &mut broker, 24 * HOUR);
        assert!((30..45).contains(&log.renews.len()), "{jump}: {} renewals", log.renews.len());
        assert!(log.least_left.unwrap() >= 5 * 60 * SECOND, "{jump}: {:?}", log.least_left);
    }
}

#[test]
fn a_session_shows_that_the_token_lives_longer_than_was_thought() {
    let mut broker = Broker::new(HOUR, 168 * HOUR);
    let mut life = in_use(&mut broker);
    let now = broker.start + HOUR / 2;
    life.on_session(now, HOUR);
    assert_eq!(life.left(now), Some(HOUR));
    life.on_session(now, SECOND);
    assert_eq!(life.left(now), Some(HOUR), "a session may be shorter than its token");
}

#[test]
fn a_token_that_cannot_be_renewed_is_replaced() {
    let mut broker = Broker::new(HOUR, HOUR);
    let log = run(&mut Lifecycle::new(policy()), &mut broker, 4 * HOUR);
    assert_eq!((log.creates.len(), log.renews.len()), (6, 0));
}

#[test]
fn a_renewal_that_gave_next_to_nothing_is_followed_by_a_new_token() {
    let mut broker = Broker::new(HOUR, 168 * HOUR);
    let mut life = in_use(&mut broker);
    let now = broker.start + 45 * 60 * SECOND;
    let Action::Renew(token) = life.poll(now) else { panic!("not renewed") };
    life.on_renewed(now, now, token.life().unwrap().expires);
    assert_eq!(life.poll(now + PACE), Action::Create);
    assert!(life.left(now).unwrap() <= HOUR / 4);
}

#[test]
fn failures_are_tried_again_before_the_token_dies_and_the_token_stays_in_use() {
    let mut broker = Broker::new(24 * HOUR, 168 * HOUR);
    let mut life = in_use(&mut broker);
    let mut now = broker.start + 18 * HOUR;
    let mut waits = Vec::new();
    for _ in 0..8 {
        assert!(matches!(life.poll(now), Action::Renew(_)));
        life.on_failed(now, 127);
        let Action::Wait(until) = life.poll(now) else { panic!("does not wait") };
        waits.push((until - now).as_secs());
        now = until;
    }
    assert_eq!(waits, [9, 19, 39, 79, 159, 299, 299, 299]);
    assert!(life.current().is_some());
    let near = broker.start + 24 * HOUR - 9 * SECOND;
    life.on_failed(near, 255);
    let Action::Wait(until) = life.poll(near) else { panic!("does not wait") };
    assert_eq!(until - near, 3 * SECOND);
    let dead = broker.start + 25 * HOUR;
    life.on_failed(dead, 255);
    let Action::Wait(until) = life.poll(dead) else { panic!("does not wait") };
    assert_eq!(until - dead, 10 * SECOND);
}

#[test]
fn a_refused_token_is_replaced_once_in_a_minute() {
    let mut broker = Broker::new(24 * HOUR, 168 * HOUR);
    let mut life = in_use(&mut broker);
    let now = broker.start + HOUR;
    assert!(!life.on_refused(now, "another"));
    assert!(life.on_refused(now, "token-1"));
    assert!(!life.on_refused(now, "token-1"), "known already");
    assert_eq!(life.poll(now), Action::Create);
    assert!(life.on_created(now, now, broker.create(now)));
    life.on_proved(now);
    assert!(!life.on_refused(now + SECOND, "token-2"), "too young to say");
    assert!(life.on_refused(now + 21 * SECOND, "token-2"));
    let Action::Wait(until) = life.poll(now + 21 * SECOND) else { panic!("does not wait") };
    assert!(until <= now + COOLDOWN);
    assert!(!matches!(life.poll(now + COOLDOWN - SECOND), Action::Create));
    assert_eq!(life.poll(now + COOLDOWN), Action::Create);
}

#[test]
fn a_token_that_is_gone_at_renewal_is_replaced() {
    let mut broker = Broker::new(24 * HOUR, 168 * HOUR);
    let mut life = in_use(&mut broker);
    let now = broker.start + 18 * HOUR;
    assert!(matches!(life.poll(now), Action::Renew(_)));
    life.on_gone(now);
    assert_eq!(life.poll(now + PACE), Action::Create);
}

#[test]
fn a_token_that_no_broker_takes_is_given_back_and_another_made_later() {
    let mut broker = Broker::new(24 * HOUR, 168 * HOUR);
    let (mut life, now) = (Lifecycle::new(policy()), broker.start);
    assert!(life.on_created(now, now, broker.create(now)));
    life.on_rejected(now + 20 * SECOND, 0);
    assert!(matches!(life.poll(now + 20 * SECOND), Action::Expire(_)));
    life.on_expired(now + 20 * SECOND, "token-1");
    assert_eq!(life.poll(now + 25 * SECOND), Action::Create);
}

#[test]
fn a_proof_that_failed_is_tried_again_and_the_old_token_stays_in_use() {
    let mut broker = Broker::new(24 * HOUR, 24 * HOUR);
    let mut life = in_use(&mut broker);
    let now = broker.start + 18 * HOUR;
    assert_eq!(life.poll(now), Action::Create);
    assert!(life.on_created(now, now, broker.create(now)));
    life.on_failed(now, 0);
    assert_eq!(life.current().unwrap().id(), "token-1");
    assert_eq!(life.poll(now), Action::Wait(now + 5 * SECOND));
    assert!(matches!(life.poll(now + 5 * SECOND), Action::Prove(_)));
    life.on_proved(now + 5 * SECOND);
    assert_eq!(life.current().unwrap().id(), "token-2");
}

#[test]
fn a_token_made_twice_is_kept_once() {
    let mut broker = Broker::new(24 * HOUR, 168 * HOUR);
    let (mut life, now) = (Lifecycle::new(policy()), broker.start);
    for _ in 0..2 {
        assert!(life.on_created(now, now, broker.create(now)));
    }
    life.on_proved(now);
    assert_eq!((life.current().unwrap().id(), life.alive(now).len()), ("token-2", 2));
    assert!(matches!(life.poll(now + 60 * SECOND), Action::Expire(token) if token.id() == "token-1"));
}

#[test]
fn a_token_that_is_born_dead_is_none() {
    let mut broker = Broker::new(Duration::ZERO, HOUR);
    let (mut life, now) = (Lifecycle::new(policy()), broker.start);
    assert!(!life.on_created(now, now, broker.create(now)));
    life.on_failed(now, 0);
    assert_eq!(life.poll(now), Action::Wait(now + 5 * SECOND));
}

#[test]
fn an_adopted_token_is_renewed_by_what_its_session_told() {
    let mut broker = Broker::new(24 * HOUR, 168 * HOUR);
    let (mut life, now) = (Lifecycle::new(policy()), broker.start);
    let token = broker.create(now);
    // The broker bounds sessions to ten seconds, so no more is known of the token.
    life.on_adopted(now, Arc::clone(&token), 10 * SECOND, 24 * HOUR);
    assert!(life.current().unwrap().end().is_none(), "an end from below is none");
    let due = now + Duration::from_millis(7_500);
    assert_eq!(life.poll(now), Action::Wait(due));
    assert_eq!(life.poll(due), Action::Renew(token));
    life.on_renewed(due, due, Timestamp::from_millis(broker.at(due) + millis(24 * HOUR)));
    assert_eq!(life.left(due), Some(24 * HOUR));
    assert!(life.current().unwrap().end().is_some());
}

#[test]
fn an_adopted_token_is_kept_for_deletion_as_long_as_it_may_live() {
    let mut broker = Broker::new(10 * HOUR, 10 * HOUR);
    let start = broker.start;
    let mut life = Lifecycle::new(Policy { renew_at: 750, grace: 2 * HOUR });
    // Brokers bound sessions to an hour; how old it is nobody says.
    life.on_adopted(start, broker.create(start), HOUR, 10 * HOUR);
    let now = start + HOUR / 4 * 3;
    assert_eq!(life.poll(now), Action::Create);
    assert!(life.on_created(now, now, broker.create(now)));
    life.on_proved(now);
    let retired = |life: &Lifecycle, at| {
        let all = life.standings(at);
        all.iter().filter(|(standing, _)| *standing == Standing::Retired).count()
    };
    assert!(matches!(life.poll(now + HOUR), Action::Wait(until) if until == now + 2 * HOUR));
    assert_eq!(retired(&life, now + HOUR), 1);
    assert!(matches!(life.poll(now + 2 * HOUR), Action::Expire(token) if token.id() == "token-1"));
    assert_eq!(retired(&life, start + 10 * HOUR), 0, "no token lives longer than its longest life");
}

#[test]
fn an_adopted_token_that_nobody_could_replace_is_forgotten_when_it_cannot_live_any_more() {
    let mut broker = Broker::new(10 * HOUR, 10 * HOUR);
    let (mut life, start) = (Lifecycle::new(policy()), broker.start);
    life.on_adopted(start, broker.create(start), HOUR, 10 * HOUR);
    life.on_failed(start + 2 * HOUR, 0);
    life.poll(start + 2 * HOUR);
    assert!(!life.current().unwrap().secret_hmac().is_empty(), "it may live longer than its sessions");
    life.poll(start + 10 * HOUR);
    assert!(life.current().unwrap().secret_hmac().is_empty() && life.alive(start + 10 * HOUR).is_empty());
}

#[test]
fn a_retirement_that_failed_is_tried_until_the_token_dies_by_itself() {
    let mut broker = Broker::new(HOUR, HOUR);
    let mut life = in_use(&mut broker);
    let now = broker.start + 45 * 60 * SECOND;
    assert_eq!(life.poll(now), Action::Create);
    assert!(life.on_created(now, now, broker.create(now)));
    life.on_proved(now);
    let due = now + 60 * SECOND;
    assert!(matches!(life.poll(due), Action::Expire(_)));
    life.on_expiry_failed(due, "token-1", 0);
    assert_eq!(life.poll(due), Action::Wait(due + 5 * SECOND));
    assert_eq!(life.alive(due).len(), 2);
    let end = broker.start + HOUR;
    assert!(!matches!(life.poll(end), Action::Expire(_)), "it has died by itself");
    assert_eq!(life.alive(end).len(), 1);
    assert!(life.alive(now + HOUR).is_empty(), "what is dead cannot be deleted");
}

#[test]
fn a_token_that_cannot_be_deleted_holds_up_no_other() {
    let mut broker = Broker::new(24 * HOUR, 24 * HOUR);
    let (mut life, start) = (in_use(&mut broker), broker.start);
    for older in 0..2 {
        life.on_found(start + older * SECOND, broker.create(start), false);
    }
    let mut now = start + SECOND;
    let mut asked = Vec::new();
    while now < start + 100 * SECOND {
        match life.poll(now) {
            Action::Expire(token) if token.id() == "token-2" => {
                asked.push((now - start).as_secs());
                life.on_expiry_failed(now, token.id(), 0);
            }
            Action::Expire(token) => {
                assert!(now < start + 2 * SECOND, "the one that can be deleted waits");
                life.on_expired(now, token.id());
            }
            Action::Wait(until) => now = until,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(asked, [1, 6, 16, 36, 76]);
    assert_eq!(life.alive(now).len(), 2);
}

#[test]
fn a_token_that_dies_without_a_successor_leaves_no_secret_and_another_is_wanted_at_once() {
    let mut broker = Broker::new(30 * SECOND, 60 * SECOND);
    let (mut life, start) = (in_use(&mut broker), broker.start);
    let mut now = start;
    while now < start + 30 * SECOND {
        match life.poll(now) {
            Action::Wait(until) => now = until,
            _ => life.on_failed(now, 128),
        }
    }
    assert_eq!(now, start + 30 * SECOND, "it wakes when the token dies");
    life.poll(now);
    let left = life.current().unwrap();
    assert!(left.secret_hmac().is_empty() && left.is_dead(now) && left.id() == "token-1");
    assert!(matches!(life.next().1, Action::Create), "there is nothing to renew");
    assert!(life.alive(now).is_empty());
}

#[test]
fn a_token_that_is_deleted_at_the_end_leaves_no_secret_and_is_not_deleted_twice() {
    let mut broker = Broker::new(HOUR, HOUR);
    let (mut life, start) = (in_use(&mut broker), broker.start);
    let now = start + HOUR / 4 * 3;
    assert!(life.on_created(now, now, broker.create(now)));
    assert_eq!(life.alive(now).len(), 2);
    for id in ["token-1", "token-2"] {
        life.on_expired(now, id);
    }
    let left = life.current().unwrap();
    assert!(left.secret_hmac().is_empty() && left.end() == Some(now) && left.id() == "token-1");
    assert_eq!(left.life().unwrap().expires.as_millis(), broker.at(now), "by the brokers' clock");
    assert!(life.alive(now).is_empty());
}

#[test]
fn a_token_that_may_still_appear_is_deleted_later_and_others_meanwhile() {
    let mut broker = Broker::new(24 * HOUR, 168 * HOUR);
    let (mut life, start) = (Lifecycle::new(policy()), broker.start);
    assert!(life.on_created(start, start, broker.create(start)));
    let now = start + 120 * SECOND;
    life.on_rejected(now, 0);
    assert!(matches!(life.poll(now), Action::Expire(token) if token.id() == "token-1"));
    life.on_unheard_of(now, "token-1");
    let other = broker.create(now);
    life.on_found(now, other, false);
    assert!(matches!(life.poll(now + PACE), Action::Expire(token) if token.id() == "token-2"));
    life.on_expired(now + PACE, "token-2");
    // Half as long again as it has taken so far.
    assert!(life.on_created(now, now, broker.create(now)));
    life.on_proved(now);
    assert_eq!(life.poll(now + SECOND), Action::Wait(now + 60 * SECOND));
    assert!(matches!(life.poll(now + 60 * SECOND), Action::Expire(token) if token.id() == "token-1"));
    assert_eq!(life.alive(now).len(), 2);
}

#[test]
fn a_token_lives_no_longer_than_counted_from_when_the_broker_was_asked() {
    let mut broker = Broker::new(30 * SECOND, HOUR);
    let (mut life, asked) = (Lifecycle::new(policy()), broker.start);
    // The broker made it at once, and its answer took eight seconds.
    let now = asked + 8 * SECOND;
    assert!(life.on_created(now, asked, broker.create(asked)));
    life.on_proved(now);
    assert_eq!((life.left(now), life.since()), (Some(22 * SECOND), Some(asked)));
    assert_eq!(life.poll(now), Action::Wait(asked + Duration::from_millis(22_500)));
    let asked = asked + 23 * SECOND;
    let expires = broker.renew(asked, &life.current().unwrap());
    life.on_renewed(asked + 5 * SECOND, asked, expires);
    assert_eq!(life.left(asked + 5 * SECOND), Some(25 * SECOND));
    assert!(!life.on_refused(asked - 4 * SECOND, "token-1"), "brokers had no time to learn of it");
}

//! Whether the brokers take a token: which of them to ask next, and when that is enough.
//!
//! A token that was made is unknown to every broker for some time, and a login with it fails as
//! with a wrong password. A broker that cannot be reached is not waited for longer than the limit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::cluster::topology::Address;
use crate::conn::token::YOUNG;

/// How long all brokers get to learn of a token.
pub(super) const LIMIT: Duration = YOUNG;
/// The wait before a broker is asked again; it doubles.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(500);
/// How many brokers are asked at once.
pub(super) const AT_ONCE: usize = 16;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Log in there, and ask for the list of brokers if that is wished; then tell how it went by an
    /// `on_*`. Poll on meanwhile.
    Probe { address: Address, with_brokers: bool },
    /// Nothing before this moment but answers.
    Wait(Instant),
    /// That is enough.
    Done(Verdict),
}

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every broker takes the token, but for these, which cannot be reached or, where no time was
    /// left, do not know it.
    Ready { absent: Vec<Address> },
    /// Some brokers take it, and these do not, although there was time enough.
    Lagging { refusing: Vec<Address> },
    /// No broker takes it, although there was time enough.
    Rejected,
    /// No broker can ever take it: every one that can be reached refuses for a reason that time does not
    /// mend, such as a mechanism that the listener does not offer.
    Impossible,
    /// No broker can be reached.
    Unreachable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    None,
    Accepted,
    Refused,
    Impossible,
    Unreachable,
}

#[derive(Clone, Debug)]
struct Place {
    answer: Answer,
    asking: bool,
    again_at: Instant,
    wait: Duration,
}

/// The readiness of one token at the brokers of its target.
#[derive(Debug)]
pub(super) struct Readiness {
    deadline: Instant,
    /// From when on brokers that cannot be reached are not waited for, if all others take the token.
    absence: Instant,
    /// Whether the token is handed out at the deadline even if a broker refuses it: there is no
    /// other one.
    urgent: bool,
    /// Whether the places are all brokers, and not only the addresses to begin with.
    complete: bool,
    places: BTreeMap<Address, Place>,
    /// Addresses to begin with that are no brokers, whose logins still run.
    strays: BTreeSet<Address>,
}

impl Readiness {
    /// Begins with some addresses of the target. An `urgent` token is used as far as it is taken.
    pub(super) fn new(
        now: Instant,
        limit: Duration,
        urgent: bool,
        seeds: impl IntoIterator<Item = Address>,
    ) -> Self {
        let places = seeds.into_iter().map(|address| (address, Place::new(now))).collect();
        let deadline = now + limit;
        let strays = BTreeSet::new();
        Self { deadline, absence: deadline, urgent, complete: false, places, strays }
    }

    /// Waits no longer than this for brokers that cannot be reached, if all others take the token.
    pub(super) fn with_absence(mut self, now: Instant, limit: Duration) -> Self {
        self.absence = self.deadline.min(now + limit);
        self
    }

    pub(super) fn poll(&mut self, now: Instant) -> Step {
        if let Some(verdict) = self.verdict(now) {
            return Step::Done(verdict);
        }
        let with_brokers = !self.complete;
        let asking = self.places.values().filter(|place| place.asking).count() + self.strays.len();
        let mut due = self.places.iter_mut().filter(|(_, place)| place.is_open() && place.again_at <= now);
        let due = if asking < AT_ONCE { due.next() } else { None };
        if let Some((address, place)) = due {
            place.asking = true;
            return Step::Probe { address: address.clone(), with_brokers };
        }
        let limits = [self.deadline, self.absence].into_iter().filter(|limit| *limit > now);
        // A place that is due but has to wait for others to answer is no moment to wait for.
        let open = self.places.values().filter(|place| place.is_open()).map(|place| place.again_at);
        let next = limits.chain(open.filter(|at| *at > now)).min();
        Step::Wait(next.unwrap_or(self.deadline))
    }

    /// A broker took the token, and named the brokers if it was asked to.
    pub(super) fn on_accepted(&mut self, now: Instant, address: &Address, brokers: Vec<Address>) {
        self.answered(now, address, Answer::Accepted);
        if self.complete || brokers.is_empty() {
            return;
        }
        self.complete = true;
        // What is left of the places to begin with are other names of brokers, or none.
        let mut known = std::mem::take(&mut self.places);
        let place = |address: Address| {
            let place = known.remove(&address).unwrap_or_else(|| Place::new(now));
            (address, place)
        };
        self.places = brokers.into_iter().map(place).collect();
        let running = known.into_iter().filter(|(_, place)| place.asking);
        self.strays = running.map(|(address, _)| address).collect();
    }

    /// A broker took the token, but not with the life that it has now: it is asked again.
    pub(super) fn on_outdated(&mut self, now: Instant, address: &Address, brokers: Vec<Address>) {
        self.on_accepted(now, address, brokers);
        self.on_refused(now, address);
    }

    /// A broker did not take the token.
    pub(super) fn on_refused(&mut self, now: Instant, address: &Address) {
        self.answered(now, address, Answer::Refused);
    }

    /// A broker did not take the token, for a reason that time does not mend.
    pub(super) fn on_impossible(&mut self, now: Instant, address: &Address) {
        self.answered(now, address, Answer::Impossible);
    }

    /// The brokers that have given this answer.
    fn with(&self, answer: Answer) -> impl Iterator<Item = Address> {
        let places = self.places.iter().filter(move |(_, place)| place.answer == answer);
        places.map(|(address, _)| address.clone())
    }

    /// The brokers that took the token.
    pub(super) fn accepted(&self) -> Vec<Address> {
        self.with(Answer::Accepted).collect()
    }

    /// The brokers that did not take it.
    pub(super) fn refusing(&self) -> Vec<Address> {
        self.with(Answer::Refused).chain(self.with(Answer::Impossible)).collect()
    }

    /// The brokers that could not be asked.
    pub(super) fn absent(&self) -> Vec<Address> {
        self.with(Answer::Unreachable).chain(self.with(Answer::None)).collect()
    }

    /// A broker could not be reached.
    pub(super) fn on_unreachable(&mut self, now: Instant, address: &Address) {
        self.answered(now, address, Answer::Unreachable);
    }

    /// The login at `address` has ended.
    fn answered(&mut self, now: Instant, address: &Address, answer: Answer) {
        self.strays.remove(address);
        if let Some(place) = self.places.get_mut(address) {
            place.answered(now, answer);
        }
    }

    fn verdict(&self, now: Instant) -> Option<Verdict> {
        let count = |answer: Answer| self.with(answer).count();
        let accepted = count(Answer::Accepted);
        if self.complete && accepted == self.places.len() {
            return Some(Verdict::Ready { absent: Vec::new() });
        }
        let (impossible, unreachable) = (count(Answer::Impossible), count(Answer::Unreachable));
        if impossible > 0 && impossible + unreachable == self.places.len() {
            return Some(Verdict::Impossible);
        }
        let refusing = self.refusing();
        if accepted > 0 && refusing.is_empty() && now >= self.absence {
            return Some(Verdict::Ready { absent: self.absent() });
        }
        if now < self.deadline {
            return None;
        }
        Some(match (accepted, refusing.is_empty()) {
            (0, true) => Verdict::Unreachable,
            (0, false) => Verdict::Rejected,
            (_, true) => Verdict::Ready { absent: self.absent() },
            (_, false) if self.urgent => {
                Verdict::Ready { absent: refusing.into_iter().chain(self.absent()).collect() }
            }
            (_, false) => Verdict::Lagging { refusing },
        })
    }
}

impl Place {
    fn new(now: Instant) -> Self {
        Self { answer: Answer::None, asking: false, again_at: now, wait: FIRST }
    }

    fn is_open(&self) -> bool {
        !self.asking && self.answer != Answer::Accepted
    }

    fn answered(&mut self, now: Instant, answer: Answer) {
        self.asking = false;
        self.answer = answer;
        self.again_at = now + self.wait;
        self.wait = (self.wait * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(port: u16) -> Address {
        Address { host: "b".into(), port }
    }

    fn probed(step: Step) -> Address {
        match step {
            Step::Probe { address, .. } => address,
            other => panic!("{other:?}"),
        }
    }

    /// Two brokers, the first of which took the token.
    fn half_way(urgent: bool) -> (Readiness, Instant) {
        let now = crate::time::now();
        let mut gate = Readiness::new(now, LIMIT, urgent, [broker(1)]);
        assert_eq!(gate.poll(now), Step::Probe { address: broker(1), with_brokers: true });
        gate.on_accepted(now, &broker(1), vec![broker(1), broker(2)]);
        assert_eq!(gate.poll(now), Step::Probe { address: broker(2), with_brokers: false });
        (gate, now)
    }

    #[test]
    fn a_token_is_ready_when_every_broker_takes_it() {
        let (mut gate, now) = half_way(false);
        assert_eq!(gate.poll(now), Step::Wait(now + LIMIT));
        gate.on_accepted(now, &broker(2), Vec::new());
        assert_eq!(gate.poll(now), Step::Done(Verdict::Ready { absent: Vec::new() }));
    }

    #[test]
    fn a_broker_that_does_not_know_it_yet_is_asked_again_ever_more_slowly() {
        let (mut gate, mut now) = half_way(false);
        let mut waits = Vec::new();
        for _ in 0..6 {
            gate.on_refused(now, &broker(2));
            let Step::Wait(until) = gate.poll(now) else { panic!() };
            waits.push((until - now).as_millis());
            now = until;
            assert_eq!(probed(gate.poll(now)), broker(2));
        }
        assert_eq!(waits, [50, 100, 200, 400, 500, 500]);
    }

    #[test]
    fn at_the_limit_a_broker_that_cannot_be_reached_is_named_and_not_waited_for() {
        let (mut gate, now) = half_way(false);
        gate.on_unreachable(now, &broker(2));
        assert!(matches!(gate.poll(now + LIMIT / 2), Step::Probe { .. }));
        gate.on_unreachable(now + LIMIT / 2, &broker(2));
        assert_eq!(gate.poll(now + LIMIT), Step::Done(Verdict::Ready { absent: vec![broker(2)] }));
        let (mut silent, now) = half_way(false);
        assert_eq!(silent.poll(now + LIMIT), Step::Done(Verdict::Ready { absent: vec![broker(2)] }));
    }

    #[test]
    fn at_the_limit_a_broker_that_refuses_holds_the_token_back_unless_it_is_urgent() {
        let (mut gate, now) = half_way(false);
        gate.on_refused(now, &broker(2));
        assert_eq!(gate.poll(now + LIMIT), Step::Done(Verdict::Lagging { refusing: vec![broker(2)] }));
        let (mut gate, now) = half_way(true);
        gate.on_refused(now, &broker(2));
        assert_eq!(gate.poll(now + LIMIT), Step::Done(Verdict::Ready { absent: vec![broker(2)] }));
    }

    #[test]
    fn a_token_that_no_broker_takes_is_told_from_brokers_that_are_not_there() {
        for refused in [true, false] {
            let now = crate::time::now();
            let mut gate = Readiness::new(now, LIMIT, true, [broker(1)]);
            probed(gate.poll(now));
            let wanted = if refused {
                gate.on_refused(now, &broker(1));
                Verdict::Rejected
            } else {
                gate.on_unreachable(now, &broker(1));
                Verdict::Unreachable
            };
            assert_eq!(gate.poll(now + LIMIT), Step::Done(wanted));
        }
    }

    #[test]
    fn what_time_does_not_mend_is_told_when_all_that_can_be_reached_have_said_so() {
        let now = crate::time::now();
        let mut gate = Readiness::new(now, LIMIT, false, [broker(1), broker(2)]);
        probed(gate.poll(now));
        gate.on_impossible(now, &broker(1));
        assert_eq!(probed(gate.poll(now)), broker(2));
        assert!(matches!(gate.poll(now), Step::Wait(_)), "the second may take it");
        gate.on_unreachable(now, &broker(2));
        assert_eq!(gate.poll(now), Step::Done(Verdict::Impossible));
        let (mut gate, now) = half_way(false);
        gate.on_impossible(now, &broker(2));
        assert!(matches!(gate.poll(now + LIMIT / 2), Step::Probe { .. }), "the first takes it");
        gate.on_impossible(now + LIMIT / 2, &broker(2));
        assert_eq!(gate.poll(now + LIMIT), Step::Done(Verdict::Lagging { refusing: vec![broker(2)] }));
    }

    #[test]
    fn a_thousand_brokers_are_asked_a_few_at_a_time() {
        let now = crate::time::now();
        let mut gate = Readiness::new(now, LIMIT, false, (1..=1000).map(broker));
        let asked: Vec<Address> = (0..AT_ONCE).map(|_| probed(gate.poll(now))).collect();
        assert_eq!(gate.poll(now), Step::Wait(now + LIMIT));
        gate.on_refused(now, &asked[0]);
        assert!(!asked.contains(&probed(gate.poll(now))), "those that wait for their first turn go first");
    }

    #[test]
    fn logins_at_names_that_are_no_brokers_count_as_long_as_they_run() {
        let now = crate::time::now();
        let mut gate = Readiness::new(now, LIMIT, false, (1..=16).map(broker));
        let asked: Vec<Address> = (0..AT_ONCE).map(|_| probed(gate.poll(now))).collect();
        gate.on_accepted(now, &asked[0], (101..=140).map(broker).collect());
        assert_eq!(probed(gate.poll(now)), broker(101));
        assert_eq!(gate.poll(now), Step::Wait(now + LIMIT), "15 that are no brokers, and one that is");
        gate.on_unreachable(now, &asked[1]);
        assert_eq!(probed(gate.poll(now)), broker(102));
        assert_eq!(gate.poll(now), Step::Wait(now + LIMIT));
    }

    #[test]
    fn brokers_that_cannot_be_reached_are_waited_for_less_long_if_that_is_wished() {
        let (gate, now) = half_way(false);
        let mut gate = gate.with_absence(now, LIMIT / 4);
        assert_eq!(gate.poll(now), Step::Wait(now + LIMIT / 4));
        gate.on_unreachable(now, &broker(2));
        assert!(matches!(gate.poll(now + LIMIT / 8), Step::Probe { .. }));
        assert_eq!(gate.poll(now + LIMIT / 4), Step::Done(Verdict::Ready { absent: vec![broker(2)] }));
    }

    #[test]
    fn the_brokers_are_those_that_the_first_answer_with_a_list_names() {
        let now = crate::time::now();
        let mut gate = Readiness::new(now, LIMIT, false, [broker(1), broker(2)]);
        assert_eq!(probed(gate.poll(now)), broker(1));
        gate.on_accepted(now, &broker(1), Vec::new());
        assert_eq!(gate.poll(now), Step::Probe { address: broker(2), with_brokers: true });
        gate.on_accepted(now, &broker(2), vec![broker(1), broker(2), broker(3)]);
        assert_eq!(probed(gate.poll(now)), broker(3));
        gate.on_accepted(now, &broker(3), vec![broker(3), broker(4)]);
        assert_eq!(gate.poll(now), Step::Done(Verdict::Ready { absent: Vec::new() }));
    }

    #[test]
    fn a_bootstrap_name_that_is_no_broker_is_not_waited_for() {
        let now = crate::time::now();
        let mut gate = Readiness::new(now, LIMIT, false, [broker(8), broker(9)]);
        assert_eq!(probed(gate.poll(now)), broker(8));
        assert_eq!(probed(gate.poll(now)), broker(9));
        gate.on_unreachable(now, &broker(8));
        gate.on_accepted(now, &broker(9), vec![broker(1)]);
        assert_eq!(probed(gate.poll(now)), broker(1));
        gate.on_refused(now, &broker(8));
        gate.on_accepted(now, &broker(1), Vec::new());
        assert_eq!(gate.poll(now), Step::Done(Verdict::Ready { absent: Vec::new() }));
    }
}

//! Brokers that owe answers: others are asked first, and who leads what they led is asked at this pace.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::topology::Address;

/// After so long without an answer a broker counts as silent.
pub(crate) const OVERDUE: Duration = Duration::from_secs(1);

/// How often somebody looks for a new leader of what a silent broker leads.
pub(crate) const LOOK_PAUSE: Duration = Duration::from_millis(750);

/// So many looks that bring nothing follow each other soon, some twenty seconds of them: a controller takes half as
/// long to see that a broker is gone.
pub(crate) const PROMPT_LOOKS: u32 = 24;

/// And how often then: forty requests a minute are not exceeded.
const LONG_PAUSE: Duration = Duration::from_secs(6);

/// How long a broker that was silent is the last to be asked.
const REMEMBERED: Duration = Duration::from_secs(30);

/// The brokers that were silent a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Silence(BTreeMap<Address, Silent>);

#[derive(Debug)]
struct Silent {
    noted: Instant,
    /// How often others were asked who leads what this one led.
    looks: u32,
}

impl Silence {
    /// A broker did not answer in time.
    pub(crate) fn note(&mut self, address: Address, now: Instant) {
        self.0.retain(|_, silent| now < silent.noted + REMEMBERED);
        self.0.entry(address).or_insert(Silent { noted: now, looks: 0 }).noted = now;
    }

    /// Others were asked who leads what it led. Gives the pause until they are asked again.
    pub(crate) fn on_look(&mut self, address: &Address) -> Duration {
        let looks = self.0.get_mut(address).map_or(0, |silent| {
            silent.looks = silent.looks.saturating_add(1);
            silent.looks
        });
        if looks <= PROMPT_LOOKS { LOOK_PAUSE } else { LONG_PAUSE }
    }

    /// It answered.
    pub(crate) fn end(&mut self, address: &Address) {
        self.0.remove(address);
    }

    /// Whether others are to be asked first.
    pub(crate) fn lasts(&self, address: &Address, now: Instant) -> bool {
        self.0.get(address).is_some_and(|silent| now < silent.noted + REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Address {
        Address { host: "b".into(), port }
    }

    #[test]
    fn a_silent_broker_is_asked_last_until_it_answers_or_half_a_minute_is_over() {
        let (mut silence, start) = (Silence::default(), crate::time::now());
        silence.note(address(1), start);
        silence.note(address(2), start);
        assert!(silence.lasts(&address(1), start) && !silence.lasts(&address(3), start));
        silence.end(&address(1));
        assert!(!silence.lasts(&address(1), start));
        let later = start + REMEMBERED;
        assert!(silence.lasts(&address(2), later - OVERDUE) && !silence.lasts(&address(2), later));
        silence.note(address(3), later);
        assert_eq!(silence.0.len(), 1, "the others are forgotten");
    }

    #[test]
    fn no_minute_sees_as_many_as_forty_looks() {
        let (mut silence, start) = (Silence::default(), crate::time::now());
        let (mut elapsed, mut looks) = (OVERDUE, 0);
        while elapsed < Duration::from_secs(60) {
            looks += 1;
            silence.note(address(1), start + elapsed);
            elapsed += silence.on_look(&address(1));
        }
        assert!((24..=32).contains(&looks), "{looks}");
    }
}

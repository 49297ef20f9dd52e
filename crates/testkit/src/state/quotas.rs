//! Quotas of clients, measured as Kafka's `ClientQuotaManager` does: a rate over eleven samples of a
//! second, by broker and client id.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::BrokerId;

/// What is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Quota {
    /// `consumer_byte_rate`: a Fetch that exceeds it is answered empty.
    ConsumerByteRate,
    /// `producer_byte_rate`: a Produce that exceeds it is written all the same.
    ProducerByteRate,
    /// Requests a second, in place of `request_percentage`: one that exceeds it is carried out, but a
    /// Fetch is answered empty.
    RequestRate,
}

const SAMPLES: usize = 11;
const WINDOW: i64 = 1_000;
/// The longest throttle for [`Quota::RequestRate`]: one window.
const MAX_REQUEST_THROTTLE: Duration = Duration::from_secs(1);

/// Who is measured: what, the broker and the client id.
type Meter = (Quota, BrokerId, String);

#[derive(Debug, Default)]
pub(crate) struct Quotas {
    /// Bounds per second, by client id; the one without a client id is for all others.
    bounds: BTreeMap<(Quota, Option<String>), f64>,
    meters: BTreeMap<Meter, Rate>,
}

impl Quotas {
    pub(crate) fn set(&mut self, quota: Quota, client_id: Option<&str>, per_second: Option<f64>) {
        let key = (quota, client_id.map(str::to_owned));
        match per_second {
            Some(bound) => drop(self.bounds.insert(key, bound)),
            None => drop(self.bounds.remove(&key)),
        }
    }

    fn bound(&self, quota: Quota, client_id: &str) -> Option<f64> {
        if self.bounds.is_empty() {
            return None;
        }
        let own = self.bounds.get(&(quota, Some(client_id.to_owned())));
        own.or_else(|| self.bounds.get(&(quota, None))).copied()
    }

    /// The most bytes that one Fetch may bring without being throttled for certain.
    pub(crate) fn most_bytes(&self, client_id: &str) -> Option<usize> {
        let most = self.bound(Quota::ConsumerByteRate, client_id)? * 10.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float saturates")]
        Some(most as usize)
    }

    /// Counts, and gives the time for which the client is to be throttled.
    pub(crate) fn record(
        &mut self,
        quota: Quota,
        broker: BrokerId,
        client_id: &str,
        (amount, now): (f64, i64),
    ) -> Duration {
        let Some(bound) = self.bound(quota, client_id) else { return Duration::ZERO };
        let rate = self.meters.entry((quota, broker, client_id.to_owned())).or_default();
        rate.add(amount, now);
        let throttle = rate.throttle(bound, now);
        if quota == Quota::RequestRate { throttle.min(MAX_REQUEST_THROTTLE) } else { throttle }
    }

    /// Takes back what a Fetch counted that is answered empty.
    pub(crate) fn take_back(&mut self, broker: BrokerId, client_id: &str, (amount, now): (f64, i64)) {
        let meter = (Quota::ConsumerByteRate, broker, client_id.to_owned());
        if let Some(rate) = self.meters.get_mut(&meter) {
            rate.add(-amount, now);
        }
    }
}

/// A rate over the last samples.
#[derive(Debug, Default)]
struct Rate {
    /// When each sample began and was last added to, and its sum.
    samples: VecDeque<(i64, i64, f64)>,
}

impl Rate {
    fn add(&mut self, amount: f64, now: i64) {
        if self.samples.back().is_none_or(|&(began, ..)| now - began >= WINDOW) {
            self.samples.push_back((now, now, 0.0));
            if self.samples.len() > SAMPLES + 1 {
                self.samples.pop_front();
            }
        }
        if let Some((_, last, sum)) = self.samples.back_mut() {
            *last = now;
            *sum += amount;
        }
    }

    /// How long until the rate is within its bound, if nothing more comes.
    fn throttle(&mut self, bound: f64, now: i64) -> Duration {
        let age = WINDOW * i64::try_from(SAMPLES).unwrap_or(0);
        self.samples.retain(|&(_, last, _)| now - last < age);
        let Some(&(oldest, ..)) = self.samples.front() else { return Duration::ZERO };
        let elapsed = now - oldest;
        let missing = (i64::try_from(SAMPLES).unwrap_or(0) - 1 - elapsed / WINDOW).max(0);
        let window = (elapsed + missing * WINDOW).max(1);
        #[expect(clippy::cast_precision_loss, reason = "a window is some seconds")]
        let window = window as f64;
        let rate = self.samples.iter().map(|&(.., sum)| sum).sum::<f64>() / window * 1_000.0;
        if rate <= bound || bound <= 0.0 {
            return Duration::ZERO;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float saturates")]
        let millis = ((rate - bound) / bound * window).round() as u64;
        Duration::from_millis(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 30 kB at once against 1 kB/s: as if they had come in ten seconds, so 3 kB/s, which is twice the
    /// bound too much, for twice the window.
    #[test]
    fn a_client_is_throttled_for_as_long_as_it_exceeded_its_quota() {
        let mut rate = Rate::default();
        rate.add(30_000.0, 0);
        assert_eq!(rate.throttle(1_000.0, 0), Duration::from_secs(20));
        assert_eq!(rate.throttle(3_000.0, 0), Duration::ZERO);
        // After eleven seconds without a request it is forgotten.
        rate.add(1.0, 11_000);
        assert_eq!(rate.throttle(1_000.0, 11_000), Duration::ZERO);
    }

    #[test]
    fn quotas_are_those_of_the_client_or_of_everybody() {
        let mut quotas = Quotas::default();
        let record = |quotas: &mut Quotas, id| quotas.record(Quota::RequestRate, BrokerId(1), id, (99.0, 0));
        assert_eq!(record(&mut quotas, "a"), Duration::ZERO);
        quotas.set(Quota::RequestRate, None, Some(1.0));
        quotas.set(Quota::RequestRate, Some("b"), Some(100.0));
        assert_eq!(
            (record(&mut quotas, "a"), record(&mut quotas, "b")),
            (MAX_REQUEST_THROTTLE, Duration::ZERO)
        );
        assert_eq!(quotas.most_bytes("a"), None);
        quotas.set(Quota::ConsumerByteRate, None, Some(10.0));
        assert_eq!(quotas.most_bytes("a"), Some(100));
        quotas.set(Quota::ConsumerByteRate, None, None);
        assert_eq!(quotas.most_bytes("a"), None);
    }
}

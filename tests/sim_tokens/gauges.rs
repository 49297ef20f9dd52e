//! What a life's process exports: the gauges of its tokens, as a collector would find them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// By name and owner.
type Cells = BTreeMap<(String, String), Arc<Cell>>;

/// Gauges of a process. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges(Arc<Mutex<Cells>>);

#[derive(Debug, Default)]
struct Cell(AtomicU64);

impl GaugeFn for Cell {
    fn increment(&self, by: f64) {
        self.set(f64::from_bits(self.0.load(Ordering::Relaxed)) + by);
    }

    fn decrement(&self, by: f64) {
        self.increment(-by);
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

impl Gauges {
    /// A moment of the token of an owner, in milliseconds since 1970.
    pub(crate) fn moment(&self, name: &str, owner: &str) -> Option<f64> {
        let cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = cells.get(&(format!("ottla_token_{name}_seconds"), format!("User:{owner}")))?;
        Some(f64::from_bits(cell.0.load(Ordering::Relaxed)) * 1000.0)
    }
}

impl Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let owner = key.labels().find(|label| label.key() == "owner");
        let Some(owner) = owner else { return Gauge::noop() };
        let name = (key.name().to_owned(), owner.value().to_owned());
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Gauge::from_arc(Arc::clone(cells.entry(name).or_default()))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

//! What a client tells the log, at info and above.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Entry>>>);

struct Entry {
    thread: ThreadId,
    level: Level,
    text: String,
}

impl Log {
    /// Hears all threads of the process from now on.
    pub(crate) fn install() -> Self {
        let log = Self::default();
        tracing::subscriber::set_global_default(log.clone()).unwrap();
        log
    }

    /// The texts of one level that this thread told: the runtime of a test has no other.
    pub(crate) fn at(&self, level: Level) -> Vec<String> {
        let (all, thread) = (self.0.lock().unwrap(), thread::current().id());
        let own = all.iter().filter(|entry| entry.level == level && entry.thread == thread);
        own.map(|entry| entry.text.clone()).collect()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let (thread, level) = (thread::current().id(), *event.metadata().level());
        self.0.lock().unwrap().push(Entry { thread, level, text: text.0 });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

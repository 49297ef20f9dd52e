//! The table at the end.

use std::fmt;
use std::time::Duration;

use crate::ledger::Sum;

/// What the run came to.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) sum: Sum,
    pub(crate) executors: Work,
    /// Nothing where it cannot be counted: the keeper's connections are its own.
    pub(crate) driver: Option<Work>,
    pub(crate) tokens_made: u64,
    pub(crate) tokens_renewed: u64,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
}

/// What a role did on the network.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    pub(crate) kdc_requests: u64,
    pub(crate) connections: u64,
    pub(crate) logins: u64,
    pub(crate) reauthentications: u64,
    pub(crate) reconnects: u64,
}

impl Work {
    pub(crate) fn add(&mut self, other: &Self) {
        self.kdc_requests += other.kdc_requests;
        self.connections += other.connections;
        self.logins += other.logins;
        self.reauthentications += other.reauthentications;
        self.reconnects += other.reconnects;
    }
}

impl Table {
    pub(crate) fn is_complete(&self) -> bool {
        self.sum.once == self.sum.expected && self.sum.again == 0
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sum { expected, once, again } = self.sum;
        let (driver, executors) =
            (|count: fn(&Work) -> u64| self.driver.as_ref().map(count), &self.executors);
        let rows = [
            ("records read once", None, Some(once - again.min(once))),
            ("records missing", None, Some(expected.saturating_sub(once))),
            ("records read again", None, Some(again)),
            ("tokens made", Some(self.tokens_made), None),
            ("renewals of tokens", Some(self.tokens_renewed), None),
            ("requests to the KDC", driver(|work| work.kdc_requests), Some(executors.kdc_requests)),
            ("connections", driver(|work| work.connections), Some(executors.connections)),
            ("logins", driver(|work| work.logins), Some(executors.logins)),
            ("re-authentications", driver(|work| work.reauthentications), Some(executors.reauthentications)),
            ("reconnects", None, Some(executors.reconnects)),
        ];
        writeln!(f, "{:24}{:>10}{:>12}", "", "driver", "executors")?;
        for (what, driver, executors) in rows {
            let [driver, executors] = [driver, executors]
                .map(|count| count.map_or_else(|| "-".to_owned(), |count| count.to_string()));
            writeln!(f, "{what:24}{driver:>10}{executors:>12}")?;
        }
        let seconds = self.took.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "for the eye")]
        let (rate, mebibytes) = (once as f64 / seconds, self.bytes as f64 / seconds / 1_048_576.0);
        write!(f, "throughput: {rate:.0} records/s, {mebibytes:.1} MiB/s, paced over {seconds:.1} s")
    }
}

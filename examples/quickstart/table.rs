//! The table at the end.

use std::fmt;
use std::time::Duration;

use crate::ledger::Sum;

/// What the run came to.
pub(crate) struct Table {
    pub(crate) sum: Sum,
    pub(crate) executors: Work,
    pub(crate) driver: Work,
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
        let (driver, executors) = (&self.driver, &self.executors);
        let rows = [
            ("records read once", None, once - again.min(once)),
            ("records missing", None, expected.saturating_sub(once)),
            ("records read again", None, again),
            ("requests to the KDC", Some(driver.kdc_requests), executors.kdc_requests),
            ("connections", Some(driver.connections), executors.connections),
            ("logins", Some(driver.logins), executors.logins),
            ("re-authentications", Some(driver.reauthentications), executors.reauthentications),
            ("reconnects", Some(driver.reconnects), executors.reconnects),
        ];
        writeln!(f, "{:24}{:>10}{:>12}", "", "driver", "executors")?;
        for (what, driver, executors) in rows {
            let driver = driver.map_or_else(|| "-".to_owned(), |count| count.to_string());
            writeln!(f, "{what:24}{driver:>10}{executors:>12}")?;
        }
        let seconds = self.took.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "for the eye")]
        let (rate, mebibytes) = (once as f64 / seconds, self.bytes as f64 / seconds / 1_048_576.0);
        write!(f, "throughput: {rate:.0} records/s, {mebibytes:.1} MiB/s, paced over {seconds:.1} s")
    }
}

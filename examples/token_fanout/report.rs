//! What an executor has done, as one line on its standard output.

use std::fmt;
use std::str::FromStr;

use ottla_lab::Tally;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) tally: Tally,
    /// Partitions that were read up to the end of their range.
    pub(crate) complete: u64,
    pub(crate) connections: u64,
    pub(crate) logins: u64,
    pub(crate) requests: u64,
}

impl Report {
    pub(crate) fn add(&mut self, other: &Self) {
        self.tally += other.tally;
        self.complete += other.complete;
        self.connections += other.connections;
        self.logins += other.logins;
        self.requests += other.requests;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { count, key_bytes, value_bytes, checksum } = self.tally;
        write!(f, "{count} {key_bytes} {value_bytes} {checksum} ")?;
        write!(f, "{} {} {} {}", self.complete, self.connections, self.logins, self.requests)
    }
}

impl FromStr for Report {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        let numbers = numbers.and_then(|numbers| <[u64; 8]>::try_from(numbers).ok());
        let numbers = numbers.ok_or_else(|| format!("an executor reported {line:?}"))?;
        let [count, key_bytes, value_bytes, checksum, complete, connections, logins, requests] = numbers;
        let tally = Tally { count, key_bytes, value_bytes, checksum };
        Ok(Self { tally, complete, connections, logins, requests })
    }
}

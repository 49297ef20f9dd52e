//! What a seed decides, as data. Nothing else is drawn while a life runs, but by the dice of a task.

use std::fmt;
use std::time::Duration;

use ottla_testkit::ApiKey;

use super::kind::Kind;

pub(crate) const TOPIC: &str = "life";
pub(crate) const CONNECT: Duration = Duration::from_secs(3);
pub(crate) const REQUEST: Duration = Duration::from_secs(5);
/// Of an admin's and a user's calls.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// What the owners of tokens are called; each keeper has one.
pub(crate) const OWNERS: [&str; 2] = ["alice", "bob"];

/// One keeper, through all its restarts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Keeping {
    pub(crate) saved: bool,
    pub(crate) grace: Duration,
    pub(crate) ratio: f64,
}

/// A user of the tokens of one keeper.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Using {
    pub(crate) keeper: usize,
    pub(crate) by_file: bool,
    /// Between two calls.
    pub(crate) every: Duration,
    pub(crate) partition: i32,
    /// After so long without a call its connections are closed.
    pub(crate) idle_close: Duration,
    pub(crate) seed: u64,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) at: Duration,
    pub(crate) kind: Kind,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    TokensLate {
        broker: Option<i32>,
        delay: Duration,
        lasts: Duration,
    },
    Keeper {
        keeper: usize,
        order: Order,
    },
    Answers {
        api: ApiKey,
        wrong: Wrong,
        times: u64,
    },
    ConnectionsClosed {
        broker: i32,
    },
    BrokerAway {
        broker: i32,
        lasts: Duration,
    },
    Silence {
        broker: i32,
        lasts: Duration,
    },
    AdminRefused {
        keeper: usize,
        lasts: Duration,
    },
    SecretRotated,
    TokenDeleted {
        keeper: usize,
    },
    /// By so many seconds.
    BrokersClock(i64),
    OurClock(i64),
    File {
        keeper: usize,
        harm: Harm,
        lasts: Duration,
    },
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wrong {
    Lost,
    ClosedBefore,
    ClosedAfter,
    Stalled,
    Throttled(Duration),
    Late(Duration),
}

/// What a keeper is told from outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) end: End,
    pub(crate) away: Duration,
    /// The starts after that are dropped after so many polls, one after the other.
    pub(crate) cut: [Option<u64>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    Killed,
    /// So many turns after the moment of the next step, with answers that take so long.
    KilledAtWork {
        turns: u64,
        answers: Duration,
        after: Duration,
    },
    Leave,
    Expire,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Harm {
    Truncated,
    Removed,
    Older,
}

/// Everything that a seed decides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) brokers: i32,
    /// What a renewal gives.
    pub(crate) period: Duration,
    pub(crate) max: Duration,
    pub(crate) sweep: Duration,
    pub(crate) propagation: Duration,
    pub(crate) reauth: Option<Duration>,
    pub(crate) length: Duration,
    pub(crate) keepers: Vec<Keeping>,
    pub(crate) users: Vec<Using>,
    /// Whether there are many clients of the first keeper.
    pub(crate) crowd: bool,
    pub(crate) events: Vec<Event>,
}

impl Plan {
    /// When nothing goes wrong any more.
    pub(crate) fn heals(&self) -> Duration {
        self.length - self.period
    }

    /// Between two looks at a token file.
    pub(crate) fn look(&self) -> Duration {
        (self.period / 24).min(Duration::from_secs(3600 * 2))
    }

    pub(crate) fn has_file(&self, keeper: usize) -> bool {
        self.users.iter().any(|user| user.by_file && user.keeper == keeper)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "    {} brokers, tokens of {:?} up to {:?}, swept each {:?}, known after {:?}, sessions {:?}, for {:?}",
            self.brokers, self.period, self.max, self.sweep, self.propagation, self.reauth, self.length
        )?;
        for keeper in &self.keepers {
            writeln!(f, "    {keeper:?}")?;
        }
        for user in &self.users {
            writeln!(f, "    {user:?}")?;
        }
        for event in &self.events {
            writeln!(f, "    {:>9} s {:?} {:?}", event.at.as_secs(), event.kind, event.what)?;
        }
        Ok(())
    }
}

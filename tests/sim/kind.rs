//! The kinds of things that happen to a world, brokers' faults and an application's manners alike.

use std::sync::LazyLock;

use super::schedule::{Entrance, Shape};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A kind of thing that happens. `tally` counts in how many worlds each one struck.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

kinds! {
    Append,
    Transaction,
    Compact,
    Delete,
    /// An election of a broker that lacks the log's end.
    LogCut,
    TopicRemade,
    LeaderMoved,
    BrokerRestarted,
    /// A broker restarts that was the only replica.
    Leaderless,
    /// A partition loses its leader for a while, its brokers run.
    LeaderTaken,
    /// A broker learns nothing more: it tells of old leaders and epochs.
    StaleMetadata,
    Quota,
    ConnectionsClosed,
    Silence,
    BitFlipped,
    Delay,
    Stall,
    AnswerLost,
    CloseBefore,
    CloseAfter,
    TruncatedFrame,
    Throttle,
    /// 3, 5 or 6 in place of what was asked.
    NotLeader,
    /// 3, 6, 7, 20 or 56 after an append.
    RefusedAfterAppend,
    /// A Produce that is answered late, by what the broker knows by then.
    HeldProduce,
    /// OFFSET_OUT_OF_RANGE of an offset that is there.
    WrongOutOfRange,
    RebootstrapRequired,
    /// The application pauses for more than ten seconds.
    LongPause,
    CallGivenUp,
    WriterDropped,
    ListenerPanicked,
    /// A range ends beyond the log, or never.
    RecordsAwaited,
}

impl Kind {
    /// The kinds that worlds draw.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|kind| kind.is_drawn())
    }

    /// Whether worlds draw it; what they do not draw yet is drawn if `OTTLA_SIM_WITH` names it.
    pub(crate) fn is_drawn(self) -> bool {
        static WITH: LazyLock<String> = LazyLock::new(|| std::env::var("OTTLA_SIM_WITH").unwrap_or_default());
        !super::NOT_YET.contains(&self) || WITH.split(',').any(|name| name == format!("{self:?}"))
    }

    /// Whether it is an event that a world of this shape can have.
    pub(crate) fn fits(self, shape: &Shape) -> bool {
        match self {
            Self::LeaderMoved => shape.brokers > 1,
            Self::BitFlipped => shape.entrance == Entrance::Tls,
            // It comes with a restart.
            Self::Leaderless => false,
            Self::LongPause
            | Self::CallGivenUp
            | Self::WriterDropped
            | Self::ListenerPanicked
            | Self::RecordsAwaited => false,
            _ => true,
        }
    }
}

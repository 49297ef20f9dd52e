//! The kinds of things that happen to a world, brokers' faults and an application's manners alike.

use super::schedule::{Entrance, Shape};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A kind of thing that happens. `tally` counts in how many worlds each one struck.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];
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
    PartitionsAdded,
    /// Nobody may read a topic, or write to it, for a while.
    Denied,
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
    /// A broker is silent, and soon others lead what it led.
    BrokerLost,
    /// All brokers are silent.
    Blackout,
    /// One of the addresses of a broker's name takes no connection, or is silent.
    AddressAway,
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
    /// All brokers send clients away, until one goes back to its bootstrap list.
    SentAway,
    /// The application pauses for more than ten seconds.
    LongPause,
    CallGivenUp,
    ReaderDropped,
    WriterDropped,
    /// Two tasks write by one writer.
    WriterShared,
    ListenerPanicked,
    /// A broker names the records of a batch that it refuses.
    RecordsRefused,
    /// A range ends beyond the log, or never.
    RecordsAwaited,
    /// Several tasks come in by one client.
    ClientShared,
    /// A reader reads a partition in pieces.
    ReadInPieces,
    /// A reader reads several topics.
    TopicsRead,
    /// A record is written to a partition that its topic did not have before.
    NewPartitionWritten,
    /// Records are written as compressed batches.
    Compressed,
    /// Brokers offer older versions of an API.
    OlderVersions,
    /// A transaction stays open for about as long as a client waits.
    LongTransaction,
    /// A client hears that it may not read or write.
    DenialHeard,
    /// A broker restarts when it has just been asked to write.
    RestartedAmidWrites,
    /// A client logs in again on a connection.
    SessionRenewed,
    /// A call of a client with little time ends with an error.
    CallEndsInVain,
}

impl Kind {
    /// Whether it is an event that a world of this shape can have.
    pub(crate) fn fits(self, shape: &Shape) -> bool {
        match self {
            Self::LeaderMoved | Self::BrokerLost => shape.brokers > 1,
            Self::SentAway => shape.sends_away(),
            Self::TopicRemade => shape.tells_ids(),
            Self::BitFlipped => shape.entrance == Entrance::Tls,
            // It comes with a restart.
            Self::Leaderless => false,
            Self::LongPause
            | Self::CallGivenUp
            | Self::ReaderDropped
            | Self::WriterDropped
            | Self::WriterShared
            | Self::ListenerPanicked
            | Self::RecordsRefused
            | Self::RecordsAwaited
            | Self::ClientShared
            | Self::ReadInPieces
            | Self::TopicsRead
            | Self::NewPartitionWritten
            | Self::Compressed
            | Self::OlderVersions
            | Self::LongTransaction
            | Self::DenialHeard
            | Self::RestartedAmidWrites
            | Self::SessionRenewed
            | Self::CallEndsInVain => false,
            _ => true,
        }
    }
}

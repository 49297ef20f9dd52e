//! The kinds of things that happen in a life.

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A kind of thing that happens. `tally` counts in how many lives each one struck.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

kinds! {
    /// Brokers learn of tokens late.
    TokensLate,
    KeeperKilled,
    /// A keeper is dropped at one of the awaits of what it does when something is due.
    KeeperKilledAtWork,
    /// The start of a keeper is dropped at one of its awaits.
    StartCutShort,
    ShutDownLeaving,
    ShutDownExpiring,
    /// A request about tokens is carried out, and its answer is not sent.
    AnswerLost,
    ClosedBefore,
    ClosedAfter,
    Throttled,
    Late,
    /// A login is not answered.
    LoginStalled,
    ConnectionsClosed,
    BrokerAway,
    Silence,
    /// Whoever asks for tokens is refused for a while, as with a password that was changed.
    AdminRefused,
    /// All tokens are refused from then on.
    SecretRotated,
    TokenDeleted,
    BrokersClockForward,
    BrokersClockBack,
    OurClockForward,
    OurClockBack,
    FileTruncated,
    FileRemoved,
    /// The file has the token before the present one again.
    FileOlder,
    /// Sessions are shorter than the lives of tokens.
    ShortSessions,
    /// A user has the tokens from a file.
    FileFollowed,
    /// A keeper has no saved state.
    NothingSaved,
    /// Many clients share the tokens of a keeper.
    Crowd,
}

impl Kind {
    /// Whether it is an event, and not something that the shape of a life brings.
    pub(crate) fn is_event(self) -> bool {
        !matches!(
            self,
            Self::StartCutShort | Self::ShortSessions | Self::FileFollowed | Self::NothingSaved | Self::Crowd
        )
    }
}

//! The public error, built from the private ones of the lower layers.

mod broker_error;
mod class;
mod explained;
mod invalid;
mod kind;

use std::fmt;
use std::sync::Arc;

pub use self::broker_error::BrokerError;
pub(crate) use self::class::{Class, class, is_damage};
pub use self::explained::explained;
pub use self::kind::ErrorKind;
use crate::conn;
use crate::conn::error::LoginStep;
use crate::conn::handle::Failure;
use crate::conn::inflight::Written;
use crate::ids::TopicPartition;
use crate::wire;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Tells what went wrong, where, and what the caller can do about it.
///
/// `Display` prints one level; [`source`](std::error::Error::source) has what lies beneath. It
/// never holds a secret. Cloning is cheap.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    place: Place,
    /// What the kind does not say.
    detail: Option<Box<str>>,
    source: Option<Source>,
    written: Written,
}

/// What lies beneath an error.
#[derive(Clone)]
enum Source {
    /// What ended a connection, or kept one from being made: `class` looks at it.
    Conn(conn::error::Error),
    /// Any other cause.
    Other(Arc<dyn std::error::Error + Send + Sync>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conn(error) => error.fmt(f),
            Self::Other(error) => error.fmt(f),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    broker: Option<Box<str>>,
    api: Option<ApiKey>,
    topic: Option<Box<str>>,
    topic_partition: Option<TopicPartition>,
}

impl Error {
    fn new(kind: ErrorKind, detail: Option<Box<str>>, source: Option<conn::error::Error>) -> Self {
        let source = source.map(Source::Conn);
        Self(Arc::new(Inner { kind, place: Place::default(), detail, source, written: Written::No }))
    }

    /// An error whose text says all.
    pub(crate) fn because(kind: ErrorKind, detail: impl Into<Box<str>>) -> Self {
        Self::new(kind, Some(detail.into()), None)
    }

    /// Says what it came of, which `Display` leaves to [`source`](std::error::Error::source).
    pub(crate) fn caused_by(self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.source = Some(Source::Other(Arc::new(cause))))
    }

    /// What ended a connection, or kept one from being made, if that is what lies beneath.
    fn conn_source(&self) -> Option<&conn::error::Error> {
        match &self.0.source {
            Some(Source::Conn(error)) => Some(error),
            // The same, told with more words.
            Some(Source::Other(error)) => {
                let beneath = error.downcast_ref::<Self>().filter(|beneath| beneath.kind() == self.kind());
                beneath.and_then(Self::conn_source)
            }
            None => None,
        }
    }

    /// The broker answered with an error code.
    pub(crate) fn broker(code: ErrorCode) -> Self {
        Self::new(ErrorKind::Broker(BrokerError::new(code)), None, None)
    }

    /// A connection could not be made.
    pub(crate) fn dial(error: conn::error::Error) -> Self {
        let kind = match ErrorKind::of(&error) {
            ErrorKind::Closed => ErrorKind::Connect,
            kind => kind,
        };
        Self::new(kind, None, Some(error))
    }

    /// A request failed.
    pub(crate) fn request(failure: Failure) -> Self {
        let kind = ErrorKind::of(&failure.error);
        Self::new(kind, None, Some(failure.error)).with(|inner| inner.written = failure.written)
    }

    /// The time is over; `what` says for what, and `last` is what went wrong until then, if anything. A
    /// credential that was refused stays that: more time would not help.
    pub(crate) fn late(what: &str, last: Option<&Self>) -> Self {
        let Some(last) = last else { return Self::because(ErrorKind::Timeout, what) };
        let kind = if last.needs_new_credentials() { last.kind() } else { ErrorKind::Timeout };
        let late = Self::new(kind, Some(format!("{what}; before: {last}").into()), None);
        late.caused_by(last.clone()).with(|inner| inner.written = last.0.written)
    }

    /// An answer is not about what was asked for, each of it once: it was damaged on its way, and nothing of it counts.
    pub(crate) fn other_than_asked(api: ApiKey) -> Self {
        let error = wire::Error::OtherThanAsked { api }.into();
        Self::request(Failure { error, written: Written::Possibly }).in_api(api)
    }

    /// An answer that cannot be read, once more: it was not damaged on its way.
    pub(crate) fn repeated(self) -> Self {
        self.with(|inner| {
            inner.source = inner.source.take().map(|source| match source {
                Source::Conn(error) => Source::Conn(error.repeated()),
                other @ Source::Other(_) => other,
            });
        })
    }

    /// The client, or the runtime beneath it, is being shut down.
    pub(crate) fn shutdown() -> Self {
        Self::new(ErrorKind::Shutdown, None, None)
    }

    pub(crate) fn about_topic(self, topic: &str) -> Self {
        self.with(|inner| inner.place.topic = Some(topic.into()))
    }

    pub(crate) fn at_broker(self, broker: &str) -> Self {
        self.with(|inner| inner.place.broker = Some(broker.into()))
    }

    pub(crate) fn in_api(self, api: ApiKey) -> Self {
        self.with(|inner| inner.place.api = Some(api))
    }

    pub(crate) fn at_partition(self, topic_partition: &TopicPartition) -> Self {
        self.with(|inner| inner.place.topic_partition = Some(topic_partition.clone()))
    }

    /// Says more than its kind does.
    pub(crate) fn with_detail(self, detail: impl Into<Box<str>>) -> Self {
        self.with(|inner| inner.detail = Some(detail.into()))
    }

    /// Says more than its kind does, in words that a peer may have chosen.
    pub(crate) fn with_peer_detail(self, detail: &str) -> Self {
        self.with_detail(conn::error::PeerText::new(detail).to_string())
    }

    /// Says that the broker may have done what the failed request asked, if that is so.
    pub(crate) fn possibly_written_if(self, possibly: bool) -> Self {
        if possibly { self.with(|inner| inner.written = Written::Possibly) } else { self }
    }

    pub(crate) fn not_written(self) -> Self {
        self.with(|inner| inner.written = Written::No)
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The broker that it happened at, as `host:port`, where that is known.
    pub fn broker_address(&self) -> Option<&str> {
        self.0.place.broker.as_deref()
    }

    /// The topic partition that it is about, if it is about one.
    pub fn topic_partition(&self) -> Option<&TopicPartition> {
        self.0.place.topic_partition.as_ref()
    }

    /// Whether the same call may succeed later, with nothing changed by the caller. So may one whose
    /// answer could not be read (`Protocol`): it may have been damaged on its way. When connections
    /// in a row fail so, it is said of the peer, and may not.
    pub fn is_retriable(&self) -> bool {
        matches!(class(self), Class::Again | Class::RefreshMetadata)
    }

    /// Whether the credential is what was refused: the token has expired or is not known, or the
    /// password is wrong. The same call can only succeed with another one.
    pub fn needs_new_credentials(&self) -> bool {
        matches!(class(self), Class::NewCredential)
    }

    /// Whether the broker may have done what the failed request asked.
    pub fn possibly_written(&self) -> bool {
        self.0.written == Written::Possibly
    }

    /// For a refused SCRAM login, whether it was refused at the first message: then the broker
    /// does not know the user or token id, else the password or HMAC is wrong.
    pub fn is_unknown_user(&self) -> bool {
        use conn::error::Error::LoginRefused;
        matches!(self.conn_source(), Some(LoginRefused { step: LoginStep::First, .. }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.detail {
            Some(detail) => f.write_str(detail)?,
            None => self.0.kind.fmt(f)?,
        }
        let place = &self.0.place;
        if let Some(topic) = &place.topic {
            write!(f, ", topic {topic}")?;
        }
        if let Some(topic_partition) = &place.topic_partition {
            write!(f, ", partition {topic_partition}")?;
        }
        if let Some(api) = place.api {
            write!(f, ", in {api}")?;
        }
        if let Some(broker) = &place.broker {
            write!(f, ", at {broker}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        let mut shown = f.debug_struct("Error");
        shown.field("kind", &inner.kind).field("place", &inner.place);
        shown.field("detail", &inner.detail).field("source", &inner.source);
        shown.field("written", &inner.written).finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match self.0.source.as_ref()? {
            Source::Conn(error) => error,
            Source::Other(error) => error.as_ref(),
        })
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::request(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_and_where_in_one_line() {
        let error = Error::broker(ErrorCode::DELEGATION_TOKEN_NOT_FOUND)
            .in_api(ApiKey::RenewDelegationToken)
            .at_broker("b1:9092");
        assert_eq!(
            error.to_string(),
            "the broker answered DELEGATION_TOKEN_NOT_FOUND (62), in RenewDelegationToken, at b1:9092"
        );
    }

    #[test]
    fn a_request_that_may_have_been_written_says_so() {
        let failure = Failure { error: conn::error::Error::Closed, written: Written::Possibly };
        let error = Error::request(failure);
        assert!(error.possibly_written() && error.is_retriable());
        assert_eq!(error.kind(), ErrorKind::Closed);
    }

    #[test]
    fn an_error_keeps_what_it_came_of_and_its_own_kind() {
        let cause = Error::dial(conn::error::Error::TokenExpired);
        let error = Error::because(ErrorKind::Timeout, "not in time").caused_by(cause.clone());
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Timeout, "not in time"));
        assert_eq!(explained(&error), format!("not in time: {}", explained(&cause)));
        assert!(error.is_retriable() && !cause.is_retriable());
    }

    #[test]
    fn what_was_not_done_in_time_keeps_the_kind_of_what_failed_before() {
        let beneath = |error: &Error| std::error::Error::source(error)?.downcast_ref::<Error>().cloned();
        let last = Error::broker(ErrorCode::LEADER_NOT_AVAILABLE).at_broker("b1:9092");
        let late = Error::late("not done in time", Some(&last));
        let kinds = (late.kind(), beneath(&late).map(|last| last.kind()));
        assert_eq!(kinds, (ErrorKind::Timeout, Some(last.kind())));
        assert_eq!(beneath(&late).unwrap().broker_address(), Some("b1:9092"));
        assert_eq!(explained(&late).matches("LEADER_NOT_AVAILABLE").count(), 1);
        let text = conn::error::PeerText::default();
        let refused = conn::error::Error::LoginRefused { code: 58, step: LoginStep::First, text };
        let late = Error::late("not done in time", Some(&Error::dial(refused)));
        assert!(late.needs_new_credentials() && late.is_unknown_user(), "{late:?}");
    }

    #[test]
    fn a_dial_that_breaks_is_a_connect_error() {
        let error = Error::dial(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(std::error::Error::source(&error).is_some());
    }
}

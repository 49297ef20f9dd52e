use std::fmt;
use std::io;

use super::{Class, ErrorCode};
use crate::ccache::CacheFileError;
use crate::enctype::Enctype;
use crate::entropy::NoEntropy;
use crate::keytab::LoadKeytabError;
use crate::locate::NoKdc;
use crate::principal::{Principal, Realm};
use crate::{crypto, der};

/// What happened, without who was involved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The KDC answered with an error.
    Kdc(ErrorCode),
    /// A message is not what RFC 4120 says it is.
    Malformed(der::Error),
    /// A message cannot be opened, or a key cannot be made.
    Crypto(crypto::Error),
    /// A reply of the KDC does not fit what was asked.
    Reply(ReplyFault),
    /// A token of the service is not acceptable.
    Gss(GssFault),
    /// The service turned us away without saying why.
    ServiceRefused,
    /// The KDC asks for a way of pre-authentication that we do not have, such as a smart card.
    PreauthUnsupported,
    /// We hold no key of the types that the KDC names, or of the one it used.
    NoKey {
        /// The types that the KDC named.
        kdc: Vec<Enctype>,
    },
    /// The KDC did not come to an end.
    TooManyRequests,
    /// A KDC refers to a realm that was asked already.
    ReferralLoop(Realm),
    /// More than ten realms in a row refer to another.
    TooManyReferrals,
    /// No KDC of the realm is known.
    NoKdc(Box<NoKdc>),
    /// No KDC of the realm answered; what the last one did.
    Unreachable(Realm, io::ErrorKind),
    /// The ticket cannot be renewed, or not any more.
    NotRenewable,
    /// The keytab cannot be read.
    Keytab(LoadKeytabError),
    /// The ticket cache cannot be read.
    Cache(CacheFileError),
    /// The ticket cache is another principal's.
    CachePrincipal(Principal),
    /// The ticket cache has no ticket-granting ticket, or an expired one.
    NoTgt,
    /// The KDC gives tickets that expire before they can be used.
    TooShort,
    /// There are no random bytes.
    NoEntropy,
    /// The task that owns the tickets has ended.
    Shutdown,
}

impl Fault {
    pub(super) const fn class(&self) -> Class {
        match self {
            // By the stage, see `Error::class`; what stands here is for no stage at all.
            Self::Kdc(_) => Class::Config,
            Self::Gss(fault) => fault.class(),
            Self::Reply(_) | Self::Malformed(_) | Self::ReferralLoop(_) | Self::TooManyReferrals => {
                Class::Security
            }
            Self::Crypto(crypto::Error::TooShort | crypto::Error::Integrity) => Class::Security,
            Self::Crypto(_) | Self::PreauthUnsupported | Self::NoKey { .. } | Self::NoKdc(_) => Class::Config,
            Self::TooManyRequests | Self::TooShort | Self::NoTgt => Class::Config,
            Self::Keytab(_) | Self::Cache(_) | Self::CachePrincipal(_) => Class::Config,
            Self::ServiceRefused => Class::Refused,
            Self::NotRenewable => Class::StaleCredential,
            Self::Unreachable(..) | Self::NoEntropy | Self::Shutdown => Class::Transient,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kdc(code) => write!(f, "{code}"),
            Self::Malformed(_) => f.write_str("a message is malformed"),
            Self::Crypto(_) => f.write_str("a message cannot be opened"),
            Self::Reply(_) => f.write_str("the KDC's reply does not fit the request"),
            Self::Gss(fault) => write!(f, "{fault}"),
            Self::ServiceRefused => f.write_str("the service refused the ticket and did not say why"),
            Self::PreauthUnsupported => {
                f.write_str("the KDC asks for another pre-authentication than a password or keytab")
            }
            Self::NoKey { kdc } if kdc.is_empty() => f.write_str("there is no key to log in with"),
            Self::NoKey { kdc } => {
                f.write_str("no key of a type that the KDC uses:")?;
                kdc.iter().try_for_each(|enctype| write!(f, " {enctype}"))
            }
            Self::TooManyRequests => f.write_str("the KDC did not come to an end"),
            Self::ReferralLoop(realm) => write!(f, "the KDCs refer back to realm {realm}"),
            Self::TooManyReferrals => f.write_str("too many KDCs refer to another"),
            Self::NoKdc(_) => f.write_str("no KDC is known"),
            Self::Unreachable(realm, last) => write!(f, "no KDC of realm {realm} answered: {last}"),
            Self::NotRenewable => f.write_str("the ticket cannot be renewed"),
            Self::Keytab(_) => f.write_str("the keytab cannot be used"),
            Self::Cache(_) => f.write_str("the ticket cache cannot be used"),
            Self::CachePrincipal(other) => write!(f, "the ticket cache is that of {other}"),
            Self::NoTgt => f.write_str("the ticket cache has no ticket-granting ticket that is still valid"),
            Self::TooShort => f.write_str("the KDC gives tickets that expire at once"),
            Self::NoEntropy => write!(f, "{NoEntropy}"),
            Self::Shutdown => f.write_str("the owner of the tickets has ended"),
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed(error) => Some(error),
            Self::Crypto(error) => Some(error),
            Self::Reply(fault) => Some(fault),
            Self::NoKdc(error) => Some(error.as_ref()),
            Self::Keytab(error) => Some(error),
            Self::Cache(error) => Some(error),
            _ => None,
        }
    }
}

impl From<der::Error> for Fault {
    fn from(error: der::Error) -> Self {
        Self::Malformed(error)
    }
}

impl From<crypto::Error> for Fault {
    fn from(error: crypto::Error) -> Self {
        Self::Crypto(error)
    }
}

impl From<ReplyFault> for Fault {
    fn from(fault: ReplyFault) -> Self {
        Self::Reply(fault)
    }
}

impl From<GssFault> for Fault {
    fn from(fault: GssFault) -> Self {
        Self::Gss(fault)
    }
}

impl From<NoEntropy> for Fault {
    fn from(NoEntropy: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

/// How the reply of a KDC differs from what was asked. Somebody may have forged or replayed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyFault {
    /// It is for another client.
    Client,
    /// It answers another request.
    Nonce,
    /// It is for another service than the one asked for, or from another realm.
    Server,
    /// The ticket names another service than the sealed part.
    TicketServer,
    /// The ticket lasts longer than was asked for.
    EndTime,
    /// The ticket does not start now.
    StartTime,
    /// It is sealed with a type of key that was not offered.
    Enctype(Enctype),
    /// The session key is of a type that was not offered.
    SessionEnctype(Enctype),
    /// The session key does not have the length of its type.
    SessionKey,
}

impl fmt::Display for ReplyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("it is for another client"),
            Self::Nonce => f.write_str("it answers another request"),
            Self::Server => f.write_str("it is for another service"),
            Self::TicketServer => f.write_str("the ticket and the sealed part name different services"),
            Self::EndTime => f.write_str("the ticket lasts longer than was asked for"),
            Self::StartTime => f.write_str("the ticket does not start now"),
            Self::Enctype(enctype) => write!(f, "it is sealed with {enctype}, which was not offered"),
            Self::SessionEnctype(enctype) => {
                write!(f, "its session key is for {enctype}, which was not offered")
            }
            Self::SessionKey => f.write_str("its session key has a wrong length"),
        }
    }
}

impl std::error::Error for ReplyFault {}

/// Why a token of the service is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GssFault {
    /// The service answered with an error.
    Refused(ErrorCode),
    /// A token is too short for what it has to hold.
    Truncated,
    /// A token is of another mechanism.
    Mechanism,
    /// A token is of another kind than the one that comes now.
    TokenId,
    /// The AP-REP sends back another time than the one we sent.
    ClientTime,
    /// The acceptor's subkey is of a type or length that we do not use.
    Subkey,
    /// A token claims to come from the initiator: our own, sent back.
    Direction,
    /// A token is encrypted although only integrity was agreed.
    Sealed,
    /// A token is protected by another key than the one that the context uses.
    WhichKey,
    /// Filler bytes have another value.
    Filler,
    /// The length of the checksum is not that of the key's type.
    ChecksumLength,
    /// The checksum does not fit.
    Integrity,
    /// A token is missing, doubled or out of order.
    Sequence,
    /// The server's offer of security layers is not four bytes long.
    OfferLength,
    /// The server insists on a security layer after login, which Kafka does not have.
    NoAuthOnly,
}

impl GssFault {
    const fn class(self) -> Class {
        match self {
            Self::Refused(ErrorCode(21 | 22 | 33 | 34)) => Class::Transient,
            Self::Refused(ErrorCode(32 | 41 | 44 | 45 | 31)) => Class::StaleCredential,
            Self::Refused(_) => Class::Refused,
            Self::NoAuthOnly => Class::Config,
            _ => Class::Security,
        }
    }
}

impl fmt::Display for GssFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(code) => return write!(f, "the service refused the ticket: {code}"),
            Self::Truncated => "a token is cut short",
            Self::Mechanism => "a token is of another mechanism",
            Self::TokenId => "a token is of another kind than expected",
            Self::ClientTime => "the service did not send back our time",
            Self::Subkey => "the service's subkey cannot be used",
            Self::Direction => "a token of the initiator came back",
            Self::Sealed => "a token is encrypted",
            Self::WhichKey => "a token is protected by another key",
            Self::Filler => "filler bytes have another value",
            Self::ChecksumLength => "a checksum has another length than its key's type",
            Self::Integrity => "the checksum of a token does not fit",
            Self::Sequence => "a token is missing, doubled or out of order",
            Self::OfferLength => "the offer of security layers is not four bytes long",
            Self::NoAuthOnly => "the server insists on a security layer",
        })
    }
}

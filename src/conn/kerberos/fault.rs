//! Why a login by Kerberos cannot be.

use std::fmt;

use ottla_kerberos::ccache::{CacheNameError, DirError};
use ottla_kerberos::conf::ConfError;
use ottla_kerberos::error::{Class, Fault as ExchangeFault};
use ottla_kerberos::keytab::KeytabNameError;
use ottla_kerberos::principal::PrincipalError;

use crate::conn::error::PeerText;
use crate::sasl::KerberosError;

/// A private error of logins by Kerberos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    // The caller's side.
    /// A broker is known by its address, which no service principal has.
    IpAddress { service: Box<str>, host: Box<str> },
    /// The principal to log in as cannot be read.
    Principal { principal: Box<str>, fault: PrincipalError },
    /// The password is not UTF-8.
    PasswordEncoding,
    /// krb5.conf cannot be read.
    Conf(ConfError),
    /// No keytab was named, by anybody.
    NoKeytab,
    /// What names the default keytab cannot be used.
    KeytabName(KeytabNameError),
    /// What names the ticket cache cannot be used.
    CacheName(CacheNameError),
    /// The directory of caches does not say which one counts.
    CacheDir(DirError),

    // Refused, or the environment: the exchange knows.
    /// The login at the KDC, or the request for a service ticket, failed.
    Exchange(KerberosError),
    /// The broker refused a ticket that was new.
    Refused { text: PeerText, ticket: KerberosError },
    /// The broker closed the connection when it saw the ticket.
    HungUp { ticket: KerberosError },
    /// The runtime ended before the login was prepared.
    Ended,
}

/// Who has to do something about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Whoever configured the client.
    Caller,
    /// Time may help: a KDC or the broker is not there.
    Environment,
    /// A KDC or the broker says no.
    Peer,
    /// The process ends.
    End,
}

impl Fault {
    pub(crate) fn side(&self) -> Side {
        match self {
            Self::Exchange(error) => {
                let exchange = error.exchange();
                match (exchange.fault(), exchange.class()) {
                    (ExchangeFault::Shutdown | ExchangeFault::NoEntropy, _) => Side::End,
                    (
                        ExchangeFault::Keytab(_)
                        | ExchangeFault::Cache(_)
                        | ExchangeFault::CachePrincipal(_)
                        | ExchangeFault::NoKdc(_),
                        _,
                    ) => Side::Caller,
                    (_, Class::Transient) => Side::Environment,
                    _ => Side::Peer,
                }
            }
            Self::Refused { .. } => Side::Peer,
            Self::HungUp { .. } => Side::Environment,
            Self::Ended => Side::End,
            _ => Side::Caller,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IpAddress { service, host } => write!(
                f,
                "the broker {host} is known by an IP address, and no Kerberos service is: write the host name \
                 whose principal {service}/HOSTNAME the broker has in its keytab, in the bootstrap list and in \
                 the broker's advertised.listeners"
            ),
            Self::Principal { principal, fault } => write!(f, "principal {principal:?}: {fault}"),
            Self::PasswordEncoding => f.write_str("the Kerberos password is not UTF-8"),
            Self::Conf(error) => with_causes(f, error),
            Self::NoKeytab => f.write_str(
                "no keytab is named: name one, or set KRB5_CLIENT_KTNAME or default_client_keytab_name in krb5.conf",
            ),
            Self::KeytabName(error) => with_causes(f, error),
            Self::CacheName(error) => with_causes(f, error),
            Self::CacheDir(error) => with_causes(f, error),
            Self::Exchange(error) => error.fmt(f),
            Self::Refused { text, ticket } => write!(f, "the broker says {:?}. {ticket}", text.to_string()),
            Self::HungUp { ticket } => {
                write!(
                    f,
                    "the broker closed the connection in the middle of the login, as Kafka does on clock skew and \
                     replays. {ticket}"
                )
            }
            Self::Ended => f.write_str("the runtime ended before the Kerberos login"),
        }
    }
}

impl std::error::Error for Fault {
    /// What lies behind an error whose text is this one's.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Principal { fault, .. } => Some(fault),
            Self::Conf(error) => Some(error),
            Self::KeytabName(error) => Some(error),
            Self::CacheName(error) => Some(error),
            Self::CacheDir(error) => Some(error),
            Self::Exchange(error) | Self::Refused { ticket: error, .. } | Self::HungUp { ticket: error } => {
                Some(error.exchange())
            }
            Self::IpAddress { .. } | Self::PasswordEncoding | Self::NoKeytab | Self::Ended => None,
        }
    }
}

fn with_causes(f: &mut fmt::Formatter<'_>, error: &dyn std::error::Error) -> fmt::Result {
    write!(f, "{error}")?;
    error.source().map_or(Ok(()), |cause| {
        f.write_str(": ")?;
        with_causes(f, cause)
    })
}

impl From<ottla_kerberos::error::Error> for Fault {
    fn from(error: ottla_kerberos::error::Error) -> Self {
        Self::Exchange(error.into())
    }
}

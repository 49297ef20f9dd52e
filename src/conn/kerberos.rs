//! Logins by Kerberos: one login for all who share a [`Kerberos`], a service ticket for each
//! broker, and what a refused ticket is worth.
//!
//! ```text
//! Kerberos (clones share it) ──► Session of ottla-kerberos: one TGT, a ticket for each broker
//!    └─ for_one_dial ──► exchange ──► broker ─ refuses ─► is_worth_another ──► exchange, fresh ticket
//! ```

mod diagnosis;
mod fault;
mod identity;
mod kdc_route;
mod service;

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ottla_kerberos::client::{Session, SessionConfig, Source};
use ottla_kerberos::conf::Krb5Conf;
use ottla_kerberos::entropy::Seed;
use ottla_kerberos::error::Fault as ExchangeFault;
use ottla_kerberos::exchange::ServiceRequest;
use ottla_kerberos::gss::ServiceTicket;
use ottla_kerberos::principal::{PrincipalName, Realm};
use ottla_kerberos::ticket::Grant;
use zeroize::Zeroizing;

pub use self::diagnosis::KerberosDiagnosis;
pub(crate) use self::fault::{Fault, Side};
use self::identity::Identity;
use self::kdc_route::{KdcClock, KdcRoute};
use super::dial::Connect;
use super::error::Error;
use crate::entropy;
use crate::sasl::Exchange;
use crate::secret::Secret;
use crate::time::{Clock, SystemClock};
use crate::wire::error_code::ErrorCode;

/// A Kerberos identity for SASL GSSAPI, in pure Rust: no libkrb5 is needed.
///
/// Clones share **one login**: give clones to several clusters, and the KDC sees one
/// ticket-granting ticket and one service ticket for each broker, whatever the number of
/// connections. Nothing is read or asked before the first connection. Tickets are renewed before
/// they end; a successor takes a ticket's place, so that a KDC that is down for a while is not
/// noticed. A background task does this, which ends with the last clone.
///
/// The service principal is `kafka/HOST` (see [`with_service_name`](Self::with_service_name)) with
/// the host name that the broker advertises, in lower case and without a final dot: what DNS says
/// is never asked. Brokers must therefore be known by names: an IP address is a
/// [`Config`](crate::ErrorKind::Config) error.
///
/// GSSAPI authenticates both sides but protects nothing that comes after the login: over
/// `SASL_PLAINTEXT` whoever sits on the way can read and alter every later request and answer,
/// delegation tokens among them, or take the connection over, for no channel binding ties the login
/// to it. Use it inside TLS (`SASL_SSL`) on networks that are not trusted.
///
/// # Examples
/// ```
/// use ottla::{Config, Credentials, Kerberos, Security};
///
/// # fn main() -> Result<(), ottla::Error> {
/// let kerberos = Kerberos::keytab("driver@EXAMPLE.COM", "/etc/security/driver.keytab");
/// let credentials = Credentials::Kerberos(kerberos);
/// let config = Config::new("b1.example.com:9093".parse()?, Security::Plaintext, credentials);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Kerberos {
    login: Arc<Login>,
    service_name: Arc<str>,
    /// The ticket that this dial used last.
    given: Arc<Mutex<Option<Given>>>,
}

/// What a dial knows of its ticket.
struct Given {
    ticket: ServiceTicket,
    /// Another login had it before.
    cached: bool,
    /// The broker refused it.
    refused: bool,
}

/// One login and its tickets.
struct Login {
    identity: Identity,
    krb5_conf: Option<PathBuf>,
    route: KdcRoute,
    clock: KdcClock,
    /// Locked while the login is prepared.
    opened: tokio::sync::Mutex<Option<Opened>>,
    /// The newest ticket that lives for each service that somebody used, to tell cached ones from fresh ones.
    seen: Mutex<HashMap<ServiceRequest, Weak<Grant>>>,
}

#[derive(Clone)]
struct Opened {
    session: Session,
    conf: Arc<Krb5Conf>,
    realm: Option<Realm>,
}

impl Kerberos {
    /// Logs in `principal` (`name@REALM` or `service/host@REALM`; without a realm, in the default
    /// realm of krb5.conf) with its keys in the keytab file at `path`.
    ///
    /// The file is read for each login, so that rotated keys are found. No ticket cache is read or
    /// written.
    pub fn keytab(principal: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self::of(Identity::Keytab { principal: principal.into(), path: Some(path.into()) })
    }

    /// Like [`keytab`](Self::keytab), with the keytab that `KRB5_CLIENT_KTNAME` names, or else
    /// `default_client_keytab_name` in krb5.conf.
    pub fn default_keytab(principal: impl Into<String>) -> Self {
        Self::of(Identity::Keytab { principal: principal.into(), path: None })
    }

    /// Logs in `principal` with a password, UTF-8. The password stays on this machine: the KDC
    /// sees a proof made of it.
    pub fn password(principal: impl Into<String>, password: Secret) -> Self {
        Self::of(Identity::Password { principal: principal.into(), password })
    }

    /// Uses the tickets that `kinit` or another program keeps in a cache: that of `name` (a path,
    /// `FILE:path` or `DIR:directory`), or else the one that `KRB5CCNAME` or krb5.conf name, or
    /// `/tmp/krb5cc_UID`. Caches in the kernel or in a daemon (KEYRING, KCM) are not read.
    ///
    /// The file is read again when its ticket comes to its end, and never written. Whoever fills
    /// it has to do so before that.
    pub fn ticket_cache(name: Option<&str>) -> Self {
        Self::cache_of(name, None)
    }

    /// As [`ticket_cache`](Self::ticket_cache); the cache must be that of `principal`.
    pub(crate) fn cache_of(name: Option<&str>, principal: Option<String>) -> Self {
        Self::of(Identity::Cache { name: name.map(str::to_owned), principal })
    }

    fn of(identity: Identity) -> Self {
        Self { login: Arc::new(Login::new(identity)), service_name: "kafka".into(), given: Arc::default() }
    }

    /// Sets the first part of the brokers' principals, which the brokers call
    /// `sasl.kerberos.service.name`. Default `kafka`. The login stays shared with other clones.
    #[must_use]
    pub fn with_service_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.service_name = name.into();
        self
    }

    /// Reads this krb5.conf, which must exist. Default: the files that `KRB5_CONFIG` lists, or
    /// else `/etc/krb5.conf`. It is read once, at the first login. The result shares no login with
    /// clones that were made before.
    #[must_use]
    pub fn with_krb5_conf(self, path: impl Into<PathBuf>) -> Self {
        self.anew(|login| login.krb5_conf = Some(path.into()))
    }

    /// Reaches KDCs through this connector, by the hosts and ports that krb5.conf names, and never by
    /// datagrams. Default: the machine's sockets. The result shares no login with clones that were
    /// made before.
    #[must_use]
    pub fn with_kdc_connector(self, connector: impl Connect + 'static) -> Self {
        self.anew(|login| login.route = KdcRoute::Through(Arc::new(connector)))
    }

    /// Takes the wall time of tickets from this clock. Default: the machine's. The result shares no
    /// login with clones that were made before.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        self.anew(|login| login.clock = KdcClock(Arc::new(clock)))
    }

    /// A login of its own, set up otherwise.
    fn anew(self, change: impl FnOnce(&mut Login)) -> Self {
        let Login { identity, krb5_conf, route, clock, .. } = self.login.as_ref();
        let mut login = Login {
            krb5_conf: krb5_conf.clone(),
            route: route.clone(),
            clock: clock.clone(),
            ..Login::new(identity.clone())
        };
        change(&mut login);
        Self { login: Arc::new(login), given: Arc::default(), ..self }
    }

    /// A clone that remembers the ticket which it gives. The host is checked before anything is
    /// asked of anybody.
    pub(crate) fn for_one_dial(&self, host: &str) -> Result<Self, Error> {
        service::name(&self.service_name, host)?;
        Ok(Self { given: Arc::default(), ..self.clone() })
    }

    /// Begins a login to the broker at `host`, with a ticket that is fetched unless it is there.
    ///
    /// # Cancel safety
    /// A ticket that is being fetched is kept for the next login.
    pub(crate) async fn exchange(&self, host: &str) -> Result<Exchange, Error> {
        let name = service::name(&self.service_name, host)?;
        let refused = self.given().as_ref().filter(|given| given.refused).map(|given| given.ticket.clone());
        let (ticket, cached) = self.login.ticket(name, refused.as_ref()).await?;
        *self.given() = Some(Given { ticket: ticket.clone(), cached, refused: false });
        let seed = Zeroizing::new(entropy::fill::<{ Seed::LEN }>()?);
        Ok(Exchange::gssapi(ticket, Seed::new(&seed)))
    }

    /// Whether the broker may take another ticket than the one that it refused: one of an earlier
    /// login, sealed with a key that the broker has replaced since. The next exchange fetches it.
    pub(crate) fn is_worth_another(&self, error: &Error) -> bool {
        let mut given = self.given();
        let refused = match error {
            Error::LoginRefused { code, .. } => is_refusal(*code),
            error => is_hang_up(error),
        };
        match given.as_mut().filter(|given| refused && given.cached) {
            Some(given) => {
                given.refused = true;
                true
            }
            None => false,
        }
    }

    /// Adds what is known of the ticket to a refusal without a reason, as those of brokers are.
    pub(crate) fn explained(&self, error: Error) -> Error {
        let Some(ticket) = self.given().as_ref().map(|given| given.ticket.refused()) else { return error };
        match error {
            Error::LoginRefused { code, text, .. } if is_refusal(code) => {
                Fault::Refused { text, ticket: ticket.into() }.into()
            }
            error if is_hang_up(&error) => Fault::HungUp { ticket: ticket.into() }.into(),
            error => error,
        }
    }

    fn given(&self) -> std::sync::MutexGuard<'_, Option<Given>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one code with which brokers refuse tickets, whatever is wrong.
fn is_refusal(code: i16) -> bool {
    ErrorCode(code) == ErrorCode::SASL_AUTHENTICATION_FAILED
}

/// Brokers close the connection without a word where their Kerberos library calls an error
/// transient.
fn is_hang_up(error: &Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    match error {
        Error::Io(fault) => matches!(fault.kind(), BrokenPipe | ConnectionReset),
        error => matches!(error, Error::ClosedInLogin),
    }
}

impl Login {
    fn new(identity: Identity) -> Self {
        Self {
            identity,
            krb5_conf: None,
            route: KdcRoute::Sockets,
            clock: KdcClock(Arc::new(SystemClock)),
            opened: tokio::sync::Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// Gives a ticket for a service, another one than `refused`, and tells whether an earlier
    /// login used it.
    async fn ticket(
        &self,
        name: PrincipalName,
        refused: Option<&ServiceTicket>,
    ) -> Result<(ServiceTicket, bool), Fault> {
        let opened = self.open(None).await?;
        let service = service::request(name, &opened.conf, opened.realm.as_ref());
        let ticket = match opened.ask(&service, refused).await {
            // The runtime that its task ran in is gone, but the login outlived it.
            Err(error) if *error.fault() == ExchangeFault::Shutdown => {
                self.open(Some(&opened)).await?.ask(&service, refused).await?
            }
            ticket => ticket?,
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let cached = was_seen(&mut seen, service, ticket.grant());
        drop(seen);
        Ok((ticket, cached))
    }

    /// Prepares the login unless it is, or is `ended`. What fails is tried again by the next call.
    async fn open(&self, ended: Option<&Opened>) -> Result<Opened, Fault> {
        let mut slot = self.opened.lock().await;
        if let Some(opened) = slot.as_ref()
            && !ended.is_some_and(|ended| Arc::ptr_eq(&ended.conf, &opened.conf))
        {
            return Ok(opened.clone());
        }
        let (identity, path) = (self.identity.clone(), self.krb5_conf.clone());
        let prepared = tokio::task::spawn_blocking(move || prepare(&identity, path.as_deref()));
        let (source, conf) = prepared.await.map_err(|_| Fault::Ended)??;
        let realm = match &source {
            Source::Keytab { principal, .. } | Source::Secret { principal, .. } => Some(principal),
            Source::Cache { principal, .. } => principal.as_ref(),
        };
        let realm = realm.map(|principal| principal.realm.clone());
        let mut config = SessionConfig::new(source, Arc::clone(&conf));
        config.connect = Arc::new(self.route.clone());
        config.clock = Arc::new(self.clock.clone());
        config.resolver = self.route.resolver();
        let opened = Opened { session: Session::start(config), conf, realm };
        *slot = Some(opened.clone());
        Ok(opened)
    }
}

/// Notes the newest ticket for a service, and tells whether it was that before. Tickets that are gone are
/// forgotten: brokers come and go under new names for as long as a login lives.
fn was_seen<S: Eq + Hash, T>(seen: &mut HashMap<S, Weak<T>>, service: S, newest: &Arc<T>) -> bool {
    seen.retain(|_, ticket| ticket.strong_count() > 0);
    let before = seen.insert(service, Arc::downgrade(newest));
    before.is_some_and(|before| std::ptr::eq(before.as_ptr(), Arc::as_ptr(newest)))
}

/// Reads what is to be read. Blocks.
fn prepare(identity: &Identity, krb5_conf: Option<&Path>) -> Result<(Source, Arc<Krb5Conf>), Fault> {
    let conf = match krb5_conf {
        Some(path) => Krb5Conf::load(path),
        None => Krb5Conf::of_this_process(),
    };
    let conf = conf.map_err(Fault::Conf)?;
    Ok((identity.source(&conf)?, Arc::new(conf)))
}

impl Opened {
    async fn ask(
        &self,
        service: &ServiceRequest,
        refused: Option<&ServiceTicket>,
    ) -> Result<ServiceTicket, ottla_kerberos::error::Error> {
        match refused {
            Some(refused) => self.session.fresh_service_ticket(service, refused).await,
            None => self.session.service_ticket(service).await,
        }
    }
}

impl fmt::Debug for Kerberos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Login { identity, krb5_conf, .. } = self.login.as_ref();
        let mut shown = f.debug_struct("Kerberos");
        shown.field("identity", identity).field("service_name", &self.service_name);
        shown.field("krb5_conf", krb5_conf).finish()
    }
}

#[cfg(test)]
mod tests;

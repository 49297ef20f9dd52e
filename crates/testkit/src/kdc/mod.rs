//! Key distribution centers of Kerberos inside a test.
//!
//! A [`Kdc`] serves any number of realms: over TCP and UDP on loopback, over pipes in memory, or as a
//! plain function of bytes ([`Kdc::answer`]). It has the AS and TGS exchanges with encrypted
//! timestamps, renewal, referrals between realms that trust each other, and the encryption types 17 to
//! 20; its clock is an argument. `kinit`, `kvno` and Java log in to it as to any other.
//!
//! With a [`Cluster`](crate::Cluster) that takes Kerberos logins, and all of it in memory:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ottla_testkit::kdc::{Account, Kdc};
//! use ottla_testkit::{Cluster, Protocol};
//!
//! let kdc = Kdc::builder()
//!     .realm("EXAMPLE.TEST")
//!     .account(Account::user("alice@EXAMPLE.TEST", "alice-secret"))
//!     .start_in_memory()?;
//! let cluster = Cluster::builder()
//!     .brokers(3)
//!     .listener(Protocol::SaslPlaintext)
//!     .kerberos(&kdc, "EXAMPLE.TEST")
//!     .start_in_memory()?;
//! let krb5_conf = kdc.krb5_conf();
//! let keytab = kdc.keytab(&["alice@EXAMPLE.TEST"])?;
//! // .. write both to files, log in through `kdc.connector()` and `cluster.connector()`, then look:
//! assert_eq!(kdc.counters().logins, 0);
//! # assert!(krb5_conf.contains("EXAMPLE.TEST") && keytab.len() > 100);
//! # Ok(())
//! # }
//! ```
//!
//! Not here: FAST, PKINIT, delegation and forwarding, channel bindings, password changes, ticket
//! addresses, and anything secret: keys follow from a seed.

mod account;
mod answer;
mod builder;
mod connector;
mod database;
mod grant;
mod login;
mod serve;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use ottla_kerberos::crypto;
use ottla_kerberos::keytab::Keytab;
use ottla_kerberos::time::Timestamp;
use tokio::task::JoinHandle;

pub use self::account::Account;
pub use self::builder::KdcBuilder;
pub use self::connector::Connector;
use self::database::Database;
use crate::krb::Refusal;

/// KDCs of one or more realms. Dropping it ends those on sockets; connectors keep the rest alive.
#[derive(Debug)]
pub struct Kdc {
    pub(crate) shared: Arc<Shared>,
    /// Realm, host and port, in the order in which the realms were named.
    addresses: Vec<(String, String, u16)>,
    serving: Vec<JoinHandle<()>>,
}

/// What goes for the time of a KDC.
#[derive(Clone)]
struct KdcClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl fmt::Debug for KdcClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KdcClock(..)")
    }
}

/// What the KDCs of all realms share.
#[derive(Debug)]
pub(crate) struct Shared {
    clock: KdcClock,
    database: Mutex<Database>,
    max_datagram: usize,
}

/// What KDCs have counted since they started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// AS-REQs that were read: a login takes two, the first of which asks for a proof.
    pub as_requests: u64,
    /// Ticket-granting tickets given for a password or a keytab: the lines with `ISSUE` for an AS-REQ
    /// in MIT's log.
    pub logins: u64,
    /// TGS-REQs that were read.
    pub tgs_requests: u64,
    /// Tickets given for a ticket-granting ticket, renewals and referrals among them.
    pub tickets: u64,
    errors: BTreeMap<i32, u64>,
}

impl Counters {
    /// Answers that were the KRB-ERROR of this code, such as 25 for a proof that was asked for.
    #[must_use]
    pub fn errors(&self, code: i32) -> u64 {
        self.errors.get(&code).copied().unwrap_or(0)
    }

    fn count_error(&mut self, code: i32) {
        *self.errors.entry(code).or_default() += 1;
    }
}

/// A call of a test that a KDC could not carry out.
#[derive(Debug)]
#[non_exhaustive]
pub enum KdcError {
    /// The operating system refused a socket or a file.
    Io(std::io::Error),
    /// No realm of that name.
    UnknownRealm(String),
    /// No principal of that name.
    UnknownPrincipal(String),
    /// The text is no name of a principal.
    Name(String),
    /// A key could not be made.
    Crypto(crypto::Error),
    /// A name is too long for a keytab.
    Keytab,
}

impl fmt::Display for KdcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "input or output failed: {error}"),
            Self::UnknownRealm(realm) => write!(f, "no realm {realm}"),
            Self::UnknownPrincipal(name) => write!(f, "no principal {name}"),
            Self::Name(name) => write!(f, "{name} is no name of a principal"),
            Self::Crypto(error) => write!(f, "no key could be made: {error}"),
            Self::Keytab => f.write_str("a name is too long for a keytab"),
        }
    }
}

impl std::error::Error for KdcError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Crypto(error) => Some(error),
            _ => None,
        }
    }
}

impl From<std::io::Error> for KdcError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl Drop for Kdc {
    fn drop(&mut self) {
        for task in &self.serving {
            task.abort();
        }
    }
}

impl Shared {
    fn database(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from((self.clock.0)())
    }

    /// None if the realm's KDC is down.
    fn answer(&self, realm: &str, request: &[u8]) -> Option<Vec<u8>> {
        let mut database = self.database();
        let is_up = !database.down.contains(realm);
        is_up.then(|| answer::answer(&mut database, realm, request, self.now()))
    }

    fn answer_datagram(&self, realm: &str, request: &[u8]) -> Option<Vec<u8>> {
        let answer = self.answer(realm, request)?;
        if answer.len() <= self.max_datagram {
            return Some(answer);
        }
        Some(answer::refusal(realm, &Refusal::RESPONSE_TOO_BIG.into(), self.now()))
    }

    /// Adds a service, unless it is there, and gives its keys.
    pub(crate) fn service_keytab(&self, name: &str) -> Result<Keytab, KdcError> {
        let mut database = self.database();
        if database.named(name).is_err() {
            database.put(Account::service(name))?;
        }
        Ok(Keytab::new(database.named(name)?.keytab().collect()))
    }
}

impl Kdc {
    /// Sets up a KDC.
    #[must_use]
    pub fn builder() -> KdcBuilder {
        KdcBuilder::default()
    }

    /// Answers one request, a message without the length in front that TCP has, to the KDC of a realm.
    #[must_use]
    pub fn answer(&self, realm: &str, request: &[u8]) -> Vec<u8> {
        answer::answer(&mut self.shared.database(), realm, request, self.shared.now())
    }

    /// Opens pipes to KDCs in memory.
    #[must_use]
    pub fn connector(&self) -> Connector {
        Connector { shared: Arc::clone(&self.shared), addresses: self.addresses.clone().into() }
    }

    /// Host and port of a realm's KDC.
    ///
    /// # Errors
    /// [`KdcError::UnknownRealm`].
    pub fn address(&self, realm: &str) -> Result<(String, u16), KdcError> {
        let found = self.addresses.iter().find(|(name, ..)| name == realm);
        let found = found.ok_or_else(|| KdcError::UnknownRealm(realm.to_owned()))?;
        Ok((found.1.clone(), found.2))
    }

    /// The text of a krb5.conf that names the realms and their KDCs. The first realm is the default.
    /// Hosts have no realms in it, so that services of other realms are found by referral.
    #[must_use]
    pub fn krb5_conf(&self) -> String {
        let mut text = String::from("[libdefaults]\n");
        if let Some((realm, ..)) = self.addresses.first() {
            text += &format!("    default_realm = {realm}\n");
        }
        for setting in ["dns_lookup_kdc", "dns_lookup_realm", "dns_canonicalize_hostname", "rdns"] {
            text += &format!("    {setting} = false\n");
        }
        text += "[realms]\n";
        for (realm, host, port) in &self.addresses {
            text += &format!("    {realm} = {{\n        kdc = {host}:{port}\n    }}\n");
        }
        text
    }

    /// Writes [`krb5_conf`](Self::krb5_conf) to a file.
    ///
    /// # Errors
    /// [`KdcError::Io`].
    pub fn write_krb5_conf(&self, path: impl AsRef<Path>) -> Result<(), KdcError> {
        Ok(std::fs::write(path, self.krb5_conf())?)
    }

    /// The newest keys of principals, as a keytab file has them.
    ///
    /// # Errors
    /// [`KdcError::UnknownPrincipal`], [`KdcError::Name`].
    pub fn keytab(&self, principals: &[&str]) -> Result<Vec<u8>, KdcError> {
        let database = self.shared.database();
        let mut entries = Vec::new();
        for name in principals {
            entries.extend(database.named(name)?.keytab());
        }
        let bytes = Keytab::new(entries).to_bytes().map_err(|_| KdcError::Keytab)?;
        Ok(bytes.to_vec())
    }

    /// Writes [`keytab`](Self::keytab) to a file.
    ///
    /// # Errors
    /// As [`keytab`](Self::keytab), and [`KdcError::Io`].
    pub fn write_keytab(&self, path: impl AsRef<Path>, principals: &[&str]) -> Result<(), KdcError> {
        Ok(std::fs::write(path, self.keytab(principals)?)?)
    }

    /// Adds an account, or puts it in the place of that of its name, with new keys of version 1.
    ///
    /// # Errors
    /// [`KdcError::UnknownRealm`], [`KdcError::Name`].
    pub fn put(&self, account: Account) -> Result<(), KdcError> {
        self.shared.database().put(account)
    }

    /// Gives a principal new keys: of a new password if it has one, else by chance. Gives their version.
    ///
    /// Tickets that were sealed with the old keys of a ticket-granting service stay good here.
    ///
    /// # Errors
    /// [`KdcError::UnknownPrincipal`], [`KdcError::Name`].
    pub fn rotate(&self, principal: &str, password: Option<&str>) -> Result<u32, KdcError> {
        self.shared.database().rotate(principal, password.map(str::to_owned))
    }

    /// Removes a principal.
    ///
    /// # Errors
    /// [`KdcError::UnknownPrincipal`], [`KdcError::Name`].
    pub fn remove(&self, principal: &str) -> Result<(), KdcError> {
        self.shared.database().remove(principal)
    }

    /// Takes the KDC of a realm down: it closes connections and answers no datagrams. Or up again.
    pub fn set_down(&self, realm: &str, down: bool) {
        let mut database = self.shared.database();
        if down {
            database.down.insert(realm.to_owned());
        } else {
            database.down.remove(realm);
        }
    }

    /// What the KDCs have counted so far, over all realms.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.database().counters.clone()
    }

    /// The KDCs' wall clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        (self.shared.clock.0)()
    }
}

//! Principals as the KDC keeps them.

use std::time::Duration;

use ottla_kerberos::crypto::{self, AesKey, Salted};
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::key::Key;
use ottla_kerberos::keytab::Entry;
use ottla_kerberos::principal::Principal;

use crate::krb::EtypeInfo;
use crate::random::Random;

/// A principal that a KDC is to know: its keys, and what the KDC lets it do.
#[derive(Clone, Debug)]
pub struct Account {
    pub(super) name: String,
    pub(super) password: Option<String>,
    pub(super) enctypes: Vec<Enctype>,
    pub(super) preauthentication: bool,
    pub(super) standing: Standing,
    pub(super) ticket_lifetime: Duration,
    pub(super) renew_lifetime: Duration,
}

/// Whether the KDC gives tickets to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    Locked,
    Expired,
    PasswordExpired,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Account {
    fn new(name: impl Into<String>, password: Option<String>) -> Self {
        Self {
            name: name.into(),
            password,
            enctypes: Enctype::SUPPORTED.to_vec(),
            preauthentication: true,
            standing: Standing::Good,
            ticket_lifetime: DAY,
            renew_lifetime: 7 * DAY,
        }
    }

    /// A user whose keys are made of a password: `alice@EXAMPLE.TEST`.
    pub fn user(name: impl Into<String>, password: impl Into<String>) -> Self {
        Self::new(name, Some(password.into()))
    }

    /// A service, or a user with a keytab only, with keys by chance: `kafka/b1@EXAMPLE.TEST`.
    pub fn service(name: impl Into<String>) -> Self {
        Self::new(name, None)
    }

    /// The encryption types of the keys; tickets for it are sealed with the first. Types other than
    /// 17 to 20 are left out. Default: 18, 17, 20, 19.
    #[must_use]
    pub fn with_enctypes(mut self, enctypes: impl IntoIterator<Item = Enctype>) -> Self {
        self.enctypes = enctypes.into_iter().filter(|enctype| enctype.is_supported()).collect();
        self
    }

    /// Lets the account log in without an encrypted timestamp.
    #[must_use]
    pub fn without_preauthentication(mut self) -> Self {
        self.preauthentication = false;
        self
    }

    /// Refuses logins of the account with code 18.
    #[must_use]
    pub fn locked(mut self) -> Self {
        self.standing = Standing::Locked;
        self
    }

    /// Refuses logins of the account with code 1.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.standing = Standing::Expired;
        self
    }

    /// Refuses logins of the account with code 23.
    #[must_use]
    pub fn with_expired_password(mut self) -> Self {
        self.standing = Standing::PasswordExpired;
        self
    }

    /// The longest life of a ticket of, or for, the account. Default 24 hours.
    #[must_use]
    pub fn with_ticket_lifetime(mut self, lifetime: Duration) -> Self {
        self.ticket_lifetime = lifetime;
        self
    }

    /// For how long its ticket-granting tickets can be renewed. Default 7 days; zero: not at all.
    #[must_use]
    pub fn with_renew_lifetime(mut self, lifetime: Duration) -> Self {
        self.renew_lifetime = lifetime;
        self
    }
}

/// An account with its keys.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) principal: Principal,
    pub(super) account: Account,
    salt: String,
    /// Newest version first; within a version in the order of the account's types.
    keys: Vec<(u32, AesKey)>,
}

/// The fewest that clients take: this KDC's secrets are none.
const ITERATIONS: u32 = 4096;

impl Entity {
    pub(super) fn new(
        principal: Principal,
        account: Account,
        random: &mut Random,
    ) -> Result<Self, crypto::Error> {
        let salt = format!("{}{}", principal.realm.as_str(), principal.name.components().concat());
        let mut entity = Self { principal, account, salt, keys: Vec::new() };
        entity.rotate(random)?;
        Ok(entity)
    }

    /// Adds keys of the next version: by chance, or of the password as it is now.
    pub(super) fn rotate(&mut self, random: &mut Random) -> Result<u32, crypto::Error> {
        let kvno = self.kvno().saturating_add(1);
        let mut keys = Vec::new();
        for &enctype in &self.account.enctypes {
            let key = match &self.account.password {
                Some(password) => {
                    let parameters = ITERATIONS.to_be_bytes();
                    Salted::new(enctype, self.salt.as_bytes(), Some(&parameters))?.key(password.as_bytes())?
                }
                None => random_key(enctype, random)?,
            };
            keys.push((kvno, key));
        }
        keys.append(&mut self.keys);
        self.keys = keys;
        Ok(kvno)
    }

    /// The newest version of the keys; 0 if there are none.
    pub(super) fn kvno(&self) -> u32 {
        self.keys.first().map_or(0, |(kvno, _)| *kvno)
    }

    fn newest(&self) -> impl Iterator<Item = &AesKey> {
        let newest = self.kvno();
        self.keys.iter().filter(move |(kvno, _)| *kvno == newest).map(|(_, key)| key)
    }

    /// The newest key of the first type, with which tickets are sealed.
    pub(super) fn first_key(&self) -> Option<&AesKey> {
        self.newest().next()
    }

    /// The newest key of a type.
    pub(super) fn key(&self, enctype: Enctype) -> Option<&AesKey> {
        self.newest().find(|key| key.enctype() == enctype)
    }

    /// The key of a type and version.
    pub(super) fn key_of(&self, enctype: Enctype, kvno: Option<u32>) -> Option<&AesKey> {
        let fits = |(version, key): &&(u32, AesKey)| {
            key.enctype() == enctype && kvno.is_none_or(|kvno| kvno == *version)
        };
        self.keys.iter().find(fits).map(|(_, key)| key)
    }

    pub(super) fn info(&self) -> EtypeInfo<'_> {
        EtypeInfo {
            enctypes: self.newest().map(AesKey::enctype).collect(),
            salt: &self.salt,
            iterations: ITERATIONS,
        }
    }

    /// The newest keys, as a keytab has them.
    pub(super) fn keytab(&self) -> impl Iterator<Item = Entry> {
        self.newest().map(|key| Entry {
            principal: self.principal.clone(),
            timestamp: 0,
            kvno: self.kvno(),
            key: Key::new(key.enctype(), key.secret_bytes().to_vec()),
        })
    }
}

/// A key by chance, of one of the types that there are.
pub(super) fn random_key(enctype: Enctype, random: &mut Random) -> Result<AesKey, crypto::Error> {
    let bytes: [u8; 32] = random.bytes();
    let length = enctype.key_len().unwrap_or_default();
    AesKey::new(enctype, bytes.get(..length).unwrap_or_default())
}

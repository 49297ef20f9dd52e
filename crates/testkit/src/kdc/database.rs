//! What a KDC knows: realms, their principals, and whom they trust.

use std::collections::{BTreeMap, BTreeSet};

use ottla_kerberos::principal::{Principal, PrincipalName, Realm};

use super::account::{Account, Entity};
use super::{Counters, KdcError};
use crate::random::Random;

#[derive(Debug)]
pub(super) struct Database {
    pub(super) realms: BTreeMap<String, BTreeMap<String, Entity>>,
    /// Realms whose clients may use services of other realms: (client's, service's).
    trusts: BTreeSet<(String, String)>,
    /// Hosts, or domains with a dot in front, and their realms.
    hosts: BTreeMap<String, Realm>,
    pub(super) counters: Counters,
    pub(super) random: Random,
    pub(super) down: BTreeSet<String>,
}

impl Database {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            realms: BTreeMap::new(),
            trusts: BTreeSet::new(),
            hosts: BTreeMap::new(),
            counters: Counters::default(),
            random: Random::seeded(seed),
            down: BTreeSet::new(),
        }
    }

    pub(super) fn add_realm(&mut self, realm: &str) -> Result<(), KdcError> {
        self.realms.entry(realm.to_owned()).or_default();
        let tgs = PrincipalName::krbtgt(&Realm::new(realm));
        let mut random = self.random.fork();
        self.put_service(realm, Principal::new(tgs, Realm::new(realm)), &mut random)
    }

    /// Lets clients of one realm use services of the other: both get the one key.
    pub(super) fn trust(&mut self, clients: &str, services: &str) -> Result<(), KdcError> {
        let tgs = PrincipalName::krbtgt(&Realm::new(services));
        let principal = Principal::new(tgs, Realm::new(clients));
        // One source of chance makes the keys of both databases the same.
        let random = self.random.fork();
        for database in [clients, services] {
            self.put_service(database, principal.clone(), &mut random.clone())?;
        }
        self.trusts.insert((clients.to_owned(), services.to_owned()));
        Ok(())
    }

    fn put_service(
        &mut self,
        realm: &str,
        principal: Principal,
        random: &mut Random,
    ) -> Result<(), KdcError> {
        let account = Account::service(principal.to_string());
        self.put_account(realm, principal, account, random)
    }

    /// Adds an account, or replaces it with one of new keys.
    pub(super) fn put(&mut self, account: Account) -> Result<(), KdcError> {
        let principal = self.principal(&account.name)?;
        let realm = principal.realm.as_str().to_owned();
        let mut random = self.random.fork();
        self.put_account(&realm, principal, account, &mut random)
    }

    fn put_account(
        &mut self,
        realm: &str,
        principal: Principal,
        account: Account,
        random: &mut Random,
    ) -> Result<(), KdcError> {
        let entity = Entity::new(principal, account, random).map_err(KdcError::Crypto)?;
        let accounts = self.realms.get_mut(realm).ok_or_else(|| KdcError::UnknownRealm(realm.to_owned()))?;
        accounts.insert(entity.principal.to_string(), entity);
        Ok(())
    }

    pub(super) fn set_realm_of_host(&mut self, host: String, realm: String) {
        self.hosts.insert(host, Realm::new(realm));
    }

    /// Parses a name; without a realm it is of the only, or the first, realm.
    fn principal(&self, name: &str) -> Result<Principal, KdcError> {
        let default = self.realms.keys().next().map(Realm::new);
        Principal::parse(name, default.as_ref()).map_err(|_| KdcError::Name(name.to_owned()))
    }

    /// The account of a name as a test writes it.
    pub(super) fn named(&self, name: &str) -> Result<&Entity, KdcError> {
        let principal = self.principal(name)?;
        let unknown = || KdcError::UnknownPrincipal(principal.to_string());
        self.find(principal.realm.as_str(), &principal).ok_or_else(unknown)
    }

    pub(super) fn rotate(&mut self, name: &str, password: Option<String>) -> Result<u32, KdcError> {
        let principal = self.principal(name)?;
        let unknown = || KdcError::UnknownPrincipal(principal.to_string());
        let Self { realms, random, .. } = self;
        let accounts = realms.get_mut(principal.realm.as_str());
        let entity = accounts.and_then(|accounts| accounts.get_mut(&principal.to_string()));
        let entity = entity.ok_or_else(unknown)?;
        if password.is_some() {
            entity.account.password = password;
        }
        entity.rotate(random).map_err(KdcError::Crypto)
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<(), KdcError> {
        let principal = self.principal(name)?;
        let accounts = self.realms.get_mut(principal.realm.as_str());
        let removed = accounts.and_then(|accounts| accounts.remove(&principal.to_string()));
        removed.map(drop).ok_or_else(|| KdcError::UnknownPrincipal(principal.to_string()))
    }

    /// The account of a principal in the database of a realm.
    pub(super) fn find(&self, realm: &str, principal: &Principal) -> Option<&Entity> {
        self.realms.get(realm)?.get(&principal.to_string())
    }

    /// The realm of the host in a service's name, if something is known of it.
    pub(super) fn realm_of_service(&self, name: &PrincipalName) -> Option<&Realm> {
        let [_, host, ..] = name.components() else { return None };
        let mut rest = host.as_str();
        if let Some(realm) = self.hosts.get(rest) {
            return Some(realm);
        }
        while let Some(dot) = rest.find('.') {
            let domain = rest.get(dot..)?;
            if let Some(realm) = self.hosts.get(domain) {
                return Some(realm);
            }
            rest = domain.get(1..)?;
        }
        None
    }

    /// The first realm on the shortest way of trust from one realm to another.
    pub(super) fn next_on_the_way<'a>(&'a self, from: &'a str, to: &str) -> Option<&'a str> {
        let mut reached: Vec<(&str, &str)> = self.trusted_by(from).map(|next| (next, next)).collect();
        let mut at = 0;
        while let Some(&(realm, first)) = reached.get(at) {
            if realm == to {
                return Some(first);
            }
            for next in self.trusted_by(realm) {
                if next != from && !reached.iter().any(|(known, _)| *known == next) {
                    reached.push((next, first));
                }
            }
            at = at.saturating_add(1);
        }
        None
    }

    fn trusted_by<'a>(&'a self, clients: &'a str) -> impl Iterator<Item = &'a str> {
        self.trusts.iter().filter(move |(from, _)| from == clients).map(|(_, to)| to.as_str())
    }
}

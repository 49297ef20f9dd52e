//! Users, and who may do what with tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::token::Token;
use crate::Principal;
use crate::random::Random;
use crate::scram::{ScramHash, ScramKeys};

/// What an ACL allows with regard to delegation tokens. Nobody needs one for tokens of their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenRight {
    /// Operation `CreateTokens` on resource `User`: make tokens that are owned by this principal.
    CreateFor(Principal),
    /// Operation `DescribeTokens` on resource `User`: see the tokens that this principal owns.
    DescribeOf(Principal),
    /// Operation `Describe` on resource `DelegationToken`: see the token of this id.
    Describe(String),
}

/// What an ACL on a topic allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TopicOperation {
    /// To fetch from it. It implies that the topic may be described.
    Read,
    /// To produce to it. It implies the same.
    Write,
}

#[derive(Debug)]
struct User {
    password: String,
    sha256: Arc<ScramKeys>,
    sha512: Arc<ScramKeys>,
}

#[derive(Debug, Default)]
pub(crate) struct Access {
    users: BTreeMap<String, User>,
    super_users: BTreeSet<Principal>,
    rights: BTreeSet<(Principal, TokenRight)>,
    denied: BTreeSet<(String, TopicOperation)>,
}

impl Access {
    /// Adds a user or changes a password. Salts differ by mechanism, not by broker.
    pub(crate) fn set_password(&mut self, name: &str, password: &str, random: &mut Random) {
        let mut keys = |hash| Arc::new(ScramKeys::new(hash, password, random.text()));
        let user = User {
            sha256: keys(ScramHash::Sha256),
            sha512: keys(ScramHash::Sha512),
            password: password.to_owned(),
        };
        self.users.insert(name.to_owned(), user);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.users.remove(name);
    }

    pub(crate) fn has_password(&self, name: &str, password: &str) -> bool {
        self.users.get(name).is_some_and(|user| user.password == password)
    }

    pub(crate) fn keys(&self, name: &str, hash: ScramHash) -> Option<Arc<ScramKeys>> {
        let user = self.users.get(name)?;
        Some(Arc::clone(match hash {
            ScramHash::Sha256 => &user.sha256,
            ScramHash::Sha512 => &user.sha512,
        }))
    }

    pub(crate) fn add_super_user(&mut self, who: Principal) {
        self.super_users.insert(who);
    }

    pub(crate) fn allow(&mut self, who: Principal, right: TokenRight) {
        self.rights.insert((who, right));
    }

    pub(crate) fn may(&self, who: &Principal, right: TokenRight) -> bool {
        self.super_users.contains(who) || self.rights.contains(&(who.clone(), right))
    }

    pub(crate) fn set_denied(&mut self, topic: &str, operation: TopicOperation, denied: bool) {
        let place = (topic.to_owned(), operation);
        if denied {
            self.denied.insert(place);
        } else {
            self.denied.remove(&place);
        }
    }

    pub(crate) fn is_denied(&self, topic: &str, operation: TopicOperation) -> bool {
        !self.denied.is_empty() && self.denied.contains(&(topic.to_owned(), operation))
    }

    /// Whether a topic may not be seen.
    pub(crate) fn is_hidden(&self, topic: &str) -> bool {
        [TopicOperation::Read, TopicOperation::Write]
            .iter()
            .all(|&operation| self.is_denied(topic, operation))
    }

    pub(crate) fn may_describe(&self, who: &Principal, token: &Token) -> bool {
        token.concerns(who)
            || self.may(who, TokenRight::Describe(token.id.clone()))
            || self.may(who, TokenRight::DescribeOf(token.owner.clone()))
    }
}

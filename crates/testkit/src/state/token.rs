//! Delegation tokens (KIP-48, KIP-373) as KRaft keeps them.

use std::sync::Arc;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};

use crate::Principal;
use crate::random::Random;
use crate::scram::{ScramHash, ScramKeys};

/// A delegation token as the metadata log holds it. Timestamps are milliseconds since the Unix
/// epoch by the brokers' clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The token id: the user name of a login.
    pub id: String,
    /// Who a login with the token acts for.
    pub owner: Principal,
    /// Who asked for the token.
    pub requester: Principal,
    /// Who may renew and expire it besides the owner.
    pub renewers: Vec<Principal>,
    /// When it was made.
    pub issued: i64,
    /// When it ends unless renewed.
    pub expires: i64,
    /// Until when it can be renewed.
    pub max: i64,
}

impl Token {
    pub(crate) fn fresh_id(random: &mut Random) -> String {
        Base64UrlUnpadded::encode_string(random.uuid().as_bytes())
    }

    /// Owner or listed renewer. The requester does not count.
    pub(crate) fn may_renew(&self, who: &Principal) -> bool {
        self.owner == *who || self.renewers.contains(who)
    }

    pub(crate) fn concerns(&self, who: &Principal) -> bool {
        self.requester == *who || self.may_renew(who)
    }

    pub(crate) fn is_over(&self, millis: i64) -> bool {
        self.expires < millis || self.max < millis
    }

    /// The token's HMAC under the cluster's secret.
    pub(crate) fn hmac(&self, secret: &[u8]) -> Vec<u8> {
        ScramHash::Sha512.hmac(secret, self.id.as_bytes())
    }
}

/// A token as one broker knows it: with salts of the broker's own, anew at every change.
#[derive(Clone, Debug)]
pub(crate) struct PublishedToken {
    pub(crate) token: Token,
    pub(crate) hmac: Vec<u8>,
    sha256: Arc<ScramKeys>,
    sha512: Arc<ScramKeys>,
}

impl PublishedToken {
    pub(crate) fn new(token: Token, secret: &[u8], iterations: u32, random: &mut Random) -> Self {
        let hmac = token.hmac(secret);
        let password = Base64::encode_string(&hmac);
        let mut keys =
            |hash| Arc::new(ScramKeys::new(hash, &password, random.text()).with_iterations(iterations));
        Self { sha256: keys(ScramHash::Sha256), sha512: keys(ScramHash::Sha512), token, hmac }
    }

    pub(crate) fn keys(&self, hash: ScramHash) -> Arc<ScramKeys> {
        match hash {
            ScramHash::Sha256 => Arc::clone(&self.sha256),
            ScramHash::Sha512 => Arc::clone(&self.sha512),
        }
    }
}

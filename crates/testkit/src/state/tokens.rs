//! The controller's side of delegation tokens: what is committed, when nodes learn it, the sweep.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::ResponseError;
use tokio::time::Instant;

use super::image::{Change, Image};
use super::token::Token;
use crate::clock::{Now, millis};
use crate::random::Random;
use crate::{BrokerId, Principal};

/// Delegation tokens of a cluster; the defaults are Kafka's.
#[derive(Clone, Debug)]
pub(crate) struct TokenSettings {
    /// None: `delegation.token.secret.key` is not set.
    pub(crate) secret: Option<Vec<u8>>,
    pub(crate) supported: bool,
    pub(crate) expiry: Duration,
    pub(crate) max_lifetime: Duration,
    pub(crate) sweep_every: Duration,
    pub(crate) propagation: Duration,
    pub(crate) iterations: u32,
}

#[derive(Debug)]
pub(crate) struct Tokens {
    settings: TokenSettings,
    controller: Image,
    brokers: BTreeMap<BrokerId, Image>,
    next_sweep: Instant,
    random: Random,
}

impl Tokens {
    pub(crate) fn new(
        settings: TokenSettings,
        brokers: impl Iterator<Item = BrokerId>,
        now: Instant,
        random: Random,
    ) -> Self {
        let image = || Image::new(settings.propagation, settings.iterations);
        Self {
            controller: image(),
            brokers: brokers.map(|id| (id, image())).collect(),
            next_sweep: now + settings.sweep_every,
            settings,
            random,
        }
    }

    fn secret(&self) -> &[u8] {
        self.settings.secret.as_deref().unwrap_or_default()
    }

    /// 61 or 35, if the cluster has no tokens.
    pub(crate) fn refusal(&self) -> Result<(), ResponseError> {
        if self.settings.secret.is_none() {
            return Err(ResponseError::DelegationTokenAuthDisabled);
        }
        if self.settings.supported { Ok(()) } else { Err(ResponseError::UnsupportedVersion) }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.settings.secret.is_some()
    }

    /// Lets time pass: sweeps that are due, then changes that have arrived.
    pub(crate) fn advance(&mut self, now: Now) {
        while self.next_sweep <= now.instant {
            let at = self.next_sweep;
            self.next_sweep += self.settings.sweep_every.max(Duration::from_millis(1));
            self.publish(at);
            let passed = millis(now.instant.saturating_duration_since(at));
            self.sweep(at, now.millis.saturating_sub(passed));
        }
        self.publish(now.instant);
    }

    fn publish(&mut self, now: Instant) {
        let secret = self.settings.secret.clone().unwrap_or_default();
        self.controller.advance(now, &secret, &mut self.random);
        for image in self.brokers.values_mut() {
            image.advance(now, &secret, &mut self.random);
        }
    }

    fn sweep(&mut self, at: Instant, millis: i64) {
        let over: Vec<String> = self
            .controller
            .tokens()
            .filter(|published| published.token.is_over(millis))
            .map(|published| published.token.id.clone())
            .collect();
        for id in over {
            self.commit(at, &Change::Remove(id));
        }
    }

    fn commit(&mut self, at: Instant, change: &Change) {
        self.controller.committed(at, change.clone());
        for image in self.brokers.values_mut() {
            image.committed(at, change.clone());
        }
    }

    /// What a broker knows; nothing if there is no such broker.
    pub(crate) fn image(&self, broker: BrokerId) -> Option<&Image> {
        self.brokers.get(&broker)
    }

    /// What the controller knows.
    pub(crate) fn controller(&self) -> &Image {
        &self.controller
    }

    pub(crate) fn create(
        &mut self,
        now: Now,
        (owner, requester): (Principal, Principal),
        renewers: Vec<Principal>,
        max_lifetime: i64,
    ) -> (Token, Vec<u8>) {
        let ceiling = millis(self.settings.max_lifetime);
        let lifetime = if max_lifetime > 0 { max_lifetime.min(ceiling) } else { ceiling };
        let max = now.millis.saturating_add(lifetime);
        let expires = max.min(now.millis.saturating_add(millis(self.settings.expiry)));
        let id = Token::fresh_id(&mut self.random);
        let token = Token { id, owner, requester, renewers, issued: now.millis, expires, max };
        self.commit(now.instant, &Change::Store(token.clone()));
        let hmac = token.hmac(self.secret());
        (token, hmac)
    }

    /// Renews a token: 62, 66, 63 in this order. Gives the new end.
    pub(crate) fn renew(
        &mut self,
        now: Now,
        who: &Principal,
        hmac: &[u8],
        period: i64,
    ) -> Result<i64, ResponseError> {
        self.refusal()?;
        let token = self.find(hmac)?;
        if token.is_over(now.millis) {
            return Err(ResponseError::DelegationTokenExpired);
        }
        if !token.may_renew(who) {
            return Err(ResponseError::DelegationTokenOwnerMismatch);
        }
        let usual = millis(self.settings.expiry);
        let period = if period > 0 { period.min(usual) } else { usual };
        Ok(self.set_expiry(now, token, period))
    }

    /// Sets a token's end, or deletes it if the period is negative: 62, 63, 66 in this order.
    pub(crate) fn expire(
        &mut self,
        now: Now,
        who: &Principal,
        hmac: &[u8],
        period: i64,
    ) -> Result<i64, ResponseError> {
        self.refusal()?;
        let token = self.find(hmac)?;
        if !token.may_renew(who) {
            return Err(ResponseError::DelegationTokenOwnerMismatch);
        }
        if period < 0 {
            self.commit(now.instant, &Change::Remove(token.id));
            return Ok(now.millis);
        }
        if token.is_over(now.millis) {
            return Err(ResponseError::DelegationTokenExpired);
        }
        Ok(self.set_expiry(now, token, period))
    }

    fn find(&self, hmac: &[u8]) -> Result<Token, ResponseError> {
        let found = self.controller.by_hmac(hmac).ok_or(ResponseError::DelegationTokenNotFound)?;
        Ok(found.token.clone())
    }

    fn set_expiry(&mut self, now: Now, mut token: Token, period: i64) -> i64 {
        token.expires = token.max.min(now.millis.saturating_add(period));
        let expires = token.expires;
        self.commit(now.instant, &Change::Store(token));
        expires
    }

    /// Deletes a token as an administrator would. False if the controller does not know it.
    pub(crate) fn delete(&mut self, now: Instant, id: &str) -> bool {
        let known = self.controller.by_id(id).is_some();
        if known {
            self.commit(now, &Change::Remove(id.to_owned()));
        }
        known
    }

    /// Sets how long changes take to one broker, or to all of them and the controller.
    pub(crate) fn set_propagation(&mut self, broker: Option<BrokerId>, delay: Duration) {
        if broker.is_none() {
            self.controller.delay = delay;
        }
        for (_, image) in self.brokers.iter_mut().filter(|(id, _)| broker.is_none_or(|b| b == **id)) {
            image.delay = delay;
        }
    }

    /// Rolls every node with another secret: tokens stay listed, but their HMACs are others.
    pub(crate) fn rotate_secret(&mut self, secret: Vec<u8>) {
        self.controller.restart(&secret, &mut self.random);
        for image in self.brokers.values_mut() {
            image.restart(&secret, &mut self.random);
        }
        self.settings.secret = Some(secret);
    }
}

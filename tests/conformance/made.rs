//! A token, and what a fact does with it.

use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use bytes::Bytes;
use kafka_protocol::messages::{
    CreateDelegationTokenRequest, CreateDelegationTokenResponse, DescribeDelegationTokenRequest,
};
use ottla_testkit::Protocol;

use super::super::support::raw::{Login, Raw, Who, now, own_token};
use super::target::{Place, Setting, Target};

pub(crate) const DAY: i64 = 86_400_000;
/// Clocks are the same on both sides; a busy machine lies between the two.
const SLACK: i64 = 15_000;
/// For what brokers learn by and by.
const PATIENCE: Duration = Duration::from_secs(60);

/// A target in the middle of a fact.
pub(crate) struct Scene<'a> {
    pub(crate) target: &'a dyn Target,
}

impl Scene<'_> {
    pub(crate) fn place(&self, setting: Setting) -> Arc<dyn Place> {
        self.target.place(setting)
    }

    pub(crate) fn day(&self) -> Arc<dyn Place> {
        self.place(Setting::Day)
    }

    /// A token of a user that every broker knows.
    pub(crate) fn made(&self, setting: Setting, user: &str) -> Made {
        self.made_by(setting, user, &own_token())
    }

    pub(crate) fn made_by(
        &self,
        setting: Setting,
        user: &str,
        request: &CreateDelegationTokenRequest,
    ) -> Made {
        let place = self.place(setting);
        let mut owner = place.user(user);
        let token = owner.create(request);
        assert_eq!(token.error_code, 0);
        let password = Base64::encode_string(&token.hmac);
        let made = Made { place, owner, token, password };
        for broker in 1..=made.place.brokers() {
            until(|| made.login_on(broker).code == 0);
        }
        made
    }
}

/// A token that its owner can change.
pub(crate) struct Made {
    pub(crate) place: Arc<dyn Place>,
    pub(crate) owner: Raw,
    pub(crate) token: CreateDelegationTokenResponse,
    pub(crate) password: String,
}

impl Made {
    pub(crate) fn id(&self) -> &str {
        self.token.token_id.as_str()
    }

    pub(crate) fn hmac(&self) -> Bytes {
        self.token.hmac.clone()
    }

    pub(crate) fn who(&self) -> Who<'_> {
        Who::token(self.id(), &self.password)
    }

    /// A fresh connection that is not logged in.
    pub(crate) fn open(&self) -> Raw {
        self.place.open(1, Protocol::SaslPlaintext)
    }

    /// A connection that the token has made.
    pub(crate) fn log_in(&self) -> Raw {
        let mut raw = self.open();
        let login = raw.login(self.who());
        assert_eq!(login.code, 0, "{login:?}");
        raw
    }

    pub(crate) fn login(&self) -> Login {
        self.login_on(1)
    }

    pub(crate) fn login_on(&self, broker: u16) -> Login {
        self.login_by(broker, "SCRAM-SHA-256")
    }

    pub(crate) fn login_by(&self, broker: u16, mechanism: &str) -> Login {
        self.place.open(broker, Protocol::SaslPlaintext).login(self.who().by(mechanism))
    }

    /// Renews as soon as the controller knows the token.
    pub(crate) fn renew(&mut self, period: i64) -> (i16, i64) {
        let hmac = self.hmac();
        self.owner.renew_known(&hmac, period)
    }

    /// Expires as soon as the controller knows the token.
    pub(crate) fn expire(&mut self, period: i64) -> (i16, i64) {
        let hmac = self.hmac();
        self.owner.expire_known(&hmac, period)
    }

    /// How long after the token was made.
    pub(crate) fn since(&self, timestamp: i64) -> i64 {
        timestamp - self.token.issue_timestamp_ms
    }
}

/// Waits for what brokers learn by and by.
pub(crate) fn until(mut done: impl FnMut() -> bool) {
    let patience = now() + PATIENCE;
    while !done() {
        assert!(now() < patience, "it does not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn wait(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

/// Says whether a time is about what it should be.
pub(crate) fn about(got: i64, want: i64) -> String {
    if (got - want).abs() < SLACK { "as said".to_owned() } else { format!("{got} for {want}") }
}

/// The answers to all four token requests.
pub(crate) fn four(raw: &mut Raw, hmac: &Bytes) -> String {
    let all = DescribeDelegationTokenRequest::default().with_owners(None);
    let codes = [
        raw.create(&own_token()).error_code,
        raw.renew(hmac, -1).0,
        raw.expire(hmac, -1).0,
        raw.call(3, &all).expect("an answer").error_code,
    ];
    codes.map(|code| code.to_string()).join(" ")
}

/// The error code and the text of a login, and which answer it came in.
pub(crate) fn told(login: &Login) -> String {
    format!("{} at {}: {}", login.code, login.step, login.text)
}

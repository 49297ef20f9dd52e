//! Sessions on real brokers: how long a login lasts, what ends it, and how a connection lives on.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "lab_sessions/again.rs"]
mod again;
#[path = "lab_sessions/end.rs"]
mod end;
#[path = "lab_sessions/live.rs"]
mod live;
#[path = "lab_sessions/login.rs"]
mod login;
mod support;

use base64ct::{Base64, Encoding};
use bytes::Bytes;
use kafka_protocol::messages::CreateDelegationTokenResponse;
use ottla_lab::Profile;
use support::lab;
use support::raw::{Raw, Who, own_token};

/// A token that all brokers know, and a connection of its owner's that may change it.
struct Made {
    cluster: ottla_lab::Cluster,
    owner: Raw,
    token: CreateDelegationTokenResponse,
    password: String,
}

impl Made {
    fn by(user: &str, profile: Profile) -> Self {
        let cluster = lab::cluster(profile);
        let password = format!("{user}-secret");
        let owner = Raw::logged_in(&cluster, 1, Who::password(user, &password));
        Self::with(cluster, owner, -1)
    }

    /// Another token of the same owner.
    fn another(self, max_lifetime: i64) -> (Self, Self) {
        let other = Self::with(self.cluster.clone(), self.owner, max_lifetime);
        let user = other.token.principal_name.to_string();
        let owner = Raw::logged_in(&self.cluster, 1, Who::password(&user, &format!("{user}-secret")));
        (Self { owner, ..self }, other)
    }

    fn with(cluster: ottla_lab::Cluster, mut owner: Raw, max_lifetime: i64) -> Self {
        let token = owner.create(&own_token().with_max_lifetime_ms(max_lifetime));
        assert_eq!(token.error_code, 0);
        let password = Base64::encode_string(&token.hmac);
        let made = Self { cluster, owner, token, password };
        lab::await_known(&made.cluster, &made.known());
        made
    }

    /// The token as the client knows it.
    fn known(&self) -> ottla::Token {
        let secret = ottla::secret::Secret::new(self.token.hmac.to_vec());
        ottla::Token::new(self.token.token_id.as_str(), secret).unwrap()
    }

    fn who(&self) -> Who<'_> {
        Who::token(&self.token.token_id, &self.password)
    }

    fn hmac(&self) -> Bytes {
        self.token.hmac.clone()
    }

    /// A connection that the token has made.
    fn log_in(&self) -> Raw {
        Raw::logged_in(&self.cluster, 1, self.who())
    }
}

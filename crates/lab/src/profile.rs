//! The named clusters, and the listeners of every broker.

use crate::error::{Error, Result};

/// A cluster with known settings. All of them have users alice, bob and admin (passwords
/// `alice-secret` and so on) over PLAIN and SCRAM, an authorizer that denies what no ACL allows,
/// and admin and ANONYMOUS as super users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// One controller and three brokers; tokens live a day and at most a week.
    Default,
    /// One node; tokens expire after 30 s, live at most 60 s and are swept every second.
    ShortToken,
    /// One node; tokens expire after 3 s and live at most a day, expired ones are swept after an
    /// hour: shows an expired token that the broker still has.
    LongSweep,
    /// One node without `delegation.token.secret.key`: every token request is refused.
    NoSecret,
    /// One node with `connections.max.reauth.ms=5000`.
    Reauth5s,
    /// One node with Kafka's default `connection.failed.authentication.delay.ms` of 100; it is 0
    /// in every other profile.
    AuthDelay,
    /// One node with the metadata version 3.6-IV1, the last one without delegation tokens: every
    /// token request is refused although there is a secret key.
    OldMetadata,
    /// One controller and three brokers that take Kerberos logins (GSSAPI) besides, and two
    /// realms: see [`Kerberos`](crate::Kerberos). On SASL_SSL these sessions last 5 s
    /// (`connections.max.reauth.ms`). `User:client` is a super user.
    Kerberos,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 8] = [
        Self::Default,
        Self::ShortToken,
        Self::LongSweep,
        Self::NoSecret,
        Self::Reauth5s,
        Self::AuthDelay,
        Self::OldMetadata,
        Self::Kerberos,
    ];

    /// The name in the lab's protocol and on the command line, such as `short-token`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::ShortToken => "short-token",
            Self::LongSweep => "long-sweep",
            Self::NoSecret => "no-secret",
            Self::Reauth5s => "reauth-5s",
            Self::AuthDelay => "auth-delay",
            Self::OldMetadata => "old-metadata",
            Self::Kerberos => "kerberos",
        }
    }

    /// Finds a profile by its name.
    ///
    /// # Errors
    /// An unknown name; the error lists the known ones.
    pub fn named(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::new(format!("there is no profile {name:?}; there are {known}"))
        })
    }

    /// The number of brokers of the shared cluster. One means a single JVM that is controller too.
    pub(crate) fn brokers(self) -> u16 {
        if matches!(self, Self::Default | Self::Kerberos) { 3 } else { 1 }
    }

    /// The metadata version that storage is formatted with, unless it is the newest. There is none
    /// before 3.5-IV2 that takes SCRAM users.
    pub(crate) fn metadata_version(self) -> Option<&'static str> {
        (self == Self::OldMetadata).then_some("3.6-IV1")
    }

    /// Whether there are Kerberos realms.
    pub(crate) fn has_realms(self) -> bool {
        self == Self::Kerberos
    }

    /// The lines of server.properties that make the profile.
    pub(crate) fn settings(self) -> String {
        let token = |expiry: u32, max: u32, sweep: u32| {
            format!(
                "delegation.token.secret.key=lab-secret-key\ndelegation.token.expiry.time.ms={expiry}\n\
                 delegation.token.max.lifetime.ms={max}\ndelegation.token.expiry.check.interval.ms={sweep}\n"
            )
        };
        let day = token(86_400_000, 604_800_000, 3_600_000);
        let prompt = "connection.failed.authentication.delay.ms=0\n";
        match self {
            Self::Default | Self::OldMetadata => day + prompt,
            Self::ShortToken => token(30_000, 60_000, 1_000) + prompt,
            Self::LongSweep => token(3_000, 86_400_000, 3_600_000) + prompt,
            Self::NoSecret => prompt.to_owned(),
            Self::Reauth5s => day + prompt + "connections.max.reauth.ms=5000\n",
            Self::AuthDelay => day,
            Self::Kerberos => day + prompt + KERBEROS,
        }
    }
}

/// A rule makes users of the realm that is trusted, too.
const KERBEROS: &str = "\
super.users=User:admin;User:ANONYMOUS;User:client
sasl.kerberos.service.name=kafka
sasl.kerberos.principal.to.local.rules=RULE:[1:$1@$0](.*@OTHER.TEST)s/@.*//,DEFAULT
listener.name.sasl_ssl.gssapi.connections.max.reauth.ms=5000
";

/// One of the four listeners that every broker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listener {
    /// No TLS, no login: the principal is ANONYMOUS, a super user.
    Plaintext,
    /// TLS; a client certificate is asked for but not required. Its CN is the principal.
    Ssl,
    /// PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER (unsecured tokens).
    SaslPlaintext,
    /// TLS, then PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    SaslSsl,
}

impl Listener {
    /// Every listener.
    pub const ALL: [Self; 4] = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];

    /// The name of the listener and of its `security.protocol`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_found_by_their_names() {
        for profile in Profile::ALL {
            assert_eq!(Profile::named(profile.name()).unwrap(), profile);
        }
        assert!(Profile::named("nonesuch").unwrap_err().to_string().contains("short-token"));
    }
}

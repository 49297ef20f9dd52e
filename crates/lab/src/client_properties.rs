//! Java's `client.properties` for the lab's users.

use std::path::{Path, PathBuf};

use crate::node_properties::KERBEROS_MODULE;
use crate::profile::Listener;

/// Who a client is.
#[derive(Clone, Debug)]
pub enum Login {
    /// No login: ANONYMOUS.
    Nobody,
    /// The client certificate of alice or bob, on the SSL listener.
    Certificate(String),
    /// User and the lab's password for it.
    Plain(String),
    /// User and the lab's password for it, SCRAM-SHA-256.
    Scram256(String),
    /// User and the lab's password for it, SCRAM-SHA-512.
    Scram512(String),
    /// An unsecured token for this user, on SASL_PLAINTEXT.
    OAuthBearer(String),
    /// A Kerberos principal with its keytab, in clusters of the profile `kerberos`.
    Keytab {
        /// Such as `client@EXAMPLE.TEST`.
        principal: String,
        /// The file.
        keytab: PathBuf,
    },
    /// A delegation token over SCRAM-SHA-512.
    Token {
        /// The token's id.
        id: String,
        /// The token's HMAC in base64.
        hmac: String,
    },
}

impl Login {
    /// Mechanism and JAAS line.
    fn sasl(&self) -> Option<(&'static str, String)> {
        let scram = "org.apache.kafka.common.security.scram.ScramLoginModule";
        let password = |module: &str, user: &str| {
            format!("{module} required username=\"{user}\" password=\"{user}-secret\";")
        };
        match self {
            Self::Nobody | Self::Certificate(_) => None,
            Self::Plain(user) => {
                Some(("PLAIN", password("org.apache.kafka.common.security.plain.PlainLoginModule", user)))
            }
            Self::Scram256(user) => Some(("SCRAM-SHA-256", password(scram, user))),
            Self::Scram512(user) => Some(("SCRAM-SHA-512", password(scram, user))),
            Self::OAuthBearer(user) => {
                let module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";
                Some(("OAUTHBEARER", format!("{module} required unsecuredLoginStringClaim_sub=\"{user}\";")))
            }
            Self::Keytab { principal, keytab } => Some((
                "GSSAPI",
                format!(
                    "{KERBEROS_MODULE} required useKeyTab=true storeKey=true keyTab=\"{}\" \
                     principal=\"{principal}\";\nsasl.kerberos.service.name=kafka",
                    keytab.display()
                ),
            )),
            Self::Token { id, hmac } => Some((
                "SCRAM-SHA-512",
                format!("{scram} required username=\"{id}\" password=\"{hmac}\" tokenauth=\"true\";"),
            )),
        }
    }
}

pub(crate) fn client_properties(bootstrap: &str, certs: &Path, listener: Listener, login: &Login) -> String {
    let certs = certs.display();
    let mut text = format!("bootstrap.servers={bootstrap}\nsecurity.protocol={}\n", listener.name());
    if matches!(listener, Listener::Ssl | Listener::SaslSsl) {
        text += &format!("ssl.truststore.type=PEM\nssl.truststore.location={certs}/ca.pem\n");
    }
    if let Login::Certificate(user) = login {
        text += &format!("ssl.keystore.type=PEM\nssl.keystore.location={certs}/{user}.pem\n");
    }
    if let Some((mechanism, jaas)) = login.sasl() {
        text += &format!("sasl.mechanism={mechanism}\nsasl.jaas.config={jaas}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_logs_in_over_scram_with_tokenauth() {
        let login = Login::Token { id: "ID".into(), hmac: "aA==".into() };
        let text = client_properties("b1:1", Path::new("/certs"), Listener::SaslSsl, &login);
        assert_eq!(
            text,
            "bootstrap.servers=b1:1\nsecurity.protocol=SASL_SSL\nssl.truststore.type=PEM\n\
             ssl.truststore.location=/certs/ca.pem\nsasl.mechanism=SCRAM-SHA-512\n\
             sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
             username=\"ID\" password=\"aA==\" tokenauth=\"true\";\n"
        );
    }
}

//! `sasl.mechanism` and `sasl.jaas.config` as [`Credentials`].

use super::Keys;
use super::error::{Error, Fault};
use crate::cluster::jaas::LoginModule;
use crate::conn::credentials::{Credentials, TokenSource};
use crate::conn::token::Token;
use crate::sasl::ScramMechanism;
use crate::secret::Secret;

/// Java's login module for PLAIN.
const PLAIN_MODULE: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
/// Java's login module for SCRAM, with users and with tokens.
pub(crate) const SCRAM_MODULE: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";

/// The mechanisms that a file can choose.
enum Mechanism {
    Plain,
    Scram(ScramMechanism),
}

/// Reads the login, which is nobody's without SASL.
pub(super) fn credentials(keys: Keys<'_>, sasl: bool) -> Result<Credentials, Error> {
    if !sasl {
        return Ok(Credentials::None);
    }
    // Java's default is GSSAPI, which nobody means who does not write it.
    let mechanism =
        keys.read("sasl.mechanism", mechanism)?.ok_or(Error::Missing { key: "sasl.mechanism" })?;
    let login = keys.read("sasl.jaas.config", |line| login(&mechanism, line))?;
    login.ok_or(Error::Missing { key: "sasl.jaas.config" })
}

fn mechanism(name: &str) -> Result<Mechanism, Fault> {
    match name {
        "PLAIN" => Ok(Mechanism::Plain),
        "GSSAPI" => Err(Fault::Kerberos),
        _ => name
            .parse()
            .map(Mechanism::Scram)
            .map_err(|_| Fault::NotOneOf { allowed: "PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512" }),
    }
}

fn login(mechanism: &Mechanism, line: &str) -> Result<Credentials, Fault> {
    let module = LoginModule::parse(line).map_err(Fault::Jaas)?;
    let right = match mechanism {
        Mechanism::Plain => PLAIN_MODULE,
        Mechanism::Scram(_) => SCRAM_MODULE,
    };
    if module.class != right {
        return Err(Fault::WrongModule { right });
    }
    let option = |option| module.option(option).ok_or(Fault::NoOption { option });
    let user = option("username")?.secret_text().to_owned();
    let password = Secret::from(option("password")?.secret_text());
    let token_auth = module.option("tokenauth").is_some_and(|v| v.secret_text().eq_ignore_ascii_case("true"));
    match *mechanism {
        Mechanism::Plain => Ok(Credentials::Plain { user, password }),
        Mechanism::Scram(mechanism) if token_auth => {
            let token = Token::from_password(user, &password).map_err(|_| Fault::NotAToken)?;
            Ok(Credentials::Token { mechanism, source: TokenSource::fixed(token) })
        }
        Mechanism::Scram(mechanism) => Ok(Credentials::Scram { mechanism, user, password }),
    }
}

//! `sasl.mechanism` and `sasl.jaas.config` as [`Credentials`].

use super::error::{Error, Fault};
use super::keys::Keys;
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
    #[cfg(feature = "kerberos")]
    Gssapi,
    Password(PasswordMechanism),
}

/// Those with a user and a password.
#[derive(Clone, Copy)]
enum PasswordMechanism {
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
    let login = keys.read("sasl.jaas.config", |line| match mechanism {
        #[cfg(feature = "kerberos")]
        Mechanism::Gssapi => gssapi(line, keys.text("sasl.kerberos.service.name").map(|(_, name)| name)),
        Mechanism::Password(mechanism) => password(mechanism, line),
    })?;
    login.ok_or(Error::Missing { key: "sasl.jaas.config" })
}

fn mechanism(name: &str) -> Result<Mechanism, Fault> {
    match name {
        "PLAIN" => Ok(Mechanism::Password(PasswordMechanism::Plain)),
        #[cfg(feature = "kerberos")]
        "GSSAPI" => Ok(Mechanism::Gssapi),
        #[cfg(not(feature = "kerberos"))]
        "GSSAPI" => Err(Fault::Kerberos),
        _ => name
            .parse()
            .map(|scram| Mechanism::Password(PasswordMechanism::Scram(scram)))
            .map_err(|_| Fault::NotOneOf { allowed: "GSSAPI, PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512" }),
    }
}

#[cfg(feature = "kerberos")]
fn gssapi(line: &str, service_name: Option<&str>) -> Result<Credentials, Fault> {
    let module = module(line, super::kerberos::KERBEROS_MODULE)?;
    super::kerberos::kerberos(&module, service_name).map(Credentials::Kerberos)
}

fn module(line: &str, right: &'static str) -> Result<LoginModule, Fault> {
    let module = LoginModule::parse(line).map_err(Fault::Jaas)?;
    if module.class == right { Ok(module) } else { Err(Fault::WrongModule { right }) }
}

fn password(mechanism: PasswordMechanism, line: &str) -> Result<Credentials, Fault> {
    let right = match mechanism {
        PasswordMechanism::Plain => PLAIN_MODULE,
        PasswordMechanism::Scram(_) => SCRAM_MODULE,
    };
    let module = module(line, right)?;
    let option = |option| module.option(option).ok_or(Fault::NoOption { option });
    let user = option("username")?.secret_text().to_owned();
    let password = Secret::from(option("password")?.secret_text());
    let token_auth = module.option("tokenauth").is_some_and(|v| v.secret_text().eq_ignore_ascii_case("true"));
    match mechanism {
        PasswordMechanism::Plain => Ok(Credentials::Plain { user, password }),
        PasswordMechanism::Scram(mechanism) if token_auth => {
            let token = Token::from_password(user, &password).map_err(|_| Fault::NotAToken)?;
            Ok(Credentials::Token { mechanism, source: TokenSource::fixed(token) })
        }
        PasswordMechanism::Scram(mechanism) => Ok(Credentials::Scram { mechanism, user, password }),
    }
}

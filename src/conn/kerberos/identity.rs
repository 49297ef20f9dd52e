//! Who logs in, and with what: as it was configured, and what it becomes by krb5.conf.

use std::path::PathBuf;

use ottla_kerberos::ccache::CacheName;
use ottla_kerberos::client::Source;
use ottla_kerberos::conf::Krb5Conf;
use ottla_kerberos::exchange::LongTermSecret;
use ottla_kerberos::expand::Process;
use ottla_kerberos::keytab;
use ottla_kerberos::principal::Principal;

use super::Fault;
use crate::secret::Secret;

/// An identity as it was configured.
#[derive(Clone, Debug)]
pub(super) enum Identity {
    Keytab { principal: String, path: Option<PathBuf> },
    Password { principal: String, password: Secret },
    Cache { name: Option<String>, principal: Option<String> },
}

impl Identity {
    /// Finds out the realm and the files. Reads the environment, and for a cache in a directory
    /// the disk.
    pub(super) fn source(&self, conf: &Krb5Conf) -> Result<Source, Fault> {
        let parse = |text: &str| {
            let realm = conf.libdefaults.default_realm.as_ref();
            let fault = |fault| Fault::Principal { principal: text.into(), fault };
            Principal::parse(text, realm).map_err(fault)
        };
        match self {
            Self::Keytab { principal, path } => {
                let path = path.clone().map_or_else(|| default_keytab(conf), Ok)?;
                Ok(Source::Keytab { principal: parse(principal)?, path })
            }
            Self::Password { principal, password } => {
                let text = std::str::from_utf8(password.secret_bytes());
                let text = text.map_err(|_| Fault::PasswordEncoding)?;
                let secret = LongTermSecret::password(text.to_owned());
                Ok(Source::Secret { principal: parse(principal)?, secret })
            }
            Self::Cache { name, principal } => {
                let name = match name {
                    Some(name) => CacheName::parse(name),
                    None => CacheName::of_this_process(conf.libdefaults.default_ccache_name.as_deref()),
                };
                let path = name.map_err(Fault::CacheName)?.path().map_err(Fault::CacheDir)?;
                Ok(Source::Cache { path, principal: principal.as_deref().map(parse).transpose()? })
            }
        }
    }
}

fn default_keytab(conf: &Krb5Conf) -> Result<PathBuf, Fault> {
    let env = std::env::var("KRB5_CLIENT_KTNAME").ok();
    let name = conf.libdefaults.default_client_keytab_name.as_deref();
    let path = keytab::default_client_path(env.as_deref(), name, &Process::this());
    path.map_err(Fault::KeytabName)?.ok_or(Fault::NoKeytab)
}

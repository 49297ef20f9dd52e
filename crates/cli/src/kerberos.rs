//! `ottla kerberos ..`: tickets without libkrb5, and what is wrong with them.

mod doctor;
mod tickets;

use std::path::Path;
use std::sync::Arc;

use ottla::explained;
use ottla_kerberos::ccache::{CacheName, CredentialCache, KdcOffset};
use ottla_kerberos::client::{Session, SessionConfig, Source};
use ottla_kerberos::conf::Krb5Conf;
use ottla_kerberos::exchange::LongTermSecret;
use ottla_kerberos::principal::Principal;
use ottla_kerberos::ticket::Grant;
use ottla_kerberos::time::ClockOffset;

use crate::arguments::Access;
use crate::arguments::kerberos::{KerberosCommand, ListOptions, LoginOptions};
use crate::failure::{Exit, Failure};
use crate::{input, output};

pub(crate) async fn run(access: &Access, command: KerberosCommand) -> Result<(), Failure> {
    match command {
        KerberosCommand::Login(options) => login(access, &options).await,
        KerberosCommand::List(options) => list(&options),
        KerberosCommand::Doctor(options) => doctor::run(access, &options).await,
    }
}

async fn login(access: &Access, options: &LoginOptions) -> Result<(), Failure> {
    let conf = Arc::new(krb5_conf()?);
    let principal = Principal::parse(&options.principal, conf.libdefaults.default_realm.as_ref())
        .map_err(|error| wrong(&error).while_at(&options.principal))?;
    let source = match (&options.secret.keytab, &options.secret.password_file) {
        (Some(path), _) => Source::Keytab { principal, path: path.clone() },
        (None, Some(path)) => Source::Secret { principal, secret: password(path)? },
        (None, None) => return Err(Failure::usage("give --keytab or --password-file")),
    };
    let cache = cache_path(options.cache.as_deref(), &conf)?;
    let session = Session::start(SessionConfig::new(source, conf));
    let diagnosis = access.in_time("the KDCs", session.diagnose(None)).await?;
    let tgt = match (&diagnosis.tgt, &diagnosis.error) {
        (Some(tgt), None) => tgt,
        (_, Some(error)) => {
            let text = format!("{}: {}", error, error.fault());
            let advice = diagnosis.advice().join(" ");
            return Err(Failure::new(Exit::Authentication, format!("{text}\n{advice}").trim_end()));
        }
        (None, None) => return Err(Failure::new(Exit::Authentication, "the login gave no ticket")),
    };
    store(tgt, diagnosis.offset, &cache)?;
    let text =
        format!("{}\nuntil  {}\nin     {}\n", tgt.client, tickets::written(tgt.end_time), cache.display());
    output::print(text.as_bytes())
}

fn list(options: &ListOptions) -> Result<(), Failure> {
    let conf = if options.cache.is_some() { Krb5Conf::default() } else { krb5_conf()? };
    let path = cache_path(options.cache.as_deref(), &conf)?;
    let cache = CredentialCache::load(&path).map_err(|error| wrong(&error))?;
    tickets::print(&path, &cache)
}

/// Writes the cache anew: tickets of an earlier login are no use to this one.
fn store(tgt: &Grant, offset: ClockOffset, path: &Path) -> Result<(), Failure> {
    let seconds = i32::try_from(offset.as_micros().div_euclid(1_000_000)).unwrap_or(0);
    let micros = i32::try_from(offset.as_micros().rem_euclid(1_000_000)).unwrap_or(0);
    let mut cache = CredentialCache::new(tgt.client.clone(), Some(KdcOffset { seconds, micros }));
    cache.insert(tgt.into());
    cache.store(path).map_err(|error| Failure::failed(explained(&error)))
}

fn password(path: &Path) -> Result<LongTermSecret, Failure> {
    let text = input::read(path)?;
    let line = text.secret_bytes().split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line));
    let line = line.map_err(|_| Failure::usage(format!("{}: the password is not UTF-8", path.display())))?;
    Ok(LongTermSecret::password(line.to_owned()))
}

fn krb5_conf() -> Result<Krb5Conf, Failure> {
    Krb5Conf::of_this_process().map_err(|error| wrong(&error))
}

fn cache_path(name: Option<&str>, conf: &Krb5Conf) -> Result<std::path::PathBuf, Failure> {
    let name = match name {
        Some(name) => CacheName::parse(name),
        None => CacheName::of_this_process(conf.libdefaults.default_ccache_name.as_deref()),
    };
    name.map_err(|error| wrong(&error))?.path().map_err(|error| wrong(&error))
}

/// A file or a name that cannot be used.
fn wrong(error: &dyn std::error::Error) -> Failure {
    Failure::usage(explained(error))
}

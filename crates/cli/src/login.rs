//! From the arguments to a client that is logged in.

use std::path::Path;

use ottla::secret::Secret;
use ottla::{Cluster, Config, FollowedTokenFile, TcpConnector, TokenFile, TokenSource};

use crate::arguments::Access;
use crate::failure::{Failure, say};
use crate::input;

const TOKENS_MAKE_NO_TOKENS: &str = "connections that logged in with a token may not make, list, renew or expire \
     tokens, by Kafka's rules: give the owner's client.properties with --config";

/// A configuration, and the text that it came from, which may have more: whoever has taken that drops
/// the text, which holds the first token as long as it is there.
pub(crate) struct Opened {
    pub(crate) config: Config,
    pub(crate) text: Secret,
    /// Whoever keeps it gets the tokens that take the place of the first one.
    pub(crate) followed: Option<FollowedTokenFile>,
}

/// The configuration that `--config` or `--token-file` names.
pub(crate) fn config(access: &Access) -> Result<Config, Failure> {
    Ok(opened(access)?.config)
}

/// As [`config`], with its text, for work that may outlive a token: its file is followed.
pub(crate) async fn open(access: &Access) -> Result<Opened, Failure> {
    let opened = opened(access)?;
    match &access.token_file {
        Some(file) if input::is_file(file) => follow(access, file, opened).await,
        _ => Ok(opened),
    }
}

/// A token that is refused now is told at once: only later another one is waited for.
async fn follow(access: &Access, file: &Path, opened: Opened) -> Result<Opened, Failure> {
    drop(Cluster::connect(opened.config).await?);
    let followed = FollowedTokenFile::open(file).await;
    let followed = followed.map_err(|error| Failure::from(error).while_at(file.display()))?;
    let config = with_access(followed.config(), access);
    Ok(Opened { config, text: opened.text, followed: Some(followed) })
}

fn opened(access: &Access) -> Result<Opened, Failure> {
    match (&access.config, &access.token_file) {
        (Some(file), None) => from_properties(access, file),
        (None, Some(file)) => from_token_file(access, file),
        (Some(_), Some(_)) => Err(Failure::usage("--config and --token-file exclude each other")),
        (None, None) => {
            Err(Failure::usage("give a client.properties with --config, or a token with --token-file"))
        }
    }
}

/// The configuration of somebody who may call token APIs.
pub(crate) fn config_for_tokens(access: &Access) -> Result<Config, Failure> {
    match (&access.config, &access.token_file) {
        (_, Some(_)) => Err(Failure::usage(format!("--token-file: {TOKENS_MAKE_NO_TOKENS}"))),
        (Some(file), None) => Ok(from_properties(access, file)?.config),
        (None, None) => Err(Failure::usage("give the client.properties of the token's owner with --config")),
    }
}

/// A client of the cluster, logged in.
pub(crate) async fn cluster(access: &Access) -> Result<Cluster, Failure> {
    Ok(Cluster::connect(config(access)?).await?)
}

impl Access {
    /// Awaits what knows no deadline of its own, for no longer than `--timeout`.
    pub(crate) async fn in_time<F: Future>(&self, what: &str, work: F) -> Result<F::Output, Failure> {
        let Some(timeout) = self.timeout else { return Ok(work.await) };
        let ended = tokio::time::timeout(timeout, work).await;
        ended.map_err(|_| Failure::failed(format!("no answer from {what} within {timeout:?}")))
    }
}

/// Sets what the command line says about connections.
pub(crate) fn with_access(config: Config, access: &Access) -> Config {
    let names = access.resolve.iter().cloned();
    let connector = names.fold(TcpConnector::new(), |all, (name, address)| all.with_name(name, address));
    let config = config.with_connector(connector);
    match access.timeout {
        Some(timeout) => config.with_deadline(timeout),
        None => config,
    }
}

fn from_properties(access: &Access, file: &Path) -> Result<Opened, Failure> {
    let text = input::read(file)?;
    let (config, warnings) = Config::from_properties(text.secret_bytes())
        .map_err(|error| Failure::usage(error.to_string()).while_at(file.display()))?;
    for warning in warnings {
        say(&format!("{}: {warning}", file.display()));
    }
    Ok(Opened { config: with_access(config, access), text, followed: None })
}

fn from_token_file(access: &Access, file: &Path) -> Result<Opened, Failure> {
    let wrong = |error: ottla::InvalidTokenFile| Failure::usage(error.to_string()).while_at(file.display());
    let text = input::read_secret(file)?;
    let token_file = TokenFile::parse(text.secret_bytes()).map_err(wrong)?;
    let source = TokenSource::fixed(token_file.token().clone());
    let config = with_access(token_file.into_config(source).map_err(wrong)?, access);
    Ok(Opened { config, text, followed: None })
}

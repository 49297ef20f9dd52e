//! `ottla token ..`: as the owner, or whoever may.

mod create;
mod ready;
mod show;

use std::path::Path;

use ottla::{Cluster, InvalidTokenFile, Token, TokenFile, note_renewal};
use serde_json::json;

use crate::arguments::Access;
use crate::arguments::token::{DescribeOptions, ExpireOptions, RenewOptions, TokenCommand, Which};
use crate::failure::{Failure, say};
use crate::{input, login, moment, output};

pub(crate) async fn run(access: &Access, command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(options) => create::run(access, &options).await,
        TokenCommand::Describe(options) => describe(access, &options).await,
        TokenCommand::Renew(options) => renew(access, &options).await,
        TokenCommand::Expire(options) => expire(access, &options).await,
    }
}

async fn describe(access: &Access, options: &DescribeOptions) -> Result<(), Failure> {
    let cluster = Cluster::connect(login::config_for_tokens(access)?).await?;
    let owners = Some(options.owner.as_slice()).filter(|owners| !owners.is_empty());
    let mut tokens = cluster.describe_delegation_tokens(owners).await?;
    if let Some(id) = &options.id {
        tokens.retain(|described| described.token.id() == id);
        if tokens.is_empty() {
            return Err(invisible(id));
        }
    }
    show::print(options, &mut tokens)
}

async fn renew(access: &Access, options: &RenewOptions) -> Result<(), Failure> {
    let config = login::config_for_tokens(access)?;
    let file = Named::read(&options.which)?;
    let cluster = Cluster::connect(config).await?;
    let token = file.token(&cluster).await?;
    let expires = cluster.renew_delegation_token(&token, options.period).await?;
    // It is renewed, whatever becomes of the file.
    let printed = output::print_json(&json!({ "id": token.id(), "expires": moment::written(expires) }));
    file.note_expiry(expires, "the token is renewed")?;
    printed
}

async fn expire(access: &Access, options: &ExpireOptions) -> Result<(), Failure> {
    let config = login::config_for_tokens(access)?;
    let file = Named::read(&options.which)?;
    let cluster = Cluster::connect(config).await?;
    let token = file.token(&cluster).await?;
    let expires = cluster.expire_delegation_token(&token, options.after).await?;
    let printed = output::print_json(&json!({ "id": token.id(), "expires": moment::written(expires) }));
    if options.after.is_some() {
        file.note_expiry(expires, "the token has another end")?;
    }
    printed
}

/// The token that a command names.
enum Named<'a> {
    Id(&'a str),
    File { path: &'a Path, token: Box<Token> },
}

impl<'a> Named<'a> {
    fn read(which: &'a Which) -> Result<Self, Failure> {
        match (&which.file, &which.id) {
            (Some(path), _) => {
                let text = input::read_secret(path)?;
                let token = TokenFile::parse(text.secret_bytes()).map_err(|error| wrong(path, &error))?;
                Ok(Self::File { path, token: Box::new(token.token().clone()) })
            }
            (None, Some(id)) => Ok(Self::Id(id)),
            (None, None) => Err(Failure::usage("name the token by its file or by --id")),
        }
    }

    /// The token with its secret, which is asked for where only the id is known.
    async fn token(&self, cluster: &Cluster) -> Result<Token, Failure> {
        match self {
            Self::File { token, .. } => Ok(Token::clone(token)),
            Self::Id(id) => {
                let visible = cluster.describe_delegation_tokens(None).await?;
                let found = visible.into_iter().find(|described| described.token.id() == *id);
                found.map(|described| described.token).ok_or_else(|| invisible(id))
            }
        }
    }

    /// Has the file tell when the token expires now. Where that fails `done` has happened all the same.
    fn note_expiry(&self, expires: ottla::time::Timestamp, done: &str) -> Result<(), Failure> {
        let Self::File { path, token } = self else { return Ok(()) };
        if path.as_os_str() == "-" {
            return Ok(());
        }
        let untold = |error: InvalidTokenFile| {
            let text = format!("{done}, but its new end could not be noted in the file: {error}");
            Failure::failed(text).while_at(path.display())
        };
        if !note_renewal(path, token, expires).map_err(untold)? {
            say(&format!("{}: has a newer token by now, and is left as it is", path.display()));
        }
        Ok(())
    }
}

fn wrong(path: &Path, error: &InvalidTokenFile) -> Failure {
    Failure::usage(error.to_string()).while_at(path.display())
}

fn invisible(id: &str) -> Failure {
    Failure::failed(format!("there is no token {id} that this login may see")).with_hint(
        "tokens are shown to their owner, requester and renewers, and to who has the ACL DescribeTokens",
    )
}

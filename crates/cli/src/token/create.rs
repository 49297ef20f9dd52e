//! `ottla token create`: the token, its file, and the wait for the brokers.

use std::path::Path;
use std::time::Duration;

use ottla::secret::Secret;
use ottla::secret::file::FileRules;
use ottla::{
    Cluster, Config, NewToken, Security, Target, Tls, Token, TokenFile, explained, secret_jaas_config,
    write_secret_file,
};

use super::{ready, show};
use crate::arguments::Access;
use crate::arguments::token::{CreateFormat, CreateOptions, TargetProtocol};
use crate::failure::{Failure, say};
use crate::{login, output};

/// How long brokers get to say whether they take a token that is there already.
const PROOF: Duration = Duration::from_secs(5);

pub(super) async fn run(access: &Access, options: &CreateOptions) -> Result<(), Failure> {
    if options.format != CreateFormat::Json && !options.show_secret {
        return Err(Failure::usage(
            "--format properties and --format jaas print the secret: add --show-secret",
        ));
    }
    if let Some(out) = &options.out {
        check_place(out)?;
    }
    let config = login::config_for_tokens(access)?;
    let target = target(&config, options)?;
    let cluster = Cluster::connect(config.clone()).await?;
    let token = cluster.create_delegation_token(new_token(options)).await?;
    if let Err(failure) = stored(options, &target, &token).await {
        // A token that nobody has should not live on.
        if let Err(error) = cluster.expire_delegation_token(&token, None).await {
            say(&format!("token {} is left behind: {}", token.id(), explained(&error)));
        }
        return Err(failure);
    }
    let accepted = match options.no_wait {
        true => Ok(()),
        false => ready::wait(access, &target, &token).await,
    };
    // It is there, accepted or not, and its maker has to know it.
    print(options, &target, &token)?;
    accepted
}

/// Finds out before there is a token whether its file can be written where it shall be.
fn check_place(out: &Path) -> Result<(), Failure> {
    let wrong = |why: &str| Err(Failure::usage(format!("--out {}: {why}", out.display())));
    if out.metadata().is_ok_and(|it| !it.is_file()) {
        return wrong("it is no file that could be replaced; --show-secret prints on standard output");
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.unwrap_or(Path::new(".")).is_dir() && out.file_name().is_some() {
        true => Ok(()),
        false => wrong("there is no such directory"),
    }
}

fn target(config: &Config, options: &CreateOptions) -> Result<Target, Failure> {
    let mut target = Target::of(config).with_mechanism(options.mechanism);
    if let Some(bootstrap) = &options.target_bootstrap {
        target = target.with_bootstrap(bootstrap.clone());
    }
    if let Some(ca) = &options.target_ca {
        let tls = Tls::builder().with_roots_file(ca).build();
        let tls = tls.map_err(|error| Failure::usage(explained(&error)).while_at("--target-ca"))?;
        target = target.with_security(Security::Tls(tls));
    }
    match (options.target_protocol, config.security()) {
        (Some(TargetProtocol::SaslPlaintext), _) => Ok(target.with_security(Security::Plaintext)),
        (Some(TargetProtocol::SaslSsl), Security::Plaintext) if options.target_ca.is_none() => {
            Err(Failure::usage("--target-protocol SASL_SSL needs roots to trust: give them with --target-ca"))
        }
        _ => Ok(target),
    }
}

fn new_token(options: &CreateOptions) -> NewToken {
    let mut new = NewToken::new();
    if let Some(owner) = &options.owner {
        new = new.with_owner(owner.clone());
    }
    if let Some(requester) = &options.requester {
        new = new.with_requester(requester.clone());
    }
    if let Some(lifetime) = options.max_lifetime {
        new = new.with_max_lifetime(lifetime);
    }
    options.renewer.iter().cloned().fold(new, NewToken::with_renewer)
}

/// Writes the token to its file, unless a newer one is there that works: the clock of the controller
/// went back then, and whoever follows the file takes no older one.
async fn stored(options: &CreateOptions, target: &Target, token: &Token) -> Result<(), Failure> {
    let Some(out) = &options.out else { return Ok(()) };
    if let Some(there) = newer(out, token)
        && !target.prove_within(&there, PROOF).await.accepted.is_empty()
    {
        let text = format!(
            "--out {}: has token {}, which is newer by the brokers' clocks and works; take another name",
            out.display(),
            there.id()
        );
        return Err(Failure::failed(text));
    }
    let text = text(target, token)?;
    write_secret_file(out, &text)
        .map_err(|error| Failure::failed(format!("--out {}: cannot be written: {error}", out.display())))
}

/// The token in a file that is there already, if it is newer. What cannot be read is replaced.
fn newer(out: &Path, token: &Token) -> Option<Token> {
    let read = FileRules::new().read(out).ok()?;
    let there = TokenFile::parse(read.secret_text().secret_bytes()).ok()?.token().clone();
    (there.owner() == token.owner() && there.epoch() > token.epoch()).then_some(there)
}

fn text(target: &Target, token: &Token) -> Result<Secret, Failure> {
    target.token_file(token).map_err(|error| Failure::failed(explained(&error)))
}

fn print(options: &CreateOptions, target: &Target, token: &Token) -> Result<(), Failure> {
    let secret = match options.format {
        CreateFormat::Json => {
            let mut shown = show::in_json(token, options.show_secret);
            if let (Some(out), serde_json::Value::Object(fields)) = (&options.out, &mut shown) {
                fields.insert("file".to_owned(), out.display().to_string().into());
            }
            return output::print_json(&shown);
        }
        CreateFormat::Properties => text(target, token)?,
        CreateFormat::Jaas => secret_jaas_config(token),
    };
    output::print(secret.secret_bytes())?;
    if options.format == CreateFormat::Jaas { output::print(b"\n") } else { Ok(()) }
}

//! `ottla token create`: the token, its file, and the wait for the brokers.

use std::path::Path;
use std::time::Duration;

use ottla::secret::Secret;
use ottla::secret::file::FileRules;
use ottla::{
    Cluster, Config, NewToken, Security, Target, Tls, Token, TokenEpoch, TokenFile, explained,
    secret_jaas_config, write_secret_file_unless,
};

use super::{ready, show};
use crate::arguments::Access;
use crate::arguments::token::{CreateFormat, CreateOptions, TargetProtocol};
use crate::failure::{Failure, say};
use crate::{login, output};

/// How long brokers get to say whether they take a token that is there already.
const PROOF: Duration = Duration::from_secs(5);
/// So many tokens that are newer and do not work may come to the file one after the other.
const LOOKS: u32 = 5;

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
    let text = text(target, token)?;
    for _ in 0..LOOKS {
        let read = FileRules::new().read(out).ok();
        let there = read.and_then(|read| newer(read.secret_text(), token));
        if let Some(there) = &there
            && !target.prove_within(there, PROOF).await.accepted.is_empty()
        {
            let text = format!(
                "--out {}: has token {}, which is newer by the brokers' clocks and works; take another name",
                out.display(),
                there.id()
            );
            return Err(Failure::failed(text));
        }
        if written(out, &text, token, there.as_ref())? {
            return Ok(());
        }
    }
    Err(Failure::failed(format!("--out {}: somebody else writes to it all the time", out.display())))
}

/// Writes the file, unless a newer token is there by now than `token`, and another than `dead`.
fn written(out: &Path, text: &Secret, token: &Token, dead: Option<&Token>) -> Result<bool, Failure> {
    let which = |token: &Token| (token.id().to_owned(), token.epoch());
    let (token, dead): (_, Option<(String, Option<TokenEpoch>)>) = (token.clone(), dead.map(which));
    let stays = move |there: &Secret| newer(there, &token).is_some_and(|there| dead != Some(which(&there)));
    write_secret_file_unless(out, text, stays)
        .map_err(|error| Failure::failed(format!("--out {}: cannot be written: {error}", out.display())))
}

/// The token in the text of a file that is there already, if it is newer. What is no token file is replaced.
fn newer(text: &Secret, token: &Token) -> Option<Token> {
    let there = TokenFile::parse(text.secret_bytes()).ok()?.token().clone();
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

#[cfg(test)]
mod tests {
    use ottla::time::Timestamp;
    use ottla::{Credentials, TokenLife};

    use super::*;

    /// Made in that hour.
    fn token(id: &str, hour: i64) -> Token {
        let at = |hours: i64| Timestamp::from_millis(1_700_000_000_000 + (hour + hours) * 3_600_000);
        let life = TokenLife { issued: at(0), expires: at(24), max: at(168), renewals: 0 };
        Token::new(id, Secret::from("sesame")).unwrap().with_life(life)
    }

    #[test]
    fn a_newer_token_that_came_to_the_file_after_it_was_looked_at_stays() {
        let out = std::env::temp_dir().join(format!("ottla-create-{}", std::process::id()));
        let config = Config::new("b1:9092".parse().unwrap(), Security::Plaintext, Credentials::None);
        let target = Target::of(&config);
        let file = |token: &Token| target.token_file(token).unwrap();
        let there = || TokenFile::parse(&std::fs::read(&out).unwrap()).unwrap().token().id().to_owned();
        let (own, newer, newest) = (token("own", 1), token("newer", 2), token("newest", 3));
        let written = |dead: Option<&Token>| written(&out, &file(&own), &own, dead).unwrap_or(false);
        let mut seen = Vec::new();
        seen.push((written(None), there()));
        ottla::write_secret_file(&out, &file(&newest)).unwrap();
        seen.push((written(None), there()));
        seen.push((written(Some(&newer)), there()));
        seen.push((written(Some(&newest)), there()));
        std::fs::remove_file(&out).unwrap();
        let expected = [(true, "own"), (false, "newest"), (false, "newest"), (true, "own")];
        assert_eq!(seen, expected.map(|(written, id)| (written, id.to_owned())));
    }
}

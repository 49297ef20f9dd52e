//! A whole token flow under a subscriber that keeps everything, at TRACE: no secret appears in
//! any form, neither there nor in what the public types print.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "secrets/everything.rs"]
mod everything;
#[path = "secrets/scanner.rs"]
mod scanner;
mod support;

use std::time::Duration;

use everything::Everything;
use ottla::ids::Principal;
use ottla::secret::Secret;
use ottla::{
    AtShutdown, Cluster, Config, Credentials, Error, NewToken, ScramMechanism, Target, Token, TokenFile,
    TokenSource,
};
use ottla_lab::{Listener, Profile};
use scanner::Scanner;
use support::{embedded, lab, within};

/// For what takes a few seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a value prints, in every way.
fn shown(value: &impl std::fmt::Debug) -> String {
    format!("{value:?} {value:#?}")
}

fn error(error: &Error) -> String {
    let mut text = format!("{error} {}", shown(error));
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text += &format!(" {inner} {inner:?}");
        source = inner.source();
    }
    text
}

/// Every call about tokens, those that fail too. Gives the tokens that were made.
async fn flow(lab: &ottla_lab::Cluster, printed: &mut String) -> Vec<Token> {
    let alice = lab::connect(lab, Listener::SaslPlaintext, lab::plain("alice")).await.unwrap();
    let by_scram = lab::scram(ScramMechanism::Sha512, "alice");
    let secure = lab::connect(lab, Listener::SaslSsl, by_scram.clone()).await.unwrap();
    let new = NewToken::new().with_renewer(Principal::user("bob"));
    *printed += &shown(&new);
    let mut tokens = Vec::new();
    for admin in [&alice, &secure] {
        let token = admin.create_delegation_token(new.clone()).await.unwrap();
        admin.renew_delegation_token(&token, None).await.unwrap();
        lab::await_known(lab, &token);
        *printed += &shown(&admin.describe_delegation_tokens(None).await.unwrap());
        *printed += &uses(lab, &token).await;
        *printed += &failures(lab, admin, &token).await;
        admin.expire_delegation_token(&token, Some(Duration::from_secs(60))).await.unwrap();
        admin.expire_delegation_token(&token, None).await.unwrap();
        *printed += &shown(admin);
        *printed += &shown(&admin.statistics());
        tokens.push(token);
    }
    *printed += &shown(&lab::config(lab, Listener::SaslSsl, by_scram));
    tokens
}

/// Logs in with a token, hands it on, reads it back.
async fn uses(lab: &ottla_lab::Cluster, token: &Token) -> String {
    let mut printed = shown(token);
    for mechanism in [ScramMechanism::Sha256, ScramMechanism::Sha512] {
        for listener in [Listener::SaslPlaintext, Listener::SaslSsl] {
            let credentials = lab::token(mechanism, token);
            let executor = lab::connect(lab, listener, credentials.clone()).await.unwrap();
            let refused = executor.describe_delegation_tokens(None).await.unwrap_err();
            printed += &[shown(&credentials), shown(&executor), error(&refused)].concat();
        }
    }
    let (writer, mut source) = TokenSource::watched(token.clone());
    let life = token.life().unwrap();
    let renewed = token.clone().with_life(ottla::TokenLife { renewals: 1, ..life });
    assert!(writer.replace(renewed));
    source.changed().await;
    printed += &[shown(&writer), shown(&source), shown(&life), shown(&token.epoch())].concat();
    let target = Target::of(&lab::config(lab, Listener::SaslPlaintext, Credentials::None));
    let file = target.token_file(token).unwrap();
    let read = TokenFile::parse(file.secret_bytes()).unwrap();
    printed += &[shown(&target), shown(&file), shown(&read)].concat();
    for end in (0..file.secret_bytes().len()).step_by(7) {
        printed += &shown(&TokenFile::parse(&file.secret_bytes()[..end]));
        printed += &shown(&Config::from_properties(&file.secret_bytes()[..end]));
    }
    printed
}

/// Everything that is refused, by way of this token.
async fn failures(lab: &ottla_lab::Cluster, admin: &Cluster, token: &Token) -> String {
    let mut printed = String::new();
    // The right secret under a wrong name, and for the wrong mechanism.
    let stray = Token::new("AAAAAAAAAAAAAAAAAAAAAA", token.secret_hmac().clone()).unwrap();
    let as_password = Credentials::Scram {
        mechanism: ScramMechanism::Sha256,
        user: token.id().to_owned(),
        password: token.secret_password(),
    };
    let as_plain = Credentials::Plain { user: "alice".to_owned(), password: token.secret_password() };
    for credentials in [lab::token(ScramMechanism::Sha256, &stray), as_password, as_plain] {
        let refused = lab::connect(lab, Listener::SaslPlaintext, credentials).await.unwrap_err();
        printed += &error(&refused);
    }
    let stranger = lab::connect(lab, Listener::SaslPlaintext, lab::plain("admin")).await.unwrap();
    printed += &error(&stranger.renew_delegation_token(token, None).await.unwrap_err());
    printed += &error(&stranger.expire_delegation_token(token, None).await.unwrap_err());
    let for_bob = NewToken::new().with_owner(Principal::new("Group", "jobs"));
    printed += &error(&admin.create_delegation_token(for_bob).await.unwrap_err());
    printed += &shown(&Token::from_password("no id", &token.secret_password()));
    printed += &shown(&Token::from_password(
        "id",
        &Secret::new([token.secret_password().secret_bytes(), b"x"].concat()),
    ));
    printed
}

/// A keeper that makes, renews, replaces and deletes tokens, also when brokers fail. Gives the
/// tokens that it had.
async fn kept(printed: &mut String) -> Vec<Token> {
    let second = Duration::from_secs(1);
    let brokers = embedded::builder()
        .brokers(1)
        .token_expiry(4 * second)
        .token_max_lifetime(7 * second)
        .start_in_memory()
        .unwrap();
    let saved = std::env::temp_dir().join(format!("ottla-secrets-{}", std::process::id()));
    let keeper = embedded::keeper(&brokers).with_saved_state(&saved);
    *printed += &shown(&keeper);
    let keeper = keeper.with_grace(second).start().await.unwrap();
    let (mut source, mut tokens) = (keeper.source(), vec![(*keeper.source().current()).clone()]);
    let client = embedded::executor(&brokers, keeper.source()).await.unwrap();
    for code in [62, 66, -1] {
        let fault = ottla_testkit::Fault::new(ottla_testkit::Action::Refuse(code));
        brokers.faults().add(fault.on_api(ottla_testkit::ApiKey::RenewDelegationToken).after(1).times(1));
    }
    while tokens.len() < 4 {
        let token = source.changed().await;
        *printed += &[shown(&keeper), shown(&keeper.state()), shown(&client), shown(&token)].concat();
        if tokens.last().is_some_and(|last| last.id() != token.id()) {
            tokens.push((*token).clone());
        }
    }
    *printed += &std::fs::read_to_string(&saved).unwrap();
    keeper.shutdown(AtShutdown::Expire).await.unwrap();
    tokens
}

/// The same on a paused clock, where neither a busy machine nor the tokens' lives matter.
fn kept_at_once() -> (Vec<Token>, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let mut printed = String::new();
    let tokens = runtime.unwrap().block_on(within(PATIENCE, "the keeper's part", kept(&mut printed)));
    (tokens, printed)
}

#[tokio::test]
async fn a20_a_whole_token_flow_shows_no_secret_in_logs_nor_in_what_types_print() {
    let everything = Everything::install();
    let mut printed = String::new();
    let lab = tokio::task::spawn_blocking(|| lab::cluster(Profile::Default)).await.unwrap();
    let mut tokens = within(PATIENCE, "the flow", flow(&lab, &mut printed)).await;
    let (more, text) = tokio::task::spawn_blocking(kept_at_once).await.unwrap();
    tokens.extend(more);
    printed += &text;
    let mut scanner = Scanner::default();
    for token in &tokens {
        scanner.look_for("hmac", token.secret_hmac().secret_bytes());
        scanner.look_for("password of the token", token.secret_password().secret_bytes());
    }
    for user in ["alice", "bob", "admin"] {
        scanner.look_for(user, format!("{user}-secret").as_bytes());
    }
    let logged = everything.text();
    println!("{} bytes logged, {} printed", logged.len(), printed.len());
    assert!(logged.contains("connection ended"), "the subscriber hears the client");
    for token in &tokens {
        assert!(printed.contains(token.id()), "ids are no secrets, and help");
    }
    assert_eq!(scanner.leaks(&logged), Vec::<String>::new());
    assert_eq!(scanner.leaks(&printed), Vec::<String>::new());

    // That it can fail: a leak in a task of another thread, at the lowest level, is found.
    let leaked = tokens[0].secret_hmac().clone();
    let leak = move || tracing::trace!(request = ?leaked.secret_bytes(), "renewing");
    tokio::task::spawn_blocking(leak).await.unwrap();
    assert!(!scanner.leaks(&everything.text()).is_empty());
}

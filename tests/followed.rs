//! A token file that others replace, followed by clients.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fmt::{Debug, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla::{
    Cluster, Error, ErrorKind, FollowedTokenFile, NewToken, Target, Token, explained, write_secret_file,
};
use ottla_testkit::{Action, ApiKey, Fault};
use support::embedded::{builder, config, every_offset, fill, pass, pipes, read_all, target, user};
use support::within;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

const LIMIT: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

struct Desk {
    brokers: ottla_testkit::Cluster,
    alice: Cluster,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn new() -> Self {
        let brokers = builder().start_in_memory().unwrap();
        fill(&brokers, "t", 3, 10);
        let alice = Cluster::connect(config(&brokers, user("alice"))).await.unwrap();
        Self { brokers, alice, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    fn target(&self) -> Target {
        target(&self.brokers)
    }

    async fn token(&self) -> Token {
        pass(SECOND / 10).await;
        self.alice.create_delegation_token(NewToken::new()).await.unwrap()
    }

    fn write(&self, path: &Path, token: &Token) {
        write_secret_file(path, &self.target().token_file(token).unwrap()).unwrap();
    }

    /// Puts a text in the place of the file, as somebody does who does not look at what is there.
    fn put(&self, text: &[u8], mode: u32) {
        let next = self.folder.path().join("next");
        std::fs::write(&next, text).unwrap();
        std::fs::set_permissions(&next, std::fs::Permissions::from_mode(mode)).unwrap();
        std::fs::rename(next, self.path()).unwrap();
    }

    fn put_token(&self, token: &Token, mode: u32) {
        self.put(self.target().token_file(token).unwrap().secret_bytes(), mode);
    }
}

/// All warnings, one text each.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<Text>>>);

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.0.lock().unwrap().push(text);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn a_token_that_takes_the_place_of_another_in_the_file_reaches_live_connections() {
    within(LIMIT, "the test", async {
        let desk = Desk::new().await;
        let first = desk.token().await;
        desk.write(&desk.path(), &first);
        let followed = FollowedTokenFile::open(desk.path()).await.unwrap();
        let client = Cluster::connect(followed.config().with_connector(pipes(&desk.brokers))).await.unwrap();
        assert_eq!(read_all(&client, "t").await.unwrap(), every_offset(3, 10));
        let connections = client.statistics().connections;
        pass(2 * SECOND).await;
        let second = desk.token().await;
        desk.write(&desk.path(), &second);
        pass(3 * SECOND).await;
        assert_eq!(*followed.source().current(), second);
        desk.alice.expire_delegation_token(&first, None).await.unwrap();
        assert_eq!(read_all(&client, "t").await.unwrap(), every_offset(3, 10));
        assert_eq!(client.statistics().connections, connections);
        assert!(client.statistics().reauthentications > 0 && followed.last_error().is_none());
    })
    .await;
}

/// Kubernetes has a link to a folder behind a link that is exchanged.
#[tokio::test(start_paused = true)]
async fn a_file_is_followed_through_links_that_are_exchanged() {
    within(LIMIT, "the test", async {
        let desk = Desk::new().await;
        let root = desk.folder.path();
        let tokens = [desk.token().await, desk.token().await];
        for (name, token) in ["..1", "..2"].iter().zip(&tokens) {
            std::fs::create_dir(root.join(name)).unwrap();
            desk.write(&root.join(name).join("token"), token);
        }
        symlink("..1", root.join("..data")).unwrap();
        symlink("..data/token", desk.path()).unwrap();
        let followed = FollowedTokenFile::open(desk.path()).await.unwrap();
        assert_eq!(*followed.source().current(), tokens[0]);
        symlink("..2", root.join("..new")).unwrap();
        std::fs::rename(root.join("..new"), root.join("..data")).unwrap();
        pass(2 * SECOND).await;
        assert_eq!(*followed.source().current(), tokens[1]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_newer_token_of_the_cluster_is_told_and_the_old_one_stays() {
    within(LIMIT, "the test", async {
        let desk = Desk::new().await;
        let (older, token) = (desk.token().await, desk.token().await);
        desk.write(&desk.path(), &token);
        let followed = FollowedTokenFile::open(desk.path()).await.unwrap();
        let good = desk.target().token_file(&token).unwrap();
        let good = String::from_utf8(good.secret_bytes().to_vec()).unwrap();
        let elsewhere = desk.target().with_bootstrap("other:9094".parse().unwrap());
        let elsewhere = elsewhere.token_file(&desk.token().await).unwrap();
        let elsewhere = String::from_utf8(elsewhere.secret_bytes().to_vec()).unwrap();
        let old = desk.target().token_file(&older).unwrap();
        let old = String::from_utf8(old.secret_bytes().to_vec()).unwrap();
        let cases = [
            (&good[..good.len() / 2], "missing"),
            ("garbage", "bootstrap.servers is missing"),
            ("", ""),
            (elsewhere.as_str(), "another cluster"),
            (old.as_str(), "older"),
        ];
        for (text, why) in cases {
            std::fs::write(desk.path(), text).unwrap();
            pass(2 * SECOND).await;
            let error = followed.last_error().expect("an error").to_string();
            assert!(error.contains(why) || why == "missing", "{error}");
            assert!(!error.contains(&good[good.len() - 40..good.len() - 20]), "{error}");
            assert_eq!(*followed.source().current(), token, "{why}");
        }
        std::fs::remove_file(desk.path()).unwrap();
        pass(2 * SECOND).await;
        assert!(followed.last_error().unwrap().to_string().contains("cannot be read"));
        let newest = desk.token().await;
        desk.write(&desk.path(), &newest);
        pass(2 * SECOND).await;
        assert!(followed.last_error().is_none() && *followed.source().current() == newest);
    })
    .await;
}

/// A controller whose clock was behind makes tokens that look older than those before.
#[tokio::test(start_paused = true)]
async fn an_older_token_replaces_one_that_is_refused_and_none_that_works() {
    within(LIMIT, "the test", async {
        let desk = Desk::new().await;
        let (older, token) = (desk.token().await, desk.token().await);
        desk.write(&desk.path(), &token);
        let followed = FollowedTokenFile::open(desk.path()).await.unwrap();
        let client = Cluster::connect(followed.config().with_connector(pipes(&desk.brokers))).await.unwrap();
        pass(60 * SECOND).await;
        desk.put_token(&older, 0o600);
        pass(60 * SECOND).await;
        assert_eq!(read_all(&client, "t").await.unwrap(), every_offset(3, 10));
        assert_eq!(*followed.source().current(), token, "it works");
        assert!(followed.last_error().unwrap().to_string().contains("older"));
        desk.brokers.delete_token(token.id()).unwrap();
        let config = followed.config().with_connector(pipes(&desk.brokers));
        let another = Cluster::connect(config).await.unwrap();
        assert_eq!(*followed.source().current(), older);
        assert!(followed.last_error().is_none());
        assert_eq!(read_all(&another, "t").await.unwrap(), every_offset(3, 10));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_passing_refusal_is_no_reason_to_take_an_older_token_later() {
    within(LIMIT, "the test", async {
        let desk = Desk::new().await;
        let (older, token) = (desk.token().await, desk.token().await);
        desk.write(&desk.path(), &token);
        let followed = FollowedTokenFile::open(desk.path()).await.unwrap();
        pass(60 * SECOND).await;
        let refusal = Fault::new(Action::Refuse(58)).on_api(ApiKey::SaslAuthenticate).times(4);
        desk.brokers.faults().add(refusal);
        let client = Cluster::connect(followed.config().with_connector(pipes(&desk.brokers))).await.unwrap();
        assert_eq!(read_all(&client, "t").await.unwrap(), every_offset(3, 10));
        pass(3600 * SECOND / 2).await;
        desk.put_token(&older, 0o600);
        pass(60 * SECOND).await;
        assert_eq!(*followed.source().current(), token, "it works");
        assert!(followed.last_error().unwrap().to_string().contains("older"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_everybody_may_read_and_that_is_not_taken_is_warned_of_once() {
    within(LIMIT, "the test", async {
        let warnings = Warnings::default();
        // Of all threads: a file may be read on any.
        tracing::subscriber::set_global_default(warnings.clone()).unwrap();
        let desk = Desk::new().await;
        let (older, token) = (desk.token().await, desk.token().await);
        desk.write(&desk.path(), &token);
        let followed = FollowedTokenFile::open_with(desk.path(), SECOND / 100).await.unwrap();
        let path = desk.path().display().to_string();
        let warned = || {
            let all = warnings.0.lock().unwrap();
            let of_it =
                all.iter().filter(|text| text.0.contains(&path) && text.0.contains("everybody on this"));
            of_it.count()
        };
        desk.put(b"garbage", 0o644);
        pass(SECOND).await;
        assert_eq!(warned(), 1, "garbage");
        desk.put_token(&older, 0o644);
        pass(SECOND).await;
        assert!(followed.last_error().unwrap().to_string().contains("older"));
        assert_eq!(warned(), 2, "an older token");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_others_may_write_is_refused() {
    within(LIMIT, "the test", async {
        let desk = Desk::new().await;
        desk.write(&desk.path(), &desk.token().await);
        let allow =
            |mode| std::fs::set_permissions(desk.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        for mode in [0o620, 0o602] {
            allow(mode);
            let error: Error = FollowedTokenFile::open(desk.path()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(explained(&error).contains("may write"), "{error}");
        }
        allow(0o644);
        FollowedTokenFile::open(desk.path()).await.unwrap();
    })
    .await;
}

//! The lives of tokens after which nothing of them may be left.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ottla::{
    AtShutdown, Cluster, Config, Credentials, FollowedTokenFile, IsolationLevel, NewToken, OffsetAt,
    ScramMechanism, Security, Target, Token, TokenKeeper, write_secret_file,
};
use ottla_testkit::Protocol;

use super::memory::{self, Search};

/// Has this program be the brokers.
pub(crate) const BROKERS: &str = "--brokers";
static PASSED: AtomicU32 = AtomicU32::new(0);
const SECOND: Duration = Duration::from_secs(1);
/// Each scene takes some seconds on an idle machine.
const LIMIT: Duration = Duration::from_secs(300);

/// Brokers in a process of their own, which ends when its input does.
pub(crate) struct Brokers {
    process: Child,
    _alive: ChildStdin,
    bootstrap: String,
}

/// Is the brokers: tells where they are, and serves until nobody holds its input any more.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let life: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let builder = ottla_testkit::Cluster::builder()
        .brokers(2)
        .listener(Protocol::SaslPlaintext)
        .token_expiry(Duration::from_secs(life))
        .token_max_lifetime(Duration::from_secs(life + life / 2))
        .user("alice", "alice-secret");
    let cluster = runtime.block_on(builder.start_tcp()).unwrap();
    cluster.create_topic("t", 2, 1).unwrap();
    println!("{}", cluster.bootstrap(Protocol::SaslPlaintext).unwrap());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

impl Brokers {
    fn start(life: Duration) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([BROKERS, &life.as_secs().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let alive = process.stdin.take().unwrap();
        let mut bootstrap = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut bootstrap).unwrap();
        Self { process, _alive: alive, bootstrap: bootstrap.trim().to_owned() }
    }

    fn config(&self, credentials: Credentials) -> Config {
        Config::new(self.bootstrap.parse().unwrap(), Security::Plaintext, credentials)
    }

    fn alice(&self) -> Config {
        self.config(Credentials::Scram {
            mechanism: ScramMechanism::Sha256,
            user: "alice".to_owned(),
            password: "alice-secret".into(),
        })
    }

    fn target(&self) -> Target {
        Target::of(&self.config(Credentials::None))
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One request at each leader.
async fn touch(client: &Cluster) {
    let partitions = client.partitions("t").await.unwrap();
    client.list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::default()).await.unwrap();
}

/// A token file is replaced four times under clients that follow it, one of them on both brokers.
async fn replaced(brokers: &Brokers, path: &Path) -> (Search, Search) {
    let (mut old, mut present) = (Search::default(), Search::default());
    let make = |admin: Cluster| async move {
        let token = admin.create_delegation_token(NewToken::new()).await.unwrap();
        let proof = brokers.target().prove(&token).await;
        assert!(proof.is_complete(), "{proof:?}");
        token
    };
    let write =
        |token: &Token| write_secret_file(path, &brokers.target().token_file(token).unwrap()).unwrap();
    let admin = Cluster::connect(brokers.alice()).await.unwrap();
    let mut token = make(admin.clone()).await;
    write(&token);
    let followed = FollowedTokenFile::open_with(path, SECOND / 20).await.unwrap();
    let client = Cluster::connect(followed.config()).await.unwrap();
    touch(&client).await;
    for number in 0..4 {
        old.add(&format!("replaced token {number}"), &token);
        token = make(admin.clone()).await;
        write(&token);
        while *followed.source().current() != token {
            tokio::time::sleep(SECOND / 20).await;
        }
        touch(&client).await;
    }
    present.add("present token", &token);
    // Brokers take a second login of a connection after a second.
    tokio::time::sleep(3 * SECOND).await;
    touch(&client).await;
    // Kept until here, so that the search can fail.
    let found = (old.found(), present.found());
    assert!(!found.1.is_empty(), "the token in use is found, so the search works");
    assert_eq!(found.0, Vec::<String>::new());
    drop((client, followed));
    (old, present)
}

/// A keeper whose tokens expire, and are replaced, and are deleted at its end.
async fn kept(brokers: &Brokers) -> Search {
    let keeper = TokenKeeper::new(brokers.alice(), brokers.target()).with_grace(SECOND);
    let keeper = keeper.start().await.unwrap();
    let mut source = keeper.source();
    let client = Cluster::connect(brokers.target().config(keeper.source())).await.unwrap();
    let (mut old, mut all) = (Search::default(), Search::default());
    let mut ids: Vec<String> = Vec::new();
    let mut last = source.current();
    all.add("first kept token", &last);
    while ids.len() < 2 {
        let next = source.changed().await;
        if next.id() != last.id() {
            old.add(&format!("kept token {}", ids.len()), &last);
            all.add(&format!("kept token {}", ids.len() + 1), &next);
            ids.push(last.id().to_owned());
        }
        last = next;
        touch(&client).await;
    }
    drop(last);
    // The grace, and a little.
    tokio::time::sleep(4 * SECOND).await;
    touch(&client).await;
    assert_eq!(old.found(), Vec::<String>::new(), "after they expired");
    keeper.shutdown(AtShutdown::Expire).await.unwrap();
    drop(client);
    tokio::time::sleep(SECOND).await;
    assert!(source.current().secret_hmac().is_empty(), "the source is there still, without a secret");
    all
}

/// A keeper whose brokers go away for good: its token expires, and nothing takes its place.
async fn left_alone(brokers: Brokers) {
    let keeper = TokenKeeper::new(brokers.alice(), brokers.target()).start().await.unwrap();
    let (source, mut last) = (keeper.source(), Search::default());
    last.add("first token", &source.current());
    assert!(!last.found().is_empty(), "the token in use is found, so the search works");
    let client = Cluster::connect(brokers.target().config(keeper.source())).await.unwrap();
    touch(&client).await;
    drop(brokers);
    last.add("last token", &source.current());
    while !source.current().secret_hmac().is_empty() {
        tokio::time::sleep(SECOND / 4).await;
    }
    // What waits for something ends within seconds, on a busy machine a little later.
    for _ in 0..20 {
        tokio::time::sleep(SECOND).await;
        if last.found().is_empty() {
            break;
        }
    }
    assert_eq!(last.found(), Vec::<String>::new(), "after it expired without a successor");
    drop((client, keeper));
}

/// A super user lists so many tokens that the answer is a long frame.
async fn listed(brokers: &Brokers) {
    const TOKENS: usize = 600;
    let admin = Cluster::connect(brokers.alice()).await.unwrap();
    let mut listed = Search::default();
    for number in 0..TOKENS {
        let token = admin.create_delegation_token(NewToken::new()).await.unwrap();
        if number % 100 == 99 {
            listed.add(&format!("listed token {number}"), &token);
        }
    }
    let tokens = admin.describe_delegation_tokens(None).await.unwrap();
    assert!(tokens.len() >= TOKENS && !listed.found().is_empty(), "{}", tokens.len());
    drop(tokens);
    tokio::time::sleep(SECOND).await;
    assert_eq!(listed.found(), Vec::<String>::new(), "after they were listed");
    drop(admin);
    assert_eq!(listed.found(), Vec::<String>::new(), "after the client is gone");
}

/// A keeper that is shut down long before the sessions of its token end: their connections live on.
async fn shut_down(brokers: &Brokers) {
    let keeper = TokenKeeper::new(brokers.alice(), brokers.target()).start().await.unwrap();
    let (source, mut only) = (keeper.source(), Search::default());
    only.add("deleted token", &source.current());
    let client = Cluster::connect(brokers.target().config(keeper.source())).await.unwrap();
    touch(&client).await;
    assert!(!only.found().is_empty(), "the token in use is found, so the search works");
    keeper.shutdown(AtShutdown::Expire).await.unwrap();
    // What waits for something ends within seconds, on a busy machine a little later.
    for _ in 0..20 {
        tokio::time::sleep(SECOND).await;
        if only.found().is_empty() {
            break;
        }
    }
    assert_eq!(only.found(), Vec::<String>::new(), "while connections live that logged in with it");
    drop((client, source));
}

/// How many scenes ended well.
pub(crate) fn passed() -> u32 {
    PASSED.load(Ordering::Relaxed)
}

fn pass(scene: &str) {
    PASSED.fetch_add(1, Ordering::Relaxed);
    println!("test {scene} ... ok");
}

pub(crate) fn play() {
    memory::finds_what_lies_beside_its_buffer();
    pass("the_search_finds_what_lies_beside_its_buffer");
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let path = std::env::temp_dir().join(format!("ottla-forgotten-{}", std::process::id()));
    let brokers = Brokers::start(Duration::from_secs(3600));
    let scene =
        async { tokio::time::timeout(LIMIT, replaced(&brokers, &path)).await.expect("the scene ends") };
    let (old, present) = runtime().block_on(scene);
    std::fs::remove_file(&path).unwrap();
    assert_eq!([old.found(), present.found()].concat(), Vec::<String>::new(), "after the clients are gone");
    pass("tokens_that_were_replaced_are_gone");
    let scene = async { tokio::time::timeout(LIMIT, shut_down(&brokers)).await.expect("the scene ends") };
    runtime().block_on(scene);
    pass("a_token_that_was_deleted_is_gone_while_its_connections_live");
    let scene = async { tokio::time::timeout(LIMIT, listed(&brokers)).await.expect("the scene ends") };
    runtime().block_on(scene);
    pass("tokens_that_were_listed_are_gone");
    drop(brokers);
    let brokers = Brokers::start(Duration::from_secs(8));
    let scene = async { tokio::time::timeout(LIMIT, kept(&brokers)).await.expect("the scene ends") };
    let all = runtime().block_on(scene);
    pass("tokens_that_expired_are_gone");
    assert_eq!(all.found(), Vec::<String>::new(), "after the shutdown");
    pass("tokens_of_a_keeper_that_was_shut_down_are_gone");
    drop(brokers);
    let brokers = Brokers::start(Duration::from_secs(15));
    runtime()
        .block_on(async { tokio::time::timeout(LIMIT, left_alone(brokers)).await.expect("the scene ends") });
    pass("a_token_that_expired_without_a_successor_is_gone");
}

//! What the library counts and measures, by the names that README.md has.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use ottla::time::Timestamp;
use ottla::{AtShutdown, Cluster, NewToken, Token, TokenKeeper, TokenSource};
use ottla_testkit::{Action, ApiKey, Fault};
use support::embedded::{builder, config, executor, kept, pass, read_all, target, user};
use support::{source, within};

const SECOND: Duration = Duration::from_secs(1);

/// Keeps the last value of each gauge, the sum of each counter, the count of each histogram.
#[derive(Clone, Debug, Default)]
struct Values(Arc<Mutex<BTreeMap<String, f64>>>);

impl Values {
    fn of(&self, name: &str) -> f64 {
        self.0.lock().unwrap().get(name).copied().unwrap_or(f64::NAN)
    }

    fn described(&self, name: &KeyName) {
        self.0.lock().unwrap().insert(format!("described {}", name.as_str()), 1.0);
    }

    fn cell(&self, key: &Key) -> Arc<Cell> {
        // Two keepers of a process differ in the owner.
        let owner = key.labels().find(|label| label.key() == "owner");
        let name =
            owner.map_or(key.name().to_owned(), |owner| format!("{}{{{}}}", key.name(), owner.value()));
        Arc::new(Cell { name, values: self.clone() })
    }
}

struct Cell {
    name: String,
    values: Values,
}

impl Cell {
    fn change(&self, how: impl FnOnce(f64) -> f64) {
        let mut values = self.values.0.lock().unwrap();
        let value = values.entry(self.name.clone()).or_default();
        *value = how(*value);
    }
}

impl CounterFn for Cell {
    fn increment(&self, by: u64) {
        self.change(|sum| sum + f64::from(u32::try_from(by).unwrap()));
    }

    fn absolute(&self, value: u64) {
        self.change(|_| f64::from(u32::try_from(value).unwrap()));
    }
}

impl GaugeFn for Cell {
    fn increment(&self, by: f64) {
        self.change(|value| value + by);
    }

    fn decrement(&self, by: f64) {
        self.change(|value| value - by);
    }

    fn set(&self, to: f64) {
        self.change(|_| to);
    }
}

impl HistogramFn for Cell {
    fn record(&self, _value: f64) {
        self.change(|count| count + 1.0);
    }
}

impl Recorder for Values {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.described(&name);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.described(&name);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.described(&name);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_token_is_measured() {
    let values = Values::default();
    let _recording = metrics::set_default_local_recorder(&values);
    within(Duration::from_secs(3600), "the test", async {
        let (brokers, keeper, client) =
            kept(builder().token_expiry(30 * SECOND).token_max_lifetime(60 * SECOND)).await;
        brokers.faults().add(Fault::new(Action::Refuse(-1)).on_api(ApiKey::RenewDelegationToken).times(1));
        pass(62 * SECOND).await;
        read_all(&client, "t").await.unwrap();
        let state = keeper.state();
        assert!(state.created >= 2 && state.renewed >= 1, "{state:?}");
        let count = |number: u64| f64::from(u32::try_from(number).unwrap());
        assert_eq!(values.of("ottla_tokens_created_total"), count(state.created));
        assert_eq!(values.of("ottla_token_renewals_total"), count(state.renewed));
        assert_eq!(values.of("ottla_token_replacements_total"), count(state.created - 1));
        assert_eq!(values.of("ottla_token_readiness_seconds"), count(state.created));
        assert!(values.of("ottla_token_failures_total") >= 1.0);
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        let renewed = wall - values.of("ottla_token_renewed_at_seconds{User:alice}");
        assert!((-1.0..60.0).contains(&renewed), "{renewed}");
        assert!(values.of("ottla_reauthentications_total") >= 2.0);
        assert!(values.of("ottla_connections_total") >= 3.0 && values.of("ottla_logins_total") >= 3.0);
        assert_eq!(values.of("ottla_outdated_connections"), 0.0, "all have moved on");
        assert!(values.of("ottla_requests_total") > 0.0);
    })
    .await;
}

/// A clock that is set here does not make them wrong, nor one that was wrong all along.
#[tokio::test(start_paused = true)]
async fn moments_of_a_token_are_those_of_the_brokers_clock() {
    let values = Values::default();
    let _recording = metrics::set_default_local_recorder(&values);
    within(Duration::from_secs(3600), "the test", async {
        let wall = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let short = builder().wall_clock(wall).token_expiry(60 * SECOND);
        let (brokers, keeper, _client) = kept(short.token_max_lifetime(150 * SECOND)).await;
        for _ in 0..8 {
            let (state, tokens) = (keeper.state(), brokers.tokens());
            let token = tokens.iter().find(|token| token.id == state.token_id).unwrap();
            for (name, millis) in [("expires_at", token.expires), ("issued_at", token.issued)] {
                let told = values.of(&format!("ottla_token_{name}_seconds{{User:alice}}"));
                assert!((told * 1000.0 - millis as f64).abs() < 1.0, "{name}: {told} {millis}");
            }
            pass(21 * SECOND).await;
        }
        let state = keeper.state();
        assert!(state.created > 1 && state.renewed > 1, "{state:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn two_keepers_of_a_process_tell_of_two_tokens_and_every_name_is_described() {
    let values = Values::default();
    let _recording = metrics::set_default_local_recorder(&values);
    within(Duration::from_secs(3600), "the test", async {
        let (brokers, _alice, _client) = kept(builder()).await;
        let bob = TokenKeeper::new(config(&brokers, user("bob")), target(&brokers)).start().await.unwrap();
        let executor = executor(&brokers, bob.source()).await.unwrap();
        pass(SECOND).await;
        for owner in ["User:alice", "User:bob"] {
            for name in ["expires_at", "issued_at", "renewed_at"] {
                let value = values.of(&format!("ottla_token_{name}_seconds{{{owner}}}"));
                assert!(value > 1.0e9, "{name} {owner}: {value}");
            }
        }
        drop(executor);
        let code = std::fs::read_to_string(source::root().join("src/metrics.rs")).unwrap();
        for name in names(&code) {
            assert_eq!(values.of(&format!("described {name}")), 1.0, "{name}");
        }
    })
    .await;
}

/// A keeper of the same process would tell the same.
#[tokio::test(start_paused = true)]
async fn an_executor_tells_when_its_token_ends_and_when_the_next_one_does() {
    let values = Values::default();
    let _recording = metrics::set_default_local_recorder(&values);
    within(Duration::from_secs(3600), "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let alice = Cluster::connect(config(&brokers, user("alice"))).await.unwrap();
        let seconds = |at: Timestamp| Duration::from_millis(at.as_millis().try_into().unwrap()).as_secs_f64();
        let told = |name: &str| values.of(&format!("ottla_token_{name}_at_seconds{{User:alice}}"));
        let is_told = |token: &Token| {
            let life = token.life().unwrap();
            let is = |name, at| (told(name) - seconds(at)).abs() < 1.0;
            is("issued", life.issued) && is("expires", life.expires)
        };
        let first = alice.create_delegation_token(NewToken::new()).await.unwrap();
        assert!(told("expires").is_nan(), "who makes a token does not use it");
        let (writer, source) = TokenSource::watched(first.clone());
        let _executor = executor(&brokers, source).await.unwrap();
        assert!(is_told(&first), "{values:?}");
        pass(60 * SECOND).await;
        let next = alice.create_delegation_token(NewToken::new()).await.unwrap();
        assert!(writer.replace(next.clone()));
        pass(SECOND).await;
        assert!(is_told(&next) && !is_told(&first), "{values:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_deleted_at_shutdown_is_told_to_have_ended() {
    let values = Values::default();
    let _recording = metrics::set_default_local_recorder(&values);
    within(Duration::from_secs(3600), "the test", async {
        // Its end, too, is by the brokers' clock, which is far behind.
        let wall = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let brokers = builder().wall_clock(wall).start_in_memory().unwrap();
        let keeper =
            TokenKeeper::new(config(&brokers, user("alice")), target(&brokers)).start().await.unwrap();
        pass(SECOND).await;
        let left = || values.of("ottla_token_expires_at_seconds{User:alice}") * 1000.0 - brokers.now() as f64;
        assert!(left() > 3_600_000.0, "{}", left());
        keeper.shutdown(AtShutdown::Expire).await.unwrap();
        pass(SECOND).await;
        assert!((-2000.0..=0.0).contains(&left()), "{}", left());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_login_that_proves_a_young_token_is_no_dial_failure() {
    let values = Values::default();
    let _recording = metrics::set_default_local_recorder(&values);
    within(Duration::from_secs(3600), "the test", async {
        let (brokers, _keeper, _client) = kept(builder().token_propagation(2 * SECOND)).await;
        assert!(brokers.counters().failed_logins > 0, "the proof was refused at first");
        assert!(values.of("ottla_dial_failures_total").is_nan(), "{values:?}");
    })
    .await;
}

/// The names that a text has.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("ottla_")).collect()
}

#[test]
fn readme_lists_every_metric_and_no_other() {
    let read = |path: &str| std::fs::read_to_string(source::root().join(path)).unwrap();
    let (code, readme) = (read("src/metrics.rs"), read("README.md"));
    let listed: String = readme.lines().filter(|line| line.starts_with("| `ottla_")).collect();
    assert_eq!(names(&listed), names(&code));
}

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::*;
use crate::sasl::transcript::{TOKEN_SHA_256, Transcript};
use crate::sasl::{AwaitingKey, Exchange, Step};

const LONG: Duration = Duration::from_secs(60);

/// Takes a login up to the point where it needs the key, with a broker that has `salt`.
fn login(salt: u16, entropy: u8) -> (Derivation, AwaitingKey) {
    let exchange = Exchange::scram(TOKEN_SHA_256.credentials(), [entropy; 24]);
    let Step::Send { response, next } = exchange.step(b"").unwrap() else { panic!() };
    let client_first = std::str::from_utf8(response.secret_bytes()).unwrap();
    let nonce = client_first.split(',').find_map(|a| a.strip_prefix("r=")).unwrap();
    let server_first = format!("r={nonce}server,s={salt:04},i=4096");
    match next.step(server_first.as_bytes()).unwrap() {
        Step::Derive { derivation, next } => (derivation, next),
        other => panic!("{other:?}"),
    }
}

async fn key(keys: &Keys, salt: u16) -> SaltedPassword {
    timeout(LONG, keys.key(login(salt, 0).0)).await.unwrap().unwrap()
}

fn hashed(keys: &Keys) -> usize {
    keys.hashed.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_logins_with_one_token_to_three_brokers_hash_three_times() {
    let keys = Arc::new(Keys::new());
    let mut logins = JoinSet::new();
    for number in 0..1_000_u16 {
        let keys = Arc::clone(&keys);
        logins.spawn(async move {
            let (derivation, next) = login(number % 3, number.to_be_bytes()[1]);
            let key = timeout(LONG, keys.key(derivation)).await.unwrap().unwrap();
            assert!(matches!(next.with_key(key), Ok(Step::Send { .. })));
        });
    }
    while let Some(done) = logins.join_next().await {
        done.unwrap();
    }
    assert_eq!(hashed(&keys), 3);
}

#[tokio::test]
async fn gives_the_key_that_kafka_derives() {
    let exchange = Exchange::scram(TOKEN_SHA_256.credentials(), Transcript::ENTROPY);
    let Step::Send { next, .. } = exchange.step(b"").unwrap() else { panic!() };
    let step = next.step(TOKEN_SHA_256.server_first.as_bytes()).unwrap();
    let Step::Derive { derivation, next } = step else { panic!() };
    let key = timeout(LONG, Keys::new().key(derivation)).await.unwrap().unwrap();
    let Step::Send { next, .. } = next.with_key(key).unwrap() else { panic!() };
    assert!(matches!(next.step(TOKEN_SHA_256.server_final.as_bytes()), Ok(Step::Done(_))));
}

#[tokio::test]
async fn a_dropped_caller_takes_nothing_from_the_others() {
    let keys = Keys::new();
    tokio::select! {
        biased;
        _ = keys.key(login(1, 0).0) => panic!("the hash cannot be ready"),
        () = std::future::ready(()) => {}
    }
    key(&keys, 1).await;
    assert_eq!(hashed(&keys), 1);
}

#[tokio::test]
async fn the_key_that_was_not_used_for_the_longest_time_makes_room() {
    let keys = Keys::with_capacity(3);
    for (salt, expected) in [(0, 1), (1, 2), (2, 3), (0, 3), (3, 4), (0, 4), (2, 4), (1, 5)] {
        key(&keys, salt).await;
        assert_eq!(hashed(&keys), expected, "{salt}");
    }
}

#[test]
fn a_key_is_hashed_again_when_the_runtime_stopped_before_it_was_ready() {
    let keys = Keys::new();
    let start = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let stopped = start();
    let handle = stopped.handle().clone();
    stopped.shutdown_background();
    let _ = handle.block_on(async { keys.promise(login(1, 0).0) });
    start().block_on(key(&keys, 1));
    assert_eq!(hashed(&keys), 2);
}

#[tokio::test]
async fn a_hash_that_ends_with_another_runtime_is_begun_again() {
    let keys = Keys::new();
    let (derivation, _) = login(1, 0);
    let (other, key) = watch::channel(None);
    keys.kept.lock().unwrap().slots.push_back(Slot { derivation: derivation.clone(), key });
    let (key, ()) = tokio::join!(timeout(LONG, keys.key(derivation)), async { drop(other) });
    assert!(key.unwrap().is_ok());
    assert_eq!(hashed(&keys), 1);
}

#[test]
fn says_that_the_runtime_stopped() {
    let keys = Keys::new();
    let stopped = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let handle = stopped.handle().clone();
    stopped.shutdown_background();
    assert_eq!(handle.block_on(keys.key(login(1, 0).0)).unwrap_err(), HashingStopped);
}

#[tokio::test]
async fn keys_of_a_token_that_has_a_successor_are_wiped_and_none_is_kept_again() {
    let keys = Keys::new();
    let (derivation, _) = login(1, 1);
    keys.key(derivation.clone()).await.unwrap();
    keys.keep_only(Secret::from("the next token"));
    assert!(keys.kept.lock().unwrap().slots.is_empty());
    keys.key(derivation).await.unwrap();
    assert!(keys.kept.lock().unwrap().slots.is_empty());
    assert_eq!(keys.hashed.load(Ordering::Relaxed), 2);
}

//! The first moments of a token, in which brokers do not know it yet. Figures are printed.

use std::time::Duration;

use kafka_protocol::messages::DescribeDelegationTokenRequest;
use ottla_lab::{Listener, Profile};

use crate::support::lab;
use crate::support::raw::{Raw, Who, now, own_token};

const TRIES: u32 = 40;

/// Long enough for a token to be known everywhere on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn alice(lab: &ottla_lab::Cluster, broker: u16) -> Raw {
    Raw::logged_in(lab, broker, Who::password("alice", "alice-secret"))
}

/// Prints the spread of some times.
fn print(what: &str, mut times: Vec<Duration>, at_once: usize) {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    println!(
        "{what}: {at_once} of {} at once, p50 {:?}, p90 {:?}, max {:?}",
        times.len(),
        at(50),
        at(90),
        at(100)
    );
}

/// How long until `done`, and whether it was so at once.
fn until(mut done: impl FnMut() -> bool) -> (Duration, bool) {
    let began = now();
    let mut tries = 0;
    while !done() {
        tries += 1;
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    (began.elapsed(), tries == 0)
}

/// Not asserted: a quick broker may know every token in time.
#[test]
fn without_the_retry_renewals_and_deletions_of_new_tokens_meet_62() {
    let mut raw = alice(&lab::cluster(Profile::Default), 1);
    let (mut renewed, mut deleted) = (Vec::new(), Vec::new());
    let (mut renewed_at_once, mut deleted_at_once) = (0, 0);
    for _ in 0..TRIES / 2 {
        let hmac = raw.create(&own_token()).hmac;
        let (time, at_once) = until(|| raw.renew(&hmac, -1).0 == 0);
        renewed.push(time);
        renewed_at_once += usize::from(at_once);
        let hmac = raw.create(&own_token()).hmac;
        let (time, at_once) = until(|| raw.expire(&hmac, -1).0 == 0);
        deleted.push(time);
        deleted_at_once += usize::from(at_once);
    }
    print("renewed after its making", renewed, renewed_at_once);
    print("deleted after its making", deleted, deleted_at_once);
}

#[test]
fn every_broker_takes_logins_with_a_new_token_in_the_end_also_the_one_that_made_it() {
    let cluster = lab::cluster(Profile::Default);
    let mut raw = alice(&cluster, 1);
    for broker in 1..=3 {
        let (mut times, mut at_once) = (Vec::new(), 0);
        for _ in 0..TRIES / 8 {
            let made = raw.create(&own_token());
            let password = password(&made.hmac);
            let who = Who::token(&made.token_id, &password);
            let login = || Raw::connect(&cluster, broker, Listener::SaslPlaintext).login(who);
            let (time, first) = until(|| login().code == 0);
            times.push(time);
            at_once += usize::from(first);
            assert_eq!(raw.expire_known(&made.hmac, -1).0, 0);
        }
        print(&format!("b1 made it, b{broker} takes it"), times, at_once);
    }
}

fn password(hmac: &[u8]) -> String {
    use base64ct::Encoding;
    base64ct::Base64::encode_string(hmac)
}

#[test]
fn every_broker_lists_a_new_token_in_the_end() {
    let cluster = lab::cluster(Profile::Default);
    let mut makes = alice(&cluster, 1);
    for broker in [1, 2] {
        let mut lists = alice(&cluster, broker);
        let (mut times, mut at_once) = (Vec::new(), 0);
        for _ in 0..TRIES / 8 {
            let made = makes.create(&own_token());
            let all = DescribeDelegationTokenRequest::default().with_owners(None);
            let (time, first) = until(|| {
                let listed = lists.call(3, &all).expect("an answer").tokens;
                listed.iter().any(|token| token.token_id == made.token_id)
            });
            times.push(time);
            at_once += usize::from(first);
            assert_eq!(makes.expire_known(&made.hmac, -1).0, 0);
        }
        print(&format!("b1 made it, b{broker} lists it"), times, at_once);
    }
}

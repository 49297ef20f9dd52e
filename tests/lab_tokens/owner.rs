//! Tokens for somebody else (KIP-373), and who sees which tokens.

use std::time::Duration;

use kafka_protocol::protocol::StrBytes;
use ottla::ids::Principal;
use ottla::{BrokerError, Cluster, ErrorKind, NewToken, ScramMechanism, Token};
use ottla_lab::{Listener, Profile};

use crate::support::lab;
use crate::support::raw::{Raw, Who, now, own_token, renewer};

async fn user(lab: &ottla_lab::Cluster, name: &str) -> Cluster {
    lab::connect(lab, Listener::SaslPlaintext, lab::plain(name)).await.unwrap()
}

/// Lets alice make tokens for bob. The controller's brokers learn of it within moments.
async fn alice_for_bob(lab: &ottla_lab::Cluster, new: NewToken) -> Token {
    lab.admin(&["allow", "User:alice", "CREATE_TOKENS", "USER", "User:bob"]).unwrap();
    let alice = user(lab, "alice").await;
    let refused = ErrorKind::Broker(BrokerError::DELEGATION_TOKEN_AUTHORIZATION_FAILED);
    for _ in 0..200 {
        match alice.create_delegation_token(new.clone()).await {
            Err(error) if error.kind() == refused => {}
            made => return made.unwrap(),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the ACL has no effect");
}

#[tokio::test]
async fn a16_with_the_acl_create_tokens_a_token_is_made_for_its_owner_and_its_requester_may_renew_it() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let token = alice_for_bob(&cluster, NewToken::new().with_owner(Principal::user("bob"))).await;
        assert_eq!(token.owner(), Some(&Principal::user("bob")));
        assert_eq!(token.requester(), Some(&Principal::user("alice")));
        lab::await_known(&cluster, &token);
        let (alice, bob) = (user(&cluster, "alice").await, user(&cluster, "bob").await);
        for renewer in [&alice, &bob] {
            renewer.renew_delegation_token(&token, None).await.unwrap();
        }
        let listed = bob.describe_delegation_tokens(None).await.unwrap();
        let listed = listed.iter().find(|it| it.token.id() == token.id()).unwrap();
        assert_eq!(listed.renewers, [Principal::user("alice")]);
        let credentials = lab::token(ScramMechanism::Sha256, &token);
        lab::connect(&cluster, Listener::SaslPlaintext, credentials).await.unwrap();
        alice.expire_delegation_token(&token, None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a17_a_token_for_somebody_else_does_what_its_owner_may_and_its_requester_may_not() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let topic = format!("bobs-{}", std::process::id());
        cluster.admin(&["create-topic", &topic, "1", "1"]).unwrap();
        for operation in ["READ", "DESCRIBE"] {
            cluster.admin(&["allow", "User:bob", operation, "TOPIC", &topic]).unwrap();
        }
        let token = alice_for_bob(&cluster, NewToken::new().with_owner(Principal::user("bob"))).await;
        lab::await_known(&cluster, &token);
        let credentials = lab::token(ScramMechanism::Sha512, &token);
        let executor = lab::connect(&cluster, Listener::SaslPlaintext, credentials).await.unwrap();
        let (alice, bob) = (user(&cluster, "alice").await, user(&cluster, "bob").await);
        while bob.partitions(topic.as_str()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(executor.partitions(topic.as_str()).await.unwrap().len(), 1);
        let refused = ErrorKind::Broker(BrokerError::TOPIC_AUTHORIZATION_FAILED);
        assert_eq!(alice.partitions(topic.as_str()).await.unwrap_err().kind(), refused);
        alice.expire_delegation_token(&token, None).await.unwrap();
    })
    .await;
}

/// Why the client puts the requester among the renewers.
#[tokio::test]
async fn a16_a_requester_that_is_no_renewer_sees_its_token_and_cannot_undo_it() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        // Waits for the ACL.
        alice_for_bob(&cluster, NewToken::new().with_owner(Principal::user("bob"))).await;
        let mut raw = Raw::logged_in(&cluster, 1, Who::password("alice", "alice-secret"));
        let text = StrBytes::from_static_str;
        let made = raw.create(
            &own_token()
                .with_owner_principal_type(Some(text("User")))
                .with_owner_principal_name(Some(text("bob"))),
        );
        assert_eq!(made.error_code, 0);
        assert_eq!(raw.renew_known(&made.hmac, -1).0, 63);
        assert_eq!(raw.expire(&made.hmac, -1).0, 63);
        let secret = ottla::secret::Secret::new(made.hmac.to_vec());
        lab::await_known(&cluster, &Token::new(made.token_id.as_str(), secret).unwrap());
        let alice = user(&cluster, "alice").await;
        for owners in [None, Some([Principal::user("bob")])] {
            let owners = owners.as_ref().map(<[Principal; 1]>::as_slice);
            let listed = alice.describe_delegation_tokens(owners).await.unwrap();
            assert!(listed.iter().any(|it| it.token.id() == made.token_id.as_str()));
        }
        let mut owner = Raw::logged_in(&cluster, 2, Who::password("bob", "bob-secret"));
        assert_eq!(owner.expire_known(&made.hmac, -1).0, 0);
    })
    .await;
}

#[test]
fn a_refusal_by_65_names_owner_and_requester_and_nothing_else() {
    let cluster = lab::cluster(Profile::Default);
    let mut raw = Raw::logged_in(&cluster, 1, Who::password("bob", "bob-secret"));
    let text = StrBytes::from_static_str;
    let refused = raw.create(
        &own_token()
            .with_owner_principal_type(Some(text("User")))
            .with_owner_principal_name(Some(text("alice"))),
    );
    assert_eq!(refused.error_code, 65);
    assert_eq!(refused.principal_name.as_str(), "alice");
    assert_eq!(refused.token_requester_principal_name.as_str(), "bob");
    assert_eq!((refused.token_id.as_str(), refused.hmac.len(), refused.expiry_timestamp_ms), ("", 0, -1));
}

#[tokio::test]
async fn naming_oneself_as_the_owner_needs_no_acl() {
    lab::in_time(async {
        let admin = user(&lab::cluster(Profile::Default), "bob").await;
        let new = NewToken::new().with_owner(Principal::user("bob"));
        let token = admin.create_delegation_token(new).await.unwrap();
        assert_eq!(token.owner(), token.requester());
        admin.expire_delegation_token(&token, None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn describing_everybody_nobody_or_some_shows_what_the_asker_may_see_and_leaves_out_the_rest() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let (alice, bob) = (user(&cluster, "alice").await, user(&cluster, "bob").await);
        let secret = alice.create_delegation_token(NewToken::new()).await.unwrap();
        let new = NewToken::new().with_renewer(Principal::user("bob"));
        let shared = alice.create_delegation_token(new).await.unwrap();
        let own = bob.create_delegation_token(NewToken::new()).await.unwrap();
        for token in [&secret, &shared, &own] {
            lab::await_known(&cluster, token);
        }
        let (a, b) = (Principal::user("alice"), Principal::user("bob"));
        let cases: [(Option<&[Principal]>, [bool; 3]); 4] = [
            (None, [false, true, true]),
            (Some(&[]), [false, false, false]),
            (Some(std::slice::from_ref(&a)), [false, true, false]),
            (Some(std::slice::from_ref(&b)), [false, true, true]),
        ];
        for (owners, expected) in cases {
            let listed = bob.describe_delegation_tokens(owners).await.unwrap();
            let is_listed = |token: &Token| listed.iter().any(|it| it.token.id() == token.id());
            assert_eq!([&secret, &shared, &own].map(is_listed), expected, "{owners:?}");
        }
        // Who may see a token gets its HMAC.
        let listed = bob.describe_delegation_tokens(None).await.unwrap();
        let listed = listed.iter().find(|it| it.token.id() == shared.id()).unwrap();
        assert_eq!(listed.token.secret_hmac(), shared.secret_hmac());
    })
    .await;
}

/// Waits until a broker lists a token, or no more.
fn await_listed(raw: &mut Raw, owners: Option<&[&str]>, id: &str, listed: bool) {
    let patience = now() + Duration::from_secs(20);
    while raw.listed(owners).iter().any(|it| it == id) != listed {
        assert!(now() < patience, "{id} listed: not {listed}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_super_user_is_shown_every_token() {
    let cluster = lab::cluster(Profile::Default);
    let mut alice = Raw::logged_in(&cluster, 1, Who::password("alice", "alice-secret"));
    let made = alice.create(&own_token());
    let mut admin = Raw::logged_in(&cluster, 2, Who::password("admin", "admin-secret"));
    await_listed(&mut admin, None, &made.token_id, true);
    await_listed(&mut admin, Some(&["alice"]), &made.token_id, true);
    assert_eq!(alice.expire_known(&made.hmac, -1).0, 0);
    await_listed(&mut admin, None, &made.token_id, false);
}

#[test]
fn the_acls_describe_tokens_on_the_owner_and_describe_on_the_token_show_it_to_others() {
    let cluster = lab::cluster(Profile::Default);
    let mut alice = Raw::logged_in(&cluster, 1, Who::password("alice", "alice-secret"));
    let (first, second) = (alice.create(&own_token()), alice.create(&own_token()));
    for token in [&first, &second] {
        await_listed(&mut alice, None, &token.token_id, true);
    }
    let (carol, dave) = (format!("carol-{}", std::process::id()), format!("dave-{}", std::process::id()));
    let mut by_owner = Raw::anybody(&cluster, 1, &carol);
    let mut by_token = Raw::anybody(&cluster, 1, &dave);
    assert_eq!(by_owner.listed(None), Vec::<String>::new());
    let allow = |who: &str, operation, kind, name: &str| {
        cluster.admin(&["allow", &format!("User:{who}"), operation, kind, name]).unwrap();
    };
    allow(&carol, "DESCRIBE_TOKENS", "USER", "User:alice");
    allow(&dave, "DESCRIBE", "DELEGATION_TOKEN", &first.token_id);
    for owners in [None, Some(["alice"].as_slice())] {
        await_listed(&mut by_owner, owners, &first.token_id, true);
        await_listed(&mut by_owner, owners, &second.token_id, true);
        await_listed(&mut by_token, owners, &first.token_id, true);
    }
    assert_eq!(by_token.listed(None), [first.token_id.to_string()]);
    assert_eq!(by_owner.listed(Some(&[])), Vec::<String>::new());
}

#[test]
fn renewers_are_listed_as_they_were_named() {
    let cluster = lab::cluster(Profile::Default);
    let mut raw = Raw::logged_in(&cluster, 1, Who::password("alice", "alice-secret"));
    let made = raw.create(&own_token().with_renewers(vec![renewer("bob"), renewer("admin")]));
    assert_eq!(made.error_code, 0);
    let all = kafka_protocol::messages::DescribeDelegationTokenRequest::default().with_owners(None);
    for _ in 0..400 {
        let listed = raw.call(3, &all).expect("an answer").tokens;
        if let Some(token) = listed.iter().find(|token| token.token_id == made.token_id) {
            let names: Vec<_> = token.renewers.iter().map(|it| it.principal_name.as_str()).collect();
            assert_eq!(names, ["bob", "admin"]);
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the token is never listed");
}

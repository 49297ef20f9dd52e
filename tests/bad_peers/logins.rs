//! Servers that cannot, or will not, finish a login.

use ottla::ErrorKind;

use super::{VERSIONS, connect, refused_once, scram};
use crate::support::peer::{Broker, Peer};
use crate::support::raw::now;

/// A broker that answers the first SCRAM message by `server_first`, made from the client's nonce,
/// and the second, if there is one, by a signature of zeros.
fn server_first(make: fn(nonce: &str) -> String) -> Peer {
    Peer::new(move |mut broker: Broker| async move {
        broker.tell_versions(&VERSIONS).await?;
        broker.accept_handshake().await?;
        let (asked, client_first) = broker.sasl_message().await?;
        let nonce = client_first.split(",r=").nth(1).and_then(|it| it.split(',').next()).unwrap();
        broker.answer_sasl(&asked, &make(nonce)).await?;
        let (asked, _) = broker.sasl_message().await?;
        broker.answer_sasl(&asked, "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").await?;
        broker.fall_silent().await
    })
}

#[tokio::test]
async fn a_server_that_does_not_know_the_password_is_refused_and_not_asked_again() {
    let peer = server_first(|nonce| format!("r={nonce}server,s=c2FsdA==,i=4096"));
    let error = refused_once(&peer, scram()).await;
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(!error.needs_new_credentials(), "the server is wrong, not the password");
}

#[tokio::test]
async fn a_server_that_answers_with_another_nonce_or_adds_nothing_to_ours_is_refused() {
    for make in [
        |nonce: &str| format!("r={nonce},s=c2FsdA==,i=4096"),
        |_: &str| "r=another,s=c2FsdA==,i=4096".to_owned(),
        |_: &str| "r=,s=c2FsdA==,i=4096".to_owned(),
    ] {
        assert_eq!(refused_once(&server_first(make), scram()).await.kind(), ErrorKind::Auth);
    }
}

#[tokio::test]
async fn a_server_that_wants_one_iteration_or_a_billion_is_refused_without_hashing() {
    for make in [
        |nonce: &str| format!("r={nonce}server,s=c2FsdA==,i=1"),
        |nonce: &str| format!("r={nonce}server,s=c2FsdA==,i=4095"),
        |nonce: &str| format!("r={nonce}server,s=c2FsdA==,i=1000000000"),
        |nonce: &str| format!("r={nonce}server,s=c2FsdA==,i=99999999999999999999999"),
    ] {
        assert_eq!(refused_once(&server_first(make), scram()).await.kind(), ErrorKind::Auth);
    }
}

#[tokio::test]
async fn a_server_whose_messages_have_no_form_is_refused() {
    for make in [
        |_: &str| String::new(),
        |_: &str| "e=other-error".to_owned(),
        |nonce: &str| format!("m=ext,r={nonce}server,s=c2FsdA==,i=4096"),
        |nonce: &str| format!("r={nonce}server,s=,i=4096"),
        |nonce: &str| format!("r={nonce}server,s=c2FsdA==,i=4096{}", "x".repeat(60_000)),
    ] {
        assert_eq!(refused_once(&server_first(make), scram()).await.kind(), ErrorKind::Auth);
    }
}

#[tokio::test]
async fn a_server_that_accepts_without_proof_is_refused() {
    let peer = Peer::new(|mut broker| async move {
        broker.tell_versions(&VERSIONS).await?;
        broker.accept_handshake().await?;
        let (asked, _) = broker.sasl_message().await?;
        broker.answer_sasl(&asked, "").await?;
        broker.fall_silent().await
    });
    assert_eq!(refused_once(&peer, scram()).await.kind(), ErrorKind::Auth);
}

#[tokio::test]
async fn a_refusal_is_passed_on_with_its_text_made_harmless() {
    let peer = Peer::new(|mut broker| async move {
        broker.tell_versions(&VERSIONS).await?;
        broker.accept_handshake().await?;
        let (asked, _) = broker.sasl_message().await?;
        broker.refuse_sasl(&asked, 58, &format!("no\n\u{1b}[31m{}", "x".repeat(30_000))).await
    });
    let error = refused_once(&peer, scram()).await;
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(error.needs_new_credentials() && error.is_unknown_user());
    let shown = format!("{error:?} {}", std::error::Error::source(&error).unwrap());
    assert!(shown.len() < 3_000 && !shown.contains(['\n', '\u{1b}']), "{shown}");
}

/// How far a broker goes before it says nothing more.
async fn stops_at(stage: u8, mut broker: Broker) -> std::io::Result<()> {
    if stage >= 1 {
        broker.tell_versions(&VERSIONS).await?;
    }
    if stage >= 2 {
        broker.accept_handshake().await?;
    }
    if stage >= 3 {
        let (asked, client_first) = broker.sasl_message().await?;
        let nonce = client_first.split(",r=").nth(1).unwrap();
        broker.answer_sasl(&asked, &format!("r={nonce}server,s=c2FsdA==,i=4096")).await?;
    }
    broker.fall_silent().await
}

#[tokio::test]
async fn a_broker_that_falls_silent_at_any_step_of_a_login_is_a_timeout_in_bounded_time() {
    for stage in 0..=3 {
        let peer = Peer::new(move |broker| stops_at(stage, broker));
        let began = now();
        let error = connect(&peer, scram()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "stage {stage}");
        println!("stage {stage}: {:?}, {} connections", began.elapsed(), peer.connections());
    }
}

#[tokio::test]
async fn a_broker_that_closes_at_any_step_of_a_login_is_tried_again_with_growing_pauses() {
    for stage in 0..=2 {
        let peer = Peer::new(move |mut broker| async move {
            if stage >= 1 {
                broker.tell_versions(&VERSIONS).await?;
            }
            if stage >= 2 {
                broker.accept_handshake().await?;
            }
            broker.asked().await.map(drop)
        });
        let error = connect(&peer, scram()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "stage {stage}");
        assert!((2..=12).contains(&peer.connections()), "{} connections", peer.connections());
    }
}

//! Frames that no broker sends.

use kafka_protocol::messages::ApiKey;
use kafka_protocol::messages::{
    ApiVersionsResponse, DescribeDelegationTokenResponse, MetadataResponse, SaslHandshakeResponse,
};
use ottla::{Credentials, ErrorKind};

use super::{VERSIONS, connect, is_unreadable, refused_once, scram};
use crate::support::peer::{Peer, frame};

#[tokio::test]
async fn a_wrong_correlation_id_is_a_protocol_error() {
    let peer = Peer::new(|mut broker| async move {
        let asked = broker.asked().await?;
        let wrong = frame(&asked, asked.correlation_id + 1, &ApiVersionsResponse::default());
        broker.write(&wrong).await
    });
    assert!(is_unreadable(&peer).await);
}

#[tokio::test]
async fn a_response_that_nobody_asked_for_is_a_protocol_error() {
    let peer = Peer::new(|mut broker| async move {
        broker.tell_versions(&VERSIONS).await?;
        let asked = broker.asked().await?;
        broker.answer(&asked, &SaslHandshakeResponse::default()).await?;
        broker.write(&[0, 0, 0, 99, 0, 0]).await?;
        broker.fall_silent().await
    });
    assert!(is_unreadable(&peer).await);
}

#[tokio::test]
async fn a_frame_too_long_before_the_login_is_a_protocol_error_without_waiting_for_it() {
    for length in [i32::MAX, 1 << 20, -1, i32::MIN] {
        let peer = Peer::new(move |mut broker| async move {
            broker.asked().await?;
            broker.write_raw(&length.to_be_bytes()).await?;
            broker.fall_silent().await
        });
        assert!(is_unreadable(&peer).await, "{length}");
    }
}

#[tokio::test]
async fn a_frame_that_ends_too_early_is_a_protocol_error() {
    for length in [0, 3, 4, 5, 9] {
        let peer = Peer::new(move |mut broker| async move {
            let asked = broker.asked().await?;
            let whole = frame(&asked, asked.correlation_id, &ApiVersionsResponse::default());
            broker.write(&whole[..length]).await?;
            broker.fall_silent().await
        });
        assert!(is_unreadable(&peer).await, "{length}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_in_the_middle_of_a_frame_is_tried_again_until_the_deadline() {
    let peer = Peer::new(|mut broker| async move {
        broker.asked().await?;
        broker.write_raw(&[0, 0, 0, 100, 0]).await
    });
    let error = connect(&peer, scram()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.is_retriable() && peer.connections() > 1);
    println!("{} connections", peer.connections());
}

#[tokio::test]
async fn text_in_place_of_frames_is_a_protocol_error() {
    let peer = Peer::new(|mut broker| async move {
        broker.write_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?;
        broker.fall_silent().await
    });
    assert!(is_unreadable(&peer).await);
}

#[tokio::test]
async fn an_array_that_claims_more_than_its_frame_holds_is_a_protocol_error() {
    let peer = Peer::new(|mut broker| async move {
        let asked = broker.asked().await?;
        let mut claim = asked.correlation_id.to_be_bytes().to_vec();
        // Error 0, then 2^31 - 2 APIs as a compact array.
        claim.extend([0, 0, 0xff, 0xff, 0xff, 0xff, 0x07]);
        broker.write(&claim).await?;
        broker.fall_silent().await
    });
    assert!(is_unreadable(&peer).await);
}

#[tokio::test]
async fn an_unknown_error_code_is_passed_on_by_its_number() {
    let peer = Peer::new(|mut broker| async move {
        broker.tell_versions(&VERSIONS).await?;
        loop {
            let asked = broker.asked().await?;
            let refusal = DescribeDelegationTokenResponse::default().with_error_code(9999);
            broker.answer(&asked, &refusal).await?;
        }
    });
    let cluster = connect(&peer, Credentials::None).await.unwrap();
    let error = cluster.describe_delegation_tokens(None).await.unwrap_err();
    let ErrorKind::Broker(code) = error.kind() else { panic!("{error:?}") };
    assert_eq!((code.code(), code.name()), (9999, None));
    assert!(!error.is_retriable());
    assert_eq!(cluster.statistics().requests_of("DescribeDelegationToken"), 1);
}

#[tokio::test]
async fn a_broker_that_refuses_api_versions_in_every_version_is_asked_twice_and_no_more() {
    let peer = Peer::new(|mut broker| async move {
        for _ in 0..2 {
            let mut asked = broker.asked().await?;
            asked.version = 0;
            broker.answer(&asked, &ApiVersionsResponse::default().with_error_code(35)).await?;
        }
        broker.fall_silent().await
    });
    let error = refused_once(&peer, scram()).await;
    assert!(matches!(error.kind(), ErrorKind::Broker(code) if code.code() == 35), "{error:?}");
}

#[tokio::test]
async fn a_broker_that_lists_no_common_version_is_unsupported() {
    let peer = Peer::new(|mut broker| async move {
        broker.tell_versions(&[(ApiKey::ApiVersions, 0, 4), (ApiKey::SaslHandshake, 7, 9)]).await?;
        broker.fall_silent().await
    });
    assert_eq!(refused_once(&peer, scram()).await.kind(), ErrorKind::Unsupported);
}

/// A broker whose first answers, on whatever connection, lack their last byte.
fn damages(damaged: u64) -> Peer {
    let answered = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    Peer::new(move |mut broker| {
        let answered = std::sync::Arc::clone(&answered);
        async move {
            broker.tell_versions(&VERSIONS).await?;
            loop {
                let asked = broker.asked().await?;
                if asked.api == ApiKey::Metadata {
                    broker.answer(&asked, &MetadataResponse::default()).await?;
                    continue;
                }
                let whole = frame(&asked, asked.correlation_id, &DescribeDelegationTokenResponse::default());
                match answered.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < damaged {
                    true => broker.write(whole.split_last().map_or(&[], |(_, rest)| rest)).await?,
                    false => broker.write(&whole).await?,
                }
            }
        }
    })
}

#[tokio::test]
async fn a_damaged_answer_is_asked_for_again_on_another_connection() {
    for damaged in [1, 2] {
        let peer = damages(damaged);
        let cluster = connect(&peer, Credentials::None).await.unwrap();
        cluster.describe_delegation_tokens(None).await.unwrap();
        assert_eq!(peer.connections(), damaged + 1);
    }
}

#[tokio::test]
async fn an_answer_that_is_damaged_three_times_in_a_row_is_a_protocol_error() {
    let peer = damages(u64::MAX);
    let cluster = connect(&peer, Credentials::None).await.unwrap();
    let error = cluster.describe_delegation_tokens(None).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Protocol && !error.is_retriable(), "{error:?}");
    assert_eq!(peer.connections(), 3);
}

//! Many callers on one connection.

use std::time::Duration;

use kafka_protocol::messages::describe_delegation_token_response::DescribedDelegationToken;
use kafka_protocol::messages::{ApiKey, DescribeDelegationTokenRequest, DescribeDelegationTokenResponse};
use kafka_protocol::protocol::Decodable;
use ottla::Credentials;
use ottla::ids::Principal;
use tokio::task::JoinSet;

use super::{VERSIONS, config};
use crate::support::peer::Peer;
use crate::support::within;

const CALLERS: usize = 1_000;

/// Answers each request by a token whose id is the owner that was asked for, in bursts.
fn echo() -> Peer {
    Peer::new(|mut broker| async move {
        broker.tell_versions(&VERSIONS).await?;
        let mut waiting = Vec::new();
        loop {
            let mut asked = broker.asked().await?;
            assert_eq!(asked.api, ApiKey::DescribeDelegationToken);
            let request = DescribeDelegationTokenRequest::decode(&mut asked.body, asked.version).unwrap();
            let owner = request.owners.unwrap().remove(0).principal_name;
            let burst_is_over = waiting.len() == 7 || owner.as_str() == "last";
            waiting.push((asked, owner));
            if !burst_is_over {
                continue;
            }
            for (asked, owner) in waiting.drain(..) {
                let token =
                    DescribedDelegationToken::default().with_token_id(owner).with_hmac(vec![7; 64].into());
                let response = DescribeDelegationTokenResponse::default().with_tokens(vec![token]);
                broker.answer(&asked, &response).await?;
            }
        }
    })
}

#[tokio::test]
async fn a_thousand_callers_on_one_connection_each_get_their_own_answer_though_every_tenth_goes_away() {
    let peer = echo();
    let config = config(&peer, Credentials::None)
        .with_request_timeout(Duration::from_secs(60))
        .with_deadline(Duration::from_secs(60));
    let cluster = ottla::Cluster::connect(config).await.unwrap();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let cluster = cluster.clone();
        callers.spawn(async move {
            let owner = Principal::user(caller.to_string());
            let call = cluster.describe_delegation_tokens(Some(std::slice::from_ref(&owner)));
            if caller % 10 == 3 {
                // Dropped before or after it is sent, as it happens.
                let patience = Duration::from_micros(10 * u64::try_from(caller).unwrap());
                return tokio::time::timeout(patience, call).await.is_ok();
            }
            assert_eq!(call.await.unwrap()[0].token.id(), owner.name());
            true
        });
    }
    let flush = async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let last = Principal::user("last");
            cluster.describe_delegation_tokens(Some(&[last])).await.unwrap();
        }
    };
    let all = async {
        let mut answered = 0;
        while let Some(caller) = callers.join_next().await {
            answered += usize::from(caller.unwrap());
        }
        answered
    };
    let answered = within(Duration::from_secs(60), "a thousand calls", async {
        tokio::select! { answered = all => answered, () = flush => 0 }
    });
    let answered = answered.await;
    println!("{answered} of {CALLERS} callers were answered");
    assert!(answered >= CALLERS * 9 / 10);
    assert_eq!((peer.connections(), cluster.statistics().connections), (1, 1));
}

//! Delegation tokens: the rules of real brokers, over pipes and a paused clock.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first thing that is wrong, and measures time"
)]

mod support;

use std::time::Duration;

use kafka_protocol::messages::create_delegation_token_request::CreatableRenewers;
use kafka_protocol::messages::*;
use ottla_testkit::{Cluster, ClusterBuilder, Principal, Protocol, TokenRight};
use support::{Client, Closed};
use tokio::time::advance;

const SASL: Protocol = Protocol::SaslPlaintext;

fn builder() -> ClusterBuilder {
    Cluster::builder()
        .brokers(2)
        .listener(SASL)
        .listener(Protocol::Plaintext)
        .user("alice", "alice-secret")
        .user("bob", "bob-secret")
        .user("admin", "admin-secret")
        .super_user(Principal::user("admin"))
}

async fn login(cluster: &Cluster, user: &str) -> Client {
    let mut client = Client::piped(cluster, 1, SASL).await;
    assert_eq!(client.plain(user, &format!("{user}-secret")).await.unwrap().error_code, 0);
    client
}

fn metadata() -> MetadataRequest {
    MetadataRequest::default()
}

#[tokio::test(start_paused = true)]
async fn a_new_token_is_unknown_until_each_broker_has_learned_it() {
    let cluster = builder().token_propagation(Duration::from_millis(50)).start_in_memory().unwrap();
    cluster.set_token_propagation(Some(ottla_testkit::BrokerId(2)), Duration::from_millis(200));
    let mut alice = login(&cluster, "alice").await;
    let token = alice.create_token().await;
    assert_eq!((token.error_code, token.hmac.len(), token.token_id.len()), (0, 64, 22));
    assert_eq!(alice.renew(&token.hmac, -1).await.error_code, 62);
    assert_eq!(alice.expire(&token.hmac, -1).await.error_code, 62);
    let (step, refused) = Client::piped(&cluster, 1, SASL).await.token_login(&token).await.unwrap();
    assert_eq!((step, refused.error_code), (1, 58));
    advance(Duration::from_millis(60)).await;
    let (_, accepted) = Client::piped(&cluster, 1, SASL).await.token_login(&token).await.unwrap();
    assert_eq!(accepted.error_code, 0);
    // The failed login above took its delay of 100 ms, so 160 ms are over.
    let (_, refused) = Client::piped(&cluster, 2, SASL).await.token_login(&token).await.unwrap();
    assert_eq!(refused.error_code, 58);
    let (_, accepted) = Client::piped(&cluster, 2, SASL).await.token_login(&token).await.unwrap();
    assert_eq!(accepted.error_code, 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_login_is_answered_late_and_closes_the_connection() {
    let cluster = builder().start_in_memory().unwrap();
    let mut client = Client::piped(&cluster, 1, SASL).await;
    let started = tokio::time::Instant::now();
    let (step, refused) = client.scram("alice", "wrong", false).await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_millis(100));
    assert_eq!((step, refused.error_code), (2, 58));
    assert_eq!(
        refused.error_message.unwrap(),
        *"Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256"
    );
    assert_eq!(client.call(metadata(), 12).await, Err(Closed));
    assert_eq!(cluster.counters().failed_logins, 1);
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_logs_in_until_it_is_swept_and_its_session_is_over_at_once() {
    let cluster = builder().token_expiry(Duration::from_secs(60)).start_in_memory().unwrap();
    let mut alice = login(&cluster, "alice").await;
    let token = alice.create_token().await;
    assert_eq!(token.expiry_timestamp_ms - token.issue_timestamp_ms, 60_000);
    advance(Duration::from_secs(61)).await;
    let mut late = Client::piped(&cluster, 1, SASL).await;
    let (_, login) = late.token_login(&token).await.unwrap();
    assert_eq!((login.error_code, login.session_lifetime_ms), (0, 0));
    assert_eq!(late.call(metadata(), 12).await, Err(Closed));
    assert_eq!(cluster.counters().expired_connections_killed, 1);
    assert_eq!(alice.renew(&token.hmac, -1).await.error_code, 66);
    assert_eq!(alice.expire(&token.hmac, 1).await.error_code, 66);
    advance(Duration::from_secs(3600)).await;
    assert!(cluster.tokens().is_empty());
    let (step, refused) = Client::piped(&cluster, 1, SASL).await.token_login(&token).await.unwrap();
    assert_eq!((step, refused.error_code), (1, 58));
    assert_eq!(alice.renew(&token.hmac, -1).await.error_code, 62);
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_by_the_brokers_clock_which_may_be_set() {
    let cluster = builder().token_expiry(Duration::from_secs(60)).start_in_memory().unwrap();
    let mut alice = login(&cluster, "alice").await;
    let token = alice.create_token().await;
    let at = |seconds: i64| {
        let millis = token.issue_timestamp_ms + seconds * 1000;
        std::time::SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap())
    };
    cluster.set_wall_clock(at(61));
    assert_eq!(alice.renew(&token.hmac, -1).await.error_code, 66);
    cluster.set_wall_clock(at(-30));
    assert_eq!(cluster.now(), token.issue_timestamp_ms - 30_000);
    let renewed = alice.renew(&token.hmac, -1).await;
    assert_eq!((renewed.error_code, renewed.expiry_timestamp_ms), (0, token.issue_timestamp_ms + 30_000));
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_with_its_token_and_another_token_of_the_owner_revives_it() {
    let cluster = builder().token_expiry(Duration::from_secs(60)).start_in_memory().unwrap();
    let mut alice = login(&cluster, "alice").await;
    let old = alice.create_token().await;
    let mut worker = Client::piped(&cluster, 1, SASL).await;
    assert_eq!(worker.token_login(&old).await.unwrap().1.session_lifetime_ms, 60_000);
    // A renewal does not lengthen the session.
    advance(Duration::from_secs(30)).await;
    assert_eq!(alice.renew(&old.hmac, -1).await.error_code, 0);
    advance(Duration::from_secs(31)).await;
    let new = alice.create_token().await;
    assert_eq!(worker.token_login(&new).await.unwrap().1.session_lifetime_ms, 60_000);
    assert!(worker.call(metadata(), 12).await.is_ok());
    // Too early: refused, and the connection goes on.
    assert_eq!(worker.handshake("SCRAM-SHA-256").await, Ok(34));
    assert!(worker.call(metadata(), 12).await.is_ok());
    advance(Duration::from_secs(61)).await;
    assert_eq!(worker.call(metadata(), 12).await, Err(Closed));
    assert_eq!(cluster.counters().reauthentications, 1);
}

#[tokio::test(start_paused = true)]
async fn reauthentication_keeps_mechanism_and_principal() {
    let cluster = builder().max_reauth(Duration::from_secs(10)).start_in_memory().unwrap();
    let mut other_mechanism = login(&cluster, "alice").await;
    assert_eq!(other_mechanism.handshake("SCRAM-SHA-256").await, Ok(0));
    assert_eq!(other_mechanism.authenticate("n,,n=alice,r=x").await, Err(Closed));
    let mut other_user = login(&cluster, "alice").await;
    let refused = other_user.plain("bob", "bob-secret").await.unwrap();
    assert_eq!(refused.error_code, 58);
    assert_eq!(
        refused.error_message.unwrap(),
        *"Cannot change principals during re-authentication from User.alice: User.bob"
    );
    let mut same = login(&cluster, "alice").await;
    assert_eq!(same.plain("alice", "alice-secret").await.unwrap().session_lifetime_ms, 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_session_without_an_end_may_not_reauthenticate() {
    let cluster = builder().start_in_memory().unwrap();
    let mut alice = login(&cluster, "alice").await;
    assert_eq!(alice.handshake("PLAIN").await, Ok(34));
    assert_eq!(alice.authenticate("x").await.unwrap().error_code, 34);
    assert!(alice.call(metadata(), 12).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn token_requests_need_a_login_without_a_token() {
    let cluster = builder().start_in_memory().unwrap();
    let token = login(&cluster, "alice").await.create_token().await;
    let mut by_token = Client::piped(&cluster, 1, SASL).await;
    assert_eq!(by_token.token_login(&token).await.unwrap().1.error_code, 0);
    let mut anonymous = Client::piped(&cluster, 1, Protocol::Plaintext).await;
    for client in [&mut by_token, &mut anonymous] {
        assert_eq!(client.create_token().await.error_code, 64);
        assert_eq!(client.renew(&token.hmac, -1).await.error_code, 64);
        assert_eq!(client.expire(&token.hmac, -1).await.error_code, 64);
        let described = client.call(DescribeDelegationTokenRequest::default().with_owners(None), 3).await;
        assert_eq!(described.unwrap().error_code, 64);
    }
}

fn for_bob() -> CreateDelegationTokenRequest {
    CreateDelegationTokenRequest::default()
        .with_owner_principal_type(Some("User".into()))
        .with_owner_principal_name(Some("bob".into()))
        .with_max_lifetime_ms(-1)
}

#[tokio::test(start_paused = true)]
async fn a_token_for_another_needs_a_right_and_its_requester_may_not_renew_it() {
    let cluster = builder().start_in_memory().unwrap();
    let mut alice = login(&cluster, "alice").await;
    let refused = alice.call(for_bob(), 3).await.unwrap();
    assert_eq!((refused.error_code, refused.expiry_timestamp_ms, refused.token_id.len()), (65, -1, 0));
    assert_eq!((&*refused.principal_name, &*refused.token_requester_principal_name), ("bob", "alice"));
    let renewer = CreatableRenewers::default().with_principal_type("Group".into());
    let odd = CreateDelegationTokenRequest::default().with_renewers(vec![renewer]);
    assert_eq!(alice.call(odd, 3).await.unwrap().error_code, 67);
    cluster.allow(Principal::user("alice"), TokenRight::CreateFor(Principal::user("bob")));
    let token = alice.call(for_bob(), 3).await.unwrap();
    assert_eq!(token.error_code, 0);
    assert_eq!(alice.renew(&token.hmac, -1).await.error_code, 63);
    assert_eq!(alice.expire(&token.hmac, -1).await.error_code, 63);
    assert_eq!(login(&cluster, "admin").await.renew(&token.hmac, -1).await.error_code, 63);
    assert_eq!(login(&cluster, "bob").await.renew(&token.hmac, -1).await.error_code, 0);
    let renewer =
        CreatableRenewers::default().with_principal_type("User".into()).with_principal_name("alice".into());
    let token = alice.call(for_bob().with_renewers(vec![renewer]), 3).await.unwrap();
    assert_eq!(alice.renew(&token.hmac, -1).await.error_code, 0);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_described_to_those_they_concern_and_those_with_a_right() {
    let cluster = builder().start_in_memory().unwrap();
    let token = login(&cluster, "alice").await.create_token().await;
    let everything = DescribeDelegationTokenRequest::default().with_owners(None);
    let nothing = DescribeDelegationTokenRequest::default().with_owners(Some(Vec::new()));
    let mut alice = login(&cluster, "alice").await;
    let seen = alice.call(everything.clone(), 3).await.unwrap();
    assert_eq!((seen.error_code, seen.tokens.len()), (0, 1));
    assert_eq!(seen.tokens[0].hmac, token.hmac);
    assert!(alice.call(nothing, 3).await.unwrap().tokens.is_empty());
    let mut bob = login(&cluster, "bob").await;
    let seen = bob.call(everything.clone(), 3).await.unwrap();
    assert_eq!((seen.error_code, seen.tokens.len()), (0, 0));
    cluster.allow(Principal::user("bob"), TokenRight::DescribeOf(Principal::user("alice")));
    assert_eq!(bob.call(everything, 3).await.unwrap().tokens.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn clusters_without_tokens_say_so() {
    let cluster = builder().without_token_secret().start_in_memory().unwrap();
    let mut alice = login(&cluster, "alice").await;
    assert_eq!(alice.create_token().await.error_code, 61);
    assert_eq!(alice.renew(&"x".into(), -1).await.error_code, 61);
    let described = alice.call(DescribeDelegationTokenRequest::default().with_owners(None), 3).await;
    assert_eq!(described.unwrap().error_code, 61);
    let cluster = builder().without_token_support().start_in_memory().unwrap();
    assert_eq!(login(&cluster, "alice").await.create_token().await.error_code, 35);
}

#[tokio::test(start_paused = true)]
async fn expiring_may_lengthen_a_token_and_renewing_may_shorten_it() {
    let cluster = builder().start_in_memory().unwrap();
    let mut alice = login(&cluster, "alice").await;
    let token = alice.create_token().await;
    let day = 86_400_000;
    let now = cluster.now();
    assert_eq!(alice.expire(&token.hmac, 2 * day).await.expiry_timestamp_ms, now + 2 * day);
    assert_eq!(alice.expire(&token.hmac, 100 * day).await.expiry_timestamp_ms, token.max_timestamp_ms);
    assert_eq!(alice.renew(&token.hmac, 1_000_000).await.expiry_timestamp_ms, now + 1_000_000);
    assert_eq!(alice.renew(&token.hmac, 0).await.expiry_timestamp_ms, now + day);
    assert_eq!(alice.renew(&token.hmac, 3 * day).await.expiry_timestamp_ms, now + day);
    assert_eq!(alice.expire(&token.hmac, -1).await.expiry_timestamp_ms, now);
    assert_eq!(alice.expire(&token.hmac, -1).await.error_code, 62);
}

async fn salt(cluster: &Cluster, broker: i32, mechanism: &'static str, id: &str) -> String {
    let mut client = Client::piped(cluster, broker, SASL).await;
    assert_eq!(client.handshake(mechanism).await, Ok(0));
    let first = client.authenticate(format!("n,,n={id},r=x,tokenauth=true")).await.unwrap();
    let first = String::from_utf8(first.auth_bytes.to_vec()).unwrap();
    first.split(',').nth(1).unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn salts_differ_by_broker_and_mechanism_and_change_with_a_renewal() {
    let cluster = builder().start_in_memory().unwrap();
    let mut alice = login(&cluster, "alice").await;
    let token = alice.create_token().await;
    let before = salt(&cluster, 1, "SCRAM-SHA-256", &token.token_id).await;
    assert_eq!(before, salt(&cluster, 1, "SCRAM-SHA-256", &token.token_id).await);
    assert_ne!(before, salt(&cluster, 1, "SCRAM-SHA-512", &token.token_id).await);
    assert_ne!(before, salt(&cluster, 2, "SCRAM-SHA-256", &token.token_id).await);
    alice.renew(&token.hmac, -1).await;
    assert_ne!(before, salt(&cluster, 1, "SCRAM-SHA-256", &token.token_id).await);
}

#[tokio::test(start_paused = true)]
async fn after_a_rotation_of_the_secret_old_tokens_fail_at_client_final() {
    let cluster = builder().start_in_memory().unwrap();
    let mut alice = login(&cluster, "alice").await;
    let token = alice.create_token().await;
    cluster.rotate_token_secret("another");
    let (step, refused) = Client::piped(&cluster, 1, SASL).await.token_login(&token).await.unwrap();
    assert_eq!((step, refused.error_code), (2, 58));
    assert_eq!(alice.renew(&token.hmac, -1).await.error_code, 62);
    let token = alice.create_token().await;
    let (_, login) = Client::piped(&cluster, 1, SASL).await.token_login(&token).await.unwrap();
    assert_eq!(login.error_code, 0);
}

#[tokio::test(start_paused = true)]
async fn before_a_login_only_api_versions_and_the_handshake_are_served() {
    let cluster = builder().start_in_memory().unwrap();
    let mut client = Client::piped(&cluster, 1, SASL).await;
    let versions = client.call(ApiVersionsRequest::default(), 0).await.unwrap();
    assert!(versions.api_keys.iter().any(|api| (api.api_key, api.max_version) == (38, 3)));
    assert_eq!(client.call(metadata(), 12).await, Err(Closed));
    let mut client = Client::piped(&cluster, 1, SASL).await;
    assert_eq!(client.handshake("OAUTHBEARER").await, Ok(33));
    assert_eq!(client.call(metadata(), 12).await, Err(Closed));
}

#[tokio::test(start_paused = true)]
async fn a_month_of_token_life_passes_at_once() {
    let cluster = builder().start_in_memory().unwrap();
    let mut alice = login(&cluster, "alice").await;
    let mut token = alice.create_token().await;
    let mut created = 1;
    for _ in 0..40 {
        advance(Duration::from_secs(18 * 3600)).await;
        if alice.renew(&token.hmac, -1).await.error_code != 0
            || cluster.now() >= token.max_timestamp_ms - 86_400_000
        {
            token = alice.create_token().await;
            created += 1;
        }
        let (_, login) = Client::piped(&cluster, 2, SASL).await.token_login(&token).await.unwrap();
        assert_eq!(login.error_code, 0);
        assert!(login.session_lifetime_ms >= 18 * 3_600_000);
    }
    assert_eq!(cluster.counters().tokens_created, created);
    assert!((4..=6).contains(&created), "{created}");
}

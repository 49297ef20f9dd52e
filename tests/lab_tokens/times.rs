//! What brokers make of the times that a client asks for.

use std::time::Duration;

use kafka_protocol::messages::CreateDelegationTokenResponse;
use ottla::NewToken;
use ottla_lab::{Listener, Profile};

use crate::support::lab;
use crate::support::raw::{Raw, Who, now, own_token};

const DAY: i64 = 86_400_000;
const WEEK: i64 = 7 * DAY;
/// Brokers and clients here share one clock; a busy machine lies between the two.
const SLACK: i64 = 10_000;

fn alice(lab: &ottla_lab::Cluster) -> Raw {
    Raw::logged_in(lab, 1, Who::password("alice", "alice-secret"))
}

/// A new token that brokers know, so that no request about it is refused by 62.
fn known(raw: &mut Raw, max_lifetime: i64) -> CreateDelegationTokenResponse {
    let made = raw.create(&own_token().with_max_lifetime_ms(max_lifetime));
    assert_eq!(made.error_code, 0);
    assert_eq!(raw.renew_known(&made.hmac, -1).0, 0);
    made
}

fn assert_about(got: i64, want: i64) {
    assert!((got - want).abs() < SLACK, "{got} is not about {want}");
}

#[test]
fn a_lifetime_of_zero_less_or_too_much_means_the_brokers_own_without_an_error() {
    let mut raw = alice(&lab::cluster(Profile::Default));
    for asked in [-1, 0, -2, i64::MIN, WEEK + 1, i64::MAX] {
        let made = raw.create(&own_token().with_max_lifetime_ms(asked));
        assert_eq!(made.error_code, 0, "{asked}");
        let lives = (
            made.expiry_timestamp_ms - made.issue_timestamp_ms,
            made.max_timestamp_ms - made.issue_timestamp_ms,
        );
        assert_eq!(lives, (DAY, WEEK), "{asked}");
    }
}

#[test]
fn a_short_lifetime_bounds_the_expiry_too() {
    let made = alice(&lab::cluster(Profile::Default)).create(&own_token().with_max_lifetime_ms(1_000));
    assert_eq!(made.max_timestamp_ms - made.issue_timestamp_ms, 1_000);
    assert_eq!(made.expiry_timestamp_ms, made.max_timestamp_ms);
}

#[test]
fn an_id_has_22_characters_and_an_hmac_64_bytes() {
    let made = alice(&lab::cluster(Profile::Default)).create(&own_token());
    assert_eq!((made.token_id.len(), made.hmac.len()), (22, 64));
}

#[test]
fn a_renewal_without_a_period_gets_the_default_counted_from_now() {
    let mut raw = alice(&lab::cluster(Profile::Default));
    let made = known(&mut raw, -1);
    for period in [-1, 0, -2] {
        let (code, expiry) = raw.renew(&made.hmac, period);
        assert_eq!(code, 0);
        assert_about(expiry, made.issue_timestamp_ms + DAY);
    }
}

#[test]
fn a_renewal_can_shorten_a_life() {
    let mut raw = alice(&lab::cluster(Profile::Default));
    let made = known(&mut raw, -1);
    let (code, expiry) = raw.renew(&made.hmac, 1_000_000);
    assert_eq!(code, 0);
    assert_about(expiry, made.issue_timestamp_ms + 1_000_000);
}

#[test]
fn a_renewal_is_cut_to_the_expiry_time_of_the_broker_and_to_the_maximum_of_the_token() {
    let mut raw = alice(&lab::cluster(Profile::Default));
    let made = known(&mut raw, -1);
    assert_about(raw.renew(&made.hmac, 2 * DAY).1, made.issue_timestamp_ms + DAY);
    let made = known(&mut raw, 3_600_000);
    assert_eq!(raw.renew(&made.hmac, 2 * DAY), (0, made.max_timestamp_ms));
}

#[test]
fn an_expiry_in_the_future_lengthens_a_life_beyond_the_expiry_time_of_the_broker() {
    let mut raw = alice(&lab::cluster(Profile::Default));
    let made = known(&mut raw, -1);
    let (code, expiry) = raw.expire(&made.hmac, 2 * DAY);
    assert_eq!(code, 0);
    assert_about(expiry, made.issue_timestamp_ms + 2 * DAY);
    assert_eq!(raw.expire(&made.hmac, 8 * DAY), (0, made.max_timestamp_ms));
}

#[test]
fn an_expiry_of_zero_ends_a_token_and_leaves_it_there_until_the_sweep() {
    let mut raw = alice(&lab::cluster(Profile::Default));
    let made = known(&mut raw, -1);
    let (code, expiry) = raw.expire(&made.hmac, 0);
    assert_eq!(code, 0);
    assert_about(expiry, made.issue_timestamp_ms);
    // The controller judges by what it has published, which lags.
    let patience = now() + Duration::from_secs(20);
    while raw.expire(&made.hmac, 0).0 != 66 {
        assert!(now() < patience);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(raw.renew(&made.hmac, -1).0, 66);
    assert_eq!(raw.expire(&made.hmac, 1_000).0, 66);
    assert_eq!(raw.expire(&made.hmac, -1).0, 0);
}

#[test]
fn a_negative_expiry_deletes_a_token_at_once() {
    let mut raw = alice(&lab::cluster(Profile::Default));
    let made = known(&mut raw, -1);
    let (code, expiry) = raw.expire(&made.hmac, -5);
    assert_eq!(code, 0);
    assert_about(expiry, made.issue_timestamp_ms);
    let patience = now() + Duration::from_secs(20);
    while raw.expire(&made.hmac, -1).0 != 62 {
        assert!(now() < patience);
    }
    assert_eq!(raw.renew(&made.hmac, -1).0, 62);
}

#[tokio::test]
async fn a_client_is_told_the_times_that_the_broker_chose() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let admin = lab::connect(&cluster, Listener::SaslPlaintext, lab::plain("alice")).await.unwrap();
        let year = Duration::from_secs(365 * 86_400);
        let token = admin.create_delegation_token(NewToken::new().with_max_lifetime(year)).await.unwrap();
        let life = token.life().unwrap();
        assert_eq!(life.max.saturating_since(life.issued), Duration::from_secs(7 * 86_400));
        assert_eq!(life.expires.saturating_since(life.issued), Duration::from_secs(86_400));
        let renewed = admin.renew_delegation_token(&token, Some(Duration::from_secs(1_000))).await.unwrap();
        assert_about(renewed.as_millis(), life.issued.as_millis() + 1_000_000);
        let longest = admin.expire_delegation_token(&token, Some(year)).await.unwrap();
        assert_eq!(longest, life.max);
        let deleted = admin.expire_delegation_token(&token, None).await.unwrap();
        assert_about(deleted.as_millis(), life.issued.as_millis());
    })
    .await;
}

#[tokio::test]
async fn a_token_is_renewed_to_its_maximum_and_no_further() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::ShortToken);
        let admin = lab::connect(&cluster, Listener::SaslPlaintext, lab::plain("alice")).await.unwrap();
        let new = NewToken::new().with_max_lifetime(Duration::from_secs(31));
        let token = admin.create_delegation_token(new).await.unwrap();
        let life = token.life().unwrap();
        assert_eq!(life.expires.saturating_since(life.issued), Duration::from_secs(30));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(admin.renew_delegation_token(&token, None).await.unwrap(), life.max);
    })
    .await;
}

//! What a keeper believes of the lives of its tokens, which brokers do not always tell.

use ottla_testkit::{Action, ApiKey, Fault};

use super::support::embedded::{builder, keeper, pass};
use super::support::within;
use super::{LIMIT, SECOND};

#[tokio::test(start_paused = true)]
async fn a_token_that_ends_while_it_is_being_renewed_leaves_no_secret() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_expiry(30 * SECOND).start_in_memory().unwrap();
        brokers.faults().add(Fault::new(Action::Stall).on_api(ApiKey::RenewDelegationToken));
        // Its renewal is tried for the last two seconds from 1.5 s before its end.
        let kept = keeper(&brokers).with_renewal_ratio(0.95).start().await.unwrap();
        let first = kept.state();
        pass(first.expires_in - SECOND / 10).await;
        let source = kept.source();
        assert_eq!(source.current().id(), first.token_id);
        assert!(!source.current().secret_hmac().is_empty(), "it lives");
        pass(SECOND / 5).await;
        let dead = source.current();
        assert!(dead.secret_hmac().is_empty() && dead.id() == first.token_id);
    })
    .await;
}

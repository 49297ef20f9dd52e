//! What a keeper believes of the lives of its tokens, which brokers do not always tell.

use ottla::AtShutdown;
use ottla_testkit::{Action, ApiKey, BrokerId, Fault};

use super::saved::path;
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

#[tokio::test(start_paused = true)]
async fn the_proof_of_a_token_does_not_lengthen_the_life_of_the_one_before() {
    within(LIMIT, "the test", async {
        let builder = builder().token_expiry(160 * SECOND).token_max_lifetime(160 * SECOND);
        let brokers = builder.start_in_memory().unwrap();
        let kept = keeper(&brokers).start().await.unwrap();
        let first = kept.state();
        // Two brokers take the second token, which is made after 120 s.
        brokers.set_token_propagation(Some(BrokerId(3)), 100 * LIMIT);
        pass(142 * SECOND).await;
        let state = kept.state();
        assert_eq!((state.token_id.as_str(), state.created), (first.token_id.as_str(), 2));
        assert!(state.expires_in + 142 * SECOND <= first.expires_in, "{:?}", state.expires_in);
        pass(first.expires_in - 144 * SECOND).await;
        let state = kept.state();
        assert_ne!(
            state.token_id, first.token_id,
            "the second is used where it is taken, before the first ends"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_adopted_token_whose_sessions_are_shorter_than_its_life_is_deleted_after_the_grace() {
    within(12 * LIMIT, "the test", async {
        let (hour, path) = (LIMIT, path("sessions"));
        let builder = builder().max_reauth(hour).token_expiry(10 * hour).token_max_lifetime(10 * hour);
        let brokers = builder.start_in_memory().unwrap();
        let keeper = || keeper(&brokers).with_grace(2 * hour).with_saved_state(&path);
        let first = keeper().start().await.unwrap();
        let id = first.state().token_id;
        pass(hour).await;
        drop(first);
        let again = keeper().start().await.unwrap();
        assert_eq!(again.state().token_id, id);
        // It is replaced within an hour, which is all that it is known to live.
        pass(hour + hour / 2).await;
        let state = again.state();
        assert_eq!((state.created, state.alive, brokers.tokens().len()), (1, 2, 2), "{state:?}");
        let saved = std::fs::read_to_string(&path).unwrap();
        assert!(saved.contains(&format!("retired={id} ")), "{saved}");
        pass(hour + hour / 2).await;
        let left: Vec<String> = brokers.tokens().into_iter().map(|token| token.id).collect();
        assert_eq!((left, again.state().alive), (vec![state.token_id], 1));
        again.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}

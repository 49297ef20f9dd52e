//! No token that a keeper made is forgotten, whatever became of the answer or of the keeper.

use ottla::{AtShutdown, Connect, Connecting, ErrorKind, NewToken, TokenKeeper, explained};
use ottla_testkit::{Action, ApiKey, BrokerId, Cluster, Fault};

use super::saved::path;
use super::support::embedded::{Pipes, builder, config, keeper, pass, pipes, target, user};
use super::support::within;
use super::{LIMIT, SECOND};

const MINUTE: std::time::Duration = SECOND.saturating_mul(60);

/// One token is made, and nobody hears of it.
fn swallow(brokers: &Cluster, action: Action) {
    brokers.faults().add(Fault::new(action).on_api(ApiKey::CreateDelegationToken).times(1));
}

/// Begins to start a keeper, which ends in the middle of it.
async fn cut(keeper: TokenKeeper, after: std::time::Duration) {
    assert!(tokio::time::timeout(after, keeper.start()).await.is_err(), "it was too fast");
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_making_was_not_told_is_used_and_no_second_one_is_made() {
    for action in [Action::CloseAfter, Action::StallAfter, Action::RefuseAfter(7)] {
        within(LIMIT, "the test", async {
            let brokers = builder().start_in_memory().unwrap();
            let other = keeper(&brokers).start().await.unwrap();
            swallow(&brokers, action);
            let kept = keeper(&brokers).start().await.unwrap();
            assert_eq!((kept.state().created, brokers.counters().tokens_created), (1, 2));
            pass(5 * MINUTE).await;
            assert_eq!((kept.state().alive, brokers.tokens().len()), (1, 2));
            kept.shutdown(AtShutdown::Expire).await.unwrap();
            assert_eq!(brokers.tokens()[0].id, other.state().token_id, "that of another keeper is left");
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_is_killed_before_it_hears_of_its_token_finds_it_at_the_next_start() {
    within(LIMIT, "the test", async {
        let (brokers, path) = (builder().start_in_memory().unwrap(), path("unheard"));
        swallow(&brokers, Action::StallAfter);
        cut(keeper(&brokers).with_saved_state(&path), SECOND).await;
        assert_eq!(brokers.tokens().len(), 1);
        let again = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        assert_eq!((again.state().created, brokers.counters().tokens_created), (0, 1));
        again.shutdown(AtShutdown::Expire).await.unwrap();
        assert_eq!((brokers.tokens().len(), path.exists()), (0, false));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_is_killed_before_the_proof_finds_its_token_at_the_next_start() {
    within(LIMIT, "the test", async {
        let (brokers, path) = (builder().start_in_memory().unwrap(), path("unproved"));
        brokers.set_token_propagation(Some(BrokerId(3)), 10 * SECOND);
        cut(keeper(&brokers).with_saved_state(&path), 5 * SECOND).await;
        let id = brokers.tokens()[0].id.clone();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("made={id} ")), "{text}");
        pass(10 * SECOND).await;
        let again = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((again.state().token_id, brokers.counters().tokens_created), (id, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_replaced_before_a_kill_is_deleted_after_the_next_start_and_its_grace() {
    within(4 * LIMIT, "the test", async {
        let (brokers, path) = (builder().start_in_memory().unwrap(), path("retired"));
        let grace = 10 * MINUTE;
        let keeper = || {
            let hour = NewToken::new().with_max_lifetime(60 * MINUTE);
            keeper(&brokers).with_new_token(hour).with_grace(grace).with_saved_state(&path)
        };
        let first = keeper().start().await.unwrap();
        pass(50 * MINUTE).await;
        let second = first.state();
        assert_eq!((second.created, brokers.tokens().len()), (2, 2));
        drop(first);
        let again = keeper().start().await.unwrap();
        assert_eq!(again.state().token_id, second.token_id);
        pass(grace / 2).await;
        assert_eq!(brokers.tokens().len(), 2, "tasks may still hold on to the old one");
        pass(grace / 2 + SECOND).await;
        assert_eq!((brokers.tokens().len(), again.state().alive), (1, 1));
        again.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_no_broker_lists_until_another_was_made_is_deleted() {
    within(LIMIT, "the test", async {
        // Longer than a keeper waits after a failure.
        let brokers = builder().token_propagation(17 * SECOND).start_in_memory().unwrap();
        swallow(&brokers, Action::CloseAfter);
        let admin = config(&brokers, user("alice")).with_deadline(100 * SECOND);
        let kept = TokenKeeper::new(admin, target(&brokers)).start().await.unwrap();
        assert_eq!(brokers.counters().tokens_created, 2);
        pass(3 * MINUTE).await;
        assert_eq!((kept.state().alive, brokers.tokens().len()), (1, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_ends_waits_for_a_token_that_it_never_heard_of() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_propagation(8 * SECOND).start_in_memory().unwrap();
        swallow(&brokers, Action::CloseAfter);
        keeper(&brokers).start().await.unwrap().shutdown(AtShutdown::Expire).await.unwrap();
        pass(30 * SECOND).await;
        assert!(brokers.tokens().is_empty(), "{:?}", brokers.tokens());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_saved_state_of_a_later_version_is_refused_and_left() {
    within(LIMIT, "the test", async {
        let (brokers, path) = (builder().start_in_memory().unwrap(), path("later"));
        drop(keeper(&brokers).with_saved_state(&path).start().await.unwrap());
        let later = std::fs::read_to_string(&path).unwrap().replace("version=2", "version=3");
        std::fs::write(&path, &later).unwrap();
        let error = keeper(&brokers).with_saved_state(&path).start().await.unwrap_err();
        let left = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((error.kind(), error.is_retriable(), left), (ErrorKind::Config, false, later));
        assert!(explained(&error).contains("run the later version"), "{}", explained(&error));
        assert_eq!(brokers.tokens().len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_nobody_could_look_for_is_found_once_brokers_answer_again() {
    within(4 * LIMIT, "the test", async {
        let hour = builder().token_expiry(60 * MINUTE).token_max_lifetime(60 * MINUTE);
        let (brokers, path) = (hour.start_in_memory().unwrap(), path("away"));
        let first = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        let id = first.state().token_id;
        brokers.set_token_propagation(None, MINUTE);
        swallow(&brokers, Action::StallAfter);
        pass(45 * MINUTE + SECOND).await;
        drop(first);
        assert_eq!(brokers.counters().tokens_created, 2);
        let again = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        assert_eq!((again.state().token_id, again.state().created), (id.clone(), 0));
        let away = Fault::new(Action::Refuse(7)).on_api(ApiKey::DescribeDelegationToken);
        let away = brokers.faults().add_numbered(away);
        pass(3 * MINUTE).await;
        assert!(std::fs::read_to_string(&path).unwrap().contains("unheard=1"));
        brokers.faults().remove(away);
        pass(3 * MINUTE).await;
        let left: Vec<String> = brokers.tokens().into_iter().map(|token| token.id).collect();
        assert_eq!(left, [id]);
        again.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}

/// Reaches one broker.
#[derive(Debug)]
struct One(Pipes);

impl Connect for One {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            match host {
                "broker-1" => self.0.connect(host, port).await,
                _ => Err(std::io::ErrorKind::HostUnreachable.into()),
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_does_not_find_a_token_of_an_earlier_run_says_so_and_keeps_the_saved_state() {
    within(LIMIT, "the test", async {
        let (brokers, path) = (builder().start_in_memory().unwrap(), path("unfound"));
        // The first broker never knows of a token, and the admin of the second keeper has no other.
        brokers.set_token_propagation(Some(BrokerId(1)), 100 * LIMIT);
        let admin = || config(&brokers, user("alice")).with_deadline(200 * SECOND);
        let keeper = |admin| TokenKeeper::new(admin, target(&brokers)).with_saved_state(&path);
        let first = keeper(admin()).start().await.unwrap();
        let id = first.state().token_id;
        drop(first);
        let second = keeper(admin().with_connector(One(pipes(&brokers)))).start().await.unwrap();
        assert_eq!(second.state().created, 1);
        let error = second.shutdown(AtShutdown::Expire).await.unwrap_err();
        assert!(error.is_retriable(), "{error:?}");
        let left: Vec<String> = brokers.tokens().into_iter().map(|token| token.id).collect();
        assert_eq!(left, std::slice::from_ref(&id));
        assert!(std::fs::read_to_string(&path).unwrap().contains(&id));
        brokers.stop_broker(BrokerId(1)).unwrap();
        let third = keeper(admin()).start().await.unwrap();
        assert_eq!((third.state().token_id, third.state().created), (id, 0));
        third.shutdown(AtShutdown::Expire).await.unwrap();
        assert_eq!((brokers.tokens().len(), path.exists()), (0, false));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_cannot_look_for_tokens_deletes_those_that_it_knows() {
    within(LIMIT, "the test", async {
        let (brokers, path) = (builder().start_in_memory().unwrap(), path("unlisted"));
        swallow(&brokers, Action::CloseAfter);
        let kept = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        assert_eq!(brokers.tokens().len(), 1);
        let source = kept.source();
        brokers.faults().add(Fault::new(Action::Refuse(7)).on_api(ApiKey::DescribeDelegationToken));
        kept.shutdown(AtShutdown::Expire).await.unwrap_err();
        assert!(brokers.tokens().is_empty(), "{:?}", brokers.tokens());
        assert!(source.current().secret_hmac().is_empty(), "what is deleted is of no use");
        // Whether there is another is not known.
        assert!(path.exists());
        std::fs::remove_file(&path).unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_that_brokers_still_list_is_not_taken_for_one_of_which_nobody_heard() {
    within(100 * LIMIT, "the test", async {
        for away in 31..60 {
            let brokers = builder().token_expiry(30 * SECOND).start_in_memory().unwrap();
            let kept = keeper(&brokers).start().await.unwrap();
            let first = kept.state().token_id;
            for api in [ApiKey::CreateDelegationToken, ApiKey::RenewDelegationToken] {
                brokers.faults().add(Fault::new(Action::Refuse(-1)).on_api(api));
            }
            tokio::time::sleep(away * SECOND).await;
            brokers.faults().clear();
            tokio::time::sleep(15 * SECOND).await;
            let state = kept.state();
            assert!(state.token_id != first && !state.expires_in.is_zero(), "{away} s: {state:?}");
        }
    })
    .await;
}

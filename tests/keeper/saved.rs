//! A keeper that was started again.

use std::path::PathBuf;

use ottla::{AtShutdown, Connect, Connecting, TokenKeeper};
use ottla_testkit::BrokerId;
use tokio::time::{Instant, sleep_until};

use super::support::embedded::{Pipes, builder, config, keeper, pass, pipes, target, user};
use super::support::within;
use super::{LIMIT, SECOND};

pub(super) fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("ottla-keeper-{name}-{}", std::process::id()))
}

#[tokio::test(start_paused = true)]
async fn a_token_of_an_earlier_run_is_adopted_and_nobody_elses() {
    within(60 * LIMIT, "the test", async {
        let (brokers, path) = (builder().start_in_memory().unwrap(), path("adopt"));
        let others = keeper(&brokers).start().await.unwrap();
        let first = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        tokio::time::sleep(20 * LIMIT).await;
        let (id, epoch) = (first.state().token_id, first.state().epoch.unwrap());
        drop(first);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&id) && text.contains(&epoch.issued.as_millis().to_string()), "{text}");
        tokio::time::sleep(10 * SECOND).await;
        let again = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        let state = again.state();
        assert_eq!((state.token_id.as_str(), state.created), (id.as_str(), 0));
        assert_eq!(state.epoch, Some(epoch));
        assert_eq!(brokers.counters().tokens_created, 2);
        tokio::time::sleep(20 * LIMIT).await;
        let state = again.state();
        assert_eq!((state.token_id.as_str(), state.created, state.renewed), (id.as_str(), 0, 1));
        assert_ne!(others.state().token_id, id);
        again.shutdown(AtShutdown::Expire).await.unwrap();
        assert_eq!((brokers.tokens().len(), path.exists()), (1, false));
        others.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_one_broker_has_not_learned_of_is_asked_for_elsewhere_before_it_is_forgotten() {
    within(LIMIT, "the test", async {
        let (brokers, path) = (builder().start_in_memory().unwrap(), path("behind"));
        brokers.set_token_propagation(Some(BrokerId(1)), 100 * LIMIT);
        let admin = config(&brokers, user("alice")).with_deadline(200 * SECOND);
        let first = TokenKeeper::new(admin, target(&brokers)).with_saved_state(&path).start().await.unwrap();
        let id = first.state().token_id;
        drop(first);
        for broker in [2, 3] {
            brokers.stop_broker(BrokerId(broker)).unwrap();
        }
        let again = tokio::spawn(keeper(&brokers).with_saved_state(&path).start());
        tokio::time::sleep(SECOND / 2).await;
        for broker in [2, 3] {
            brokers.start_broker(BrokerId(broker)).unwrap();
        }
        brokers.stop_broker(BrokerId(1)).unwrap();
        let again = again.await.unwrap().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((again.state().token_id, again.state().created), (id, 0));
        assert_eq!(brokers.tokens().len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_saved_state_that_does_not_fit_is_replaced() {
    within(LIMIT, "the test", async {
        let (brokers, other, path) = (
            builder().start_in_memory().unwrap(),
            builder().seed(7).start_in_memory().unwrap(),
            path("stray"),
        );
        drop(keeper(&other).with_saved_state(&path).start().await.unwrap());
        let stray = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        assert_eq!(stray.state().created, 1, "that of another cluster");
        brokers.delete_token(&stray.state().token_id).unwrap();
        drop(stray);
        let gone = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        assert_eq!(gone.state().created, 1, "one that is gone");
        drop(gone);
        std::fs::write(&path, "garbage").unwrap();
        let garbage = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        assert_eq!(garbage.state().created, 1);
        assert!(garbage.state().last_error.is_some(), "it is told");
        garbage.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}

/// For a while one name leads to a broker of another cluster, and all others are slow.
#[derive(Debug)]
struct Astray {
    pipes: Pipes,
    wrong: Pipes,
    until: Instant,
}

impl Connect for Astray {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            match Instant::now() < self.until {
                true if host == "broker-1" => self.wrong.connect(host, port).await,
                _ => {
                    sleep_until(self.until).await;
                    self.pipes.connect(host, port).await
                }
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_an_earlier_run_that_was_used_and_is_refused_is_left_alone_for_the_grace() {
    within(LIMIT, "the test", async {
        let (brokers, path) = (builder().start_in_memory().unwrap(), path("refused"));
        let other = builder().seed(7).start_in_memory().unwrap();
        let first = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        let id = first.state().token_id;
        drop(first);
        let (pipes, wrong) = (pipes(&brokers), pipes(&other));
        let astray = Astray { pipes, wrong, until: Instant::now() + 6 * SECOND };
        let target = target(&brokers).with_connector(astray);
        let again = TokenKeeper::new(config(&brokers, user("alice")), target);
        let again = again.with_saved_state(&path).start().await.unwrap();
        assert_eq!(again.state().created, 1, "one broker refuses the old one, and the others say nothing");
        pass(SECOND).await;
        let ids = || brokers.tokens().into_iter().map(|token| token.id).collect::<Vec<_>>();
        assert!(ids().contains(&id), "others may still use it: {:?}", ids());
        pass(70 * SECOND).await;
        assert_eq!(ids(), [again.state().token_id]);
        again.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}

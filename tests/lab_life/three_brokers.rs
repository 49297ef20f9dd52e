//! Brokers that stop and start while tokens are replaced.

use std::sync::Arc;

use ottla::{AtShutdown, Credentials, NewToken, RunningKeeper, Target, TokenKeeper};
use ottla_lab::{Listener, OwnCluster};

use super::stage::{PATIENCE, SECOND, Topic, executors, own, tell, until, with};
use crate::support::{lab, within};

/// A keeper that logs in by a certificate, for executors that log in by SCRAM on another listener.
async fn by_certificate(kafka: &Arc<OwnCluster>) -> RunningKeeper {
    let target = Target::of(&lab::config(kafka, Listener::SaslSsl, Credentials::None));
    let keeper = TokenKeeper::new(lab::certificate_config(kafka, "alice"), target);
    let short = NewToken::new().with_max_lifetime(50 * SECOND);
    keeper.with_new_token(short).with_renewal_ratio(0.4).with_grace(SECOND).start().await.unwrap()
}

mod alone {
    use super::*;

    #[tokio::test]
    async fn no_read_fails_while_one_of_three_brokers_is_down_for_a_replacement_nor_while_all_are_restarted()
    {
        within(PATIENCE * 3, "the test", async {
            let kafka = own(3).await;
            let topic = Topic::written(&kafka, "three-brokers").await;
            let name = topic.name.clone();
            with(&kafka, move |kafka| {
                kafka.admin(&["allow", "User:alice", "READ", "TOPIC", &name]).map(drop)
            })
            .await;
            let keeper = by_certificate(&kafka).await;
            let clients = executors(&kafka, Listener::SaslSsl, &keeper, 6).await;
            let calm = topic.read_by(&clients, SECOND / 4);
            tokio::time::sleep(4 * SECOND).await;
            tell(&kafka, "with three brokers", &calm.end().await);

            let readers = topic.read_by(&clients, SECOND / 4);
            let before = keeper.state();
            with(&kafka, |kafka| kafka.broker(2).kill()).await;
            let replaced = |state: &ottla::KeeperState| {
                state.created > before.created && state.token_id != before.token_id && state.alive == 1
            };
            let (state, took) = until(&keeper, "a whole replacement", replaced).await;
            println!("replaced in {took:?}, ready after {:?}, without {:?}", state.readiness, state.unproved);
            with(&kafka, |kafka| kafka.broker(2).start()).await;
            tell(&kafka, "with one of three down", &readers.end().await);
            until(&keeper, "the proof of the third", |state| state.unproved.is_empty()).await;

            let readers = topic.read_by(&clients, SECOND / 4);
            let before = keeper.state();
            for broker in 1..=3 {
                with(&kafka, move |kafka| {
                    kafka.broker(broker).stop().and_then(|()| kafka.broker(broker).start())
                })
                .await;
            }
            let (state, _) = until(&keeper, "a replacement", |state| state.token_id != before.token_id).await;
            println!("{} tokens, failures: {:?}", state.created, state.last_error);
            tell(&kafka, "with all restarted", &readers.end().await);
            keeper.shutdown(AtShutdown::Expire).await.unwrap();
        })
        .await;
    }
}

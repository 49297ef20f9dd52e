//! Kafka is down when a token has to be renewed.

use ottla::AtShutdown;
use ottla_lab::{Listener, Profile};

use super::stage::{PATIENCE, SECOND, Topic, executors, keeper, own, shared, tell, until, with};
use crate::support::within;

mod alone {
    use super::*;

    /// Tokens that live for two minutes and are renewed after 12 s: a busy machine starts Kafka in time.
    #[tokio::test]
    async fn a12_one_of_two_clusters_is_down_when_its_token_is_to_be_renewed() {
        within(PATIENCE * 2, "the test", async {
            let (kafka, other) = tokio::join!(own(1), shared(Profile::ShortToken));
            with(&kafka, |kafka| {
                let node = kafka.broker(1);
                node.kill()?;
                node.set("delegation.token.expiry.time.ms", "120000")?;
                node.set("delegation.token.expiry.check.interval.ms", "1000")?;
                node.start()
            })
            .await;
            let topic = Topic::written(&kafka, "away").await;
            let kept = keeper(&kafka, "admin").with_renewal_ratio(0.1).start().await.unwrap();
            let others = keeper(&other, "bob").with_renewal_ratio(0.5).start().await.unwrap();
            let clients = executors(&kafka, Listener::SaslPlaintext, &kept, 4).await;
            let calm = topic.read_by(&clients, SECOND / 4);
            let (state, _) = until(&kept, "a renewal that is due", |state| state.next_in < 2 * SECOND).await;
            tell(&kafka, "with brokers", &calm.end().await);
            let readers = topic.read_by(&clients, SECOND / 4);
            with(&kafka, |kafka| kafka.broker(1).kill()).await;
            let (failed, _) = until(&kept, "a try that fails", |state| state.failures > 0).await;
            assert_eq!((&failed.token_id, failed.renewed), (&state.token_id, 0));
            with(&kafka, |kafka| kafka.broker(1).start()).await;
            let (renewed, took) = until(&kept, "the renewal", |state| state.renewed > 0).await;
            let error = failed.last_error.unwrap();
            println!("Kafka {}: renewed {took:?} after it came back; until then: {error}", kafka.version());
            assert_eq!((renewed.token_id, renewed.created), (state.token_id, 1), "the same token");
            tell(&kafka, "across an outage", &readers.end().await);
            // The other one is renewed after 15 s.
            let (state, _) = until(&others, "a renewal of the other", |state| state.renewed > 0).await;
            assert_eq!(state.failures, 0, "{state:?}");
            kept.shutdown(AtShutdown::Expire).await.unwrap();
            others.shutdown(AtShutdown::Expire).await.unwrap();
        })
        .await;
    }
}

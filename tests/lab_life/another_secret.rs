//! Brokers that come back with another secret: every token is worth nothing, and they do not say so.

use ottla::AtShutdown;
use ottla_lab::Listener;

use super::stage::{PATIENCE, SECOND, Topic, executors, keeper, own, tell, until, with};
use crate::support::within;

mod alone {
    use super::*;

    #[tokio::test]
    async fn a11_the_secret_of_the_cluster_is_another_one() {
        within(PATIENCE * 2, "the test", async {
            let kafka = own(1).await;
            let topic = Topic::written(&kafka, "another-secret").await;
            let keeper = keeper(&kafka, "admin").start().await.unwrap();
            let clients = executors(&kafka, Listener::SaslPlaintext, &keeper, 4).await;
            let calm = topic.read_by(&clients, SECOND / 4);
            tokio::time::sleep(5 * SECOND).await;
            tell(&kafka, "with one secret", &calm.end().await);
            let readers = topic.read_by(&clients, SECOND / 4);
            with(&kafka, |kafka| {
                let node = kafka.broker(1);
                node.stop()?;
                node.set("delegation.token.secret.key", "another-secret")?;
                node.start()
            })
            .await;
            let (_, took) = until(&keeper, "another token", |state| state.created == 2).await;
            tokio::time::sleep(5 * SECOND).await;
            tell(&kafka, "across a start with another", &readers.end().await);
            println!("Kafka {}: another token {took:?} after that start", kafka.version());
            assert_eq!(keeper.state().created, 2, "one more");
            keeper.shutdown(AtShutdown::Expire).await.unwrap();
        })
        .await;
    }
}

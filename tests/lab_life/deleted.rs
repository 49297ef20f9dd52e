//! A token that somebody else deletes.

use ottla::{AtShutdown, Cluster, ErrorKind, ScramMechanism};
use ottla_lab::{Listener, Profile};
use tokio::time::Instant;

use super::stage::{PATIENCE, SECOND, Topic, config, executors, keeper, shared, tell, until};
use crate::support::{lab, within};

/// Sessions last five seconds here, so that everybody is off after five.
#[tokio::test]
async fn a10_somebody_deletes_the_token_in_use() {
    within(PATIENCE, "the test", async {
        let kafka = shared(Profile::Reauth5s).await;
        let topic = Topic::written(&kafka, "deleted").await;
        let keeper = keeper(&kafka, "admin").start().await.unwrap();
        let clients = executors(&kafka, Listener::SaslPlaintext, &keeper, 10).await;
        let calm = topic.read_by(&clients, SECOND / 4);
        // A token that is younger than 20 s may be unknown to a broker without being gone.
        until(&keeper, "a grown token", |state| state.age > 20 * SECOND).await;
        tell(&kafka, "with a token that lives", &calm.end().await);
        let readers = topic.read_by(&clients, SECOND / 4);
        let old = keeper.source().current();
        let somebody = Cluster::connect(config(&kafka, "admin")).await.unwrap();
        somebody.expire_delegation_token(&old, None).await.unwrap();
        let began = Instant::now();
        let refused = loop {
            let credentials = lab::token(ScramMechanism::Sha256, &old);
            match lab::connect(&kafka, Listener::SaslPlaintext, credentials).await {
                // The broker has not heard of it.
                Ok(_) => assert!(began.elapsed() < PATIENCE, "the token lives"),
                Err(error) => break error,
            }
        };
        assert!(refused.kind() == ErrorKind::Auth && refused.needs_new_credentials(), "{refused:?}");
        let (_, took) = until(&keeper, "another token", |state| state.created == 2).await;
        tokio::time::sleep(12 * SECOND).await;
        let book = readers.end().await;
        tell(&kafka, "across its deletion", &book);
        println!("Kafka {}: another token after {took:?}", kafka.version());
        assert_eq!(keeper.state().created, 2, "not made twice");
        assert_ne!(keeper.state().token_id, old.id());
        keeper.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}

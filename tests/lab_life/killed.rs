//! A driver that was killed.

use ottla::AtShutdown;
use ottla_lab::{Listener, Profile};

use super::stage::{PATIENCE, SECOND, Topic, executors, keeper, shared, tell};
use crate::support::within;

#[tokio::test]
async fn a24_a_driver_that_was_killed_adopts_its_own_token() {
    within(PATIENCE, "the test", async {
        let kafka = shared(Profile::AuthDelay).await;
        let topic = Topic::written(&kafka, "killed").await;
        let folder = tempfile::tempdir().unwrap();
        let saved = folder.path().join("state");
        let second = keeper(&kafka, "admin").start().await.unwrap();
        let killed = keeper(&kafka, "admin").with_saved_state(&saved).start().await.unwrap();
        let token = killed.source().current();
        drop(killed);
        let again = keeper(&kafka, "admin").with_saved_state(&saved).start().await.unwrap();
        assert_eq!(*again.source().current(), *token);
        assert_eq!(again.state().created, 0);
        let clients = executors(&kafka, Listener::SaslPlaintext, &again, 1).await;
        let readers = topic.read_by(&clients, SECOND);
        tokio::time::sleep(SECOND).await;
        // Whoever still reads when its token is deleted is told so, and rightly.
        let seen = readers.end().await;
        again.shutdown(AtShutdown::Expire).await.unwrap();
        tell(&kafka, "with the token of an earlier run", &seen);
        assert_ne!(second.state().token_id, token.id());
        let clients = executors(&kafka, Listener::SaslPlaintext, &second, 1).await;
        tell(&kafka, "with that of the other driver", &topic.read_by(&clients, SECOND).end().await);
        assert_eq!((second.state().created, second.state().failures), (1, 0));
        second.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}

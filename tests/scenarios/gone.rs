//! Tokens that are dead, deleted, or worth nothing any more.

use ottla::{AtShutdown, Cluster, ErrorKind, NewToken, TokenSource};
use tokio::time::Instant;

use super::{HOUR, LIMIT, SECOND, readers};
use crate::support::embedded::{
    builder, config, every_offset, executor, fill, keeper, kept, pass, pipes, read_all, target, user,
};
use crate::support::within;

#[tokio::test(start_paused = true)]
async fn a09_a_token_that_has_expired_and_is_not_swept() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_expiry(3 * SECOND).token_sweep(HOUR).start_in_memory().unwrap();
        let alice = Cluster::connect(config(&brokers, user("alice"))).await.unwrap();
        let token = alice.create_delegation_token(NewToken::new()).await.unwrap();
        pass(4 * SECOND).await;
        let began = Instant::now();
        let error = executor(&brokers, TokenSource::fixed(token.clone())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TokenExpired, "{error:?}");
        assert!(began.elapsed() <= SECOND && error.needs_new_credentials());
        // Whoever calls again and again does not make a loop of connections.
        let live = alice.create_delegation_token(NewToken::new()).await.unwrap();
        fill(&brokers, "t", 3, 10);
        let (writer, source) = TokenSource::watched(live);
        let config = target(&brokers).config(source).with_connector(pipes(&brokers));
        let client = Cluster::connect(config.with_deadline(SECOND / 10)).await.unwrap();
        read_all(&client, "t").await.unwrap();
        pass(4 * SECOND).await;
        assert!(!writer.replace(token), "it is older");
        let before = brokers.counters().connections;
        let (began, mut calls) = (Instant::now(), 0);
        while began.elapsed() < 10 * SECOND {
            let error = read_all(&client, "t").await.unwrap_err();
            assert!(!error.to_string().is_empty());
            calls += 1;
            pass(SECOND / 50).await;
        }
        let connects = brokers.counters().connections - before;
        println!("{calls} calls in 10 s, {connects} connections to 3 brokers");
        assert!(connects <= 2 * 3 * 10, "{connects} connects");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a10_somebody_deletes_the_token_in_use() {
    within(LIMIT, "the test", async {
        let builder = builder().max_reauth(10 * SECOND).token_propagation(SECOND / 20);
        let (brokers, keeper, client) = kept(builder).await;
        let readers = readers(vec![client], SECOND / 4);
        pass(60 * SECOND).await;
        let old = keeper.source().current();
        brokers.delete_token(old.id()).unwrap();
        pass(SECOND).await;
        let refused = executor(&brokers, TokenSource::fixed((*old).clone())).await.unwrap_err();
        assert!(refused.kind() == ErrorKind::Auth && refused.needs_new_credentials(), "{refused:?}");
        pass(15 * SECOND).await;
        assert_eq!(keeper.state().created, 2, "one more, within the longest session");
        pass(120 * SECOND).await;
        let book = readers.end().await;
        println!("{} reads, the longest gap {:?}", book.reads, book.longest_gap);
        assert!(book.failures.is_empty(), "{:?}", book.failures);
        assert!(book.longest_gap <= 5 * SECOND, "{:?}", book.longest_gap);
        assert_eq!(keeper.state().created, 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a11_the_secret_of_the_clusters_is_another_one() {
    within(LIMIT, "the test", async {
        let make = |seed| {
            let brokers = builder().seed(seed).max_reauth(10 * SECOND).start_in_memory().unwrap();
            fill(&brokers, "t", 3, 10);
            brokers
        };
        let both = [make(1), make(2)];
        let (mut keepers, mut clients) = (Vec::new(), Vec::new());
        for brokers in &both {
            let keeper = keeper(brokers).start().await.unwrap();
            clients.push(executor(brokers, keeper.source()).await.unwrap());
            keepers.push(keeper);
        }
        let readers = readers(clients, SECOND / 4);
        pass(60 * SECOND).await;
        both.iter().for_each(|brokers| brokers.rotate_token_secret("another"));
        pass(120 * SECOND).await;
        let book = readers.end().await;
        assert!(book.failures.is_empty(), "{:?}", book.failures);
        assert!(book.longest_gap <= 5 * SECOND, "{:?}", book.longest_gap);
        for (keeper, brokers) in keepers.into_iter().zip(&both) {
            assert_eq!((keeper.state().created, brokers.counters().tokens_created), (2, 2));
            keeper.shutdown(AtShutdown::Leave).await.unwrap();
        }
    })
    .await;
}

/// A driver that was killed goes on with its own token, beside another of the same principal.
#[tokio::test(start_paused = true)]
async fn a24_a_driver_that_was_killed_adopts_its_own_token() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        fill(&brokers, "t", 3, 10);
        let path = std::env::temp_dir().join(format!("ottla-a24-{}", std::process::id()));
        let second = keeper(&brokers).start().await.unwrap();
        let killed = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        let token = killed.source().current();
        drop(killed);
        pass(HOUR).await;
        let again = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        assert_eq!(*again.source().current(), *token);
        let client = executor(&brokers, again.source()).await.unwrap();
        pass(40 * HOUR).await;
        assert_eq!(read_all(&client, "t").await.unwrap(), every_offset(3, 10));
        assert_eq!((again.state().created, brokers.counters().tokens_created), (0, 2));
        let others = second.state();
        assert_eq!((others.created, others.alive, brokers.tokens().len()), (1, 1, 2));
        again.shutdown(AtShutdown::Expire).await.unwrap();
        assert_eq!(brokers.tokens()[0].id, second.state().token_id);
    })
    .await;
}

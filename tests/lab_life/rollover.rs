//! Tokens that change under load.

use ottla::{AtShutdown, NewToken};
use ottla_lab::{Listener, Profile};

use super::stage::{PATIENCE, SECOND, Topic, connections, executors, keeper, rounds, shared, tell, until};
use crate::support::within;

const EXECUTORS: usize = 100;
const METRICS: [&str; 2] = ["expired-connections-killed-count", "failed-reauthentication-total"];

#[tokio::test]
async fn a08_a_hundred_executors_read_across_replacements() {
    let replacements = rounds(3, 20);
    within(PATIENCE * 4, "the test", async {
        // Of one broker, and no other test of this file counts its connections.
        let kafka = shared(Profile::AuthDelay).await;
        let topic = Topic::written(&kafka, "rollover").await;
        // Each token is replaced after 16 s, which leaves a busy machine time enough.
        let short = NewToken::new().with_max_lifetime(40 * SECOND);
        let keeper = keeper(&kafka, "admin").with_new_token(short).with_renewal_ratio(0.4);
        let keeper = keeper.with_grace(SECOND).start().await.unwrap();
        let clients = executors(&kafka, Listener::SaslPlaintext, &keeper, EXECUTORS).await;
        let (state, _) = until(&keeper, "a token to begin with", |state| state.next_in > 8 * SECOND).await;
        let calm = topic.read_by(&clients, 2 * SECOND);
        tokio::time::sleep(8 * SECOND).await;
        tell(&kafka, "without a replacement", &calm.end().await);
        let before = (METRICS.map(|name| kafka.metric_sum(name).unwrap()), connections(&clients));
        let logins = || clients.iter().map(|client| client.statistics().reauthentications).sum::<u64>();
        let logins_before = logins();
        let readers = topic.read_by(&clients, 2 * SECOND);
        until(&keeper, "replacements", |now| now.created >= state.created + replacements).await;
        until(&keeper, "the last hand-over", |now| now.expires_in > 20 * SECOND).await;
        let all = EXECUTORS as u64 * replacements;
        while logins() - logins_before < all {
            tokio::time::sleep(SECOND / 10).await;
        }
        let book = readers.end().await;
        tell(&kafka, &format!("{replacements} replacements"), &book);
        let after = (METRICS.map(|name| kafka.metric_sum(name).unwrap()), connections(&clients));
        assert_eq!(after, before, "none killed, none refused, none made anew");
        keeper.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}

//! How a program that uses ottla tests what it does when a token expires under it: with embedded
//! brokers, in memory, on a clock that is paused. The first half stands for the program.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{Cluster, Error, IsolationLevel, NewToken, OffsetAt, Token, TokenSource, TokenWriter};
use support::embedded::{builder, config, executor, pass, user};
use support::within;

/// The program: it looks at the end of a partition, and fetches a new token when it needs one.
struct Program {
    /// Logged in by a token.
    worker: Cluster,
    tokens: TokenWriter,
    /// Who may ask for tokens. In the field that is another machine.
    driver: Cluster,
}

impl Program {
    async fn end(&self, partition: &TopicPartition) -> Result<i64, Error> {
        let asked = [partition.clone()];
        loop {
            let ends = self.worker.list_offsets(&asked, OffsetAt::Latest, IsolationLevel::default()).await;
            match ends {
                Err(error) if error.needs_new_credentials() => {
                    self.tokens.replace(self.fresh().await?);
                }
                ends => return ends.map(|ends| ends.get(partition).copied().unwrap_or(0)),
            }
        }
    }

    async fn fresh(&self) -> Result<Token, Error> {
        self.driver.create_delegation_token(NewToken::new()).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_under_a_program_is_replaced_and_the_program_goes_on() {
    within(Duration::from_secs(7_200), "the test", async {
        let minute = Duration::from_secs(60);
        let brokers = builder().token_expiry(minute).token_sweep(minute).start_in_memory().unwrap();
        brokers.create_topic("orders", 1, 3).unwrap();
        brokers.write("orders", 0, &[ottla_testkit::Record::value("first")]).unwrap();
        let driver = Cluster::connect(config(&brokers, user("alice"))).await.unwrap();
        let token = driver.create_delegation_token(NewToken::new()).await.unwrap();
        let (tokens, source) = TokenSource::watched(token);
        let worker = executor(&brokers, source).await.unwrap();
        let program = Program { worker, tokens, driver };

        let orders = TopicPartition::new("orders", 0);
        assert_eq!(program.end(&orders).await.unwrap(), 1);
        // An hour passes at once. The token is dead, and swept: brokers know it no more.
        pass(Duration::from_secs(3_600)).await;
        assert!(brokers.tokens().is_empty());
        assert_eq!(program.end(&orders).await.unwrap(), 1);
        assert_eq!(brokers.counters().tokens_created, 2);
    })
    .await;
}

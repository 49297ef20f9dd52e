//! A user of tokens: reads and writes, and may not fail for want of one.

use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{
    Cluster, Config, Decoder, Error, FollowedTokenFile, IsolationLevel, NewRecord, OffsetAt, OffsetRange,
    ReadOptions, TokenSource, WriteOptions,
};
use tokio::time::{Instant, sleep};

use super::dice::Dice;
use super::kind::Kind;
use super::laws::{Law, now};
use super::plan::{CONNECT, DEADLINE, REQUEST, TOPIC, Using};
use super::world::{RECORDS, World};

/// For how long users may be without a token that works: a keeper makes one a minute in place of one that
/// is refused, and brokers learn of it within twenty seconds.
const ALLOWED: Duration = Duration::from_secs(120);
/// Of a call: its deadline bounds it whole, and a request with its dial.
pub(crate) const LIMIT: Duration = DEADLINE.saturating_add(REQUEST).saturating_add(CONNECT);
/// After a failure, longer after each further one, and before a keeper or a file is there.
const AGAIN: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

struct User {
    world: World,
    using: Using,
    number: usize,
    dice: Dice,
    /// When the first of the calls began that failed one after the other without an excuse.
    in_vain: Option<Instant>,
    /// Its token was worth nothing at some time since a call worked.
    was_useless: bool,
    /// The token that no broker took when the call began, if none did.
    refused: Option<String>,
}

/// Uses tokens for as long as the world lasts.
pub(crate) async fn using(world: World, number: usize) {
    let using = world.plan.users[number].clone();
    let dice = Dice::new(using.seed);
    let mut user = User { world, using, number, dice, in_vain: None, was_useless: true, refused: None };
    if user.using.by_file {
        user.by_file().await;
    } else {
        user.by_keeper().await;
    }
}

impl User {
    fn note(&self, what: &str) {
        self.world.notes.trace(&format!("user {}: {what}", self.number));
    }

    /// A user in the keeper's process: it begins anew with each.
    async fn by_keeper(&mut self) {
        loop {
            let (source, generation) = self.keeper().await;
            let config = self.world.target().config(source.clone());
            self.was_useless = true;
            self.work(&config, &source, generation).await;
        }
    }

    async fn keeper(&self) -> (TokenSource, u64) {
        loop {
            {
                let slot = self.world.slot(self.using.keeper);
                if let Some(source) = &slot.source {
                    return (source.clone(), slot.generation);
                }
            }
            sleep(AGAIN * 3).await;
        }
    }

    /// A user elsewhere, who outlives keepers.
    async fn by_file(&mut self) {
        let (path, look) = (self.world.token_file(self.using.keeper), self.world.plan.look());
        let file = loop {
            match FollowedTokenFile::open_with(&path, look).await {
                Ok(file) => break file,
                Err(error) => {
                    if path.exists() && !self.world.slot(self.using.keeper).is_harmed {
                        self.world.notes.broken(Law::Tokens, &format!("no token file: {error:?}"));
                    }
                    sleep(look).await;
                }
            }
        };
        self.world.strikes(Kind::FileFollowed);
        let config = file.config();
        self.work(&config, &file.source(), 0).await;
    }

    /// Works until the keeper is another one, or for ever with a file.
    async fn work(&mut self, config: &Config, source: &TokenSource, generation: u64) {
        let (mut client, mut again) = (None, AGAIN);
        loop {
            if !self.using.by_file && self.world.slot(self.using.keeper).generation != generation {
                return;
            }
            if !self.using.by_file && self.world.slot(self.using.keeper).source.is_none() {
                // Its process is away.
                sleep(LONGEST).await;
                continue;
            }
            let began = now();
            self.look_at(source);
            let id = source.current().id().to_owned();
            self.refused = self.world.is_refused(&id).then_some(id);
            let config = self.world.patient(config.clone()).with_idle_close(self.using.idle_close);
            let notes = self.world.notes.clone();
            let outcome = notes.limited("a user's call", LIMIT, self.call(&mut client, config)).await;
            self.look_at(source);
            match outcome {
                Ok(()) => {
                    (self.in_vain, self.was_useless, again) = (None, false, AGAIN);
                    let most = u64::try_from(self.using.every.as_millis()).unwrap();
                    sleep(Duration::from_millis(most / 2 + self.dice.below(most))).await;
                }
                Err(error) => {
                    self.failed(&error, source, began);
                    sleep(again).await;
                    again = (again * 2).min(LONGEST.max(self.world.plan.look()));
                }
            }
        }
    }

    fn look_at(&mut self, source: &TokenSource) {
        self.was_useless |= !self.world.is_usable(source.current().id());
    }

    async fn call(&mut self, client: &mut Option<Cluster>, config: Config) -> Result<(), Error> {
        let client = match client {
            Some(client) => client,
            None => client.insert(Cluster::connect(config).await?),
        };
        let place = TopicPartition::new(TOPIC, self.using.partition);
        match self.dice.below(4) {
            0 => {
                let writer = client.write(WriteOptions::new().with_delivery_timeout(DEADLINE));
                let topic = writer.topic(TOPIC).await?;
                let record = NewRecord::value(b"u").with_partition(self.using.partition);
                topic.send_with_receipt(record).await?.await.map(|_| ())
            }
            1 => {
                let range = OffsetRange::new(place, 0, RECORDS);
                let (mut reader, mut decoder) =
                    (client.read(vec![range], ReadOptions::new()), Decoder::new());
                let mut seen = 0;
                while let Some(chunk) = reader.next().await? {
                    chunk.for_each_record::<Error>(&mut decoder, |_| {
                        seen += 1;
                        Ok(())
                    })?;
                }
                assert_eq!(seen, RECORDS);
                Ok(())
            }
            _ => {
                let asked = [place];
                client.list_offsets(&asked, OffsetAt::Latest, IsolationLevel::default()).await.map(|_| ())
            }
        }
    }

    fn failed(&mut self, error: &Error, source: &TokenSource, began: Instant) {
        let id = source.current().id().to_owned();
        self.note(&format!("fails with {id}: {error}"));
        if self.world.hurts_users(began) {
            self.in_vain = None;
            return;
        }
        // Whoever asks again for as long as the error says so would ask for ever.
        if self.refused.as_deref() == Some(&id) && self.world.is_refused(&id) && error.is_retriable() {
            let text = format!("user {} is told to ask again with a dead token: {error:?}", self.number);
            return self.world.notes.broken(Law::Causes, &text);
        }
        if !self.was_useless {
            let text = format!("user {} fails with a token that works: {error:?}", self.number);
            return self.world.notes.broken(Law::Tokens, &text);
        }
        if let Some(excuse) = self.world.excuse(self.using.keeper, self.using.by_file, &id) {
            self.note(excuse);
            self.in_vain = None;
            return;
        }
        let since = *self.in_vain.get_or_insert(began);
        let allowed = if self.using.by_file { ALLOWED + self.world.plan.look() * 3 } else { ALLOWED };
        if now() - since > allowed {
            let text = format!("user {} has no token that works for {allowed:?}: {error:?}", self.number);
            self.world.notes.broken(Law::Tokens, &text);
        }
    }
}

//! How a keeper gives tokens back: one that nobody uses any more, and all of them at its end.

use std::time::{Duration, Instant};

use super::{Errands, ONE_TRY, is_gone, own, random};
use crate::conn::token::{Token, YOUNG};
use crate::error::{BrokerError, Error, ErrorKind};
use crate::time;
use crate::token::keeper::AtShutdown;

/// Between two looks of a keeper that ends and does not know of every token, and before tokens are
/// deleted again that the controller does not know yet, where it doubles.
const PAUSE: Duration = Duration::from_secs(1);

impl Errands {
    /// Ends the tokens, if that is wished. The saved state is kept as long as one of its tokens may live:
    /// the next keeper deletes it.
    pub(in crate::token) async fn end(&mut self, tokens: AtShutdown) -> Result<(), Error> {
        self.ended = true;
        if tokens == AtShutdown::Leave {
            return Ok(());
        }
        let deadline = time::now() + self.keeper.admin.deadline();
        let ended = tokio::time::timeout_at(deadline.into(), Box::pin(self.end_all(deadline))).await;
        let ended = ended.unwrap_or_else(|_| {
            Err(Error::late("not every token could be deleted in time", self.last_error.as_ref()))
        });
        match &ended {
            Ok(()) => self.remove_saved().await,
            Err(_) => self.save().await,
        }
        ended
    }

    /// Deletes the tokens that are known, then those that it finds, and again and again those that may
    /// still appear.
    async fn end_all(&mut self, deadline: Instant) -> Result<(), Error> {
        let mut deleted = self.delete_all().await;
        let searched = self.search_out(&mut deleted).await;
        let mut pause = PAUSE;
        // One try may have been too short for brokers to learn of it.
        while let Err(error) = &deleted
            && !self.unheard_of().is_empty()
            && time::now() + pause < deadline
        {
            self.note(error.clone());
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ONE_TRY);
            deleted = self.delete_all().await;
        }
        deleted.map_err(|error| self.explain(error))?;
        searched
    }

    /// Looks for more and deletes that too, as long as brokers may not have learned of one.
    async fn search_out(&mut self, deleted: &mut Result<(), Error>) -> Result<(), Error> {
        let Some(doubt) = self.doubt else { return Ok(()) };
        let mut is_heard_of = !doubt.is_unheard();
        loop {
            let found = self.own_tokens().await?;
            if !found.is_empty() {
                is_heard_of = true;
                found.into_iter().for_each(|own| self.retire(own));
                *deleted = self.delete_all().await;
            }
            if (is_heard_of && self.sought.is_empty()) || time::now() >= doubt.since + YOUNG {
                break;
            }
            // The next login may be at another broker.
            self.admin = None;
            tokio::time::sleep(PAUSE).await;
        }
        match self.sought.len() {
            0 => Ok(()),
            unlisted => Err(Error::because(
                ErrorKind::Timeout,
                format!("of an earlier run {unlisted} tokens may live that no broker lists which was asked"),
            )),
        }
    }

    /// Tokens that may be there, of which no broker has shown that it knows them.
    fn unheard_of(&self) -> Vec<String> {
        let alive = self.life.alive(time::now()).into_iter().filter(|token| !token.is_known());
        alive.map(|token| token.id().to_owned()).collect()
    }

    fn explain(&self, error: Error) -> Error {
        let unheard = self.unheard_of();
        if !is_unknown(&error) || unheard.is_empty() {
            return error;
        }
        error.with_detail(format!(
            "brokers have not learned yet of the tokens {}, which they made and which will live until they \
             expire",
            unheard.join(", ")
        ))
    }

    /// Deletes what was made in vain, for a keeper that does not come to a first token.
    pub(super) async fn give_up(&mut self) {
        let _ = tokio::time::timeout(ONE_TRY, Box::pin(self.delete_unused())).await;
    }

    async fn delete_unused(&mut self) {
        let unheard = self.doubt.is_some_and(|doubt| doubt.is_unheard());
        if unheard && let Ok(found) = self.own_tokens().await {
            // Those of an earlier run may have users.
            found.into_iter().filter(|own| own.saved.is_none()).for_each(|own| self.retire(own));
        }
        let _ = self.delete_all().await;
        // A state that was not understood, or does not show yet whether its tokens live, is left.
        if self.saved.is_some() {
            self.save().await;
        }
    }

    /// Deletes all that may be alive. That one may still appear is said before anything else.
    async fn delete_all(&mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        for token in self.life.alive(time::now()) {
            match self.delete(&token).await {
                Ok(()) => self.life.on_expired(time::now(), token.id()),
                Err(error) if outcome.is_ok() || is_unknown(&error) => outcome = Err(error),
                Err(_) => {}
            }
        }
        outcome
    }

    /// Deletes one that has a successor, or that nobody will ever use.
    pub(super) async fn expire(&mut self, token: &Token) {
        match self.delete(token).await {
            Ok(()) => self.life.on_expired(time::now(), token.id()),
            Err(error) if is_unknown(&error) => {
                self.note(error);
                self.life.on_unheard_of(time::now(), token.id());
            }
            Err(error) => {
                self.note(error);
                self.life.on_expiry_failed(time::now(), token.id(), random());
            }
        }
    }

    /// Deletes a token, or finds that it is gone. That nobody knows it means nothing as long as nobody
    /// ever did: it may still appear.
    async fn delete(&mut self, token: &Token) -> Result<(), Error> {
        let admin = self.admin().await?;
        match self.bounded(admin.expire_delegation_token(token, None)).await {
            Err(error) if !is_gone(&error) || (is_unknown(&error) && !token.is_known()) => Err(error),
            _ => {
                self.deleted.truncate(own::DELETED - 1);
                self.deleted.push_front(token.id().to_owned());
                Ok(())
            }
        }
    }
}

fn is_unknown(error: &Error) -> bool {
    error.kind() == ErrorKind::Broker(BrokerError::DELEGATION_TOKEN_NOT_FOUND)
}

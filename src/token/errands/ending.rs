//! How tokens are deleted: one that has a successor, and all of them at the end.

use std::time::Duration;

use super::{Errands, ONE_TRY, is_gone, own, random};
use crate::conn::token::{Token, YOUNG};
use crate::error::{Error, ErrorKind};
use crate::time;
use crate::token::keeper::AtShutdown;

/// Between two looks of a keeper that ends and does not know of every token.
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
        let ended = tokio::time::timeout_at(deadline.into(), Box::pin(self.delete_and_search())).await;
        let ended = ended.unwrap_or_else(|_| {
            Err(Error::late("not every token could be deleted in time", self.last_error.as_ref()))
        });
        match &ended {
            Ok(()) => self.remove_saved().await,
            Err(_) => self.save().await,
        }
        ended
    }

    /// Deletes the tokens that are known, and then those that it finds, as long as brokers may not have
    /// learned of one.
    async fn delete_and_search(&mut self) -> Result<(), Error> {
        let mut deleted = self.delete_all().await;
        let Some(doubt) = self.doubt else { return deleted };
        let mut is_heard_of = !doubt.is_unheard();
        loop {
            let found = match self.own_tokens().await {
                Ok(found) => found,
                Err(error) => return deleted.and(Err(error)),
            };
            if !found.is_empty() {
                is_heard_of = true;
                found.into_iter().for_each(|own| self.retire(own));
                deleted = self.delete_all().await;
            }
            if (is_heard_of && self.sought.is_empty()) || time::now() >= doubt.since + YOUNG {
                break;
            }
            // The next login may be at another broker.
            self.admin = None;
            tokio::time::sleep(PAUSE).await;
        }
        deleted?;
        match self.sought.len() {
            0 => Ok(()),
            unlisted => Err(Error::because(
                ErrorKind::Timeout,
                format!("of an earlier run {unlisted} tokens may live that no broker lists which was asked"),
            )),
        }
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

    async fn delete_all(&mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        for token in self.life.alive(time::now()) {
            match self.delete(&token).await {
                Ok(()) => self.life.on_expired(time::now(), token.id()),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// Deletes one that has a successor.
    pub(super) async fn expire(&mut self, token: &Token) {
        match self.delete(token).await {
            Ok(()) => self.life.on_expired(time::now(), token.id()),
            Err(error) => {
                self.note(error);
                self.life.on_expiry_failed(time::now(), token.id(), random());
            }
        }
    }

    async fn delete(&mut self, token: &Token) -> Result<(), Error> {
        let admin = self.admin().await?;
        match self.bounded(admin.expire_delegation_token(token, None)).await {
            Err(error) if !is_gone(&error) => Err(error),
            _ => {
                self.deleted.truncate(own::DELETED - 1);
                self.deleted.push_front(token.id().to_owned());
                Ok(())
            }
        }
    }
}

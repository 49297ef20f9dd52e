//! How a keeper gives tokens back: one that nobody uses any more, and all of them at its end.

use std::time::{Duration, Instant};

use super::{Errands, ONE_TRY, is_gone, own, random};
use crate::conn::token::Token;
use crate::error::{BrokerError, Error, ErrorKind};
use crate::time;
use crate::token::keeper::AtShutdown;

/// Before tokens are deleted again that the controller does not know yet; it doubles.
const PAUSE: Duration = Duration::from_secs(1);

impl Errands {
    /// Ends the tokens, if that is wished.
    pub(in crate::token) async fn end(&mut self, tokens: AtShutdown) -> Result<(), Error> {
        self.ended = true;
        if tokens == AtShutdown::Leave {
            return Ok(());
        }
        let deadline = time::now() + self.keeper.admin.deadline();
        let ended = tokio::time::timeout_at(deadline.into(), Box::pin(self.end_all(deadline))).await;
        let ended = ended.unwrap_or_else(|_| {
            let what = "it is not known in time whether all tokens are deleted";
            Err(Error::late(what, self.last_error.as_ref()))
        });
        match ended {
            Ok(()) => self.remove_saved().await,
            // It is kept as long as a token of it may live: the next keeper deletes it.
            Err(_) => self.save().await,
        }
        ended
    }

    async fn end_all(&mut self, deadline: Instant) -> Result<(), Error> {
        self.search_out().await?;
        let mut pause = PAUSE;
        loop {
            let again = time::now() + pause;
            match self.delete_all().await {
                Err(error) if is_unknown(&error) && !self.unheard_of().is_empty() && again < deadline => {
                    self.note(error);
                }
                ended => return ended.map_err(|error| self.explain(error)),
            }
            tokio::time::sleep_until(again.into()).await;
            pause = (pause * 2).min(ONE_TRY);
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

    /// Deletes the tokens that were made in vain.
    pub(super) async fn give_up(&mut self) {
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

    pub(super) async fn expire(&mut self, token: &Token) {
        match self.delete(token).await {
            Ok(()) => self.life.on_expired(time::now(), token.id()),
            Err(error) if is_unknown(&error) => {
                self.note(error);
                self.life.on_unheard_of(time::now(), token.id());
            }
            Err(error) => {
                self.note(error);
                self.life.on_expiry_failed(time::now(), random());
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

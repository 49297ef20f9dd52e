//! Which tokens are a keeper's own: what it remembers of them, and how it finds those that it never
//! heard of.
//!
//! A token may be there of which nobody knows: the answer to the request that made it was lost, or
//! the process ended before it came. Each token that a keeper makes bears its mark.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

use super::Errands;
use crate::admin::delegation_token::{DescribedToken, NewToken};
use crate::conn::token::Token;
use crate::error::{Error, ErrorKind, explained};
use crate::time;
use crate::token::aside;
use crate::token::doubt::Cause;
use crate::token::lifecycle::Standing;
use crate::token::saved::{Saved, SavedToken, Unsaved};
use crate::wire::error_code::ErrorCode;

/// So many tokens that were deleted are remembered: no broker is behind by more.
pub(super) const DELETED: usize = 16;

/// A token of the keeper's own that a broker lists.
pub(super) struct Own {
    pub(super) token: Token,
    /// What it was to an earlier run; nothing if nobody ever heard of it.
    pub(super) saved: Option<SavedToken>,
}

impl Own {
    pub(super) fn standing(&self) -> Standing {
        self.saved.as_ref().map_or(Standing::Made, |saved| saved.standing)
    }
}

impl Errands {
    /// What the next token is asked for as.
    pub(super) fn marked(&self) -> NewToken {
        let new = self.keeper.new_token.clone();
        self.mark.iter().fold(new, |new, mark| new.with_renewer(mark.renewer()))
    }

    /// What a broker lists of the tokens that the admin may see.
    async fn listed(&mut self) -> Result<Vec<DescribedToken>, Error> {
        let admin = self.admin().await?;
        self.bounded(admin.describe_delegation_tokens(None)).await
    }

    /// The tokens of its own that a broker lists and that it does not know, the newest first.
    pub(super) async fn own_tokens(&mut self) -> Result<Vec<Own>, Error> {
        let listed = self.listed().await?;
        let known = self.life.alive(time::now());
        // Brokers list a dead one until they sweep it.
        let used = self.life.current();
        let is_known = |token: &Token| {
            let mut ids = known.iter().map(|it| it.id()).chain(used.iter().map(Token::id));
            ids.any(|id| id == token.id()) || self.deleted.iter().any(|id| id == token.id())
        };
        let is_new = |token: &Token| !is_known(token);
        let listed = listed.into_iter().filter(|it| is_new(&it.token));
        let mut own: Vec<Own> = listed.filter_map(|listed| self.own(listed)).collect();
        own.sort_by_key(|own| Reverse(own.token.epoch()));
        Ok(own)
    }

    /// Whether a broker knows a token that this keeper made.
    pub(super) async fn is_listed(&mut self, token: &Token) -> Result<bool, Error> {
        let listed = self.listed().await?;
        Ok(listed.iter().any(|listed| listed.token.id() == token.id()))
    }

    fn own(&self, listed: DescribedToken) -> Option<Own> {
        let saved = self.sought.iter().find(|saved| saved.id == listed.token.id()).cloned();
        let is_marked = self.mark.iter().any(|mark| listed.renewers.contains(&mark.renewer()));
        let mut life = listed.token.life()?;
        life.renewals = saved.as_ref().map_or(0, |saved| saved.epoch.renewals);
        let token = listed.token.with_life(life).with_known();
        (saved.is_some() || is_marked).then_some(Own { token, saved })
    }

    /// Has a token deleted that was found and is not to be used.
    pub(super) fn retire(&mut self, own: Own) {
        tracing::info!(token = own.token.id(), "a token of this keeper was found that nobody is to use");
        self.sought.retain(|saved| saved.id != own.token.id());
        let was_used = own.standing() != Standing::Made;
        self.life.on_found(time::now(), Arc::new(own.token), was_used);
    }

    /// Takes a token that was made without an answer, in place of another that would be made.
    pub(super) async fn take_unheard(&mut self) -> Result<bool, Error> {
        let Some(doubt) = self.doubt.filter(|doubt| doubt.is_unheard()) else { return Ok(false) };
        let mut taken = false;
        for own in self.own_tokens().await? {
            // It was made after that moment, so it lives no less. What is older than the one in use was one.
            let is_newest = own.token.epoch() > self.life.epoch();
            let is_of_this_run = doubt.cause == Cause::Unheard && own.saved.is_none() && is_newest;
            if is_of_this_run && !taken {
                let token = own.token.with_received(doubt.since);
                taken = self.life.on_created(time::now(), doubt.since, Arc::new(token));
                self.created += u64::from(taken);
            } else {
                self.retire(own);
            }
        }
        Ok(taken)
    }

    /// When to look for tokens of its own that may be there.
    pub(in crate::token) fn search_due(&self) -> Option<Instant> {
        let doubt = self.doubt?;
        // Whoever makes another looks first, and takes what it finds.
        (!self.life.is_to_make_again()).then_some(doubt.due())
    }

    /// Looks for them; they are deleted.
    pub(in crate::token) async fn search(&mut self) {
        let Some(doubt) = self.doubt else { return };
        match self.own_tokens().await {
            Ok(found) => {
                found.into_iter().for_each(|own| self.retire(own));
                self.doubt = doubt.on_looked(time::now());
            }
            Err(error) => {
                self.forget_admin(&error);
                self.note(error);
                self.doubt = Some(doubt.on_failed(time::now()));
            }
        }
        if self.doubt.is_none() {
            self.sought.clear();
        }
        self.save().await;
    }

    /// Remembers the tokens for a keeper that is started after this one.
    pub(super) async fn save(&mut self) {
        let Some(path) = self.keeper.saved_state.clone() else { return };
        let state = self.to_save();
        if self.saved.as_ref() == Some(&state) {
            return;
        }
        let written = state.clone();
        match aside::run(move || written.write(&path)).await {
            Ok(Ok(())) => self.saved = Some(state),
            Ok(Err(unsaved)) => {
                let error = Error::config(unsaved);
                let why = explained(&error);
                tracing::warn!(why, "a keeper that is started again will not find the tokens of this one");
                self.note(error);
            }
            // The runtime ends.
            Err(_) => {}
        }
    }

    fn to_save(&self) -> Saved {
        let alive = self.life.standings(time::now()).into_iter();
        let alive = alive.filter_map(|(standing, token)| {
            let (id, life) = (token.id().to_owned(), token.life()?);
            let renewed = self.life.period().filter(|_| standing == Standing::InUse);
            let period = renewed.unwrap_or_else(|| life.expires.saturating_since(life.issued));
            Some(SavedToken { standing, id, epoch: token.epoch()?, period })
        });
        let mut tokens: Vec<SavedToken> = alive.collect();
        tokens.extend(self.sought.iter().cloned());
        let unheard = self.doubt.is_some_and(|doubt| doubt.is_unheard());
        Saved { mark: self.mark.clone(), unheard, tokens }
    }

    pub(super) async fn remove_saved(&mut self) {
        let Some(path) = self.keeper.saved_state.clone() else { return };
        let removed = aside::run(move || Saved::remove(&path)).await;
        if let Ok(Err(unsaved @ Unsaved::File(_))) = removed {
            let why = explained(&Error::config(unsaved));
            tracing::warn!(why, "the saved state of tokens that are deleted stays");
        }
    }
}

/// Whether a token may have been made although there was an error: the answer was lost, or a broker
/// did not hear in time what the controller did.
pub(super) fn may_have_made(error: &Error) -> bool {
    const UNKNOWN: [ErrorCode; 3] =
        [ErrorCode::UNKNOWN_SERVER_ERROR, ErrorCode::REQUEST_TIMED_OUT, ErrorCode::NETWORK_EXCEPTION];
    match error.kind() {
        ErrorKind::Broker(code) => UNKNOWN.contains(&code.error_code()),
        ErrorKind::Protocol => true,
        _ => error.possibly_written(),
    }
}

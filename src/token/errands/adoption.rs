//! How a keeper goes on with the token of an earlier run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Errands, LEAST, ONE_TRY};
use crate::error::Error;
use crate::time;
use crate::token::gate::{self, Terms};
use crate::token::readiness::{self, Verdict};
use crate::token::saved::{Saved, Unsaved};

/// Before the token of an earlier run is looked for again; it doubles.
const ADOPTION_PAUSE: Duration = Duration::from_millis(250);
/// How long a token that a broker does not list is looked for at others: one that has just come up
/// may not have learned of it.
const SEARCH: Duration = Duration::from_secs(5);

impl Errands {
    /// Goes on with the token of an earlier run, if it is alive. Nothing else is looked at: the
    /// tokens of other keepers are theirs. As long as it is not known whether that token lives, none
    /// is made beside it, since that would be forgotten.
    pub(super) async fn adopt(&mut self, deadline: Instant) -> Result<(), Error> {
        let ended = tokio::time::timeout_at(deadline.into(), Box::pin(self.come_to_adopt(deadline))).await;
        ended.unwrap_or_else(|_| {
            let what = "it is not known in time whether the token of an earlier run lives";
            Err(Error::late(what, self.last_error.as_ref()))
        })
    }

    async fn come_to_adopt(&mut self, deadline: Instant) -> Result<(), Error> {
        let Some(saved) = self.saved().await? else { return Ok(()) };
        let (mut pause, mut search_until) = (ADOPTION_PAUSE, None);
        loop {
            match self.try_adopt(&saved).await {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    let now = time::now();
                    // What is left of the deadline is for making another.
                    let most = SEARCH.min(deadline.saturating_duration_since(now) / 2);
                    let until = *search_until.get_or_insert(now + most);
                    if now + pause > until {
                        return Ok(());
                    }
                    // The next login may be at another broker.
                    self.admin = None;
                }
                Err(error) if error.is_retriable() && time::now() + pause < deadline => {
                    self.forget_admin(&error);
                    self.note(error);
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ONE_TRY);
        }
    }

    async fn saved(&mut self) -> Result<Option<Saved>, Error> {
        let Some(path) = self.keeper.saved_state.clone() else { return Ok(None) };
        match tokio::task::spawn_blocking(move || Saved::read(&path)).await {
            Ok(Ok(saved)) => Ok(Some(saved)),
            Ok(Err(Unsaved::None)) => Ok(None),
            Ok(Err(unsaved @ Unsaved::Garbage)) => {
                self.note(Error::config(unsaved));
                Ok(None)
            }
            Ok(Err(unsaved @ Unsaved::File(_))) => Err(Error::config(unsaved)),
            Err(_) => Err(Error::shutdown()),
        }
    }

    /// False if the broker that was asked does not list the token.
    async fn try_adopt(&mut self, saved: &Saved) -> Result<bool, Error> {
        let admin = self.admin().await?;
        let tokens = self.bounded(admin.describe_delegation_tokens(None)).await?;
        let own = tokens.into_iter().map(|it| it.token).find(|token| token.id() == saved.id);
        let Some((token, mut life)) = own.and_then(|token| token.life().map(|life| (token, life))) else {
            return Ok(false);
        };
        life.renewals = saved.epoch.renewals;
        let token = token.with_life(life).with_known();
        let limit = readiness::LIMIT / 4;
        let terms = Terms { limit, absence: limit, urgent: true, outlasting: None };
        let found = gate::pass(&self.keeper.target, &token, &[], terms).await;
        self.learn(&found);
        let now = time::now();
        match &found.verdict {
            Verdict::Ready { absent } => {
                self.absent.clone_from(absent);
                // Where no session has an end, a renewal tells what is left.
                let left = found.session_end.map_or(LEAST, |end| end.saturating_duration_since(now));
                self.life.on_adopted(now, Arc::new(token), left, saved.period);
                tracing::info!(token = saved.id, "the token of an earlier run is in use again");
                Ok(true)
            }
            Verdict::Rejected => {
                self.note(found.not_taken());
                self.life.on_found_useless(now, Arc::new(token));
                Ok(true)
            }
            Verdict::Impossible => Err(found.impossible()),
            Verdict::Lagging { .. } | Verdict::Unreachable => Err(found.not_taken()),
        }
    }
}

//! How a keeper goes on with the token of an earlier run.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::own::Own;
use super::{Errands, LEAST, ONE_TRY};
use crate::error::Error;
use crate::time;
use crate::token::aside;
use crate::token::doubt::{Cause, Doubt};
use crate::token::gate::{self, Terms};
use crate::token::lifecycle::Standing;
use crate::token::readiness::{self, Verdict};
use crate::token::saved::{Saved, SavedToken, Unsaved};

/// Before the token of an earlier run is looked for again; it doubles.
const ADOPTION_PAUSE: Duration = Duration::from_millis(250);
/// How long a token that a broker does not list is looked for at others: one that has just come up
/// may not have learned of it.
const SEARCH: Duration = Duration::from_secs(5);

impl Errands {
    /// Goes on with a token of an earlier run, if one is alive, and has the others deleted. Nothing
    /// else is looked at: the tokens of other keepers are theirs. As long as it is not known whether
    /// such a token lives, none is made beside it.
    pub(super) async fn adopt(&mut self, deadline: Instant) -> Result<(), Error> {
        let ended = tokio::time::timeout_at(deadline.into(), Box::pin(self.come_to_adopt(deadline))).await;
        ended.unwrap_or_else(|_| {
            let what = "it is not known in time whether the token of an earlier run lives";
            Err(Error::late(what, self.last_error.as_ref()))
        })
    }

    async fn come_to_adopt(&mut self, deadline: Instant) -> Result<(), Error> {
        let Some(saved) = self.saved().await? else { return Ok(()) };
        self.mark = saved.mark.clone().or(self.mark.take());
        self.sought.clone_from(&saved.tokens);
        if saved.tokens.is_empty() && !saved.unheard {
            return Ok(());
        }
        let adopted = self.adopt_of_these(deadline).await;
        if adopted.is_ok() {
            // A broker may be behind with what was made last, or with all.
            let cause = if saved.unheard { Cause::EarlierRun } else { Cause::Unlisted };
            let open = saved.unheard || !self.sought.is_empty();
            self.doubt = open.then(|| Doubt::new(time::now(), cause));
        }
        adopted
    }

    async fn adopt_of_these(&mut self, deadline: Instant) -> Result<(), Error> {
        let (mut pause, mut search_until) = (ADOPTION_PAUSE, None);
        loop {
            match self.try_adopt().await {
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
        match aside::run(move || Saved::read(&path)).await {
            Ok(Ok(saved)) => Ok(Some(saved)),
            Ok(Err(Unsaved::None)) => Ok(None),
            Ok(Err(unsaved @ Unsaved::Garbage)) => {
                self.note(Error::config(unsaved));
                Ok(None)
            }
            Ok(Err(unsaved @ (Unsaved::File(_) | Unsaved::Later { .. }))) => Err(Error::config(unsaved)),
            Err(_) => Err(Error::shutdown()),
        }
    }

    /// False if the broker that was asked lists none of those that could be used, and there were some.
    async fn try_adopt(&mut self) -> Result<bool, Error> {
        let own = self.own_tokens().await?;
        // One that was retired has a successor, and one that was used has users.
        let (mut usable, mut rest): (Vec<Own>, Vec<Own>) =
            own.into_iter().partition(|own| own.standing() != Standing::Retired);
        usable.sort_by_key(|own| own.standing() != Standing::InUse);
        let is_sought = |saved: &SavedToken| saved.standing != Standing::Retired;
        if usable.is_empty() && self.sought.iter().any(is_sought) {
            return Ok(false);
        }
        let mut usable = VecDeque::from(usable);
        while let Some(own) = usable.pop_front() {
            if self.prove_found(&own).await? {
                self.sought.retain(|saved| saved.id != own.token.id());
                break;
            }
            // Brokers that have not said anything may take it from its users all the same.
            rest.push(own);
        }
        rest.into_iter().chain(usable).for_each(|own| self.retire(own));
        Ok(true)
    }

    /// Whether brokers take this token; it then is the one in use.
    async fn prove_found(&mut self, own: &Own) -> Result<bool, Error> {
        let limit = readiness::LIMIT / 4;
        let terms = Terms { limit, absence: limit, urgent: true, outlasting: None };
        let found = gate::pass(&self.keeper.target, &own.token, &[], terms).await;
        self.learn(&found);
        let now = time::now();
        match &found.verdict {
            Verdict::Ready { absent } => {
                self.absent.clone_from(absent);
                // Where no session has an end, a renewal tells what is left.
                let left = found.session_end.map_or(LEAST, |end| end.saturating_duration_since(now));
                let life = own.token.life();
                let given = life.map_or(LEAST, |life| life.expires.saturating_since(life.issued));
                let period = own.saved.as_ref().map_or(given, |saved| saved.period);
                self.life.on_adopted(now, Arc::new(own.token.clone()), left, period);
                tracing::info!(token = own.token.id(), "the token of an earlier run is in use again");
                Ok(true)
            }
            Verdict::Rejected => {
                self.note(found.not_taken());
                Ok(false)
            }
            Verdict::Impossible => Err(found.impossible()),
            Verdict::Lagging { .. } | Verdict::Unreachable => Err(found.not_taken()),
        }
    }
}

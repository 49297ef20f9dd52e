//! The attempts of one operation: when another one makes sense, and when there is no time for one.

use std::time::Duration;

use super::client::{Cluster, Repeat};
use super::retry::Limit;
use super::topology::Topology;
use crate::conn::credentials::Credentials;
use crate::conn::handle::Damage;
use crate::entropy;
use crate::error::{Class, Error, ErrorKind, class, is_damage};
use crate::time;

/// The attempts of one operation, all of them within one limit. Not a function that takes an async
/// closure: the future of such a one is not known to be `Send`, and callers could not spawn it.
pub(crate) struct Attempts<'a> {
    cluster: &'a Cluster,
    repeat: Repeat,
    limit: Limit,
    failures: u32,
    /// How many answers could not be read.
    damaged: u32,
    /// The last failure that was more than silence.
    last: Option<Error>,
}

impl<'a> Attempts<'a> {
    /// Begins an operation, which has until the configured deadline.
    pub(super) fn new(cluster: &'a Cluster, repeat: Repeat) -> Self {
        let limit = Limit::new(time::now(), cluster.config().deadline());
        Self { cluster, repeat, limit, failures: 0, damaged: 0, last: None }
    }

    /// When the operation has to be over. Whatever it waits for, it waits no longer.
    pub(crate) fn limit(&self) -> Limit {
        self.limit
    }

    /// Waits until another attempt makes sense, with a new picture of the cluster if that may
    /// help. Gives the error back if none does, or there is no time left.
    ///
    /// # Cancel safety
    /// A dropped call loses the wait only.
    pub(crate) async fn after(&mut self, error: Error) -> Result<(), Error> {
        self.again(error.clone()).await?;
        if class(&error) == Class::RefreshMetadata {
            // Where this fails too, the next attempt fails and says so.
            let seen = self.cluster.topology(Topology::generation);
            let _ = self.cluster.refresh_within(seen, self.limit).await;
            if self.limit.left(time::now()).is_zero() {
                return Err(self.told(error));
            }
        }
        Ok(())
    }

    /// As [`after`](Self::after), for what any broker can do, or tells what the picture of the
    /// cluster is: nothing is asked in between.
    ///
    /// # Cancel safety
    /// A dropped call loses the wait only.
    pub(crate) async fn again(&mut self, error: Error) -> Result<(), Error> {
        let again = self.cluster.may_recover(&error)
            && (self.repeat == Repeat::Harmless || !error.possibly_written());
        self.failures += 1;
        self.damaged += u32::from(is_damage(&error));
        let pause = self.pause().min(self.cluster.longest_pause(&error));
        if self.damaged >= Damage::FINAL {
            return Err(error.repeated());
        }
        if !again || pause >= self.limit.left(time::now()) {
            return Err(self.told(error));
        }
        tracing::debug!(%error, ?pause, "trying again");
        match class(&error) {
            Class::NewCredential => self.newer_token(pause).await,
            _ => tokio::time::sleep(pause).await,
        }
        if error.kind() != ErrorKind::Timeout {
            self.last = Some(error);
        }
        Ok(())
    }

    fn pause(&self) -> Duration {
        let random = entropy::fill().map_or(128, |[byte]| byte);
        let backoff = self.cluster.config().reconnect_backoff();
        backoff.pause(self.failures, random, self.limit.left(time::now()))
    }

    /// An error as the caller hears it: that the time was over says little if something else was
    /// wrong before.
    fn told(&self, error: Error) -> Error {
        match &self.last {
            Some(last) if error.kind() == ErrorKind::Timeout => {
                Error::late(&error.to_string(), Some(last)).possibly_written_if(error.possibly_written())
            }
            _ => error,
        }
    }

    /// Waits for a newer token, but not for long: it may have come already.
    async fn newer_token(&self, pause: Duration) {
        if let Credentials::Token { source, .. } = self.cluster.config().credentials() {
            let present = source.current();
            let mut source = source.clone();
            let newer = async { while source.changed().await == present {} };
            let patience = pause.max(Duration::from_secs(1)).min(self.limit.left(time::now()));
            let _ = tokio::time::timeout(patience, newer).await;
        }
    }
}

//! A token file whose tokens are followed as others replace it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::file::{self, InvalidTokenFile};
use super::sighting::{self, Sighting, Stamp};
use crate::cluster::config::{Bootstrap, Config};
use crate::conn::credentials::{TokenSource, TokenWriter};
use crate::error::Error;

/// Follows a token file: gives the token that stands in it, and each one that takes its place.
///
/// The file is looked at once a second, through symbolic links, as Kubernetes and others mount
/// secrets. What is half written, garbage, of another cluster or older than the token in use is
/// not taken: the old token stays in use, and [`FollowedTokenFile::last_error`] says why. A file
/// that its group or everybody may write is refused; one that everybody may read is warned of.
///
/// Dropping it ends the following; clients keep the last token.
#[derive(Debug)]
pub struct FollowedTokenFile {
    source: TokenSource,
    config: Config,
    failure: Arc<Mutex<Option<InvalidTokenFile>>>,
    task: JoinHandle<()>,
}

impl FollowedTokenFile {
    /// Reads the file and begins to follow it, with a look each second.
    ///
    /// # Errors
    /// `Config` if there is no such file, it is no token file, or others may write it.
    ///
    /// # Cancel safety
    /// A dropped call leaves nothing behind.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::open_with(path, Duration::from_secs(1)).await
    }

    /// Reads the file and begins to follow it, with a look each `interval`, from 10 ms to one hour. A
    /// look costs one `open` and one `fstat`.
    ///
    /// # Errors
    /// Those of [`FollowedTokenFile::open`].
    ///
    /// # Cancel safety
    /// A dropped call leaves nothing behind.
    pub async fn open_with(path: impl Into<PathBuf>, interval: Duration) -> Result<Self, Error> {
        let path = path.into();
        let first = look(&path, None).await?.ok_or_else(Error::shutdown)?;
        warn_if_public(&path, &first);
        let bootstrap = first.file.bootstrap().clone();
        let (writer, source) = TokenSource::watched(first.file.token().clone());
        let (file, followed) = (first.file, source.clone());
        // The text may name files to read.
        let config = tokio::task::spawn_blocking(move || file.into_config(followed)).await;
        let config = config.map_err(|_| Error::shutdown())??;
        let failure = Arc::default();
        let follower =
            Follower { path, bootstrap, writer, stamp: first.stamp, failure: Arc::clone(&failure) };
        let interval = interval.clamp(Duration::from_millis(10), Duration::from_secs(3600));
        let task = tokio::spawn(follower.run(interval));
        Ok(Self { source, config, failure, task })
    }

    /// Gives the newest token.
    pub fn source(&self) -> TokenSource {
        self.source.clone()
    }

    /// The configuration of a client that logs in to the target of the file, with its tokens as
    /// they come.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// Why the file as it is now was not taken; nothing if it was.
    pub fn last_error(&self) -> Option<InvalidTokenFile> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FollowedTokenFile {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Follower {
    path: PathBuf,
    bootstrap: Bootstrap,
    writer: TokenWriter,
    /// Of the file that was taken last.
    stamp: Stamp,
    failure: Arc<Mutex<Option<InvalidTokenFile>>>,
}

impl Follower {
    async fn run(mut self, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            let outcome = match look(&self.path, Some(self.stamp)).await {
                Ok(None) => Ok(()),
                Ok(Some(sighting)) => self.take(sighting),
                Err(why) => Err(why),
            };
            let failure = outcome.err();
            let mut kept = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(why) = failure.as_ref().filter(|_| *kept != failure) {
                tracing::warn!(%why, path = %self.path.display(), "the token file is not taken");
            }
            *kept = failure;
        }
    }

    fn take(&mut self, sighting: Sighting) -> Result<(), InvalidTokenFile> {
        let known = self.bootstrap.endpoints();
        if !sighting.file.bootstrap().endpoints().iter().any(|end| known.contains(end)) {
            return Err(file::Error::OtherCluster.into());
        }
        let token = sighting.file.token();
        if !self.writer.replace(token.clone()) && *token != *self.writer.current() {
            return Err(file::Error::Older.into());
        }
        warn_if_public(&self.path, &sighting);
        self.bootstrap = sighting.file.bootstrap().clone();
        self.stamp = sighting.stamp;
        Ok(())
    }
}

async fn look(path: &std::path::Path, before: Option<Stamp>) -> Result<Option<Sighting>, InvalidTokenFile> {
    let path = path.to_owned();
    // A runtime that ends looks no more.
    let looked = tokio::task::spawn_blocking(move || sighting::look(&path, before)).await;
    looked.unwrap_or(Ok(None)).map_err(InvalidTokenFile::from)
}

fn warn_if_public(path: &std::path::Path, sighting: &Sighting) {
    if sighting.is_public {
        let path = path.display();
        tracing::warn!(%path, "everybody on this machine may read the token file, and act as the token's owner");
    }
}

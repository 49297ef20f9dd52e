//! A token file whose tokens are followed as others replace it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::aside;
use super::file::{self, InvalidTokenFile, TokenFile};
use crate::cluster::config::{Bootstrap, Config};
use crate::conn::credentials::{TokenSource, TokenWriter};
use crate::error::Error;
use crate::secret::file::{self as secret_file, FileError, FileRules, Stamp};

/// A file that is written to while it is read for the first time is read so often again.
const FIRST_LOOKS: u32 = 20;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Follows a token file: gives the token that stands in it, and each one that takes its place.
///
/// The file is looked at once a second, through symbolic links, as Kubernetes and others mount
/// secrets. What is half written, garbage, of another cluster or older than the token in use is
/// not taken: the old token stays in use, and [`FollowedTokenFile::last_error`] says why. An older
/// token is taken after all once brokers refuse the one in use, as [`TokenWriter::replace`] says.
/// A token that nothing replaced loses its secret here once it can be alive no more, however often it
/// was renewed. Which files are read [`FileRules`] says; one that everybody may read is warned of, once.
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
    /// `Config` if there is no such file, it is no token file, or others may write it; `Timeout`, which is
    /// worth another try, if its file system does not answer or it is written to all the time.
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
        Self::open_by(path, interval, FileRules::new()).await
    }

    /// Reads the file and begins to follow it, by rules of your own: if another user writes it.
    ///
    /// # Errors
    /// Those of [`FollowedTokenFile::open`].
    ///
    /// # Cancel safety
    /// A dropped call leaves nothing behind.
    pub async fn open_by(
        path: impl Into<PathBuf>,
        interval: Duration,
        rules: FileRules,
    ) -> Result<Self, Error> {
        let (path, rules) = (path.into(), rules.with_max_bytes(file::MAX_BYTES));
        let first = first_look(&path, &rules).await?.ok_or_else(Error::shutdown)?;
        let warned = first.warn_if_public(&path, None);
        let file = first.file.map_err(InvalidTokenFile::from)?;
        let bootstrap = file.bootstrap().clone();
        let (writer, source) = TokenSource::watched(file.token().clone());
        let followed = source.clone();
        // The text may name files to read.
        let config = aside::run(move || file.into_config(followed)).await;
        let config = config.map_err(|_| Error::shutdown())??;
        let failure = Arc::default();
        let follower = Follower {
            path,
            rules,
            bootstrap,
            writer,
            seen: Some(first.stamp),
            warned,
            failure: Arc::clone(&failure),
        };
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
    rules: FileRules,
    bootstrap: Bootstrap,
    writer: TokenWriter,
    /// The file that was read last, taken or not, unless the next look shall read it once more.
    seen: Option<Stamp>,
    /// The file that was warned of last.
    warned: Option<Stamp>,
    failure: Arc<Mutex<Option<InvalidTokenFile>>>,
}

/// A file as it was found, a token file or not.
struct Sighting {
    file: Result<TokenFile, file::Error>,
    stamp: Stamp,
    is_public: bool,
}

impl Sighting {
    /// Warns of a file that everybody may read, if that was not done, and gives the file that was
    /// warned of last.
    fn warn_if_public(&self, path: &Path, warned: Option<Stamp>) -> Option<Stamp> {
        if !self.is_public || warned == Some(self.stamp) {
            return warned;
        }
        secret_file::warn_of_readers(path);
        Some(self.stamp)
    }
}

impl Follower {
    async fn run(mut self, interval: Duration) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                _ = self.writer.refused() => {
                    // One that was passed over for its age may be wanted now.
                    if self.last_failure() == Some(file::Error::Older.into()) {
                        self.seen = None;
                    }
                    // Users who are refused ask again and again: the next look is soon enough.
                    tokio::time::sleep(interval).await;
                }
            }
            self.writer.forget_dead();
            let failure = match look(&self.path, &self.rules, self.seen).await {
                // What was said of it holds.
                Ok(None) => continue,
                Ok(Some(sighting)) => self.take(sighting).err(),
                Err(why) => {
                    self.seen = None;
                    Some(why)
                }
            };
            let mut kept = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(why) = failure.as_ref().filter(|_| *kept != failure) {
                tracing::warn!(%why, path = %self.path.display(), "the token file is not taken");
            }
            *kept = failure;
        }
    }

    fn last_failure(&self) -> Option<InvalidTokenFile> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn take(&mut self, sighting: Sighting) -> Result<(), InvalidTokenFile> {
        self.seen = Some(sighting.stamp);
        self.warned = sighting.warn_if_public(&self.path, self.warned);
        let file = sighting.file?;
        let known = self.bootstrap.endpoints();
        if !file.bootstrap().endpoints().iter().any(|end| known.contains(end)) {
            return Err(file::Error::OtherCluster.into());
        }
        let (token, present) = (file.token(), self.writer.current());
        if !self.writer.replace(token.clone()) && *token != *present {
            return Err(file::Error::Older.into());
        }
        self.bootstrap = file.bootstrap().clone();
        Ok(())
    }
}

/// Reads the file, again if somebody wrote to it at that moment.
async fn first_look(path: &Path, rules: &FileRules) -> Result<Option<Sighting>, InvalidTokenFile> {
    for _ in 0..FIRST_LOOKS {
        match look(path, rules, None).await {
            Err(why) if why == file::Error::File(FileError::Changed).into() => {
                tokio::time::sleep(FIRST_PAUSE).await;
            }
            looked => return looked,
        }
    }
    look(path, rules, None).await
}

/// Reads the file if it is another one than before.
async fn look(
    path: &Path,
    rules: &FileRules,
    before: Option<Stamp>,
) -> Result<Option<Sighting>, InvalidTokenFile> {
    let (path, rules) = (path.to_owned(), rules.clone());
    let looked = aside::run(move || {
        let Some(read) = rules.read_newer(&path, before)? else { return Ok(None) };
        let file = TokenFile::read(read.secret_text().secret_bytes());
        Ok::<_, FileError>(Some(Sighting { file, stamp: read.stamp(), is_public: read.is_public() }))
    });
    // A runtime that ends looks no more.
    looked.await.unwrap_or(Ok(None)).map_err(InvalidTokenFile::from)
}

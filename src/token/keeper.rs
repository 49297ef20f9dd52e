//! Keeps a delegation token alive: the task around [`Lifecycle`](super::lifecycle::Lifecycle).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::errands::Errands;
use super::lifecycle::{Lifecycle, Policy};
use super::state::{KeeperState, Snapshot};
use super::target::Target;
use super::work::Work;
use crate::admin::delegation_token::NewToken;
use crate::cluster::config::{Config, Security};
use crate::conn::credentials::{Credentials, TokenSource};
use crate::error::{Error, ErrorKind};
use crate::metrics;
use crate::time;

/// Makes a delegation token and keeps it alive: proves that the brokers of its target take it,
/// renews it while that is possible, replaces it when it is not, and gives the old one back.
///
/// It has two identities. `admin` is whoever asks for tokens, by Kerberos, a client certificate,
/// a password or a mechanism of your own; it needs no rights beside that. The target is where the
/// token is used, maybe another listener. The keeper has connections of its own.
///
/// A token may be made without its keeper hearing of it: the answer is lost, or the program is killed.
/// So that it is found and not forgotten, each token that a keeper makes has one renewer more than
/// [`NewToken`] says, `User:ottla-keeper-` and 32 random digits, a user whom nobody is. The keeper looks
/// for tokens that bear this name for two minutes after such an answer, and, with a saved state, at its
/// next start. Tokens that do not bear it are others' and are left alone.
///
/// What it asks of the brokers it asks at most four times a second: each token that is made or
/// renewed costs every broker the hashing of its credentials. Keepers do not know of each other,
/// so have one for each cluster and owner, not one for each task.
#[derive(Clone, Debug)]
pub struct TokenKeeper {
    pub(super) admin: Config,
    pub(super) target: Target,
    pub(super) new_token: NewToken,
    pub(super) renew_at: u32,
    pub(super) grace: Duration,
    pub(super) saved_state: Option<PathBuf>,
    enabled: bool,
}

/// What becomes of the token when its keeper is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtShutdown {
    /// It lives on until it expires: others may still use it, and a keeper with the same saved
    /// state can adopt it.
    Leave,
    /// It is deleted, and all older ones with it. Sessions that are live go on until they end. The
    /// sources of the keeper then give a token that has ended, without its secret.
    Expire,
}

impl TokenKeeper {
    /// A keeper that asks for tokens as `admin`, for use at `target`.
    pub fn new(admin: Config, target: Target) -> Self {
        Self {
            admin,
            target,
            new_token: NewToken::new(),
            renew_at: 750,
            grace: Duration::from_secs(60),
            saved_state: None,
            enabled: true,
        }
    }

    /// Sets what tokens to ask for: for another owner, with a shorter life. Default: the admin's
    /// own, with the longest life that the broker gives.
    #[must_use]
    pub fn with_new_token(mut self, new_token: NewToken) -> Self {
        self.new_token = new_token;
        self
    }

    /// Sets after which part of its remaining life a token is renewed or replaced. Default 0.75,
    /// from 0.1 to 0.95. What is left is the time for which all brokers may be down.
    #[must_use]
    pub fn with_renewal_ratio(mut self, ratio: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 100 to 950")]
        let permille = (ratio.clamp(0.1, 0.95) * 1000.0) as u32;
        self.renew_at = permille.clamp(100, 950);
        self
    }

    /// Sets how long a token is left alone after its successor came into use, before it is
    /// deleted. Default one minute, from one second to a week; choose it no shorter than your
    /// longest task, if tasks hold on to the token that they began with.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace.clamp(Duration::from_secs(1), Duration::from_secs(7 * 24 * 3600));
        self
    }

    /// Remembers in this file (mode 0600) which tokens are this keeper's, from the moment at which one
    /// is made until it is deleted, so that the keeper of a program that was started again, or killed,
    /// goes on with one of them and deletes the others. The file holds no secret: the cluster tells it
    /// again to whoever may know. Default: none, each start makes a token.
    ///
    /// No two keepers may share a file. Where it is lost the next keeper knows none of the tokens, and
    /// they die by themselves.
    #[must_use]
    pub fn with_saved_state(mut self, path: impl Into<PathBuf>) -> Self {
        self.saved_state = Some(path.into());
        self
    }

    /// Switches tokens off or on. Default on.
    #[must_use]
    pub fn with_enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Whether there is a token to be made: the switch is on, and the admin is somebody to the
    /// cluster, by SASL or a client certificate, and not by a token. On `PLAINTEXT` there are no
    /// tokens.
    pub fn is_wanted(&self) -> bool {
        let somebody = match self.admin.credentials() {
            Credentials::None => matches!(self.admin.security(), Security::Tls(_)),
            Credentials::Token { .. } => false,
            _ => true,
        };
        self.enabled && somebody
    }

    /// Makes the first token, or finds that of an earlier run, waits until the brokers take it,
    /// and keeps it from then on.
    ///
    /// # Errors
    /// `Misuse` if no token is wanted; those of
    /// [`create_delegation_token`](crate::Cluster::create_delegation_token); what a login of
    /// the admin or with the token failed by; `Connect` and `Timeout` once the admin's deadline
    /// has passed.
    ///
    /// # Cancel safety
    /// A dropped call may leave a token behind, which the next keeper of the same saved state finds;
    /// without one it dies by itself.
    pub async fn start(self) -> Result<RunningKeeper, Error> {
        if !self.is_wanted() {
            let why = "no delegation token is wanted: tokens are switched off, or the admin is anonymous \
                       to the cluster or logs in by a token itself";
            return Err(Error::because(ErrorKind::Misuse, why));
        }
        metrics::describe();
        let policy = Policy { renew_at: self.renew_at, grace: self.grace };
        let mut errands = Errands::new(self, Lifecycle::new(policy));
        let first = errands.first().await?;
        let (writer, source) = TokenSource::watched(first);
        let (stop, stopped) = watch::channel(None);
        let snapshot = Arc::new(Mutex::new(errands.snapshot()));
        let work = Work { errands, writer, stopped, snapshot: Arc::clone(&snapshot) };
        let task = tokio::spawn(work.run());
        Ok(RunningKeeper { source, snapshot, stop, task: Some(task) })
    }
}

/// A keeper at work. Dropping it stops the work and leaves the token to die by itself.
#[derive(Debug)]
pub struct RunningKeeper {
    source: TokenSource,
    snapshot: Arc<Mutex<Snapshot>>,
    stop: watch::Sender<Option<AtShutdown>>,
    task: Option<JoinHandle<Result<(), Error>>>,
}

impl RunningKeeper {
    /// Gives the newest token, for the credentials of clients in this process.
    pub fn source(&self) -> TokenSource {
        self.source.clone()
    }

    /// Where the keeper stands.
    pub fn state(&self) -> KeeperState {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).at(time::now())
    }

    /// Stops the keeper, and deletes its tokens if that is wished.
    ///
    /// # Errors
    /// What kept a token from being deleted, or from being looked for, after a lost answer or while a broker
    /// does not list one of an earlier run, which takes up to twenty seconds; it then dies by itself, or the
    /// next keeper of the same saved state deletes it. One that brokers have not learned of yet is deleted
    /// again and again until the admin's deadline, and then is a `DELEGATION_TOKEN_NOT_FOUND`: it may still
    /// appear. All others are deleted.
    ///
    /// # Cancel safety
    /// A dropped call stops the keeper and may leave its tokens.
    pub async fn shutdown(mut self, tokens: AtShutdown) -> Result<(), Error> {
        self.stop.send_replace(Some(tokens));
        match self.task.take() {
            Some(task) => task.await.unwrap_or_else(|_| Err(Error::shutdown())),
            None => Ok(()),
        }
    }
}

impl Drop for RunningKeeper {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

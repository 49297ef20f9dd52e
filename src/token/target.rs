//! Where a delegation token is used.

use std::io;
use std::path::Path;

use super::file::{self, InvalidTokenFile, disk};
use crate::cluster::config::{Bootstrap, Config, Connector, Security};
use crate::conn::credentials::{Credentials, TokenSource};
use crate::conn::dial::Connect;
use crate::conn::token::Token;
use crate::sasl::ScramMechanism;
use crate::secret::Secret;

/// Says where a delegation token is used: a listener with SCRAM, which may be another than the
/// one on which the token was made. After mTLS it must be.
#[derive(Clone, Debug)]
pub struct Target {
    bootstrap: Bootstrap,
    security: Security,
    mechanism: ScramMechanism,
    connector: Option<Connector>,
}

impl Target {
    /// The listener at `bootstrap`, `SASL_SSL` or `SASL_PLAINTEXT` by `security`, with
    /// SCRAM-SHA-512.
    pub fn new(bootstrap: Bootstrap, security: Security) -> Self {
        Self { bootstrap, security, mechanism: ScramMechanism::Sha512, connector: None }
    }

    /// The listener of `config` itself, reached by its connector.
    pub fn of(config: &Config) -> Self {
        let target = Self::new(config.bootstrap().clone(), config.security().clone());
        Self { connector: Some(config.connector().clone()), ..target }
    }

    /// Sets the bootstrap list.
    #[must_use]
    pub fn with_bootstrap(mut self, bootstrap: Bootstrap) -> Self {
        self.bootstrap = bootstrap;
        self
    }

    /// Sets how connections are protected: `SASL_SSL` or `SASL_PLAINTEXT`.
    #[must_use]
    pub fn with_security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// Sets the mechanism, which the listener must offer. Every token works with both.
    #[must_use]
    pub fn with_mechanism(mut self, mechanism: ScramMechanism) -> Self {
        self.mechanism = mechanism;
        self
    }

    /// Opens streams to the target by `connector` in place of plain TCP. It does not go into the
    /// token file.
    #[must_use]
    pub fn with_connector(mut self, connector: impl Connect + 'static) -> Self {
        self.connector = Some(Connector::new(connector));
        self
    }

    pub(crate) fn bootstrap(&self) -> &Bootstrap {
        &self.bootstrap
    }

    /// Makes the configuration of a client that logs in to the target with the tokens of `source`.
    pub fn config(&self, source: TokenSource) -> Config {
        let credentials = Credentials::Token { mechanism: self.mechanism, source };
        let config = Config::new(self.bootstrap.clone(), self.security.clone(), credentials);
        match &self.connector {
            Some(connector) => config.with_shared_connector(connector.clone()),
            None => config,
        }
    }

    /// Makes the text of the token file by which others log in with `token`: a Kafka
    /// `client.properties` that Java's tools use unchanged. It holds the token's HMAC, so whoever
    /// reads it can act as the token's owner.
    ///
    /// The roots of trust of a [`Tls`](crate::Tls) that was built here go with it as PEM text; a
    /// `ClientConfig` of your own tells none.
    ///
    /// # Errors
    /// [`InvalidTokenFile`] if the text would be larger than 64 KiB.
    pub fn token_file(&self, token: &Token) -> Result<Secret, InvalidTokenFile> {
        Ok(file::write(token, &self.bootstrap, &self.security, self.mechanism)?)
    }
}

/// Makes the line with which Java's tools log in with `token`, for `sasl.jaas.config`. It holds the
/// token's HMAC. Every value is quoted the way Java reads it.
///
/// # Examples
/// ```
/// # fn example(token: &ottla::Token) {
/// let line = ottla::secret_jaas_config(token);
/// assert!(line.secret_bytes().ends_with(b"tokenauth=\"true\";"));
/// # }
/// ```
pub fn secret_jaas_config(token: &Token) -> Secret {
    Secret::from(file::login(token).secret_text())
}

/// Replaces the file at `path` by a secret `text`, or makes it, readable by its owner alone (mode
/// 0600). An old file hands its owner, its group and its mode on, but for what everybody may do.
/// Whoever reads at any moment finds the whole old text or the whole new one. Blocks, for at most ten
/// seconds.
///
/// It is for whoever makes the secret: what the old file has is not looked at. To note in a token file
/// that its token was renewed, use [`note_renewal`](crate::note_renewal).
///
/// # Errors
/// Those of the file system, and `PermissionDenied` for an old file of another user than this one and
/// root, or one whose owner cannot be kept; the old file is then still there.
pub fn write_secret_file(path: impl AsRef<Path>, text: &Secret) -> io::Result<()> {
    Ok(disk::replace(path.as_ref(), text)?)
}

/// As [`write_secret_file`], unless `stays` says of the text that is there that it shall stay; tells
/// whether the file was replaced. Nobody else replaces it between that and the write. What cannot be read,
/// is not to be trusted or is larger than a token file may be does not stay. `stays` may be asked more
/// than once, of another text each time.
///
/// # Errors
/// Those of [`write_secret_file`].
pub fn write_secret_file_unless(
    path: impl AsRef<Path>,
    text: &Secret,
    stays: impl FnMut(&Secret) -> bool + Send + 'static,
) -> io::Result<bool> {
    Ok(disk::replace_unless(path.as_ref(), text, stays)?)
}

//! What cannot be configured, as the public error: for `?` in programs that know one error.

use super::{Error, ErrorKind};
use crate::conn::token::NotAToken;
use crate::tls::InvalidTls;

impl Error {
    /// What was asked for cannot work.
    pub(crate) fn config(why: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::new(ErrorKind::Config, None, None).caused_by(why)
    }
}

impl From<InvalidTls> for Error {
    fn from(why: InvalidTls) -> Self {
        Self::config(why)
    }
}

impl From<NotAToken> for Error {
    fn from(why: NotAToken) -> Self {
        Self::config(why)
    }
}

//! Where a principal's tickets come from.

use std::path::PathBuf;
use std::sync::Arc;

use crate::ccache::CredentialCache;
use crate::error::Fault;
use crate::exchange::{Login, LongTermSecret};
use crate::keytab::Keytab;
use crate::principal::Principal;
use crate::ticket::Grant;
use crate::time::{ClockOffset, Timestamp};

/// Where a principal's tickets come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The keys of a principal in a keytab file. It is read again for each login, so that rotated
    /// keys are found. No ticket cache is looked at.
    Keytab {
        /// Who logs in.
        principal: Principal,
        /// The file.
        path: PathBuf,
    },
    /// A password, or keys in memory.
    Secret {
        /// Who logs in.
        principal: Principal,
        /// The password or the keys.
        secret: LongTermSecret,
    },
    /// A ticket cache file that somebody else fills, as `kinit` does. It is read again when its
    /// ticket comes to its end.
    Cache {
        /// The file.
        path: PathBuf,
        /// Whose tickets it must have; any principal's if absent.
        principal: Option<Principal>,
    },
}

/// What a source gives: either a secret to log in with, or the result of somebody's login.
pub(super) enum Opened {
    Secret(Principal, LongTermSecret),
    Login(Box<Login>),
}

impl Source {
    /// Reads the file, if it is one. Blocks for as long as the disk does.
    pub(super) fn open(&self, now: Timestamp) -> Result<Opened, Fault> {
        match self {
            Self::Keytab { principal, path } => {
                let keytab = Keytab::load(path).map_err(Fault::Keytab)?;
                Ok(Opened::Secret(principal.clone(), LongTermSecret::Keytab(Arc::new(keytab))))
            }
            Self::Secret { principal, secret } => Ok(Opened::Secret(principal.clone(), secret.clone())),
            Self::Cache { path, principal } => {
                let cache = CredentialCache::load(path).map_err(Fault::Cache)?;
                if principal.as_ref().is_some_and(|wanted| wanted != cache.principal()) {
                    return Err(Fault::CachePrincipal(cache.principal().clone()));
                }
                let offset = cache.kdc_offset().map_or(ClockOffset::ZERO, |offset| {
                    ClockOffset::from_micros(i64::from(offset.seconds) * 1_000_000 + i64::from(offset.micros))
                });
                let tgt = Grant::try_from(cache.tgt().ok_or(Fault::NoTgt)?)?;
                if tgt.end_time <= now.offset_by(offset).time() {
                    return Err(Fault::NoTgt);
                }
                Ok(Opened::Login(Box::new(Login { tgt, offset, client_key: None })))
            }
        }
    }

    /// Whose tickets these are, if that is known without reading a file.
    pub(super) const fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Keytab { principal, .. } | Self::Secret { principal, .. } => Some(principal),
            Self::Cache { principal, .. } => principal.as_ref(),
        }
    }
}

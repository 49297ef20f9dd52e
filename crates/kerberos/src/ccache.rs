//! Ticket caches in files, as `kinit` leaves them: whose they are, tickets with their session
//! keys, and the settings that MIT keeps among the tickets.
//!
//! Versions 3 and 4 of MIT's FILE format are read, version 4 is written. Where the cache is, a
//! [`CacheName`] says.

mod credential;
mod error;
mod name;
#[cfg(test)]
mod tests;

use std::path::Path;

use zeroize::Zeroizing;

pub use self::credential::{Credential, TypedBytes};
pub use self::error::{CacheError, CacheFileError};
pub use self::name::{CacheName, CacheNameError, DirError};
use crate::cursor::Cursor;
use crate::file;
use crate::principal::{Principal, PrincipalName};

/// The largest cache that is read, in bytes: 16 MiB.
pub const MAX_CACHE_LEN: usize = 16 << 20;

/// The realm under which MIT keeps settings as if they were tickets.
const CONFIG_REALM: &str = "X-CACHECONF:";
const CONFIG_NAME: &str = "krb5_ccache_conf_data";
const DELTA_TIME: u16 = 1;

/// How far the KDC's clock is ahead of ours, as the login that made the cache saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KdcOffset {
    /// Whole seconds; negative if our clock is ahead.
    pub seconds: i32,
    /// Microseconds on top.
    pub micros: i32,
}

/// A ticket cache: the tickets of one principal.
#[derive(Debug, PartialEq, Eq)]
pub struct CredentialCache {
    principal: Principal,
    kdc_offset: Option<KdcOffset>,
    credentials: Vec<Credential>,
}

impl CredentialCache {
    /// Makes an empty cache for `principal`.
    pub fn new(principal: Principal, kdc_offset: Option<KdcOffset>) -> Self {
        Self { principal, kdc_offset, credentials: Vec::new() }
    }

    /// Reads the cache in the file at `path` and warns in the log if other users may read it.
    ///
    /// # Errors
    /// The file cannot be read, or is not a cache of version 3 or 4.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, CacheFileError> {
        let path = path.as_ref();
        let bytes = file::read_secret(path, MAX_CACHE_LEN).map_err(CacheFileError::File)?;
        Self::parse(&bytes).map_err(|fault| CacheFileError::Format { path: path.to_owned(), fault })
    }

    /// Parses the bytes of a cache.
    ///
    /// Tickets that MIT has marked as removed, and those whose names are not UTF-8, are left out.
    ///
    /// # Errors
    /// Says where the bytes cease to be a cache.
    pub fn parse(bytes: &[u8]) -> Result<Self, CacheError> {
        if bytes.len() > MAX_CACHE_LEN {
            return Err(CacheError::TooLong);
        }
        let mut file = Cursor::new(bytes);
        let mut kdc_offset = None;
        let (Ok(5), Ok(version)) = (file.u8(), file.u8()) else { return Err(CacheError::NotACache) };
        match version {
            3 => {}
            4 => kdc_offset = header(&mut file)?,
            other => return Err(CacheError::Version(other)),
        }
        let principal = credential::principal(&mut file)?.ok_or(CacheError::PrincipalNotUtf8)?;
        let mut credentials = Vec::new();
        while !file.is_empty() {
            let credential = Credential::parse(&mut file, version)?;
            credentials.extend(credential.filter(|credential| !credential.is_removed()));
        }
        Ok(Self { principal, kdc_offset, credentials })
    }

    /// Writes the cache in version 4.
    ///
    /// # Errors
    /// [`CacheError::DoesNotFit`] if an encryption type or a length is larger than the format can
    /// say.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, CacheError> {
        let mut head = vec![5, 4];
        match self.kdc_offset {
            Some(KdcOffset { seconds, micros }) => {
                head.extend_from_slice(&[0, 12, 0, 1, 0, 8]);
                head.extend_from_slice(&seconds.to_be_bytes());
                head.extend_from_slice(&micros.to_be_bytes());
            }
            None => head.extend_from_slice(&[0, 0]),
        }
        credential::push_principal(&mut head, &self.principal)?;
        let records = self.credentials.iter().map(Credential::to_bytes).collect::<Result<Vec<_>, _>>()?;
        // One allocation of the right size leaves no copy behind unwiped.
        let len = head.len() + records.iter().map(|record| record.len()).sum::<usize>();
        let mut file = Zeroizing::new(Vec::with_capacity(len));
        file.extend_from_slice(&head);
        for record in &records {
            file.extend_from_slice(record);
        }
        Ok(file)
    }

    /// Replaces the file at `path` by this cache, readable by its owner only. Whoever reads at the
    /// same time sees the old cache or the new one, never a part.
    ///
    /// # Errors
    /// As [`CredentialCache::to_bytes`], or the file cannot be written; then the old one stays.
    pub fn store(&self, path: impl AsRef<Path>) -> Result<(), CacheFileError> {
        let path = path.as_ref();
        let bytes =
            self.to_bytes().map_err(|fault| CacheFileError::Format { path: path.to_owned(), fault })?;
        file::replace_secret(path, &bytes).map_err(CacheFileError::File)
    }

    /// Whose tickets these are.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// How far the KDC's clock was ahead of ours; nothing if the cache does not say.
    pub fn kdc_offset(&self) -> Option<KdcOffset> {
        self.kdc_offset
    }

    /// All that the cache holds, settings included, in the order of the file.
    pub fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    /// Takes the cache apart, settings included.
    pub fn into_credentials(self) -> Vec<Credential> {
        self.credentials
    }

    /// Finds the ticket for `server` that ends last. It may have expired.
    pub fn ticket(&self, server: &Principal) -> Option<&Credential> {
        self.credentials.iter().filter(|c| c.server == *server).max_by_key(|c| c.end_time)
    }

    /// Finds the ticket-granting ticket of the principal's own realm. It may have expired.
    pub fn tgt(&self) -> Option<&Credential> {
        let realm = &self.principal.realm;
        self.ticket(&Principal::new(PrincipalName::krbtgt(realm), realm.clone()))
    }

    /// Adds a ticket in place of those for the same server.
    pub fn insert(&mut self, credential: Credential) {
        self.credentials.retain(|old| old.server != credential.server);
        self.credentials.push(credential);
    }

    /// Finds a setting by its name, such as `pa_type`, and by the server that it is about, if it
    /// is about one.
    pub fn setting(&self, name: &str, about: Option<&Principal>) -> Option<&[u8]> {
        let about = about.map(Principal::to_string);
        let found = self.credentials.iter().find(|credential| {
            let [_, key, rest @ ..] = credential.server.name.components() else { return false };
            credential.is_setting() && key == name && rest.first() == about.as_ref()
        });
        found.map(|credential| credential.ticket.as_slice())
    }
}

/// Reads the tagged fields of version 4, of which one is known.
fn header(file: &mut Cursor<'_>) -> Result<Option<KdcOffset>, CacheError> {
    let len = usize::from(file.u16()?);
    let mut fields = file.slice(len)?;
    let mut kdc_offset = None;
    while !fields.is_empty() {
        let (tag, len) = (fields.u16()?, usize::from(fields.u16()?));
        let mut field = fields.slice(len)?;
        if tag == DELTA_TIME {
            kdc_offset = Some(KdcOffset { seconds: field.i32()?, micros: field.i32()? });
        }
    }
    Ok(kdc_offset)
}

//! Keytabs: the keys of principals in a file, so that a service can log in without a password.
//!
//! Format 0x0502 as MIT, Heimdal, Samba and Active Directory's `ktpass` write it.

mod entry;
mod error;
mod name;
#[cfg(test)]
mod tests;

use std::path::Path;

use zeroize::Zeroizing;

pub use self::entry::Entry;
pub use self::error::{KeytabError, LoadKeytabError};
pub use self::name::{KeytabNameError, default_client_path};
use crate::cursor::Cursor;
use crate::enctype::Enctype;
use crate::file;
use crate::principal::Principal;

/// The largest keytab that is read, in bytes: 16 MiB, some 200,000 keys.
pub const MAX_KEYTAB_LEN: usize = 16 << 20;

/// The keys of a keytab, in the order of the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Keytab {
    entries: Vec<Entry>,
}

impl Keytab {
    /// Makes a keytab of entries.
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// Reads the keytab at `path` and warns in the log if other users may read it.
    ///
    /// # Errors
    /// The file cannot be read, or is not a keytab; [`KeytabError`] has the offset.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadKeytabError> {
        let path = path.as_ref();
        let bytes = file::read_secret(path, MAX_KEYTAB_LEN).map_err(LoadKeytabError::File)?;
        Self::parse(&bytes).map_err(|fault| LoadKeytabError::Format { path: path.to_owned(), fault })
    }

    /// Parses the bytes of a keytab.
    ///
    /// Deleted entries are skipped. An entry whose principal is not UTF-8 is left out: nobody can
    /// ask for it. As in MIT, a length of zero ends the file, and so do fewer than four bytes.
    ///
    /// # Errors
    /// Says where the bytes cease to be a keytab of format 0x0502.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeytabError> {
        if bytes.len() > MAX_KEYTAB_LEN {
            return Err(KeytabError::TooLong);
        }
        let mut file = Cursor::new(bytes);
        match file.u16() {
            Ok(0x0502) => {}
            Ok(0x0501) => return Err(KeytabError::Version1),
            _ => return Err(KeytabError::NotAKeytab),
        }
        let mut entries = Vec::new();
        while let Ok(len) = file.i32() {
            if len == 0 {
                break;
            }
            let offset = file.offset();
            let size = usize::try_from(len.unsigned_abs()).unwrap_or(usize::MAX);
            match (file.slice(size), len > 0) {
                (Ok(record), true) => entries.extend(Entry::parse(record)?),
                (Ok(_hole), false) => {}
                (Err(_), true) => return Err(KeytabError::Truncated { offset }),
                (Err(_), false) => break,
            }
        }
        Ok(Self { entries })
    }

    /// Writes the keytab in format 0x0502, with 32-bit key version numbers.
    ///
    /// # Errors
    /// [`KeytabError::DoesNotFit`] if a name or key is longer than the format can say.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, KeytabError> {
        let records = self.entries.iter().map(Entry::to_bytes).collect::<Result<Vec<_>, _>>()?;
        // One allocation of the right size leaves no copy behind unwiped.
        let len = records.iter().map(|record| record.len() + 4).sum::<usize>() + 2;
        let mut file = Zeroizing::new(Vec::with_capacity(len));
        file.extend_from_slice(&[5, 2]);
        for record in &records {
            let len = i32::try_from(record.len()).map_err(|_| KeytabError::DoesNotFit)?;
            file.extend_from_slice(&len.to_be_bytes());
            file.extend_from_slice(record);
        }
        Ok(file)
    }

    /// The entries, in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The principals, each once, in the order in which they first appear.
    pub fn principals(&self) -> Vec<&Principal> {
        let mut seen = std::collections::HashSet::new();
        self.entries
            .iter()
            .map(|entry| &entry.principal)
            .filter(|principal| seen.insert(*principal))
            .collect()
    }

    /// Chooses the key of `principal` for `enctype`.
    ///
    /// `kvno` is a hint, as for MIT's clients: the exact version if there is one, else the newest.
    /// (Active Directory keytabs often have version 0.) A small version that was written no
    /// earlier than one near 255 is newer: the old format wraps at 8 bits.
    pub fn key(&self, principal: &Principal, enctype: Enctype, kvno: Option<u32>) -> Option<&Entry> {
        let candidates =
            || self.entries.iter().filter(|e| e.key.enctype() == enctype && e.principal == *principal);
        let exact = candidates().find(|entry| Some(entry.kvno) == kvno);
        exact.or_else(|| {
            candidates().reduce(|best, entry| if entry.is_newer_than(best) { entry } else { best })
        })
    }

    /// Orders `configured` for a request in the name of `principal`: the types that the keytab has
    /// a key for come first, each part in the configured order. The first part is what the KDC may
    /// encrypt the reply in; the rest is still offered for the session key.
    ///
    /// Gives nothing if there is no key for any of them: a login cannot succeed.
    pub fn order_enctypes(&self, principal: &Principal, configured: &[Enctype]) -> Vec<Enctype> {
        let (mut ordered, rest): (Vec<Enctype>, Vec<Enctype>) =
            configured.iter().partition(|enctype| self.key(principal, **enctype, None).is_some());
        if !ordered.is_empty() {
            ordered.extend(rest);
        }
        ordered
    }
}

//! One key of a keytab.

use zeroize::Zeroizing;

use super::KeytabError;
use crate::cursor::{Cursor, Short};
use crate::enctype::Enctype;
use crate::key::Key;
use crate::principal::{NameType, Principal, PrincipalName, Realm};

/// One key of a keytab and what it is for.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose key it is.
    pub principal: Principal,
    /// When the entry was written: seconds since 1970, unsigned.
    pub timestamp: u32,
    /// The version of the key (kvno).
    pub kvno: u32,
    /// The key.
    pub key: Key,
}

impl Entry {
    /// Reads a record. Gives nothing if the principal is not UTF-8.
    pub(super) fn parse(mut record: Cursor<'_>) -> Result<Option<Self>, KeytabError> {
        let count = record.u16()?;
        let realm = text(&mut record)?;
        let mut components = Some(Vec::new());
        for _ in 0..count {
            let component = text(&mut record)?;
            components = components.zip(component).map(|(mut all, one)| {
                all.push(one);
                all
            });
        }
        let name_type = NameType(record.i32()?);
        let timestamp = record.u32()?;
        let short_kvno = u32::from(record.u8()?);
        let enctype = Enctype(i32::from(record.i16()?));
        let len = usize::from(record.u16()?);
        let key = Key::new(enctype, record.take(len)?.to_vec());
        // What follows is optional: 32 bits of the version that count unless they are zero.
        let kvno = record.u32().ok().filter(|kvno| *kvno != 0).unwrap_or(short_kvno);
        let principal = components.zip(realm).map(|(components, realm)| {
            Principal::new(PrincipalName::new(name_type, components), Realm::new(realm))
        });
        Ok(principal.map(|principal| Self { principal, timestamp, kvno, key }))
    }

    pub(super) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, KeytabError> {
        let components = self.principal.name.components();
        let key = self.key.secret_bytes();
        let names = components.iter().map(|component| component.len() + 2).sum::<usize>();
        let room = 23 + self.principal.realm.as_str().len() + names + key.len();
        let mut record = Zeroizing::new(Vec::with_capacity(room));
        record.extend_from_slice(&u16_len(components.len())?);
        push_counted(&mut record, self.principal.realm.as_str().as_bytes())?;
        for component in components {
            push_counted(&mut record, component.as_bytes())?;
        }
        record.extend_from_slice(&self.principal.name.name_type().0.to_be_bytes());
        record.extend_from_slice(&self.timestamp.to_be_bytes());
        let [_, _, _, short_kvno] = self.kvno.to_be_bytes();
        record.push(short_kvno);
        let enctype = i16::try_from(self.key.enctype().0).map_err(|_| KeytabError::DoesNotFit)?;
        record.extend_from_slice(&enctype.to_be_bytes());
        push_counted(&mut record, key)?;
        record.extend_from_slice(&self.kvno.to_be_bytes());
        Ok(record)
    }

    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        let wrapped =
            |new: &Self, old: &Self| new.kvno < 128 && old.kvno > 240 && new.timestamp >= old.timestamp;
        wrapped(self, other) || (!wrapped(other, self) && self.kvno > other.kvno)
    }
}

/// Reads a counted text; gives nothing in its place if it is not UTF-8.
fn text(record: &mut Cursor<'_>) -> Result<Option<String>, Short> {
    let len = usize::from(record.u16()?);
    Ok(std::str::from_utf8(record.take(len)?).ok().map(str::to_owned))
}

fn u16_len(len: usize) -> Result<[u8; 2], KeytabError> {
    u16::try_from(len).map(u16::to_be_bytes).map_err(|_| KeytabError::DoesNotFit)
}

fn push_counted(record: &mut Vec<u8>, bytes: &[u8]) -> Result<(), KeytabError> {
    record.extend_from_slice(&u16_len(bytes.len())?);
    record.extend_from_slice(bytes);
    Ok(())
}

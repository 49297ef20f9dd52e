//! One ticket of a cache, or one setting that MIT keeps in the form of a ticket.

use std::fmt;

use zeroize::Zeroizing;

use super::{CONFIG_NAME, CONFIG_REALM, CacheError};
use crate::cursor::{Cursor, Short};
use crate::enctype::Enctype;
use crate::key::Key;
use crate::principal::{NameType, Principal, PrincipalName, Realm};

/// A number that says of which type the bytes are: a host address or authorization data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedBytes {
    /// The type, as RFC 4120 numbers it.
    pub kind: u16,
    /// The content.
    pub bytes: Vec<u8>,
}

/// A ticket and its session key. Times are seconds since 1970, unsigned; zero is "not set".
///
/// `Debug` prints neither the key nor the content of the ticket.
#[derive(PartialEq, Eq)]
pub struct Credential {
    /// Who may use the ticket.
    pub client: Principal,
    /// The service that it is for.
    pub server: Principal,
    /// The session key.
    pub key: Key,
    /// When the client logged in.
    pub auth_time: u32,
    /// When the ticket becomes valid.
    pub start_time: u32,
    /// When the ticket expires.
    pub end_time: u32,
    /// Until when the ticket can be renewed.
    pub renew_till: u32,
    /// Whether the ticket is encrypted in the session key of another ticket (user-to-user).
    pub is_skey: bool,
    /// The ticket flags of RFC 4120 section 5.3; flag 0 is the highest bit.
    pub flags: u32,
    /// The addresses that the ticket may be used from; none means any.
    pub addresses: Vec<TypedBytes>,
    /// Authorization data that was asked for.
    pub auth_data: Vec<TypedBytes>,
    /// The ticket, DER as the KDC sent it; the value, if this is a setting.
    pub ticket: Vec<u8>,
    /// The other ticket of user-to-user; empty otherwise.
    pub second_ticket: Vec<u8>,
}

impl Credential {
    /// Tells whether this is no ticket but a setting, which MIT keeps under a realm of its own.
    pub fn is_setting(&self) -> bool {
        self.server.realm.as_str() == CONFIG_REALM
            && self.server.name.components().first().is_some_and(|name| name == CONFIG_NAME)
    }

    /// MIT cannot cut a file and marks a removed ticket by impossible times.
    pub(super) fn is_removed(&self) -> bool {
        self.auth_time == u32::MAX && self.end_time == 0
    }

    /// Reads a record. Gives nothing if a name is not UTF-8.
    pub(super) fn parse(file: &mut Cursor<'_>, version: u8) -> Result<Option<Self>, CacheError> {
        let client = principal(file)?;
        let server = principal(file)?;
        let enctype = Enctype(i32::from(file.i16()?));
        if version == 3 {
            // Version 3 has the type twice.
            file.i16()?;
        }
        let key = Key::new(enctype, counted(file)?.to_vec());
        let (auth_time, start_time) = (file.u32()?, file.u32()?);
        let (end_time, renew_till) = (file.u32()?, file.u32()?);
        let (is_skey, flags) = (file.u8()? != 0, file.u32()?);
        let (addresses, auth_data) = (typed(file)?, typed(file)?);
        let (ticket, second_ticket) = (counted(file)?.to_vec(), counted(file)?.to_vec());
        Ok(client.zip(server).map(|(client, server)| Self {
            client,
            server,
            key,
            auth_time,
            start_time,
            end_time,
            renew_till,
            is_skey,
            flags,
            addresses,
            auth_data,
            ticket,
            second_ticket,
        }))
    }

    pub(super) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, CacheError> {
        let mut names = Vec::new();
        push_principal(&mut names, &self.client)?;
        push_principal(&mut names, &self.server)?;
        let mut rest = Vec::new();
        for time in [self.auth_time, self.start_time, self.end_time, self.renew_till] {
            rest.extend_from_slice(&time.to_be_bytes());
        }
        rest.push(u8::from(self.is_skey));
        rest.extend_from_slice(&self.flags.to_be_bytes());
        push_typed(&mut rest, &self.addresses)?;
        push_typed(&mut rest, &self.auth_data)?;
        push_counted(&mut rest, &self.ticket)?;
        push_counted(&mut rest, &self.second_ticket)?;

        let enctype = i16::try_from(self.key.enctype().0).map_err(|_| CacheError::DoesNotFit)?;
        let key = self.key.secret_bytes();
        let mut record = Zeroizing::new(Vec::with_capacity(names.len() + 6 + key.len() + rest.len()));
        record.extend_from_slice(&names);
        record.extend_from_slice(&enctype.to_be_bytes());
        push_counted(&mut record, key)?;
        record.extend_from_slice(&rest);
        Ok(record)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("client", &format_args!("{}", self.client))
            .field("server", &format_args!("{}", self.server))
            .field("key", &self.key)
            .field("end_time", &self.end_time)
            .field("renew_till", &self.renew_till)
            .field("flags", &format_args!("{:#010x}", self.flags))
            .field("ticket_len", &self.ticket.len())
            .finish_non_exhaustive()
    }
}

fn counted<'a>(file: &mut Cursor<'a>) -> Result<&'a [u8], Short> {
    let start = *file;
    let len = file.u32()?;
    // A length that no address space holds fits in no file either.
    let len = usize::try_from(len).map_err(|_| Short { offset: start.offset() })?;
    file.take(len)
}

/// Reads a counted text; gives nothing in its place if it is not UTF-8.
fn text(file: &mut Cursor<'_>) -> Result<Option<String>, Short> {
    Ok(std::str::from_utf8(counted(file)?).ok().map(str::to_owned))
}

/// Reads a principal; gives nothing if it is not UTF-8.
pub(super) fn principal(file: &mut Cursor<'_>) -> Result<Option<Principal>, Short> {
    let name_type = NameType(file.i32()?);
    let count = file.u32()?;
    let realm = text(file)?;
    let mut components = Some(Vec::new());
    for _ in 0..count {
        let component = text(file)?;
        components = components.zip(component).map(|(mut all, one)| {
            all.push(one);
            all
        });
    }
    Ok(components.zip(realm).map(|(components, realm)| {
        Principal::new(PrincipalName::new(name_type, components), Realm::new(realm))
    }))
}

fn typed(file: &mut Cursor<'_>) -> Result<Vec<TypedBytes>, Short> {
    let count = file.u32()?;
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(TypedBytes { kind: file.u16()?, bytes: counted(file)?.to_vec() });
    }
    Ok(all)
}

fn push_u32(record: &mut Vec<u8>, len: usize) -> Result<(), CacheError> {
    let len = u32::try_from(len).map_err(|_| CacheError::DoesNotFit)?;
    record.extend_from_slice(&len.to_be_bytes());
    Ok(())
}

fn push_counted(record: &mut Vec<u8>, bytes: &[u8]) -> Result<(), CacheError> {
    push_u32(record, bytes.len())?;
    record.extend_from_slice(bytes);
    Ok(())
}

pub(super) fn push_principal(record: &mut Vec<u8>, principal: &Principal) -> Result<(), CacheError> {
    let components = principal.name.components();
    record.extend_from_slice(&principal.name.name_type().0.to_be_bytes());
    push_u32(record, components.len())?;
    push_counted(record, principal.realm.as_str().as_bytes())?;
    components.iter().try_for_each(|component| push_counted(record, component.as_bytes()))
}

fn push_typed(record: &mut Vec<u8>, all: &[TypedBytes]) -> Result<(), CacheError> {
    push_u32(record, all.len())?;
    for TypedBytes { kind, bytes } in all {
        record.extend_from_slice(&kind.to_be_bytes());
        push_counted(record, bytes)?;
    }
    Ok(())
}

//! What several messages have in them.

use crate::crypto::{AesKey, CONFOUNDER_LEN, KeyUsage};
use crate::der::{Error, Reader, Writer};
use crate::enctype::Enctype;
use crate::key::Key;
use crate::principal::{NameType, PrincipalName, Realm};

/// More components than any principal has.
const MAX_COMPONENTS: usize = 16;

/// EncryptedData (RFC 4120 section 5.2.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EncryptedData {
    pub(crate) enctype: Enctype,
    pub(crate) kvno: Option<u32>,
    pub(crate) cipher: Vec<u8>,
}

impl EncryptedData {
    /// Encrypts `text`; the recipient knows which version of the key.
    pub(crate) fn seal(
        key: &AesKey,
        usage: KeyUsage,
        confounder: &[u8; CONFOUNDER_LEN],
        text: &[u8],
    ) -> Self {
        Self { enctype: key.enctype(), kvno: None, cipher: key.encrypt(usage, confounder, text) }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.sequence(|r| {
            Ok(Self {
                enctype: Enctype(r.field(0, Reader::int32)?),
                kvno: r.optional(1, Reader::uint32)?,
                cipher: r.field(2, Reader::octets)?.to_vec(),
            })
        })
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.sequence(|w| {
            w.field(0, |w| w.integer(i64::from(self.enctype.0)));
            if let Some(kvno) = self.kvno {
                w.field(1, |w| w.integer(i64::from(kvno)));
            }
            w.field(2, |w| w.octets(&self.cipher));
        });
    }
}

/// Writes an EncryptionKey.
pub(crate) fn write_key(writer: &mut Writer, key: &AesKey) {
    writer.sequence(|w| {
        w.field(0, |w| w.integer(i64::from(key.enctype().0)));
        w.field(1, |w| w.octets(key.secret_bytes()));
    });
}

/// Reads an EncryptionKey of any type.
pub(super) fn read_key(reader: &mut Reader<'_>) -> Result<Key, Error> {
    reader.sequence(|r| {
        let enctype = Enctype(r.field(0, Reader::int32)?);
        Ok(Key::new(enctype, r.field(1, Reader::octets)?.to_vec()))
    })
}

/// Writes a PrincipalName.
pub(crate) fn write_name(writer: &mut Writer, name: &PrincipalName) {
    writer.sequence(|w| {
        w.field(0, |w| w.integer(i64::from(name.name_type().0)));
        w.field(1, |w| w.sequence(|w| name.components().iter().for_each(|part| w.text(part))));
    });
}

/// Reads a PrincipalName.
pub(crate) fn read_name(reader: &mut Reader<'_>) -> Result<PrincipalName, Error> {
    reader.sequence(|r| {
        let name_type = NameType(r.field(0, Reader::int32)?);
        let components = r.field(1, |r| r.sequence_of(MAX_COMPONENTS, |r| r.text().map(str::to_owned)))?;
        Ok(PrincipalName::new(name_type, components))
    })
}

/// Reads a Realm.
pub(crate) fn read_realm(reader: &mut Reader<'_>) -> Result<Realm, Error> {
    reader.text().map(Realm::new)
}

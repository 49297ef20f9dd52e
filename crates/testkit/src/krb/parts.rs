use std::ops::Deref;

use ottla_kerberos::crypto::{AesKey, CONFOUNDER_LEN, KeyUsage};
use ottla_kerberos::der::{Error, Reader, Writer};
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::key::Key;
use ottla_kerberos::principal::{NameType, PrincipalName};

use super::Refusal;
use crate::random::Random;

/// EncryptedData.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) enctype: Enctype,
    pub(crate) kvno: Option<u32>,
    pub(crate) cipher: Vec<u8>,
}

impl Sealed {
    pub(crate) fn new(
        text: &[u8],
        key: &AesKey,
        kvno: Option<u32>,
        usage: KeyUsage,
        random: &mut Random,
    ) -> Self {
        let confounder: [u8; CONFOUNDER_LEN] = random.bytes();
        Self { enctype: key.enctype(), kvno, cipher: key.encrypt(usage, &confounder, text) }
    }

    pub(crate) fn open(
        &self,
        key: &AesKey,
        usage: KeyUsage,
    ) -> Result<impl Deref<Target = Vec<u8>> + use<>, Refusal> {
        Ok(key.decrypt(usage, &self.cipher)?)
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.sequence(|r| {
            let enctype = Enctype(r.field(0, Reader::int32)?);
            let kvno = r.optional(1, Reader::uint32)?;
            Ok(Self { enctype, kvno, cipher: r.field(2, Reader::octets)?.to_vec() })
        })
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.sequence(|w| {
            w.field(0, |w| w.integer(self.enctype.0.into()));
            if let Some(kvno) = self.kvno {
                w.field(1, |w| w.integer(kvno.into()));
            }
            w.field(2, |w| w.octets(&self.cipher));
        });
    }
}

/// Reads an EncryptionKey.
pub(super) fn read_key(reader: &mut Reader<'_>) -> Result<Key, Error> {
    reader.sequence(|r| {
        let enctype = Enctype(r.field(0, Reader::int32)?);
        Ok(Key::new(enctype, r.field(1, Reader::octets)?.to_vec()))
    })
}

/// Writes an EncryptionKey.
pub(crate) fn write_key(writer: &mut Writer, key: &AesKey) {
    writer.sequence(|w| {
        w.field(0, |w| w.integer(key.enctype().0.into()));
        w.field(1, |w| w.octets(key.secret_bytes()));
    });
}

const MAX_COMPONENTS: usize = 16;

/// Reads a PrincipalName.
pub(crate) fn read_name(reader: &mut Reader<'_>) -> Result<PrincipalName, Error> {
    reader.sequence(|r| {
        let kind = NameType(r.field(0, Reader::int32)?);
        let parts = r.field(1, |r| r.sequence_of(MAX_COMPONENTS, |r| r.text().map(str::to_owned)))?;
        Ok(PrincipalName::new(kind, parts))
    })
}

/// Writes a PrincipalName.
pub(crate) fn write_name(writer: &mut Writer, name: &PrincipalName) {
    writer.sequence(|w| {
        w.field(0, |w| w.integer(name.name_type().0.into()));
        w.field(1, |w| w.sequence(|w| name.components().iter().for_each(|part| w.text(part))));
    });
}

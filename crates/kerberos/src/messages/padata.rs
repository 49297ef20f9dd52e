//! Pre-authentication data (RFC 4120 section 5.2.7).

use super::parts::EncryptedData;
use crate::crypto::{AesKey, CONFOUNDER_LEN, KeyUsage};
use crate::der::{Error, Reader, Writer, tag};
use crate::enctype::Enctype;
use crate::time::Timestamp;

/// One piece of pre-authentication data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PaData {
    pub(crate) kind: i32,
    pub(crate) value: Vec<u8>,
}

/// More pieces than any KDC sends.
const MAX_PADATA: usize = 64;

impl PaData {
    pub(crate) const TGS_REQ: i32 = 1;
    pub(crate) const ENC_TIMESTAMP: i32 = 2;
    pub(crate) const ETYPE_INFO2: i32 = 19;

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.sequence(|w| {
            w.field(1, |w| w.integer(i64::from(self.kind)));
            w.field(2, |w| w.octets(&self.value));
        });
    }

    /// Reads a list: the `padata` of a message, or METHOD-DATA.
    pub(crate) fn read_list(reader: &mut Reader<'_>) -> Result<Vec<Self>, Error> {
        reader.sequence_of(MAX_PADATA, |r| {
            r.sequence(|r| {
                let kind = r.field(1, Reader::int32)?;
                Ok(Self { kind, value: r.field(2, Reader::octets)?.to_vec() })
            })
        })
    }
}

/// One entry of ETYPE-INFO2: a type that the KDC has a key of, and how a password becomes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EtypeInfo {
    pub(crate) enctype: Enctype,
    pub(crate) salt: Option<Vec<u8>>,
    pub(crate) parameters: Option<Vec<u8>>,
}

impl EtypeInfo {
    /// Reads the entries of the ETYPE-INFO2 in a list, in the order of the KDC; none if there is
    /// no such piece.
    pub(crate) fn find(padata: &[PaData]) -> Result<Vec<Self>, Error> {
        match padata.iter().find(|piece| piece.kind == PaData::ETYPE_INFO2) {
            Some(piece) => Reader::whole(&piece.value, |r| r.sequence_of(MAX_PADATA, Self::read)),
            None => Ok(Vec::new()),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.sequence(|r| {
            Ok(Self {
                enctype: Enctype(r.field(0, Reader::int32)?),
                salt: r.optional(1, |r| r.content(tag::STRING))?.map(<[u8]>::to_vec),
                parameters: r.optional(2, Reader::octets)?.map(<[u8]>::to_vec),
            })
        })
    }
}

/// Makes the piece that proves to the KDC that we hold `key` (PA-ENC-TIMESTAMP).
pub(crate) fn encrypted_timestamp(key: &AesKey, now: Timestamp, confounder: &[u8; CONFOUNDER_LEN]) -> PaData {
    let text = Writer::encode(|w| {
        w.sequence(|w| {
            w.field(0, |w| w.time(now.time()));
            w.field(1, |w| w.integer(now.subsec_micros()));
        });
    });
    let sealed = EncryptedData::seal(key, KeyUsage::AS_REQ_TIMESTAMP, confounder, &text);
    PaData { kind: PaData::ENC_TIMESTAMP, value: Writer::encode(|w| sealed.write(w)) }
}

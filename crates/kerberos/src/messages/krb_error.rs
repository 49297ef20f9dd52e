//! KRB-ERROR (RFC 4120 section 5.9.1). Nothing in it is authenticated.

use super::{PVNO, PaData, read_realm};
use crate::der::{Error, Reader, tag};
use crate::principal::Realm;
use crate::time::Timestamp;

/// What a KDC or a service says about a request that it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KrbError {
    pub(crate) code: i32,
    /// What the sender's clock shows.
    pub(crate) server_time: Timestamp,
    /// The realm in which the KDC thinks that the client is.
    pub(crate) client_realm: Option<Realm>,
    data: Vec<u8>,
}

impl KrbError {
    const MESSAGE: u8 = 30;

    /// Tells whether the bytes claim to be a KRB-ERROR.
    pub(crate) fn is_message(bytes: &[u8]) -> bool {
        bytes.first() == Some(&tag::application(Self::MESSAGE))
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Reader::whole(bytes, |r| r.constructed(tag::application(Self::MESSAGE), |r| r.sequence(Self::read)))
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        r.field(0, |r| r.constant(PVNO))?;
        r.field(1, |r| r.constant(i64::from(Self::MESSAGE)))?;
        r.skip_field(2)?;
        r.skip_field(3)?;
        let seconds = r.field(4, Reader::time)?;
        let micros = i64::from(r.field(5, Reader::int32)?);
        let code = r.field(6, Reader::int32)?;
        let client_realm = r.optional(7, read_realm)?;
        for field in 8..=11 {
            r.skip_field(field)?;
        }
        let data = r.optional(12, Reader::octets)?.unwrap_or_default().to_vec();
        Ok(Self { code, server_time: Timestamp::from_parts(seconds, micros), client_realm, data })
    }

    /// The pre-authentication data that comes with codes 24 and 25.
    pub(crate) fn method_data(&self) -> Result<Vec<PaData>, Error> {
        if self.data.is_empty() { Ok(Vec::new()) } else { Reader::whole(&self.data, PaData::read_list) }
    }
}

//! The messages of RFC 4120 section 5, in the direction and to the depth that an initiator needs.

mod ap;
mod kdc_reply;
mod kdc_request;
mod krb_error;
mod padata;
mod parts;
#[cfg(test)]
mod tests;

pub(crate) use self::ap::{ApReply, ApRequest, Authenticator};
pub(crate) use self::kdc_reply::{EncKdcReplyPart, KdcReply};
pub(crate) use self::kdc_request::{KdcOptions, RequestBody, as_request, tgs_request};
pub(crate) use self::krb_error::KrbError;
pub(crate) use self::padata::{EtypeInfo, PaData, encrypted_timestamp};
pub(crate) use self::parts::{EncryptedData, read_name, read_realm, write_key, write_name};

/// The version in every message.
const PVNO: i64 = 5;

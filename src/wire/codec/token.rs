//! What the delegation token APIs have in common (KIP-48, KIP-373).

use kafka_protocol::protocol::StrBytes;

use crate::ids::Principal;
use crate::secret::Secret;
use crate::time::Timestamp;

/// A delegation token, as the broker that created or described it tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenDetails {
    /// Whose rights the token carries.
    pub(crate) owner: Principal,
    /// Who asked for the token; told from version 3 on.
    pub(crate) requester: Option<Principal>,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    /// No renewal goes beyond this.
    pub(crate) max: Timestamp,
    /// The user name of a login with the token.
    pub(crate) token_id: String,
    /// In base64, the password of a login with the token.
    pub(crate) hmac: Secret,
}

/// Copies a principal that a broker wrote. It is empty where there is none.
pub(super) fn principal(kind: &StrBytes, name: &StrBytes) -> Principal {
    Principal::new(kind.as_str(), name.as_str())
}

use std::fmt;

use super::{Class, Stage};

/// The code of a KRB-ERROR (RFC 4120 section 7.5.9). `Display` writes number and meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub i32);

impl ErrorCode {
    /// The KDC does not know the client.
    pub const C_PRINCIPAL_UNKNOWN: Self = Self(6);
    /// The KDC does not know the service.
    pub const S_PRINCIPAL_UNKNOWN: Self = Self(7);
    /// The KDC's policy is against it.
    pub const POLICY: Self = Self(12);
    /// The KDC cannot do what an option asks for.
    pub const BADOPTION: Self = Self(13);
    /// The account is locked or disabled.
    pub const CLIENT_REVOKED: Self = Self(18);
    /// The ticket-granting ticket is not accepted any more.
    pub const TGT_REVOKED: Self = Self(20);
    /// The password or key is wrong.
    pub const PREAUTH_FAILED: Self = Self(24);
    /// The client has to prove who it is first.
    pub const PREAUTH_REQUIRED: Self = Self(25);
    /// The KDC cannot reach what it needs.
    pub const SVC_UNAVAILABLE: Self = Self(29);
    /// The ticket has expired.
    pub const TKT_EXPIRED: Self = Self(32);
    /// The clocks differ by too much.
    pub const SKEW: Self = Self(37);
    /// The answer does not fit into a datagram.
    pub const RESPONSE_TOO_BIG: Self = Self(52);
    /// An error without a code of its own.
    pub const GENERIC: Self = Self(60);
    /// The client is in another realm.
    pub const WRONG_REALM: Self = Self(68);

    pub(super) const fn class(self, stage: Stage) -> Class {
        match (self.0, stage) {
            // Not yet valid or already seen: a matter of clocks and of a fresh authenticator.
            (21 | 22 | 29 | 33 | 34 | 52 | 60, _) => Class::Transient,
            (20 | 31 | 32 | 41 | 44 | 45, Stage::Ticket) => Class::StaleCredential,
            _ => Class::Config,
        }
    }

    const fn meaning(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "the client's entry has expired",
            2 => "the service's entry has expired",
            3 => "protocol version not supported",
            6 => "client not found in the Kerberos database",
            7 => "service not found in the Kerberos database",
            8 => "several entries for one principal",
            9 => "the client or service has no key",
            11 => "the start time is later than the end time",
            12 => "refused by the KDC's policy",
            13 => "the KDC cannot fulfil an option of the request",
            14 => "the KDC supports none of the encryption types",
            15 => "the KDC does not support the checksum type",
            16 => "the KDC does not support the pre-authentication type",
            18 => "the client's account is locked or disabled",
            19 => "the service's account is locked or disabled",
            20 => "the ticket-granting ticket was revoked",
            21 => "the client is not yet valid",
            22 => "the service is not yet valid",
            23 => "the password has expired",
            24 => "pre-authentication failed: wrong password or key",
            25 => "pre-authentication required",
            26 => "the ticket is for another service than the one asked for",
            28 => "the path through other realms is not accepted",
            29 => "a service that the KDC needs is not available",
            31 => "the ticket cannot be opened with the key of its service",
            32 => "the ticket has expired",
            33 => "the ticket is not yet valid",
            34 => "the request was seen before",
            35 => "the ticket is not for us",
            36 => "ticket and authenticator do not match",
            37 => "the clocks differ by too much",
            38 => "incorrect network address",
            39 => "protocol version mismatch",
            40 => "invalid message type",
            41 => "the message was altered",
            44 => "the version of the service's key is not available",
            45 => "the service has no key for the ticket",
            46 => "mutual authentication failed",
            47 => "incorrect direction of a message",
            48 => "another authentication method is required",
            49 => "incorrect sequence number",
            50 => "inappropriate type of checksum",
            52 => "the answer does not fit into a datagram",
            60 => "generic error",
            61 => "a field is too long",
            68 => "the client is in another realm",
            91 => "more pre-authentication data required",
            _ => return None,
        })
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning() {
            Some(meaning) => write!(f, "{meaning} (Kerberos error {})", self.0),
            None => write!(f, "Kerberos error {}", self.0),
        }
    }
}

/// What a key is used for; every use has keys of its own derived (RFC 4120 section 7.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(pub u32);

impl KeyUsage {
    /// The timestamp that proves to a KDC who asks.
    pub const AS_REQ_TIMESTAMP: Self = Self(1);
    /// A ticket, under the key of its service.
    pub const TICKET: Self = Self(2);
    /// The part of an AS-REP for the client.
    pub const AS_REP: Self = Self(3);
    /// The checksum over a TGS-REQ's body in its authenticator.
    pub const TGS_REQ_CHECKSUM: Self = Self(6);
    /// The authenticator of a TGS-REQ.
    pub const TGS_REQ_AUTHENTICATOR: Self = Self(7);
    /// The part of a TGS-REP for the client, under the session key.
    pub const TGS_REP_SESSION: Self = Self(8);
    /// The part of a TGS-REP for the client, under the authenticator's subkey.
    pub const TGS_REP_SUBKEY: Self = Self(9);
    /// The authenticator of an AP-REQ.
    pub const AP_REQ_AUTHENTICATOR: Self = Self(11);
    /// The part of an AP-REP for the client.
    pub const AP_REP: Self = Self(12);
    /// A Wrap token of the acceptor (RFC 4121 section 2).
    pub const ACCEPTOR_SEAL: Self = Self(22);
    /// A MIC token of the acceptor.
    pub const ACCEPTOR_SIGN: Self = Self(23);
    /// A Wrap token of the initiator.
    pub const INITIATOR_SEAL: Self = Self(24);
    /// A MIC token of the initiator.
    pub const INITIATOR_SIGN: Self = Self(25);
}

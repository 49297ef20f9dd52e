//! Exchanges as Apache Kafka has them, for tests and benches.
//!
//! Made with the classes of kafka-clients 3.9.1: `ScramFormatter` and `ScramMessages` as the
//! client, with the bytes 0 to 23 in base64 as its nonce, `ScramSaslServer` with a
//! `DelegationTokenCache` or a cache of credentials as the server, which accepted. Those named
//! `BROKER_` were recorded from a broker of Apache Kafka 4.3.1 on loopback, to which a client that
//! shares no code with this one sent the same nonce.

use super::scram::{ScramCredentials, ScramMechanism};
use crate::secret::Secret;

/// The messages of one login.
#[derive(Debug)]
pub(crate) struct Transcript {
    mechanism: ScramMechanism,
    user: &'static str,
    password: &'static str,
    token_auth: bool,
    pub(crate) client_first: &'static str,
    pub(crate) server_first: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "the benches make it anew"))]
    pub(crate) client_final: &'static str,
    pub(crate) server_final: &'static str,
}

impl Transcript {
    /// The entropy that gives the client's nonce of all transcripts.
    pub(crate) const ENTROPY: super::scram::NonceEntropy =
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];

    pub(crate) fn credentials(&self) -> ScramCredentials {
        ScramCredentials {
            mechanism: self.mechanism,
            user: self.user.to_owned(),
            password: Secret::from(self.password),
            token_auth: self.token_auth,
        }
    }
}

const TOKEN_ID: &str = "pMdJ8bY2TWWCRjVwUSYeCQ";
const TOKEN_HMAC: &str =
    "mRcPuxg0d6NalMm/OQt3AgnTKlldSph9QfSz5ZJHGr4FGUu1XcqzkQAWF1qhR+Hz6Y7oHt9/rkC/55PZ/O1Ssg==";

/// A delegation token over SCRAM-SHA-512.
pub(crate) const TOKEN_SHA_512: Transcript = Transcript {
    mechanism: ScramMechanism::Sha512,
    user: TOKEN_ID,
    password: TOKEN_HMAC,
    token_auth: true,
    client_first: "n,,n=pMdJ8bY2TWWCRjVwUSYeCQ,r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYX,tokenauth=true",
    server_first: "r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXi8d7ql84le1uy9lplos5iqiq3,\
        s=amNpM3U0bDVlczFyNnNhbGZrbW8yOGQwNg==,i=4096",
    client_final: "c=biws,r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXi8d7ql84le1uy9lplos5iqiq3,\
        p=lJ9bFPCBAzvaaB6U4h/j9fTF8Nw+gBixXZq3Th9+fMLJcLaMMKtLZeWYD6vMMtZZo0ujkh8nY1EFIVR2eNvxvA==",
    server_final: "v=ItEmDy2SX+Xsh0qJKEKqlFceJjdMfGAxYbbU1GFXrwjLf4ct8JknGgWy0sWFsTCGXiZ312CL4dDcgiNoLhjW6w==",
};

/// The same token over SCRAM-SHA-256.
pub(crate) const TOKEN_SHA_256: Transcript = Transcript {
    mechanism: ScramMechanism::Sha256,
    user: TOKEN_ID,
    password: TOKEN_HMAC,
    token_auth: true,
    client_first: "n,,n=pMdJ8bY2TWWCRjVwUSYeCQ,r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYX,tokenauth=true",
    server_first: "r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXq5kaze41gqezvwn8oxp0wjzw4,\
        s=MncyczlzeXZocTM2bGRiemxwZWhuZTM3OA==,i=4096",
    client_final: "c=biws,r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXq5kaze41gqezvwn8oxp0wjzw4,\
        p=gcfaWFZiNN3TcCTICtvYtu+yLmuZb0SVJn/wlODDu54=",
    server_final: "v=Y16vegE4aVR3VZ2bCWa5VWFzldKI4lMS6xh9h7CbiMU=",
};

/// A user whose name must be escaped and whose password must not, nor be prepared by SASLprep.
#[cfg(test)]
pub(crate) const USER_SHA_512: Transcript = Transcript {
    mechanism: ScramMechanism::Sha512,
    user: "CN=a,b=c",
    password: "p\u{e4}ss=word, twice",
    token_auth: false,
    client_first: "n,,n=CN=3Da=2Cb=3Dc,r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
    server_first: "r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYX4ne138vocppz9spitph7jz3ov,\
        s=cDFiY2l3N3lvbGd1NXhkdzNhbHU3aThmNA==,i=4096",
    client_final: "c=biws,r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYX4ne138vocppz9spitph7jz3ov,\
        p=Jaqy41aDZoKNXgGOK6ujt9a5t+9i6bVAsddRxidjyIy9pDbJCQo4SzGCInmg/iWKrJG0zAo7/JdBUiDw1onrYg==",
    server_final: "v=HirordKPblhQEzhtjN9lvrNJX44+O8DSKvjXaGSs7HDt7N6iUPl06SPh/Cs1c5YeXxl/M0e711ADVI4G19Z4pw==",
};

/// A delegation token over SCRAM-SHA-512, which a broker accepted and then deleted.
#[cfg(test)]
pub(crate) const BROKER_TOKEN_SHA_512: Transcript = Transcript {
    mechanism: ScramMechanism::Sha512,
    user: "X-sJOfdDRxeVjDtnB7k2Iw",
    password: "NIci4R5CSdf/q3aK278x2qeucv+nE22QV59Y7u88M4zJgfx4JeEjQ2z5lDbM8WjDXcaxLQEPgS8NRAteqB3rrQ==",
    token_auth: true,
    client_first: "n,,n=X-sJOfdDRxeVjDtnB7k2Iw,r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYX,tokenauth=true",
    server_first: "r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXqpbo6kjrr7zi5vtsalxrrs77h,\
        s=NnFmZnNraDJjazE4eTRhMzFkbDRiZmo3aQ==,i=4096",
    client_final: "c=biws,r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXqpbo6kjrr7zi5vtsalxrrs77h,\
        p=V5iH4v32MschL8yR7KTTsPoMjJesQALMokPEZjE0gLP08PD+ahYl5SixfOT9dgyS46X1+15NFysg522Y+GF6Tw==",
    server_final: "v=Erxj9JDGGKjKEcjktFjWfJpxeaOs1Yil6ZFu64G7iM0rp8z+rwsguT/ZgUIwnAJUDaxHZ5qji3DgxPX1RLeMKw==",
};

/// A user over SCRAM-SHA-256, whom a broker accepted.
#[cfg(test)]
pub(crate) const BROKER_USER_SHA_256: Transcript = Transcript {
    mechanism: ScramMechanism::Sha256,
    user: "bob",
    password: "bob-secret",
    token_auth: false,
    client_first: "n,,n=bob,r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
    server_first: "r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYX17xj3jss14r0s5zmwc0hv2xxz8,\
        s=Z3RsOGFycmJvMGQydTJia2tybnQweTM2cA==,i=4096",
    client_final: "c=biws,r=AAECAwQFBgcICQoLDA0ODxAREhMUFRYX17xj3jss14r0s5zmwc0hv2xxz8,\
        p=4hAoZcnJHmHVon2gqhEZMDhzW1+xYCoMCa92iAnM6ow=",
    server_final: "v=Ki49z0118BoN77AnmkxEN3yRGjnL+PtD14Wp/6tgi2Y=",
};

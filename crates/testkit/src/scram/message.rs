//! The messages of the client, by Kafka's grammar.

use base64ct::{Base64, Encoding};

/// client-first, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientFirst {
    pub(crate) authorization_id: String,
    pub(crate) user: String,
    pub(crate) nonce: String,
    /// The extension `tokenauth=true` is there (KIP-48).
    pub(crate) token: bool,
    /// The message after the gs2 header.
    pub(crate) bare: String,
}

impl ClientFirst {
    /// Parses `n,[a=authzid],[m=..,]n=user,r=nonce[,name=value..]`. Kafka rebuilds the bare message
    /// from these parts, in this order; whatever else stands in it makes the proof fail.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (authorization_id, bare) = text.strip_prefix("n,")?.split_once(',')?;
        let authorization_id = match authorization_id {
            "" => String::new(),
            given => sasl_name(given.strip_prefix("a=")?)?,
        };
        let mut parts = bare.split(',').peekable();
        if parts.peek().is_some_and(|part| part.starts_with("m=")) {
            parts.next();
        }
        let user = sasl_name(parts.next()?.strip_prefix("n=")?)?;
        let nonce = parts.next()?.strip_prefix("r=").filter(|n| is_printable(n))?.to_owned();
        let mut token = false;
        for extension in parts {
            let (name, value) = extension.split_once('=')?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphabetic()) || value.is_empty() {
                return None;
            }
            if name == "tokenauth" {
                token = value.eq_ignore_ascii_case("true");
            }
        }
        Some(Self { authorization_id, user, nonce, token, bare: bare.to_owned() })
    }
}

/// client-final, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientFinal {
    pub(crate) nonce: String,
    pub(crate) proof: Vec<u8>,
    pub(crate) without_proof: String,
}

impl ClientFinal {
    /// Parses `c=..,r=nonce[,name=value..],p=proof`. The channel binding is not looked at, but the
    /// proof covers it.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (without_proof, proof) = text.rsplit_once(",p=")?;
        let mut parts = without_proof.split(',');
        let binding = parts.next()?.strip_prefix("c=")?;
        Base64::decode_vec(binding).ok()?;
        let nonce = parts.next()?.strip_prefix("r=").filter(|n| is_printable(n))?;
        Some(Self {
            nonce: nonce.to_owned(),
            proof: Base64::decode_vec(proof).ok()?,
            without_proof: without_proof.to_owned(),
        })
    }
}

/// A saslname: `,` and `=` are written `=2C` and `=3D`, and everything is 7-bit.
fn sasl_name(text: &str) -> Option<String> {
    let plain = text.replace("=2C", "").replace("=3D", "");
    if text.is_empty() || !text.is_ascii() || plain.contains('=') {
        return None;
    }
    Some(text.replace("=2C", ",").replace("=3D", "="))
}

fn is_printable(nonce: &str) -> bool {
    !nonce.is_empty() && nonce.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_login_is_seen_by_its_extension() {
        let first = ClientFirst::parse(b"n,,n=id,r=abc,tokenauth=TRUE").unwrap();
        assert!(first.token);
        assert_eq!((first.user.as_str(), first.nonce.as_str()), ("id", "abc"));
        assert_eq!(first.bare, "n=id,r=abc,tokenauth=TRUE");
        assert!(!ClientFirst::parse(b"n,,n=id,r=abc,tokenauth=false").unwrap().token);
    }

    #[test]
    fn an_extension_before_the_nonce_is_refused() {
        assert_eq!(ClientFirst::parse(b"n,,n=id,tokenauth=true,r=abc"), None);
    }

    #[test]
    fn names_are_unescaped_and_bare_equal_signs_refused() {
        assert_eq!(ClientFirst::parse(b"n,,n=a=2Cb=3Dc,r=x").unwrap().user, "a,b=c");
        assert_eq!(ClientFirst::parse(b"n,,n=a=b,r=x"), None);
        assert_eq!(ClientFirst::parse(b"p=tls-unique,,n=a,r=x"), None);
    }
}

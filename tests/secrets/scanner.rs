//! Looks for secrets in a text, in every form in which bytes get into one.

use base64ct::{Base64, Base64Unpadded, Base64UrlUnpadded, Encoding};

/// A part of a secret of this many bytes is as bad as the whole.
const PART: usize = 12;

/// Secrets, by all texts that would give them away.
#[derive(Default)]
pub(crate) struct Scanner {
    tells: Vec<(String, String)>,
}

impl Scanner {
    /// Adds a secret: whole if it is short, else its first, middle and last part.
    pub(crate) fn look_for(&mut self, name: &str, secret: &[u8]) {
        let last = secret.len().saturating_sub(PART);
        for start in [0, last / 2, last] {
            let part = &secret[start..secret.len().min(start + PART)];
            // What is no UTF-8 is in no text.
            let texts =
                forms(part).into_iter().filter_map(|(form, it)| Some((form, String::from_utf8(it).ok()?)));
            self.tells.extend(texts.map(|(form, tell)| (format!("{name}, {form}"), tell)));
        }
    }

    /// The names of the secrets that a text gives away, with the form.
    pub(crate) fn leaks(&self, text: &str) -> Vec<String> {
        let found = self.tells.iter().filter(|(_, tell)| text.contains(tell));
        found.map(|(name, _)| name.clone()).collect()
    }
}

fn forms(part: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |form: fn(&u8) -> String| part.iter().map(form).collect::<String>().into_bytes();
    let list = format!("{part:?}");
    let pretty = format!("{part:#?}");
    let inner = |text: &str| text.trim_matches(['[', ']', '\n', ' ', ',']).to_owned().into_bytes();
    let mut forms = vec![
        ("raw", part.to_vec()),
        ("lossy", String::from_utf8_lossy(part).into_owned().into_bytes()),
        ("latin-1", part.iter().copied().map(char::from).collect::<String>().into_bytes()),
        ("hex", hex(|byte| format!("{byte:02x}"))),
        ("HEX", hex(|byte| format!("{byte:02X}"))),
        ("hex with colons", hex(|byte| format!("{byte:02x}:"))),
        ("hex with spaces", hex(|byte| format!("{byte:02x} "))),
        ("escaped", part.escape_ascii().to_string().into_bytes()),
        ("bytes in a list", inner(&list)),
        ("bytes in lines", inner(&pretty)),
        ("reversed", part.iter().rev().copied().collect()),
    ];
    // Wherever the secret stands in what was encoded.
    for shift in 0..3 {
        let shifted = [&[0; 2][..shift], part].concat();
        let whole = shifted.len() / 3 * 3;
        let skipped = [0, 2, 3][shift];
        for (form, text) in [
            ("base64", Base64Unpadded::encode_string(&shifted[..whole])),
            ("base64 for URLs", Base64UrlUnpadded::encode_string(&shifted[..whole])),
        ] {
            forms.push((form, text.as_bytes()[skipped..].to_vec()));
        }
    }
    if part.len() < PART {
        forms.push(("base64", Base64::encode_string(part).into_bytes()));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of all sorts, none of them text.
    fn secret() -> Vec<u8> {
        (0..64_u8).map(|i| i.wrapping_mul(151).wrapping_add(200)).collect()
    }

    #[test]
    fn every_planted_leak_is_found() {
        let secret = secret();
        let mut scanner = Scanner::default();
        scanner.look_for("planted", &secret);
        scanner.look_for("password", b"alice-secret");
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let message = [b"n,,\0alice\0", &secret[..]].concat();
        let leaks = [
            format!("{secret:?}"),
            format!("{secret:#?}"),
            format!("{:?}", bytes::Bytes::from(secret.clone())),
            hex.clone(),
            hex.to_uppercase(),
            hex[20..90].to_owned(),
            Base64::encode_string(&secret),
            Base64Unpadded::encode_string(&secret),
            Base64UrlUnpadded::encode_string(&secret),
            Base64::encode_string(&message),
            Base64::encode_string(&message[1..]),
            Base64::encode_string(&message[2..]),
            String::from_utf8_lossy(&secret).into_owned(),
            secret.iter().copied().map(char::from).collect(),
            format!("{}", secret.escape_ascii()),
            "password=alice-secret".to_owned(),
            Base64::encode_string(b"\0alice\0alice-secret"),
            format!("{:?}", b"alice-secret"),
        ];
        for leak in leaks {
            let text = format!("at b1:9092 {leak} and so on");
            assert!(!scanner.leaks(&text).is_empty(), "not found: {leak}");
        }
    }

    #[test]
    fn what_is_no_leak_is_not_found() {
        let mut scanner = Scanner::default();
        scanner.look_for("planted", &secret());
        scanner.look_for("password", b"alice-secret");
        let text = "Token { id: \"abcdefghijklmnopqrstuv\", hmac: Secret(..) } alice \u{fffd}\u{fffd}";
        assert_eq!(scanner.leaks(text), Vec::<String>::new());
    }
}

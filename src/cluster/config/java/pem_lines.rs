//! PEM texts that lost their line ends.

use zeroize::Zeroizing;

/// Gives each `-----BEGIN X-----` and `-----END X-----` a line of its own, and breaks the rest at
/// its white space.
///
/// In a properties file, PEM lines are usually joined by continuations, which leaves spaces
/// between them or nothing; Kafka accepts that.
pub(super) fn pem_lines(text: &str) -> Zeroizing<Vec<u8>> {
    const DASHES: &str = "-----";
    let parts = || text.split(DASHES);
    // All the room at once: a key that moved would leave a copy behind.
    let mut lines = Zeroizing::new(Vec::with_capacity(text.len() + 12 * parts().count()));
    for part in parts() {
        if part.starts_with("BEGIN ") || part.starts_with("END ") {
            for piece in ["\n", DASHES, part, DASHES, "\n"] {
                lines.extend_from_slice(piece.as_bytes());
            }
        } else {
            lines.extend(part.trim_ascii().bytes().map(|b| if b.is_ascii_whitespace() { b'\n' } else { b }));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_lines_again() {
        let expected = b"\n-----BEGIN CERTIFICATE-----\nAA\nBB==\n-----END CERTIFICATE-----\n";
        for text in [
            "-----BEGIN CERTIFICATE-----AA BB==-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nAA\nBB==-----END CERTIFICATE-----",
        ] {
            assert_eq!(pem_lines(text).as_slice(), expected, "{text}");
        }
        assert_eq!(pem_lines("").as_slice(), b"");
        assert_eq!(pem_lines("garbage").as_slice(), b"garbage");
    }
}

//! By what a keeper tells its own tokens from those of others that act as the same owner.
//!
//! A request to make a token has no place for a name of one's own, and whoever asks twice gets two
//! tokens. What it does have is a list of renewers, which the cluster keeps and tells: there stands a
//! user whom nobody is.

use std::fmt::{self, Write};

use crate::ids::Principal;

const PREFIX: &str = "ottla-keeper-";
const DIGITS: usize = 32;

/// The mark of one keeper, over its restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark(String);

impl Mark {
    pub(super) fn new(random: [u8; DIGITS / 2]) -> Self {
        let mut digits = String::with_capacity(DIGITS);
        for byte in random {
            // Writing to a text does not fail.
            let _ = write!(digits, "{byte:02x}");
        }
        Self(digits)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| Self(text.to_owned()))
    }

    /// The user who nobody is: too random to be anybody's name.
    pub(super) fn renewer(&self) -> Principal {
        Principal::user(format!("{PREFIX}{self}"))
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_nothing_else_is_one() {
        let mark = Mark::new([0xa5; 16]);
        assert_eq!(Mark::parse(&mark.to_string()), Some(mark.clone()));
        assert_eq!(mark.renewer().to_string(), format!("User:ottla-keeper-{}", "a5".repeat(16)));
        for text in ["", &"a".repeat(31), &"a".repeat(33), &"g".repeat(32)] {
            assert_eq!(Mark::parse(text), None, "{text}");
        }
    }
}

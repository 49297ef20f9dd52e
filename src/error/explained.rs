//! An error in one line.

use std::error::Error;

/// Gives an error with all that lies beneath it, in one line, the outermost first: what a program says
/// before it ends.
///
/// # Examples
/// ```
/// let io = std::io::Error::other("the disk is full");
/// assert_eq!(ottla::explained(&io), "the disk is full");
/// ```
pub fn explained(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn;

    #[test]
    fn causes_stand_behind_what_they_caused() {
        let error = crate::error::Error::dial(conn::error::Error::Io(std::io::ErrorKind::ConnectionRefused));
        let cause = error.source().map(ToString::to_string).unwrap();
        assert_eq!(explained(&error), format!("{error}: {cause}"));
    }
}

//! An error in one line.

use std::error::Error;

/// Gives an error with all that lies beneath it, in one line, the outermost first: what a program says
/// before it ends. A cause whose text stands there already is not told twice.
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
        let told = error.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
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
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = crate::error::Error::dial(refused.into());
        let cause = error.source().map(ToString::to_string).unwrap();
        assert_eq!(explained(&error), format!("{error}: {cause}"));
    }

    /// What a proxy says, or the number of the system's error, is what helps.
    #[test]
    fn what_a_connector_said_is_found_beneath_a_dial() {
        let said = std::io::Error::other(MalformedProxy);
        let error = crate::error::Error::dial(conn::error::Error::from(said));
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(error) = cause.filter(|error| !error.is::<std::io::Error>()) {
            cause = error.source();
        }
        let beneath = cause.and_then(|error| error.downcast_ref::<std::io::Error>()).unwrap();
        assert!(beneath.get_ref().unwrap().is::<MalformedProxy>());
        assert!(explained(&error).ends_with(": the proxy wants a password"), "{}", explained(&error));
    }

    #[derive(Debug)]
    struct MalformedProxy;

    impl std::fmt::Display for MalformedProxy {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the proxy wants a password")
        }
    }

    impl Error for MalformedProxy {}
}

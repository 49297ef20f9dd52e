//! What went wrong, in words for whoever runs the tests.

use std::fmt;
use std::path::Path;

/// Tells a person what failed and where to look: an error of the lab ends a test, no code
/// decides on it.
pub struct Error(String);

/// The result of everything the lab does.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// An error with the last lines of a log file.
    pub(crate) fn with_log(text: &str, log: &Path) -> Self {
        Self(format!("{text}\nlast lines of {}:\n{}", log.display(), tail(log)))
    }
}

/// Adds what was being done to an error of the standard library.
pub(crate) trait Context<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error(format!("{}: {error}", doing())))
    }
}

/// The last 20 lines of a file, or the reason why there are none.
pub(crate) fn tail(log: &Path) -> String {
    let bytes = match std::fs::read(log) {
        Ok(bytes) => bytes,
        Err(error) => return format!("({error})"),
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(20);
    lines.iter().skip(first).copied().collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The same as `Display`, so that `unwrap` in a test shows the log's lines as lines.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

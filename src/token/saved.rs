//! What a keeper remembers over a restart: which token is its own. Never the HMAC, which the
//! cluster tells again.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::file::disk;
use crate::conn::token::TokenEpoch;
use crate::secret::Secret;
use crate::secret::file::{FileError, FileRules};
use crate::time::Timestamp;

const HEADER: &str = "# The delegation token of an ottla keeper, without its secret.";
/// A state has some hundred bytes.
const MAX_BYTES: usize = 4096;

/// The token that a keeper had in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) id: String,
    pub(super) epoch: TokenEpoch,
    /// What a renewal gives.
    pub(super) period: Duration,
}

/// Why there is no saved state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unsaved {
    /// There is no such file.
    None,
    /// The file cannot be trusted, read or written.
    File(FileError),
    /// The file is no saved state.
    Garbage,
}

impl fmt::Display for Unsaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("there is no saved state"),
            Self::File(error) => write!(f, "the saved state of the keeper: {error}"),
            Self::Garbage => f.write_str("the file is no saved state of a keeper"),
        }
    }
}

impl std::error::Error for Unsaved {}

impl Saved {
    /// Reads a state. Blocks.
    pub(super) fn read(path: &Path) -> Result<Self, Unsaved> {
        let read = FileRules::new().with_max_bytes(MAX_BYTES).read(path).map_err(unreadable)?;
        std::str::from_utf8(read.secret_text().secret_bytes())
            .ok()
            .and_then(Self::parse)
            .ok_or(Unsaved::Garbage)
    }

    /// Writes the state, in the place of an older one. Blocks.
    pub(super) fn write(&self, path: &Path) -> Result<(), Unsaved> {
        disk::replace(path, &Secret::from(self.text())).map_err(Unsaved::File)
    }

    /// Removes the state. Blocks.
    pub(super) fn remove(path: &Path) -> Result<(), Unsaved> {
        FileRules::new().remove(path).map_err(unreadable)
    }

    fn text(&self) -> String {
        let Self { id, epoch, period } = self;
        let (issued, renewals, period) = (epoch.issued.as_millis(), epoch.renewals, period.as_millis());
        format!("{HEADER}\nversion=1\nid={id}\nissued={issued}\nrenewals={renewals}\nperiod={period}\n")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_prefix(HEADER)?.strip_prefix("\nversion=1\n")?.lines();
        let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix('=');
        let id = value("id").filter(|id| !id.is_empty())?.to_owned();
        let issued = Timestamp::from_millis(value("issued")?.parse().ok()?);
        let renewals = value("renewals")?.parse().ok()?;
        let period = Duration::from_millis(value("period")?.parse().ok()?);
        Some(Self { id, epoch: TokenEpoch { issued, renewals }, period })
    }
}

fn unreadable(error: FileError) -> Unsaved {
    match error {
        FileError::TooLarge { .. } => Unsaved::Garbage,
        error if error.kind() == io::ErrorKind::NotFound => Unsaved::None,
        error => Unsaved::File(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved() -> Saved {
        let epoch = TokenEpoch { issued: Timestamp::from_millis(1_700_000_000_000), renewals: 3 };
        Saved { id: "bWFkZQ".to_owned(), epoch, period: Duration::from_secs(86_400) }
    }

    #[test]
    fn a_state_reads_what_it_wrote() {
        let text = saved().text();
        assert_eq!(
            text,
            "# The delegation token of an ottla keeper, without its secret.\nversion=1\nid=bWFkZQ\n\
             issued=1700000000000\nrenewals=3\nperiod=86400000\n"
        );
        assert_eq!(Saved::parse(&text), Some(saved()));
    }

    #[test]
    fn half_a_state_and_garbage_are_none() {
        let text = saved().text();
        for cut in 0..text.len() - 9 {
            assert_eq!(Saved::parse(&text[..cut]), None, "{cut}");
        }
        for garbage in ["", "id=x", &text.replace("id=bWFkZQ", "id="), &text.replace("=1\n", "=2\n")] {
            assert_eq!(Saved::parse(garbage), None, "{garbage}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_state_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("ottla-saved-{}", std::process::id()));
        assert_eq!(Saved::read(&path), Err(Unsaved::None));
        saved().write(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        let read = Saved::read(&path);
        std::fs::write(&path, "garbage").unwrap();
        let garbage = Saved::read(&path);
        std::fs::write(&path, vec![b'x'; 5000]).unwrap();
        let large = Saved::read(&path);
        std::fs::remove_file(&path).unwrap();
        assert_eq!((mode & 0o7777, read), (0o600, Ok(saved())));
        assert_eq!((garbage, large), (Err(Unsaved::Garbage), Err(Unsaved::Garbage)));
    }
}

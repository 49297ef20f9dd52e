//! What a keeper remembers over a restart: which tokens are its own. Never an HMAC, which the
//! cluster tells again.

use std::fmt::{self, Write};
use std::io;
use std::path::Path;
use std::time::Duration;

use super::file::disk;
use super::lifecycle::Standing;
use super::mark::Mark;
use crate::conn::token::TokenEpoch;
use crate::secret::Secret;
use crate::secret::file::{FileError, FileRules};
use crate::time::Timestamp;

const HEADER: &str = "# The delegation tokens of an ottla keeper, without their secrets.";
const VERSION: u32 = 2;
/// What stood before one token, in the first version.
const HEADER_1: &str = "# The delegation token of an ottla keeper, without its secret.";
/// A state has some hundred bytes for each token.
const MAX_BYTES: usize = 64 * 1024;
/// No more tokens are remembered: with longer ids than any broker gives they still fit.
const MOST: usize = 128;

/// What a keeper has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saved {
    /// What its tokens bear; an earlier version gave them none.
    pub(super) mark: Option<Mark>,
    /// Whether a token may have been made of which it does not know.
    pub(super) unheard: bool,
    /// Its tokens, the one in use first.
    pub(super) tokens: Vec<SavedToken>,
}

/// A token that a keeper had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SavedToken {
    pub(super) standing: Standing,
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
    /// The file is of a later version, and may name tokens in a way that is not known here.
    Later {
        /// That version.
        version: u32,
    },
}

impl fmt::Display for Unsaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("there is no saved state"),
            Self::File(_) => f.write_str("the saved state of the keeper"),
            Self::Garbage => f.write_str("the file is no saved state of a keeper"),
            Self::Later { version } => write!(
                f,
                "the saved state of the keeper is of version {version}, which is later than {VERSION}: run the \
                 later version of this library, or delete the tokens that the file names and then the file"
            ),
        }
    }
}

impl std::error::Error for Unsaved {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::None | Self::Garbage | Self::Later { .. } => None,
        }
    }
}

impl Saved {
    /// Reads a state. Blocks.
    pub(super) fn read(path: &Path) -> Result<Self, Unsaved> {
        let read = FileRules::new().with_max_bytes(MAX_BYTES).read(path).map_err(unreadable)?;
        let text = std::str::from_utf8(read.secret_text().secret_bytes());
        Self::parse(text.map_err(|_not_text| Unsaved::Garbage)?)
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
        let mut text = format!("{HEADER}\nversion={VERSION}\n");
        if let Some(mark) = &self.mark {
            text.push_str(&format!("mark={mark}\n"));
        }
        if self.unheard {
            text.push_str("unheard=1\n");
        }
        for SavedToken { standing, id, epoch, period } in self.tokens.iter().take(MOST) {
            let (issued, renewals, period) = (epoch.issued.as_millis(), epoch.renewals, period.as_millis());
            // Writing to a text does not fail.
            let _ = writeln!(
                text,
                "{}={id} issued={issued} renewals={renewals} period={period}",
                word(*standing)
            );
        }
        text + "end\n"
    }

    fn parse(text: &str) -> Result<Self, Unsaved> {
        if let Some(text) = text.strip_prefix(HEADER_1) {
            return Self::parse_first(text).ok_or(Unsaved::Garbage);
        }
        let body = text.strip_prefix(HEADER).and_then(|text| text.strip_prefix("\nversion="));
        let (version, body) = body.and_then(|body| body.split_once('\n')).ok_or(Unsaved::Garbage)?;
        match version.parse() {
            Ok(VERSION) => Self::parse_body(body).ok_or(Unsaved::Garbage),
            Ok(version) if version > VERSION => Err(Unsaved::Later { version }),
            _ => Err(Unsaved::Garbage),
        }
    }

    fn parse_body(body: &str) -> Option<Self> {
        let mut saved = Self { mark: None, unheard: false, tokens: Vec::new() };
        for line in body.strip_suffix("end\n")?.lines() {
            match line.split_once('=')? {
                ("mark", mark) => saved.mark = Some(Mark::parse(mark)?),
                ("unheard", "1") => saved.unheard = true,
                (word, token) => saved.tokens.push(SavedToken::parse(standing(word)?, token)?),
            }
        }
        Some(saved)
    }

    /// The first version told of the token in use alone.
    fn parse_first(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.strip_prefix("\nversion=1\nid=")?.lines().collect();
        let token = SavedToken::parse(Standing::InUse, &lines.join(" "))?;
        Some(Self { mark: None, unheard: false, tokens: vec![token] })
    }
}

impl SavedToken {
    fn parse(standing: Standing, text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let id = words.next().filter(|id| !id.is_empty())?.to_owned();
        let mut value = |key: &str| words.next()?.strip_prefix(key)?.strip_prefix('=');
        let issued = Timestamp::from_millis(value("issued")?.parse().ok()?);
        let renewals = value("renewals")?.parse().ok()?;
        let period = Duration::from_millis(value("period")?.parse().ok()?);
        let epoch = TokenEpoch { issued, renewals };
        words.next().is_none().then_some(Self { standing, id, epoch, period })
    }
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::InUse => "in-use",
        Standing::Made => "made",
        Standing::Retired => "retired",
    }
}

fn standing(word: &str) -> Option<Standing> {
    [Standing::InUse, Standing::Made, Standing::Retired].into_iter().find(|it| self::word(*it) == word)
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

    fn token(standing: Standing, id: &str) -> SavedToken {
        let epoch = TokenEpoch { issued: Timestamp::from_millis(1_700_000_000_000), renewals: 3 };
        SavedToken { standing, id: id.to_owned(), epoch, period: Duration::from_secs(86_400) }
    }

    fn saved() -> Saved {
        let standings = [Standing::InUse, Standing::Made, Standing::Retired];
        let tokens = standings.into_iter().zip(["bWFkZQ", "ZnJlc2g", "b2xk=="]);
        let tokens = tokens.map(|(standing, id)| token(standing, id)).collect();
        Saved { mark: Some(Mark::new([1; 16])), unheard: true, tokens }
    }

    #[test]
    fn a_state_reads_what_it_wrote() {
        let text = saved().text();
        let times = "issued=1700000000000 renewals=3 period=86400000";
        assert_eq!(
            text,
            format!(
                "# The delegation tokens of an ottla keeper, without their secrets.\nversion=2\n\
                 mark={}\nunheard=1\nin-use=bWFkZQ {times}\nmade=ZnJlc2g {times}\nretired=b2xk== {times}\nend\n",
                "01".repeat(16)
            )
        );
        assert_eq!(Saved::parse(&text), Ok(saved()));
        let none = Saved { mark: None, unheard: false, tokens: Vec::new() };
        assert_eq!(Saved::parse(&none.text()), Ok(none));
    }

    #[test]
    fn a_state_of_the_first_version_is_read_and_one_of_a_later_version_refused() {
        let first = "# The delegation token of an ottla keeper, without its secret.\nversion=1\nid=bWFkZQ\n\
                     issued=1700000000000\nrenewals=3\nperiod=86400000\n";
        let wanted = Saved { mark: None, unheard: false, tokens: vec![token(Standing::InUse, "bWFkZQ")] };
        assert_eq!(Saved::parse(first), Ok(wanted));
        for cut in 0..first.len() - 9 {
            assert_eq!(Saved::parse(&first[..cut]), Err(Unsaved::Garbage), "{cut}");
        }
        let later = Saved::parse(&saved().text().replace("version=2", "version=3")).unwrap_err();
        assert_eq!(later, Unsaved::Later { version: 3 });
        assert!(later.to_string().contains("run the later version"), "{later}");
    }

    #[test]
    fn half_a_state_and_garbage_are_none() {
        let text = saved().text();
        for cut in 0..text.len() {
            assert_eq!(Saved::parse(&text[..cut]), Err(Unsaved::Garbage), "{cut}");
        }
        let strays = [("in-use=bWFkZQ", "in-use="), ("period", "pariod"), ("made", "mad"), ("n=2", "n=0")];
        for garbage in strays.map(|(old, new)| text.replace(old, new)) {
            assert_eq!(Saved::parse(&garbage), Err(Unsaved::Garbage), "{garbage}");
        }
        assert_eq!(Saved::parse(&text.replace("00\nmade", "00 x=1\nmade")), Err(Unsaved::Garbage));
    }

    #[test]
    fn a_state_of_any_number_of_tokens_can_be_read_again() {
        let id = "x".repeat(249);
        let tokens = (0..10_000).map(|_| token(Standing::Retired, &id)).collect();
        let text = Saved { tokens, ..saved() }.text();
        assert!(text.len() <= MAX_BYTES, "{}", text.len());
        assert_eq!(Saved::parse(&text).unwrap().tokens.len(), MOST);
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

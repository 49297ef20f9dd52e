//! Token files on disk: written by whoever makes tokens, and noted in by whoever renews one.

use std::io;
use std::path::Path;

use super::{Error, InvalidTokenFile, MAX_BYTES, TokenFile};
use crate::conn::token::Token;
use crate::entropy;
use crate::secret::Secret;
use crate::secret::file::{FileError, FileRules};
use crate::time::Timestamp;

/// Replaces the file at `path` by a secret `text`. Blocks.
pub(crate) fn replace(path: &Path, text: &Secret) -> Result<(), FileError> {
    FileRules::new().replace(path, text, noise()?)
}

/// As [`replace`], unless `stays` says of the text that is there that it shall stay. Blocks.
pub(crate) fn replace_unless(
    path: &Path,
    text: &Secret,
    stays: impl FnMut(&Secret) -> bool + Send + 'static,
) -> Result<bool, FileError> {
    FileRules::new().with_max_bytes(MAX_BYTES).replace_unless(path, text, noise()?, stays)
}

/// Has the token file at `path` tell that `token` was renewed and `expires` later, and tells whether it
/// does. It is left as it is if it has another token by now, or if somebody else who renewed the same
/// one has noted a later end. Owner, group and mode stay. Blocks, for at most ten seconds.
///
/// # Errors
/// [`InvalidTokenFile`] if the file cannot be trusted, read or replaced; it is then as it was.
pub fn note_renewal(
    path: impl AsRef<Path>,
    token: &Token,
    expires: Timestamp,
) -> Result<bool, InvalidTokenFile> {
    let renewals = |token: &Token| token.life().map_or(0, |life| life.renewals);
    let token = token.clone();
    let updated =
        FileRules::new().with_max_bytes(MAX_BYTES).update::<Error>(path.as_ref(), noise()?, move |text| {
            let file = TokenFile::read(text.secret_bytes())?;
            let there = file.token();
            let is_later = there.life().is_some_and(|life| life.expires >= expires);
            if there.id() != token.id() || (renewals(there) > renewals(&token) && is_later) {
                return Ok(None);
            }
            Ok(Some(super::renew(text.secret_bytes(), there, expires)))
        });
    Ok(updated?)
}

fn noise() -> Result<[u8; 8], FileError> {
    let kind = io::ErrorKind::Other;
    entropy::fill().map_err(|_| FileError::Unwritable { kind, os: None })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;
    use crate::cluster::config::Security;
    use crate::conn::token::TokenLife;
    use crate::sasl::ScramMechanism;

    const HOUR: i64 = 3_600_000;

    fn token(id: &str, renewals: u32) -> Token {
        let at = |hours: i64| Timestamp::from_millis(1_700_000_000_000 + hours * HOUR);
        let life = TokenLife { issued: at(0), expires: at(24 + i64::from(renewals)), max: at(168), renewals };
        Token::new(id, Secret::from("sesame")).unwrap().with_life(life)
    }

    fn write(name: &str, token: &Token) -> PathBuf {
        let path = std::env::temp_dir().join(format!("ottla-note-{name}-{}", std::process::id()));
        let bootstrap = "b1:9092".parse().unwrap();
        let text = super::super::write(token, &bootstrap, &Security::Plaintext, ScramMechanism::Sha512);
        fs::write(&path, text.unwrap().secret_bytes()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        path
    }

    fn there(path: &Path) -> Token {
        TokenFile::read(&fs::read(path).unwrap()).unwrap().token().clone()
    }

    #[test]
    fn a_renewal_is_noted_and_the_file_keeps_its_mode() {
        let path = write("noted", &token("a", 0));
        let expires = token("a", 1).life().unwrap().expires;
        assert_eq!(note_renewal(&path, &token("a", 0), expires), Ok(true));
        let (noted, mode) = (there(&path), fs::metadata(&path).unwrap().permissions().mode());
        fs::remove_file(&path).unwrap();
        assert_eq!((noted, mode & 0o7777), (token("a", 1), 0o640));
    }

    #[test]
    fn a_file_that_has_another_token_or_a_later_life_by_now_is_left_as_it_is() {
        let expires = token("a", 1).life().unwrap().expires;
        for now in [token("b", 0), token("a", 2)] {
            let path = write("left", &now);
            let noted = note_renewal(&path, &token("a", 0), expires);
            let left = there(&path);
            fs::remove_file(&path).unwrap();
            assert_eq!((noted, left), (Ok(false), now));
        }
    }

    #[test]
    fn an_earlier_end_is_noted_where_nobody_else_has_noted_a_later_one() {
        let expires = Timestamp::from_millis(1_700_000_000_000 + 23 * HOUR);
        let path = write("earlier", &token("a", 0));
        let noted = note_renewal(&path, &token("a", 0), expires);
        let left = there(&path);
        fs::remove_file(&path).unwrap();
        assert_eq!((noted, left.life().map(|life| life.expires)), (Ok(true), Some(expires)));
        // Another one has renewed it, but for less time than this one.
        let path = write("less", &token("a", 1));
        let expires = Timestamp::from_millis(1_700_000_000_000 + 26 * HOUR);
        let noted = note_renewal(&path, &token("a", 0), expires);
        let left = there(&path);
        fs::remove_file(&path).unwrap();
        assert_eq!((noted, left.life().map(|life| life.expires)), (Ok(true), Some(expires)));
    }

    #[test]
    fn files_that_are_written_at_the_same_time_have_names_of_their_own() {
        assert_ne!(noise().unwrap(), noise().unwrap());
    }

    #[test]
    fn a_file_that_others_may_write_is_not_written_to() {
        let path = write("open", &token("a", 0));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        let refused = note_renewal(&path, &token("a", 0), Timestamp::from_millis(0));
        fs::remove_file(&path).unwrap();
        assert!(refused.unwrap_err().to_string().contains("may write"));
    }
}

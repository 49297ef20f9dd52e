//! The tokens in names of caches and keytabs in krb5.conf: `%{uid}` and the like.

use std::fmt;

/// What the tokens stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The number of the real user: `%{uid}`, `%{USERID}`.
    pub uid: u32,
    /// The number of the effective user: `%{euid}`.
    pub euid: u32,
    /// The directory for temporary files: `%{TEMP}`.
    pub temp_dir: String,
}

impl Process {
    /// Describes the process that runs. Without users (not on Unix) their numbers are zero.
    pub fn this() -> Self {
        #[cfg(unix)]
        let (uid, euid) = (rustix::process::getuid().as_raw(), rustix::process::geteuid().as_raw());
        #[cfg(not(unix))]
        let (uid, euid) = (0, 0);
        Self { uid, euid, temp_dir: std::env::temp_dir().to_string_lossy().into_owned() }
    }
}

/// Replaces the tokens in `template`.
pub(crate) fn expand(template: &str, process: &Process) -> Result<String, UnknownToken> {
    let (mut expanded, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once("%{") {
        let (token, after) = after.split_once('}').ok_or_else(|| UnknownToken(after.to_owned()))?;
        expanded += before;
        match token {
            "uid" | "USERID" => expanded += &process.uid.to_string(),
            "euid" => expanded += &process.euid.to_string(),
            "TEMP" => expanded += &process.temp_dir,
            "null" => {}
            other => return Err(UnknownToken(other.to_owned())),
        }
        rest = after;
    }
    Ok(expanded + rest)
}

/// A name in krb5.conf has a token other than `%{uid}`, `%{USERID}`, `%{euid}`, `%{TEMP}` and
/// `%{null}`, or one that does not end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownToken(pub String);

impl fmt::Display for UnknownToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token %{{{}}} is not known", self.0)
    }
}

impl std::error::Error for UnknownToken {}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(template: &str) -> Result<String, UnknownToken> {
        expand(template, &Process { uid: 7, euid: 8, temp_dir: "/t".to_owned() })
    }

    #[test]
    fn replaces_every_token() {
        let template = "FILE:%{TEMP}/%{null}cc_%{uid}_%{euid}_%{USERID}%";
        assert_eq!(expanded(template), Ok("FILE:/t/cc_7_8_7%".to_owned()));
    }

    #[test]
    fn refuses_a_token_that_is_not_known_or_does_not_end() {
        assert_eq!(expanded("%{uid}%{home}"), Err(UnknownToken("home".to_owned())));
        assert_eq!(expanded("%{uid"), Err(UnknownToken("uid".to_owned())));
    }
}

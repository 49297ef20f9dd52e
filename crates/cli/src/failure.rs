//! What went wrong, as a shell is told: one line on standard error, a hint, an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use ottla::{BrokerError, ErrorKind, explained};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing is wrong: whoever read the output has seen enough.
    Quiet = 0,
    Failed = 1,
    /// The command or a file that it names cannot be right.
    Usage = 2,
    /// The login was refused.
    Authentication = 3,
    /// Records are no longer there.
    DataLoss = 4,
    /// Ctrl-C, by the convention of shells.
    Interrupted = 130,
}

/// An end before the work was done, or with a loss.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    text: String,
    hint: Option<&'static str>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into(), hint: None }
    }

    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::new(Exit::Failed, text)
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text)
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }

    /// The end of a pipe whose reader has gone: nobody is told.
    pub(crate) fn closed_pipe() -> Self {
        Self::new(Exit::Quiet, "")
    }

    pub(crate) fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Says what was being done.
    pub(crate) fn while_at(mut self, work: impl std::fmt::Display) -> Self {
        if self.exit != Exit::Quiet {
            self.text = format!("{work}: {}", self.text);
        }
        self
    }

    /// Tells it on standard error and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if self.exit != Exit::Quiet {
            say(&self.text);
            if let Some(hint) = self.hint {
                say(&format!("hint: {hint}"));
            }
        }
        ExitCode::from(self.exit as u8)
    }
}

/// Writes a line on standard error; where nobody listens, nobody is told.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "ottla: {text}");
}

impl From<ottla::Error> for Failure {
    fn from(error: ottla::Error) -> Self {
        let exit = match error.kind() {
            ErrorKind::Config | ErrorKind::Misuse => Exit::Usage,
            ErrorKind::Auth | ErrorKind::TokenExpired => Exit::Authentication,
            ErrorKind::DataLoss => Exit::DataLoss,
            _ => Exit::Failed,
        };
        Self { exit, text: explained(&error), hint: hint(&error) }
    }
}

/// What to do about errors that have one usual cause.
fn hint(error: &ottla::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::TokenExpired => Some("make a new token with `ottla token create`"),
        ErrorKind::Auth if error.is_unknown_user() => {
            Some("the broker does not know this user or token: was the token expired, or made moments ago?")
        }
        ErrorKind::Broker(BrokerError::UNKNOWN_TOPIC_OR_PARTITION) => {
            Some("`ottla topics list` shows the topics that this login may describe")
        }
        ErrorKind::Broker(BrokerError::TOPIC_AUTHORIZATION_FAILED) => {
            Some("this login lacks an ACL for the topic")
        }
        ErrorKind::Broker(BrokerError::DELEGATION_TOKEN_AUTH_DISABLED) => {
            Some("the brokers have no delegation.token.secret.key")
        }
        ErrorKind::Broker(BrokerError::DELEGATION_TOKEN_NOT_FOUND) => {
            Some("the token was expired or has never been on this cluster")
        }
        ErrorKind::Broker(BrokerError::DELEGATION_TOKEN_OWNER_MISMATCH) => Some(
            "only the owner and the renewers of a token may renew and expire it: --renewer names them at its making",
        ),
        ErrorKind::Broker(BrokerError::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED) => Some(
            "token requests need a login by Kerberos, SCRAM, PLAIN or a client certificate, and not by a token",
        ),
        ErrorKind::Broker(BrokerError::DELEGATION_TOKEN_AUTHORIZATION_FAILED) => {
            Some("a token for somebody else needs the ACL CreateTokens on the resource User:OWNER")
        }
        ErrorKind::Broker(BrokerError::INVALID_PRINCIPAL_TYPE) => {
            Some("owners and renewers are of the type User: write User:NAME")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_being_done() {
        let failure = Failure::failed("no such file").while_at("job.token");
        assert_eq!((failure.exit, failure.text.as_str()), (Exit::Failed, "job.token: no such file"));
    }
}

//! The value of `sasl.jaas.config`: `LoginModule controlFlag key="value" key=value ... ;`
//!
//! It is read as Kafka's `JaasConfig` reads it, with the token rules of Java's `StreamTokenizer`,
//! of which these surprise: a slash outside quotes begins a comment, a value that begins with a
//! digit must be quoted, and `\101` in quotes is `A`. Two things that Java lets pass are errors
//! here: a quote that is never closed, and a value without a key.

mod tokens;

use std::fmt;

use self::tokens::{Token, Tokens};
use super::properties::Value;

/// A login module and its options.
#[derive(Clone, Debug)]
pub(crate) struct LoginModule {
    /// The name of the Java class.
    pub(crate) class: String,
    options: Vec<(String, Value)>,
}

/// More options than this have no meaning to any login module.
const MAX_OPTIONS: usize = 64;

/// What can be wrong with a value of `sasl.jaas.config`. It shows no part of it: a password that
/// lacks its quotes ends up anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// There is no name of a login module.
    NoModule,
    /// The name is not followed by a control flag.
    NoControlFlag,
    /// Something in the place of an option is no name. Options are counted from 1.
    NoKey { option: usize },
    /// An option has no `=`, or no word or quoted text after it.
    NoValue { option: usize },
    /// There are more options than any login module has.
    TooManyOptions { max: usize },
    /// A quote is not closed on its line.
    OpenQuote,
    /// The closing semicolon is missing.
    NotTerminated,
    /// Something follows the semicolon: another login module.
    SeveralModules,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHAPE: &str = "it is written `MODULE required key=\"value\" ... ;`";
        match self {
            Self::NoModule => write!(f, "the JAAS line names no login module: {SHAPE}"),
            Self::NoControlFlag => write!(f, "the JAAS line has no control flag after its module: {SHAPE}"),
            Self::NoKey { option } => {
                write!(
                    f,
                    "option {option} of the JAAS line has no name: does the value before it lack its quotes?"
                )
            }
            Self::NoValue { option } => {
                write!(
                    f,
                    "option {option} of the JAAS line has no value: write it as key=\"value\", in quotes"
                )
            }
            Self::TooManyOptions { max } => write!(f, "the JAAS line has more than {max} options"),
            Self::OpenQuote => f.write_str("a quote of the JAAS line is not closed"),
            Self::NotTerminated => f.write_str("the JAAS line does not end in a semicolon"),
            Self::SeveralModules => {
                f.write_str("the JAAS line has several login modules; a client takes one")
            }
        }
    }
}

impl LoginModule {
    /// Reads the one login module of a line.
    pub(crate) fn parse(line: &str) -> Result<Self, Error> {
        let mut tokens = Tokens::new(line);
        let class = match tokens.next()? {
            Token::Text(class) => class.to_string(),
            _ => return Err(Error::NoModule),
        };
        match tokens.next()? {
            Token::Text(flag) if is_control_flag(&flag) => {}
            _ => return Err(Error::NoControlFlag),
        }
        let mut options: Vec<(String, Value)> = Vec::new();
        loop {
            let option = options.len() + 1;
            let key = match tokens.next()? {
                Token::Sign(';') => break,
                Token::End => return Err(Error::NotTerminated),
                Token::Text(_) if option > MAX_OPTIONS => {
                    return Err(Error::TooManyOptions { max: MAX_OPTIONS });
                }
                Token::Text(key) => key.to_string(),
                Token::Sign(_) => return Err(Error::NoKey { option }),
            };
            match (tokens.next()?, tokens.next()?) {
                (Token::Sign('='), Token::Text(value)) => options.push((key, Value::from(value))),
                _ => return Err(Error::NoValue { option }),
            }
        }
        match tokens.next()? {
            Token::End => Ok(Self { class, options }),
            _ => Err(Error::SeveralModules),
        }
    }

    /// All options, in the order of the line.
    #[cfg(feature = "unstable-internals")]
    pub(crate) fn options(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.options.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value of an option; the last one if there are several.
    pub(crate) fn option(&self, key: &str) -> Option<&Value> {
        self.options.iter().rfind(|(name, _)| name == key).map(|(_, value)| value)
    }
}

fn is_control_flag(word: &str) -> bool {
    ["required", "requisite", "sufficient", "optional"].iter().any(|flag| word.eq_ignore_ascii_case(flag))
}

/// The most bytes that [`write()`] makes of its arguments.
fn longest(class: &str, options: &[(&str, &str)]) -> usize {
    let option = |(key, value): &(&str, &str)| key.len() + 2 * value.len() + 4;
    class.len() + 10 + options.iter().map(option).sum::<usize>()
}

/// Writes a line with every value in quotes. `class` and the keys must be plain words.
pub(crate) fn write(class: &str, options: &[(&str, &str)]) -> Value {
    // All the room at once: a secret that moved would leave a copy behind.
    let mut line = String::with_capacity(longest(class, options));
    line.push_str(class);
    line.push_str(" required");
    for (key, value) in options {
        line.push(' ');
        line.push_str(key);
        line.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => line.push_str("\\\\"),
                '"' => line.push_str("\\\""),
                '\n' => line.push_str("\\n"),
                '\r' => line.push_str("\\r"),
                other => line.push(other),
            }
        }
        line.push('"');
    }
    line.push(';');
    Value::new(line)
}

#[cfg(test)]
mod tests;

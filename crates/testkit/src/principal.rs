//! Who a connection acts for.

use std::fmt;

/// A Kafka principal: a type, `User` in practice, and a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    kind: String,
    name: String,
}

impl Principal {
    /// `User:name`.
    pub fn user(name: impl Into<String>) -> Self {
        Self::new("User", name)
    }

    pub(crate) fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }

    pub(crate) fn anonymous() -> Self {
        Self::user("ANONYMOUS")
    }

    /// The type, before the colon.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The name, after the colon.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_user(&self) -> bool {
        self.kind == "User"
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

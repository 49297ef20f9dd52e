//! Names of Kerberos: who somebody is, and in which realm.
//!
//! Text forms follow MIT's `krb5_parse_name` and `krb5_unparse_name`: `alice@REALM`,
//! `host/web.example.com@REALM`, with a backslash before a character that would separate.

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The kind of a principal name (RFC 4120 section 6.2). It is a hint: names that differ only in
/// it are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NameType(pub i32);

impl NameType {
    /// Nothing is known about the name (NT-UNKNOWN).
    pub const UNKNOWN: Self = Self(0);
    /// A user, or a service named in full (NT-PRINCIPAL).
    pub const PRINCIPAL: Self = Self(1);
    /// A service with an instance, such as `krbtgt/REALM` (NT-SRV-INST).
    pub const SRV_INST: Self = Self(2);
    /// A service on a host, which a KDC may answer with a referral (NT-SRV-HST).
    pub const SRV_HST: Self = Self(3);
    /// A name such as `alice@mail.example` that the KDC maps to a principal (NT-ENTERPRISE).
    pub const ENTERPRISE: Self = Self(10);
}

/// The name of a realm. Realms are case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realm(String);

impl Realm {
    /// Names a realm. The empty realm is valid: MIT's caches use it for "ask for a referral".
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name, unescaped.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, &self.0)
    }
}

/// The name of a principal within its realm. Equality ignores the name type, as RFC 4120
/// section 6.2 asks.
#[derive(Clone, Debug, Eq)]
pub struct PrincipalName {
    name_type: NameType,
    components: Vec<String>,
}

impl PrincipalName {
    /// Makes a name of any type out of its components, unescaped.
    pub fn new<S: Into<String>>(name_type: NameType, components: impl IntoIterator<Item = S>) -> Self {
        Self { name_type, components: components.into_iter().map(Into::into).collect() }
    }

    /// Names the ticket-granting service of `realm`: `krbtgt/REALM`.
    pub fn krbtgt(realm: &Realm) -> Self {
        Self::new(NameType::SRV_INST, ["krbtgt", realm.as_str()])
    }

    /// The kind of the name.
    pub fn name_type(&self) -> NameType {
        self.name_type
    }

    /// The parts between the slashes, unescaped.
    pub fn components(&self) -> &[String] {
        &self.components
    }

    /// Gives the realm `X` if this is `krbtgt/X`.
    pub fn krbtgt_realm(&self) -> Option<&str> {
        match self.components.as_slice() {
            [service, realm] if service == "krbtgt" => Some(realm),
            _ => None,
        }
    }
}

impl PartialEq for PrincipalName {
    fn eq(&self, other: &Self) -> bool {
        self.components == other.components
    }
}

impl Hash for PrincipalName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.components.hash(state);
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, component) in self.components.iter().enumerate() {
            if index > 0 {
                f.write_char('/')?;
            }
            write_escaped(f, component)?;
        }
        Ok(())
    }
}

/// A principal: a name and the realm that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The name within the realm.
    pub name: PrincipalName,
    /// The realm.
    pub realm: Realm,
}

impl Principal {
    /// Joins a name and a realm.
    pub fn new(name: PrincipalName, realm: Realm) -> Self {
        Self { name, realm }
    }

    /// Parses `name@REALM`, or `name` in `default_realm`, with backslash escapes as MIT has them:
    /// `\n`, `\t`, `\b`, `\0`, and any other character for itself.
    ///
    /// `krbtgt/X` gets the type NT-SRV-INST, everything else NT-PRINCIPAL.
    ///
    /// # Errors
    /// Says what is wrong with the text; a text without a realm is an error only if there is no
    /// `default_realm`.
    pub fn parse(text: &str, default_realm: Option<&Realm>) -> Result<Self, PrincipalError> {
        let (components, realm) = split(text)?;
        let realm = match (realm, default_realm) {
            (Some(realm), _) => Realm(realm),
            (None, Some(realm)) => realm.clone(),
            (None, None) => return Err(PrincipalError::NoRealm),
        };
        let mut name = PrincipalName { name_type: NameType::PRINCIPAL, components };
        if name.krbtgt_realm().is_some() {
            name.name_type = NameType::SRV_INST;
        }
        Ok(Self { name, realm })
    }
}

/// Splits at unescaped slashes and at one unescaped `@`, and undoes the escapes.
fn split(text: &str) -> Result<(Vec<String>, Option<String>), PrincipalError> {
    let (mut components, mut part, mut in_realm) = (Vec::new(), String::new(), false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '/' | '@' if in_realm => return Err(PrincipalError::SeparatorInRealm),
            '/' => components.push(std::mem::take(&mut part)),
            '@' => {
                components.push(std::mem::take(&mut part));
                in_realm = true;
            }
            '\\' => part.push(match chars.next().ok_or(PrincipalError::TrailingBackslash)? {
                'n' => '\n',
                't' => '\t',
                'b' => '\u{8}',
                '0' => '\0',
                other => other,
            }),
            c => part.push(c),
        }
    }
    if in_realm {
        return Ok((components, Some(part)));
    }
    components.push(part);
    Ok((components, None))
}

fn write_escaped(f: &mut fmt::Formatter<'_>, part: &str) -> fmt::Result {
    for c in part.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\u{8}' => f.write_str("\\b")?,
            '\0' => f.write_str("\\0")?,
            '\\' | '/' | '@' => {
                f.write_char('\\')?;
                f.write_char(c)?;
            }
            c => f.write_char(c)?,
        }
    }
    Ok(())
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.realm)
    }
}

impl FromStr for Principal {
    type Err = PrincipalError;

    /// Parses a principal that must name its realm.
    fn from_str(text: &str) -> Result<Self, PrincipalError> {
        Self::parse(text, None)
    }
}

/// A text is not a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalError {
    /// There is no `@REALM` and no default realm.
    NoRealm,
    /// A `/` or `@` stands in the realm without a backslash before it.
    SeparatorInRealm,
    /// The text ends with a backslash that escapes nothing.
    TrailingBackslash,
}

impl fmt::Display for PrincipalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRealm => "the principal has no @REALM and there is no default realm",
            Self::SeparatorInRealm => "the realm of the principal contains a '/' or '@' without a backslash",
            Self::TrailingBackslash => "the principal ends with a backslash",
        })
    }
}

impl std::error::Error for PrincipalError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        for text in
            ["alice@R", "host/web.example.com@R.X", r"a\/b\@c\\d/e@R", r"a\tb\n@R", "@R", "a//b@R", "a@"]
        {
            assert_eq!(text.parse::<Principal>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_escaped_letter_without_a_meaning_stands_for_itself() {
        let principal: Principal = r"a\lice@R".parse().unwrap();
        assert_eq!(principal.name.components(), ["alice"]);
    }

    #[test]
    fn the_default_realm_serves_only_a_name_without_one() {
        let realm = Realm::new("D");
        assert_eq!(Principal::parse("a", Some(&realm)).unwrap().to_string(), "a@D");
        assert_eq!(Principal::parse("a@R", Some(&realm)).unwrap().to_string(), "a@R");
        assert_eq!(Principal::parse("a", None), Err(PrincipalError::NoRealm));
    }

    #[test]
    fn refuses_separators_in_the_realm_and_an_escape_of_nothing() {
        assert_eq!("a@R/x".parse::<Principal>(), Err(PrincipalError::SeparatorInRealm));
        assert_eq!("a@R@x".parse::<Principal>(), Err(PrincipalError::SeparatorInRealm));
        assert_eq!("a@R\\".parse::<Principal>(), Err(PrincipalError::TrailingBackslash));
    }

    #[test]
    fn equality_ignores_the_name_type() {
        let (a, b) =
            (PrincipalName::new(NameType::UNKNOWN, ["a"]), PrincipalName::new(NameType::PRINCIPAL, ["a"]));
        assert_eq!(a, b);
        assert_ne!(a, PrincipalName::new(NameType::UNKNOWN, ["a", ""]));
    }

    #[test]
    fn the_ticket_granting_service_is_known_by_its_name() {
        let tgs: Principal = "krbtgt/B@A".parse().unwrap();
        assert_eq!((tgs.name.name_type(), tgs.name.krbtgt_realm()), (NameType::SRV_INST, Some("B")));
        assert_eq!(tgs.name, PrincipalName::krbtgt(&Realm::new("B")));
        assert_eq!("krbtgt@A".parse::<Principal>().unwrap().name.krbtgt_realm(), None);
    }
}

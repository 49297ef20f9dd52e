//! The words in which the shape of a message is written down, after Kafka's own schemas.

/// A message: its fields, and the first version that is "flexible" (compact lengths, tagged
/// fields; KIP-482).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) flexible_from: i16,
    pub(crate) fields: &'static [Field],
}

/// A field, and the versions that have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(super) name: &'static str,
    pub(super) since: i16,
    pub(super) until: i16,
    pub(super) nullable_from: i16,
    pub(super) tag: Option<u32>,
    pub(super) kind: Kind,
}

/// The type of a field or of an element.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// So many bytes.
    Fixed(usize),
    /// A length, and UTF-8 that is copied once.
    Text,
    /// A length, and bytes that are copied at most once.
    Blob,
    /// Fields, and tagged fields in flexible versions.
    Struct(&'static [Field]),
    /// A count, and elements, each of which takes `cost` bytes of memory besides its texts.
    List { of: &'static Self, cost: usize },
}

pub(crate) const BOOL: Kind = Kind::Fixed(1);
pub(crate) const INT8: Kind = Kind::Fixed(1);
pub(crate) const INT16: Kind = Kind::Fixed(2);
pub(crate) const INT32: Kind = Kind::Fixed(4);
pub(crate) const INT64: Kind = Kind::Fixed(8);
pub(crate) const UUID: Kind = Kind::Fixed(16);
pub(crate) const TEXT: Kind = Kind::Text;

/// A field of every version, never null.
pub(crate) const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, since: 0, until: i16::MAX, nullable_from: i16::MAX, tag: None, kind }
}

pub(crate) const fn text(name: &'static str) -> Field {
    field(name, Kind::Text)
}

pub(crate) const fn blob(name: &'static str) -> Field {
    field(name, Kind::Blob)
}

/// An array. `cost` is what an element takes in memory, in the generated type and in ours.
pub(crate) const fn list(name: &'static str, of: &'static Kind, cost: usize) -> Field {
    field(name, Kind::List { of, cost })
}

impl Field {
    pub(crate) const fn since(mut self, version: i16) -> Self {
        self.since = version;
        self
    }

    pub(crate) const fn until(mut self, version: i16) -> Self {
        self.until = version;
        self
    }

    pub(crate) const fn nullable_from(mut self, version: i16) -> Self {
        self.nullable_from = version;
        self
    }

    /// Makes it a tagged field.
    pub(crate) const fn tagged(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }

    pub(super) const fn is_in(&self, version: i16) -> bool {
        self.since <= version && version <= self.until
    }
}

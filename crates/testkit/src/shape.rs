//! The shape of requests, and a walk over a request by its shape before it is decoded.
//!
//! Generated decoders reserve memory for as many elements as a count claims, so a count of two
//! thousand million would end the process. The walk proves that every count and length is covered by
//! bytes that are there.

/// A field's type, after Kafka's schemas.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// So many bytes.
    Fixed(usize),
    Text,
    Blob,
    /// An array of structs.
    List(&'static [Field]),
    /// An array of elements of so many bytes.
    Numbers(usize),
    Texts,
}

/// A field, with the first and last version that has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    kind: Kind,
    since: i16,
    until: i16,
}

/// A message: its fields, the first version with compact lengths and tagged fields (KIP-482), and
/// how many tags, from 0 on, only brokers send each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) fields: &'static [Field],
    pub(crate) flexible_from: i16,
    pub(crate) brokers_tags: u32,
}

pub(crate) const fn shape(flexible_from: i16, fields: &'static [Field]) -> Shape {
    Shape { fields, flexible_from, brokers_tags: 0 }
}

pub(crate) const fn field(kind: Kind) -> Field {
    Field { kind, since: 0, until: i16::MAX }
}

impl Field {
    pub(crate) const fn since(self, since: i16) -> Self {
        Self { since, ..self }
    }

    pub(crate) const fn until(self, until: i16) -> Self {
        Self { until, ..self }
    }
}

pub(crate) const BYTE: Field = field(Kind::Fixed(1));
pub(crate) const INT16: Field = field(Kind::Fixed(2));
pub(crate) const INT32: Field = field(Kind::Fixed(4));
pub(crate) const INT64: Field = field(Kind::Fixed(8));
pub(crate) const UUID: Field = field(Kind::Fixed(16));
pub(crate) const TEXT: Field = field(Kind::Text);
pub(crate) const TEXTS: Field = field(Kind::Texts);
pub(crate) const BLOB: Field = field(Kind::Blob);
pub(crate) const INT32S: Field = field(Kind::Numbers(4));

pub(crate) const fn list(of: &'static [Field]) -> Field {
    field(Kind::List(of))
}

/// A request that no broker could read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Elements that one request may have in all: Kafka has no such bound, but memory for them is
/// many times their bytes.
const MAX_ELEMENTS: usize = 1_000_000;

impl Shape {
    /// Checks a request's body, and gives the number of bytes that belong to it.
    pub(crate) fn check(&self, version: i16, body: &[u8]) -> Result<usize, Malformed> {
        let mut walk =
            Walk { rest: body, version, flexible: version >= self.flexible_from, elements: 0, shape: self };
        walk.fields(self.fields)?;
        Ok(body.len() - walk.rest.len())
    }
}

/// Checks a request header: versions 1 (client id) and 2 (tagged fields too).
pub(crate) fn check_header(version: i16, header: &[u8]) -> Result<usize, Malformed> {
    const HEADER: Shape = shape(2, &[]);
    let mut walk = Walk { rest: header, version, flexible: false, elements: 0, shape: &HEADER };
    walk.take(8)?;
    if version >= 1 {
        walk.text()?;
    }
    walk.flexible = version >= 2;
    walk.tags()?;
    Ok(header.len() - walk.rest.len())
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    elements: usize,
    shape: &'a Shape,
}

impl Walk<'_> {
    fn fields(&mut self, fields: &[Field]) -> Result<(), Malformed> {
        let version = self.version;
        for field in fields.iter().filter(|f| (f.since..=f.until).contains(&version)) {
            match field.kind {
                Kind::Fixed(bytes) => self.take(bytes)?,
                Kind::Text => self.text()?,
                Kind::Blob => {
                    let length = self.long_length()?;
                    self.take(length)?;
                }
                Kind::List(of) => {
                    for _ in 0..self.count()? {
                        self.fields(of)?;
                    }
                }
                Kind::Numbers(bytes) => {
                    let count = self.count()?;
                    self.take(count.checked_mul(bytes).ok_or(Malformed)?)?;
                }
                Kind::Texts => {
                    for _ in 0..self.count()? {
                        self.text()?;
                    }
                }
            }
        }
        self.tags()
    }

    fn tags(&mut self) -> Result<(), Malformed> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.unsigned_varint()? {
            if self.unsigned_varint()? < self.shape.brokers_tags {
                return Err(Malformed);
            }
            let length = self.unsigned_varint()?;
            self.take(usize::try_from(length).map_err(|_| Malformed)?)?;
        }
        Ok(())
    }

    fn text(&mut self) -> Result<(), Malformed> {
        let length = if self.flexible {
            self.long_length()?
        } else {
            let (&length, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
            self.rest = rest;
            optional(i32::from(i16::from_be_bytes(length)))?
        };
        self.take(length)
    }

    /// The count of an array. Every element takes a byte at least.
    fn count(&mut self) -> Result<usize, Malformed> {
        let count = self.long_length()?;
        self.elements = self.elements.saturating_add(count);
        if count > self.rest.len() || self.elements > MAX_ELEMENTS {
            return Err(Malformed);
        }
        Ok(count)
    }

    fn long_length(&mut self) -> Result<usize, Malformed> {
        if self.flexible {
            let length = usize::try_from(self.unsigned_varint()?).map_err(|_| Malformed)?;
            return Ok(length.saturating_sub(1));
        }
        let (&length, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        optional(i32::from_be_bytes(length))
    }

    fn unsigned_varint(&mut self) -> Result<u32, Malformed> {
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let (&byte, rest) = self.rest.split_first().ok_or(Malformed)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(value).map_err(|_| Malformed);
            }
        }
        Err(Malformed)
    }

    fn take(&mut self, bytes: usize) -> Result<(), Malformed> {
        self.rest = self.rest.get(bytes..).ok_or(Malformed)?;
        Ok(())
    }
}

/// A length of -1 says that there is nothing.
fn optional(length: i32) -> Result<usize, Malformed> {
    if length == -1 { Ok(0) } else { usize::try_from(length).map_err(|_| Malformed) }
}

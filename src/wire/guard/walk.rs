//! Walks over bytes along a shape.

use super::fault::{Fault, Flaw};
use super::shape::{Field, INT32, Kind, Shape, field};

/// Decoding a response may take so many bytes for each byte of it ...
const BUDGET_FACTOR: usize = 32;
/// ... and so many for the whole.
const BUDGET_BASE: usize = 4096;

/// What a copied text takes besides its bytes: the counters of an `Arc<str>` and its alignment.
const TEXT_COST: usize = 24;
/// Tagged fields that the schema does not know are kept in a B-tree: this is its first node, ...
const FIRST_TAG_COST: usize = 512;
/// ... and this the share of an entry in a tree whose nodes are as empty as they get.
const TAG_COST: usize = 112;

const RESPONSE_HEADER: &[Field] = &[field("correlation_id", INT32)];

/// Walks over the header of a response and gives the body.
pub(crate) fn header(flexible: bool, frame: &[u8]) -> Result<&[u8], Flaw> {
    let mut walk = Walk::new(0, flexible, frame);
    walk.fields(RESPONSE_HEADER)?;
    Ok(walk.rest)
}

/// Walks over the body of a response and gives what comes after its last field.
pub(crate) fn response<'a>(shape: &Shape, version: i16, body: &'a [u8]) -> Result<&'a [u8], Flaw> {
    let mut walk = Walk::new(version, version >= shape.flexible_from, body);
    walk.fields(shape.fields)?;
    Ok(walk.rest)
}

/// Reads the field `throttle_time_ms` of a body, if the walk gets as far as that.
pub(crate) fn throttle(shape: &Shape, version: i16, body: &[u8]) -> Option<i32> {
    let mut walk = Walk::new(version, version >= shape.flexible_from, body);
    for field in shape.fields.iter().filter(|field| field.tag.is_none() && field.is_in(version)) {
        if field.name == "throttle_time_ms" {
            return walk.rest.first_chunk().map(|bytes| i32::from_be_bytes(*bytes));
        }
        walk.field(field).ok()?;
    }
    None
}

struct Walk<'a> {
    version: i16,
    flexible: bool,
    /// The bytes that are not yet walked over.
    rest: &'a [u8],
    budget: usize,
    /// What of the budget is not yet charged.
    credit: usize,
}

impl<'a> Walk<'a> {
    fn new(version: i16, flexible: bool, bytes: &'a [u8]) -> Self {
        let budget = bytes.len().saturating_mul(BUDGET_FACTOR).saturating_add(BUDGET_BASE);
        Self { version, flexible, rest: bytes, budget, credit: budget }
    }

    /// The fields of a message or of a structure, and the tagged fields after them.
    fn fields(&mut self, fields: &[Field]) -> Result<(), Flaw> {
        let version = self.version;
        for field in fields.iter().filter(|field| field.tag.is_none() && field.is_in(version)) {
            self.field(field)?;
        }
        if self.flexible { self.tags(fields) } else { Ok(()) }
    }

    fn field(&mut self, field: &Field) -> Result<(), Flaw> {
        let flaw = |fault| Flaw { field: field.name, fault };
        let nullable = self.version >= field.nullable_from;
        self.value(&field.kind, nullable).map_err(|broken| match broken {
            Broken::Here(fault) => flaw(fault),
            Broken::Inside(flaw) => flaw,
        })
    }

    fn value(&mut self, kind: &Kind, nullable: bool) -> Result<(), Broken> {
        match *kind {
            Kind::Fixed(size) => {
                self.take(size)?;
            }
            Kind::Struct(fields) => self.fields(fields)?,
            Kind::Text => {
                let Some(length) = self.length(nullable, 2)? else { return Ok(()) };
                let text = self.take(length)?;
                std::str::from_utf8(text).map_err(|_| Fault::NotUtf8)?;
                self.charge(length.saturating_add(TEXT_COST))?;
            }
            Kind::Blob => {
                let Some(length) = self.length(nullable, 4)? else { return Ok(()) };
                self.take(length)?;
                self.charge(length)?;
            }
            Kind::List { of, cost } => {
                let Some(count) = self.length(nullable, 4)? else { return Ok(()) };
                self.charge(count.saturating_mul(cost))?;
                for _ in 0..count {
                    self.value(of, false)?;
                }
            }
        }
        Ok(())
    }

    /// A length or a count, which no more bytes follow than are left: each element has one at least.
    fn length(&mut self, nullable: bool, width: usize) -> Result<Option<usize>, Fault> {
        let got = match (self.flexible, width) {
            (true, _) => i64::from(self.varint()?) - 1,
            (false, 2) => i64::from(i16::from_be_bytes(self.chunk()?)),
            (false, _) => i64::from(i32::from_be_bytes(self.chunk()?)),
        };
        let left = self.rest.len();
        match usize::try_from(got) {
            Ok(got) if got > left => Err(Fault::TooLong { got, left }),
            Ok(got) => Ok(Some(got)),
            Err(_) if got == -1 && nullable => Ok(None),
            Err(_) if got == -1 => Err(Fault::Null),
            Err(_) => Err(Fault::Negative { got: i32::try_from(got).unwrap_or(i32::MIN) }),
        }
    }

    fn tags(&mut self, fields: &[Field]) -> Result<(), Flaw> {
        let flaw = |fault| Flaw { field: "tags", fault };
        let (mut unknown, count) = (0, self.varint().map_err(flaw)?);
        for _ in 0..count {
            let tag = self.varint().map_err(flaw)?;
            let size = self.size().map_err(flaw)?;
            let version = self.version;
            match fields.iter().find(|field| field.tag == Some(tag) && field.is_in(version)) {
                Some(field) => self.tagged(field, size)?,
                None => {
                    let cost = if unknown == 0 { FIRST_TAG_COST } else { TAG_COST };
                    self.charge(cost).map_err(flaw)?;
                    self.take(size).map_err(flaw)?;
                    unknown += 1;
                }
            }
        }
        Ok(())
    }

    /// A tagged field that the schema knows. The generated decoder does not look at the size that
    /// it announces, so that must be the right one.
    fn tagged(&mut self, field: &Field, announced: usize) -> Result<(), Flaw> {
        let flaw = |fault| Flaw { field: field.name, fault };
        let inside = self.take(announced).map_err(flaw)?;
        let after = std::mem::replace(&mut self.rest, inside);
        self.field(field)?;
        match std::mem::replace(&mut self.rest, after).len() {
            0 => Ok(()),
            left => Err(flaw(Fault::TagSize { announced, left })),
        }
    }

    fn size(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.varint()?).map_err(|_| Fault::VarIntTooLong)
    }

    fn varint(&mut self) -> Result<u32, Fault> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let [byte] = self.chunk()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        match self.chunk()? {
            [last @ 0..0x10] => Ok(value | u32::from(last) << 28),
            _ => Err(Fault::VarIntTooLong),
        }
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let left = self.rest.len();
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(Fault::Truncated { left })?;
        self.rest = rest;
        Ok(*chunk)
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], Fault> {
        let left = self.rest.len();
        let (taken, rest) = self.rest.split_at_checked(size).ok_or(Fault::Truncated { left })?;
        self.rest = rest;
        Ok(taken)
    }

    fn charge(&mut self, cost: usize) -> Result<(), Fault> {
        self.credit = self.credit.checked_sub(cost).ok_or(Fault::TooCostly { budget: self.budget })?;
        Ok(())
    }
}

/// A fault of the value itself, or of a field within it.
enum Broken {
    Here(Fault),
    Inside(Flaw),
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self::Here(fault)
    }
}

impl From<Flaw> for Broken {
    fn from(flaw: Flaw) -> Self {
        Self::Inside(flaw)
    }
}

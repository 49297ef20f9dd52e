use super::{Error, MAX_DEPTH, tag};
use crate::time::KerberosTime;

/// Reads values one after the other from borrowed bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    depth: u8,
}

/// One value: what is inside, and the whole of it as it was written.
struct Element<'a> {
    content: &'a [u8],
    raw: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    /// Reads one value that must fill `bytes`.
    ///
    /// # Errors
    /// What `read` returns, and [`Error::TrailingBytes`].
    pub fn whole<T>(bytes: &'a [u8], read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let mut reader = Self::new(bytes);
        let value = read(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    /// Tells whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next tag byte, absent at the end.
    pub fn peek_tag(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// What is left, as it is.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`Error::TrailingBytes`].
    pub const fn finish(&self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::TrailingBytes) }
    }

    /// Reads the content of one value with this tag.
    ///
    /// # Errors
    /// [`Error::UnexpectedTag`], and whatever is wrong with the tag or the length.
    pub fn content(&mut self, expected: u8) -> Result<&'a [u8], Error> {
        let mut ahead = self.clone();
        let got = self.peek_tag();
        if got != Some(expected) {
            return Err(Error::UnexpectedTag { expected, got });
        }
        let element = ahead.element()?;
        *self = ahead;
        Ok(element.content)
    }

    /// Reads one value with this tag and gives all of its bytes, tag and length included.
    ///
    /// # Errors
    /// As [`content`](Self::content).
    pub fn raw(&mut self, expected: u8) -> Result<&'a [u8], Error> {
        let mut ahead = self.clone();
        self.content(expected)?;
        Ok(ahead.element()?.raw)
    }

    /// Reads a constructed value; `read` must consume all of it.
    ///
    /// # Errors
    /// As [`content`](Self::content), [`Error::TooDeep`], [`Error::TrailingBytes`], what `read` returns.
    pub fn constructed<T>(
        &mut self,
        expected: u8,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut inner = self.enter(expected)?;
        let value = read(&mut inner)?;
        inner.finish()?;
        Ok(value)
    }

    /// Reads a SEQUENCE. Fields that `read` leaves at its end are skipped if they are context
    /// tagged: later versions of a message append such fields.
    ///
    /// # Errors
    /// As [`constructed`](Self::constructed).
    pub fn sequence<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.constructed(tag::SEQUENCE, |inner| {
            let value = read(inner)?;
            while inner.peek_tag().is_some_and(|next| next & 0xe0 == 0xa0) {
                inner.element()?;
            }
            Ok(value)
        })
    }

    /// Reads a SEQUENCE OF with at most `max` members.
    ///
    /// # Errors
    /// As [`constructed`](Self::constructed), and [`Error::TooMany`].
    pub fn sequence_of<T>(
        &mut self,
        max: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.constructed(tag::SEQUENCE, |inner| {
            let mut members = Vec::new();
            while !inner.is_empty() {
                if members.len() == max {
                    return Err(Error::TooMany);
                }
                members.push(read(inner)?);
            }
            Ok(members)
        })
    }

    /// Reads the field `[n]`.
    ///
    /// # Errors
    /// As [`constructed`](Self::constructed).
    pub fn field<T>(&mut self, n: u8, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.constructed(tag::field(n), read)
    }

    /// Reads the field `[n]` if it is there.
    ///
    /// # Errors
    /// As [`constructed`](Self::constructed).
    pub fn optional<T>(
        &mut self,
        n: u8,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        if self.peek_tag() == Some(tag::field(n)) { self.field(n, read).map(Some) } else { Ok(None) }
    }

    /// Skips the field `[n]` if it is there.
    ///
    /// # Errors
    /// As [`content`](Self::content).
    pub fn skip_field(&mut self, n: u8) -> Result<(), Error> {
        if self.peek_tag() == Some(tag::field(n)) {
            self.element()?;
        }
        Ok(())
    }

    /// Reads an INTEGER of up to eight bytes.
    ///
    /// # Errors
    /// As [`content`](Self::content), and [`Error::Integer`].
    pub fn integer(&mut self) -> Result<i64, Error> {
        let content = self.content(tag::INTEGER)?;
        let (&first, rest) = content.split_first().ok_or(Error::Integer)?;
        // X.690 8.3.2: the first nine bits are neither all zero nor all one.
        if rest.first().is_some_and(|&second| {
            (first == 0 && second & 0x80 == 0) || (first == 0xff && second & 0x80 != 0)
        }) || content.len() > 8
        {
            return Err(Error::Integer);
        }
        let sign = if first & 0x80 == 0 { 0 } else { -1 };
        Ok(content.iter().fold(sign, |value, &byte| (value << 8) | i64::from(byte)))
    }

    /// Reads an Int32.
    ///
    /// # Errors
    /// As [`integer`](Self::integer).
    pub fn int32(&mut self) -> Result<i32, Error> {
        i32::try_from(self.integer()?).map_err(|_| Error::Integer)
    }

    /// Reads a UInt32, also from a peer that writes it as a negative Int32 (key versions and
    /// sequence numbers are met in both forms).
    ///
    /// # Errors
    /// As [`integer`](Self::integer).
    pub fn uint32(&mut self) -> Result<u32, Error> {
        let value = self.integer()?;
        u32::try_from(value)
            .or_else(|_| i32::try_from(value).map(i32::cast_unsigned))
            .map_err(|_| Error::Integer)
    }

    /// Reads the INTEGER that has only this value here.
    ///
    /// # Errors
    /// As [`integer`](Self::integer), and [`Error::Constant`].
    pub fn constant(&mut self, value: i64) -> Result<(), Error> {
        if self.integer()? == value { Ok(()) } else { Err(Error::Constant) }
    }

    /// Reads an OCTET STRING.
    ///
    /// # Errors
    /// As [`content`](Self::content).
    pub fn octets(&mut self) -> Result<&'a [u8], Error> {
        self.content(tag::OCTET_STRING)
    }

    /// Reads a GeneralString as UTF-8.
    ///
    /// # Errors
    /// As [`content`](Self::content), and [`Error::Text`].
    pub fn text(&mut self) -> Result<&'a str, Error> {
        str::from_utf8(self.content(tag::STRING)?).map_err(|_| Error::Text)
    }

    /// Reads a GeneralizedTime.
    ///
    /// # Errors
    /// As [`content`](Self::content), and [`Error::Time`].
    pub fn time(&mut self) -> Result<KerberosTime, Error> {
        KerberosTime::parse(self.content(tag::TIME)?).ok_or(Error::Time)
    }

    /// Reads the first 32 bits of a BIT STRING, bit 0 as the highest (RFC 4120 section 5.2.8);
    /// absent bits are zero.
    ///
    /// # Errors
    /// As [`content`](Self::content), and [`Error::BitString`].
    pub fn flags(&mut self) -> Result<u32, Error> {
        let (&unused, bits) = self.content(tag::BIT_STRING)?.split_first().ok_or(Error::BitString)?;
        if unused > 7 || (unused > 0 && bits.is_empty()) {
            return Err(Error::BitString);
        }
        let bytes = bits.iter().copied().chain(std::iter::repeat(0)).take(4);
        Ok(bytes.fold(0, |flags, byte| (flags << 8) | u32::from(byte)))
    }

    fn enter(&mut self, expected: u8) -> Result<Self, Error> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        let depth = self.depth + 1;
        Ok(Self { rest: self.content(expected)?, depth })
    }

    fn element(&mut self) -> Result<Element<'a>, Error> {
        let whole = self.rest;
        let (&tag, after_tag) = whole.split_first().ok_or(Error::Truncated)?;
        if tag & 0x1f == 0x1f {
            return Err(Error::HighTag);
        }
        let (length, after_length) = length(after_tag)?;
        let (content, rest) = after_length.split_at_checked(length).ok_or(Error::Truncated)?;
        let (raw, _) = whole.split_at_checked(whole.len() - rest.len()).ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(Element { content, raw })
    }
}

fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Error> {
    let (&first, rest) = bytes.split_first().ok_or(Error::Truncated)?;
    let count = match first {
        0..=0x7f => return Ok((usize::from(first), rest)),
        0x80 => return Err(Error::IndefiniteLength),
        0x81..=0x84 => usize::from(first & 0x7f),
        _ => return Err(Error::LengthTooLong),
    };
    let (digits, rest) = rest.split_at_checked(count).ok_or(Error::Truncated)?;
    let length = digits.iter().fold(0_u64, |value, &byte| (value << 8) | u64::from(byte));
    // X.690 10.1: the short form up to 127, and no leading zero in the long one.
    if length < 0x80 || digits.first() == Some(&0) {
        return Err(Error::NonMinimalLength);
    }
    Ok((usize::try_from(length).map_err(|_| Error::Truncated)?, rest))
}

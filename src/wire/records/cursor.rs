//! Fields of a record, read from the front of its bytes.

use super::error::Error;

/// What is left of a record or of a batch's body. After an error its place is not defined.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    /// A zigzag integer of at most 5 bytes.
    #[inline(always)]
    pub(super) fn varint(&mut self) -> Result<i32, Error> {
        let [a, b, ..] = *self.0 else { return self.long_varint() };
        let word = if a < 0x80 {
            self.skip(1);
            u32::from(a)
        } else if b < 0x80 {
            self.skip(2);
            u32::from(a & 0x7f) | u32::from(b) << 7
        } else {
            return self.long_varint();
        };
        Ok((word >> 1).cast_signed() ^ -(word & 1).cast_signed())
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<i32, Error> {
        let word = self.bits(5)?;
        let word = u32::try_from(word).map_err(|_| Error::Varint)?;
        Ok((word >> 1).cast_signed() ^ -(word & 1).cast_signed())
    }

    /// A zigzag integer of at most 10 bytes.
    #[inline(always)]
    pub(super) fn varlong(&mut self) -> Result<i64, Error> {
        let word = match *self.0 {
            [a, ..] if a < 0x80 => {
                self.skip(1);
                u64::from(a)
            }
            [a, b, ..] if b < 0x80 => {
                self.skip(2);
                u64::from(a & 0x7f) | u64::from(b) << 7
            }
            _ => self.bits(10)?,
        };
        Ok((word >> 1).cast_signed() ^ -(word & 1).cast_signed())
    }

    /// Seven bits a byte, the lowest first, in at most `max` bytes.
    #[inline(never)]
    fn bits(&mut self, max: usize) -> Result<u64, Error> {
        let mut word: u64 = 0;
        for (place, byte) in self.0.iter().take(max).enumerate() {
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if place == 9 && bits > 1 {
                return Err(Error::Varint);
            }
            word |= bits << (7 * place);
            if *byte < 0x80 {
                self.skip(place + 1);
                return Ok(word);
            }
        }
        Err(Error::Varint)
    }

    #[inline(always)]
    fn skip(&mut self, count: usize) {
        self.0 = self.0.get(count..).unwrap_or_default();
    }

    /// A byte that nothing reads.
    #[inline(always)]
    pub(super) fn skip_byte(&mut self) -> Result<(), Error> {
        let (_, rest) = self.0.split_first().ok_or(Error::FieldLength { got: 1, left: 0 })?;
        self.0 = rest;
        Ok(())
    }

    /// A length and as many bytes.
    #[inline(always)]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let got = self.varint()?;
        self.bytes_of(got)
    }

    /// A length and as many bytes; a length of -1 says that there is no value.
    #[inline(always)]
    pub(super) fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, Error> {
        match self.varint()? {
            -1 => Ok(None),
            got => self.bytes_of(got).map(Some),
        }
    }

    #[inline(always)]
    fn bytes_of(&mut self, got: i32) -> Result<&'a [u8], Error> {
        let field = usize::try_from(got).ok().and_then(|length| self.0.split_at_checked(length));
        let (field, rest) = field.ok_or(Error::FieldLength { got, left: self.0.len() })?;
        self.0 = rest;
        Ok(field)
    }
}

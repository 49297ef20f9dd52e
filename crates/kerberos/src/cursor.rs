//! Big-endian fields read one after another, for the formats of keytabs and ticket caches.

/// Fewer bytes are left than a field needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short {
    /// Where the field starts, in bytes from the start of the file.
    pub(crate) offset: usize,
}

/// The bytes that are still to be read, and where in the file they start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Short { offset: self.offset })?;
        self.rest = rest;
        self.offset += len;
        Ok(taken)
    }

    /// Splits off the next `len` bytes as a cursor of their own.
    pub(crate) fn slice(&mut self, len: usize) -> Result<Self, Short> {
        let offset = self.offset;
        Ok(Self { rest: self.take(len)?, offset })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Short { offset: self.offset })?;
        self.rest = rest;
        self.offset += N;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Short> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Short> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Short> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Short> {
        self.array().map(i32::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_does_not_fit_leaves_the_cursor_where_it_was() {
        let mut cursor = Cursor::new(&[1, 2, 3]);
        assert_eq!(cursor.u16(), Ok(0x0102));
        assert_eq!(cursor.u16(), Err(Short { offset: 2 }));
        assert_eq!(cursor.take(2), Err(Short { offset: 2 }));
        assert_eq!(cursor.u8(), Ok(3));
        assert!(cursor.is_empty());
    }

    #[test]
    fn a_slice_keeps_counting_from_the_start_of_the_file() {
        let mut cursor = Cursor::new(&[0, 0, 0xff, 0xfe, 9]);
        cursor.take(2).unwrap();
        let mut slice = cursor.slice(2).unwrap();
        assert_eq!(slice.i16(), Ok(-2));
        assert_eq!(slice.i32(), Err(Short { offset: 4 }));
        assert_eq!(cursor.offset(), 4);
    }
}

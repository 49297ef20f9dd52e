use super::tag;
use crate::time::KerberosTime;

/// Writes values one after the other into a growing buffer.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
}

/// Room for what is written with key material in it, so that no copy is left behind by growing.
const CAPACITY: usize = 1024;

impl Writer {
    /// Gives the bytes that `write` writes.
    pub fn encode(write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut writer = Self { out: Vec::with_capacity(CAPACITY) };
        write(&mut writer);
        writer.out
    }

    /// Writes a value with this tag around what `write` writes.
    pub fn constructed(&mut self, tag: u8, write: impl FnOnce(&mut Self)) {
        self.out.push(tag);
        let start = self.out.len();
        write(self);
        let length = self.out.len().saturating_sub(start);
        self.out.splice(start..start, length_bytes(length));
    }

    /// Writes a value with this tag and content.
    pub fn content(&mut self, tag: u8, content: &[u8]) {
        self.out.push(tag);
        self.out.extend(length_bytes(content.len()));
        self.out.extend_from_slice(content);
    }

    /// Writes bytes that are DER already.
    pub fn raw(&mut self, value: &[u8]) {
        self.out.extend_from_slice(value);
    }

    /// Writes a SEQUENCE.
    pub fn sequence(&mut self, write: impl FnOnce(&mut Self)) {
        self.constructed(tag::SEQUENCE, write);
    }

    /// Writes the field `[n]`.
    pub fn field(&mut self, n: u8, write: impl FnOnce(&mut Self)) {
        self.constructed(tag::field(n), write);
    }

    /// Writes `[APPLICATION n]` around a SEQUENCE, the form of every Kerberos message.
    pub fn message(&mut self, n: u8, write: impl FnOnce(&mut Self)) {
        self.constructed(tag::application(n), |writer| writer.sequence(write));
    }

    /// Writes an INTEGER in as few bytes as it needs.
    pub fn integer(&mut self, value: i64) {
        let bytes = value.to_be_bytes();
        let filler = if value < 0 { 0xff } else { 0 };
        let mut skip = 0;
        while let Some([first, second, ..]) = bytes.get(skip..) {
            if *first != filler || (second ^ filler) & 0x80 != 0 {
                break;
            }
            skip += 1;
        }
        self.content(tag::INTEGER, bytes.get(skip..).unwrap_or_default());
    }

    /// Writes an OCTET STRING.
    pub fn octets(&mut self, value: &[u8]) {
        self.content(tag::OCTET_STRING, value);
    }

    /// Writes a GeneralString.
    pub fn text(&mut self, value: &str) {
        self.content(tag::STRING, value.as_bytes());
    }

    /// Writes a GeneralizedTime.
    pub fn time(&mut self, value: KerberosTime) {
        self.content(tag::TIME, value.to_string().as_bytes());
    }

    /// Writes a BIT STRING of 32 bits, bit 0 as the highest (RFC 4120 section 5.2.8).
    pub fn flags(&mut self, flags: u32) {
        let [a, b, c, d] = flags.to_be_bytes();
        self.content(tag::BIT_STRING, &[0, a, b, c, d]);
    }
}

fn length_bytes(length: usize) -> impl Iterator<Item = u8> {
    let digits = length.to_be_bytes();
    let zeros = digits.iter().take_while(|&&byte| byte == 0).count();
    let count = digits.len().saturating_sub(zeros);
    let prefix = if length < 0x80 { None } else { u8::try_from(count).ok().map(|count| 0x80 | count) };
    let zeros = if length == 0 { zeros.saturating_sub(1) } else { zeros };
    prefix.into_iter().chain(digits.into_iter().skip(zeros))
}

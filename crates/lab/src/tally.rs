//! The checksum by which a test compares what it read with what Java wrote or read.

/// Counts and sums up records. The order in which they are added does not matter, so tallies of
/// parts add up: README.md of this crate has the exact bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records.
    pub count: u64,
    /// Bytes of all keys.
    pub key_bytes: u64,
    /// Bytes of all values.
    pub value_bytes: u64,
    /// The sum, modulo 2^64, of a 64-bit FNV-1a hash of every record.
    pub checksum: u64,
}

/// A record as the checksum sees it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a, H> {
    /// The name of the topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The timestamp, in milliseconds since 1970.
    pub timestamp: i64,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// The headers' names and values, in their order.
    pub headers: H,
}

impl Tally {
    /// Adds a record.
    pub fn add<'a, H>(&mut self, record: Record<'a, H>)
    where
        H: IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    {
        let mut hash = Fnv::new();
        hash.bytes(Some(record.topic.as_bytes()));
        hash.feed(&record.partition.to_be_bytes());
        hash.feed(&record.offset.to_be_bytes());
        hash.feed(&record.timestamp.to_be_bytes());
        hash.bytes(record.key);
        hash.bytes(record.value);
        for (name, value) in record.headers {
            hash.bytes(Some(name.as_bytes()));
            hash.bytes(value);
        }
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, |bytes| bytes.len() as u64);
        *self += Self {
            count: 1,
            key_bytes: length(record.key),
            value_bytes: length(record.value),
            checksum: hash.0,
        };
    }

    /// Reads the line that `Produce` and `Consume` print.
    pub fn parse(line: &str) -> Option<Self> {
        let field = |name| json_field(line, name);
        Some(Self {
            count: field("count")?.parse().ok()?,
            key_bytes: field("key_bytes")?.parse().ok()?,
            value_bytes: field("value_bytes")?.parse().ok()?,
            checksum: u64::from_str_radix(field("checksum")?, 16).ok()?,
        })
    }
}

/// Finds a field in the flat JSON line of one of our Java programs: a string without its quotes,
/// or a number. Good for these lines only: it knows no escapes and no nesting.
pub fn json_field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{name}\":"))?;
    rest.split([',', '}']).next().map(|value| value.trim_matches('"'))
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.key_bytes += other.key_bytes;
        self.value_bytes += other.value_bytes;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }
}

/// 64-bit FNV-1a.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Length and bytes; length -1 stands for none.
    fn bytes(&mut self, bytes: Option<&[u8]>) {
        let length = bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        self.feed(&length.to_be_bytes());
        self.feed(bytes.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        // From the reference's test vectors.
        let mut hash = Fnv::new();
        hash.feed(b"foobar");
        assert_eq!(hash.0, 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_order_of_records_does_not_matter_but_every_field_does() {
        let record = |offset, key| Record {
            topic: "t",
            partition: 0,
            offset,
            timestamp: 5,
            key,
            value: Some(b"v".as_slice()),
            headers: [("h", None)],
        };
        let sum = |records: [(i64, Option<&'static [u8]>); 2]| {
            let mut tally = Tally::default();
            records.into_iter().for_each(|(offset, key)| tally.add(record(offset, key)));
            tally
        };
        let (empty, none) = (Some(b"".as_slice()), None);
        assert_eq!(sum([(0, empty), (1, none)]), sum([(1, none), (0, empty)]));
        assert_ne!(sum([(0, empty), (1, none)]), sum([(0, none), (1, empty)]));
    }

    #[test]
    fn reads_the_line_of_the_java_programs() {
        let line = r#"{"count":2,"key_bytes":3,"value_bytes":4,"checksum":"00000000000000ff"}"#;
        let tally = Tally { count: 2, key_bytes: 3, value_bytes: 4, checksum: 255 };
        assert_eq!(Tally::parse(line), Some(tally));
        assert_eq!(Tally::parse("{}"), None);
    }
}

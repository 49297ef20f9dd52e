//! Records as text.

use base64ct::{Base64, Encoding};
use ottla::ids::TopicPartition;
use ottla::partition::Record;
use ottla::{Chunk, Decoder};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::arguments::read::Format;
use crate::failure::Failure;
use crate::sum::Sum;

/// Prints the records of one reader.
#[derive(Debug)]
pub(super) struct Lines {
    format: Format,
    /// How long the last text was, which the next is likely to be too.
    room: usize,
}

impl Lines {
    pub(super) fn new(format: Format) -> Self {
        Self { format, room: 0 }
    }

    /// The text of all records of a chunk, which are counted.
    pub(super) fn of(&mut self, chunk: &Chunk, decoder: &mut Decoder, sum: &Sum) -> Result<Vec<u8>, Failure> {
        let mut text = Vec::with_capacity(self.room);
        let (mut records, mut bytes) = (0, 0);
        chunk.for_each_record(decoder, |record| {
            records += 1;
            bytes += (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
            self.add(&mut text, chunk.topic_partition(), &record)
        })?;
        let offsets = chunk.offsets();
        sum.add(records, bytes, u64::try_from(offsets.end.saturating_sub(offsets.start)).unwrap_or(0));
        self.room = text.len();
        Ok(text)
    }

    fn add(&self, text: &mut Vec<u8>, place: &TopicPartition, record: &Record<'_>) -> Result<(), Failure> {
        match self.format {
            Format::Count => return Ok(()),
            Format::Raw => text.extend_from_slice(record.value.unwrap_or_default()),
            Format::Json => serde_json::to_writer(&mut *text, &Line { place, record })
                .map_err(|error| Failure::failed(format!("{place}, offset {}: {error}", record.offset)))?,
        }
        text.push(b'\n');
        Ok(())
    }
}

struct Line<'a> {
    place: &'a TopicPartition,
    record: &'a Record<'a>,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { place, record } = self;
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("topic", &*place.topic)?;
        line.serialize_entry("partition", &place.partition)?;
        line.serialize_entry("offset", &record.offset)?;
        line.serialize_entry("timestamp", &record.timestamp.as_millis())?;
        text_or_base64(&mut line, ["key", "key_base64"], record.key)?;
        text_or_base64(&mut line, ["value", "value_base64"], record.value)?;
        line.serialize_entry("headers", &Headers(record))?;
        line.end()
    }
}

struct Headers<'a>(&'a Record<'a>);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut headers = serializer.serialize_seq(None)?;
        for header in self.0.headers.iter() {
            let header = header.map_err(serde::ser::Error::custom)?;
            headers.serialize_element(&Header { key: header.key, value: header.value })?;
        }
        headers.end()
    }
}

struct Header<'a> {
    key: &'a str,
    value: Option<&'a [u8]>,
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut header = serializer.serialize_map(None)?;
        header.serialize_entry("key", self.key)?;
        text_or_base64(&mut header, ["value", "value_base64"], self.value)?;
        header.end()
    }
}

fn text_or_base64<M: SerializeMap>(
    map: &mut M,
    [text, base64]: [&'static str; 2],
    bytes: Option<&[u8]>,
) -> Result<(), M::Error> {
    match bytes.map(std::str::from_utf8) {
        Some(Err(_)) => map.serialize_entry(base64, &Base64::encode_string(bytes.unwrap_or_default())),
        Some(Ok(said)) => map.serialize_entry(text, said),
        None => map.serialize_entry(text, &()),
    }
}

//! One line as a record.

use base64ct::{Base64, Encoding};
use ottla::NewRecord;
use ottla::partition::Header;
use ottla::time::Timestamp;
use serde_json::{Map, Value};

use crate::arguments::write::{InputFormat, WriteOptions};

/// A record and its bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OwnedRecord {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    timestamp: Option<Timestamp>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl OwnedRecord {
    /// Reads a line, without its line feed. An error says what is wrong, and shows none of it.
    pub(super) fn read(line: &[u8], options: &WriteOptions) -> Result<Self, String> {
        match options.format {
            InputFormat::Json => Self::from_json(line),
            InputFormat::Lines => match options.key_separator.as_deref() {
                None => Ok(Self { value: Some(line.to_vec()), ..Self::default() }),
                Some(separator) => Self::keyed(line, separator.as_bytes()),
            },
        }
    }

    fn keyed(line: &[u8], separator: &[u8]) -> Result<Self, String> {
        let at = line.windows(separator.len().max(1)).position(|window| window == separator);
        let (key, rest) = at.and_then(|at| line.split_at_checked(at)).ok_or("there is no separator in it")?;
        let value = rest.get(separator.len()..).unwrap_or_default();
        Ok(Self { key: Some(key.to_vec()), value: Some(value.to_vec()), ..Self::default() })
    }

    fn from_json(line: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(line).map_err(|error| {
            format!("it is no JSON ({:?} at column {})", error.classify(), error.column())
        })?;
        let Value::Object(fields) = value else { return Err("it is no JSON object".to_owned()) };
        let known = |key: &str| {
            [
                "topic",
                "partition",
                "offset",
                "timestamp",
                "key",
                "key_base64",
                "value",
                "value_base64",
                "headers",
            ]
            .contains(&key)
        };
        if let Some(unknown) = fields.keys().find(|key| !known(key)) {
            return Err(format!("{unknown:?} is no part of a record"));
        }
        let timestamp = match fields.get("timestamp") {
            None | Some(Value::Null) => None,
            Some(time) => Some(Timestamp::from_millis(
                time.as_i64().ok_or("its timestamp is no number of milliseconds")?,
            )),
        };
        let headers = match fields.get("headers") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(headers)) => headers.iter().map(header).collect::<Result<_, _>>()?,
            Some(_) => return Err("its headers are no list".to_owned()),
        };
        let (key, value) = (bytes(&fields, "key", "key_base64")?, bytes(&fields, "value", "value_base64")?);
        Ok(Self { key, value, timestamp, headers })
    }

    pub(super) fn headers(&self) -> Vec<Header<'_>> {
        self.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect()
    }

    pub(super) fn borrowed<'a>(&'a self, headers: &'a [Header<'a>]) -> NewRecord<'a> {
        let mut record = match &self.value {
            Some(value) => NewRecord::value(value),
            None => NewRecord::tombstone(),
        };
        if let Some(key) = &self.key {
            record = record.with_key(key);
        }
        if let Some(timestamp) = self.timestamp {
            record = record.with_timestamp(timestamp);
        }
        record.with_headers(headers)
    }

    /// Of key and value.
    pub(super) fn len_bytes(&self) -> u64 {
        (self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len)) as u64
    }
}

fn header(header: &Value) -> Result<(String, Option<Vec<u8>>), String> {
    let fields = header.as_object().ok_or("a header is no object")?;
    let key = fields.get("key").and_then(Value::as_str).ok_or("a header has no key")?;
    Ok((key.to_owned(), bytes(fields, "value", "value_base64")?))
}

/// A text, or any other JSON as it is written; or bytes in base64; or nothing.
fn bytes(fields: &Map<String, Value>, text: &str, base64: &str) -> Result<Option<Vec<u8>>, String> {
    match (fields.get(text), fields.get(base64)) {
        (Some(_), Some(_)) => Err(format!("it has both {text} and {base64}")),
        (_, Some(encoded)) => {
            let decoded = encoded.as_str().and_then(|encoded| Base64::decode_vec(encoded).ok());
            decoded.map(Some).ok_or_else(|| format!("its {base64} is no base64"))
        }
        (None | Some(Value::Null), None) => Ok(None),
        (Some(Value::String(text)), None) => Ok(Some(text.clone().into_bytes())),
        (Some(other), None) => Ok(Some(other.to_string().into_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_read_prints() {
        let line = br#"{"topic":"t","partition":0,"offset":7,"timestamp":5,"key_base64":"gA==","value":"v","headers":[{"key":"h","value":null},{"key":"b","value_base64":"/w=="}]}"#;
        let record = OwnedRecord::from_json(line).unwrap();
        assert_eq!((record.key.as_deref(), record.value.as_deref()), (Some(&b"\x80"[..]), Some(&b"v"[..])));
        assert_eq!(record.timestamp, Some(Timestamp::from_millis(5)));
        assert_eq!(record.headers, [("h".to_owned(), None), ("b".to_owned(), Some(vec![0xff]))]);
        let tombstone = OwnedRecord::from_json(br#"{"key":"k","value":null}"#).unwrap();
        assert_eq!((tombstone.key.as_deref(), tombstone.value), (Some(&b"k"[..]), None));
        let nested = OwnedRecord::from_json(br#"{"value":{"a":[1,true]}}"#).unwrap();
        assert_eq!(nested.value.as_deref(), Some(&br#"{"a":[1,true]}"#[..]));
    }

    #[test]
    fn says_what_is_wrong_without_showing_it() {
        let error = |line: &[u8]| OwnedRecord::from_json(line).unwrap_err();
        assert!(error(b"sesame").starts_with("it is no JSON (Syntax at column 1"));
        assert_eq!(error(b"[]"), "it is no JSON object");
        assert_eq!(error(br#"{"vlaue":"x"}"#), r#""vlaue" is no part of a record"#);
        assert_eq!(error(br#"{"key":"a","key_base64":"YQ=="}"#), "it has both key and key_base64");
        assert_eq!(error(br#"{"value_base64":"?"}"#), "its value_base64 is no base64");
        assert_eq!(error(br#"{"timestamp":"now"}"#), "its timestamp is no number of milliseconds");
        assert_eq!(error(br#"{"headers":{}}"#), "its headers are no list");
        assert_eq!(error(br#"{"headers":[{}]}"#), "a header has no key");
        assert_eq!(OwnedRecord::keyed(b"ab", b"\t"), Err("there is no separator in it".to_owned()));
        assert_eq!(OwnedRecord::keyed(b"a::b:", b"::").unwrap().value.as_deref(), Some(&b"b:"[..]));
    }
}

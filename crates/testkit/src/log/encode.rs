//! Makes record batches.

use super::batch::{Batch, CONTROL, TRANSACTIONAL};
use super::varint::write_varint;
use crate::Record;

/// Who writes: all -1 for a plain producer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer {
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) transactional: bool,
}

impl Writer {
    pub(crate) const PLAIN: Self =
        Self { producer_id: -1, producer_epoch: -1, base_sequence: -1, transactional: false };
}

/// An uncompressed batch at offset 0. `now` stands in for timestamps that are not given.
pub(crate) fn batch(records: &[Record], writer: Writer, now: i64) -> Batch {
    let base = records.first().and_then(|r| r.timestamp).unwrap_or(now);
    let max = records.iter().map(|r| r.timestamp.unwrap_or(now)).max().unwrap_or(now);
    let mut body = Vec::new();
    for (delta, record) in (0_i64..).zip(records) {
        write_record(&mut body, record, record.timestamp.unwrap_or(now) - base, delta);
    }
    let attributes = if writer.transactional { TRANSACTIONAL } else { 0 };
    assemble(attributes, records.len(), (base, max), writer, &body)
}

/// The batch that ends a transaction in a partition: its one record is a marker (KIP-98).
pub(crate) fn marker(writer: Writer, committed: bool, now: i64) -> Batch {
    let kind = i16::from(committed).to_be_bytes();
    let key = [&0_i16.to_be_bytes()[..], &kind].concat();
    let value = [&0_i16.to_be_bytes()[..], &0_i32.to_be_bytes()].concat();
    let mut body = Vec::new();
    write_record(&mut body, &Record::keyed(key, value), 0, 0);
    let writer = Writer { base_sequence: -1, ..writer };
    assemble(TRANSACTIONAL | CONTROL, 1, (now, now), writer, &body)
}

fn assemble(attributes: i16, count: usize, (base, max): (i64, i64), writer: Writer, body: &[u8]) -> Batch {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let checked = [
        &attributes.to_be_bytes()[..],
        &count.saturating_sub(1).to_be_bytes(),
        &base.to_be_bytes(),
        &max.to_be_bytes(),
        &writer.producer_id.to_be_bytes(),
        &writer.producer_epoch.to_be_bytes(),
        &writer.base_sequence.to_be_bytes(),
        &count.to_be_bytes(),
        body,
    ]
    .concat();
    seal(0, -1, &checked)
}

/// Puts length and checksum before what the checksum covers.
pub(super) fn seal(base_offset: i64, leader_epoch: i32, checked: &[u8]) -> Batch {
    let length = i32::try_from(checked.len() + 9).unwrap_or(i32::MAX);
    Batch::of(
        [
            &base_offset.to_be_bytes()[..],
            &length.to_be_bytes(),
            &leader_epoch.to_be_bytes(),
            &[2],
            &crc32c::crc32c(checked).to_be_bytes(),
            checked,
        ]
        .concat(),
    )
}

fn write_record(out: &mut Vec<u8>, record: &Record, timestamp_delta: i64, offset_delta: i64) {
    let mut body = vec![0];
    write_varint(&mut body, timestamp_delta);
    write_varint(&mut body, offset_delta);
    write_nullable(&mut body, record.key.as_deref());
    write_nullable(&mut body, record.value.as_deref());
    write_length(&mut body, record.headers.len());
    for (name, value) in &record.headers {
        write_nullable(&mut body, Some(name.as_bytes()));
        write_nullable(&mut body, value.as_deref());
    }
    write_length(out, body.len());
    out.extend_from_slice(&body);
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    write_varint(out, i64::try_from(length).unwrap_or(i64::MAX));
}

fn write_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => write_varint(out, -1),
        Some(bytes) => {
            write_length(out, bytes.len());
            out.extend_from_slice(bytes);
        }
    }
}

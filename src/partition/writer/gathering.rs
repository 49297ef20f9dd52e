//! The way of records from `send` to the bytes of a request, without tasks and sockets: for benches
//! and for the test that counts allocations.

use std::sync::Arc;

use super::accumulator::{Accumulator, Arrival, Pushed};
use super::batch::Batch;
use super::completion::Acknowledgement;
use super::options::WriteOptions;
use super::request::{Item, request};
use super::sender::Sender;
use crate::ids::TopicPartition;
use crate::time;
use crate::wire::codec;
use crate::wire::records::{Codec, Compressor, NewRecord, Stamp};

/// Gathers records for one topic and makes requests of them.
pub struct Gathering {
    accumulator: Accumulator,
    compressor: Compressor,
    codec: Codec,
    topic: Arc<str>,
    batches: Vec<Batch>,
    sender: Arc<Sender>,
}

impl Gathering {
    /// A topic of so many partitions, with the defaults of a writer.
    pub fn new(partitions: usize, codec: Codec) -> Self {
        let mut accumulator = Accumulator::new(&WriteOptions::new());
        let topic: Arc<str> = Arc::from("t");
        accumulator.topic(&topic, partitions, 1);
        Self {
            accumulator,
            compressor: Compressor::default(),
            codec,
            topic,
            batches: Vec::new(),
            sender: Sender::first(),
        }
    }

    /// Takes a record, and says whether there was memory for it.
    #[inline]
    pub fn push(&mut self, record: &NewRecord<'_>) -> bool {
        let (timestamp, now, sender) = (1_700_000_000_000, time::now, &self.sender);
        let arrival = Arrival { topic: 0, timestamp, now, wants_receipt: false, sender };
        matches!(self.accumulator.push(record, arrival), Ok(Pushed::Taken { .. }))
    }

    /// Makes one request of the first full batch of each partition, as if it was acknowledged at
    /// once. Gives the number of batches and the length of the request.
    pub fn send(&mut self) -> (usize, usize) {
        self.accumulator.take_ready(|_| true, &mut self.batches);
        let mut parts = Vec::with_capacity(self.batches.len());
        for batch in &mut self.batches {
            let spare = self.accumulator.spare();
            let Ok(spare) = batch.pack(self.codec, &mut self.compressor, spare) else { continue };
            self.accumulator.give_back(spare);
            let stamp = Stamp { producer_id: 1, producer_epoch: 0, base_sequence: 0 };
            let partition = i32::try_from(batch.place.partition).unwrap_or(0);
            let (place, serial, topic) = (batch.place, batch.serial, Arc::clone(&self.topic));
            let item = Item { place, serial, attempt: 0, topic, id: None, partition };
            parts.push((item, batch.stamped(stamp)));
        }
        let count = parts.len();
        let encoded = codec::encode(&request(&parts, std::time::Duration::from_secs(30)), 9, "bench");
        let length = encoded.map_or(0, |encoded| encoded.len());
        drop(parts);
        for mut batch in self.batches.drain(..) {
            let (serial, charge) = (batch.serial, batch.charge);
            let topic_partition = TopicPartition::new(Arc::clone(&self.topic), 0);
            batch.tell(Ok(Acknowledgement { topic_partition, offset: None, append_time: None }));
            self.accumulator.finish(serial, charge, batch.into_buffer());
        }
        (count, length)
    }
}

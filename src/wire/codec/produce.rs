//! Produce: record batches for the partitions that a broker leads.
//!
//! Topics go by id from version 13 on (KIP-516), which can be asked for if the ids of all are known, else by
//! name. The broker answers when all in-sync replicas have the records (`acks=all`). The request is encoded by hand: batches stay where they are and are
//! written between slices of the rest.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::produce_response as response;

use super::{Request, millis, present, read};
use crate::ids::{BrokerId, LeaderEpoch, TopicId};
use crate::time::Timestamp;
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// The first version in which topics go by id.
const IDS: i16 = 13;

/// Appends one record batch to each of some partitions.
#[derive(Clone, Debug)]
pub(crate) struct ProduceRequest {
    /// How long the broker may wait for the replicas.
    pub(crate) timeout: Duration,
    pub(crate) topics: Vec<ProduceTopic>,
}

/// The partitions of one topic.
#[derive(Clone, Debug)]
pub(crate) struct ProduceTopic {
    pub(crate) topic: Arc<str>,
    /// The id, if it is known.
    pub(crate) id: Option<TopicId>,
    pub(crate) partitions: Vec<ProducePartition>,
}

/// One batch for one partition.
#[derive(Clone, Debug)]
pub(crate) struct ProducePartition {
    pub(crate) partition: i32,
    pub(crate) batch: Bytes,
}

/// What became of the batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProduceResponse {
    pub(crate) topics: Vec<ProducedTopic>,
}

/// The batches of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProducedTopic {
    /// Empty where topics go by id.
    pub(crate) topic: Arc<str>,
    pub(crate) id: Option<TopicId>,
    pub(crate) partitions: Vec<ProducedPartition>,
}

/// The batch of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProducedPartition {
    pub(crate) partition: i32,
    pub(crate) error: ErrorCode,
    /// The offset of the first record, -1 on an error.
    pub(crate) base_offset: i64,
    /// When the broker appended it, if its topic's timestamps say that.
    pub(crate) append_time: Option<Timestamp>,
    /// Why, in the broker's words, from version 8 on.
    pub(crate) message: Option<Box<str>>,
    /// The records of the batch that it was refused for, by their places, and why (KIP-467).
    pub(crate) refused: Vec<(i32, Option<Box<str>>)>,
    /// Who leads the partition now, where the broker tells (KIP-951), from version 10 on.
    pub(crate) leader: Option<(BrokerId, LeaderEpoch)>,
}

/// The part of a frame that is not record batches, with the places where those go.
struct Body {
    bytes: Vec<u8>,
    batches: Vec<(usize, Bytes)>,
    flexible: bool,
    fits: bool,
}

impl Body {
    /// A count or a length, of what may not be null.
    fn length(&mut self, length: usize) {
        if !self.flexible {
            match i32::try_from(length) {
                Ok(length) => self.bytes.extend_from_slice(&length.to_be_bytes()),
                Err(_) => self.fits = false,
            }
            return;
        }
        let Ok(mut word) = u32::try_from(length.saturating_add(1)) else {
            self.fits = false;
            return;
        };
        while let [low, ..] = word.to_le_bytes()
            && word >= 0x80
        {
            self.bytes.push(low | 0x80);
            word >>= 7;
        }
        let [low, ..] = word.to_le_bytes();
        self.bytes.push(low);
    }

    fn text(&mut self, text: &str) {
        if self.flexible {
            self.length(text.len());
        } else {
            match i16::try_from(text.len()) {
                Ok(length) => self.bytes.extend_from_slice(&length.to_be_bytes()),
                Err(_) => self.fits = false,
            }
        }
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn batch(&mut self, batch: &Bytes) {
        self.length(batch.len());
        self.batches.push((self.bytes.len(), batch.clone()));
    }

    fn no_tags(&mut self) {
        if self.flexible {
            self.bytes.push(0);
        }
    }
}

impl ProduceRequest {
    /// How many batches there are.
    fn batches(&self) -> usize {
        self.topics.iter().map(|topic| topic.partitions.len()).sum()
    }

    fn body(&self, version: i16) -> Body {
        let names: usize = self.topics.iter().map(|topic| topic.topic.len() + 12).sum();
        let batches = self.batches();
        let bytes = Vec::with_capacity(24 + names + batches * 12);
        let flexible = version >= 9;
        let mut body = Body { bytes, batches: Vec::with_capacity(batches), flexible, fits: true };
        // No transactional id.
        body.bytes.extend_from_slice(if flexible { &[0] } else { &[0xff, 0xff] });
        body.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        body.bytes.extend_from_slice(&millis(self.timeout).to_be_bytes());
        body.length(self.topics.len());
        for topic in &self.topics {
            match topic.id.filter(|_| version >= IDS) {
                Some(id) => body.bytes.extend_from_slice(&id.as_u128().to_be_bytes()),
                None if version >= IDS => body.fits = false,
                None => body.text(&topic.topic),
            }
            body.length(topic.partitions.len());
            for partition in &topic.partitions {
                body.bytes.extend_from_slice(&partition.partition.to_be_bytes());
                body.batch(&partition.batch);
                body.no_tags();
            }
            body.no_tags();
        }
        body.no_tags();
        body
    }
}

impl Request for ProduceRequest {
    type Response = ProduceResponse;

    const API: ApiKey = ApiKey::Produce;
    const VERSIONS: RangeInclusive<i16> = 3..=13;

    fn highest_version(&self) -> i16 {
        match self.topics.iter().all(|topic| topic.id.is_some()) {
            true => *Self::VERSIONS.end(),
            false => IDS - 1,
        }
    }

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let mut tail = Vec::new();
        self.encode_parts(version, body, &mut tail)?;
        body.reserve_exact(tail.iter().map(Bytes::len).sum());
        tail.iter().for_each(|part| body.extend_from_slice(part));
        Ok(())
    }

    fn encode_parts(&self, version: i16, head: &mut Vec<u8>, tail: &mut Vec<Bytes>) -> Result<(), Error> {
        let body = self.body(version);
        if !body.fits {
            return Err(Error::Unencodable { api: Self::API, version });
        }
        let first = body.batches.first().map_or(body.bytes.len(), |(place, _)| *place);
        let rest = Bytes::from(body.bytes);
        head.extend_from_slice(rest.get(..first).unwrap_or_default());
        tail.reserve_exact(body.batches.len() * 2);
        let mut from = first;
        for (place, batch) in body.batches {
            if place > from {
                tail.push(rest.slice(from..place));
                from = place;
            }
            tail.push(batch);
        }
        if rest.len() > from {
            tail.push(rest.slice(from..));
        }
        Ok(())
    }

    fn decode(version: i16, body: Bytes) -> Result<ProduceResponse, Error> {
        let message: response::ProduceResponse = read(Self::API, version, body)?;
        let topic = |topic: response::TopicProduceResponse| ProducedTopic {
            topic: Arc::from(topic.name.as_str()),
            id: TopicId::new(topic.topic_id.as_u128()),
            partitions: topic.partition_responses.into_iter().map(produced).collect(),
        };
        Ok(ProduceResponse { topics: message.responses.into_iter().map(topic).collect() })
    }
}

fn produced(partition: response::PartitionProduceResponse) -> ProducedPartition {
    let leader = partition.current_leader;
    let refused = partition.record_errors.into_iter().map(|record| {
        (record.batch_index, record.batch_index_error_message.map(|text| Box::from(text.as_str())))
    });
    ProducedPartition {
        partition: partition.index,
        error: ErrorCode(partition.error_code),
        base_offset: partition.base_offset,
        append_time: (partition.log_append_time_ms >= 0)
            .then(|| Timestamp::from_millis(partition.log_append_time_ms)),
        message: partition.error_message.map(|text| Box::from(text.as_str())),
        refused: refused.collect(),
        leader: present(leader.leader_id.0).map(|id| (BrokerId(id), LeaderEpoch(leader.leader_epoch))),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use kafka_protocol::messages::{ProduceRequest as Generated, TopicName};
    use kafka_protocol::protocol::{Encodable, StrBytes};

    use super::*;

    fn ours(topics: &[(&str, &[usize])]) -> ProduceRequest {
        let topic = |(topic, batches): &(&str, &[usize])| ProduceTopic {
            topic: Arc::from(*topic),
            id: TopicId::new(u128::from(topic.len() as u64) << 70 | 7),
            partitions: (0..)
                .zip(*batches)
                .map(|(partition, length)| ProducePartition { partition, batch: vec![7; *length].into() })
                .collect(),
        };
        ProduceRequest { timeout: Duration::from_secs(30), topics: topics.iter().map(topic).collect() }
    }

    fn theirs(request: &ProduceRequest, version: i16) -> Generated {
        let topic = |topic: &ProduceTopic| {
            let data = topic.partitions.iter().map(|partition| {
                PartitionProduceData::default()
                    .with_index(partition.partition)
                    .with_records(Some(partition.batch.clone()))
            });
            let named = TopicProduceData::default().with_partition_data(data.collect());
            match version {
                IDS.. => named.with_topic_id(uuid::Uuid::from_u128(topic.id.unwrap().as_u128())),
                _ => named.with_name(TopicName(StrBytes::from_string(topic.topic.to_string()))),
            }
        };
        Generated::default()
            .with_acks(-1)
            .with_timeout_ms(30_000)
            .with_topic_data(request.topics.iter().map(topic).collect())
    }

    #[test]
    fn is_encoded_as_kafkas_own_schema_says() {
        let long = "t".repeat(200);
        let requests = [
            ours(&[]),
            ours(&[("orders", &[100])]),
            ours(&[("orders", &[100, 70_000, 0, 3]), (&long, &[]), ("payments", &[200])]),
        ];
        for version in ProduceRequest::VERSIONS {
            for request in &requests {
                let mut want = BytesMut::new();
                theirs(request, version).encode(&mut want, version).unwrap();
                let mut whole = Vec::new();
                request.encode(version, &mut whole).unwrap();
                assert!(whole == want, "v{version}");
                let (mut parts, mut tail) = (Vec::new(), Vec::new());
                request.encode_parts(version, &mut parts, &mut tail).unwrap();
                tail.iter().for_each(|part| parts.extend_from_slice(part));
                assert!(parts == want, "v{version} in parts");
            }
        }
    }

    #[test]
    fn topics_go_by_id_if_all_ids_are_known() {
        let mut request = ours(&[("orders", &[1]), ("payments", &[1])]);
        assert_eq!(request.highest_version(), 13);
        request.topics[1].id = None;
        assert_eq!(request.highest_version(), 12);
        let error = request.encode(13, &mut Vec::new()).unwrap_err();
        assert_eq!(error, Error::Unencodable { api: ApiKey::Produce, version: 13 });
    }

    #[test]
    fn batches_are_not_copied() {
        let request = ours(&[("orders", &[1000, 2000])]);
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        request.encode_parts(9, &mut head, &mut tail).unwrap();
        for partition in &request.topics[0].partitions {
            assert!(tail.iter().any(|part| part.as_ptr() == partition.batch.as_ptr()));
        }
        assert!(head.len() < 100);
    }

    #[test]
    fn a_name_that_no_frame_can_hold_is_refused() {
        let long = "t".repeat(40_000);
        let error = ours(&[(&long, &[1])]).encode(8, &mut Vec::new()).unwrap_err();
        assert_eq!(error, Error::Unencodable { api: ApiKey::Produce, version: 8 });
    }
}

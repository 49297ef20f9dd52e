//! InitProducerId: an id for an idempotent producer (KIP-98).
//!
//! Without a transactional id. Its epoch is raised by the producer itself (KIP-360), so a new
//! epoch is never asked for.

use std::ops::RangeInclusive;

use bytes::Bytes;
use kafka_protocol::messages::{init_producer_id_request as request, init_producer_id_response as response};

use super::{Request, read, write};
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Asks any broker for a new id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InitProducerIdRequest;

/// The new id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InitProducerIdResponse {
    pub(crate) error: ErrorCode,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
}

impl Request for InitProducerIdRequest {
    type Response = InitProducerIdResponse;

    const API: ApiKey = ApiKey::InitProducerId;
    /// Later versions are about transactions only.
    const VERSIONS: RangeInclusive<i16> = 0..=4;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let message = request::InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<InitProducerIdResponse, Error> {
        let message: response::InitProducerIdResponse = read(Self::API, version, body)?;
        Ok(InitProducerIdResponse {
            error: ErrorCode(message.error_code),
            producer_id: message.producer_id.0,
            producer_epoch: message.producer_epoch,
        })
    }
}

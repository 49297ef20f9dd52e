use super::api_versions::{ApiVersionRange, ApiVersionsRequest};
use super::create_delegation_token::CreateDelegationTokenRequest;
use super::create_topics::{CreateTopicsRequest, NewTopic};
use super::delete_topics::DeleteTopicsRequest;
use super::describe_delegation_token::DescribeDelegationTokenRequest;
use super::expire_delegation_token::{ExpireDelegationTokenRequest, Expiry};
use super::fetch::{FetchPartition, FetchRequest, FetchTopic, IsolationLevel};
use super::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic, OffsetAt};
use super::metadata::MetadataRequest;
use super::offset_for_leader_epoch::{EpochPartition, EpochTopic, OffsetForLeaderEpochRequest};
use super::renew_delegation_token::RenewDelegationTokenRequest;
use super::sasl_authenticate::SaslAuthenticateRequest;
use super::sasl_handshake::SaslHandshakeRequest;
use super::*;
use crate::ids::{BrokerId, LeaderEpoch, Principal, TopicId};
use crate::time::Timestamp;
use crate::wire::error_code::ErrorCode;
use crate::wire::guard::Fault;

/// The bytes of hex digits; whatever is not one separates.
fn hex(text: &str) -> Bytes {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

/// The whole frame of a request.
fn sent<R: Request>(request: &R, version: i16) -> Vec<u8> {
    let encoded = encode(request, version, "me").unwrap();
    encoded.slices_from(0).iter().flat_map(|slice| slice.to_vec()).collect()
}

/// The body of a request, by the hex digits of its header.
#[track_caller]
fn sent_body<R: Request>(request: &R, version: i16, header: &str) -> Vec<u8> {
    let frame = sent(request, version);
    let header = hex(header);
    let length = i32::try_from(frame.len() - 4).unwrap().to_be_bytes();
    assert_eq!(frame[..4], length);
    assert_eq!(frame[4..][..header.len()], header);
    frame[4 + header.len()..].to_vec()
}

fn alice() -> Principal {
    Principal::user("alice")
}

mod requests;
mod responses;

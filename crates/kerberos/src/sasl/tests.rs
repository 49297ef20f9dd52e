use super::*;
use crate::crypto::KeyUsage;
use crate::enctype::Enctype;
use crate::error::{Class, ErrorCode, Stage};
use crate::forge::{self, NOW, gss_frame, key, seed};
use crate::gss::tests::{forged_offer, reply, service_ticket};

fn begin(mutual: bool, authorization_id: &str) -> SaslClient {
    let options = SaslOptions {
        gss: GssOptions { mutual, ..GssOptions::default() },
        authorization_id: authorization_id.to_owned(),
    };
    let (token, client) = SaslClient::begin(service_ticket(), &options, &seed(1)).unwrap();
    assert_eq!(token[0], 0x60);
    client
}

fn answer_to(offer: &[u8], authorization_id: &str) -> Result<Vec<u8>, Error> {
    match begin(false, authorization_id).step(&forged_offer(offer))? {
        SaslStep::Last { response } => Ok(response),
        SaslStep::Send { .. } => panic!("there is nothing more to say"),
    }
}

#[test]
fn answers_every_offer_that_has_auth_in_it_with_auth_alone() {
    for offer in [[1, 0, 0, 0], [1, 1, 0, 0], [7, 0, 1, 0], [0xff; 4]] {
        let response = answer_to(&offer, "").unwrap();
        // Not the checksum's bytes but what it protects: header, then the layer and no more.
        assert_eq!(response[..4], [5, 4, 0, 0xff]);
        assert_eq!(response[4..8], [0, 12, 0, 0]);
        assert_eq!(response[16..response.len() - 12], [1, 0, 0, 0]);
        let header = [&response[..4], &[0; 4], &response[8..16]].concat();
        key(Enctype(18), 1)
            .verify_checksum(KeyUsage::INITIATOR_SEAL, &[&response[16..20], &header], &response[20..])
            .unwrap();
    }
}

#[test]
fn puts_the_authorization_id_behind_without_a_final_zero() {
    let response = answer_to(&[1, 0, 0, 0], "bob").unwrap();
    assert_eq!(response[16..response.len() - 12], *b"\x01\0\0\0bob");
}

#[test]
fn refuses_an_offer_that_is_not_four_bytes() {
    for offer in [&[][..], &[1], &[1, 0, 0], &[1, 0, 0, 0, 0]] {
        let error = answer_to(offer, "").unwrap_err();
        assert_eq!((error.fault(), error.class()), (&GssFault::OfferLength.into(), Class::Security));
        assert_eq!(error.stage(), Stage::Service);
    }
}

#[test]
fn refuses_an_offer_without_auth() {
    for layers in [0, 2, 4, 6, 0xfe] {
        let error = answer_to(&[layers, 0, 0, 0], "").unwrap_err();
        assert_eq!((error.fault(), error.class()), (&GssFault::NoAuthOnly.into(), Class::Config));
    }
}

#[test]
fn sends_an_empty_response_after_the_proof_of_the_server() {
    let part = forge::ApPart { client_time: NOW, subkey: None, sequence: Some(0x0101_0101) };
    let SaslStep::Send { response, next } = begin(true, "").step(&reply(&part)).unwrap() else {
        panic!("the offer is still to come");
    };
    assert!(response.is_empty());
    assert!(matches!(next.step(&forged_offer(&[1, 0, 0, 0])).unwrap(), SaslStep::Last { .. }));
}

#[test]
fn takes_no_offer_in_place_of_the_proof() {
    let error = begin(true, "").step(&forged_offer(&[1, 0, 0, 0])).unwrap_err();
    assert!(matches!(error.fault(), Fault::Malformed(_)));
}

#[test]
fn an_empty_challenge_is_an_error_and_not_a_success() {
    assert!(matches!(begin(true, "").step(b"").unwrap_err().fault(), Fault::Malformed(_)));
    assert_eq!(begin(false, "").step(b"").unwrap_err().fault(), &GssFault::Truncated.into());
}

#[test]
fn reads_the_reason_of_a_refusal_at_any_time() {
    let refusal = gss_frame([3, 0], &forge::krb_error(37, NOW.time(), None));
    for mutual in [true, false] {
        let error = begin(mutual, "").step(&refusal).unwrap_err();
        assert_eq!((error.code(), error.class()), (Some(ErrorCode::SKEW), Class::Refused));
    }
}

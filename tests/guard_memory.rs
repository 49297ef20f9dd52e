//! What decoding a response takes, for every API and version that the client speaks: whole ones,
//! and damaged ones in great numbers. Debug builds try fewer.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "support functions of a test may fail the test"
)]

#[path = "guard_memory/crowded.rs"]
mod crowded;
#[path = "guard_memory/mutation.rs"]
mod mutation;
#[path = "guard_memory/populated.rs"]
mod populated;

use std::time::Duration;

use bytes::Bytes;
use ottla::internals::{apis, decode_response, fuzz_response, throttle_time, versions};

use mutation::{Numbers, mutate};

const MUTATIONS: u64 = if cfg!(debug_assertions) { 20_000 } else { 100_000 };

/// Decoding takes at most this, without the frame itself.
fn allowed(frame: usize) -> u64 {
    u64::try_from(32 * frame + 4096).unwrap()
}

fn pairs() -> impl Iterator<Item = (i16, i16)> {
    apis().into_iter().flat_map(|api| versions(api).map(move |version| (api, version)))
}

#[test]
fn every_field_of_every_response_is_known_to_the_guard() {
    for (api, version) in pairs() {
        let frame = populated::frame(api, version);
        assert_eq!(decode_response(api, version, frame), Ok(()), "API {api} version {version}");
    }
}

#[test]
fn a_byte_too_many_is_refused_and_so_is_a_byte_too_few() {
    for (api, version) in pairs() {
        let frame = populated::frame(api, version);
        let longer: Bytes = [&frame[..], &[0]].concat().into();
        let refused = decode_response(api, version, longer).unwrap_err();
        assert!(refused.starts_with("TrailingBytes") && refused.contains("left: 1"), "{refused}");
        for end in 0..frame.len() {
            let cut = frame.slice(..end);
            assert!(decode_response(api, version, cut).is_err(), "API {api} version {version} to {end}");
        }
    }
}

#[test]
fn whole_responses_stay_within_the_budget() {
    for (api, version) in pairs() {
        let frame = Bytes::copy_from_slice(&populated::frame(api, version));
        let length = frame.len();
        let taken = allocation_counter::measure(|| drop(decode_response(api, version, frame)));
        assert!(taken.bytes_max <= allowed(length), "API {api} version {version}: {}", taken.bytes_max);
    }
}

#[test]
fn damaged_responses_stay_within_the_budget_and_never_panic() {
    for (api, version) in pairs() {
        let whole = populated::frame(api, version);
        let mut numbers =
            Numbers::seeded(u64::from(api.unsigned_abs()) << 16 | u64::from(version.unsigned_abs()));
        for round in 0..MUTATIONS {
            let mut damaged = whole.to_vec();
            mutate(&mut damaged, &mut numbers);
            let _ = decode_within_budget(api, version, damaged, round);
        }
    }
}

#[test]
fn crowds_of_empty_elements_are_refused_or_stay_within_the_budget() {
    let mut refused = 0;
    for (api, version) in pairs() {
        for (kind, frame) in (0..).zip(crowded::frames(api, version)) {
            match decode_within_budget(api, version, frame.to_vec(), kind) {
                Ok(()) => {}
                Err(error) => {
                    assert!(error.contains("TooCostly"), "API {api} version {version}: {error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 0, "no response is as dense as that");
}

fn decode_within_budget(api: i16, version: i16, frame: Vec<u8>, trial: u64) -> Result<(), String> {
    let (length, frame) = (frame.len(), Bytes::from(frame));
    let mut outcome = Ok(());
    let taken = allocation_counter::measure(|| outcome = decode_response(api, version, frame)).bytes_max;
    assert!(
        taken <= allowed(length),
        "API {api} version {version} trial {trial}: {taken} bytes for {length}"
    );
    outcome
}

#[test]
fn the_time_to_wait_is_read_where_the_client_must_obey_it() {
    for (api, version) in pairs() {
        let first = match api {
            1 => 8,
            2 | 19 => 3,
            0 | 3 => 6,
            18 | 20 | 23 => 2,
            22 | 38..=41 => 1,
            _ => i16::MAX,
        };
        let millis = if version >= first { populated::THROTTLE_MILLIS.unsigned_abs() } else { 0 };
        let frame = populated::frame(api, version);
        let read = throttle_time(api, version, &frame);
        assert_eq!(read, Duration::from_millis(millis.into()), "API {api} version {version}");
        for end in 0..frame.len() {
            assert!(throttle_time(api, version, &frame[..end]) <= read);
        }
    }
}

#[test]
fn every_input_of_the_fuzz_target_ends() {
    for api in 0..=u8::MAX {
        for version in 0..20 {
            for frame in [&[][..], &[0; 3], &[0; 40], &[0xff; 40], &[1; 40]] {
                fuzz_response(&[&[api, version], frame].concat());
            }
        }
    }
    fuzz_response(&[]);
    fuzz_response(&[7]);
}

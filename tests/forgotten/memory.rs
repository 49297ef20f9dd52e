//! A search of this process's own memory.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard};

use ottla::Token;
use ottla::secret::Secret;

/// What is kept of a secret differs from it in each byte.
const MASK: u8 = 0xa5;
/// So many bytes of a form tell it from anything else.
const WINDOW: usize = 16;
const CHUNK: usize = 1 << 20;
const BESIDE: usize = 4096;

/// What the search reads goes here. It is no allocation: one would come to lie behind what is looked
/// for, at another place each time.
static SCRATCH: Mutex<Scratch> =
    Mutex::new(Scratch { below: [0; BESIDE], chunk: [0; CHUNK], above: [0; BESIDE] });

/// The buffer of the search, and what lies at both its ends.
#[repr(C)]
struct Scratch {
    below: [u8; BESIDE],
    chunk: [u8; CHUNK],
    above: [u8; BESIDE],
}

fn scratch() -> MutexGuard<'static, Scratch> {
    SCRATCH.lock().unwrap()
}

/// Pieces of secrets to look for.
#[derive(Default)]
pub(crate) struct Search {
    needles: Vec<(String, [u8; WINDOW])>,
}

impl Search {
    /// Looks for the HMAC of a token in all its forms, by their first bytes, some of the middle, and the last.
    pub(crate) fn add(&mut self, name: &str, token: &Token) {
        let hmac = token.secret_hmac().secret_bytes();
        if hmac.is_empty() {
            // On a machine that stood still it died meanwhile: it was added when it lived.
            return;
        }
        let digits = |upper: bool| {
            let digit = move |nibble: u8| u8::try_from(char::from_digit(nibble.into(), 16).unwrap()).unwrap();
            let case = move |digit: u8| if upper { digit.to_ascii_uppercase() } else { digit };
            move |byte: &u8| [case(digit(byte >> 4)) ^ MASK, case(digit(byte & 15)) ^ MASK]
        };
        let masked = |bytes: &[u8]| bytes.iter().map(|byte| byte ^ MASK).collect::<Vec<u8>>();
        let forms = [
            ("raw", masked(hmac)),
            ("base64", masked(token.secret_password().secret_bytes())),
            ("hex", hmac.iter().flat_map(digits(false)).collect()),
            ("HEX", hmac.iter().flat_map(digits(true)).collect()),
        ];
        for (form, masked) in forms {
            for (place, at) in [("first", 0), ("middle", 24), ("last", masked.len() - WINDOW)] {
                let piece = masked[at..at + WINDOW].try_into().unwrap();
                self.needles.push((format!("{name}: {place} bytes, {form}"), piece));
            }
        }
    }

    /// What is found, each with how often.
    pub(crate) fn found(&self) -> Vec<String> {
        // What begins so is compared whole.
        let mut begins = vec![false; 1 << 16];
        let index = |first: u8, second: u8| usize::from(first) << 8 | usize::from(second);
        for (_, piece) in &self.needles {
            begins[index(piece[0], piece[1])] = true;
        }
        let mut counts = vec![0; self.needles.len()];
        let memory = File::open("/proc/self/mem").unwrap();
        let mut scratch = scratch();
        let chunk = &mut scratch.chunk;
        let own = chunk.as_ptr() as usize..chunk.as_ptr() as usize + CHUNK;
        for (start, end) in regions() {
            let mut at = start;
            while at < end {
                if own.contains(&at) {
                    // It has what was read last.
                    at = own.end;
                    continue;
                }
                let until = if at < own.start { end.min(own.start) } else { end };
                let length = (until - at).min(CHUNK);
                if memory.read_exact_at(&mut chunk[..length], at as u64).is_ok() {
                    count(&chunk[..length], &begins, &self.needles, &mut counts);
                }
                at += if length == CHUNK { CHUNK - WINDOW } else { length };
            }
        }
        chunk.fill(0);
        let found = self.needles.iter().zip(counts).filter(|(_, count)| *count > 0);
        found.map(|((name, _), count)| format!("{name} ({count} times)")).collect()
    }
}

/// The search finds what lies right at its own buffer, on both sides of it.
pub(crate) fn finds_what_lies_beside_its_buffer() {
    let mut hmac: Vec<u8> = (0_u8..64).map(|number| number.wrapping_mul(89) ^ 0x3c).collect();
    let mut planted = Search::default();
    planted.add("planted", &Token::new("planted", Secret::new(hmac.clone())).unwrap());
    for is_below in [true, false] {
        let plant = |bytes: &[u8]| match (scratch(), is_below) {
            (mut scratch, true) => scratch.below[BESIDE - 64..].copy_from_slice(bytes),
            (mut scratch, false) => scratch.above[..64].copy_from_slice(bytes),
        };
        plant(&hmac);
        let found = planted.found();
        plant(&[0; 64]);
        for place in ["first", "middle", "last"] {
            let raw = format!("planted: {place} bytes, raw (");
            assert!(found.iter().any(|it| it.starts_with(&raw)), "below: {is_below}: {found:?}");
        }
    }
    hmac.fill(0);
    assert_eq!(planted.found(), Vec::<String>::new());
}

fn count(bytes: &[u8], begins: &[bool], needles: &[(String, [u8; WINDOW])], counts: &mut [usize]) {
    for (at, pair) in bytes.windows(2).enumerate() {
        if !begins[usize::from(pair[0] ^ MASK) << 8 | usize::from(pair[1] ^ MASK)] {
            continue;
        }
        let Some(here) = bytes.get(at..at + WINDOW) else { return };
        for ((_, piece), count) in needles.iter().zip(counts.iter_mut()) {
            if here.iter().zip(piece).all(|(byte, masked)| byte ^ MASK == *masked) {
                *count += 1;
            }
        }
    }
}

/// The parts of the memory that this process writes to.
fn regions() -> Vec<(usize, usize)> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let region = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        rest.starts_with("rw").then_some((number(start)?, number(end)?))
    };
    maps.lines().filter_map(region).collect()
}

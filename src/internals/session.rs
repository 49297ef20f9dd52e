//! A session under any order of operations, with a peer that answers well, badly or not at all.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::conn::authenticate::Attempt;
use crate::conn::inflight::RequestId;
use crate::conn::lifetime::RenewalPoint;
use crate::conn::session::{Event, Session, Settings};
use crate::sasl::{Derivation, Exchange, ScramCredentials, ScramMechanism};
use crate::time;
use crate::wire::codec;
use crate::wire::codec::metadata::MetadataRequest;

/// Drives a session by `input`: each operation is a byte, followed by what it takes.
///
/// # Panics
/// If a caller is answered twice, or hears nothing of its request at the end.
pub fn fuzz_session(input: &[u8]) {
    let now = time::now();
    let settings = Settings { client_id: "fuzz".into(), max_frame: 1 << 20 };
    let Ok(session) = Session::new(settings, now + Duration::from_secs(10)) else { return };
    let mut driver =
        Driver { session, now, input, waiting: BTreeSet::new(), wire: Vec::new(), derivation: None };
    while driver.operate().is_some() {}
    driver.events();
    for (id, _) in driver.session.handle_closed() {
        assert!(driver.waiting.remove(&id), "a caller is told twice how its request ended");
    }
    assert!(driver.waiting.is_empty(), "a caller is never told how its request ended");
}

struct Driver<'a> {
    session: Session,
    now: Instant,
    input: &'a [u8],
    /// The callers that wait for an answer.
    waiting: BTreeSet<RequestId>,
    /// The correlation ids of the requests on the wire, oldest first.
    wire: Vec<[u8; 4]>,
    derivation: Option<Derivation>,
}

impl Driver<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.input.split_first()?;
        self.input = rest;
        Some(*first)
    }

    fn take(&mut self, count: usize) -> &[u8] {
        let (taken, rest) = self.input.split_at(count.min(self.input.len()));
        self.input = rest;
        taken
    }

    /// `None` at the end: of the input, or of the session.
    fn operate(&mut self) -> Option<()> {
        match self.byte()? % 8 {
            0 => self.submit(),
            1 => self.abandon(),
            2 => self.authenticate()?,
            3 => self.session.open(),
            4 => self.frame()?,
            5 => self.pass()?,
            6 => self.derive()?,
            _ => self.transmit(),
        }
        self.events();
        Some(())
    }

    fn submit(&mut self) {
        let request = MetadataRequest { topics: Some(Vec::new()) };
        let Ok(encoded) = codec::encode(&request, 9, "fuzz") else { return };
        let id = self.session.submit(encoded, self.now + Duration::from_secs(30));
        self.waiting.insert(id);
    }

    fn abandon(&mut self) {
        let skipped = usize::from(self.byte().unwrap_or(0));
        if let Some(id) = self.waiting.iter().nth(skipped % self.waiting.len().max(1)).copied() {
            self.session.abandon(id);
            self.waiting.remove(&id);
        }
    }

    fn authenticate(&mut self) -> Option<()> {
        let choice = self.byte()?;
        let exchange = if choice & 1 == 0 {
            Exchange::plain("alice", "secret".into())
        } else {
            let credentials = ScramCredentials {
                mechanism: ScramMechanism::Sha256,
                user: "alice".into(),
                password: "secret".into(),
                token_auth: choice & 2 != 0,
            };
            Exchange::scram(credentials, [b'a'; 24])
        };
        let attempt = Attempt {
            exchange,
            token: choice & 2 != 0,
            renewal_point: RenewalPoint::from_random(choice),
            deadline: self.now + Duration::from_secs(10),
        };
        self.session.authenticate(self.now, attempt).ok()
    }

    /// A frame: to the oldest request, unless the first byte is odd; its body from the input.
    fn frame(&mut self) -> Option<()> {
        let choice = self.byte()?;
        let length = usize::from(self.byte()?);
        let oldest = (!self.wire.is_empty() && choice & 1 == 0).then(|| self.wire.remove(0));
        let correlation_id = oldest.unwrap_or([0, 0, 0, choice]);
        let body = self.take(length);
        let frame: Bytes = [correlation_id.as_slice(), body].concat().into();
        self.session.handle_frame(self.now, frame).ok()
    }

    fn pass(&mut self) -> Option<()> {
        let tenths = u32::from(self.byte()?);
        self.now += Duration::from_millis(100) * tenths;
        self.session.handle_timeout(self.now).ok()
    }

    fn derive(&mut self) -> Option<()> {
        match self.derivation.take() {
            Some(derivation) => self.session.key_derived(self.now, derivation.derive()).ok(),
            None => Some(()),
        }
    }

    fn transmit(&mut self) {
        while let Some(request) = self.session.poll_transmit(self.now) {
            let bytes: Vec<u8> = request.slices_from(8).iter().flat_map(|slice| slice.to_vec()).collect();
            self.wire.extend(bytes.first_chunk::<4>());
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Response { id, .. } | Event::NotSent { id } => {
                    assert!(self.waiting.remove(&id), "an answer that nobody waits for");
                }
                Event::DeriveKey(derivation) => self.derivation = Some(derivation),
                Event::VersionsKnown | Event::Opened { .. } | Event::CredentialWanted { .. } => {}
            }
        }
        let _ = self.session.poll_timeout();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_of_operations_is_survived() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..2_000 {
            let input: Vec<u8> = (0..200)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state.to_le_bytes()[3]
                })
                .collect();
            fuzz_session(&input);
        }
    }
}

//! The session against a broker that is typed in: bytes by Kafka's message formats, without our
//! encoder.

use std::time::Duration;

use super::*;
use crate::conn::error::LoginStep;
use crate::conn::lifetime::RenewalPoint;
use crate::sasl::{Exchange, ScramCredentials, ScramMechanism};
use crate::wire::codec::fetch::{FetchRequest, IsolationLevel};
use crate::wire::codec::metadata::MetadataRequest;

const SECOND: Duration = Duration::from_secs(1);

/// Those that have HMACs of tokens, or the words of a mechanism, in their answers.
const SECRETIVE: [&str; 3] = ["SaslAuthenticate", "CreateDelegationToken", "DescribeDelegationToken"];

struct Fixture {
    session: Session,
    now: Instant,
}

/// A response frame: correlation id and body.
fn frame(correlation_id: i32, body: &[u8]) -> Bytes {
    [&correlation_id.to_be_bytes(), body].concat().into()
}

/// ApiVersions v0: error, then (api, min, max) each.
fn versions_v0(error: i16) -> Vec<u8> {
    let ranges: [[i16; 3]; 5] = [[3, 4, 8], [17, 1, 1], [18, 0, 0], [36, 1, 1], [1, 4, 4]];
    let mut body = error.to_be_bytes().to_vec();
    body.extend(5i32.to_be_bytes());
    body.extend(ranges.as_flattened().iter().flat_map(|number| number.to_be_bytes()));
    body
}

/// SaslHandshake v1 with one mechanism.
fn handshake(error: i16) -> Vec<u8> {
    [&error.to_be_bytes()[..], &1i32.to_be_bytes(), &5i16.to_be_bytes(), b"PLAIN"].concat()
}

/// SaslAuthenticate v1.
fn authenticated(error: i16, lifetime_millis: i64) -> Vec<u8> {
    let message = (-1i16).to_be_bytes();
    let auth_bytes = 0i32.to_be_bytes();
    [&error.to_be_bytes()[..], &message, &auth_bytes, &lifetime_millis.to_be_bytes()].concat()
}

fn metadata() -> Encoded {
    codec::encode(&MetadataRequest { topics: Some(vec![]) }, 8, "c").unwrap()
}

impl Fixture {
    /// A session whose versions are known: ApiVersions v4 refused, v0 answered.
    fn new() -> Self {
        let now = crate::time::now();
        let settings = Settings { client_id: "c".into(), max_frame: 1 << 20 };
        let mut fixture = Self { session: Session::new(settings, now + SECOND).unwrap(), now };
        assert_eq!(fixture.sent(), Some((ApiKey::ApiVersions, 4)));
        fixture.answer(0, &versions_v0(35)).unwrap();
        assert_eq!(fixture.sent(), Some((ApiKey::ApiVersions, 0)));
        fixture.answer(1, &versions_v0(0)).unwrap();
        assert!(matches!(fixture.session.poll_event(), Some(Event::VersionsKnown)));
        fixture
    }

    fn open() -> Self {
        let mut fixture = Self::new();
        fixture.session.open();
        assert!(matches!(fixture.session.poll_event(), Some(Event::Opened { login: false })));
        fixture
    }

    /// A session that is logged in by PLAIN for `lifetime_millis`; the correlation ids 0 to 3 are
    /// used up.
    fn logged_in(lifetime_millis: i64) -> Self {
        let mut fixture = Self::new();
        fixture.log_in(2, lifetime_millis).unwrap();
        assert!(matches!(fixture.session.poll_event(), Some(Event::Opened { login: true })));
        fixture
    }

    fn attempt(&self, token: bool) -> Attempt {
        Attempt {
            exchange: Exchange::plain("alice", "secret".into()),
            token,
            renewal_point: RenewalPoint::from_random(0),
            deadline: self.now + SECOND,
        }
    }

    fn log_in(&mut self, first_id: i32, lifetime_millis: i64) -> Result<(), Error> {
        let attempt = self.attempt(false);
        self.session.authenticate(self.now, attempt)?;
        assert_eq!(self.sent(), Some((ApiKey::SaslHandshake, 1)));
        self.answer(first_id, &handshake(0))?;
        assert_eq!(self.sent(), Some((ApiKey::SaslAuthenticate, 1)));
        self.answer(first_id + 1, &authenticated(0, lifetime_millis))
    }

    fn answer(&mut self, correlation_id: i32, body: &[u8]) -> Result<(), Error> {
        self.session.handle_frame(self.now, frame(correlation_id, body))
    }

    fn submit(&mut self) -> RequestId {
        self.session.submit(metadata(), self.now + 30 * SECOND)
    }

    fn sent(&mut self) -> Option<(ApiKey, i16)> {
        self.session.poll_transmit(self.now).map(|request| (request.api(), request.version()))
    }

    fn answered(&mut self) -> Option<RequestId> {
        match self.session.poll_event()? {
            Event::Response { id, .. } => Some(id),
            _ => panic!("another event"),
        }
    }

    /// Lets `time` pass.
    fn pass(&mut self, time: Duration) -> Result<(), Error> {
        self.now += time;
        self.session.handle_timeout(self.now)
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut fixture = Fixture::open();
    let ids: Vec<_> = (0..1_000).map(|_| fixture.submit()).collect();
    while fixture.sent().is_some() {}
    for (n, id) in (2..).zip(&ids) {
        fixture.answer(n, b"").unwrap();
        assert_eq!(fixture.answered(), Some(*id));
    }
}

#[test]
fn an_abandoned_request_leaves_the_stream_whole() {
    let mut fixture = Fixture::open();
    let ids: Vec<_> = (0..100).map(|_| fixture.submit()).collect();
    let not_sent = fixture.submit();
    for _ in 0..100 {
        fixture.sent();
    }
    for id in ids.iter().step_by(10) {
        fixture.session.abandon(*id);
    }
    fixture.session.abandon(not_sent);
    assert_eq!(fixture.sent(), None);
    let mut answered = Vec::new();
    for n in 2..102 {
        fixture.answer(n, b"").unwrap();
        answered.extend(fixture.answered());
    }
    let kept: Vec<_> = ids.into_iter().enumerate().filter(|(n, _)| n % 10 != 0).map(|(_, id)| id).collect();
    assert_eq!(answered, kept);
}

#[test]
fn a_response_out_of_order_ends_the_connection() {
    let mut fixture = Fixture::open();
    let id = fixture.submit();
    fixture.sent();
    assert_eq!(fixture.answer(7, b""), Err(Error::CorrelationId { got: 7, want: Some(2) }));
    assert_eq!(fixture.session.handle_closed(), [(id, Written::Possibly)]);
    let mut idle = Fixture::open();
    assert_eq!(idle.answer(2, b""), Err(Error::CorrelationId { got: 2, want: None }));
}

#[test]
fn an_unanswered_request_stalls_the_connection_at_its_deadline() {
    let mut fixture = Fixture::open();
    let id = fixture.submit();
    fixture.sent();
    fixture.session.abandon(id);
    fixture.pass(29 * SECOND).unwrap();
    assert_eq!(fixture.session.poll_timeout(), Some(fixture.now + SECOND));
    assert_eq!(fixture.pass(SECOND), Err(Error::Stalled { api: ApiKey::Metadata }));
}

#[test]
fn a_closed_connection_tells_what_may_have_been_written() {
    let mut fixture = Fixture::open();
    let (sent, held) = (fixture.submit(), fixture.submit());
    fixture.sent();
    assert_eq!(fixture.session.handle_closed(), [(sent, Written::Possibly), (held, Written::No)]);
}

#[test]
fn nothing_is_sent_before_the_login_is_done() {
    let mut fixture = Fixture::new();
    fixture.submit();
    assert_eq!(fixture.sent(), None);
    fixture.log_in(2, 0).unwrap();
    assert_eq!(fixture.sent(), Some((ApiKey::Metadata, 8)));
}

#[test]
fn a_new_login_waits_for_the_replies_in_flight_and_loses_no_request() {
    let mut fixture = Fixture::logged_in(10_000);
    let in_flight = fixture.submit();
    fixture.sent();
    fixture.pass(Duration::from_millis(8_500)).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::CredentialWanted { idle: false })));
    let attempt = fixture.attempt(false);
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    let held = fixture.submit();
    assert_eq!(fixture.sent(), None);
    fixture.answer(4, b"").unwrap();
    assert_eq!(fixture.answered(), Some(in_flight));
    assert_eq!(fixture.sent(), Some((ApiKey::SaslHandshake, 1)));
    fixture.answer(5, &handshake(0)).unwrap();
    assert_eq!(fixture.sent(), Some((ApiKey::SaslAuthenticate, 1)));
    fixture.answer(6, &authenticated(0, 10_000)).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::Opened { login: true })));
    assert_eq!(fixture.sent(), Some((ApiKey::Metadata, 8)));
    fixture.answer(7, b"").unwrap();
    assert_eq!(fixture.answered(), Some(held));
}

#[test]
fn past_its_end_a_session_sends_nothing_but_a_login() {
    let mut fixture = Fixture::logged_in(10_000);
    fixture.now += 11 * SECOND;
    fixture.submit();
    assert_eq!(fixture.sent(), None);
    assert!(fixture.session.poll_timeout() <= Some(fixture.now));
    fixture.pass(Duration::ZERO).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::CredentialWanted { idle: false })));
    fixture.log_in(4, 10_000).unwrap();
    assert_eq!(fixture.sent(), Some((ApiKey::Metadata, 8)));
}

#[test]
fn past_its_end_a_session_that_was_told_to_wait_wakes_for_its_login_a_second_later_and_not_before() {
    let mut fixture = Fixture::logged_in(10_000);
    fixture.submit();
    fixture.pass(11 * SECOND).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::CredentialWanted { idle: false })));
    let attempt = fixture.attempt(false);
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    fixture.sent();
    fixture.answer(4, &handshake(34)).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::Opened { login: false })));
    assert_eq!(fixture.sent(), None);
    assert!(fixture.session.poll_event().is_none());
    assert_eq!(fixture.session.poll_timeout(), Some(fixture.now + SECOND));
    fixture.pass(SECOND).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::CredentialWanted { idle: false })));
    fixture.log_in(5, 10_000).unwrap();
    assert_eq!(fixture.sent(), Some((ApiKey::Metadata, 8)));
}

#[test]
fn a_session_that_is_told_that_it_is_too_early_goes_on_as_it_is() {
    let mut fixture = Fixture::logged_in(10_000);
    fixture.submit();
    fixture.pass(9 * SECOND).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::CredentialWanted { idle: false })));
    let attempt = fixture.attempt(false);
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    fixture.sent();
    fixture.answer(4, &handshake(34)).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::Opened { login: false })));
    assert_eq!(fixture.sent(), Some((ApiKey::Metadata, 8)));
    assert_eq!(fixture.session.renewal_due(), Some(fixture.now + SECOND));
}

#[test]
fn a_first_login_that_is_told_to_wait_is_refused() {
    let mut fixture = Fixture::new();
    let attempt = fixture.attempt(false);
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    fixture.sent();
    assert_eq!(fixture.answer(2, &handshake(34)), Err(Error::HandshakeRefused { code: 34 }));
}

#[test]
fn a_mechanism_that_the_listener_lacks_is_named_with_those_that_it_has() {
    let mut fixture = Fixture::new();
    let scram = ScramCredentials {
        mechanism: ScramMechanism::Sha512,
        user: "alice".into(),
        password: "secret".into(),
        token_auth: false,
    };
    let attempt = Attempt { exchange: Exchange::scram(scram, [7; 24]), ..fixture.attempt(false) };
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    fixture.sent();
    let refused = fixture.answer(2, &handshake(33)).unwrap_err();
    assert_eq!(refused.to_string(), "the listener does not offer SCRAM-SHA-512; it offers PLAIN");
}

#[test]
fn a_token_login_without_a_lifetime_is_an_expired_token() {
    let mut fixture = Fixture::new();
    let attempt = fixture.attempt(true);
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    fixture.sent();
    fixture.answer(2, &handshake(0)).unwrap();
    fixture.sent();
    assert_eq!(fixture.answer(3, &authenticated(0, 0)), Err(Error::TokenExpired));
}

#[test]
fn a_refused_login_says_at_which_step() {
    let mut fixture = Fixture::new();
    let attempt = fixture.attempt(false);
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    fixture.sent();
    fixture.answer(2, &handshake(0)).unwrap();
    fixture.sent();
    let refused = fixture.answer(3, &authenticated(58, 0)).unwrap_err();
    assert!(matches!(refused, Error::LoginRefused { code: 58, step: LoginStep::First, .. }));
}

#[test]
fn a_broker_that_falls_silent_in_a_login_stalls_it() {
    let mut fixture = Fixture::new();
    let attempt = fixture.attempt(false);
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    fixture.sent();
    assert!(matches!(fixture.session.closed_by_peer(), Error::ClosedInLogin));
    assert_eq!(fixture.pass(SECOND), Err(Error::Stalled { api: ApiKey::SaslHandshake }));
}

#[test]
fn a_key_that_is_not_derived_in_time_stalls_a_login() {
    let mut fixture = Fixture::new();
    let scram = ScramCredentials {
        mechanism: ScramMechanism::Sha512,
        user: "alice".into(),
        password: "secret".into(),
        token_auth: false,
    };
    let attempt = Attempt { exchange: Exchange::scram(scram, [7; 24]), ..fixture.attempt(false) };
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    fixture.sent();
    fixture.answer(2, &handshake(0)).unwrap();
    fixture.sent();
    let server_first = format!("r={}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "BwcH".repeat(8));
    let length = i32::try_from(server_first.len()).unwrap().to_be_bytes();
    let body = [&[0, 0, 0xff, 0xff], &length[..], server_first.as_bytes(), &[0; 8]].concat();
    fixture.answer(3, &body).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::DeriveKey(_))));
    assert_eq!(fixture.session.poll_timeout(), Some(fixture.now + SECOND));
    fixture.pass(SECOND / 2).unwrap();
    assert_eq!(fixture.pass(SECOND / 2), Err(Error::Stalled { api: ApiKey::SaslAuthenticate }));
}

#[test]
fn frames_are_bounded_by_what_is_awaited() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.session.max_frame(), LOGIN_FRAME);
    fixture.session.open();
    assert_eq!(fixture.session.max_frame(), LOGIN_FRAME);
    fixture.submit();
    fixture.sent();
    assert_eq!(fixture.session.max_frame(), 1 << 20);
    fixture.session.settings.max_frame = 64 << 20;
    assert_eq!(fixture.session.max_frame(), CONTROL_FRAME);
    let isolation_level = IsolationLevel::ReadUncommitted;
    let fetch =
        FetchRequest { max_wait: SECOND, min_bytes: 1, max_bytes: 1, isolation_level, topics: vec![] };
    fixture.session.submit(codec::encode(&fetch, 12, "c").unwrap(), fixture.now + SECOND);
    fixture.sent();
    fixture.answer(2, b"").unwrap();
    assert_eq!(fixture.session.max_frame(), 64 << 20);
}

#[test]
fn an_answer_that_may_hold_secrets_is_known_before_it_comes() {
    let mut fixture = Fixture::new();
    let attempt = fixture.attempt(false);
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    assert_eq!(fixture.sent(), Some((ApiKey::SaslHandshake, 1)));
    assert!(!fixture.session.expects_secrets());
    fixture.answer(2, &handshake(0)).unwrap();
    assert_eq!(fixture.sent(), Some((ApiKey::SaslAuthenticate, 1)));
    assert!(fixture.session.expects_secrets());
    let told = ApiKey::ALL.iter().filter(|api| api.tells_secrets());
    assert_eq!(told.map(|api| api.name()).collect::<Vec<_>>(), SECRETIVE);
}

#[test]
fn a_throttled_connection_keeps_silent_until_the_time_is_up() {
    let mut fixture = Fixture::open();
    fixture.submit();
    fixture.sent();
    fixture.answer(2, &2_000i32.to_be_bytes()).unwrap();
    fixture.answered();
    fixture.submit();
    assert_eq!(fixture.sent(), None);
    assert_eq!(fixture.session.poll_timeout(), Some(fixture.now + 2 * SECOND));
    fixture.now += 2 * SECOND;
    assert_eq!(fixture.sent(), Some((ApiKey::Metadata, 8)));
    fixture.submit();
    fixture.pass(Duration::ZERO).unwrap();
    let answer_due = fixture.now + 28 * SECOND;
    assert_eq!(fixture.session.poll_timeout(), Some(answer_due), "the silence is forgotten");
}

#[test]
fn a_request_that_could_not_be_sent_in_time_was_not_written() {
    let mut fixture = Fixture::new();
    let id = fixture.submit();
    fixture.pass(Duration::from_millis(500)).unwrap();
    assert!(fixture.session.poll_event().is_none());
    fixture.pass(Duration::from_millis(29_500)).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::NotSent { id: gone }) if gone == id));
}

#[test]
fn a_step_that_fails_leaves_a_session_from_which_nothing_is_sent() {
    let mut fixture = Fixture::new();
    let attempt = fixture.attempt(false);
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    let held = fixture.submit();
    assert_eq!(fixture.sent(), Some((ApiKey::SaslHandshake, 1)));
    assert_eq!(
        fixture.answer(2, &handshake(33)).map_err(|error| error.to_string().contains("PLAIN")),
        Err(true)
    );
    assert_eq!(fixture.sent(), None, "no request goes out before a login");
    fixture.session.open();
    let attempt = fixture.attempt(false);
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    assert_eq!(fixture.sent(), None, "no login either");
    assert_eq!(fixture.session.handle_closed(), [(held, Written::No)]);
}

#[test]
fn an_answer_that_cannot_be_read_in_a_login_leaves_nothing_that_could_be_sent() {
    let mut fixture = Fixture::logged_in(10_000);
    fixture.submit();
    assert_eq!(fixture.sent(), Some((ApiKey::Metadata, 8)));
    let attempt = fixture.attempt(false);
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    fixture.submit();
    fixture.answer(4, b"").unwrap();
    assert_eq!(fixture.sent(), Some((ApiKey::SaslHandshake, 1)));
    fixture.answer(5, &[0]).unwrap_err();
    assert_eq!(fixture.sent(), None);
}

#[test]
fn a_session_that_nobody_used_does_not_log_in_again_and_tells_so_at_its_end() {
    let mut fixture = Fixture::logged_in(10_000);
    fixture.pass(Duration::from_millis(9_900)).unwrap();
    assert!(fixture.session.poll_event().is_none());
    assert_eq!(fixture.session.poll_timeout(), fixture.session.end());
    fixture.pass(Duration::from_millis(100)).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::CredentialWanted { idle: true })));
}

#[test]
fn a_session_that_somebody_uses_near_its_end_logs_in_again() {
    let mut fixture = Fixture::logged_in(10_000);
    fixture.pass(Duration::from_millis(9_900)).unwrap();
    fixture.submit();
    assert_eq!(fixture.sent(), Some((ApiKey::Metadata, 8)));
    fixture.pass(Duration::ZERO).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::CredentialWanted { idle: false })));
}

#[test]
fn a_login_is_no_use_of_a_connection() {
    let mut fixture = Fixture::logged_in(10_000);
    let attempt = fixture.attempt(false);
    fixture.session.authenticate(fixture.now, attempt).unwrap();
    fixture.sent();
    assert!(!fixture.session.is_busy() && fixture.session.load() == 1);
    fixture.session.submit(metadata(), fixture.now + SECOND);
    assert!(fixture.session.is_busy());
}

#[test]
fn a_newer_credential_is_taken_up_though_nobody_used_the_session() {
    let mut fixture = Fixture::logged_in(10_000);
    fixture.session.want_login(fixture.now + 2 * SECOND);
    fixture.pass(2 * SECOND).unwrap();
    assert!(matches!(fixture.session.poll_event(), Some(Event::CredentialWanted { idle: false })));
}

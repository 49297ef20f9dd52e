//! Login, ticket across two realms, and SASL GSSAPI with the testkit's KDC and acceptor, whose every
//! message the input may damage: whatever is accepted all the same is what was asked for.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use ottla_kerberos::entropy::Seed;
use ottla_kerberos::error::Error;
use ottla_kerberos::exchange::{AsExchange, LongTermSecret, Options, ServiceRequest, Step, TgsExchange};
use ottla_kerberos::gss::{GssOptions, ServiceTicket};
use ottla_kerberos::keytab::Keytab;
use ottla_kerberos::principal::{NameType, PrincipalName};
use ottla_kerberos::sasl::{SaslClient, SaslOptions, SaslStep};
use ottla_kerberos::ticket::Grant;
use ottla_kerberos::time::{ClockOffset, Timestamp};
use ottla_testkit::acceptor::{self, Acceptor};
use ottla_testkit::kdc::{Account, Kdc};

const SECONDS: u64 = 1_800_000_000;
const ALICE: &str = "alice@A.TEST";
const KAFKA: &str = "kafka/broker@B.TEST";

/// The input, and the client's clock and random bytes, which go on with each message.
struct Run<'a> {
    input: &'a [u8],
    messages: u8,
}

impl Run<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.input.split_first() else { return 0 };
        self.input = rest;
        first
    }

    /// Damages a message in up to three places, or leaves it alone.
    fn damage(&mut self, mut message: Vec<u8>) -> Vec<u8> {
        for _ in 0..self.byte() % 4 {
            let place = usize::from(u16::from_be_bytes([self.byte(), self.byte()])) % (message.len() + 1);
            match (self.byte(), self.byte()) {
                (0..8, _) => message.truncate(place),
                (8..40, byte) => message.insert(place, byte),
                (40..72, _) if place < message.len() => drop(message.remove(place)),
                (_, byte) => message.get_mut(place).into_iter().for_each(|old| *old ^= byte),
            }
        }
        message
    }

    fn now(&mut self) -> Timestamp {
        self.messages = self.messages.wrapping_add(1);
        Timestamp::from_micros(1_800_000_000_000_000 + i64::from(self.messages))
    }

    fn seed(&self) -> Seed {
        Seed::new(&[self.messages; Seed::LEN])
    }

    fn choice(&mut self) -> bool {
        self.byte() & 1 != 0
    }
}

/// Made once: one input differs from another by the damage alone, and by random bytes that
/// nothing depends on.
struct World {
    kdc: Kdc,
    alice: Arc<Keytab>,
    /// The keytab of the service.
    kafka: Vec<u8>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let kdc = kdc();
    let keytab = |name| kdc.keytab(&[name]).expect("the principal is there");
    let alice = Keytab::parse(&keytab(ALICE)).expect("a keytab");
    World { alice: Arc::new(alice), kafka: keytab(KAFKA), kdc }
});

fn kdc() -> Kdc {
    let builder = Kdc::builder().realm("A.TEST").realm("B.TEST").trust("A.TEST", "B.TEST");
    let builder = builder.host_realm("broker", "B.TEST").clock(|| UNIX_EPOCH + Duration::from_secs(SECONDS));
    // Keys by chance: those of passwords cost a hundred times the rest.
    let builder = builder.account(Account::service(ALICE)).account(Account::service(KAFKA));
    builder.start_in_memory().expect("the realms are in order")
}

fn ticket(run: &mut Run<'_>, World { kdc, alice, .. }: &World) -> Result<(Grant, ClockOffset), Error> {
    let (secret, options) = (LongTermSecret::Keytab(Arc::clone(alice)), Options::default());
    let client = ALICE.parse().expect("a name");
    let now = run.now();
    let begun = AsExchange::begin(client, secret, options.clone(), ClockOffset::ZERO, now, &run.seed());
    let (mut request, mut exchange) = begun?;
    let login = loop {
        let reply = run.damage(kdc.answer(request.realm.as_str(), &request.bytes));
        match exchange.step(&reply, run.now(), &run.seed())? {
            Step::Send { request: more, next } => (request, exchange) = (more, next),
            Step::Done(login) => break login,
        }
    };
    assert_eq!(login.tgt.client.to_string(), ALICE);
    assert_eq!(login.tgt.server.to_string(), "krbtgt/A.TEST@A.TEST");
    let service = ServiceRequest::by_referral(PrincipalName::new(NameType::SRV_HST, ["kafka", "broker"]));
    let now = run.now();
    let (tgt, offset) = (Arc::new(login.tgt), login.offset);
    let (mut request, mut exchange) = TgsExchange::begin(tgt, service, options, offset, now, &run.seed())?;
    let outcome = loop {
        let reply = run.damage(kdc.answer(request.realm.as_str(), &request.bytes));
        match exchange.step(&reply, run.now(), &run.seed())? {
            Step::Send { request: more, next } => (request, exchange) = (more, next),
            Step::Done(outcome) => break outcome,
        }
    };
    assert_eq!(outcome.grant.client.to_string(), ALICE);
    assert_eq!(outcome.grant.server.to_string(), KAFKA);
    Ok((outcome.grant, outcome.offset))
}

fn log_in(run: &mut Run<'_>, world: &World) -> Option<()> {
    let (grant, offset) = ticket(run, world).ok()?;
    let ticket = ServiceTicket::new(Arc::new(grant), offset, run.now());
    let gss = GssOptions { mutual: run.choice(), ..GssOptions::default() };
    let options = SaslOptions { gss, ..SaslOptions::default() };
    let mut service = Acceptor::new(&world.kafka).expect("a keytab");
    if run.choice() {
        service = service.with_subkey();
    }
    let (token, mut client) = SaslClient::begin(ticket, &options, &run.seed()).ok()?;
    let (mut challenge, mut login) = service.accept(&run.damage(token), world.kdc.now()).ok()?;
    loop {
        let (response, next) = match client.step(&run.damage(challenge)).ok()? {
            SaslStep::Send { response, next } => (response, Some(next)),
            SaslStep::Last { response } => (response, None),
        };
        match login.step(&run.damage(response)).ok()? {
            acceptor::Step::Challenge(more, next) => (challenge, login) = (more, next),
            acceptor::Step::Done(name) => {
                assert_eq!(name, ALICE);
                return Some(());
            }
        }
        client = next?;
    }
}

fuzz_target!(|input: &[u8]| {
    let done = log_in(&mut Run { input, messages: 0 }, &WORLD);
    // Nothing is damaged by an empty input: then all of it has to work.
    assert!(!input.is_empty() || done.is_some());
});

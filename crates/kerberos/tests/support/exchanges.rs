//! Runs the exchanges against real KDCs over blocking sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test crate uses a part of it")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ottla_kerberos::entropy::Seed;
use ottla_kerberos::error::Error;
use ottla_kerberos::exchange::{
    AsExchange, KdcRequest, Login, LongTermSecret, Options, ServiceRequest, Step, TgsExchange, TgsOutcome,
};
use ottla_kerberos::keytab::Keytab;
use ottla_kerberos::principal::{NameType, Principal, PrincipalName};
use ottla_kerberos::ticket::Grant;
use ottla_kerberos::time::{ClockOffset, Timestamp};

use super::mit::Mit;

/// A client whose clock can be wrong.
pub(crate) struct Client<'a> {
    pub(crate) mit: &'a Mit,
    pub(crate) options: Options,
    /// How far the client's own clock is ahead of the true time.
    pub(crate) wrong_by: ClockOffset,
}

pub(crate) fn seed() -> Seed {
    Seed::random().unwrap()
}

pub(crate) fn keytab(path: &Path) -> LongTermSecret {
    LongTermSecret::Keytab(Arc::new(Keytab::load(path).unwrap()))
}

pub(crate) fn service(service: &str, host: &str) -> PrincipalName {
    PrincipalName::new(NameType::SRV_HST, [service, host])
}

impl<'a> Client<'a> {
    pub(crate) fn new(mit: &'a Mit) -> Self {
        Self { mit, options: Options::default(), wrong_by: ClockOffset::ZERO }
    }

    #[expect(clippy::disallowed_methods, reason = "real KDCs live in real time")]
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from(std::time::SystemTime::now()).offset_by(self.wrong_by)
    }

    pub(crate) fn log_in(&self, principal: &str, secret: LongTermSecret) -> Result<Login, Error> {
        let client: Principal = principal.parse().unwrap();
        let options = self.options.clone();
        let (mut request, mut exchange) =
            AsExchange::begin(client, secret, options, ClockOffset::ZERO, self.now(), &seed())?;
        loop {
            let reply = self.send(&request);
            match exchange.step(&reply, self.now(), &seed())? {
                Step::Send { request: more, next } => (request, exchange) = (more, next),
                Step::Done(login) => return Ok(login),
            }
        }
    }

    pub(crate) fn ticket(
        &self,
        tgt: &Arc<Grant>,
        service: ServiceRequest,
        offset: ClockOffset,
    ) -> Result<TgsOutcome, Error> {
        let options = self.options.clone();
        self.run(TgsExchange::begin(Arc::clone(tgt), service, options, offset, self.now(), &seed())?)
    }

    pub(crate) fn renew(&self, tgt: &Arc<Grant>, offset: ClockOffset) -> Result<TgsOutcome, Error> {
        let options = self.options.clone();
        self.run(TgsExchange::begin_renewal(Arc::clone(tgt), options, offset, self.now(), &seed())?)
    }

    fn run(&self, (mut request, mut exchange): (KdcRequest, TgsExchange)) -> Result<TgsOutcome, Error> {
        loop {
            let reply = self.send(&request);
            match exchange.step(&reply, self.now(), &seed())? {
                Step::Send { request: more, next } => (request, exchange) = (more, next),
                Step::Done(outcome) => return Ok(outcome),
            }
        }
    }

    fn send(&self, request: &KdcRequest) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.mit.port(request.realm.as_str()))).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let length = u32::try_from(request.bytes.len()).unwrap();
        stream.write_all(&[&length.to_be_bytes()[..], &request.bytes].concat()).unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut reply = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        stream.read_exact(&mut reply).unwrap();
        reply
    }
}

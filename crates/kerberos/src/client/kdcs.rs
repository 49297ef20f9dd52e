//! Runs exchanges to their end: what to send to whom, and when another KDC is worth a try.

use std::sync::Arc;

use super::source::Opened;
use super::transport::{Answer, Transport};
use super::{Source, WallClock, clock};
use crate::entropy::Seed;
use crate::error::{Class, Context, Error, ErrorCode, Fault, Stage};
use crate::exchange::{
    AsExchange, KdcRequest, Login, LongTermSecret, Options, ServiceRequest, Step, TgsExchange, TgsOutcome,
};
use crate::locate::KdcAddress;
use crate::principal::{Principal, Realm};
use crate::ticket::Grant;
use crate::time::{ClockOffset, Timestamp};

pub(super) struct Kdcs {
    pub(super) transport: Transport,
    pub(super) clock: Arc<dyn WallClock>,
    pub(super) options: Options,
    pub(super) ticket_options: Options,
}

/// An error, and the KDC that it came from.
struct Failed {
    error: Error,
    kdc: Option<KdcAddress>,
}

impl Kdcs {
    /// Logs in with what the source gives.
    pub(super) async fn log_in(&mut self, source: &Source, offset: ClockOffset) -> Result<Login, Error> {
        let (opening, now) = (source.clone(), self.now());
        let opened = blocking(move || opening.open(now)).await.and_then(|opened| opened);
        let (client, secret) = match opened {
            Ok(Opened::Login(login)) => return Ok(*login),
            Ok(Opened::Secret(client, secret)) => (client, secret),
            Err(fault) => return Err(login_error(source.principal(), fault)),
        };
        let failed = match self.log_in_at(&client, &secret, offset, None).await {
            Ok(login) => return Ok(login),
            Err(failed) => failed,
        };
        match self.other_than(&failed).await {
            Some(kdc) => {
                self.log_in_at(&client, &secret, offset, Some(&kdc)).await.map_err(|again| again.error)
            }
            None => Err(failed.error),
        }
    }

    /// Gets a ticket for a service.
    pub(super) async fn ticket(
        &mut self,
        tgt: &Arc<Grant>,
        service: &ServiceRequest,
        offset: ClockOffset,
    ) -> Result<TgsOutcome, Error> {
        let failed = match self.ticket_at(tgt, service, offset, None).await {
            Ok(outcome) => return Ok(outcome),
            Err(failed) => failed,
        };
        match self.other_than(&failed).await {
            Some(kdc) => self.ticket_at(tgt, service, offset, Some(&kdc)).await.map_err(|again| again.error),
            None => Err(failed.error),
        }
    }

    /// Renews a ticket-granting ticket.
    pub(super) async fn renew(&mut self, tgt: &Arc<Grant>, offset: ClockOffset) -> Result<TgsOutcome, Error> {
        let (options, now) = (self.options.clone(), clock::unique(self.now()));
        let begun = TgsExchange::begin_renewal(Arc::clone(tgt), options, offset, now, &seed()?)?;
        self.run_tgs(begun, None).await.map_err(|failed| failed.error)
    }

    /// The KDC of each realm that answered last, sorted by realm.
    pub(super) fn answered(&self) -> Vec<(Realm, KdcAddress)> {
        let mut kdcs: Vec<_> =
            self.transport.answered.iter().map(|(realm, kdc)| (realm.clone(), kdc.clone())).collect();
        kdcs.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        kdcs
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from(self.clock.now())
    }

    /// Gives the KDC to avoid if the error may be one KDC's own: replicas lag, and a forged reply
    /// comes from a place.
    async fn other_than(&self, failed: &Failed) -> Option<KdcAddress> {
        let Failed { error, kdc: Some(kdc) } = failed else { return None };
        let may_lag = matches!(
            error.code(),
            Some(
                ErrorCode::C_PRINCIPAL_UNKNOWN
                    | ErrorCode::S_PRINCIPAL_UNKNOWN
                    | ErrorCode::PREAUTH_FAILED
                    | ErrorCode::GENERIC
            )
        );
        if error.class() == Class::Security {
            tracing::warn!(%kdc, %error, fault = %error.fault(), "a reply of the KDC is not acceptable");
        } else if !may_lag {
            return None;
        }
        let realm = error.context().realm.as_ref()?;
        self.transport.has_other(realm, kdc).await.then(|| kdc.clone())
    }

    async fn log_in_at(
        &mut self,
        client: &Principal,
        secret: &LongTermSecret,
        offset: ClockOffset,
        avoid: Option<&KdcAddress>,
    ) -> Result<Login, Failed> {
        let options = self.options.clone();
        let begun = AsExchange::begin(client.clone(), secret.clone(), options, offset, self.now(), &seed()?);
        let (mut request, mut exchange) = begun?;
        loop {
            let answer = self.transport.exchange(&request, avoid).await;
            let Answer { bytes, kdc } = answer.map_err(|fault| login_error(Some(client), fault))?;
            let (now, seed) = (self.now(), seed()?);
            let step = match secret {
                LongTermSecret::Keytab(_) => exchange.step(&bytes, now, &seed),
                // A password is hashed, which takes time that the reactor does not have.
                LongTermSecret::Password(_) => blocking(move || exchange.step(&bytes, now, &seed))
                    .await
                    .map_err(|fault| login_error(Some(client), fault))?,
            };
            match step.map_err(|error| at(error, kdc))? {
                Step::Send { request: more, next } => (request, exchange) = (more, next),
                Step::Done(login) => return Ok(login),
            }
        }
    }

    async fn ticket_at(
        &mut self,
        tgt: &Arc<Grant>,
        service: &ServiceRequest,
        offset: ClockOffset,
        avoid: Option<&KdcAddress>,
    ) -> Result<TgsOutcome, Failed> {
        let (options, now) = (self.ticket_options.clone(), clock::unique(self.now()));
        let begun = TgsExchange::begin(Arc::clone(tgt), service.clone(), options, offset, now, &seed()?)?;
        self.run_tgs(begun, avoid).await
    }

    async fn run_tgs(
        &mut self,
        (mut request, mut exchange): (KdcRequest, TgsExchange),
        avoid: Option<&KdcAddress>,
    ) -> Result<TgsOutcome, Failed> {
        loop {
            let Answer { bytes, kdc } = match self.transport.exchange(&request, avoid).await {
                Ok(answer) => answer,
                Err(fault) => return Err(exchange.error(fault).into()),
            };
            let now = clock::unique(self.now());
            match exchange.step(&bytes, now, &seed()?).map_err(|error| at(error, kdc))? {
                Step::Send { request: more, next } => (request, exchange) = (more, next),
                Step::Done(outcome) => return Ok(outcome),
            }
        }
    }
}

fn seed() -> Result<Seed, Error> {
    Seed::random().map_err(|fault| Error::new(Stage::Login, fault, Context::default()))
}

fn login_error(client: Option<&Principal>, fault: Fault) -> Error {
    let realm = client.map(|client| client.realm.clone());
    Error::new(Stage::Login, fault, Context { client: client.cloned(), realm, ..Context::default() })
}

fn at(error: Error, kdc: KdcAddress) -> Failed {
    Failed { error: error.at_kdc(&kdc.to_string()), kdc: Some(kdc) }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, kdc: None }
    }
}

/// Runs what may block on a thread for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Fault::Shutdown)
}

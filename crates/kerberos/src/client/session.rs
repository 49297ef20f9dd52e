//! The handle to a principal's tickets, and how to set it up.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::diagnosis::Diagnosis;
use super::owner::{Message, Owner};
use super::{Connect, Sockets, Source, SystemClock, Timeouts, WallClock};
use crate::conf::Krb5Conf;
use crate::enctype::Enctype;
use crate::error::{Context, Error, Fault, Stage};
use crate::exchange::{Options, ServiceRequest};
use crate::gss::ServiceTicket;
use crate::locate::ResolveSrv;
use crate::ticket::Grant;

/// What a session needs to know.
#[derive(Clone)]
pub struct SessionConfig {
    /// Where the tickets come from.
    pub source: Source,
    /// Where the KDCs are, and the defaults of `[libdefaults]`.
    pub conf: Arc<Krb5Conf>,
    /// What is asked of KDCs; its encryption types are those of logins. Default: what `conf` says.
    pub options: Options,
    /// The encryption types to ask for with service tickets. Default: what `conf` says.
    pub ticket_enctypes: Vec<Enctype>,
    /// How KDCs are reached. Default: [`Sockets`].
    pub connect: Arc<dyn Connect>,
    /// Who is asked for SRV records of realms without KDCs in `conf`. Default: nobody.
    pub resolver: Option<Arc<dyn ResolveSrv>>,
    /// The wall clock. Default: the machine's.
    pub clock: Arc<dyn WallClock>,
    /// For how long KDCs are waited for.
    pub timeouts: Timeouts,
    /// At which part of its life a ticket's successor is fetched. Default 0.80, as Kafka's Java
    /// client.
    pub renew_window: f64,
    /// The part of its life that is added to that at random, so that many clients do not ask at
    /// once. Default 0.05.
    pub renew_jitter: f64,
}

impl SessionConfig {
    /// Takes the defaults for all but the source.
    pub fn new(source: Source, conf: Arc<Krb5Conf>) -> Self {
        let defaults = &conf.libdefaults;
        Self {
            source,
            options: Options {
                enctypes: defaults.default_tkt_enctypes.clone(),
                lifetime: defaults.ticket_lifetime,
                renew_lifetime: Some(defaults.renew_lifetime).filter(|life| !life.is_zero()),
                clock_skew: defaults.clockskew,
                follow_clock: defaults.kdc_timesync,
            },
            ticket_enctypes: defaults.default_tgs_enctypes.clone(),
            conf,
            connect: Arc::new(Sockets),
            resolver: None,
            clock: Arc::new(SystemClock),
            timeouts: Timeouts::default(),
            renew_window: 0.80,
            renew_jitter: 0.05,
        }
    }
}

impl fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionConfig")
            .field("source", &self.source)
            .field("options", &self.options)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// A principal's tickets: fetched when first asked for, shared, renewed before they expire.
///
/// A clone is another handle to the same tickets. The owner task ends with the last handle.
#[derive(Clone, Debug)]
pub struct Session {
    mailbox: mpsc::Sender<Message>,
}

/// Messages that wait while the owner is busy; more than that make callers wait.
const MAILBOX: usize = 64;

impl Session {
    /// Starts the owner task. Nothing is asked of a KDC before the first ticket is.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(config: SessionConfig) -> Self {
        let (mailbox, messages) = mpsc::channel(MAILBOX);
        let owner = Owner::new(config, mailbox.downgrade());
        tokio::spawn(owner.run(messages));
        Self { mailbox }
    }

    /// Gives a ticket for a service, with a time that no other authentication has.
    ///
    /// # Errors
    /// The login or the ticket request failed; what was tried is in the error.
    ///
    /// # Cancel safety
    /// The request goes on and its ticket is kept for the next one who asks.
    pub async fn service_ticket(&self, service: &ServiceRequest) -> Result<ServiceTicket, Error> {
        self.ask(service, None).await
    }

    /// Gives another ticket than the one that the service refused: its keys may have changed
    /// since. Try that once; if the service refuses a fresh ticket, [`ServiceTicket::refused`] is
    /// the error.
    ///
    /// # Errors
    /// As [`service_ticket`](Self::service_ticket).
    ///
    /// # Cancel safety
    /// As [`service_ticket`](Self::service_ticket).
    pub async fn fresh_service_ticket(
        &self,
        service: &ServiceRequest,
        refused: &ServiceTicket,
    ) -> Result<ServiceTicket, Error> {
        self.ask(service, Some(Arc::clone(refused.grant()))).await
    }

    /// Logs in unless that is done, gets a ticket if a service is named, and tells all that is
    /// worth knowing about it, whether it went well or not. With no service this is what `kinit`
    /// does: [`Diagnosis::tgt`] can be written to a ticket cache.
    ///
    /// # Cancel safety
    /// As [`service_ticket`](Self::service_ticket).
    pub async fn diagnose(&self, service: Option<&ServiceRequest>) -> Diagnosis {
        let outcome = match (self.log_in().await, service) {
            (Ok(()), Some(service)) => {
                self.service_ticket(service).await.map(|ticket| Some(Arc::clone(ticket.grant())))
            }
            (logged_in, _) => logged_in.map(|()| None),
        };
        let (reply, known) = oneshot::channel();
        // The owner lives as long as this handle unless its runtime is being torn down.
        let _ = self.mailbox.send(Message::Tell { reply }).await;
        Diagnosis::new(known.await.unwrap_or_default(), outcome)
    }

    async fn log_in(&self) -> Result<(), Error> {
        let ended = || Error::new(Stage::Login, Fault::Shutdown, Context::default());
        let (reply, done) = oneshot::channel();
        self.mailbox.send(Message::LogIn { reply }).await.map_err(|_| ended())?;
        done.await.map_err(|_| ended())?
    }

    async fn ask(
        &self,
        service: &ServiceRequest,
        refused: Option<Arc<Grant>>,
    ) -> Result<ServiceTicket, Error> {
        let ended = || {
            let context = Context { server: Some(service.to_string()), ..Context::default() };
            Error::new(Stage::Ticket, Fault::Shutdown, context)
        };
        let (reply, ticket) = oneshot::channel();
        let message = Message::Get { service: service.clone(), refused, reply };
        self.mailbox.send(message).await.map_err(|_| ended())?;
        ticket.await.map_err(|_| ended())?
    }
}

//! The one task that owns a principal's tickets, and the handle to ask it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::kdcs::Kdcs;
use super::tickets::{RenewAt, Tickets};
use super::transport::Transport;
use super::{Connect, Sockets, Source, SystemClock, Timeouts, WallClock, clock};
use crate::conf::Krb5Conf;
use crate::enctype::Enctype;
use crate::entropy;
use crate::error::{Class, Context, Error, ErrorCode, Fault, Stage};
use crate::exchange::{Login, Options, ServiceRequest, TgsOutcome};
use crate::gss::ServiceTicket;
use crate::locate::ResolveSrv;
use crate::ticket::Grant;
use crate::time::{ClockOffset, Timestamp};

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

enum Message {
    Get { service: ServiceRequest, refused: Option<Arc<Grant>>, reply: Reply },
    Done { kdcs: Box<Kdcs>, outcome: Box<Outcome> },
}

type Reply = oneshot::Sender<Result<ServiceTicket, Error>>;

enum Outcome {
    LoggedIn(Result<Login, Error>),
    Renewed(Result<TgsOutcome, Error>),
    Ticket(ServiceRequest, Result<TgsOutcome, Error>),
}

/// Messages that wait while the owner is busy; more than that make callers wait.
const MAILBOX: usize = 64;
/// The owner looks at the clock at least so often: wall clocks jump, machines sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

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

struct Owner {
    source: Source,
    clock: Arc<dyn WallClock>,
    renew_at: RenewAt,
    tickets: Tickets,
    waiting: HashMap<ServiceRequest, Waiting>,
    /// At home unless a job is under way: that there is one of it makes jobs take turns.
    kdcs: Option<Box<Kdcs>>,
    mailbox: mpsc::WeakSender<Message>,
}

#[derive(Default)]
struct Waiting {
    replies: Vec<Reply>,
    /// A new login was made for this service because the KDC refused the ticket-granting ticket.
    logged_in_again: bool,
}

impl Owner {
    fn new(config: SessionConfig, mailbox: mpsc::WeakSender<Message>) -> Self {
        let ticket_options = Options { enctypes: config.ticket_enctypes, ..config.options.clone() };
        let transport = Transport {
            conf: config.conf,
            connect: config.connect,
            resolver: config.resolver,
            timeouts: config.timeouts,
            answered: HashMap::new(),
        };
        let clock = Arc::clone(&config.clock);
        let kdcs = Kdcs { transport, clock: config.clock, options: config.options, ticket_options };
        Self {
            source: config.source,
            clock,
            renew_at: RenewAt { window: config.renew_window, jitter: config.renew_jitter },
            tickets: Tickets::default(),
            waiting: HashMap::new(),
            kdcs: Some(Box::new(kdcs)),
            mailbox,
        }
    }

    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        loop {
            let due = self.tickets.due_in(self.now()).filter(|_| self.kdcs.is_some());
            let sleep = due.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP);
            match tokio::time::timeout(sleep, messages.recv()).await {
                Ok(Some(Message::Get { service, refused, reply })) => self.on_get(service, refused, reply),
                Ok(Some(Message::Done { kdcs, outcome })) => {
                    self.kdcs = Some(kdcs);
                    self.on_done(*outcome);
                }
                Ok(None) => return,
                Err(_) => self.tickets.sweep(self.now()),
            }
            self.start_job();
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from(self.clock.now())
    }

    fn on_get(&mut self, service: ServiceRequest, refused: Option<Arc<Grant>>, reply: Reply) {
        if let Some(refused) = refused {
            self.tickets.forget(&service, &refused);
        }
        let now = self.now();
        let Some(grant) = self.tickets.service(&service, now) else {
            self.waiting.entry(service).or_default().replies.push(reply);
            return;
        };
        // Whoever asked may have gone away.
        let _ = reply.send(Ok(self.stamped(grant)));
        if self.tickets.is_service_due(&service, now) {
            self.waiting.entry(service).or_default();
        }
    }

    fn stamped(&self, grant: &Arc<Grant>) -> ServiceTicket {
        ServiceTicket::new(Arc::clone(grant), self.tickets.offset(), clock::unique(self.now()))
    }

    /// Starts what is most wanted, if no job is under way.
    fn start_job(&mut self) {
        let now = self.now();
        let tgt = self.tickets.tgt(now).cloned();
        let wanted = self.waiting.keys().next().cloned();
        let is_due = self.tickets.is_tgt_due(now);
        if wanted.is_none() && !is_due {
            return;
        }
        let (Some(mut kdcs), Some(mailbox)) = (self.kdcs.take(), self.mailbox.upgrade()) else { return };
        let (source, offset) = (self.source.clone(), self.tickets.offset());
        tokio::spawn(async move {
            let outcome = match (wanted, tgt) {
                (Some(service), Some(tgt)) => {
                    let outcome = kdcs.ticket(&tgt, &service, offset).await;
                    Outcome::Ticket(service, outcome)
                }
                (None, Some(tgt)) if tgt.is_renewable(now.offset_by(offset).time()) => {
                    Outcome::Renewed(kdcs.renew(&tgt, offset).await)
                }
                _ => Outcome::LoggedIn(kdcs.log_in(&source, offset).await),
            };
            // The owner has ended if nobody takes it.
            let _ = mailbox.send(Message::Done { kdcs, outcome: Box::new(outcome) }).await;
        });
    }

    fn on_done(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::LoggedIn(Ok(Login { tgt, offset })) => self.on_tgt(tgt, offset),
            Outcome::LoggedIn(Err(error)) => self.on_login_failed(&error),
            Outcome::Renewed(Ok(TgsOutcome { grant, offset })) => self.on_tgt(grant, offset),
            Outcome::Renewed(Err(error)) => self.on_renewal_failed(&error),
            Outcome::Ticket(service, Ok(TgsOutcome { grant, offset })) => {
                warn_of_weak(&grant);
                self.tickets.on_ticket(service.clone(), grant, offset, self.renew_at, random());
                self.answer(&service);
            }
            Outcome::Ticket(service, Err(error)) => self.on_ticket_failed(service, &error),
        }
    }

    fn on_tgt(&mut self, tgt: Grant, offset: ClockOffset) {
        self.tickets.on_tgt((tgt, offset), self.now(), self.renew_at, random());
        if self.tickets.tgt(self.now()).is_none() {
            let error = self.too_short("krbtgt".to_owned());
            self.fail_all(&error);
        }
    }

    fn on_login_failed(&mut self, error: &Error) {
        tracing::warn!(%error, fault = %error.fault(), "the login failed");
        self.tickets.on_failed(self.now());
        // While the old ticket lasts, nobody has to know.
        if self.tickets.tgt(self.now()).is_none() {
            self.fail_all(error);
        }
    }

    fn fail_all(&mut self, error: &Error) {
        for (_, waiting) in self.waiting.drain() {
            fail(waiting, error);
        }
    }

    fn on_renewal_failed(&mut self, error: &Error) {
        tracing::warn!(%error, fault = %error.fault(), "the ticket was not renewed; the old one stays");
        self.tickets.on_failed(self.now());
    }

    fn answer(&mut self, service: &ServiceRequest) {
        let Some(waiting) = self.waiting.remove(service) else { return };
        let Some(grant) = self.tickets.service(service, self.now()).cloned() else {
            return fail(waiting, &self.too_short(service.to_string()));
        };
        for reply in waiting.replies {
            let _ = reply.send(Ok(self.stamped(&grant)));
        }
    }

    fn on_ticket_failed(&mut self, service: ServiceRequest, error: &Error) {
        let Some(mut waiting) = self.waiting.remove(&service) else { return };
        // A KDC whose own key was replaced answers with the generic error.
        let is_stale = error.class() == Class::StaleCredential || error.code() == Some(ErrorCode::GENERIC);
        if is_stale && !waiting.logged_in_again {
            waiting.logged_in_again = true;
            self.tickets.drop_tgt();
            self.waiting.insert(service, waiting);
            return;
        }
        if waiting.replies.is_empty() {
            tracing::warn!(%error, fault = %error.fault(), "the ticket was not replaced; the old one stays");
            self.tickets.on_failed(self.now());
        }
        fail(waiting, error);
    }

    /// The KDC gives tickets that expire before they can be used.
    fn too_short(&self, server: String) -> Error {
        let context = Context {
            client: self.source.principal().cloned(),
            server: Some(server),
            offset: self.tickets.offset(),
            ..Context::default()
        };
        Error::new(Stage::Ticket, Fault::TooShort, context)
    }
}

/// Java services refuse tickets that the KDC seals with RC4, and do not say so.
fn warn_of_weak(grant: &Grant) {
    let enctype = grant.ticket.enctype();
    if !enctype.is_supported() {
        tracing::warn!(
            server = %grant.server, %enctype,
            "the ticket is sealed with a weak type; in Active Directory set msDS-SupportedEncryptionTypes"
        );
    }
}

fn fail(waiting: Waiting, error: &Error) {
    for reply in waiting.replies {
        let _ = reply.send(Err(error.clone()));
    }
}

fn random() -> u32 {
    entropy::random_u32().unwrap_or(0)
}

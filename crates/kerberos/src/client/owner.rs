//! The one task that owns a principal's tickets: one job at a time, and what follows from it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::diagnosis::Known;
use super::kdcs::Kdcs;
use super::tickets::{RenewAt, Tickets};
use super::transport::Transport;
use super::{SessionConfig, Source, WallClock, clock};
use crate::entropy;
use crate::error::{Class, Context, Error, ErrorCode, Fault, Stage};
use crate::exchange::{Login, Options, ServiceRequest, TgsOutcome};
use crate::gss::ServiceTicket;
use crate::ticket::Grant;
use crate::time::{ClockOffset, Timestamp};

/// What the handles ask, and what the job under way says when it is done.
pub(super) enum Message {
    Get { service: ServiceRequest, refused: Option<Arc<Grant>>, reply: Reply },
    LogIn { reply: oneshot::Sender<Result<(), Error>> },
    Tell { reply: oneshot::Sender<Known> },
    Done { kdcs: Box<Kdcs>, outcome: Box<Outcome> },
}

pub(super) type Reply = oneshot::Sender<Result<ServiceTicket, Error>>;

pub(super) enum Outcome {
    LoggedIn(Result<Login, Error>),
    Renewed(Result<TgsOutcome, Error>),
    Ticket(ServiceRequest, Result<TgsOutcome, Error>),
}
/// The owner looks at the clock at least so often: wall clocks jump, machines sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

pub(super) struct Owner {
    source: Source,
    clock: Arc<dyn WallClock>,
    renew_at: RenewAt,
    tickets: Tickets,
    waiting: HashMap<ServiceRequest, Waiting>,
    logins: Vec<oneshot::Sender<Result<(), Error>>>,
    known: Known,
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
    pub(super) fn new(config: SessionConfig, mailbox: mpsc::WeakSender<Message>) -> Self {
        let ticket_options = Options { enctypes: config.ticket_enctypes, ..config.options.clone() };
        let transport = Transport {
            conf: config.conf,
            connect: config.connect,
            resolver: config.resolver,
            timeouts: config.timeouts,
            answered: HashMap::new(),
        };
        let clock = Arc::clone(&config.clock);
        let known = Known {
            client: config.source.principal().cloned(),
            enctypes: config.options.enctypes.clone(),
            ..Known::default()
        };
        let kdcs = Kdcs { transport, clock: config.clock, options: config.options, ticket_options };
        Self {
            source: config.source,
            clock,
            renew_at: RenewAt { window: config.renew_window, jitter: config.renew_jitter },
            tickets: Tickets::default(),
            waiting: HashMap::new(),
            logins: Vec::new(),
            known,
            kdcs: Some(Box::new(kdcs)),
            mailbox,
        }
    }

    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        loop {
            let due = self.tickets.due_in(self.now()).filter(|_| self.kdcs.is_some());
            let sleep = due.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP);
            match tokio::time::timeout(sleep, messages.recv()).await {
                Ok(Some(Message::Get { service, refused, reply })) => self.on_get(service, refused, reply),
                Ok(Some(Message::LogIn { reply })) => self.on_log_in(reply),
                // Whoever asked may have gone away.
                Ok(Some(Message::Tell { reply })) => drop(reply.send(self.tell())),
                Ok(Some(Message::Done { kdcs, outcome })) => {
                    self.known.kdcs = kdcs.answered();
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

    fn on_log_in(&mut self, reply: oneshot::Sender<Result<(), Error>>) {
        if self.tickets.tgt(self.now()).is_some() {
            let _ = reply.send(Ok(()));
        } else {
            self.logins.push(reply);
        }
    }

    fn tell(&self) -> Known {
        let tgt = self.tickets.tgt(self.now()).cloned();
        let client = tgt.as_ref().map(|tgt| tgt.client.clone());
        let known = self.known.clone();
        Known { client: client.or(known.client), offset: self.tickets.offset(), tgt, ..known }
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
        if wanted.is_none() && !is_due && self.logins.is_empty() {
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
            Outcome::LoggedIn(Ok(Login { tgt, offset, client_key })) => {
                self.known.login_key = client_key;
                self.on_tgt(tgt, offset);
            }
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
        for login in self.logins.drain(..) {
            let _ = login.send(Ok(()));
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
        for login in self.logins.drain(..) {
            let _ = login.send(Err(error.clone()));
        }
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

use std::sync::Arc;

use super::check::Asked;
use super::{KdcRequest, Options, Step};
use crate::crypto::{AesKey, KeyUsage};
use crate::enctype::Enctype;
use crate::entropy::Seed;
use crate::error::{Context, Error, ErrorCode, Fault, ReplyFault, Stage};
use crate::messages::{
    ApRequest, Authenticator, EncKdcReplyPart, KdcOptions, KdcReply, KrbError, PaData, RequestBody,
    tgs_request,
};
use crate::principal::{Principal, PrincipalName, Realm};
use crate::ticket::{Grant, Ticket};
use crate::time::{ClockOffset, KerberosTime, Timestamp};

/// More realms than any path through realms has.
const MAX_REFERRALS: usize = 10;

/// The service that a ticket is wanted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceRequest {
    /// The name of the service.
    pub name: PrincipalName,
    /// The realm that the service is in. If it is not known, the client's KDC is asked, which may
    /// refer to another realm (RFC 6806).
    pub realm: Option<Realm>,
    /// Realms to pass on the way to `realm`, if there is no direct trust.
    pub path: Vec<Realm>,
}

impl ServiceRequest {
    /// Asks for a service of a realm that the KDCs are to find.
    pub const fn by_referral(name: PrincipalName) -> Self {
        Self { name, realm: None, path: Vec::new() }
    }

    /// Asks for a service of a known realm that the client's realm trusts directly, or finds by
    /// the KDCs' own paths.
    pub const fn in_realm(name: PrincipalName, realm: Realm) -> Self {
        Self { name, realm: Some(realm), path: Vec::new() }
    }
}

/// Gets a ticket for a service with a ticket-granting ticket, or renews the latter (RFC 4120
/// section 3.3, referrals of RFC 6806).
#[derive(Debug)]
pub struct TgsExchange {
    goal: Goal,
    options: Options,
    enctypes: Vec<Enctype>,
    /// The ticket-granting ticket in use: the first one, or that of a referral.
    tgt: Arc<Grant>,
    offset: ClockOffset,
    visited: Vec<Realm>,
    canonicalize: bool,
    corrected_clock: bool,
    sent: Sent,
}

#[derive(Debug)]
enum Goal {
    Service(ServiceRequest),
    Renewal,
}

/// The request that awaits its reply.
#[derive(Debug)]
struct Sent {
    server: Principal,
    nonce: u32,
    till: KerberosTime,
    subkey: AesKey,
}

/// What a ticket request gives.
#[derive(Debug)]
pub struct TgsOutcome {
    /// The ticket.
    pub grant: Grant,
    /// How far the KDC's clock is ahead of ours.
    pub offset: ClockOffset,
}

impl TgsExchange {
    /// Starts asking for a service ticket.
    ///
    /// # Errors
    /// [`Fault::Malformed`] if `tgt` is no ticket-granting ticket.
    pub fn begin(
        tgt: Arc<Grant>,
        service: ServiceRequest,
        options: Options,
        offset: ClockOffset,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<(KdcRequest, Self), Error> {
        Self::start(tgt, Goal::Service(service), options, offset, now, seed)
    }

    /// Starts renewing a ticket-granting ticket.
    ///
    /// # Errors
    /// [`Fault::NotRenewable`] if it cannot be renewed at `now`.
    pub fn begin_renewal(
        tgt: Arc<Grant>,
        options: Options,
        offset: ClockOffset,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<(KdcRequest, Self), Error> {
        if !tgt.is_renewable(now.offset_by(offset).time()) {
            let context = Context { client: Some(tgt.client.clone()), offset, ..Context::default() };
            return Err(Error::new(Stage::Ticket, Fault::NotRenewable, context));
        }
        Self::start(tgt, Goal::Renewal, options, offset, now, seed)
    }

    fn start(
        tgt: Arc<Grant>,
        goal: Goal,
        options: Options,
        offset: ClockOffset,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<(KdcRequest, Self), Error> {
        let sent = Sent {
            server: tgt.server.clone(),
            nonce: 0,
            till: tgt.end_time,
            subkey: seed.subkey(tgt.session_key.enctype()).map_err(|fault| {
                Error::new(Stage::Ticket, fault, Context { offset, ..Context::default() })
            })?,
        };
        let mut exchange = Self {
            canonicalize: matches!(goal, Goal::Service(_)),
            enctypes: options.usable_enctypes(),
            goal,
            options,
            tgt,
            offset,
            visited: Vec::new(),
            corrected_clock: false,
            sent,
        };
        match exchange.request(now, seed) {
            Ok(request) => Ok((request, exchange)),
            Err(fault) => Err(exchange.error(fault)),
        }
    }

    /// Takes the KDC's reply.
    ///
    /// # Errors
    /// The KDC refuses, its reply is not acceptable, or referrals lead nowhere.
    pub fn step(
        mut self,
        reply: &[u8],
        now: Timestamp,
        seed: &Seed,
    ) -> Result<Step<Self, TgsOutcome>, Error> {
        let outcome = match self.handle(reply, now) {
            Ok(Some(grant)) => return Ok(Step::Done(TgsOutcome { grant, offset: self.offset })),
            Ok(None) => self.request(now, seed),
            Err(fault) => Err(fault),
        };
        match outcome {
            Ok(request) => Ok(Step::Send { request, next: self }),
            Err(fault) => Err(self.error(fault)),
        }
    }

    /// The realm whose KDC takes the ticket in use.
    fn realm(&self) -> Result<Realm, Fault> {
        let realm = self.tgt.server.name.krbtgt_realm().map(Realm::new);
        realm.ok_or(Fault::Malformed(crate::der::Error::Constant))
    }

    /// What to ask the KDC of `realm` for: the service itself, or the next realm on the way.
    fn target(&self, realm: &Realm) -> PrincipalName {
        match &self.goal {
            Goal::Renewal => PrincipalName::krbtgt(realm),
            Goal::Service(service) => match &service.realm {
                Some(goal) if goal != realm => {
                    let passed = service.path.iter().position(|hop| hop == realm).map_or(0, |at| at + 1);
                    PrincipalName::krbtgt(service.path.get(passed).unwrap_or(goal))
                }
                _ => service.name.clone(),
            },
        }
    }

    fn is_at_goal(&self, realm: &Realm) -> bool {
        match &self.goal {
            Goal::Renewal => true,
            Goal::Service(service) => service.realm.as_ref().is_none_or(|goal| goal == realm),
        }
    }

    fn request(&mut self, now: Timestamp, seed: &Seed) -> Result<KdcRequest, Fault> {
        let realm = self.realm()?;
        let server = self.target(&realm);
        let (options, till) = match &self.goal {
            Goal::Renewal => (
                KdcOptions::RENEW.union(KdcOptions::RENEWABLE),
                self.tgt.renew_till.unwrap_or(self.tgt.end_time),
            ),
            Goal::Service(_) if self.canonicalize => (KdcOptions::CANONICALIZE, self.tgt.end_time),
            Goal::Service(_) => (KdcOptions::NONE, self.tgt.end_time),
        };
        let nonce = seed.nonce();
        let body = RequestBody {
            options,
            client: None,
            realm: &realm,
            server: &server,
            till,
            renew_till: None,
            nonce,
            enctypes: &self.enctypes,
        };
        let body = body.encode();
        let key = &self.tgt.session_key;
        let subkey = seed.subkey(key.enctype())?;
        let authenticator = Authenticator {
            client: &self.tgt.client,
            checksum: (key.checksum_type(), &key.checksum(KeyUsage::TGS_REQ_CHECKSUM, &[&body])),
            now: now.offset_by(self.offset),
            subkey: &subkey,
            sequence: None,
        };
        let usage = KeyUsage::TGS_REQ_AUTHENTICATOR;
        let authenticator = ApRequest::seal(&authenticator, key, usage, seed.confounder());
        let proof = ApRequest { ticket: &self.tgt.ticket, mutual: false, authenticator };
        let padata = [PaData { kind: PaData::TGS_REQ, value: proof.encode() }];
        let bytes = tgs_request(&padata, &body);
        self.sent = Sent { server: Principal::new(server, realm.clone()), nonce, till, subkey };
        Ok(KdcRequest { realm, bytes })
    }

    /// Gives the ticket, or nothing if there is more to ask.
    fn handle(&mut self, reply: &[u8], now: Timestamp) -> Result<Option<Grant>, Fault> {
        if KrbError::is_message(reply) {
            self.on_error(&KrbError::parse(reply)?, now)?;
            return Ok(None);
        }
        let reply = KdcReply::parse(reply, KdcReply::TGS)?;
        let grant = self.accept(reply, now.offset_by(self.offset).time())?;
        let asked = &self.sent.server;
        if grant.server.realm != asked.realm {
            return Err(ReplyFault::Server.into());
        }
        let referred = grant.server.name.krbtgt_realm().map(Realm::new);
        let is_asked = grant.server.name == asked.name;
        if is_asked && self.is_at_goal(&asked.realm) {
            return Ok(Some(grant));
        }
        match referred {
            // A referral, or the next realm on a known way.
            Some(realm) if (self.canonicalize || is_asked) && realm != asked.realm => {
                self.refer(realm, grant).map(|()| None)
            }
            None if self.canonicalize && self.is_at_goal(&asked.realm) => {
                crate::log::info!(asked = %asked, granted = %grant.server, "the KDC granted a ticket under another name");
                Ok(Some(grant))
            }
            _ => Err(ReplyFault::Server.into()),
        }
    }

    fn on_error(&mut self, error: &KrbError, now: Timestamp) -> Result<(), Fault> {
        let code = ErrorCode(error.code);
        match code {
            ErrorCode::SKEW if self.options.follow_clock && !self.corrected_clock => {
                self.corrected_clock = true;
                self.offset = ClockOffset::between(now, error.server_time);
                crate::log::warn!(offset = %self.offset, "the KDC's clock differs from ours");
                Ok(())
            }
            // A KDC that does not know the option may refuse it; the first realm only, as MIT does.
            ErrorCode::S_PRINCIPAL_UNKNOWN
            | ErrorCode::POLICY
            | ErrorCode::BADOPTION
            | ErrorCode::GENERIC
                if self.canonicalize && self.visited.is_empty() =>
            {
                self.canonicalize = false;
                Ok(())
            }
            _ => Err(Fault::Kdc(code)),
        }
    }

    fn accept(&self, reply: KdcReply, kdc_now: KerberosTime) -> Result<Grant, Fault> {
        let Sent { nonce, till, subkey, .. } = &self.sent;
        if reply.sealed.enctype != subkey.enctype() {
            return Err(ReplyFault::Enctype(reply.sealed.enctype).into());
        }
        let text = subkey.decrypt(KeyUsage::TGS_REP_SUBKEY, &reply.sealed.cipher)?;
        let part = EncKdcReplyPart::parse(&text)?;
        let asked = Asked {
            client: &self.tgt.client,
            nonce: *nonce,
            till: *till,
            enctypes: &self.enctypes,
            clock_skew: self.options.clock_skew,
        };
        Ok(asked.check(reply, part, kdc_now)?)
    }

    fn refer(&mut self, realm: Realm, grant: Grant) -> Result<(), Fault> {
        self.visited.push(self.sent.server.realm.clone());
        // The KDC of the realm that the service was thought to be in knows better.
        if let Goal::Service(service) = &mut self.goal
            && service.realm.as_ref() == self.visited.last()
        {
            service.realm = None;
        }
        if self.visited.contains(&realm) {
            return Err(Fault::ReferralLoop(realm));
        }
        if self.visited.len() > MAX_REFERRALS {
            return Err(Fault::TooManyReferrals);
        }
        self.tgt = Arc::new(grant);
        Ok(())
    }

    pub(crate) fn error(&self, fault: Fault) -> Error {
        let server = match &self.goal {
            Goal::Renewal => self.tgt.server.to_string(),
            Goal::Service(service) => service.to_string(),
        };
        let ticket: &Ticket = &self.tgt.ticket;
        Error::new(
            Stage::Ticket,
            fault,
            Context {
                client: Some(self.tgt.client.clone()),
                server: Some(server),
                realm: Some(self.sent.server.realm.clone()),
                enctypes: self.enctypes.clone(),
                ticket_key: Some((ticket.enctype(), ticket.kvno())),
                offset: self.offset,
                ..Context::default()
            },
        )
    }
}

impl std::fmt::Display for ServiceRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.realm {
            Some(realm) => write!(f, "{}@{realm}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

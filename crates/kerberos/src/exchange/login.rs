use super::check::Asked;
use super::secret::ChosenKey;
use super::{KdcRequest, LongTermSecret, Options, Step};
use crate::crypto::{AesKey, KeyUsage};
use crate::enctype::Enctype;
use crate::entropy::Seed;
use crate::error::{Context, Error, ErrorCode, Fault, ReplyFault, Stage};
use crate::messages::{
    EncKdcReplyPart, EtypeInfo, KdcOptions, KdcReply, KrbError, PaData, RequestBody, as_request,
    encrypted_timestamp,
};
use crate::principal::{Principal, PrincipalName};
use crate::ticket::Grant;
use crate::time::{ClockOffset, KerberosTime, Timestamp};

/// More requests than an honest KDC needs: the first one, the proof, another salt, another clock.
const MAX_REQUESTS: u8 = 4;

/// Logs a principal in: a keytab or password for a ticket-granting ticket (RFC 4120 section 3.1).
///
/// Proves itself by an encrypted timestamp if the KDC asks for it. One correction of the clock
/// and, for a password, one of the salt are made without telling the caller.
#[derive(Debug)]
pub struct AsExchange {
    client: Principal,
    secret: LongTermSecret,
    options: Options,
    enctypes: Vec<Enctype>,
    offset: ClockOffset,
    proof: Option<ChosenKey>,
    nonce: u32,
    till: KerberosTime,
    requests: u8,
    corrected_clock: bool,
    corrected_salt: bool,
    /// The type and version of the key that the KDC's reply is sealed with.
    client_key: Option<(Enctype, Option<u32>)>,
}

/// What a login gives.
#[derive(Debug)]
pub struct Login {
    /// The ticket-granting ticket.
    pub tgt: Grant,
    /// How far the KDC's clock is ahead of ours. Tickets are to be used by the KDC's clock.
    pub offset: ClockOffset,
    /// The type and version of the client's key that the KDC used; the version is the keytab's, or
    /// what the KDC says. Absent if the ticket comes out of a cache.
    pub client_key: Option<(Enctype, Option<u32>)>,
}

impl AsExchange {
    /// Starts a login. `offset` is what is known about the KDC's clock.
    ///
    /// # Errors
    /// [`Fault::NoKey`] if there is no key of any type in `options`.
    pub fn begin(
        client: Principal,
        secret: LongTermSecret,
        options: Options,
        offset: ClockOffset,
        now: Timestamp,
        seed: &Seed,
    ) -> Result<(KdcRequest, Self), Error> {
        let mut exchange = Self {
            enctypes: secret.order(&client, &options.usable_enctypes()),
            client,
            secret,
            options,
            offset,
            proof: None,
            nonce: 0,
            till: KerberosTime::from_seconds(0),
            requests: 0,
            corrected_clock: false,
            corrected_salt: false,
            client_key: None,
        };
        if exchange.enctypes.is_empty() {
            return Err(exchange.error(Fault::NoKey { kdc: Vec::new() }));
        }
        Ok((exchange.request(now, seed), exchange))
    }

    /// Takes the KDC's reply.
    ///
    /// For a password this may hash for half a second, see [`Salted::key`](crate::crypto::Salted::key).
    ///
    /// # Errors
    /// The KDC refuses, or its reply is not acceptable.
    pub fn step(mut self, reply: &[u8], now: Timestamp, seed: &Seed) -> Result<Step<Self, Login>, Error> {
        match self.handle(reply, now) {
            Ok(Some(tgt)) => {
                let Self { offset, client_key, .. } = self;
                Ok(Step::Done(Login { tgt, offset, client_key }))
            }
            Ok(None) if self.requests < MAX_REQUESTS => {
                Ok(Step::Send { request: self.request(now, seed), next: self })
            }
            Ok(None) => Err(self.error(Fault::TooManyRequests)),
            Err(fault) => Err(self.error(fault)),
        }
    }

    fn request(&mut self, now: Timestamp, seed: &Seed) -> KdcRequest {
        let kdc_now = now.offset_by(self.offset);
        self.nonce = seed.nonce();
        self.till = kdc_now.time().saturating_add(self.options.lifetime);
        self.requests += 1;
        let renew_till = self.options.renew_lifetime.map(|life| kdc_now.time().saturating_add(life));
        let renewable = if renew_till.is_some() { KdcOptions::RENEWABLE } else { KdcOptions::NONE };
        let body = RequestBody {
            options: KdcOptions::RENEWABLE_OK.union(renewable),
            client: Some(&self.client.name),
            realm: &self.client.realm,
            server: &PrincipalName::krbtgt(&self.client.realm),
            till: self.till,
            renew_till,
            nonce: self.nonce,
            enctypes: &self.enctypes,
        };
        let proof = self.proof.as_ref();
        let padata = proof.map(|chosen| encrypted_timestamp(&chosen.key, kdc_now, seed.confounder()));
        let bytes = as_request(padata.as_slice(), &body.encode());
        KdcRequest { realm: self.client.realm.clone(), bytes }
    }

    /// Gives the ticket, or nothing if there is more to ask.
    fn handle(&mut self, reply: &[u8], now: Timestamp) -> Result<Option<Grant>, Fault> {
        if KrbError::is_message(reply) {
            self.on_error(&KrbError::parse(reply)?, now)?;
            return Ok(None);
        }
        self.accept(KdcReply::parse(reply, KdcReply::AS)?, now).map(Some)
    }

    fn on_error(&mut self, error: &KrbError, now: Timestamp) -> Result<(), Fault> {
        let code = ErrorCode(error.code);
        match code {
            ErrorCode::PREAUTH_REQUIRED => {
                let padata = error.method_data()?;
                if !padata.iter().any(|piece| piece.kind == PaData::ENC_TIMESTAMP) {
                    return Err(Fault::PreauthUnsupported);
                }
                let info = EtypeInfo::find(&padata)?;
                self.proof = Some(self.secret.choose(&self.client, &info, &self.enctypes)?);
                Ok(())
            }
            // The clock of an unauthenticated error: believed once, and tested by the next reply.
            ErrorCode::SKEW if self.options.follow_clock && !self.corrected_clock => {
                self.corrected_clock = true;
                self.offset = ClockOffset::between(now, error.server_time);
                crate::log::warn!(offset = %self.offset, "the KDC's clock differs from ours");
                Ok(())
            }
            ErrorCode::PREAUTH_FAILED if !self.corrected_salt => self.correct_salt(error, code),
            _ => Err(Fault::Kdc(code)),
        }
    }

    /// A renamed principal keeps its old salt, which only the failed attempt may bring to light.
    fn correct_salt(&mut self, error: &KrbError, code: ErrorCode) -> Result<(), Fault> {
        let Some(ChosenKey { salted: Some(failed), .. }) = &self.proof else {
            return Err(Fault::Kdc(code));
        };
        let info = EtypeInfo::find(&error.method_data().unwrap_or_default()).unwrap_or_default();
        if info.is_empty() {
            return Err(Fault::Kdc(code));
        }
        let other = self.secret.choose(&self.client, &info, &self.enctypes)?;
        if other.salted.as_ref() == Some(failed) {
            return Err(Fault::Kdc(code));
        }
        self.corrected_salt = true;
        self.proof = Some(other);
        Ok(())
    }

    fn accept(&mut self, reply: KdcReply, now: Timestamp) -> Result<Grant, Fault> {
        let enctype = reply.sealed.enctype;
        if !self.enctypes.contains(&enctype) {
            return Err(ReplyFault::Enctype(enctype).into());
        }
        let part = EncKdcReplyPart::parse(&self.open(&reply)?)?;
        // Sealed with our key: from here on the KDC's clock is known for certain.
        let kdc_now = now.offset_by(self.offset).time();
        let differs = !part.auth_time.is_within(self.options.clock_skew, kdc_now);
        if differs && self.options.follow_clock && part.nonce == self.nonce {
            self.offset = ClockOffset::between(now, Timestamp::from_parts(part.auth_time, 0));
            crate::log::warn!(offset = %self.offset, "the KDC's clock differs from ours");
        }
        let asked = Asked {
            client: &self.client,
            nonce: self.nonce,
            // Asked by the clock that was believed then.
            till: self.till.max(part.auth_time.saturating_add(self.options.lifetime)),
            enctypes: &self.enctypes,
            clock_skew: self.options.clock_skew,
        };
        let grant = asked.check(reply, part, now.offset_by(self.offset).time())?;
        let tgs = Principal::new(PrincipalName::krbtgt(&self.client.realm), self.client.realm.clone());
        if grant.server == tgs { Ok(grant) } else { Err(ReplyFault::Server.into()) }
    }

    fn open(&mut self, reply: &KdcReply) -> Result<zeroize::Zeroizing<Vec<u8>>, Fault> {
        let sealed = &reply.sealed;
        self.client_key = Some((sealed.enctype, sealed.kvno));
        if let LongTermSecret::Keytab(keytab) = &self.secret {
            let hinted = keytab.key(&self.client, sealed.enctype, sealed.kvno);
            // The version is a hint: Active Directory's keytabs are known to have another.
            let others = keytab
                .entries()
                .iter()
                .filter(|entry| entry.principal == self.client && entry.key.enctype() == sealed.enctype);
            let mut outcome = Err(Fault::NoKey { kdc: vec![sealed.enctype] });
            for entry in hinted.into_iter().chain(others) {
                outcome = AesKey::of(&entry.key)
                    .and_then(|key| key.decrypt(KeyUsage::AS_REP, &sealed.cipher))
                    .map_err(Fault::from);
                if outcome.is_ok() {
                    // KDCs may leave the version out; ours is the one that fits.
                    self.client_key = Some((sealed.enctype, Some(entry.kvno)));
                    break;
                }
            }
            return outcome;
        }
        let info = EtypeInfo::find(&reply.padata)?;
        let info = info.iter().find(|entry| entry.enctype == sealed.enctype);
        let proof = self.proof.as_ref().map(|chosen| &chosen.key);
        match proof.filter(|key| key.enctype() == sealed.enctype && info.is_none()) {
            Some(key) => Ok(key.decrypt(KeyUsage::AS_REP, &sealed.cipher)?),
            None => {
                let chosen = self.secret.key(&self.client, sealed.enctype, info)?;
                Ok(chosen.key.decrypt(KeyUsage::AS_REP, &sealed.cipher)?)
            }
        }
    }

    fn error(&self, fault: Fault) -> Error {
        let realm = &self.client.realm;
        Error::new(
            Stage::Login,
            fault,
            Context {
                client: Some(self.client.clone()),
                realm: Some(realm.clone()),
                enctypes: self.enctypes.clone(),
                offset: self.offset,
                ..Context::default()
            },
        )
    }
}

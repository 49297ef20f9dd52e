//! The TGS exchange: a ticket-granting ticket for another ticket (RFC 4120 section 3.3, referrals of
//! RFC 6806).

use ottla_kerberos::crypto::{AesKey, KeyUsage};
use ottla_kerberos::principal::{Principal, PrincipalName, Realm};
use ottla_kerberos::time::KerberosTime;

use super::account::{Entity, random_key};
use super::answer::{Asked, Refused, served_until};
use super::database::Database;
use super::login::{passed_on, session_enctype};
use crate::krb::{
    ApRequest, KdcOptions, KdcReply, KdcRequest, Refusal, ReplyPart, TicketFlags, TicketPart, padata,
};
use crate::random::Random;

/// Answers a TGS-REQ.
pub(super) fn answer(
    database: &Database,
    Asked { realm, request, now }: Asked<'_>,
    random: &mut Random,
) -> Result<Vec<u8>, Refused> {
    let Shown { tgt, issuer, subkey } = Shown::by(database, realm, request, now.time())?;
    let (service, server) = service(database, realm, request, &issuer)?;
    let enctype = session_enctype(request.enctypes.iter().copied(), service);
    let enctype = enctype.ok_or(Refusal::ETYPE_UNSUPPORTED)?;
    let session_key = random_key(enctype, random).map_err(Refusal::from)?;
    let part = if request.options.has(KdcOptions::RENEW) {
        renewed(&tgt, session_key, now.time())?
    } else {
        granted(&tgt, session_key, service, request, (realm, now.time()))?
    };
    let sealing = service.first_key().ok_or(Refusal::NO_KEY)?;
    let ticket = part.seal(server.clone(), sealing, service.kvno(), random);
    let part = ReplyPart { ticket: &part, server: &server, nonce: request.nonce };
    let reply = KdcReply { info: None, ticket, part };
    Ok(match &subkey {
        Some(subkey) => reply.ticket(subkey, KeyUsage::TGS_REP_SUBKEY, random),
        None => reply.ticket(&tgt.session_key, KeyUsage::TGS_REP_SESSION, random),
    })
}

/// The ticket-granting ticket that a request shows.
struct Shown {
    tgt: TicketPart,
    /// Whose KDC gave it, and to which realm it belongs.
    issuer: Principal,
    subkey: Option<AesKey>,
}

impl Shown {
    fn by(
        database: &Database,
        realm: &str,
        request: &KdcRequest,
        now: KerberosTime,
    ) -> Result<Self, Refused> {
        let proof = request.padata(padata::TGS_REQ).ok_or(Refusal::GENERIC)?;
        let proof = ApRequest::parse(proof).map_err(Refusal::from)?;
        let issuer = proof.ticket.server.clone();
        if issuer.name.krbtgt_realm() != Some(realm) {
            return Err(Refusal::NOT_US.into());
        }
        let sealed = &proof.ticket.sealed;
        let entity = database.find(realm, &issuer).ok_or(Refusal::NOT_US)?;
        let key = entity.key_of(sealed.enctype, sealed.kvno).ok_or(Refusal::NO_KEY)?;
        let tgt = proof.ticket.open(key, now)?;
        if tgt.end_time <= now {
            return Err(Refusal::TICKET_EXPIRED.into());
        }
        let authenticator = proof.authenticator(&tgt, KeyUsage::TGS_REQ_AUTHENTICATOR, now)?;
        let (kind, checksum) = authenticator.checksum.as_ref().ok_or(Refusal::INAPPROPRIATE_CHECKSUM)?;
        if *kind != tgt.session_key.checksum_type() {
            return Err(Refusal::INAPPROPRIATE_CHECKSUM.into());
        }
        let checked = tgt.session_key.verify_checksum(KeyUsage::TGS_REQ_CHECKSUM, &[&request.body], checksum);
        checked.map_err(|_| Refusal::MODIFIED)?;
        Ok(Self { subkey: authenticator.subkey()?, tgt, issuer })
    }
}

/// The service that is asked for, or the ticket-granting service on the way to it; and the name that
/// the ticket is for.
fn service<'a>(
    database: &'a Database,
    realm: &str,
    request: &KdcRequest,
    issuer: &Principal,
) -> Result<(&'a Entity, Principal), Refused> {
    let here = |name| Principal::new(name, Realm::new(realm));
    let name = request.server.clone().ok_or(Refusal::SERVER_UNKNOWN)?;
    if request.options.has(KdcOptions::RENEW) {
        let entity = database.find(realm, issuer).ok_or(Refusal::NOT_US)?;
        let asked = here(name);
        return if asked == *issuer { Ok((entity, asked)) } else { Err(Refusal::BAD_OPTION.into()) };
    }
    let asked = here(name);
    if let Some(entity) = database.find(realm, &asked) {
        return Ok((entity, asked));
    }
    let goal = match asked.name.krbtgt_realm() {
        Some(goal) => Some(goal),
        None if request.options.has(KdcOptions::CANONICALIZE) => {
            database.realm_of_service(&asked.name).map(Realm::as_str)
        }
        None => None,
    };
    let next = goal.and_then(|goal| database.next_on_the_way(realm, goal)).ok_or(Refusal::SERVER_UNKNOWN)?;
    let referral = here(PrincipalName::krbtgt(&Realm::new(next)));
    Ok((database.find(realm, &referral).ok_or(Refusal::SERVER_UNKNOWN)?, referral))
}

fn granted(
    tgt: &TicketPart,
    session_key: AesKey,
    service: &Entity,
    request: &KdcRequest,
    (realm, now): (&str, KerberosTime),
) -> Result<TicketPart, Refused> {
    let end_time = served_until(request.till, now, service.account.ticket_lifetime).min(tgt.end_time);
    if end_time <= now {
        return Err(Refusal::NEVER_VALID.into());
    }
    let is_renewable = tgt.flags.has(TicketFlags::RENEWABLE);
    if request.options.has(KdcOptions::RENEWABLE) && !is_renewable {
        return Err(Refusal::BAD_OPTION.into());
    }
    let renewable = request.options.has(KdcOptions::RENEWABLE);
    let mut flags = passed_on(request.options) & tgt.flags.0;
    flags |= tgt.flags.0 & TicketFlags::PRE_AUTHENTICATED;
    if renewable {
        flags |= TicketFlags::RENEWABLE;
    }
    let client_realm = tgt.client.realm.as_str();
    let mut transited = tgt.transited.clone();
    if client_realm != realm {
        // Every trust was made by whoever made these realms.
        flags |= TicketFlags::TRANSITED_CHECKED;
    }
    // The realm that sends a foreign client on is one that it passed.
    if client_realm != realm && service.principal.name.krbtgt_realm().is_some_and(|next| next != realm) {
        if !transited.is_empty() {
            transited.push(',');
        }
        transited.push_str(realm);
    }
    Ok(TicketPart {
        flags: TicketFlags(flags),
        session_key,
        client: tgt.client.clone(),
        transited,
        auth_time: tgt.auth_time,
        start_time: now,
        end_time,
        renew_till: tgt.renew_till.filter(|_| renewable),
    })
}

fn renewed(tgt: &TicketPart, session_key: AesKey, now: KerberosTime) -> Result<TicketPart, Refused> {
    let renew_till = tgt.renew_till.filter(|till| *till > now).ok_or(Refusal::BAD_OPTION)?;
    if !tgt.flags.has(TicketFlags::RENEWABLE) {
        return Err(Refusal::BAD_OPTION.into());
    }
    let life = tgt.end_time.saturating_since(tgt.start_time);
    Ok(TicketPart {
        flags: tgt.flags,
        session_key,
        client: tgt.client.clone(),
        transited: tgt.transited.clone(),
        auth_time: tgt.auth_time,
        start_time: now,
        end_time: now.saturating_add(life).min(renew_till),
        renew_till: Some(renew_till),
    })
}

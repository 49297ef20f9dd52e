//! The AS exchange: a password or keytab for a ticket (RFC 4120 section 3.1).

use ottla_kerberos::crypto::KeyUsage;
use ottla_kerberos::der::Reader;
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::principal::{Principal, Realm};
use ottla_kerberos::time::{KerberosTime, Timestamp};

use super::account::{Entity, Standing, random_key};
use super::answer::{Asked, Refused, served_until};
use super::database::Database;
use crate::krb::{
    CLOCK_SKEW, KdcOptions, KdcReply, KdcRequest, Refusal, ReplyPart, Sealed, TicketFlags, TicketPart,
    method_data, padata,
};
use crate::random::Random;

/// Answers an AS-REQ.
pub(super) fn answer(
    database: &Database,
    Asked { realm, request, now }: Asked<'_>,
    random: &mut Random,
) -> Result<Vec<u8>, Refused> {
    let client = client(database, realm, request)?;
    let server = request.server.clone().ok_or(Refusal::SERVER_UNKNOWN)?;
    let server = Principal::new(server, Realm::new(realm));
    let service = database.find(realm, &server).ok_or(Refusal::SERVER_UNKNOWN)?;
    let enctypes = || request.enctypes.iter().copied();
    let key = enctypes().find_map(|enctype| client.key(enctype)).ok_or(Refusal::ETYPE_UNSUPPORTED)?;
    let session = session_enctype(enctypes(), service).ok_or(Refusal::ETYPE_UNSUPPORTED)?;
    let proved = prove(client, request, now)?;
    let time = now.time();
    let mut flags = TicketFlags::INITIAL | passed_on(request.options);
    if proved {
        flags |= TicketFlags::PRE_AUTHENTICATED;
    }
    let lifetime = client.account.ticket_lifetime.min(service.account.ticket_lifetime);
    let end_time = served_until(request.till, time, lifetime);
    if end_time <= time {
        return Err(Refusal::NEVER_VALID.into());
    }
    let renew_till = renewable_until(client, request, time, end_time);
    if renew_till.is_some() {
        flags |= TicketFlags::RENEWABLE;
    }
    let part = TicketPart {
        flags: TicketFlags(flags),
        session_key: random_key(session, random).map_err(Refusal::from)?,
        client: client.principal.clone(),
        transited: String::new(),
        auth_time: time,
        start_time: time,
        end_time,
        renew_till,
    };
    let sealing = service.first_key().ok_or(Refusal::NO_KEY)?;
    let ticket = part.seal(server.clone(), sealing, service.kvno(), random);
    let reply = KdcReply {
        info: Some(client.info()),
        ticket,
        part: ReplyPart { ticket: &part, server: &server, nonce: request.nonce },
    };
    Ok(reply.login(key, client.kvno(), random))
}

fn client<'a>(database: &'a Database, realm: &str, request: &KdcRequest) -> Result<&'a Entity, Refused> {
    let name = request.client.clone().ok_or(Refusal::CLIENT_UNKNOWN)?;
    if request.realm.as_str() != realm {
        return Err(Refusal::WRONG_REALM.into());
    }
    let principal = Principal::new(name, request.realm.clone());
    let found = database.find(realm, &principal);
    // Somebody of a realm that this one knows is sent there.
    let elsewhere = || {
        database.realms.iter().find(|(other, accounts)| {
            let there = Principal::new(principal.name.clone(), Realm::new(other.as_str()));
            request.options.has(KdcOptions::CANONICALIZE) && accounts.contains_key(&there.to_string())
        })
    };
    let client = match (found, elsewhere()) {
        (Some(client), _) => client,
        (None, Some((other, _))) => {
            return Err(Refused { client_realm: Some(Realm::new(other)), ..Refusal::WRONG_REALM.into() });
        }
        (None, None) => return Err(Refusal::CLIENT_UNKNOWN.into()),
    };
    match client.account.standing {
        Standing::Good => Ok(client),
        Standing::Locked => Err(Refusal::CLIENT_REVOKED.into()),
        Standing::Expired => Err(Refusal::CLIENT_EXPIRED.into()),
        Standing::PasswordExpired => Err(Refusal::PASSWORD_EXPIRED.into()),
    }
}

/// The first type that the client names and the service has a key of: it can surely use it.
pub(super) fn session_enctype(mut asked: impl Iterator<Item = Enctype>, service: &Entity) -> Option<Enctype> {
    asked.find(|&enctype| service.key(enctype).is_some())
}

/// The options that become flags of the ticket as they are.
pub(super) fn passed_on(options: KdcOptions) -> u32 {
    let mut flags = 0;
    for flag in [KdcOptions::FORWARDABLE, KdcOptions::PROXIABLE] {
        if options.has(flag) {
            flags |= flag;
        }
    }
    flags
}

/// Checks the encrypted timestamp; tells whether there was one.
fn prove(client: &Entity, request: &KdcRequest, now: Timestamp) -> Result<bool, Refused> {
    let refused = |refusal: Refusal| Refused { data: Some(method_data(&client.info())), ..refusal.into() };
    let Some(proof) = request.padata(padata::ENC_TIMESTAMP) else {
        return if client.account.preauthentication {
            Err(refused(Refusal::PREAUTH_REQUIRED))
        } else {
            Ok(false)
        };
    };
    let sealed = Reader::whole(proof, Sealed::read).map_err(Refusal::from)?;
    let key = client.key(sealed.enctype).ok_or_else(|| refused(Refusal::PREAUTH_FAILED))?;
    let text = sealed.open(key, KeyUsage::AS_REQ_TIMESTAMP).map_err(|_| refused(Refusal::PREAUTH_FAILED))?;
    let time = Reader::whole(&text, |r| {
        r.sequence(|r| {
            let time = r.field(0, Reader::time)?;
            r.optional(1, Reader::int32)?;
            Ok(time)
        })
    });
    if time.map_err(Refusal::from)?.is_within(CLOCK_SKEW, now.time()) {
        Ok(true)
    } else {
        Err(Refusal::SKEW.into())
    }
}

fn renewable_until(
    client: &Entity,
    request: &KdcRequest,
    now: KerberosTime,
    end_time: KerberosTime,
) -> Option<KerberosTime> {
    let life = client.account.renew_lifetime;
    let latest = now.saturating_add(life);
    let asked = if request.options.has(KdcOptions::RENEWABLE) {
        request.renew_till.filter(|till| till.as_seconds() > 0).unwrap_or(latest)
    } else if request.options.has(KdcOptions::RENEWABLE_OK) && request.till > end_time {
        request.till
    } else {
        return None;
    };
    (!life.is_zero()).then(|| asked.min(latest)).filter(|till| *till > end_time)
}

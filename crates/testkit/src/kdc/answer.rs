//! One request, one answer.

use std::time::Duration;

use ottla_kerberos::principal::{Principal, PrincipalName, Realm};
use ottla_kerberos::time::{KerberosTime, Timestamp};

use super::database::Database;
use super::{grant, login};
use crate::krb::{KdcRequest, KrbError, Refusal};

/// A refusal with what goes into the KRB-ERROR beside its code.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    pub(super) client_realm: Option<Realm>,
    pub(super) data: Option<Vec<u8>>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, client_realm: None, data: None }
    }
}

/// What the KDC of a realm is asked.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) realm: &'a str,
    pub(super) request: &'a KdcRequest,
    pub(super) now: Timestamp,
}

/// Answers a request to the KDC of a realm.
pub(super) fn answer(database: &mut Database, realm: &str, request: &[u8], now: Timestamp) -> Vec<u8> {
    // The random numbers of this answer; the accounts stay borrowed meanwhile.
    let mut random = database.random.fork();
    let answered = match KdcRequest::parse(request) {
        Ok(request) if request.is_login => {
            database.counters.as_requests += 1;
            let answered = login::answer(database, Asked { realm, request: &request, now }, &mut random);
            database.counters.logins += u64::from(answered.is_ok());
            answered
        }
        Ok(request) => {
            database.counters.tgs_requests += 1;
            let answered = grant::answer(database, Asked { realm, request: &request, now }, &mut random);
            database.counters.tickets += u64::from(answered.is_ok());
            answered
        }
        Err(error) => Err(Refusal::from(error).into()),
    };
    answered.unwrap_or_else(|refused| {
        database.counters.count_error(refused.refusal.0);
        refusal(realm, &refused, now)
    })
}

/// The KRB-ERROR of a realm's KDC.
pub(super) fn refusal(realm: &str, refused: &Refused, now: Timestamp) -> Vec<u8> {
    let realm = Realm::new(realm);
    let server = Principal::new(PrincipalName::krbtgt(&realm), realm);
    let Refused { refusal, client_realm, data } = refused;
    let error = KrbError {
        refusal: *refusal,
        now,
        client_realm: client_realm.as_ref(),
        server: &server,
        data: data.clone(),
    };
    error.encode()
}

/// The end of a ticket: as asked, but not beyond its longest life. A time of zero asks for all of it.
pub(super) fn served_until(till: KerberosTime, now: KerberosTime, lifetime: Duration) -> KerberosTime {
    let longest = now.saturating_add(lifetime);
    if till.as_seconds() == 0 { longest } else { till.min(longest) }
}

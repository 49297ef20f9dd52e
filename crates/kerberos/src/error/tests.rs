use std::error::Error as _;
use std::io::ErrorKind;

use super::*;
use crate::locate::{Dns, NoKdc};
use crate::{crypto, der};

fn login(fault: Fault) -> Error {
    let context = Context {
        client: "alice@R".parse().ok(),
        realm: Some(Realm::new("R")),
        enctypes: vec![Enctype(18), Enctype(17)],
        ..Context::default()
    };
    Error::new(Stage::Login, fault, context)
}

fn no_kdc() -> Fault {
    Fault::NoKdc(Box::new(NoKdc { realm: Realm::new("R"), unusable: Vec::new(), dns: Dns::NotAsked }))
}

#[test]
fn prints_one_level_at_a_time() {
    let error = login(Fault::Malformed(der::Error::TooDeep)).at_kdc("kdc1.r:88");
    assert_eq!(error.to_string(), "Kerberos login of alice@R at kdc1.r:88 of realm R failed");
    let fault = error.source().unwrap();
    assert_eq!(fault.to_string(), "a message is malformed");
    assert_eq!(fault.source().unwrap().to_string(), "nested too deep");
    assert!(fault.source().unwrap().source().is_none());
}

#[test]
fn codes_print_their_number_and_meaning() {
    let text = ErrorCode(7).to_string();
    assert_eq!(text, "service not found in the Kerberos database (Kerberos error 7)");
    assert_eq!(ErrorCode(-3).to_string(), "Kerberos error -3");
}

#[test]
fn the_class_of_a_code_depends_on_who_was_asked() {
    let class = |code, stage| Error::new(stage, Fault::Kdc(ErrorCode(code)), Context::default()).class();
    for code in [21, 22, 29, 33, 34, 60] {
        assert_eq!(class(code, Stage::Login), Class::Transient, "{code}");
        assert_eq!(class(code, Stage::Ticket), Class::Transient, "{code}");
    }
    for code in [20, 31, 32, 41, 44, 45] {
        assert_eq!(class(code, Stage::Ticket), Class::StaleCredential, "{code}");
        assert_eq!(class(code, Stage::Login), Class::Config, "{code}");
    }
    for code in [1, 2, 6, 7, 12, 13, 14, 16, 18, 23, 24, 28, 37, 68, 999] {
        assert_eq!(class(code, Stage::Login), Class::Config, "{code}");
        assert_eq!(class(code, Stage::Ticket), Class::Config, "{code}");
    }
}

#[test]
fn sorts_faults_by_what_can_be_done() {
    let realm = || Realm::new("R");
    for (fault, class) in [
        (Fault::Unreachable(realm(), ErrorKind::TimedOut), Class::Transient),
        (Fault::NoEntropy, Class::Transient),
        (Fault::Shutdown, Class::Transient),
        (Fault::NotRenewable, Class::StaleCredential),
        (no_kdc(), Class::Config),
        (Fault::NoTgt, Class::Config),
        (Fault::TooShort, Class::Config),
        (Fault::CachePrincipal("bob@R".parse().unwrap()), Class::Config),
        (Fault::TooManyRequests, Class::Config),
        (Fault::PreauthUnsupported, Class::Config),
        (crypto::Error::Parameters.into(), Class::Config),
        (crypto::Error::Integrity.into(), Class::Security),
        (crypto::Error::TooShort.into(), Class::Security),
        (der::Error::Truncated.into(), Class::Security),
        (ReplyFault::Nonce.into(), Class::Security),
        (Fault::ReferralLoop(realm()), Class::Security),
        (Fault::TooManyReferrals, Class::Security),
        (GssFault::Integrity.into(), Class::Security),
        (GssFault::NoAuthOnly.into(), Class::Config),
        (GssFault::Refused(ErrorCode(34)).into(), Class::Transient),
        (GssFault::Refused(ErrorCode(44)).into(), Class::StaleCredential),
        (GssFault::Refused(ErrorCode(60)).into(), Class::Refused),
        (Fault::ServiceRefused, Class::Refused),
    ] {
        assert_eq!(login(fault.clone()).class(), class, "{fault:?}");
    }
}

#[test]
fn hints_name_what_was_offered_and_where_to_look() {
    let hint = |fault| login(fault).hint().unwrap_or_default();
    assert!(hint(Fault::Kdc(ErrorCode(14))).contains("aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96"));
    assert!(hint(no_kdc()).contains("[realms]"));
    assert!(hint(Fault::NoKey { kdc: vec![] }).contains("aes128-cts-hmac-sha1-96"));
    assert!(hint(crypto::Error::Integrity.into()).contains("password"));
    assert_eq!(login(Fault::Shutdown).hint(), None);
}

#[test]
fn a_large_offset_of_the_clock_is_worth_a_word() {
    let context = |seconds: i64| Context {
        offset: ClockOffset::from_micros(seconds * 1_000_000),
        ..Context::default()
    };
    let hint = |seconds| Error::new(Stage::Ticket, Fault::Shutdown, context(seconds)).hint();
    assert_eq!((hint(300), hint(-300)), (None, None));
    assert!(hint(-301).unwrap().contains("-301 s"));
}

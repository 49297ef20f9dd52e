//! Logins and ticket requests against MIT's KDC.

#[path = "support/exchanges.rs"]
mod exchanges;
#[path = "support/mit.rs"]
mod mit;

use std::sync::Arc;
use std::time::Duration;

use exchanges::{Client, keytab, service};
use mit::Mit;
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::error::{Class, ErrorCode, Fault};
use ottla_kerberos::exchange::{LongTermSecret, Options, ServiceRequest};
use ottla_kerberos::key::Key;
use ottla_kerberos::keytab::{Entry, Keytab};
use ottla_kerberos::principal::Realm;
use ottla_kerberos::ticket::TicketFlags;
use ottla_kerberos::time::ClockOffset;

const KDC_NAMES: [(i32, &str); 4] =
    [(17, "aes128-cts"), (18, "aes256-cts"), (19, "aes128-sha2"), (20, "aes256-sha2")];

fn password(text: &str) -> LongTermSecret {
    LongTermSecret::password(text.to_owned())
}

#[test]
fn logs_in_with_password_and_with_keytab_under_each_type_of_client_key() {
    let mit = Mit::start(&["TYPES.TEST"]);
    let client = Client::new(&mit);
    for (number, name) in KDC_NAMES {
        let principal = format!("user{number}@TYPES.TEST");
        mit.add_principal(&principal, "secret", name);
        let file = mit.path(&format!("{number}.keytab"));
        mit.export_keytab(&principal, &file);
        for secret in [password("secret"), keytab(&file)] {
            let login = client.log_in(&principal, secret).unwrap();
            assert_eq!(login.tgt.client.to_string(), principal);
            assert_eq!(login.tgt.server.to_string(), "krbtgt/TYPES.TEST@TYPES.TEST");
            assert!(login.tgt.flags.contains(TicketFlags::INITIAL));
            assert_eq!(login.offset, ClockOffset::ZERO);
        }
    }
}

#[test]
fn gets_tickets_under_each_type_of_session_and_service_key() {
    let mit = Mit::start(&["TYPES.TEST"]);
    mit.add_principal("alice@TYPES.TEST", "secret", "");
    for (number, name) in KDC_NAMES {
        mit.add_principal(&format!("svc/host{number}@TYPES.TEST"), "service", name);
    }
    for (session, _) in KDC_NAMES {
        let mut client = Client::new(&mit);
        client.options.enctypes = vec![Enctype(session)];
        client.options.enctypes.extend(Enctype::SUPPORTED.iter().filter(|e| e.0 != session));
        let login = client.log_in("alice@TYPES.TEST", password("secret")).unwrap();
        assert_eq!(login.tgt.session_key.enctype(), Enctype(session));
        let tgt = Arc::new(login.tgt);
        for (number, _) in KDC_NAMES {
            let request = ServiceRequest::by_referral(service("svc", &format!("host{number}")));
            let grant = client.ticket(&tgt, request, login.offset).unwrap().grant;
            assert_eq!(grant.ticket.enctype(), Enctype(number));
            assert_eq!(grant.server.to_string(), format!("svc/host{number}@TYPES.TEST"));
        }
    }
}

#[test]
fn logs_in_without_preauthentication_where_the_kdc_does_not_ask_for_it() {
    let mit = Mit::start(&["OPEN.TEST"]);
    mit.add_principal("bob@OPEN.TEST", "secret", "");
    mit.kadmin("OPEN.TEST", "modprinc -requires_preauth bob@OPEN.TEST");
    let client = Client::new(&mit);
    client.log_in("bob@OPEN.TEST", password("secret")).unwrap();
    let error = client.log_in("bob@OPEN.TEST", password("wrong")).unwrap_err();
    assert_eq!(error.class(), Class::Security);
    assert!(error.hint().unwrap().contains("password"), "{error:?}");
}

#[test]
fn takes_the_salt_that_the_kdc_names() {
    let mit = Mit::start(&["SALT.TEST"]);
    mit.add_principal("old@SALT.TEST", "secret", "");
    mit.kadmin("SALT.TEST", "renprinc -force old@SALT.TEST new@SALT.TEST");
    Client::new(&mit).log_in("new@SALT.TEST", password("secret")).unwrap();
    mit.kadmin("SALT.TEST", "addprinc -pw secret -e aes256-cts:special special@SALT.TEST");
    Client::new(&mit).log_in("special@SALT.TEST", password("secret")).unwrap();
}

#[test]
fn corrects_a_wrong_clock_once_and_uses_the_offset_for_tickets() {
    let mit = Mit::start(&["CLOCK.TEST"]);
    mit.add_principal("alice@CLOCK.TEST", "secret", "");
    mit.add_principal("svc/host@CLOCK.TEST", "secret", "");
    for seconds in [1000_i64, -1000, -90_000, 2000, 40_000_000] {
        let mut client = Client::new(&mit);
        client.wrong_by = ClockOffset::from_micros(seconds * 1_000_000);
        let login = client.log_in("alice@CLOCK.TEST", password("secret")).unwrap();
        assert!((login.offset.as_micros() + seconds * 1_000_000).abs() < 5_000_000, "{seconds}");
        let tgt = Arc::new(login.tgt);
        let request = ServiceRequest::by_referral(service("svc", "host"));
        client.ticket(&tgt, request.clone(), login.offset).unwrap();
        // Also if nothing is known about the clock, as after reading a ticket cache without it.
        let outcome = client.ticket(&tgt, request, ClockOffset::ZERO).unwrap();
        assert!((outcome.offset.as_micros() + seconds * 1_000_000).abs() < 5_000_000, "{seconds}");
    }
}

#[test]
fn learns_the_clock_from_the_reply_where_no_proof_was_asked_for() {
    let mit = Mit::start(&["CLOCK.TEST"]);
    mit.add_principal("bob@CLOCK.TEST", "secret", "");
    mit.kadmin("CLOCK.TEST", "modprinc -requires_preauth bob@CLOCK.TEST");
    let mut client = Client::new(&mit);
    client.wrong_by = ClockOffset::from_micros(-5_000_000_000);
    let login = client.log_in("bob@CLOCK.TEST", password("secret")).unwrap();
    assert!((login.offset.as_micros() - 5_000_000_000).abs() < 5_000_000);
}

#[test]
fn says_why_the_kdc_refuses_a_login() {
    let mit = Mit::start(&["NO.TEST"]);
    let client = Client::new(&mit);
    mit.add_principal("alice@NO.TEST", "secret", "aes128-cts");
    let code = |principal: &str, text: &str, client: &Client<'_>| {
        let error = client.log_in(principal, password(text)).unwrap_err();
        assert_eq!(error.class(), Class::Config, "{error:?}");
        assert!(error.hint().is_some() || error.code() == Some(ErrorCode(1)), "{error:?}");
        error.code().map(|code| code.0)
    };
    assert_eq!(code("alice@NO.TEST", "wrong", &client), Some(24));
    assert_eq!(code("nobody@NO.TEST", "secret", &client), Some(6));
    mit.add_principal("locked@NO.TEST", "secret", "");
    mit.kadmin("NO.TEST", "modprinc -allow_tix locked@NO.TEST");
    assert_eq!(code("locked@NO.TEST", "secret", &client), Some(18));
    mit.add_principal("expired@NO.TEST", "secret", "");
    mit.kadmin("NO.TEST", "modprinc -expire yesterday expired@NO.TEST");
    assert_eq!(code("expired@NO.TEST", "secret", &client), Some(1));
    mit.add_principal("stale@NO.TEST", "secret", "");
    mit.kadmin("NO.TEST", "modprinc -pwexpire yesterday stale@NO.TEST");
    assert_eq!(code("stale@NO.TEST", "secret", &client), Some(23));

    let mut other = Client::new(&mit);
    other.options.enctypes = vec![Enctype(20)];
    let error = other.log_in("alice@NO.TEST", password("secret")).unwrap_err();
    assert_eq!(error.class(), Class::Config);
    other.options.enctypes = vec![Enctype(23)];
    let error = other.log_in("alice@NO.TEST", password("secret")).unwrap_err();
    assert_eq!(error.fault(), &Fault::NoKey { kdc: Vec::new() });
}

#[test]
fn says_why_the_kdc_refuses_a_ticket() {
    let mit = Mit::start(&["NO.TEST"]);
    mit.add_principal("alice@NO.TEST", "secret", "");
    let client = Client::new(&mit);
    let login = client.log_in("alice@NO.TEST", password("secret")).unwrap();
    let tgt = Arc::new(login.tgt);
    let request = ServiceRequest::by_referral(service("kafka", "unknown.host"));
    let error = client.ticket(&tgt, request, login.offset).unwrap_err();
    assert_eq!((error.code(), error.class()), (Some(ErrorCode::S_PRINCIPAL_UNKNOWN), Class::Config));
    assert!(error.hint().unwrap().contains("kafka/unknown.host"), "{error:?}");
}

#[test]
fn uses_the_newest_key_of_a_keytab_and_keys_of_every_version() {
    let mit = Mit::start(&["KVNO.TEST"]);
    let file = mit.path("rotated.keytab");
    mit.add_principal("alice@KVNO.TEST", "first", "");
    mit.export_keytab("alice@KVNO.TEST", &file);
    for round in ["second", "third"] {
        mit.kadmin("KVNO.TEST", &format!("cpw -pw {round} alice@KVNO.TEST"));
        mit.export_keytab("alice@KVNO.TEST", &file);
    }
    Client::new(&mit).log_in("alice@KVNO.TEST", keytab(&file)).unwrap();
}

#[test]
fn a_keytab_without_the_first_type_of_the_kdc_still_logs_in() {
    let mit = Mit::start(&["KEYS.TEST"]);
    mit.add_principal("alice@KEYS.TEST", "secret", "");
    let file = mit.path("short.keytab");
    mit.export_keytab("alice@KEYS.TEST", &file);
    let whole = Keytab::load(&file).unwrap();
    assert_eq!(whole.entries().len(), 4);
    for number in 17..=20 {
        let short = mit.path(&format!("{number}.short"));
        let one: Vec<_> = whole.entries().iter().filter(|e| e.key.enctype() == Enctype(number)).collect();
        let entry = Entry {
            principal: one[0].principal.clone(),
            timestamp: one[0].timestamp,
            // As Active Directory's tools write it.
            kvno: 0,
            key: Key::new(Enctype(number), one[0].key.secret_bytes().to_vec()),
        };
        std::fs::write(&short, Keytab::new(vec![entry]).to_bytes().unwrap()).unwrap();
        Client::new(&mit).log_in("alice@KEYS.TEST", keytab(&short)).unwrap();
    }
}

#[test]
fn renews_a_ticket_that_can_be_renewed() {
    let mit = Mit::start(&["RENEW.TEST"]);
    mit.add_principal("alice@RENEW.TEST", "secret", "");
    let mut client = Client::new(&mit);
    client.options = Options {
        lifetime: Duration::from_secs(3600),
        renew_lifetime: Some(Duration::from_secs(24 * 3600)),
        ..Options::default()
    };
    let login = client.log_in("alice@RENEW.TEST", password("secret")).unwrap();
    let first = Arc::new(login.tgt);
    assert!(first.is_renewable(client.now().time()), "{first:?}");
    std::thread::sleep(Duration::from_millis(1100));
    let second = client.renew(&first, login.offset).unwrap().grant;
    assert!(second.end_time > first.end_time && second.renew_till == first.renew_till);
    assert!(second.is_renewable(client.now().time()));
    assert_eq!(second.auth_time, first.auth_time);
    client.renew(&Arc::new(second), login.offset).unwrap();

    client.options.renew_lifetime = None;
    let login = client.log_in("alice@RENEW.TEST", password("secret")).unwrap();
    let error = client.renew(&Arc::new(login.tgt), login.offset).unwrap_err();
    assert_eq!(error.fault(), &Fault::NotRenewable);
}

#[test]
fn finds_a_service_of_another_realm_by_referral_and_by_name() {
    let domains = "[domain_realm]\n .there = THERE.TEST\n";
    let mit = Mit::start_with(&["HERE.TEST", "THERE.TEST"], domains);
    mit.trust("HERE.TEST", "THERE.TEST");
    mit.add_principal("alice@HERE.TEST", "secret", "");
    mit.add_principal("kafka/broker.there@THERE.TEST", "secret", "");
    let client = Client::new(&mit);
    let login = client.log_in("alice@HERE.TEST", password("secret")).unwrap();
    let tgt = Arc::new(login.tgt);
    let name = service("kafka", "broker.there");
    for request in
        [ServiceRequest::in_realm(name.clone(), Realm::new("THERE.TEST")), ServiceRequest::by_referral(name)]
    {
        let grant = client.ticket(&tgt, request, login.offset).unwrap().grant;
        assert_eq!(grant.server.to_string(), "kafka/broker.there@THERE.TEST");
        assert_eq!(grant.client.to_string(), "alice@HERE.TEST");
    }
}

#[test]
fn passes_a_realm_between_where_there_is_no_direct_trust() {
    let paths = "[capaths]\n A.TEST = {\n  C.TEST = B.TEST\n }\n";
    let mit = Mit::start_with(&["A.TEST", "B.TEST", "C.TEST"], paths);
    mit.trust("A.TEST", "B.TEST");
    mit.trust("B.TEST", "C.TEST");
    mit.add_principal("alice@A.TEST", "secret", "");
    mit.add_principal("kafka/broker@C.TEST", "secret", "");
    let client = Client::new(&mit);
    let login = client.log_in("alice@A.TEST", password("secret")).unwrap();
    let tgt = Arc::new(login.tgt);
    // By the KDCs' paths, and by ours.
    for path in [vec![], vec![Realm::new("B.TEST")]] {
        let name = service("kafka", "broker");
        let request = ServiceRequest { path, ..ServiceRequest::in_realm(name, Realm::new("C.TEST")) };
        let grant = client.ticket(&tgt, request, login.offset).unwrap().grant;
        assert_eq!(grant.server.to_string(), "kafka/broker@C.TEST");
    }
}

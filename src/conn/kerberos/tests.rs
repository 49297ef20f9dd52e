use std::time::Duration;

use ottla_kerberos::ccache::{CacheName, CacheNameError};
use ottla_kerberos::conf::ConfError;
use ottla_kerberos::keytab::KeytabNameError;
use ottla_kerberos::principal::PrincipalError;

use super::*;
use crate::conn::credentials::Credentials;
use crate::conn::error::{LoginStep, PeerText};
use crate::conn::keys::Keys;
use crate::conn::login::Logins;
use crate::sasl::gssapi::testing::service_ticket;

fn conf(text: &str) -> Krb5Conf {
    Krb5Conf::parse(text.as_bytes()).unwrap()
}

fn fault(kerberos: &Kerberos, conf: &Krb5Conf) -> Fault {
    kerberos.login.identity.source(conf).unwrap_err()
}

fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ottla-{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path
}

fn refusal(code: i16) -> Error {
    Error::LoginRefused { code, step: LoginStep::First, text: PeerText::default() }
}

#[test]
fn an_identity_that_cannot_be_read_says_so() {
    let empty = conf("");
    let no_realm = Fault::Principal { principal: "job".into(), fault: PrincipalError::NoRealm };
    assert_eq!(fault(&Kerberos::keytab("job", "/k"), &empty), no_realm);
    let password = Kerberos::password("job@R", Secret::new(vec![0xff]));
    assert_eq!(fault(&password, &empty), Fault::PasswordEncoding);
    let keyring = Kerberos::ticket_cache(Some("KEYRING:x"));
    assert_eq!(fault(&keyring, &empty), Fault::CacheName(CacheNameError::Kind("KEYRING:x".to_owned())));
    let named = conf("[libdefaults]\n default_client_keytab_name = %{nobody}\n");
    let token = fault(&Kerberos::default_keytab("job@R"), &named);
    assert!(matches!(token, Fault::KeytabName(KeytabNameError::Token(_))), "{token:?}");
    assert!(token.to_string().contains("nobody"), "{token}");
}

#[test]
fn a_directory_of_caches_must_say_which_one_counts() {
    let dir = std::env::temp_dir().join(format!("ottla-{}-caches", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("primary"), "../elsewhere\n").unwrap();
    let fault = fault(&Kerberos::ticket_cache(Some(&CacheName::Dir(dir.clone()).to_string())), &conf(""));
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(matches!(fault, Fault::CacheDir(_)), "{fault:?}");
}

#[test]
fn a_principal_without_a_realm_is_in_the_default_realm() {
    let conf = conf("[libdefaults]\n default_realm = HOME\n");
    let source = Kerberos::keytab("job/host", "/k").login.identity.source(&conf).unwrap();
    assert!(matches!(&source, Source::Keytab { principal, .. } if principal.to_string() == "job/host@HOME"));
}

#[tokio::test]
async fn a_missing_or_broken_krb5_conf_is_named() {
    let kerberos = Kerberos::keytab("job@R", "/k").with_krb5_conf("/nonexistent/krb5.conf");
    let missing = kerberos.exchange("b1").await.unwrap_err();
    let Error::Kerberos(fault @ Fault::Conf(ConfError::File(_))) = &missing else { panic!("{missing:?}") };
    assert!(missing.to_string().contains("/nonexistent/krb5.conf"), "{missing}");
    assert_eq!(fault.side(), Side::Caller);
    let path = file("broken.conf", b"[libdefaults\n");
    let broken = Kerberos::keytab("job@R", "/k").with_krb5_conf(&path).exchange("b1").await.unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(broken, Error::Kerberos(Fault::Conf(ConfError::Line { .. }))), "{broken:?}");
}

#[tokio::test]
async fn a_realm_without_a_kdc_is_the_callers_fault_and_one_that_is_down_is_not() {
    let path = file("realms.conf", b"[realms]\n DOWN = {\n kdc = 127.0.0.1:1\n }\n");
    let secret = || Secret::from("sesame");
    let of = |name: &str| Kerberos::password(name, secret()).with_krb5_conf(&path);
    let down = of("job@DOWN").exchange("b1").await.unwrap_err();
    let unknown = of("job@UNKNOWN").exchange("b1").await.unwrap_err();
    std::fs::remove_file(&path).unwrap();
    let side = |error: &Error| match error {
        Error::Kerberos(fault @ Fault::Exchange(_)) => fault.side(),
        other => panic!("{other:?}"),
    };
    assert_eq!((side(&down), side(&unknown)), (Side::Environment, Side::Caller));
    assert!(down.is_absence() && down.to_string().contains("job@DOWN"), "{down}");
    assert!(unknown.to_string().contains("UNKNOWN") && unknown.to_string().contains("[realms]"), "{unknown}");
}

#[test]
fn a_login_outlives_the_runtime_that_it_began_in() {
    let path = file("runtimes.conf", b"[realms]\n DOWN = {\n kdc = 127.0.0.1:1\n }\n");
    let kerberos = Kerberos::password("job@DOWN", Secret::from("sesame")).with_krb5_conf(&path);
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(kerberos.exchange("b1")).unwrap_err();
        assert!(error.is_absence(), "{error}");
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_runtime_that_has_ended_prepares_nothing() {
    let build = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = build().handle().clone();
    let error = build().block_on(async {
        let _entered = ended.enter();
        Kerberos::keytab("job@R", "/k").exchange("b1").await.unwrap_err()
    });
    assert_eq!(error, Error::Kerberos(Fault::Ended));
}

#[test]
fn a_default_keytab_that_nobody_names_is_no_keytab() {
    assert!(std::env::var_os("KRB5_CLIENT_KTNAME").is_none(), "the test runs without a keytab of its own");
    assert_eq!(fault(&Kerberos::default_keytab("job@R"), &conf("")), Fault::NoKeytab);
}

#[test]
fn without_a_ticket_no_refusal_is_worth_another_dial() {
    let kerberos = Kerberos::keytab("job@R", "/k").for_one_dial("b1").unwrap();
    assert!(!kerberos.is_worth_another(&refusal(58)));
    assert_eq!(kerberos.explained(refusal(58)), refusal(58));
    assert!(is_hang_up(&Error::ClosedInLogin) && !is_hang_up(&Error::Closed));
}

fn after_a_login(cached: bool) -> Kerberos {
    let kerberos = Kerberos::keytab("job@R", "/k").for_one_dial("b1").unwrap();
    *kerberos.given() = Some(Given { ticket: service_ticket(), cached, refused: false });
    kerberos
}

#[test]
fn a_ticket_of_an_earlier_login_that_is_refused_is_worth_one_more_dial() {
    for refused in
        [refusal(58), Error::ClosedInLogin, std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()]
    {
        assert!(after_a_login(true).is_worth_another(&refused), "{refused:?}");
        assert!(!after_a_login(false).is_worth_another(&refused), "{refused:?}");
    }
    for other in [refusal(33), Error::Closed, Error::NoEntropy] {
        assert!(!after_a_login(true).is_worth_another(&other), "{other:?}");
    }
}

#[test]
fn a_refusal_without_a_reason_tells_all_that_is_known_of_the_ticket() {
    let kerberos = after_a_login(false);
    let refused = kerberos.explained(refusal(58));
    let Error::Kerberos(fault @ Fault::Refused { .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!(fault.side(), Side::Peer);
    for part in ["kafka/b1@R", "kvno 7", "aes256-cts-hmac-sha1-96", "keytab"] {
        assert!(refused.to_string().contains(part), "{part}: {refused}");
    }
    let hung_up = kerberos.explained(Error::ClosedInLogin);
    let Error::Kerberos(fault @ Fault::HungUp { .. }) = &hung_up else { panic!("{hung_up:?}") };
    assert_eq!(fault.side(), Side::Environment);
    assert!(hung_up.to_string().contains("clock skew"), "{hung_up}");
    assert_eq!(kerberos.explained(Error::NoEntropy), Error::NoEntropy);
}

#[tokio::test]
async fn a_connection_that_is_logged_in_waits_for_a_kdc_that_is_down_until_its_session_ends() {
    let path = file("waits.conf", b"[realms]\n DOWN = {\n kdc = 127.0.0.1:1\n }\n");
    let kerberos = Kerberos::password("job@DOWN", Secret::from("sesame")).with_krb5_conf(&path);
    let attempt = |mechanism: Option<&str>, left: Duration| {
        let mut logins = Logins {
            credentials: Credentials::Kerberos(kerberos.clone()),
            host: "b1".into(),
            port: 1,
            keys: Arc::new(Keys::new()),
            limit: Duration::from_secs(10),
            mechanism: mechanism.map(Into::into),
            used: None,
        };
        let now = crate::time::now();
        tokio::time::timeout(Duration::from_secs(5), logins.attempt(now, Some(now + left)))
    };
    let (soon, late) = (Duration::from_millis(1_500), Duration::from_secs(60));
    let first = attempt(None, late).await.expect("the first login fails at once");
    assert!(first.err().is_some_and(|error| error.is_absence()));
    assert!(attempt(Some("GSSAPI"), late).await.is_err(), "a connection gave up");
    let ended = attempt(Some("GSSAPI"), soon).await.expect("it goes on past the end of its session");
    assert!(ended.err().is_some_and(|error| error.is_absence()), "the KDC is not named");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_ticket_that_is_gone_is_forgotten_with_its_broker() {
    let mut seen = HashMap::new();
    for broker in 0..1_000 {
        let ticket = Arc::new(broker);
        assert!(!was_seen(&mut seen, broker, &ticket), "it is fresh");
        assert!(was_seen(&mut seen, broker, &ticket), "it is cached");
        assert!(seen.len() <= 2, "{}", seen.len());
    }
}

#[test]
fn debug_shows_who_and_no_secret() {
    let shown = format!("{:?}", Kerberos::password("job@R", Secret::from("sesame")));
    assert!(shown.contains("job@R") && !shown.contains("sesame"), "{shown}");
}

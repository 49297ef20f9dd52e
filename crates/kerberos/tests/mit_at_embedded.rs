//! MIT's own clients at the testkit's KDC: what they take for a KDC is one.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/mit.rs"]
mod mit;

use std::path::Path;

use mit::Mit;
use ottla_kerberos::enctype::Enctype;
use ottla_testkit::kdc::{Account, Kdc};

const ALICE: &str = "alice@A.TEST";
const KAFKA: &str = "kafka/broker.a@A.TEST";
const ABROAD: &str = "kafka/one.c.example@C.TEST";

/// Services look at the realms that a ticket has passed, however little the KDC minds.
const PATHS: &str = "[capaths]\n A.TEST = {\n  C.TEST = B.TEST\n }\n";

/// Three realms in a row of trust. UDP first, as is MIT's default.
async fn kdc() -> (Kdc, Mit) {
    let kdc = Kdc::builder()
        .realm("A.TEST")
        .realm("B.TEST")
        .realm("C.TEST")
        .trust("A.TEST", "B.TEST")
        .trust("B.TEST", "C.TEST")
        .host_realm(".c.example", "C.TEST")
        .account(Account::user(ALICE, "alice-secret"))
        .account(Account::service(KAFKA).with_enctypes([Enctype(20), Enctype(18)]))
        .account(Account::service(ABROAD))
        .start_tcp()
        .await
        .unwrap();
    let mit = Mit::without_kdc(&(kdc.krb5_conf() + PATHS));
    (kdc, mit)
}

/// Runs blocking tools beside the KDC's tasks.
async fn beside<T: Send + 'static>(mit: Mit, work: impl FnOnce(&Mit) -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(move || work(&mit)).await.unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kinit_logs_in_with_a_password_and_renews_and_kvno_gets_tickets_here_and_abroad() {
    let (kdc, mit) = kdc().await;
    let shown = beside(mit, |mit| {
        mit.tool("kinit", &["-r", "7d", ALICE], "alice-secret\n");
        mit.tool("kinit", &["-R"], "");
        mit.tool("kvno", &[KAFKA], "");
        // Without a realm in the name MIT follows the referrals.
        mit.tool("kvno", &["-S", "kafka", "one.c.example"], "");
        mit.tool("klist", &["-e", "-f"], "")
    })
    .await;
    for part in [ALICE, KAFKA, ABROAD, "renew until"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // The ticket is sealed with the service's first type, the session key is of the client's.
    assert!(shown.contains("aes256-cts-hmac-sha1-96, aes256-cts-hmac-sha384-192"), "{shown}");
    let counted = kdc.counters();
    assert_eq!((counted.logins, counted.errors(25)), (1, 1), "{counted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kinit_logs_in_with_a_keytab_of_each_type_of_key() {
    for enctype in Enctype::SUPPORTED {
        let (kdc, mit) = kdc().await;
        kdc.put(Account::service(ALICE).with_enctypes([enctype])).unwrap();
        let keytab = mit.path("alice.keytab");
        kdc.write_keytab(&keytab, &[ALICE]).unwrap();
        let listed = beside(mit, move |mit| {
            mit.tool("kinit", &["-k", "-t", text(&keytab), ALICE], "");
            mit.tool("kvno", &["-k", text(&keytab), ALICE], "");
            mit.tool("klist", &["-e", "-k", text(&keytab)], "")
        })
        .await;
        assert!(listed.contains(&enctype.to_string()), "{listed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_checks_tickets_with_its_keytab_by_mits_own_code() {
    let (kdc, mit) = kdc().await;
    let keytab = mit.path("services.keytab");
    kdc.write_keytab(&keytab, &[KAFKA, ABROAD]).unwrap();
    let said = beside(mit, move |mit| {
        mit.tool("kinit", &[ALICE], "alice-secret\n");
        mit.tool("kvno", &["-k", text(&keytab), KAFKA, ABROAD], "")
    })
    .await;
    assert_eq!(said.matches("keytab entry valid").count(), 2, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kinit_understands_every_refusal() {
    let (kdc, mit) = kdc().await;
    let user = |name: &str| Account::user(format!("{name}@A.TEST"), "right");
    kdc.put(user("locked").locked()).unwrap();
    kdc.put(user("expired").expired()).unwrap();
    kdc.put(user("wrong")).unwrap();
    beside(mit, |mit| {
        for (name, said) in [
            ("locked", "revoked"),
            ("expired", "expired"),
            ("nobody", "not found in Kerberos database"),
            ("wrong", "Password incorrect"),
        ] {
            let mut command = mit.command("sh");
            let output = command.args(["-c", &format!("echo other | kinit {name}@A.TEST")]).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && errors.contains(said), "{name}: {errors}");
        }
    })
    .await;
}

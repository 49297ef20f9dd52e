//! Keytabs and ticket caches that we wrote, read by the JDK.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/mit.rs"]
mod mit;

use std::fmt::Write;
use std::process::Command;

use mit::Mit;
use ottla_kerberos::ccache::CredentialCache;
use ottla_kerberos::key::Key;
use ottla_kerberos::keytab::Keytab;

fn hex(key: &Key) -> String {
    key.secret_bytes().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn the_jdk_reads_the_keytabs_and_caches_that_we_write() {
    let mit = Mit::start(&["FILES.TEST"]);
    mit.add_principal("alice@FILES.TEST", "pw", "");
    mit.export_keytab("alice@FILES.TEST", &mit.path("keytab"));
    mit.tool("kinit", &["alice@FILES.TEST"], "pw\n");
    let keytab = Keytab::load(mit.path("keytab")).unwrap();
    let cache = CredentialCache::load(mit.path("ccache")).unwrap();
    std::fs::write(mit.path("our-keytab"), &*keytab.to_bytes().unwrap()).unwrap();
    cache.store(mit.path("our-ccache")).unwrap();

    let mut java = Command::new("timeout");
    java.args(["120", "java"]).arg(format!("-Djava.security.krb5.conf={}", mit.krb5_conf().display()));
    java.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/ReadFiles.java"));
    java.arg(mit.path("our-keytab")).arg("alice@FILES.TEST").arg(mit.path("our-ccache"));
    let output = java.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(127) {
        panic!("no java; run: apt-get install -y --no-install-recommends openjdk-17-jdk-headless");
    }
    assert!(output.status.success(), "{errors}");

    let mut expected: Vec<String> = keytab
        .entries()
        .iter()
        .map(|entry| format!("key {} {} {}", entry.kvno, entry.key.enctype().0, hex(&entry.key)))
        .collect();
    expected.sort();
    let tgt = cache.tgt().unwrap();
    expected.push(format!(
        "ticket {} {} {} {} {}",
        tgt.client,
        tgt.server,
        tgt.key.enctype().0,
        tgt.end_time,
        hex(&tgt.key)
    ));
    assert_eq!(expected.len(), 5);
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().collect::<Vec<_>>(), expected);
}

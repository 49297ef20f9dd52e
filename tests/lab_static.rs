//! The command line as a static binary: it logs in, by password and by Kerberos, makes a token and
//! reads with it where there is nothing but the binary, a CA file and `etc/hosts`, and for Kerberos a
//! keytab and `etc/krb5.conf`.

// Once: what is shown is how the client was built.
// First: it takes longest.
#![cfg(feature = "kerberos")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ottla_lab::{Listener, Login, Profile};
use support::kerberos::{principal, realms};
use support::lab;

const RECORDS: &str = "5000";

#[test]
fn the_musl_binary_works_in_an_empty_root() {
    // As people install it.
    works_in_an_empty_root(&built("x86_64-unknown-linux-musl", "command", ""));
}

#[test]
fn the_static_glibc_binary_works_in_an_empty_root() {
    // Without the second flag random bytes come by a symbol that is looked up at run time, which a
    // static glibc cannot do, or from /dev/urandom, which is not there.
    let flags = "-C target-feature=+crt-static --cfg getrandom_backend=\"linux_getrandom\"";
    works_in_an_empty_root(&built("x86_64-unknown-linux-gnu", "dev", flags));
}

fn works_in_an_empty_root(binary: &Path) {
    let kafka = lab::cluster(Profile::Kerberos);
    let root = tempfile::tempdir().unwrap();
    let topic = format!("static-{}", root.path().file_name().unwrap().display()).replace("-.", "-");
    written_by_java(&kafka, &topic);
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(root.path().join("etc/hosts"), hosts(&kafka)).unwrap();
    fs::copy(kafka.ca_pem_path(), root.path().join("ca.pem")).unwrap();
    fs::copy(binary, root.path().join("ottla")).unwrap();
    reads_all_by(SCRAM, &kafka, root.path(), &topic);
    let realms = realms(&kafka);
    fs::copy(realms.keytab("alice"), root.path().join("client.keytab")).unwrap();
    // The KDCs by a name, too.
    let conf = fs::read_to_string(realms.krb5_conf()).unwrap().replace("kdc = 127.0.0.1:", "kdc = kdc.test:");
    assert_eq!(conf.matches("kdc = kdc.test:").count(), 2, "{conf}");
    fs::write(root.path().join("etc/krb5.conf"), conf).unwrap();
    let issued = || realms.issued(&principal("alice")).unwrap().0;
    let before = issued();
    reads_all_by(GSSAPI, &kafka, root.path(), &topic);
    assert!(issued() > before, "it has logged in to the KDC");
}

/// The same user, by password and by the keytab in the root directory.
const SCRAM: &str = "sasl.mechanism=SCRAM-SHA-512\n\
    sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
    username=\"alice\" password=\"alice-secret\";\n";
const GSSAPI: &str = "sasl.mechanism=GSSAPI\nsasl.kerberos.service.name=kafka\n\
    sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true \
    storeKey=true keyTab=\"/client.keytab\" principal=\"alice@EXAMPLE.TEST\";\n";

fn hosts(kafka: &ottla_lab::Cluster) -> String {
    let brokers: String = kafka.names().iter().map(|(name, address)| format!("{address} {name}\n")).collect();
    brokers + "127.0.0.1 kdc.test\n"
}

fn reads_all_by(login: &str, kafka: &ottla_lab::Cluster, root: &Path, topic: &str) {
    let config = format!(
        "bootstrap.servers={}\nsecurity.protocol=SASL_SSL\n{login}\
         ssl.truststore.type=PEM\nssl.truststore.location=/ca.pem\n",
        kafka.bootstrap(Listener::SaslSsl)
    );
    said_by(root, "token create --config - --out /job.token", &config);
    let text = said_by(root, &format!("read --token-file /job.token --format count --topic {topic}"), "");
    assert!(text.contains(&format!("\"records\":{RECORDS},")), "{text}");
    fs::remove_file(root.join("job.token")).unwrap();
}

/// What `ottla` prints, when all goes well.
fn said_by(root: &Path, arguments: &str, input: &str) -> String {
    let output = run_in(root, arguments, input);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Builds the command line without a C compiler.
fn built(target: &str, profile: &str, rustflags: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let rustup = Command::new("rustup").args(["target", "add", target]).status();
    assert!(rustup.is_ok_and(|status| status.success()), "rustup target add {target}");
    // What other tests do meanwhile goes first: it takes minutes of all processors.
    let built = Command::new("nice")
        .args(["-n", "19", env!("CARGO"), "build"])
        .args(["--quiet", "--package", "ottla-cli", "--profile", profile, "--target", target])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUSTFLAGS", rustflags)
        .env("CARGO_TARGET_DIR", &folder)
        .envs([("CC", "/bin/false"), ("CXX", "/bin/false")])
        .status();
    assert!(built.is_ok_and(|status| status.success()), "cargo build --target {target}");
    let profile = if profile == "dev" { "debug" } else { profile };
    folder.join(target).join(profile).join("ottla")
}

fn written_by_java(kafka: &ottla_lab::Cluster, topic: &str) {
    kafka.admin(&["create-topic", topic, "3", "1"]).unwrap();
    for operation in ["READ", "DESCRIBE"] {
        kafka.admin(&["allow", "User:alice", operation, "TOPIC", topic]).unwrap();
    }
    let properties = kafka.client_properties_file(Listener::Plaintext, &Login::Nobody).unwrap();
    let (properties, topic) = (properties.display().to_string(), format!("topic={topic}"));
    let count = format!("count={RECORDS}");
    kafka.java_answer("Produce", &[&properties, &topic, &count, "partitions=3", "value_bytes=100"]).unwrap();
}

/// Runs the binary with `root` as its root directory, by root or in a user namespace of its own.
fn run_in(root: &Path, arguments: &str, input: &str) -> Output {
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("chroot")
    } else {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "chroot"]);
        command
    };
    command.arg(root).arg("/ottla").args(arguments.split(' '));
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    process.wait_with_output().unwrap()
}

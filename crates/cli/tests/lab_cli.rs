//! The binary against real Kafka and MIT's KDCs, beside Java's own tools.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::process::Command;

use ottla_lab::{Cluster, Listener, Login, Profile};
use support::{Ran, command, mode, names_in, run};
use tempfile::TempDir;

/// A cluster of the lab, and a directory for the files of a test.
struct Lab {
    cluster: Cluster,
    dir: TempDir,
}

impl Lab {
    fn of(profile: Profile) -> Self {
        Self { cluster: ottla_lab::cluster(profile).unwrap(), dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn config(&self, listener: Listener, login: &Login) -> String {
        self.cluster.client_properties_file(listener, login).unwrap().display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command();
        command.args(arguments);
        for (name, address) in self.cluster.names() {
            command.arg("--resolve").arg(format!("{name}={address}"));
        }
        command
    }

    fn ottla(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments), b"")
    }

    /// A topic of this run, into which Java wrote, and what it wrote.
    fn written_by_java(&self, name: &str, partitions: &str, options: &[&str]) -> (String, ottla_lab::Tally) {
        let topic = format!("{name}-{}", std::process::id());
        self.cluster.admin(&["create-topic", &topic, partitions, "1"]).unwrap();
        for operation in ["READ", "DESCRIBE"] {
            self.cluster.admin(&["allow", "User:alice", operation, "TOPIC", &topic]).unwrap();
        }
        let properties = self.config(Listener::Plaintext, &Login::Nobody);
        let (named, partitions) = (format!("topic={topic}"), format!("partitions={partitions}"));
        let arguments = [&[properties.as_str(), &named, &partitions], options].concat();
        let tally = self.cluster.java_answer("Produce", &arguments).unwrap();
        (topic, ottla_lab::Tally::parse(&tally).unwrap())
    }
}

#[test]
fn a_token_file_reads_here_and_unchanged_in_javas_console_consumer() {
    let lab = Lab::of(Profile::Default);
    let (topic, written) = lab.written_by_java("cli-console", "1", &["count=200", "value_bytes=20"]);
    let config = lab.config(Listener::SaslSsl, &Login::Scram512("alice".to_owned()));
    let file = lab.file("job.token");
    lab.ottla(&["token", "create", "--config", &config, "--out", &file]).succeeded();
    assert_eq!(mode(file.as_ref()), 0o600);
    let counted = lab.ottla(&["read", "--token-file", &file, "--topic", &topic, "--format", "count"]);
    assert_eq!(counted.json()[0]["records"], written.count);
    let before = fs::read(&file).unwrap();
    let arguments = [
        "--bootstrap-server",
        &lab.cluster.bootstrap(Listener::SaslSsl),
        "--consumer.config",
        &file,
        "--topic",
        &topic,
        "--partition",
        "0",
        "--offset",
        "earliest",
        "--max-messages",
        "200",
        "--timeout-ms",
        "60000",
    ];
    let console = "org.apache.kafka.tools.consumer.ConsoleConsumer";
    let lines = lab.cluster.java_answer(console, &arguments).unwrap();
    // It warns of options of its own on standard output too.
    assert_eq!(lines.lines().filter(|line| line.len() == 20).count(), 200, "{lines}");
    assert_eq!(fs::read(&file).unwrap(), before);
    // The line for sasl.jaas.config alone is enough for Java too.
    let create = ["token", "create", "--config", &config, "--show-secret", "--format", "jaas"];
    let jaas = lab.ottla(&create).succeeded();
    let ca = lab.cluster.ca_pem_path();
    let by_hand = format!(
        "bootstrap.servers={}\nsecurity.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config={jaas}\
         ssl.truststore.type=PEM\nssl.truststore.location={}\n",
        lab.cluster.bootstrap(Listener::SaslSsl),
        ca.display()
    );
    fs::write(lab.file("by-hand.properties"), by_hand).unwrap();
    let consumed =
        lab.cluster.java_answer("Consume", &[&lab.file("by-hand.properties"), &format!("topic={topic}")]);
    assert_eq!(ottla_lab::Tally::parse(&consumed.unwrap()), Some(written));
    lab.ottla(&["token", "expire", &file, "--config", &config]).succeeded();
}

#[test]
fn what_java_wrote_is_counted_by_several_readers() {
    let lab = Lab::of(Profile::Default);
    let options = ["count=30000", "key_bytes=5", "value_bytes=100", "codec=lz4"];
    let (topic, written) = lab.written_by_java("cli-count", "6", &options);
    let config = lab.config(Listener::SaslPlaintext, &Login::Plain("alice".to_owned()));
    let read = ["read", "--config", &config, "--topic", &topic, "--format", "count", "--executors", "3"];
    let counted = lab.ottla(&read);
    let line = &counted.json()[0];
    assert_eq!(
        (&line["records"], &line["bytes"]),
        (&written.count.into(), &(written.key_bytes + written.value_bytes).into())
    );
    let forbidden = lab.ottla(&[
        "read",
        "--config",
        &lab.config(Listener::SaslPlaintext, &Login::Plain("bob".to_owned())),
        "--topic",
        &topic,
    ]);
    let told = forbidden.failed(1);
    assert!(told.contains("TOPIC_AUTHORIZATION_FAILED") && told.contains(&topic), "{told}");
}

#[test]
fn what_is_written_here_is_read_by_java() {
    let lab = Lab::of(Profile::Default);
    let config = lab.config(Listener::Plaintext, &Login::Nobody);
    let topic = format!("cli-write-{}", std::process::id());
    lab.ottla(&["topics", "create", &topic, "--partitions", "3", "--config", &config]).succeeded();
    let write = ["write", "--config", &config, "--topic", &topic, "--count", "20000", "--size", "100"];
    let written = lab.ottla(&[&write[..], &["--compression", "zstd"]].concat());
    assert_eq!(written.json()[0]["records"], 20_000, "{written:?}");
    let consumed = lab.cluster.java_answer("Consume", &[&config, &format!("topic={topic}")]).unwrap();
    let tally = ottla_lab::Tally::parse(&consumed).unwrap();
    assert_eq!((tally.count, tally.value_bytes), (20_000, 2_000_000));
    lab.ottla(&["topics", "delete", &topic, "--config", &config]).succeeded();
}

#[test]
fn topics_are_made_listed_and_deleted_on_real_brokers() {
    let lab = Lab::of(Profile::Default);
    let config = lab.config(Listener::Plaintext, &Login::Nobody);
    let topic = format!("cli-topics-{}", std::process::id());
    let create =
        ["topics", "create", &topic, "--partitions", "4", "--replication-factor", "2", "--config", &config];
    lab.ottla(&create).succeeded();
    let listed = lab.ottla(&["topics", "list", "--config", &config, "--format", "json"]);
    let shown = listed.json().into_iter().find(|line| line["topic"] == *topic).unwrap();
    let partitions = shown["partitions"].as_array().unwrap();
    assert!(
        partitions.len() == 4 && partitions.iter().all(|partition| partition["replicas"] == 2),
        "{shown}"
    );
    let told =
        lab.ottla(&[&create[..3], &["--set", "no.such.key=1", "--config", &config]].concat()).failed(1);
    assert!(told.contains(&topic), "{told}");
    lab.ottla(&["topics", "delete", &topic, "--config", &config]).succeeded();
    // A broker may hear of it a moment later than the others.
    let mut reads = (0..50).map(|_| lab.ottla(&["read", "--topic", &topic, "--config", &config]));
    let told = reads.find(|read| read.code != Some(0)).unwrap().failed(1);
    assert!(told.contains("UNKNOWN_TOPIC_OR_PARTITION") && told.contains(&topic), "{told}");
}

#[test]
fn kerberos_logs_in_lists_and_says_what_is_wrong() {
    let lab = Lab::of(Profile::Kerberos);
    let realms = lab.cluster.kerberos().unwrap();
    let (principal, cache) = ("alice@EXAMPLE.TEST", lab.file("alice.cc"));
    let kerberos = |arguments: &[&str], input: &[u8]| {
        let mut command = lab.command(arguments);
        command.env("KRB5_CONFIG", realms.krb5_conf()).stdin(std::process::Stdio::piped());
        run(&mut command, input)
    };
    let by_password = ["kerberos", "login", principal, "--password-file", "-", "--cache", &cache];
    let told = kerberos(&by_password, b"alice-secret\n").succeeded();
    assert!(told.contains(principal) && told.contains(&cache), "{told}");
    assert_eq!((mode(cache.as_ref()), names_in(lab.dir.path())), (0o600, vec!["alice.cc".to_owned()]));
    let listed = kerberos(&["kerberos", "list", "--cache", &cache], b"").succeeded();
    assert!(listed.contains("krbtgt/EXAMPLE.TEST@EXAMPLE.TEST") && listed.contains("aes256"), "{listed}");
    let klist = realms.tool("klist", &["-e", &cache], "").unwrap();
    assert!(klist.contains(principal) && klist.contains("krbtgt/EXAMPLE.TEST"), "{klist}");
    let wrong = kerberos(&by_password, b"sesame\n");
    assert!(wrong.code == Some(3) && !wrong.stderr.contains("sesame"), "{wrong:?}");

    let keytab = realms.keytab("alice").display().to_string();
    let login = Login::Keytab { principal: principal.to_owned(), keytab: realms.keytab("alice") };
    let config = lab.config(Listener::SaslPlaintext, &login);
    let doctor = kerberos(&["kerberos", "doctor", "--config", &config], b"").succeeded();
    for expected in
        ["kafka/b1", "kafka/b2", "kafka/b3", "client's key", "clock offset", "kdc ", "accepts the login"]
    {
        assert!(doctor.contains(expected), "{expected}: {doctor}");
    }
    let strange = kerberos(&["kerberos", "doctor", "--config", &config, "--broker", "nowhere"], b"");
    assert_eq!(strange.code, Some(3), "{strange:?}");
    assert!(strange.stdout.contains("kafka/nowhere") && strange.stdout.contains("what to do"), "{strange:?}");
    let unknown =
        kerberos(&["kerberos", "login", "nobody@EXAMPLE.TEST", "--keytab", &keytab, "--cache", &cache], b"");
    assert_eq!(unknown.code, Some(3), "{unknown:?}");
    let out = lab.file("job.token");
    kerberos(&["token", "create", "--config", &config, "--out", &out], b"").succeeded();
    kerberos(&["token", "expire", &out, "--config", &config], b"").succeeded();
}

//! The quickstart, as whoever clones the project runs it, and the numbers that it prints.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use ottla_testkit::{Cluster, Protocol, Record};
use rustix::process::{Pid, Signal, kill_process};

/// The command in an environment that has next to nothing.
fn quickstart(arguments: &[&str]) -> Command {
    let mut command = support::example("quickstart");
    command.env_clear().args(arguments);
    command
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// The driver's and the executors' number in a row of the table.
fn row(table: &str, name: &str) -> (Option<u64>, u64) {
    let line = table.lines().find_map(|line| line.strip_prefix(name));
    let mut words = line.unwrap_or_else(|| panic!("no row {name} in {table}")).split_whitespace();
    let (driver, executors) = (words.next().unwrap(), words.next().unwrap());
    (driver.parse().ok(), executors.parse().unwrap_or(0))
}

#[test]
fn every_record_is_read_once_by_executors_that_never_ask_a_kdc() {
    let output = quickstart(&["--records", "120001", "--seconds", "10"]).output().unwrap();
    let (table, errors) = text(&output);
    assert!(output.status.success() && errors.is_empty(), "{table}{errors}");
    assert_eq!(row(&table, "records read once"), (None, 120_001));
    assert_eq!(row(&table, "records missing"), (None, 0));
    assert_eq!(row(&table, "records read again"), (None, 0));
    // Two for the ticket-granting ticket, one for the brokers' service; none by executors.
    let (by_driver, by_executors) = row(&table, "requests to the KDC");
    assert!(by_driver >= Some(3) && by_executors == 0, "{table}");
    // Eight executors, three brokers: one connection for each pair. On a busy machine a session may
    // end before the next token is there; then there is one more, and no record less.
    let ((_, connections), (_, reconnects)) = (row(&table, "connections"), row(&table, "reconnects"));
    assert!(connections - reconnects <= 24 && connections >= 8, "{table}");
    assert_eq!(row(&table, "logins").1, connections);
    // Tokens of 4 s, which live at most 8: renewed and replaced under live connections.
    assert!(row(&table, "tokens made").0 >= Some(2), "{table}");
    assert!(row(&table, "renewals of tokens").0 >= Some(1), "{table}");
    assert!(row(&table, "re-authentications").1 >= 8, "{table}");
    for event in
        ["is made", "every broker takes it", "renewed", "takes the place of", "logged in again", "deleted"]
    {
        assert!(table.contains(event), "{event}: {table}");
    }
    assert!(!table.contains('\x1b'), "colours without a terminal: {table}");
}

#[test]
fn ctrl_c_deletes_the_token_and_ends_the_brokers() {
    let files = tempfile::tempdir().unwrap();
    let mut command = quickstart(&["--seconds", "600"]);
    let mut child = command.env("TMPDIR", files.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("begin to read") {
        assert_ne!(lines.read_line(&mut text).unwrap(), 0, "{text}");
    }
    let left = || std::fs::read_dir(files.path()).unwrap().count();
    assert_eq!(left(), 1, "the keytab and krb5.conf are in a directory");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    lines.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("token     deleted"), "{text}");
    assert!(!text.contains("records read once"), "{text}");
    assert_eq!(left(), 0, "files are left behind");
}

#[test]
fn help_says_how_and_a_wrong_command_is_refused() {
    let (help, _) = text(&quickstart(&["--help"]).output().unwrap());
    for option in
        ["--brokers", "--config", "--topic", "--resolve", "--records", "--seconds", "NO_COLOR", "Ctrl-C"]
    {
        assert!(help.contains(option), "{option}: {help}");
    }
    for wrong in [&["--bogus"][..], &["--brokers", "localhost:1"], &["--executors", "0"], &["--records"]] {
        let output = quickstart(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(text(&output).1.contains("--help"), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_elsewhere_is_read_by_its_own_client_properties() {
    let builder = Cluster::builder().brokers(2).listener(Protocol::SaslPlaintext).user("bob", "bob-secret");
    let cluster = builder.token_propagation(Duration::from_millis(50)).start_tcp().await.unwrap();
    cluster.create_topic("mine", 3, 1).unwrap();
    for partition in 0..3 {
        cluster.write("mine", partition, &vec![Record::value("x"); 500]).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("client.properties");
    let login = "org.apache.kafka.common.security.scram.ScramLoginModule required";
    let properties = format!(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n\
         sasl.jaas.config={login} username=\"bob\" password=\"bob-secret\";\n"
    );
    std::fs::write(&file, properties).unwrap();
    // A name that only the command line knows.
    let brokers = cluster.bootstrap(Protocol::SaslPlaintext).unwrap().replace("127.0.0.1", "mine.test");
    let arguments =
        ["--brokers", &brokers, "--config", file.to_str().unwrap(), "--topic", "mine", "--seconds", "1"];
    let mut command = quickstart(&arguments);
    command.args(["--resolve", "mine.test=127.0.0.1"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (table, errors) = text(&output);
    assert!(output.status.success(), "{table}{errors}");
    assert_eq!(row(&table, "records read once"), (None, 1_500));
    assert_eq!(cluster.counters().tokens_created, 1);
    let deleted = async {
        while !cluster.tokens().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    support::within(Duration::from_secs(30), "the deletion of the token", deleted).await;
}

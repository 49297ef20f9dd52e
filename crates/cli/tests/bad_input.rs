//! Files, words and disks that are wrong: each is named, with an exit code, and nothing is left.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Kafka, command, names_in, ottla, run};

fn with_mode(path: &str, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_that_others_may_write_is_refused_whoever_reads_it() {
    let kafka = Kafka::start();
    let (config, token) = (kafka.config("alice"), kafka.token("job.token"));
    for mode in [0o666, 0o620, 0o602] {
        with_mode(&config, mode);
        with_mode(&token, mode);
        for arguments in [["--config", &config], ["--token-file", &token]] {
            let [option, file] = arguments;
            let told = ottla(["topics", "list", option, file]).failed(2);
            assert!(told.contains(file) && told.contains("may write it, mode"), "{told}");
            let input = fs::File::open(file).unwrap();
            let told = run(command().args(["topics", "list", option, "-"]).stdin(input), b"").failed(2);
            assert!(told.contains("standard input") && told.contains("may write it, mode"), "{told}");
        }
        with_mode(&config, 0o600);
        let told = ottla(["token", "renew", &token, "--config", &config]).failed(2);
        assert!(told.contains(&token) && told.contains("may write it, mode"), "{told}");
    }
    with_mode(&token, 0o644);
    let read = ottla(["topics", "list", "--token-file", &token]);
    assert_eq!(read.code, Some(0));
    assert!(read.stderr.contains("others may read this token"), "{}", read.stderr);
}

#[test]
fn a_pipe_is_taken_from_a_shell_and_a_named_one_does_not_hang() {
    let kafka = Kafka::start();
    let (config, token) = (kafka.config("alice"), kafka.token("job.token"));
    let ottla_path = env!("CARGO_BIN_EXE_ottla");
    let script = format!("'{ottla_path}' topics list --token-file <(cat '{token}')");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    run(&mut shell, b"").succeeded();
    let fifo = kafka.path("fifo").display().to_string();
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for arguments in [["topics", "list", "--config", &fifo], ["topics", "list", "--token-file", &fifo]] {
        let told = ottla(arguments).failed(2);
        assert!(told.contains(&fifo) && told.contains("no regular file"), "{told}");
    }
    assert!(ottla(["token", "renew", &fifo, "--config", &config]).failed(2).contains("no regular file"));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let kafka = Kafka::start();
    let missing = kafka.path("missing").display().to_string();
    let told = ottla(["topics", "list", "--config", &missing]).failed(2);
    assert!(told.contains(&missing) && told.contains("No such file"), "{told}");
    let folder = kafka.dir.path().display().to_string();
    let told = ottla(["topics", "list", "--config", &folder]).failed(2);
    assert!(told.contains(&folder) && told.contains("cannot be read"), "{told}");
    let config = kafka.config("alice");
    with_mode(&config, 0o000);
    let mut by_nobody = Command::new(kafka.path("ottla"));
    if rustix::process::geteuid().is_root() {
        // Root reads everything.
        by_nobody.uid(65_534).gid(65_534);
    }
    fs::copy(env!("CARGO_BIN_EXE_ottla"), kafka.path("ottla")).unwrap();
    with_mode(&folder, 0o755);
    by_nobody.args(["topics", "list", "--config", &config]);
    let told =
        run(by_nobody.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()), b"").failed(2);
    assert!(told.contains(&config) && told.contains("Permission denied"), "{told}");
}

#[test]
fn a_file_that_is_wrong_is_named_with_its_line_and_without_its_values() {
    let kafka = Kafka::start();
    let good = fs::read_to_string(kafka.config("alice")).unwrap();
    let cases: [(Vec<u8>, &str); 5] = [
        ([good.as_bytes(), b"client.id=\xff\xfe\n"].concat(), "line 5 is not UTF-8"),
        (good.replace("SCRAM-SHA-256", "SCRAM-SHA-1").into_bytes(), "line 3, sasl.mechanism"),
        (good.replace("\";", "").into_bytes(), "line 4, sasl.jaas.config: a quote"),
        ((good.clone() + "request.timeout.ms=soon\n").into_bytes(), "line 5, request.timeout.ms"),
        (vec![b'#'; 2 * 1024 * 1024], "more than 1048576 bytes"),
    ];
    for (text, expected) in cases {
        let config = kafka.file("wrong.properties", text);
        let told = ottla(["topics", "list", "--config", &config]).failed(2);
        assert!(told.contains(&config) && told.contains(expected), "{told}");
    }
    let unknown = kafka.file("unknown.properties", good + "no.such.key=alice-secret\n");
    let listed = ottla(["topics", "list", "--config", &unknown]);
    assert_eq!(listed.code, Some(0));
    assert!(listed.stderr.contains("unknown.properties: line 5: \"no.such.key\""), "{}", listed.stderr);
    assert!(!listed.stderr.contains("alice-secret"));
    let not_a_token = ottla(["topics", "list", "--token-file", &kafka.config("alice")]).failed(2);
    assert!(
        not_a_token.contains("alice.properties") && not_a_token.contains("no delegation token"),
        "{not_a_token}"
    );
}

#[test]
fn a_login_that_is_refused_ends_with_3() {
    let kafka = Kafka::start();
    let wrong = fs::read_to_string(kafka.config("alice")).unwrap().replace("alice-secret", "sesame");
    let told = ottla(["topics", "list", "--config", &kafka.file("wrong.properties", &wrong)]).failed(3);
    assert!(told.contains("the login failed") && !told.contains("sesame"), "{told}");
}

#[test]
fn brokers_that_are_not_there_are_named_within_the_time() {
    let kafka = Kafka::start();
    // A port that was free a moment ago, and is closed again.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = kafka.file("nobody.properties", format!("bootstrap.servers=b1:{port}\n"));
    let arguments = ["topics", "list", "--config", &config, "--resolve", "b1=127.0.0.1", "--timeout", "2s"];
    let told = ottla(arguments).failed(1);
    assert!(told.contains("no connection could be made") && told.contains(&format!("b1:{port}")), "{told}");
}

#[test]
fn a_wrong_command_ends_with_2() {
    let usage = |arguments: &[&str]| run(command().args(arguments), b"").failed(2);
    assert!(usage(&["frobnicate"]).contains("frobnicate"));
    assert!(usage(&["read"]).contains("--topic"));
    assert!(usage(&["read", "--topic", "t"]).contains("--config"));
    assert!(
        usage(&["read", "--topic", "t", "--config", "a", "--token-file", "b"]).contains("exclude each other")
    );
    assert!(usage(&["read", "--topic", "t", "--from", "yesterday"]).contains("--from"));
    assert!(usage(&["read", "--topic", "t", "--executors", "0"]).contains("--executors"));
    assert!(usage(&["write", "--topic", "t", "--config", "-"]).contains("standard input cannot be both"));
    assert!(usage(&["write", "--topic", "t", "--count", "5"]).contains("--size"));
    assert!(usage(&["topics", "list", "--resolve", "b1"]).contains("NAME=ADDRESS"));
    assert!(usage(&["token", "create", "--config", "a"]).contains("--out"));
    assert!(usage(&["token", "renew", "--config", "a"]).contains("--id"));
    assert!(usage(&["token", "renew", "f", "--id", "i", "--config", "a"]).contains("cannot be used with"));
    assert!(
        usage(&["token", "create", "--out", "f", "--config", "a", "--mechanism", "PLAIN"]).contains("SCRAM")
    );
}

#[test]
fn every_command_teaches_by_example() {
    for words in [
        "",
        "token create",
        "token describe",
        "token renew",
        "token expire",
        "read",
        "write",
        "topics list",
        "topics create",
        "topics delete",
        "kerberos login",
        "kerberos list",
        "kerberos doctor",
        "completions",
    ] {
        let help = run(command().args(words.split_whitespace()).arg("--help"), b"").succeeded();
        assert!(help.contains("Example") && help.contains(&format!("ottla {words}")), "{words}: {help}");
    }
    assert!(ottla(["--version"]).succeeded().starts_with("ottla "));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(ottla(["completions", shell]).succeeded().contains("token-file"), "{shell}");
    }
}

#[test]
fn a_token_file_is_put_only_where_a_file_can_be() {
    let kafka = Kafka::start();
    let config = kafka.config("alice");
    let folder = kafka.dir.path().display().to_string();
    for out in ["/dev/full", "/dev/stdout", "/nonexistent/job.token", &folder, "/"] {
        let told = ottla(["token", "create", "--config", &config, "--out", out]).failed(2);
        assert!(told.contains(&format!("--out {out}")), "{told}");
    }
    assert_eq!(kafka.cluster.tokens(), []);
    assert!(!Path::new("/dev/full").metadata().unwrap().is_file());
}

/// Runs a line of shell where a file system of one page can be mounted: by root, or in a user
/// namespace of its own.
fn with_mounts(script: &str) -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--mount", "sh", "-ec", script]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_full_disk_leaves_neither_a_part_of_a_file_nor_a_token() {
    let kafka = Kafka::start();
    let (config, disk) = (kafka.config("alice"), kafka.path("disk"));
    fs::create_dir(&disk).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=4k none '{disk}'; head -c 4096 /dev/zero > '{disk}/fill'; set +e\n\
         '{ottla}' token create --config '{config}' --out '{disk}/job.token'; echo \"exit $?\"; ls -A '{disk}'",
        disk = disk.display(),
        ottla = env!("CARGO_BIN_EXE_ottla"),
    );
    let ran = run(&mut with_mounts(&script), b"");
    assert_eq!(ran.stdout, "exit 1\nfill\n", "{}", ran.stderr);
    assert!(ran.stderr.contains("job.token: cannot be written: No space left"), "{}", ran.stderr);
    assert_eq!(kafka.cluster.tokens(), []);
    assert_eq!(names_in(&disk), [""; 0]);
}

#[test]
fn standard_output_that_is_full_is_a_failure() {
    let kafka = Kafka::start();
    kafka.topic("t", 10);
    let config = kafka.config("alice");
    for format in ["raw", "json", "count"] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let arguments = ["read", "--config", &config, "--topic", "t", "--format", format];
        let told = run(command().args(arguments).stdout(full), b"").failed(1);
        assert!(told.contains("standard output cannot be written: No space left"), "{told}");
    }
}

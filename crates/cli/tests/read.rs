//! `ottla read` and `ottla topics ..`.

mod support;

use std::collections::BTreeSet;

use ottla_testkit::{Action, ApiKey, Fault, Record};
use support::{Kafka, ottla};

#[test]
fn every_record_is_read_once_in_every_format_by_any_number_of_readers() {
    let kafka = Kafka::start();
    kafka.topic("orders", 2000);
    let config = kafka.config("alice");
    let read = |format, executors| {
        ottla([
            "read",
            "--config",
            &config,
            "--topic",
            "orders",
            "--format",
            format,
            "--executors",
            executors,
        ])
    };
    let expected: BTreeSet<String> =
        (0..2).flat_map(|partition| (0..2000).map(move |n| format!("value-{partition}-{n}"))).collect();
    for executors in ["1", "2", "7"] {
        let raw = read("raw", executors).succeeded();
        let lines: Vec<_> = raw.lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 4000);
        assert_eq!(lines.into_iter().collect::<BTreeSet<_>>(), expected, "{executors} executors");
    }
    let json = read("json", "2");
    let values: BTreeSet<_> =
        json.json().iter().map(|line| line["value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(values, expected);
    let count = read("count", "2");
    let bytes: usize = expected.iter().map(String::len).sum::<usize>()
        + 2 * (0..2000).map(|n: i32| format!("key-{n}").len()).sum::<usize>();
    assert_eq!((&count.json()[0]["records"], &count.json()[0]["bytes"]), (&4000.into(), &bytes.into()));
    assert!(count.json()[0]["wall_s"].is_f64() && count.stderr.is_empty(), "{count:?}");
}

#[test]
fn a_line_of_json_has_all_of_a_record() {
    let kafka = Kafka::start();
    kafka.cluster.create_topic("t", 1, 1).unwrap();
    let full = Record::keyed("k", "é\n\"")
        .at(1_700_000_000_000)
        .with_header("h", "v")
        .with_header("b", &b"\xff"[..]);
    let binary = Record::keyed(&b"\x80"[..], &b"\xfe\xff"[..]).at(5);
    let tombstone = Record { key: Some("gone".into()), ..Record::default() }.at(6);
    kafka.cluster.write("t", 0, &[full, binary, tombstone]).unwrap();
    let read = ottla(["read", "--config", &kafka.config("alice"), "--topic", "t"]);
    assert_eq!(
        read.succeeded(),
        concat!(
            r#"{"topic":"t","partition":0,"offset":0,"timestamp":1700000000000,"key":"k","value":"é\n\"","headers":[{"key":"h","value":"v"},{"key":"b","value_base64":"/w=="}]}"#,
            "\n",
            r#"{"topic":"t","partition":0,"offset":1,"timestamp":5,"key_base64":"gA==","value_base64":"/v8=","headers":[]}"#,
            "\n",
            r#"{"topic":"t","partition":0,"offset":2,"timestamp":6,"key":"gone","value":null,"headers":[]}"#,
            "\n",
        )
    );
}

#[test]
fn from_and_to_are_offsets_times_and_words() {
    let kafka = Kafka::start();
    kafka.cluster.create_topic("t", 1, 1).unwrap();
    for n in 0..10_i64 {
        kafka
            .cluster
            .write("t", 0, &[Record::value(n.to_string()).at(1_700_000_000_000 + n * 1000)])
            .unwrap();
    }
    let config = kafka.config("alice");
    let read = |from, to| {
        let arguments =
            ["read", "--config", &config, "--topic", "t", "--format", "raw", "--from", from, "--to", to];
        ottla(arguments).succeeded().replace('\n', "")
    };
    assert_eq!(read("earliest", "latest"), "0123456789");
    assert_eq!(read("3", "7"), "3456");
    assert_eq!(read("8", "latest"), "89");
    assert_eq!(read("latest", "latest"), "");
    assert_eq!(read("5", "5"), "");
    assert_eq!(read("@2023-11-14T22:13:22Z", "@2023-11-14T22:13:25Z"), "234");
    assert_eq!(read("@2023-11-14T22:13:27.5Z", "@2030-01-01T00:00:00Z"), "89");
    assert_eq!(read("@2030-01-01T00:00:00Z", "latest"), "");
}

#[test]
fn lost_records_end_with_4_or_are_told_and_end_with_4() {
    let kafka = Kafka::start();
    kafka.topic("t", 100);
    kafka.cluster.delete_records_before("t", 0, 40).unwrap();
    let config = kafka.config("alice");
    let lost =
        ottla(["read", "--config", &config, "--topic", "t", "--format", "count", "--from", "0"]).failed(4);
    assert!(
        lost.contains("offsets 0 to 39 are no longer there: the log begins after them, partition t-0"),
        "{lost}"
    );
    let arguments =
        ["read", "--config", &config, "--topic", "t", "--format", "count", "--from", "0", "--skip-lost"];
    let skipped = ottla(arguments);
    assert_eq!((skipped.code, &skipped.json()[0]["records"]), (Some(4), &160.into()));
    assert!(skipped.stderr.contains("lost: t-0, offsets 0 to 39"), "{}", skipped.stderr);
}

#[test]
fn an_answer_about_another_partition_leaves_none_unread() {
    let kafka = Kafka::start();
    kafka.topic("t", 50);
    // The number of the partition, behind length, correlation id, a tag, throttle, one topic, its name and one partition.
    let astray = Action::Overwrite { at: 17, bytes: vec![0, 0, 0, 9] };
    let number = kafka.cluster.faults().add_numbered(Fault::new(astray).on_api(ApiKey::ListOffsets).times(2));
    let config = kafka.config("alice");
    let read = ottla(["read", "--config", &config, "--topic", "t", "--format", "count"]);
    assert_eq!(kafka.cluster.faults().hits(number), 2);
    assert_eq!(read.json()[0]["records"], 100, "{read:?}");
}

#[test]
fn partitions_are_chosen_and_unknown_ones_named() {
    let kafka = Kafka::start();
    kafka.topic("t", 5);
    let config = kafka.config("alice");
    let one = ottla(["read", "--config", &config, "--topic", "t", "--format", "raw", "--partition", "1"])
        .succeeded();
    assert!(one.lines().count() == 5 && one.lines().all(|line| line.starts_with("value-1-")), "{one}");
    let none = ottla(["read", "--config", &config, "--topic", "t", "--partition", "2"]).failed(1);
    assert!(none.contains("topic t has partitions 0 to 1, and no 2"), "{none}");
}

#[test]
fn a_topic_that_does_not_exist_is_named_soon() {
    let kafka = Kafka::start();
    let told = ottla(["read", "--config", &kafka.config("alice"), "--topic", "nowhere"]).failed(1);
    assert!(told.contains("topic nowhere") && told.contains("hint: `ottla topics list`"), "{told}");
}

#[test]
fn uncommitted_records_are_seen_only_if_asked_for() {
    let kafka = Kafka::start();
    kafka.cluster.create_topic("t", 1, 1).unwrap();
    kafka.cluster.write("t", 0, &[Record::value("plain")]).unwrap();
    let producer = kafka.cluster.write_in_transaction("t", 0, None, &[Record::value("aborted")]).unwrap();
    kafka.cluster.end_transaction("t", 0, producer, false).unwrap();
    let config = kafka.config("alice");
    let read = |isolation| {
        ottla(["read", "--config", &config, "--topic", "t", "--format", "raw", "--isolation", isolation])
            .succeeded()
    };
    assert_eq!(read("read-uncommitted"), "plain\naborted\n");
    assert_eq!(read("read-committed"), "plain\n");
    let text = std::fs::read_to_string(&config).unwrap() + "isolation.level=read_committed\n";
    let committed = kafka.file("committed.properties", text);
    let by_file = ottla(["read", "--config", &committed, "--topic", "t", "--format", "raw"]);
    assert_eq!((by_file.stderr.as_str(), by_file.stdout.as_str()), ("", "plain\n"));
}

#[test]
fn topics_are_made_listed_and_deleted() {
    let kafka = Kafka::start();
    let config = kafka.config("alice");
    let create = [
        "topics",
        "create",
        "orders",
        "--partitions",
        "3",
        "--config",
        &config,
        "--set",
        "retention.ms=1000",
    ];
    assert_eq!(ottla(create).succeeded(), "");
    let again = ottla(["topics", "create", "orders", "--config", &config]).failed(1);
    assert!(again.contains("TOPIC_ALREADY_EXISTS") && again.contains("orders"), "{again}");
    kafka.cluster.create_topic("__consumer_offsets", 1, 1).unwrap();
    let all = ottla(["topics", "list", "--internal", "--config", &config, "--format", "json"]);
    assert!(all.json().iter().any(|line| line["internal"] == true), "{all:?}");
    let table = ottla(["topics", "list", "--config", &config]).succeeded();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1][..2], ["orders", "3"], "{table}");
    let listed = ottla(["topics", "list", "--config", &config, "--format", "json"]);
    assert_eq!(listed.json()[0]["partitions"].as_array().unwrap().len(), 3);
    ottla(["topics", "delete", "orders", "--config", &config]).succeeded();
    let gone = ottla(["topics", "delete", "orders", "--config", &config]).failed(1);
    assert!(gone.contains("UNKNOWN_TOPIC_OR_PARTITION") && gone.contains("orders"), "{gone}");
}

#[test]
fn a_start_beyond_the_end_of_the_log_is_an_error_that_names_the_end() {
    let kafka = Kafka::start();
    kafka.topic("t", 42);
    let config = kafka.config("alice");
    for to in ["latest", "never", "120"] {
        let told = ottla(["read", "--config", &config, "--topic", "t", "--from", "99", "--to", to]).failed(1);
        assert!(told.contains("--from 99 lies beyond the end of t-0, which is offset 42"), "{to}: {told}");
    }
    ottla(["read", "--config", &config, "--topic", "t", "--from", "42"]).succeeded();
}

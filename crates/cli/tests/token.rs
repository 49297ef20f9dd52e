//! `ottla token ..`: the whole life of a token from a shell.

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use support::{Kafka, command, mode, names_in, ottla, ottla_with_input, run};

#[test]
fn a_token_is_made_used_renewed_listed_and_ended() {
    let kafka = Kafka::start();
    kafka.topic("orders", 10);
    let (config, out) = (kafka.config("alice"), kafka.path("job.token"));
    let file = out.display().to_string();
    let created = ottla(["token", "create", "--config", &config, "--out", &file]);
    assert_eq!((created.code, created.stderr.as_str()), (Some(0), ""), "{created:?}");
    let line = &created.json()[0];
    let id = line["id"].as_str().unwrap().to_owned();
    assert_eq!((line["owner"].as_str(), line["file"].as_str()), (Some("User:alice"), Some(file.as_str())));
    assert!(line.get("hmac").is_none());
    assert_eq!(mode(&out), 0o600);

    let read = ottla(["read", "--token-file", &file, "--topic", "orders", "--format", "count"]);
    assert_eq!(read.json()[0]["records"], 20, "{read:?}");

    let before = fs::read_to_string(&out).unwrap();
    let renewed = ottla(["token", "renew", &file, "--config", &config, "--period", "2h"]);
    assert_eq!(renewed.json()[0]["id"].as_str(), Some(id.as_str()), "{renewed:?}");
    let after = fs::read_to_string(&out).unwrap();
    assert!(before.contains("# ottla.renewals=0\n") && after.contains("# ottla.renewals=1\n"), "{after}");
    assert_eq!(mode(&out), 0o600);

    let listed = ottla(["token", "describe", "--config", &config, "--format", "json"]);
    let listed = &listed.json()[0];
    assert_eq!(
        (listed["id"].as_str(), &listed["expires"]),
        (Some(id.as_str()), &renewed.json()[0]["expires"])
    );
    let table = ottla(["token", "describe", "--config", &config]).succeeded();
    assert!(table.starts_with("ID ") && table.contains(&id) && !table.contains("HMAC"), "{table}");

    ottla(["token", "expire", &file, "--config", &config]).succeeded();
    assert_eq!(kafka.cluster.tokens(), []);
    // It was made moments ago, so it is tried again as long as there is time.
    let refused = ottla(["read", "--token-file", &file, "--topic", "orders", "--timeout", "2s"]).failed(3);
    assert!(refused.contains("hint: the broker does not know this user or token"), "{refused}");
    let gone = ottla(["token", "renew", &file, "--config", &config]).failed(1);
    assert!(gone.contains("DELEGATION_TOKEN_NOT_FOUND"), "{gone}");
    assert_eq!(names_in(kafka.dir.path()), ["alice.properties", "job.token"]);
}

#[test]
fn a_renewal_keeps_the_owner_the_group_and_the_mode_of_the_file() {
    let kafka = Kafka::start();
    let (config, file) = (kafka.config("alice"), kafka.token("job.token"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&file, None, Some(4711)).unwrap();
    }
    let before = fs::metadata(&file).unwrap();
    ottla(["token", "renew", &file, "--config", &config]).succeeded();
    let after = fs::metadata(&file).unwrap();
    assert!(fs::read_to_string(&file).unwrap().contains("# ottla.renewals=1\n"));
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    assert_ne!(after.ino(), before.ino(), "it is replaced, and not written over");
}

#[test]
fn a_renewal_that_cannot_be_noted_in_the_file_is_told_all_the_same() {
    let kafka = Kafka::start();
    let (config, file) = (kafka.config("alice"), kafka.token("job.token"));
    // The new file has a longer name for a moment, for which there is no room.
    let long = kafka.path(&"t".repeat(250));
    fs::rename(&file, &long).unwrap();
    let file = long.display().to_string();
    let renewed = ottla(["token", "renew", &file, "--config", &config]);
    assert_eq!(renewed.code, Some(1), "{renewed:?}");
    assert!(renewed.json()[0]["expires"].is_string(), "{renewed:?}");
    let told = &renewed.stderr;
    assert!(told.contains("the token is renewed, but") && told.contains("cannot be written"), "{told}");
    assert!(fs::read_to_string(&long).unwrap().contains("# ottla.renewals=0\n"));
}

#[test]
fn a_newer_token_that_works_is_not_replaced_by_an_older_one_and_a_dead_one_is() {
    let kafka = Kafka::start();
    let (config, file) = (kafka.config("alice"), kafka.token("job.token"));
    let id = kafka.cluster.tokens()[0].id.clone();
    // As a controller makes it whose clock is ahead.
    let text = fs::read_to_string(&file).unwrap();
    let issued = text.lines().find_map(|line| line.strip_prefix("# ottla.issued=")).unwrap().to_owned();
    let later = (issued.parse::<i64>().unwrap() + 60_000).to_string();
    fs::write(&file, text.replace(&format!("issued={issued}"), &format!("issued={later}"))).unwrap();
    let refused = ottla(["token", "create", "--config", &config, "--out", &file]).failed(1);
    assert!(refused.contains("newer") && refused.contains(&id), "{refused}");
    assert!(fs::read_to_string(&file).unwrap().contains(&id));
    assert_eq!(kafka.cluster.tokens().len(), 1, "the older one is deleted");
    kafka.cluster.delete_token(&id).unwrap();
    ottla(["token", "create", "--config", &config, "--out", &file]).succeeded();
    assert!(!fs::read_to_string(&file).unwrap().contains(&id));
}

#[test]
fn a_file_of_another_user_is_taken_if_he_is_named() {
    let kafka = Kafka::start();
    let (config, file) = (kafka.config("alice"), kafka.token("job.token"));
    let named = ["token", "describe", "--config", &config, "--file-owner", "4711"];
    if rustix::process::geteuid().is_root() {
        for path in [&config, &file] {
            chown(path, Some(4711), None).unwrap();
        }
        let refused = ottla(["token", "describe", "--config", &config]).failed(2);
        assert!(refused.contains("--file-owner 4711"), "{refused}");
    }
    ottla(named).succeeded();
}

#[test]
fn a_token_is_renewed_and_ended_by_its_id_alone() {
    let kafka = Kafka::start();
    let (config, file) = (kafka.config("alice"), kafka.token("job.token"));
    let id = kafka.cluster.tokens()[0].id.clone();
    fs::remove_file(&file).unwrap();
    ottla(["token", "renew", "--id", &id, "--config", &config]).succeeded();
    let soon = ottla(["token", "expire", "--id", &id, "--after", "1h", "--config", &config]);
    assert_eq!(soon.json()[0]["id"].as_str(), Some(id.as_str()));
    assert_eq!(kafka.cluster.tokens().len(), 1);
    ottla(["token", "expire", "--id", &id, "--config", &config]).succeeded();
    let gone = ottla(["token", "expire", "--id", &id, "--config", &config]).failed(1);
    assert!(gone.contains(&format!("there is no token {id}")), "{gone}");
    // Somebody else's does not show.
    let (file, bob) = (kafka.token("other.token"), kafka.config("bob"));
    let id = kafka.cluster.tokens()[0].id.clone();
    let hidden = ottla(["token", "renew", "--id", &id, "--config", &bob]).failed(1);
    assert!(hidden.contains("there is no token"), "{hidden}");
    let foreign = ottla(["token", "renew", &file, "--config", &bob]).failed(1);
    assert!(
        foreign.contains("DELEGATION_TOKEN_OWNER_MISMATCH") && foreign.contains("--renewer"),
        "{foreign}"
    );
}

#[test]
fn the_secret_is_printed_when_asked_for_and_in_the_form_asked_for() {
    let kafka = Kafka::start();
    kafka.topic("orders", 3);
    let config = kafka.config("alice");
    let create =
        |format| ottla(["token", "create", "--config", &config, "--show-secret", "--format", format]);
    let (json, jaas) = (create("json"), create("jaas").succeeded());
    let hmac = json.json()[0]["hmac"].as_str().unwrap().to_owned();
    assert!(hmac.len() > 40 && !jaas.contains(&hmac));
    assert!(
        jaas.contains("ScramLoginModule required username=\"") && jaas.ends_with("tokenauth=\"true\";\n"),
        "{jaas}"
    );
    let text = create("properties").succeeded();
    let read = ["read", "--token-file", "-", "--topic", "orders", "--format", "raw"];
    assert_eq!(ottla_with_input(read, text.as_bytes()).succeeded().lines().count(), 6);
    let shown = ottla(["token", "describe", "--config", &config, "--show-secret"]).succeeded();
    assert!(shown.contains(&hmac), "{shown}");
    for format in ["properties", "jaas"] {
        let out = kafka.path("t").display().to_string();
        let told =
            ottla(["token", "create", "--config", &config, "--out", &out, "--format", format]).failed(2);
        assert!(told.contains("--show-secret"), "{told}");
    }
    assert_eq!(kafka.cluster.tokens().len(), 3);
}

#[test]
fn a_token_for_somebody_else_names_its_requester_among_the_renewers() {
    let kafka = Kafka::start();
    kafka.cluster.allow(
        ottla_testkit::Principal::user("alice"),
        ottla_testkit::TokenRight::CreateFor(ottla_testkit::Principal::user("bob")),
    );
    let (config, out) = (kafka.config("alice"), kafka.path("bob.token").display().to_string());
    let created = ottla(["token", "create", "--config", &config, "--owner", "User:bob", "--out", &out]);
    let line = &created.json()[0];
    assert_eq!((line["owner"].as_str(), line["requester"].as_str()), (Some("User:bob"), Some("User:alice")));
    ottla(["token", "renew", &out, "--config", &config]).succeeded();
    let listed = ottla(["token", "describe", "--config", &config, "--owner", "User:bob", "--format", "json"]);
    assert_eq!(listed.json()[0]["renewers"][0], "User:alice");
    let refused =
        ottla(["token", "create", "--config", &kafka.config("bob"), "--owner", "User:alice", "--out", &out]);
    let refused = refused.failed(1);
    assert!(refused.contains("AUTHORIZATION_FAILED") && refused.contains("CreateTokens"), "{refused}");
}

#[test]
fn who_renews_a_token_and_for_how_long_is_said_when_it_is_made() {
    let kafka = Kafka::start();
    let (config, out) = (kafka.config("alice"), kafka.path("job.token").display().to_string());
    let life = ["--renewer", "User:bob", "--max-lifetime", "1h", "--no-wait"];
    run(command().args(["token", "create", "--config", &config, "--out", &out]).args(life), b"").succeeded();
    kafka.token("other.token");
    let token = kafka.cluster.tokens().into_iter().find(|token| !token.renewers.is_empty()).unwrap();
    assert_eq!(token.max - token.issued, 3_600_000);
    let listed =
        ottla(["token", "describe", "--config", &config, "--id", &token.id, "--format", "json"]).json();
    assert_eq!((listed.len(), &listed[0]["renewers"][0]), (1, &"User:bob".into()));
    ottla(["token", "renew", &out, "--config", &kafka.config("bob")]).succeeded();
    let none = ottla(["token", "describe", "--config", &config, "--id", "nonesuch", "--format", "json"]);
    assert_eq!(none.json(), [serde_json::Value::Null; 0]);
    let orphan = ["token", "create", "--config", &config, "--out", &out, "--requester", "User:alice"];
    assert!(ottla(orphan).failed(2).contains("--owner"));
}

#[test]
fn token_connections_may_not_call_token_requests_and_are_told_before_they_try() {
    let kafka = Kafka::start();
    let file = kafka.token("job.token");
    for command in
        [["create", "--show-secret"], ["describe", "--show-secret"], ["renew", &file], ["expire", &file]]
    {
        let [word, argument] = command;
        let told = ottla(["token", word, argument, "--token-file", &file]).failed(2);
        assert!(told.contains("--token-file: connections that logged in with a token may not"), "{told}");
    }
}

#[test]
fn create_waits_for_brokers_that_the_bootstrap_list_does_not_name() {
    let kafka = Kafka::start();
    kafka.topic("orders", 10);
    let whole = fs::read_to_string(kafka.config("alice")).unwrap();
    let list = whole.lines().find(|line| line.starts_with("bootstrap.servers")).unwrap();
    let first = list.split(',').next().unwrap();
    let config = kafka.file("one.properties", whole.replace(list, first));
    kafka.cluster.set_token_propagation(None, std::time::Duration::ZERO);
    kafka.cluster.set_token_propagation(Some(ottla_testkit::BrokerId(2)), std::time::Duration::from_secs(2));
    let out = kafka.path("job.token").display().to_string();
    ottla(["token", "create", "--config", &config, "--out", &out]).succeeded();
    let read = ottla(["read", "--token-file", &out, "--topic", "orders", "--format", "count"]);
    assert_eq!(read.json()[0]["records"], 20, "{read:?}");
}

#[test]
fn a_token_that_was_made_moments_ago_is_tried_again_and_one_of_java_too() {
    let kafka = Kafka::start();
    kafka.topic("orders", 10);
    kafka.cluster.set_token_propagation(None, std::time::Duration::from_millis(1500));
    let (config, out) = (kafka.config("alice"), kafka.path("job.token").display().to_string());
    for java in [false, true] {
        ottla(["token", "create", "--config", &config, "--out", &out, "--no-wait"]).succeeded();
        if java {
            // What Java's tool makes, in a file written by hand, tells nothing of the token's life.
            let text = fs::read_to_string(&out).unwrap();
            let bare: String =
                text.lines().filter(|line| !line.starts_with('#')).map(|l| l.to_owned() + "\n").collect();
            fs::write(&out, bare).unwrap();
        }
        let read = ottla(["read", "--token-file", &out, "--topic", "orders", "--format", "count"]);
        assert_eq!(read.json()[0]["records"], 20, "{read:?}");
    }
}

#[test]
fn create_waits_until_every_broker_knows_the_token() {
    let kafka = Kafka::start();
    kafka.cluster.set_token_propagation(None, std::time::Duration::from_millis(1500));
    kafka.topic("orders", 1);
    let file = kafka.token("job.token");
    let id = kafka.cluster.tokens()[0].id.clone();
    for broker in [1, 2] {
        let known = kafka.cluster.tokens_on(ottla_testkit::BrokerId(broker));
        assert!(known.iter().any(|token| token.id == id), "broker {broker}");
    }
    ottla(["read", "--token-file", &file, "--topic", "orders"]).succeeded();
}

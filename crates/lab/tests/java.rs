//! The Java programs against real brokers, through every listener and login.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use ottla_lab::{Cluster, Listener, Login, Profile, Record, Tally, cluster, json_field, own_cluster};

fn default() -> Cluster {
    cluster(Profile::Default).unwrap()
}

/// Creates a token as `login` and gives the line that describes it.
fn create_token(
    cluster: &Cluster,
    listener: Listener,
    login: &Login,
    options: &[&str],
) -> ottla_lab::Result<String> {
    let file = cluster.client_properties_file(listener, login).unwrap();
    let arguments = [&[file.to_str().unwrap(), "create-token"], options].concat();
    cluster.java_answer("Admin", &arguments)
}

#[test]
fn alice_creates_tokens_through_every_listener_that_knows_her() {
    let cluster = default();
    let alice = || "alice".to_owned();
    let ways = [
        (Listener::Ssl, Login::Certificate(alice())),
        (Listener::SaslPlaintext, Login::Plain(alice())),
        (Listener::SaslPlaintext, Login::OAuthBearer(alice())),
        (Listener::SaslSsl, Login::Scram256(alice())),
        (Listener::SaslSsl, Login::Scram512(alice())),
    ];
    for (listener, login) in ways {
        let token = create_token(&cluster, listener, &login, &["renewer=User:alice"]).unwrap();
        assert_eq!(json_field(&token, "owner"), Some("User:alice"), "{login:?}");
    }
    let refused = create_token(&cluster, Listener::Plaintext, &Login::Nobody, &[]).unwrap_err().to_string();
    assert!(refused.contains("Delegation Token requests are not allowed"), "{refused}");
}

#[test]
fn tokens_for_another_owner_need_the_acl() {
    // Nobody else gives this right on the shared cluster.
    let cluster = default();
    let alice = Login::Scram512("alice".into());
    let create = || create_token(&cluster, Listener::SaslSsl, &alice, &["owner=User:erin"]);
    assert!(create().unwrap_err().to_string().contains("DelegationTokenAuthorizationException"));
    cluster.admin(&["allow", "User:alice", "CREATE_TOKENS", "USER", "User:erin"]).unwrap();
    let token = create().unwrap();
    assert_eq!(json_field(&token, "owner"), Some("User:erin"));
    assert_eq!(json_field(&token, "requester"), Some("User:alice"));
}

#[test]
fn a_token_reads_what_was_committed_and_nothing_else() {
    let cluster = default();
    let produce =
        cluster.client_properties_file(Listener::SaslSsl, &Login::Scram512("admin".into())).unwrap();
    let options =
        ["topic=committed", "partitions=3", "count=3000", "transaction=100", "abort_every=3", "key_bytes=8"];
    let more = ["headers=3", "null_value_every=7", "codec=zstd", "replicas=3"];
    let arguments = [&[produce.to_str().unwrap()], options.as_slice(), &more].concat();
    let written = Tally::parse(&cluster.java_answer("Produce", &arguments).unwrap()).unwrap();
    assert_eq!(written.count, 2000);

    cluster.admin(&["allow", "User:alice", "READ", "TOPIC", "committed"]).unwrap();
    let line = create_token(&cluster, Listener::SaslSsl, &Login::Scram512("alice".into()), &[]).unwrap();
    let field = |name| json_field(&line, name).unwrap().to_owned();
    let token = Login::Token { id: field("id"), hmac: field("hmac") };
    let consume = cluster.client_properties_file(Listener::SaslSsl, &token).unwrap();
    let read = |isolation: &str| {
        let line = cluster.java_answer("Consume", &[consume.to_str().unwrap(), "topic=committed", isolation]);
        Tally::parse(&line.unwrap()).unwrap()
    };
    assert_eq!(read("isolation=read_committed"), written);
    assert_eq!(read("isolation=read_uncommitted").count, 3000);
}

#[test]
fn metrics_are_summed_over_the_brokers() {
    let cluster = default();
    assert!(cluster.metric_sum("connection-creation-total").unwrap() > 0.0);
    assert!(cluster.metric_sum("failed-reauthentication-total").unwrap() >= 0.0);
    assert!(cluster.metric_sum("expired-connections-killed-count").unwrap() >= 0.0);
    let brokers = cluster.metric_sum("kafka.server:type=BrokerTopicMetrics,name=BytesInPerSec/Count");
    assert!(brokers.unwrap() >= 0.0);
}

#[test]
fn every_profile_has_its_setting() {
    let settings = [
        (Profile::ShortToken, "delegation.token.expiry.time.ms", "30000"),
        (Profile::LongSweep, "delegation.token.expiry.check.interval.ms", "3600000"),
        (Profile::Reauth5s, "connections.max.reauth.ms", "5000"),
        (Profile::AuthDelay, "connection.failed.authentication.delay.ms", "100"),
        (Profile::Default, "connection.failed.authentication.delay.ms", "0"),
    ];
    // One after the other and each for itself: not more JVMs at a time than need be.
    for (profile, key, value) in settings {
        let cluster = own_cluster(profile, 1).unwrap();
        assert_eq!(cluster.admin(&["broker-config", "1", key]).unwrap(), value, "{profile:?}");
    }
    let cluster = own_cluster(Profile::NoSecret, 1).unwrap();
    let alice = Login::Plain("alice".into());
    let refused = create_token(&cluster, Listener::SaslPlaintext, &alice, &[]).unwrap_err().to_string();
    assert!(refused.contains("DelegationTokenDisabledException"), "{refused}");
}

/// Of our own programs, not of Kafka.
mod once {
    use super::*;

    #[test]
    fn the_checksum_is_the_same_in_java_and_in_rust() {
        let line = default().java_answer("Tally", &[]).unwrap();
        let record = |partition, offset, timestamp, key, value, headers: &'static [(_, _)]| Record {
            topic: "topic",
            partition,
            offset,
            timestamp,
            key,
            value,
            headers: headers.iter().copied(),
        };
        let mut tally = Tally::default();
        let headers: &[(&str, Option<&[u8]>)] = &[("first", Some(b"one")), ("größe", None)];
        tally.add(record(0, 0, 1_700_000_000_000, Some(b"key"), None, headers));
        tally.add(record(7, 1 << 40, -1, None, Some(&[0, 0xff]), &[]));
        assert_eq!(Tally::parse(&line), Some(tally), "{line}");
    }

    #[test]
    fn a_failing_program_shows_what_it_said() {
        let error = default().admin(&["dance"]).unwrap_err().to_string();
        assert!(error.contains("no subcommand dance"), "{error}");
    }
}

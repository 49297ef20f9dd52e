use std::io::ErrorKind;
use std::time::Duration;

use super::*;
use crate::cluster::{jaas, properties};
use crate::sasl::ScramMechanism;
use crate::secret::Secret;
use crate::tls::Tls;

const SASL: &str = "bootstrap.servers=b1:9092\nsecurity.protocol=SASL_PLAINTEXT\n";
const SSL: &str = "bootstrap.servers=b1:9092\nsecurity.protocol=SSL\n";
const PEM: &str = "-----BEGIN X-----\\nAA==\\n-----END X-----";

fn draft(text: &str) -> Draft {
    Draft::parse(text.as_bytes()).unwrap()
}

fn error(text: &str) -> Error {
    Draft::parse(text.as_bytes()).unwrap_err().error().clone()
}

fn value(text: &str) -> (&'static str, usize, Fault) {
    match error(text) {
        Error::Value { key, line, fault } => (key, line, fault),
        other => panic!("not a wrong value: {other:?}"),
    }
}

fn scram(options: &str) -> String {
    format!("{SASL}sasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config={} required {options};\n", SCRAM_MODULE)
}

#[test]
fn the_least_is_where_the_cluster_is() {
    let (config, warnings) = Config::from_properties(b"bootstrap.servers = b1:9092,[::1]:9093 \n").unwrap();
    assert_eq!(config.bootstrap().to_string(), "b1:9092,[::1]:9093");
    assert!(matches!((config.security(), config.credentials()), (Security::Plaintext, Credentials::None)));
    assert_eq!((config.client_id(), warnings), ("ottla", vec![]));
    for text in ["", "bootstrap.servers=", "bootstrap.servers=b1:9092\nbootstrap.servers= "] {
        assert_eq!(error(text), Error::Missing { key: "bootstrap.servers" });
    }
}

#[test]
fn reads_a_plain_login() {
    let text = format!(
        "{}sasl.mechanism=PLAIN\nsasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\\n  username=\"alice\" \\\n  password=\"se\\\\\"same\";\n",
        SASL.replace("SASL_PLAINTEXT", "sasl_plaintext")
    );
    let draft = draft(&text);
    let Credentials::Plain { user, password } = draft.config().credentials() else { panic!("{draft:?}") };
    assert_eq!((user.as_str(), password), ("alice", &Secret::from("se\"same")));
    assert!(!format!("{draft:?}").contains("same"));
}

#[test]
fn reads_a_scram_login_and_one_with_a_token() {
    let user = draft(&scram("username=alice password=sesame tokenauth=false"));
    let Credentials::Scram { mechanism, user, password } = user.config().credentials() else {
        panic!("{user:?}")
    };
    assert_eq!((*mechanism, user.as_str()), (ScramMechanism::Sha512, "alice"));
    assert_eq!(password, &Secret::from("sesame"));
    let token = draft(&scram("username=the-id password=\"+//+AQ==\" tokenauth=\"TRUE\""));
    let Credentials::Token { mechanism, source } = token.config().credentials() else { panic!("{token:?}") };
    assert_eq!((*mechanism, source.current().id()), (ScramMechanism::Sha512, "the-id"));
    assert_eq!(source.current().secret_password(), Secret::from("+//+AQ=="));
}

#[test]
fn says_what_is_wrong_with_a_login() {
    assert_eq!(error(SASL), Error::Missing { key: "sasl.mechanism" });
    assert_eq!(error(&format!("{SASL}sasl.mechanism=PLAIN")), Error::Missing { key: "sasl.jaas.config" });
    let mechanism = |name: &str| value(&format!("{SASL}sasl.mechanism={name}"));
    #[cfg(not(feature = "kerberos"))]
    assert_eq!(mechanism("GSSAPI"), ("sasl.mechanism", 3, Fault::Kerberos));
    let allowed = "GSSAPI, PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512";
    assert_eq!(mechanism("plain"), ("sasl.mechanism", 3, Fault::NotOneOf { allowed }));
    let jaas = |options: &str| value(&scram(options));
    let fault = |fault| ("sasl.jaas.config", 4, fault);
    assert_eq!(jaas("username"), fault(Fault::Jaas(jaas::Error::NoValue { option: 1 })));
    assert_eq!(jaas("password=a"), fault(Fault::NoOption { option: "username" }));
    assert_eq!(jaas("username=a"), fault(Fault::NoOption { option: "password" }));
    assert_eq!(jaas("username=a password=sesame tokenauth=true"), fault(Fault::NotAToken));
    let other = scram("username=a password=b").replace("SCRAM-SHA-512", "PLAIN");
    let right = "org.apache.kafka.common.security.plain.PlainLoginModule";
    assert_eq!(value(&other), fault(Fault::WrongModule { right }));
}

#[cfg(feature = "kerberos")]
#[test]
fn reads_a_kerberos_login() {
    let text = |jaas: &str| {
        format!("{SASL}sasl.mechanism=GSSAPI\nsasl.kerberos.service.name=broker\nsasl.jaas.config={jaas}\n")
    };
    let module = "com.sun.security.auth.module.Krb5LoginModule";
    let jaas = format!("{module} required useKeyTab=true keyTab=\"/k\" principal=\"job@R\";");
    let (config, warnings) = Config::from_properties(text(&jaas).as_bytes()).unwrap();
    let shown = format!("{:?}", config.credentials());
    assert!(shown.contains("job@R") && shown.contains(r#"service_name: "broker""#), "{shown}");
    assert_eq!(warnings, []);
    let wrong = ("sasl.jaas.config", 5, Fault::WrongModule { right: module });
    assert_eq!(value(&text("PlainLoginModule required;")), wrong);
    let neither = ("sasl.jaas.config", 5, Fault::NoKerberosSource);
    assert_eq!(value(&text(&format!("{module} required;"))), neither);
}

#[test]
fn reads_pem_stores_in_files_and_inline() {
    let files = "ssl.truststore.type=PEM\nssl.truststore.location=/ca.pem\nssl.keystore.type=PEM\nssl.keystore.location=/id.pem\n";
    let expected = Tls::builder().with_roots_file("/ca.pem").with_identity_files("/id.pem", "/id.pem");
    assert_eq!(
        draft(&format!("{SSL}{files}ssl.endpoint.identification.algorithm=HTTPS")).tls,
        Some(expected)
    );
    let inline = format!(
        "ssl.truststore.type=PEM\nssl.truststore.certificates={PEM}\nssl.keystore.type=PEM\nssl.keystore.key={PEM}\nssl.keystore.certificate.chain={PEM}\n"
    );
    let pem = "\n-----BEGIN X-----\nAA==\n-----END X-----\n";
    let expected = Tls::builder().with_roots_pem(pem).with_identity_pem(pem, Secret::from(pem));
    assert_eq!(draft(&format!("{SSL}{inline}")).tls, Some(expected));
}

#[test]
fn says_what_is_wrong_with_a_store() {
    assert_eq!(error(SSL), Error::Missing { key: "ssl.truststore.location" });
    let ssl = |text: &str| value(&format!("{SSL}{text}"));
    let location = "ssl.truststore.location";
    assert_eq!(ssl("ssl.truststore.location=/ca.jks"), (location, 3, Fault::NotPem));
    let jks = "ssl.truststore.location=/ca.jks\nssl.truststore.type=JKS";
    assert_eq!(ssl(jks), ("ssl.truststore.type", 4, Fault::NotPem));
    let both = "ssl.truststore.type=PEM\nssl.truststore.location=/ca.pem\nssl.truststore.certificates=x";
    assert_eq!(ssl(both), ("ssl.truststore.certificates", 5, Fault::FileAndInline));
    assert_eq!(ssl("ssl.key.password=x"), ("ssl.key.password", 3, Fault::Password));
    let algorithm = "ssl.endpoint.identification.algorithm";
    let allowed = "https, and nothing, which lets servers have any name";
    assert_eq!(ssl(&format!("{algorithm}=none")), (algorithm, 3, Fault::NotOneOf { allowed }));
    let roots = format!("{SSL}ssl.truststore.type=PEM\nssl.truststore.location=/nonexistent/ca.pem\n");
    let keystore = |text: &str| error(&format!("{roots}ssl.keystore.type=PEM\n{text}"));
    assert_eq!(keystore("ssl.keystore.key=x"), Error::Missing { key: "ssl.keystore.certificate.chain" });
    assert_eq!(keystore("ssl.keystore.certificate.chain=x"), Error::Missing { key: "ssl.keystore.key" });
    let unreadable = Config::from_properties(roots.as_bytes()).unwrap_err();
    assert!(
        matches!(unreadable.error(), Error::Tls(_)) && unreadable.to_string().contains("/nonexistent/ca.pem")
    );
}

#[test]
fn reads_times_and_the_name_of_the_client() {
    let text = "bootstrap.servers=b1:9092\nclient.id=job-7\nrequest.timeout.ms=1\ndefault.api.timeout.ms=2\nmetadata.max.age.ms=3\nsocket.connection.setup.timeout.ms=4\nreconnect.backoff.max.ms=700\nreconnect.backoff.ms=60\nconnections.max.idle.ms=-1\n";
    let config = Config::from_properties(text.as_bytes()).unwrap().0;
    let times =
        [config.request_timeout(), config.deadline(), config.metadata_max_age(), config.connect_timeout()];
    assert_eq!(times, [1, 2, 3, 4].map(Duration::from_millis));
    let backoff = config.reconnect_backoff();
    assert_eq!([backoff.first, backoff.max], [60, 700].map(Duration::from_millis));
    assert_eq!((config.client_id(), config.idle_close().as_secs()), ("job-7", 365 * 24 * 3600));
    let wrong = "bootstrap.servers=b1:9092\nrequest.timeout.ms=1s\n";
    assert_eq!(value(wrong), ("request.timeout.ms", 2, Fault::NotMillis));
}

#[test]
fn warns_of_keys_that_are_unknown_or_without_effect() {
    let text = "bootstrap.servers=b1:9092\nack=all\nsasl.mechanism=GSSAPI\nssl.key.password=sesame\ngroup.id=g\nsasl.login.class=c\nisolation.level=read_committed\n";
    let (_, warnings) = Config::from_properties(text.as_bytes()).unwrap();
    let shown: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "line 2: \"ack\" is not a key that this client knows",
            "line 3: \"sasl.mechanism\" has no effect with this security.protocol",
            "line 4: \"ssl.key.password\" has no effect with this security.protocol",
            "line 5: \"group.id\" steers Java's clients and has no effect here",
            "line 6: \"sasl.login.class\" steers Java's clients and has no effect here",
        ]
    );
}

#[test]
fn server_names_are_verified_unless_the_algorithm_is_empty_which_is_warned_of() {
    let roots = "ssl.truststore.type=PEM\nssl.truststore.location=/ca.pem\n";
    let builder = || Tls::builder().with_roots_file("/ca.pem");
    let empty = draft(&format!("{SSL}{roots}ssl.endpoint.identification.algorithm=\n"));
    assert_eq!(empty.tls, Some(builder().without_name_verification()));
    let [warning] = empty.warnings.as_slice() else { panic!("{:?}", empty.warnings) };
    assert!(warning.to_string().starts_with("line 5: ") && warning.to_string().contains("pose as a broker"));
    let https = draft(&format!("{SSL}{roots}ssl.endpoint.identification.algorithm=https\n"));
    assert_eq!((https.tls, https.warnings), (Some(builder()), vec![]));
}

#[test]
fn says_what_is_wrong_with_the_rest() {
    let bootstrap = value("bootstrap.servers=b1\n");
    assert!(matches!(bootstrap, ("bootstrap.servers", 1, Fault::Bootstrap(_))), "{bootstrap:?}");
    let allowed = "PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL";
    let protocol = value("bootstrap.servers=b1:1\nsecurity.protocol=TLS\n");
    assert_eq!(protocol, ("security.protocol", 2, Fault::NotOneOf { allowed }));
    assert_eq!(error("k=\\u"), Error::Syntax(properties::Error::BadEscape { line: 1 }));
}

#[test]
fn names_the_file_and_the_line_and_no_value() {
    let missing = Config::from_file("/nonexistent/client.properties").unwrap_err();
    assert!(matches!(missing.error(), Error::File(error) if error.kind() == ErrorKind::NotFound));
    let path = std::env::temp_dir().join(format!("ottla-{}.properties", std::process::id()));
    std::fs::write(&path, scram("username=a password=sesame tokenauth=true")).unwrap();
    let shown = Config::from_file(&path).unwrap_err().to_string();
    std::fs::remove_file(&path).unwrap();
    assert!(
        shown.starts_with(&format!("{}: line 4, sasl.jaas.config: with tokenauth", path.display())),
        "{shown}"
    );
    assert!(!shown.contains("sesame"), "{shown}");
}

#[test]
fn a_value_that_stands_elsewhere_is_refused_and_its_reference_not_sent_as_the_password() {
    let file = |providers: &str, password: &str| {
        let login = scram(&format!("username=a password=\"{password}\""));
        Config::from_properties(format!("bootstrap.servers=b1:1\n{providers}{login}").as_bytes())
    };
    let providers = "config.providers=env, file,vault\n";
    for password in ["${env:PASSWORD}", "${file:/run/secrets/kafka:password}", "x${vault:p:k}y"] {
        let error = file(providers, password).unwrap_err();
        let fault = Fault::Reference;
        assert!(
            matches!(error.error(), Error::Value { key: "sasl.jaas.config", fault: f, .. } if *f == fault)
        );
        assert!(!error.to_string().contains(password), "{error}");
    }
    // Java leaves these as they are too.
    assert!(file("", "${env:PASSWORD}").is_ok());
    assert!(file(providers, "${directory:/run:password}").is_ok());
}

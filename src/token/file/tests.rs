use proptest::prelude::*;

use super::*;
use crate::tls::Tls;
use crate::tls::testing::Authority;

fn token() -> Token {
    let at = Timestamp::from_millis;
    let life =
        TokenLife { issued: at(1_700_000_000_000), expires: at(1_700_086_400_000), max: at(-1), renewals: 3 };
    Token::new("the-id", Secret::new(vec![0xfb, 0xff, 0xfe, 0x01])).unwrap().with_life(life)
}

fn text(token: &Token, security: &Security) -> String {
    let bootstrap = "b1:9093,[::1]:9094".parse().unwrap();
    let secret = write(token, &bootstrap, security, ScramMechanism::Sha512).unwrap();
    String::from_utf8(secret.secret_bytes().to_vec()).unwrap()
}

fn fault(text: &str) -> Error {
    TokenFile::read(text.as_bytes()).unwrap_err()
}

#[test]
fn a_file_that_is_written_right_now_or_does_not_answer_is_worth_another_try_and_no_other() {
    let error = |file| crate::error::Error::from(InvalidTokenFile::from(Error::File(file)));
    for passing in [FileError::Changed, FileError::TimedOut { limit: std::time::Duration::ZERO }] {
        assert!(error(passing).is_retriable(), "{passing}");
        assert!(crate::error::explained(&error(passing)).contains(&passing.to_string()));
    }
    assert!(!error(FileError::NotAFile).is_retriable());
}

#[test]
fn is_a_client_properties_with_comments() {
    let token = token().with_owner(Principal::user("alice")).with_requester(Principal::user("bob"));
    let expected = r#"# Logs in to Kafka with a delegation token. Whoever reads this file can act as the token's owner.
# ottla.version=1
# ottla.id=the-id
# ottla.owner=User:alice
# ottla.requester=User:bob
# ottla.issued=1700000000000
# ottla.expires=1700086400000
# ottla.max=-1
# ottla.renewals=3
bootstrap.servers=b1:9093,[::1]:9094
security.protocol=SASL_PLAINTEXT
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="the-id" password="+//+AQ==" tokenauth="true";
"#;
    assert_eq!(text(&token, &Security::Plaintext), expected);
}

#[test]
fn tells_the_new_life_of_a_renewed_token_and_keeps_the_rest() {
    let text = text(&token(), &Security::Plaintext) + "client.id=added by hand\n";
    let renewed = TokenFile::renewed(text.as_bytes(), Timestamp::from_millis(1_700_090_000_000)).unwrap();
    let expected = text.replace("1700086400000", "1700090000000").replace("renewals=3", "renewals=4");
    assert_eq!(std::str::from_utf8(renewed.secret_bytes()), Ok(expected.as_str()));
    let life = TokenFile::parse(renewed.secret_bytes()).unwrap().token.life().unwrap();
    assert_eq!((life.expires.as_millis(), life.renewals), (1_700_090_000_000, 4));
    let bare: String =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    let same = TokenFile::renewed(bare.as_bytes(), Timestamp::from_millis(1)).unwrap();
    assert_eq!(same, Secret::from(bare.as_str()));
}

#[test]
fn tells_others_that_servers_may_have_any_name() {
    let tls = Tls::builder().with_roots_pem(Authority::new(1).root).without_name_verification().build();
    let text = text(&token(), &Security::Tls(tls.unwrap()));
    assert!(text.ends_with("ssl.endpoint.identification.algorithm=\n"), "{text}");
    let config = TokenFile::parse(text.as_bytes()).unwrap().into_config(TokenSource::fixed(token())).unwrap();
    assert!(matches!(config.security(), Security::Tls(tls) if tls.takes_any_name()));
}

#[test]
fn writes_the_line_for_javas_tools() {
    let line = crate::token::target::secret_jaas_config(&token());
    let expected =
        format!(r#"{SCRAM_MODULE} required username="the-id" password="+//+AQ==" tokenauth="true";"#);
    assert_eq!(line, Secret::from(expected));
}

#[test]
fn brings_the_roots_of_trust_along() {
    let root = Authority::new(1).root;
    let security = Security::Tls(Tls::builder().with_roots_pem(root.clone()).build().unwrap());
    let text = text(&token(), &security);
    assert!(text.contains("security.protocol=SASL_SSL\n") && text.contains("ssl.truststore.type=PEM\n"));
    let file = TokenFile::parse(text.as_bytes()).unwrap();
    assert_eq!((file.mechanism, &file.token), (ScramMechanism::Sha512, &token()));
    let source = TokenSource::fixed(file.token.clone());
    let config = file.into_config(source).unwrap();
    let Security::Tls(tls) = config.security() else { panic!("no TLS") };
    assert_eq!(tls.roots_pem(), Some(root.replace("\r\n", "\n")));
    assert_eq!(config.bootstrap().to_string(), "b1:9093,[::1]:9094");
    let Credentials::Token { source, .. } = config.credentials() else { panic!("no token") };
    assert_eq!(*source.current(), token());
}

#[test]
fn reads_a_file_made_by_hand_for_java() {
    let text = text(&token(), &Security::Plaintext);
    let by_hand: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let file = TokenFile::parse(format!("#my token\n{}", by_hand.join("\r\n")).as_bytes()).unwrap();
    assert_eq!((file.token.id(), file.token.life(), file.token.owner()), ("the-id", None, None));
    assert_eq!(file.token.secret_hmac(), token().secret_hmac());
}

#[test]
fn says_what_is_wrong() {
    let good = text(&token(), &Security::Plaintext);
    let without =
        |part: &str| good.lines().filter(|line| !line.contains(part)).collect::<Vec<_>>().join("\n");
    assert_eq!(fault(&"\n".repeat(MAX_BYTES + 1)), Error::TooLarge { max: MAX_BYTES });
    assert!(matches!(fault(""), Error::Properties(_)));
    assert!(matches!(fault(&good.replace("ottla.id=", "ottla.id=\\u")), Error::Properties(_)));
    assert_eq!(fault(&good.replace(" tokenauth=\"true\"", "")), Error::NoToken);
    assert_eq!(fault(&good.replace("version=1", "version=2")), Error::Version { line: 2 });
    assert_eq!(fault(&good.replace("ottla.id=the-id", "ottla.id=other")), Error::OtherToken { line: 3 });
    for key in ["version", "id", "issued", "expires", "max", "renewals"] {
        assert_eq!(fault(&without(&format!("# ottla.{key}="))), Error::Missing { key });
    }
    for (key, line) in [("issued", 4), ("expires", 5), ("max", 6), ("renewals", 7)] {
        let wrong = good.replace(&format!("ottla.{key}="), &format!("ottla.{key}=x"));
        assert_eq!(fault(&wrong), Error::Comment { line, key });
    }
    for (key, value) in
        [("owner", "alice"), ("requester", ""), ("id", "the-id"), ("version", "1"), ("max", "1")]
    {
        let line = good.lines().count() + 1;
        assert_eq!(fault(&format!("{good}# ottla.{key}={value}\n")), Error::Comment { line, key });
    }
    assert!(TokenFile::parse(format!("{good}#ottla.hue=green\n").as_bytes()).is_ok());
}

#[test]
fn writes_no_file_that_it_would_not_read() {
    let mut roots = String::new();
    for _ in 0..200 {
        roots.push_str(&Authority::new(1).root);
    }
    let security = Security::Tls(Tls::builder().with_roots_pem(roots).build().unwrap());
    let bootstrap = "b1:9093".parse().unwrap();
    let refused = write(&token(), &bootstrap, &security, ScramMechanism::Sha256);
    assert_eq!(refused, Err(Error::TooLarge { max: MAX_BYTES }));
}

#[test]
fn shows_nothing_of_the_token() {
    let good = text(&token(), &Security::Plaintext);
    let wrong = fault(&good.replace("AQ==\"", "AQ==x\""));
    let shown = format!("{:?} {wrong} {wrong:?}", TokenFile::parse(good.as_bytes()).unwrap());
    assert!(shown.contains("the-id") && !shown.contains("+//+AQ"), "{shown}");
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        id in "[!-~]{1,40}",
        hmac in proptest::collection::vec(any::<u8>(), 1..80),
        owner in proptest::option::of("(?s).{1,20}"),
        life in proptest::option::of(any::<(i64, i64, i64, u32)>()),
        sha512 in any::<bool>(),
    ) {
        let at = Timestamp::from_millis;
        let mut token = Token::new(id, Secret::new(hmac)).unwrap();
        if let Some(owner) = owner {
            token = token.with_owner(Principal::user(owner.clone())).with_requester(Principal::user(owner));
        }
        if let Some((issued, expires, max, renewals)) = life {
            token = token.with_life(TokenLife { issued: at(issued), expires: at(expires), max: at(max), renewals });
        }
        let mechanism = if sha512 { ScramMechanism::Sha512 } else { ScramMechanism::Sha256 };
        let text = write(&token, &"b1:9093".parse().unwrap(), &Security::Plaintext, mechanism).unwrap();
        let file = TokenFile::parse(text.secret_bytes()).unwrap();
        prop_assert_eq!((file.token, file.mechanism), (token, mechanism));
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = text(&token(), &Security::Plaintext).into_bytes();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        let _ = TokenFile::parse(&bytes);
    }
}

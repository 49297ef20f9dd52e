use super::*;
use crate::sasl::error::{Fault, Message, Refusal};

const RFC_7677_SERVER_FIRST: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

fn start(hash: Hash, user: &str, password: &str, nonce: &str) -> Start {
    Start {
        hash,
        user: user.into(),
        password: Secret::from(password),
        token_auth: false,
        client_nonce: nonce.into(),
    }
}

fn rfc_7677() -> ExpectServerFirst {
    start(Hash::Sha256, "user", "pencil", "rOprNGfwEbeRWgbNEkqO").step().unwrap().1
}

fn rfc_7677_with_key() -> (AwaitingKey, SaltedPassword) {
    let (derivation, awaiting) = rfc_7677().step(RFC_7677_SERVER_FIRST.as_bytes()).unwrap();
    (awaiting, derivation.derive())
}

fn rfc_7677_final() -> ExpectServerFinal {
    let (awaiting, key) = rfc_7677_with_key();
    awaiting.step(&key).unwrap().1
}

fn refuses_server_first(server_first: impl AsRef<[u8]>, error: Error) {
    let server_first = server_first.as_ref();
    let shown = String::from_utf8_lossy(server_first);
    assert_eq!(rfc_7677().step(server_first).unwrap_err(), error, "{shown}");
}

fn refuses_server_final(server_final: impl AsRef<[u8]>, error: Error) {
    let server_final = server_final.as_ref();
    let shown = String::from_utf8_lossy(server_final);
    assert_eq!(rfc_7677_final().step(server_final).unwrap_err(), error, "{shown}");
}

fn follows(start: Start, [client_first, server_first, client_final, server_final]: [&str; 4]) {
    let (sent, state) = start.step().unwrap();
    assert_eq!(sent, Secret::from(client_first));
    let (derivation, state) = state.step(server_first.as_bytes()).unwrap();
    let (sent, state) = state.step(&derivation.derive()).unwrap();
    assert_eq!(std::str::from_utf8(sent.secret_bytes()), Ok(client_final));
    assert_eq!(state.step(server_final.as_bytes()), Ok(()));
}

#[test]
fn a_nonce_is_all_of_its_random_bytes_in_base64() {
    assert_eq!(message::nonce([7; 24]), "BwcH".repeat(8));
    let first: Vec<u8> = (0..24).collect();
    assert_eq!(message::nonce(first.try_into().unwrap()), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX");
}

#[test]
fn follows_the_example_of_rfc_5802() {
    follows(
        start(Hash::Sha1, "user", "pencil", "fyko+d2lbbFgONRv9qkxdawL"),
        [
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    );
}

#[test]
fn follows_the_example_of_rfc_7677() {
    follows(
        start(Hash::Sha256, "user", "pencil", "rOprNGfwEbeRWgbNEkqO"),
        [
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            RFC_7677_SERVER_FIRST,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ],
    );
}

#[test]
fn escapes_the_user_name_and_nothing_else() {
    let (sent, _) = start(Hash::Sha256, "a=b,c", "=,", "nonce").step().unwrap();
    assert_eq!(sent, Secret::from("n,,n=a=3Db=2Cc,r=nonce"));
}

#[test]
fn says_tokenauth_after_the_nonce() {
    let start = Start { token_auth: true, ..start(Hash::Sha512, "id", "hmac", "nonce") };
    assert_eq!(start.mechanism(), "SCRAM-SHA-512");
    assert_eq!(start.step().unwrap().0, Secret::from("n,,n=id,r=nonce,tokenauth=true"));
}

#[test]
fn refuses_credentials_that_cannot_be_sent() {
    let refuses = |user: &str, password: &str| {
        start(Hash::Sha256, user, password, "nonce").step().map(|_| ()).unwrap_err()
    };
    assert_eq!(refuses("", "secret"), Error::EmptyUserName);
    assert_eq!(refuses("a\0b", "secret"), Error::ControlCharacter);
    assert_eq!(refuses("a\nb", "secret"), Error::ControlCharacter);
    assert_eq!(refuses("user", ""), Error::EmptyPassword);
}

#[test]
fn refuses_a_nonce_that_does_not_begin_with_ours() {
    for nonce in ["other", "rOprNGfwEbeRWgbNEkq", "xrOprNGfwEbeRWgbNEkqO", ""] {
        refuses_server_first(format!("r={nonce},s=W22ZaA==,i=4096"), Error::NonceMismatch);
    }
}

#[test]
fn refuses_a_nonce_that_was_not_extended() {
    refuses_server_first("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaA==,i=4096", Error::NonceNotExtended);
}

#[test]
fn refuses_iteration_counts_outside_the_bounds() {
    let counts = [1, 4_095, 1_000_001, u64::from(u32::MAX) + 4_097, u64::MAX];
    for got in counts {
        let error = Error::IterationCount { got, min: 4_096, max: 1_000_000 };
        refuses_server_first(format!("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaA==,i={got}"), error);
    }
    let error = Error::IterationCount { got: u64::MAX, min: 4_096, max: 1_000_000 };
    refuses_server_first(format!("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaA==,i={}", "9".repeat(999)), error);
}

#[test]
fn accepts_iteration_counts_at_the_bounds() {
    for count in [4_096, 1_000_000] {
        let server_first = format!("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaA==,i={count}");
        assert!(rfc_7677().step(server_first.as_bytes()).is_ok());
    }
}

#[test]
fn refuses_a_salt_that_no_server_makes() {
    let salt = |length: usize| {
        use base64ct::{Base64, Encoding};
        format!("r=rOprNGfwEbeRWgbNEkqOx,s={},i=4096", Base64::encode_string(&vec![0; length]))
    };
    assert!(rfc_7677().step(salt(256).as_bytes()).is_ok());
    refuses_server_first(salt(257), Error::SaltLength { got: 257, max: 256 });
    refuses_server_first(salt(0), Error::SaltLength { got: 0, max: 256 });
}

#[test]
fn refuses_a_message_that_is_too_long() {
    let (got, max) = (4_097, 4_096);
    let error = |message| Error::MessageLength { message, got, max };
    refuses_server_first("r".repeat(got), error(Message::ServerFirst));
    refuses_server_final("v".repeat(got), error(Message::ServerFinal));
}

#[test]
fn refuses_a_malformed_server_first() {
    let malformed = |fault| Error::Malformed { message: Message::ServerFirst, fault };
    let attribute = |expected| malformed(Fault::Attribute { expected });
    let cases: [(&[u8], Error); 18] = [
        (b"", attribute('r')),
        (b"r", attribute('r')),
        (b"R=x,s=W22ZaA==,i=4096", attribute('r')),
        (b"s=W22ZaA==,r=x,i=4096", attribute('r')),
        (b"r=x", attribute('s')),
        (b"r=x,i=4096,s=W22ZaA==", attribute('s')),
        (b"r=x,s=W22ZaA==", attribute('i')),
        (b"r=x\xff,s=W22ZaA==,i=4096", malformed(Fault::Encoding)),
        (b"r=x y,s=W22ZaA==,i=4096", malformed(Fault::Nonce)),
        ("r=\u{e9},s=W22ZaA==,i=4096".as_bytes(), malformed(Fault::Nonce)),
        (b"r=x,s=W22ZaA,i=4096", malformed(Fault::Salt)),
        (b"r=x,s=W22ZaB==,i=4096", malformed(Fault::Salt)),
        (b"r=x,s=W22Z\naA==,i=4096", malformed(Fault::Salt)),
        (b"r=x,s=W22ZaA==,i=", malformed(Fault::IterationCount)),
        (b"r=x,s=W22ZaA==,i=+4096", malformed(Fault::IterationCount)),
        (b"r=x,s=W22ZaA==,i=04096", malformed(Fault::IterationCount)),
        (b"r=x,s=W22ZaA==,i=4096,", malformed(Fault::Extension)),
        (b"r=x,s=W22ZaA==,i=4096,4=c", malformed(Fault::Extension)),
    ];
    for (server_first, error) in cases {
        refuses_server_first(server_first, error);
    }
}

#[test]
fn refuses_a_mandatory_extension() {
    refuses_server_first(format!("m=x,{RFC_7677_SERVER_FIRST}"), Error::MandatoryExtension);
}

#[test]
fn covers_optional_extensions_with_the_proof() {
    let server_first = format!("{RFC_7677_SERVER_FIRST},x=ignored");
    let (derivation, awaiting) = rfc_7677().step(server_first.as_bytes()).unwrap();
    let with = awaiting.step(&derivation.derive()).unwrap().0;
    let (awaiting, key) = rfc_7677_with_key();
    assert_ne!(with, awaiting.step(&key).unwrap().0);
}

#[test]
fn refuses_a_malformed_server_final() {
    let malformed = |fault| Error::Malformed { message: Message::ServerFinal, fault };
    refuses_server_final("", malformed(Fault::Attribute { expected: 'v' }));
    refuses_server_final("x=y", malformed(Fault::Attribute { expected: 'v' }));
    refuses_server_final(b"v=\xff", malformed(Fault::Encoding));
    refuses_server_final("v=W22ZaB==", malformed(Fault::Signature));
    refuses_server_final(format!("v={}", "AAAA".repeat(22)), malformed(Fault::Signature));
    refuses_server_final("v=W22ZaA==,,", malformed(Fault::Extension));
}

#[test]
fn refuses_a_server_that_does_not_know_the_password() {
    let signature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    for wrong in [&signature.replace('6', "7"), "v=", "v=6rri"] {
        refuses_server_final(wrong, Error::ServerSignature);
    }
}

#[test]
fn names_the_reason_of_a_refusal() {
    let refused = |reason| Error::ServerRefused { reason };
    let reasons = [
        ("invalid-encoding", Refusal::InvalidEncoding),
        ("extensions-not-supported", Refusal::ExtensionsNotSupported),
        ("invalid-proof", Refusal::InvalidProof),
        ("channel-bindings-dont-match", Refusal::ChannelBindingsDontMatch),
        ("server-does-support-channel-binding", Refusal::ServerDoesSupportChannelBinding),
        ("channel-binding-not-supported", Refusal::ChannelBindingNotSupported),
        ("unsupported-channel-binding-type", Refusal::UnsupportedChannelBindingType),
        ("unknown-user", Refusal::UnknownUser),
        ("invalid-username-encoding", Refusal::InvalidUsernameEncoding),
        ("no-resources", Refusal::NoResources),
        ("other-error", Refusal::Other),
        ("the password is hunter2", Refusal::Other),
    ];
    for (text, reason) in reasons {
        refuses_server_final(format!("e={text}"), refused(reason));
        refuses_server_first(format!("e={text},x=y"), refused(reason));
    }
}

#[test]
fn refuses_a_key_that_was_derived_for_another_mechanism() {
    let (awaiting, _) = rfc_7677_with_key();
    let other = Derivation::new(Hash::Sha512, Secret::from("pencil"), Box::from(*b"salt"), 4_096);
    assert_eq!(awaiting.step(&other.derive()).unwrap_err(), Error::KeyOfAnotherMechanism);
}

#[test]
fn debug_output_shows_no_secret() {
    let (derivation, awaiting) = rfc_7677().step(RFC_7677_SERVER_FIRST.as_bytes()).unwrap();
    let key = derivation.derive();
    let shown = format!("{:?} {derivation:?} {key:?} {awaiting:?} {:?}", rfc_7677(), rfc_7677_final());
    assert!(!shown.contains("pencil"), "{shown}");
    assert_eq!(shown.matches("Secret(..)").count(), 4, "{shown}");
}

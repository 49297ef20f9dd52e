use super::*;
use crate::expand::{Process, UnknownToken};
use crate::key::Key;
use crate::principal::{NameType, PrincipalName, Realm};

/// What `ktutil` of MIT 1.20.1 wrote for alice (kvno 3 and 4) and kafka/... (kvno 300).
const MIT: &str = "\
    0502 00000038 0001 000c4558414d504c452e54455354 0005616c696365 00000001 6b02c4f4 03 0011 0010\
    00112233445566778899aabbccddeeff 00000003\
    0000005d 0002 000c4558414d504c452e54455354 00056b61666b61 001362726f6b65722e6578616d706c652e74657374\
    00000001 6b02c4f4 2c 0014 0020 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 0000012c\
    00000038 0001 000c4558414d504c452e54455354 0005616c696365 00000001 6b02c4f4 04 0013 0010\
    ffeeddccbbaa99887766554433221100 00000004";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn entry(principal: &str, timestamp: u32, kvno: u32, enctype: i32, key: u8) -> Entry {
    let key = Key::new(Enctype(enctype), vec![key; 16]);
    Entry { principal: principal.parse().unwrap(), timestamp, kvno, key }
}

fn alice() -> Principal {
    "alice@EXAMPLE.TEST".parse().unwrap()
}

#[test]
fn reads_what_mit_wrote() {
    let keytab = Keytab::parse(&hex(MIT)).unwrap();
    let [first, kafka, last] = keytab.entries() else { panic!("{keytab:?}") };
    assert_eq!((first.kvno, first.timestamp, first.key.enctype()), (3, 0x6b02_c4f4, Enctype(17)));
    assert_eq!(first.key.secret_bytes(), hex("00112233445566778899aabbccddeeff"));
    assert_eq!(kafka.principal.to_string(), "kafka/broker.example.test@EXAMPLE.TEST");
    assert_eq!((kafka.kvno, kafka.key.secret_bytes().len()), (300, 32));
    assert_eq!((last.kvno, last.key.enctype()), (4, Enctype(19)));
    assert_eq!(keytab.principals(), [&alice(), &kafka.principal]);
}

#[test]
fn writes_the_bytes_that_mit_writes() {
    let bytes = hex(MIT);
    assert_eq!(*Keytab::parse(&bytes).unwrap().to_bytes().unwrap(), bytes);
}

#[test]
fn skips_deleted_entries_and_ends_at_a_length_of_zero() {
    let mit = hex(MIT);
    let (header, entries) = mit.split_at(2);
    let hole = [&(-7_i32).to_be_bytes()[..], &[0xee; 7]].concat();
    let keytab = Keytab::parse(&[header, &hole, entries, &[0; 4], b"\x7f\xff\xff\xffjunk"].concat()).unwrap();
    assert_eq!(keytab.entries().len(), 3);
    // A hole that reaches past the end, the smallest length there is, and a rest of three bytes.
    for tail in [&(-99_i32).to_be_bytes()[..], &i32::MIN.to_be_bytes(), &[1, 2, 3]] {
        assert_eq!(Keytab::parse(&[&mit, tail].concat()).unwrap(), keytab);
    }
}

#[test]
fn the_32_bit_version_counts_unless_it_is_absent_or_zero() {
    let mit = hex(MIT);
    let kvno = |bytes: &[u8]| Keytab::parse(bytes).unwrap().entries()[0].kvno;
    let mut zero = mit.clone();
    zero[0x3a..0x3e].fill(0);
    assert_eq!(kvno(&zero), 3);
    let mut absent = mit[..0x3a].to_vec();
    absent[5] = 0x34;
    assert_eq!(kvno(&absent), 3);
    let mut large = mit;
    large[0x3a] = 1;
    assert_eq!(kvno(&large), 0x0100_0003);
}

#[test]
fn an_entry_whose_name_is_not_utf_8_is_left_out() {
    let mut bytes = hex(MIT);
    bytes[0x18] = 0xff;
    assert_eq!(Keytab::parse(&bytes).unwrap().entries().len(), 2);
}

#[test]
fn refuses_what_is_not_a_keytab_and_says_why() {
    assert_eq!(Keytab::parse(b""), Err(KeytabError::NotAKeytab));
    assert_eq!(Keytab::parse(b"\x05\x04"), Err(KeytabError::NotAKeytab));
    assert_eq!(Keytab::parse(b"\x05\x01abc"), Err(KeytabError::Version1));
    assert_eq!(Keytab::parse(&vec![0; MAX_KEYTAB_LEN + 1]), Err(KeytabError::TooLong));
    let mit = hex(MIT);
    assert_eq!(Keytab::parse(&mit[..mit.len() - 1]), Err(KeytabError::Truncated { offset: 0x9f + 4 }));
    let mut long_realm = mit.clone();
    long_realm[8] = 0xff;
    assert_eq!(Keytab::parse(&long_realm), Err(KeytabError::Truncated { offset: 10 }));
    assert_eq!(Keytab::parse(&[5, 2]).unwrap().entries(), []);
}

#[test]
fn every_prefix_is_a_keytab_or_a_typed_error() {
    let mit = hex(MIT);
    for len in 0..mit.len() {
        let _ = Keytab::parse(&mit[..len]);
    }
}

#[test]
fn refuses_to_write_what_the_format_cannot_say() {
    let long = PrincipalName::new(NameType::PRINCIPAL, ["a".repeat(65536)]);
    let mut keytab = Keytab::new(vec![entry("a@R", 0, 1, 17, 0)]);
    keytab.entries[0].principal = Principal::new(long, Realm::new("R"));
    assert_eq!(keytab.to_bytes(), Err(KeytabError::DoesNotFit));
    let keytab = Keytab::new(vec![entry("a@R", 0, 1, 1 << 16, 0)]);
    assert_eq!(keytab.to_bytes(), Err(KeytabError::DoesNotFit));
}

#[test]
fn chooses_the_exact_version_then_the_newest() {
    let keytab = Keytab::new(vec![
        entry("alice@EXAMPLE.TEST", 10, 1, 18, 1),
        entry("alice@EXAMPLE.TEST", 30, 3, 18, 3),
        entry("alice@EXAMPLE.TEST", 20, 2, 18, 2),
        entry("bob@EXAMPLE.TEST", 90, 9, 18, 9),
        entry("alice@EXAMPLE.TEST", 5, 7, 17, 7),
    ]);
    let chosen = |kvno| keytab.key(&alice(), Enctype(18), kvno).map(|entry| entry.kvno);
    assert_eq!([chosen(Some(2)), chosen(Some(8)), chosen(None)], [Some(2), Some(3), Some(3)]);
    assert_eq!(keytab.key(&alice(), Enctype(20), None), None);
}

#[test]
fn a_version_that_wrapped_at_8_bits_is_the_newest() {
    let old = || entry("alice@EXAMPLE.TEST", 10, 255, 18, 1);
    let chosen = |entries| Keytab::new(entries).key(&alice(), Enctype(18), None).unwrap().kvno;
    let wrapped = || entry("alice@EXAMPLE.TEST", 20, 1, 18, 2);
    assert_eq!((chosen(vec![old(), wrapped()]), chosen(vec![wrapped(), old()])), (1, 1));
    let early = || entry("alice@EXAMPLE.TEST", 9, 1, 18, 2);
    assert_eq!((chosen(vec![old(), early()]), chosen(vec![early(), old()])), (255, 255));
}

#[test]
fn types_with_a_key_come_first_and_no_key_gives_no_types() {
    let keytab = Keytab::parse(&hex(MIT)).unwrap();
    let ordered: Vec<i32> =
        keytab.order_enctypes(&alice(), &Enctype::SUPPORTED).iter().map(|enctype| enctype.0).collect();
    assert_eq!(ordered, [17, 19, 18, 20]);
    assert_eq!(keytab.order_enctypes(&"bob@EXAMPLE.TEST".parse().unwrap(), &Enctype::SUPPORTED), []);
}

#[test]
fn loading_names_the_file_and_what_is_wrong_with_it() {
    let missing = Keytab::load("/nonexistent/keytab").unwrap_err();
    assert!(matches!(&missing, LoadKeytabError::File(error) if error.kind == std::io::ErrorKind::NotFound));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let fault = KeytabError::NotAKeytab;
    assert_eq!(Keytab::load(&path), Err(LoadKeytabError::Format { path, fault }));
}

#[test]
fn the_client_keytab_is_that_of_the_environment_then_of_the_configuration() {
    let process = Process { uid: 7, euid: 8, temp_dir: "/t".to_owned() };
    let path = |env, conf| default_client_path(env, conf, &process);
    let found = |text: &str| Ok(Some(text.into()));
    assert_eq!(path(Some("FILE:/a"), Some("/b")), found("/a"));
    assert_eq!(path(Some("/a:%{uid}"), None), found("/a:%{uid}"));
    assert_eq!(path(Some(""), Some("WRFILE:/b/%{euid}.keytab")), found("/b/8.keytab"));
    assert_eq!(path(None, Some(r"C:\b")), found(r"C:\b"));
    assert_eq!(path(None, None), Ok(None));
    assert_eq!(path(Some("MEMORY:x"), None), Err(KeytabNameError::Kind("MEMORY:x".to_owned())));
    assert_eq!(path(Some("FILE:"), None), Err(KeytabNameError::Kind("FILE:".to_owned())));
    assert_eq!(path(None, Some("%{x}")), Err(KeytabNameError::Token(UnknownToken("x".to_owned()))));
}

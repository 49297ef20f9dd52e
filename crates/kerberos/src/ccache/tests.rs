use super::*;
use crate::enctype::Enctype;
use crate::expand::{Process, UnknownToken};
use crate::key::Key;

/// The head of a cache that `kinit` of MIT 1.20.1 wrote: version 4, a KDC offset of zero, alice,
/// and two settings.
const HEAD: &str = "0504 000c 0001 0008 00000000 00000000";
const ALICE: &str = "00000001 00000001 00000006 412e54455354 00000005 616c696365";
const SETTINGS: &str = "\
    00000001 00000001 00000006 412e54455354 00000005 616c696365\
    00000001 00000003 0000000c 582d4341434845434f4e463a 00000015 6b7262355f6363616368655f636f6e665f64617461\
    0000000a 666173745f617661696c 00000014 6b72627467742f412e5445535440412e54455354\
    0000 00000000 00000000 00000000 00000000 00000000 00 00000000 00000000 00000000 00000003 796573 00000000\
    00000001 00000001 00000006 412e54455354 00000005 616c696365\
    00000001 00000003 0000000c 582d4341434845434f4e463a 00000015 6b7262355f6363616368655f636f6e665f64617461\
    00000007 70615f74797065 00000014 6b72627467742f412e5445535440412e54455354\
    0000 00000000 00000000 00000000 00000000 00000000 00 00000000 00000000 00000000 00000001 32 00000000";
/// The first ticket of the same cache; the ticket itself is shortened to its first four bytes.
const TGT: &str = "\
    00000001 00000001 00000006 412e54455354 00000005 616c696365\
    00000002 00000002 00000006 412e54455354 00000006 6b7262746774 00000006 412e54455354\
    0012 00000020 41c6cca1846156 1bcbd412ca92052295 6cbb144775cd087ec8 2ca5c22dbe79e2\
    6b02c5bb 6b02c5bb 6b04173b 00000000 00 00610000 00000000 00000000 00000004 6182018600000000";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn mit() -> Vec<u8> {
    hex(&[HEAD, ALICE, SETTINGS, TGT].concat())
}

fn principal(text: &str) -> Principal {
    text.parse().unwrap()
}

fn ticket(server: &str, end_time: u32) -> Credential {
    Credential {
        client: principal("alice@A.TEST"),
        server: principal(server),
        key: Key::new(Enctype(17), vec![7; 16]),
        auth_time: 1,
        start_time: 2,
        end_time,
        renew_till: 4,
        is_skey: true,
        flags: 0x4081_0000,
        addresses: vec![TypedBytes { kind: 2, bytes: vec![127, 0, 0, 1] }],
        auth_data: vec![TypedBytes { kind: 1, bytes: vec![9] }],
        ticket: vec![0x61, 0],
        second_ticket: vec![0x61, 1],
    }
}

#[test]
fn reads_what_mit_wrote() {
    let cache = CredentialCache::parse(&mit()).unwrap();
    assert_eq!(cache.principal(), &principal("alice@A.TEST"));
    assert_eq!(cache.kdc_offset(), Some(KdcOffset { seconds: 0, micros: 0 }));
    let tgt = cache.tgt().unwrap();
    assert_eq!((tgt.auth_time, tgt.start_time, tgt.end_time), (0x6b02_c5bb, 0x6b02_c5bb, 0x6b04_173b));
    assert_eq!((tgt.renew_till, tgt.is_skey, tgt.flags), (0, false, 0x0061_0000));
    assert_eq!((tgt.key.enctype(), tgt.key.secret_bytes().len()), (Enctype(18), 32));
    assert_eq!(tgt.ticket, hex("61820186"));
    assert_eq!(
        cache.credentials().iter().map(Credential::is_setting).collect::<Vec<_>>(),
        [true, true, false]
    );
}

#[test]
fn writes_the_bytes_that_mit_writes() {
    assert_eq!(*CredentialCache::parse(&mit()).unwrap().to_bytes().unwrap(), mit());
}

#[test]
fn finds_settings_by_name_and_server() {
    let cache = CredentialCache::parse(&mit()).unwrap();
    let krbtgt = principal("krbtgt/A.TEST@A.TEST");
    assert_eq!(cache.setting("pa_type", Some(&krbtgt)), Some(&b"2"[..]));
    assert_eq!(cache.setting("fast_avail", Some(&krbtgt)), Some(&b"yes"[..]));
    assert_eq!(cache.setting("pa_type", None), None);
    assert_eq!(cache.setting("pa_type", Some(cache.principal())), None);
    assert_eq!(cache.setting("proxy_impersonator", None), None);
}

#[test]
fn version_3_has_no_header_and_the_key_type_twice() {
    let tgt = TGT.replace("0012 00000020", "0012 0012 00000020");
    let cache = CredentialCache::parse(&hex(&["0503", ALICE, &tgt].concat())).unwrap();
    assert_eq!(cache.kdc_offset(), None);
    assert_eq!(cache.tgt(), CredentialCache::parse(&mit()).unwrap().tgt());
}

#[test]
fn the_kdc_offset_may_be_negative_absent_or_among_unknown_fields() {
    let offset = |head: &str| CredentialCache::parse(&hex(&[head, ALICE].concat())).unwrap().kdc_offset();
    assert_eq!(offset("0504 0000"), None);
    let found = Some(KdcOffset { seconds: -2, micros: 5 });
    assert_eq!(offset("0504 000c 0001 0008 fffffffe 00000005"), found);
    assert_eq!(offset("0504 0013 0007 0003 aabbcc 0001 0008 fffffffe 00000005"), found);
    let cache = CredentialCache::new(principal("a@R"), found);
    assert_eq!(CredentialCache::parse(&cache.to_bytes().unwrap()), Ok(cache));
}

#[test]
fn what_mit_marked_as_removed_and_names_outside_utf_8_are_left_out() {
    let removed = TGT.replacen("6b02c5bb 6b02c5bb 6b04173b", "ffffffff 6b02c5bb 00000000", 1);
    let foreign = TGT.replacen("6b7262746774", "ff7262746774", 1);
    let cache = CredentialCache::parse(&hex(&[HEAD, ALICE, &removed, &foreign, TGT].concat())).unwrap();
    assert_eq!(cache.credentials().len(), 1);
}

#[test]
fn a_ticket_replaces_those_for_the_same_server_and_the_latest_is_found() {
    let mut cache = CredentialCache::new(principal("alice@A.TEST"), None);
    cache.credentials = vec![ticket("s/a@A.TEST", 5), ticket("s/a@A.TEST", 9), ticket("s/b@A.TEST", 7)];
    assert_eq!(cache.ticket(&principal("s/a@A.TEST")).unwrap().end_time, 9);
    cache.insert(ticket("s/a@A.TEST", 6));
    assert_eq!(cache.credentials().iter().map(|c| c.end_time).collect::<Vec<_>>(), [7, 6]);
    assert_eq!(cache.tgt(), None);
    let bytes = cache.to_bytes().unwrap();
    assert_eq!(CredentialCache::parse(&bytes).unwrap(), cache);
    assert_eq!(cache.into_credentials().len(), 2);
}

#[test]
fn refuses_what_is_not_a_cache_and_says_why() {
    let parse = |text: &str| CredentialCache::parse(&hex(text)).unwrap_err();
    assert_eq!(parse("05"), CacheError::NotACache);
    assert_eq!(parse("0604"), CacheError::NotACache);
    assert_eq!(parse("0502"), CacheError::Version(2));
    assert_eq!(CredentialCache::parse(&vec![0; MAX_CACHE_LEN + 1]), Err(CacheError::TooLong));
    assert_eq!(parse("0503 00000001 ffffffff 00000001 52"), CacheError::Truncated { offset: 15 });
    assert_eq!(parse("0503 00000001 00000001 ffffffff 52"), CacheError::Truncated { offset: 14 });
    assert_eq!(parse("0503 00000001 00000001 00000001 ff 00000001 61"), CacheError::PrincipalNotUtf8);
    assert_eq!(parse("0504 0008 0001 0004 00000000"), CacheError::Truncated { offset: 12 });
}

#[test]
fn every_prefix_is_a_cache_or_a_typed_error() {
    let mit = mit();
    let whole = (0..mit.len()).filter(|len| CredentialCache::parse(&mit[..*len]).is_ok()).count();
    // Cut between two records a cache is a smaller cache.
    assert_eq!(whole, 3);
}

#[test]
fn refuses_to_write_a_key_type_that_the_format_cannot_say() {
    let mut cache = CredentialCache::new(principal("alice@A.TEST"), None);
    let key = Key::new(Enctype(1 << 15), vec![]);
    cache.insert(Credential { key, ..ticket("s/a@A.TEST", 5) });
    assert_eq!(cache.to_bytes(), Err(CacheError::DoesNotFit));
    let fault = CacheError::DoesNotFit;
    assert_eq!(cache.store("/x/cc"), Err(CacheFileError::Format { path: "/x/cc".into(), fault }));
}

#[test]
fn debug_shows_no_key_and_no_ticket() {
    let shown = format!("{:?}", CredentialCache::parse(&mit()).unwrap());
    assert!(shown.contains("krbtgt/A.TEST@A.TEST") && shown.contains("ticket_len: 4"), "{shown}");
    assert!(!shown.contains("65, 198") && !shown.contains("41c6"), "{shown}");
}

#[test]
fn a_name_is_a_file_or_a_directory() {
    let parse = |name: &str| CacheName::parse(name);
    let file = |path: &str| Ok(CacheName::File(path.into()));
    assert_eq!(parse("FILE:/tmp/cc"), file("/tmp/cc"));
    assert_eq!(parse("/tmp/a:b"), file("/tmp/a:b"));
    assert_eq!(parse("cc"), file("cc"));
    assert_eq!(parse(r"C:\cc"), file(r"C:\cc"));
    assert_eq!(parse("DIR::/tmp/d/tktX"), file("/tmp/d/tktX"));
    assert_eq!(parse("DIR:/tmp/d"), Ok(CacheName::Dir("/tmp/d".into())));
    assert_eq!(parse("DIR:/tmp/d").unwrap().to_string(), "DIR:/tmp/d");
    for name in ["KEYRING:persistent:0", "KCM:", "MEMORY:x", "", "FILE:", "DIR:", "DIR::"] {
        assert_eq!(parse(name), Err(CacheNameError::Kind(name.to_owned())));
    }
}

#[test]
fn the_default_is_the_environment_then_the_configuration_then_the_user() {
    let process = Process { uid: 7, euid: 8, temp_dir: "/t".to_owned() };
    let default = |env, conf| CacheName::default_for(env, conf, &process).map(|name| name.to_string());
    assert_eq!(default(Some("DIR:/d"), Some("FILE:/c")), Ok("DIR:/d".to_owned()));
    assert_eq!(default(Some("FILE:/%{uid}"), None), Ok("FILE:/%{uid}".to_owned()));
    assert_eq!(default(Some(""), Some("FILE:/c_%{uid}")), Ok("FILE:/c_7".to_owned()));
    assert_eq!(default(None, None), Ok("FILE:/tmp/krb5cc_7".to_owned()));
    assert_eq!(default(None, Some("%{x}")), Err(CacheNameError::Token(UnknownToken("x".to_owned()))));
}

#[test]
fn primary_is_one_line_with_the_name_of_a_cache() {
    assert_eq!(name::primary(b"tktAb\n"), Some("tktAb"));
    for content in [&b""[..], b"tkt", b"cc\n", b"tkt/../x\n", b"\n", b"tkt\xff\n", b"tkt\0\n"] {
        assert_eq!(name::primary(content), None, "{content:?}");
    }
}

#[test]
fn a_directory_without_a_usable_primary_says_so() {
    let dir = std::env::temp_dir().join(format!("ottla-ccache-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("a/primary")).unwrap();
    std::fs::create_dir_all(dir.join("b")).unwrap();
    std::fs::write(dir.join("b/primary"), "../tkt\n").unwrap();
    let (a, b) = (CacheName::Dir(dir.join("a")).path(), CacheName::Dir(dir.join("b")).path());
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(matches!(a, Err(DirError::File(error)) if error.kind == std::io::ErrorKind::IsADirectory));
    assert_eq!(b, Err(DirError::Primary { dir: dir.join("b") }));
}

#[test]
fn loading_names_the_file_and_what_is_wrong_with_it() {
    let missing = CredentialCache::load("/nonexistent/cc").unwrap_err();
    assert!(matches!(missing, CacheFileError::File(error) if error.kind == std::io::ErrorKind::NotFound));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let fault = CacheError::NotACache;
    assert_eq!(CredentialCache::load(&path), Err(CacheFileError::Format { path, fault }));
}

use std::collections::HashMap;
use std::time::Duration;

use super::*;
use crate::enctype::Enctype;

const TYPICAL: &str = r#"
# Written by an installer
includes nothing here: text before the first section is ignored
[libdefaults]
	default_realm = EXAMPLE.TEST
	dns_lookup_kdc = no
	dns_lookup_realm = on
	ticket_lifetime = 24h 30m
	renew_lifetime = 7d
	clockskew = 120
	kdc_timesync = 0
	rdns = TRUE
	dns_canonicalize_hostname = fallback
	udp_preference_limit = 1400
	default_ccache_name = KEYRING:persistent:%{uid}
	default_client_keytab_name = "FILE:/a b.keytab"
	permitted_enctypes = aes256-cts aes128-sha2, des3 unknown-type
	default_tgs_enctypes = DEFAULT -aes256-sha1 +aes256-sha1 -aes128-sha2
	v4_name_convert = {
		host = {
			rcmd = host
		}
	}

[realms]
	EXAMPLE.TEST = {
		kdc = kdc1.example.test
		kdc = kdc2.example.test:1088
		admin_server = kdc1.example.test
		master_kdc = kdc1.example.test
		auth_to_local = RULE:[2:$1](johndoe)s/^.*$/guest/
	}
	OTHER.TEST =
	{
		kdc = [::1]:88
		primary_kdc = new.other.test
		master_kdc = old.other.test
	}

[domain_realm] 
	example.test = EXAMPLE.TEST
	.example.test = INNER.TEST
	host.example.test = HOST.TEST
	test = TOP.TEST

[capaths]
	A.TEST = {
		B.TEST = .
		C.TEST = B.TEST
		C.TEST = D.TEST
	}
"#;

fn parse(text: &str) -> Krb5Conf {
    Krb5Conf::parse(text.as_bytes()).unwrap()
}

fn fault(text: &str) -> (usize, LineFault) {
    match Krb5Conf::parse(text.as_bytes()) {
        Err(ConfError::Line { line, fault, .. }) => (line, fault),
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn reads_a_typical_file() {
    let conf = parse(TYPICAL);
    let expected = LibDefaults {
        default_realm: Some(Realm::new("EXAMPLE.TEST")),
        dns_lookup_kdc: false,
        dns_lookup_realm: true,
        permitted_enctypes: vec![Enctype(18), Enctype(19)],
        default_tkt_enctypes: vec![Enctype(18), Enctype(19)],
        default_tgs_enctypes: vec![Enctype(17), Enctype(20), Enctype(18)],
        udp_preference_limit: 1400,
        clockskew: Duration::from_secs(120),
        kdc_timesync: false,
        ticket_lifetime: Duration::from_secs(88_200),
        renew_lifetime: Duration::from_secs(604_800),
        rdns: true,
        dns_canonicalize_hostname: Canonicalize::Fallback,
        default_client_keytab_name: Some("FILE:/a b.keytab".to_owned()),
        default_ccache_name: Some("KEYRING:persistent:%{uid}".to_owned()),
    };
    assert_eq!((conf.libdefaults, conf.ignored), (expected, vec![]));
}

#[test]
fn finds_the_kdcs_of_a_realm() {
    let conf = parse(TYPICAL);
    let (example, other) = (Realm::new("EXAMPLE.TEST"), Realm::new("OTHER.TEST"));
    assert_eq!(conf.kdcs(&example), ["kdc1.example.test", "kdc2.example.test:1088"]);
    assert_eq!(conf.primary_kdcs(&example), ["kdc1.example.test"]);
    assert_eq!((conf.kdcs(&other), conf.primary_kdcs(&other)), (vec!["[::1]:88"], vec!["new.other.test"]));
    assert!(conf.kdcs(&Realm::new("example.test")).is_empty());
}

#[test]
fn finds_the_realm_of_a_host_by_ever_shorter_suffixes() {
    let conf = parse(TYPICAL);
    let realm = |host: &str| conf.realm_of_host(host).map(|realm| realm.to_string());
    let found = |host: &str| realm(host).unwrap();
    assert_eq!(found("host.example.test"), "HOST.TEST");
    assert_eq!(found("HOST.Example.test."), "HOST.TEST");
    assert_eq!(found("a.b.example.test"), "INNER.TEST");
    assert_eq!(found("example.test"), "EXAMPLE.TEST");
    assert_eq!(found("other.test"), "TOP.TEST");
    assert_eq!(
        [realm("test.invalid"), realm(""), realm("."), realm("127.0.0.1"), realm("::1")],
        [const { None }; 5]
    );
}

#[test]
fn finds_the_realms_to_pass() {
    let conf = parse(TYPICAL);
    let path = |a: &str, b: &str| conf.path_between(&Realm::new(a), &Realm::new(b));
    assert_eq!(path("A.TEST", "B.TEST"), Some(vec![]));
    assert_eq!(path("A.TEST", "C.TEST"), Some(vec![Realm::new("B.TEST"), Realm::new("D.TEST")]));
    assert_eq!(path("C.TEST", "A.TEST"), None);
}

#[test]
fn without_a_file_there_are_defaults() {
    let conf = Krb5Conf::default();
    assert_eq!(conf.libdefaults, LibDefaults::default());
    assert_eq!(conf.libdefaults.permitted_enctypes, Enctype::SUPPORTED);
    assert!(conf.kdcs(&Realm::new("R")).is_empty() && conf.realm_of_host("a.b").is_none());
    assert_eq!(parse("").libdefaults, LibDefaults::default());
}

#[test]
fn a_value_that_makes_no_sense_is_ignored_and_listed() {
    let conf = parse(
        "[libdefaults]\n rdns = maybe\n\n clockskew = soon\n clockskew = 7\n udp_preference_limit = -1",
    );
    assert_eq!(conf.libdefaults, LibDefaults::default());
    let ignored: Vec<_> = conf.ignored().iter().map(|i| (i.line, i.name, i.value.as_str())).collect();
    assert_eq!(ignored, [(6, "udp_preference_limit", "-1"), (4, "clockskew", "soon"), (2, "rdns", "maybe")]);
}

#[test]
fn the_first_value_counts_and_sections_go_on() {
    let conf = parse(
        "[libdefaults]\ndefault_realm=A\n[x]\n[libdefaults]\ndefault_realm=B\nrdns=yes\ndns_fallback=no",
    );
    assert_eq!(conf.libdefaults.default_realm, Some(Realm::new("A")));
    assert!(conf.libdefaults.rdns && !conf.libdefaults.dns_lookup_kdc);
}

#[test]
fn a_star_keeps_later_words_out() {
    let values = |text: &str| {
        let conf = parse(text);
        conf.kdcs(&Realm::new("R")).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(values("[realms]*\nR={\nkdc=a\n}\n[realms]\nR={\nkdc=b\n}"), ["a"]);
    assert_eq!(values("[realms]\nR*={\nkdc=a\n}\nR={\nkdc=b\nx={\nkdc=c\n}\n}\nS={\n}"), ["a"]);
    assert_eq!(values("[realms]\nR={\nkdc=a\n}*\nR={\nkdc=b\n}\nR={\nkdc=c\n}"), ["a"]);
    assert_eq!(values("[realms]\nR={\nkdc=a\nkdc*=b\nkdc=c\n}\nR={\nkdc=d\n}"), ["a", "b"]);
    assert_eq!(values("[realms]\nR={\nkdc=a\n}\nR={\nkdc=b\n}"), ["a", "b"]);
}

#[test]
fn quoted_values_may_have_escapes_and_blanks() {
    let conf = parse("[a]\nb = \" x\\n\\t\\b\\\"\\y \" rest\n c=\"open \nd =  e f  \r\n#g=h\n ;i=j\nk=\"\\");
    let value = |name| conf.values(&["a"], name);
    assert_eq!([value("b"), value("c"), value("d")], [[" x\n\t\u{8}\"y "], ["open "], ["e f"]]);
    assert_eq!((value("#g"), value("k")), (vec![], vec!["\\"]));
}

#[test]
fn refuses_what_mit_refuses_and_says_which_line() {
    assert_eq!(fault("[a]\nb = {\n[c]"), (3, LineFault::SectionInBlock));
    assert_eq!(fault("[a"), (1, LineFault::Section));
    assert_eq!(fault("[a] b"), (1, LineFault::Section));
    assert_eq!(fault("[a]\nb = {\n}\n}"), (4, LineFault::UnmatchedBrace));
    assert_eq!(fault("[a]\nb =\n\n{"), (3, LineFault::MissingBrace));
    // At the end of the file MIT no longer waits for it.
    assert!(Krb5Conf::parse(b"[a]\nb =\n").is_ok());
    assert_eq!(fault("[a]\nb"), (2, LineFault::Relation));
    assert_eq!(fault("[a]\n= b"), (2, LineFault::Relation));
    assert_eq!(fault("[a]\nb c = d"), (2, LineFault::Relation));
    assert_eq!(fault("module /lib/x.so:y"), (1, LineFault::Module));
    assert!(matches!(fault("[a]\ninclude /b"), (2, LineFault::Include(_))));
    assert!(matches!(fault("include\n"), (1, LineFault::Include(_))));
    assert!(matches!(fault("[a]\nincludedir /b"), (2, LineFault::Include(_))));
    let long = vec![b' '; MAX_CONF_LEN + 1];
    assert!(matches!(Krb5Conf::parse(&long), Err(ConfError::TooLong)));
}

#[test]
fn a_deep_file_costs_no_more_than_its_length() {
    let deep = format!("[a]\n{}", "b={\n".repeat(100_000));
    drop(parse(&deep));
}

/// A disk in memory: files, and directories as MIT's name rules leave them.
struct Memory(HashMap<&'static str, &'static str>);

impl Source for Memory {
    fn file(&mut self, path: &Path) -> Result<Vec<u8>, Stop> {
        match self.0.get(path.to_str().unwrap()) {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => Err(Stop::File(FileError::new(path, std::io::ErrorKind::NotFound))),
        }
    }

    fn directory(&mut self, path: &Path) -> Result<Vec<PathBuf>, Stop> {
        Ok(vec![path.join("one"), path.join("two")])
    }
}

fn with_files(files: &[(&'static str, &'static str)]) -> Result<Krb5Conf, ConfError> {
    let mut source = Memory(files.iter().copied().collect());
    let (mut profile, mut names) = (Profile::default(), Vec::new());
    let main = source.file(Path::new("/main")).map_err(|_| ConfError::TooLong)?;
    let mut parser = Parser { source: &mut source, profile: &mut profile, files: &mut names };
    parser.file(Path::new("/main"), &main, 0)?;
    Ok(Krb5Conf::of(vec![profile], &names))
}

#[test]
fn included_files_stand_where_the_line_is_and_start_afresh() {
    let conf = with_files(&[
        ("/main", "include /a\r\n[realms]\nR={\nincludedir /dir\nkdc=last\n}\n[libdefaults]\nrdns=x"),
        ("/a", "ignored\n[realms]\nR={\nkdc=first\n"),
        ("/dir/one", "[realms]\nR={\nkdc=second"),
        ("/dir/two", "[libdefaults]\n\nclockskew=?"),
    ])
    .unwrap();
    assert_eq!(conf.kdcs(&Realm::new("R")), ["first", "second", "last"]);
    let shown: Vec<_> = conf.ignored().iter().map(Ignored::to_string).collect();
    assert_eq!(shown, ["/dir/two:3: \"?\" is no value for clockskew", "/main:8: \"x\" is no value for rdns"]);
}

#[test]
fn an_error_names_the_included_file_and_a_missing_one_its_includer() {
    let error = with_files(&[("/main", "\ninclude /a"), ("/a", "[b]\nc")]).unwrap_err();
    assert_eq!(error.to_string(), "/a:2: expected 'name = value', where the name has no spaces");
    let error = with_files(&[("/main", "\ninclude /a")]).unwrap_err();
    assert_eq!(error.to_string(), "/main:2: what is to be included cannot be read");
    let error = with_files(&[("/main", "include /main")]).unwrap_err();
    assert_eq!(error.to_string(), "/main:1: files include files more than 16 deep");
}

#[test]
fn of_several_files_the_first_counts_and_lists_are_joined() {
    let profiles = |texts: &[&str]| {
        let profile = |text: &&str| parse(text).profiles.pop().unwrap();
        Krb5Conf::of(texts.iter().map(profile).collect(), &[])
    };
    let kdcs = |texts: &[&str]| profiles(texts).kdcs(&Realm::new("R")).join(" ");
    let (one, two) = ("[realms]\nR={\nkdc=a\n}", "[realms]\nR={\nkdc=b\n}\n[libdefaults]\ndefault_realm=Y");
    assert_eq!(kdcs(&[one, "", two]), "a b");
    assert_eq!(kdcs(&["[realms]*\nR={\nkdc=a\n}", two]), "a");
    assert_eq!(kdcs(&["[realms]\nR={\nkdc=a\n}*", two]), "a");
    assert_eq!(kdcs(&["[realms]\nR={\nkdc*=a\n}", two]), "a");
    assert_eq!(kdcs(&["[realms]*", two]), "");
    let conf = profiles(&["[libdefaults]\ndefault_realm=X", two]);
    assert_eq!(conf.libdefaults.default_realm, Some(Realm::new("X")));
}

#[test]
fn a_directory_gives_plain_names_and_those_that_end_in_conf() {
    for name in ["a", "10-realm_B", "x.conf", "a b.conf"] {
        assert!(load::is_included(name.as_bytes()), "{name}");
    }
    for name in [".conf", ".x", "a.rpmsave", "a~", "#a#", "a.conf.bak", "a.Conf"] {
        assert!(!load::is_included(name.as_bytes()), "{name}");
    }
}

#[test]
fn a_list_of_files_skips_those_that_are_missing() {
    assert_eq!(
        Krb5Conf::load_list("/nonexistent/a:/nonexistent/b").unwrap().libdefaults,
        LibDefaults::default()
    );
    assert_eq!(Krb5Conf::load_list("/dev/null").unwrap().libdefaults, LibDefaults::default());
    assert!(matches!(Krb5Conf::load("/nonexistent/a"), Err(ConfError::File(_))));
    assert!(matches!(Krb5Conf::load_list("/dev/zero:/nonexistent/a"), Err(ConfError::File(_))));
}

#[test]
fn the_disk_has_an_end() {
    let dir = std::env::temp_dir().join(format!("ottla-conf-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("sub")).unwrap();
    let include = format!("include {0}/b\ninclude {0}/b\n", dir.display());
    for name in ["a", "b"] {
        std::fs::write(dir.join(name), &include).unwrap();
    }
    std::fs::write(dir.join("long"), vec![b'#'; MAX_CONF_LEN / 2]).unwrap();
    let include = format!("[a]\nincludedir {0}/sub\ninclude {0}/long\ninclude {0}/sub\n", dir.display());
    std::fs::write(dir.join("once"), &include).unwrap();
    std::fs::write(dir.join("twice"), include.repeat(2)).unwrap();
    let load = |name: &str| Krb5Conf::load(dir.join(name)).map(|_| ());
    let results = (load("a"), load("once"), load("twice"));
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(matches!(&results.0, Err(ConfError::Line { fault: LineFault::IncludeDepth, .. })), "{results:?}");
    assert_eq!((results.1, results.2), (Ok(()), Err(ConfError::TooLong)));
}

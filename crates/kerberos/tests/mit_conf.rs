//! krb5.conf as MIT's library understands it, and as we do.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/mit.rs"]
mod mit;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use mit::Mit;
use ottla_kerberos::conf::{ConfError, Krb5Conf};
use ottla_kerberos::locate::Configured;
use ottla_kerberos::principal::Realm;

/// Lines of which the files are made; most of them fit together by chance only.
const LINES: [&str; 43] = [
    "[libdefaults]",
    "[libdefaults]",
    "[libdefaults]",
    "[libdefaults] \t",
    "[realms]",
    "\t[realms]",
    "[realms]\r",
    "[domain_realm]",
    "[x] y",
    "[x",
    "[x]*y",
    "default_realm = A.TEST",
    "  default_realm=B.TEST  ",
    "default_realm* = C.TEST",
    "default_realm = \"D.TEST\" tail",
    "default_realm = \"E\\\".TEST",
    "default_realm\t=\tF.TEST\r",
    "default_realm =",
    "default_realm = {",
    "default_realm = { x",
    "R.TEST = {",
    "R.TEST = {",
    "R.TEST* = { ",
    "R.TEST =",
    "{",
    " { x",
    "}",
    "}",
    "}",
    " } junk",
    "}}",
    "# comment = x",
    "; comment",
    "",
    "   \t",
    "a b = c",
    "a  = c",
    "= c",
    "word",
    "include /dev/null",
    "include /nonexistent/file",
    "include",
    " include /nonexistent/file",
];

/// Uses of `*` that all versions of MIT read alike. (What a section says that was final before in
/// the same file counts up to version 1.20 and is discarded by later ones, and by us.)
const FINAL: [&str; 6] = [
    "[libdefaults]*\n",
    "[libdefaults]*\ndefault_realm = A.TEST\n",
    "[libdefaults]*\n[realms]\ndefault_realm = A.TEST\n",
    "[libdefaults]\ndefault_realm* = A.TEST\ndefault_realm = B.TEST\n",
    "[libdefaults]\nblock = {\ndefault_realm = A.TEST\n}*\n",
    "[libdefaults]* x\n",
];

/// Numbers that look random and are the same in each run (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// What a library makes of a file: nothing if it refuses it, else the default realm if there is one.
type Understood = Option<Option<String>>;

fn by_mit(mit: &Mit, list: &str) -> Understood {
    let mut kinit = mit.command("kinit");
    let output = kinit.arg("nobody").env("KRB5_CONFIG", list).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    for (before, after) in
        [("Cannot find KDC for realm \"", "\" while"), ("Cannot contact any KDC for realm '", "' while")]
    {
        if let Some((_, rest)) = said.split_once(before) {
            return Some(Some(rest.rsplit_once(after).unwrap().0.to_owned()));
        }
    }
    if said.contains("does not specify default realm") {
        return Some(None);
    }
    let refused =
        ["Improper format of Kerberos configuration file", "Included profile file could not be read"];
    assert!(refused.iter().any(|refusal| said.contains(refusal)), "{said}");
    None
}

fn by_us(list: &str) -> Understood {
    match Krb5Conf::load_list(list) {
        Ok(conf) => Some(conf.libdefaults.default_realm.map(|realm| realm.as_str().to_owned())),
        Err(ConfError::Line { .. }) => None,
        Err(other) => panic!("{other:?}"),
    }
}

fn write(path: &Path, text: &str) -> String {
    fs::write(path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn files_of_lines_by_chance_mean_the_same_to_mit_and_to_us() {
    let mit = Mit::start(&["A.TEST"]);
    let no_dns = write(&mit.path("no-dns"), "[libdefaults]\ndns_lookup_kdc = false\n");
    let last = write(&mit.path("last"), "[libdefaults]\ndefault_realm = LAST.TEST\n");
    let compare = |text: &str| {
        let list = format!("{no_dns}:{}:{last}", write(&mit.path("tested"), text));
        let (theirs, ours) = (by_mit(&mit, &list), by_us(&list));
        assert_eq!(theirs, ours, "MIT's and our reading of:\n{text}");
        ours
    };
    for text in FINAL {
        compare(text);
    }
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut refused, mut realms) = (0, std::collections::BTreeSet::new());
    for _ in 0..250 {
        let count = 1 + numbers.below(9);
        let lines: Vec<&str> = (0..count).map(|_| LINES[numbers.below(LINES.len())]).collect();
        let mut text = lines.join("\n");
        if numbers.below(4) > 0 {
            text.insert_str(0, "[libdefaults]\n");
        }
        match compare(&text) {
            None => refused += 1,
            Some(realm) => _ = realms.insert(realm),
        }
    }
    // The files were neither all nonsense nor all plain.
    assert!((60..200).contains(&refused), "{refused}");
    assert!(realms.len() >= 5, "{realms:?}");
}

#[test]
fn directories_are_read_by_mits_rules_of_names() {
    let mit = Mit::start(&["A.TEST"]);
    let dir = mit.path("conf.d");
    fs::create_dir_all(dir.join("directory")).unwrap();
    fs::create_dir_all(mit.path("aside")).unwrap();
    let no_dns = write(&mit.path("no-dns"), "[libdefaults]\ndns_lookup_kdc = false\n");
    let main = write(&mit.path("main"), &format!("includedir {}\n", dir.display()));
    // In the order of their names; each hides those after it.
    let names =
        [".hidden.conf", "10-a", "2b.rpmsave", "B_b", "a.conf", "a.conf~", "b.conf.d", "z z.conf", "zz"];
    for name in names {
        let realm = name.to_uppercase().replace(' ', "");
        fs::write(dir.join(name), format!("[libdefaults]\ndefault_realm = {realm}\n")).unwrap();
    }
    for list in [main.as_str(), dir.to_str().unwrap()] {
        let mut found = Vec::new();
        for name in names {
            let list = format!("{no_dns}:{list}");
            assert_eq!(by_mit(&mit, &list), by_us(&list));
            found.push(by_us(&list).unwrap());
            fs::rename(dir.join(name), mit.path("aside").join(name)).unwrap();
        }
        for name in names {
            fs::rename(mit.path("aside").join(name), dir.join(name)).unwrap();
        }
        found.dedup();
        assert_eq!(found.iter().flatten().collect::<Vec<_>>(), ["10-A", "B_B", "A.CONF", "ZZ.CONF", "ZZ"]);
    }
}

#[test]
fn hosts_belong_to_the_realms_that_mit_finds() {
    let mit = Mit::start(&["A.TEST", "B.TEST"]);
    mit.add_principal("alice@A.TEST", "pw", "");
    mit.tool("kinit", &["alice@A.TEST"], "pw\n");
    let domains = "[domain_realm]\n example.test = B.TEST\n .example.test = C.TEST\n host.example.test = A.TEST\n \
                   test = D.TEST\n .x = E.TEST\n";
    let conf_text = fs::read_to_string(mit.krb5_conf()).unwrap() + domains;
    let conf_path = write(&mit.path("domains.conf"), &conf_text);
    let conf = Krb5Conf::load(&conf_path).unwrap();
    for host in [
        "example.test",
        "host.example.test",
        "Host.Example.TEST.",
        "a.b.example.test",
        "other.test",
        "test",
        "a.x",
    ] {
        let mut kvno = mit.command("kvno");
        let output = kvno.args(["-S", "svc", host]).env("KRB5_CONFIG", &conf_path).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let ours = conf.realm_of_host(host).unwrap();
        assert!(said.contains(&format!("@{ours}\n")), "{host}: we say {ours}, MIT says {said}");
    }
    let kdcs = Configured::new(&conf, &Realm::new("B.TEST")).kdcs;
    assert_eq!(
        kdcs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [format!("127.0.0.1:{}", mit.port("B.TEST"))]
    );
}

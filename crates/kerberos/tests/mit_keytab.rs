//! Keytabs of MIT's tools read by us, and ours by them.

#[path = "support/mit.rs"]
mod mit;

use mit::Mit;
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::keytab::Keytab;
use ottla_kerberos::principal::Principal;

const ALICE: &str = "alice@FILES.TEST";
const KAFKA: &str = "kafka/broker.example.test@FILES.TEST";

#[test]
fn keytabs_pass_between_mit_and_us() {
    let mit = Mit::start(&["FILES.TEST"]);
    mit.add_principal(ALICE, "old", "");
    mit.add_principal(KAFKA, "secret", "aes256-sha2,aes128-cts");
    let file = mit.path("keytab");
    let path = file.to_str().unwrap();
    mit.export_keytab(ALICE, &file);
    mit.kadmin("FILES.TEST", "cpw -pw new alice");
    mit.export_keytab(ALICE, &file);
    mit.export_keytab(KAFKA, &file);

    let keytab = Keytab::load(&file).unwrap();
    let alice: Principal = ALICE.parse().unwrap();
    assert_eq!((keytab.entries().len(), keytab.principals()), (10, vec![&alice, &KAFKA.parse().unwrap()]));
    for enctype in Enctype::SUPPORTED {
        let newest = keytab.key(&alice, enctype, None).unwrap();
        let old = keytab.key(&alice, enctype, Some(1)).unwrap();
        assert_eq!((newest.kvno, old.kvno), (2, 1));
        assert_eq!(Some(newest.key.secret_bytes().len()), enctype.key_len());
    }

    // Removing the old keys leaves holes in the file.
    mit.kadmin("FILES.TEST", &format!("ktremove -k {path} alice old"));
    let with_holes = Keytab::load(&file).unwrap();
    assert_eq!(with_holes.entries().len(), 6);
    assert_eq!(with_holes.key(&alice, Enctype(18), Some(1)).unwrap().kvno, 2);

    // MIT shows the same of our copy as of its own file, and logs in with it.
    let ours = mit.path("ours");
    let ours_path = ours.to_str().unwrap();
    std::fs::write(&ours, &*with_holes.to_bytes().unwrap()).unwrap();
    let list = |path: &str| {
        let shown = mit.tool("klist", &["-k", "-e", "-t", "-K", path], "");
        shown.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list(ours_path), list(path));
    assert_eq!(list(ours_path).len(), 2 + 6);
    mit.tool("kinit", &["-k", "-t", ours_path, ALICE], "");
    assert!(mit.tool("klist", &[], "").contains("krbtgt/FILES.TEST@FILES.TEST"));
}

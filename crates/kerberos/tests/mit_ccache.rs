//! Ticket caches of MIT's tools read by us, and ours by them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/mit.rs"]
mod mit;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use mit::Mit;
use ottla_kerberos::ccache::{CacheFileError, CacheName, CredentialCache};
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::principal::Principal;

const SHOW: [&str; 5] = ["-e", "-f", "-a", "-n", "-C"];

fn principal(text: &str) -> Principal {
    text.parse().unwrap()
}

fn realm_pair() -> Mit {
    let mit = Mit::start(&["A.TEST", "B.TEST"]);
    mit.trust("A.TEST", "B.TEST");
    mit.add_principal("alice@A.TEST", "pw", "");
    mit.add_principal("svc/h@A.TEST", "pw", "aes128-sha2");
    mit.add_principal("svc/b@B.TEST", "pw", "");
    mit
}

/// What `klist` shows of the cache in a file, without the line that names the file.
fn shown(mit: &Mit, file: &str) -> Vec<String> {
    let all = mit.tool("klist", &[&SHOW[..], &["-c", file]].concat(), "");
    all.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn caches_pass_between_mit_and_us() {
    let mit = realm_pair();
    mit.tool("kinit", &["-f", "-r", "2d", "alice@A.TEST"], "pw\n");
    mit.tool("kvno", &["svc/h@A.TEST", "svc/b@B.TEST"], "");

    let file = mit.path("ccache");
    let mut cache = CredentialCache::load(&file).unwrap();
    assert_eq!(cache.principal(), &principal("alice@A.TEST"));
    let tgt = cache.tgt().unwrap();
    assert_eq!((tgt.end_time - tgt.start_time, tgt.renew_till - tgt.start_time), (86_400, 2 * 86_400));
    assert_eq!(cache.ticket(&principal("svc/h@A.TEST")).unwrap().ticket[0], 0x61);
    assert!(cache.ticket(&principal("krbtgt/B.TEST@A.TEST")).is_some());
    assert_eq!(cache.ticket(&principal("svc/b@B.TEST")).unwrap().key.enctype(), Enctype(18));
    let krbtgt = principal("krbtgt/A.TEST@A.TEST");
    assert_eq!(cache.setting("pa_type", Some(&krbtgt)), Some(&b"2"[..]));
    assert_eq!(*cache.to_bytes().unwrap(), fs::read(&file).unwrap());

    // MIT shows the same of our copy, uses its TGT for a new ticket, and renews it.
    let ours = mit.path("ours");
    let name = ours.to_str().unwrap();
    fs::write(&ours, "old").unwrap();
    fs::set_permissions(&ours, fs::Permissions::from_mode(0o644)).unwrap();
    cache.store(&ours).unwrap();
    assert_eq!(fs::metadata(&ours).unwrap().mode() & 0o777, 0o600);
    assert_eq!(shown(&mit, name), shown(&mit, file.to_str().unwrap()));
    cache = CredentialCache::load(&ours).unwrap();
    let tgt = cache.into_credentials().into_iter().find(|c| c.server == krbtgt).unwrap();
    let mut small = CredentialCache::new(principal("alice@A.TEST"), None);
    small.insert(tgt);
    small.store(&ours).unwrap();
    mit.tool("kvno", &["-c", name, "svc/h@A.TEST"], "");
    mit.tool("kinit", &["-R", "-c", name], "");
    assert!(CredentialCache::load(&ours).unwrap().tgt().is_some());
}

#[test]
fn version_3_of_mit_is_read_and_older_ones_are_named() {
    let mit = realm_pair();
    let conf = fs::read_to_string(mit.krb5_conf()).unwrap();
    let old_conf = mit.path("old.conf");
    let write = |version: u8| {
        let with_version = conf.replace("[libdefaults]", &format!("[libdefaults]\n ccache_type = {version}"));
        fs::write(&old_conf, with_version).unwrap();
        let file = mit.path(&format!("version-{version}"));
        let mut kinit = mit.command("sh");
        kinit.args(["-c", "echo pw | kinit -c \"$1\" alice@A.TEST >&2", "sh"]).arg(&file);
        assert!(kinit.env("KRB5_CONFIG", &old_conf).status().unwrap().success());
        CredentialCache::load(&file)
    };
    let (third, fourth) = (write(3).unwrap(), write(4).unwrap());
    assert_eq!((third.kdc_offset(), fourth.kdc_offset().is_some()), (None, true));
    assert_eq!(third.tgt().unwrap().server, fourth.tgt().unwrap().server);
    assert_eq!(third.tgt().unwrap().key.secret_bytes().len(), 32);
    assert_eq!(third.credentials().len(), fourth.credentials().len());
    let rewritten = mit.path("rewritten");
    third.store(&rewritten).unwrap();
    assert_eq!(
        shown(&mit, rewritten.to_str().unwrap()),
        shown(&mit, mit.path("version-3").to_str().unwrap())
    );
    assert!(matches!(write(2), Err(CacheFileError::Format { .. })));
}

#[test]
fn a_directory_of_caches_is_entered_by_its_primary() {
    let mit = realm_pair();
    mit.add_principal("bob@A.TEST", "pw", "");
    let dir = mit.path("caches");
    let name = format!("DIR:{}", dir.display());
    let path = || CacheName::parse(&name).unwrap().path().unwrap();
    fs::create_dir_all(&dir).unwrap();
    assert_eq!(path(), dir.join("tkt"));
    mit.tool("kinit", &["-c", &name, "alice@A.TEST"], "pw\n");
    assert_eq!(CredentialCache::load(path()).unwrap().principal(), &principal("alice@A.TEST"));
    let mut switched = mit.command("sh");
    switched.args(["-c", "echo pw | kinit bob@A.TEST && kswitch -p bob@A.TEST"]);
    assert!(switched.env("KRB5CCNAME", &name).status().unwrap().success());
    assert_eq!(CredentialCache::load(path()).unwrap().principal(), &principal("bob@A.TEST"));
}

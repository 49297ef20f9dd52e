//! Files by chance: nothing panics, and what is written reads back the same.

use crate::ccache::CredentialCache;
use crate::conf::Krb5Conf;
use crate::enctype::Enctype;
use crate::keytab::Keytab;
use crate::locate::Configured;
use crate::principal::{Principal, Realm};

/// Parses a keytab, writes it, and chooses a key for each entry.
pub fn fuzz_keytab(bytes: &[u8]) {
    let Ok(keytab) = Keytab::parse(bytes) else { return };
    if let Ok(written) = keytab.to_bytes() {
        assert_eq!(Keytab::parse(&written).as_ref(), Ok(&keytab));
    }
    for entry in keytab.entries() {
        let chosen = keytab.key(&entry.principal, entry.key.enctype(), Some(entry.kvno));
        assert_eq!(chosen.map(|chosen| chosen.kvno), Some(entry.kvno));
        assert!(keytab.key(&entry.principal, entry.key.enctype(), None).is_some());
        keytab.order_enctypes(&entry.principal, &Enctype::SUPPORTED);
        parse_again(&entry.principal);
    }
}

/// Parses a ticket cache and writes it.
pub fn fuzz_ccache(bytes: &[u8]) {
    let Ok(cache) = CredentialCache::parse(bytes) else { return };
    if let Ok(written) = cache.to_bytes() {
        assert_eq!(CredentialCache::parse(&written).as_ref(), Ok(&cache));
    }
    cache.tgt();
    cache.setting("pa_type", Some(cache.principal()));
    for credential in cache.credentials() {
        assert!(cache.ticket(&credential.server).is_some());
        parse_again(&credential.client);
    }
}

/// Parses a krb5.conf and asks it what a login asks.
pub fn fuzz_krb5_conf(text: &[u8]) {
    let Ok(conf) = Krb5Conf::parse(text) else { return };
    let realm = conf.libdefaults.default_realm.clone().unwrap_or_else(|| Realm::new("A"));
    Configured::new(&conf, &realm);
    conf.realm_of_host("host.example.test");
    conf.path_between(&realm, &Realm::new("B"));
}

/// A principal with components is read from the text that it prints.
fn parse_again(principal: &Principal) {
    if !principal.name.components().is_empty() {
        assert_eq!(principal.to_string().parse().as_ref(), Ok(principal));
    }
}

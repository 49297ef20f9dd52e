//! Kerberos identities of the lab's realms.

use std::path::PathBuf;

use ottla::{Credentials, Kerberos};

/// The realms of a cluster of the profile `kerberos`.
pub(crate) fn realms(lab: &ottla_lab::Cluster) -> ottla_lab::Kerberos {
    lab.kerberos().unwrap_or_else(|error| panic!("{error}"))
}

/// A user of EXAMPLE.TEST, by keytab.
pub(crate) fn keytab(lab: &ottla_lab::Cluster, user: &str) -> Kerberos {
    let realms = realms(lab);
    Kerberos::keytab(principal(user), realms.keytab(user)).with_krb5_conf(realms.krb5_conf())
}

pub(crate) fn principal(user: &str) -> String {
    format!("{user}@{}", ottla_lab::Kerberos::REALM)
}

/// A name that no other run of the tests has: a lab may serve several.
pub(crate) fn fresh(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// Makes a user that no other test has, so that its tickets can be counted, and gives its keytab.
/// `enctypes` as kadmin writes them; all four if empty.
pub(crate) fn new_user(lab: &ottla_lab::Cluster, user: &str, enctypes: &str) -> PathBuf {
    let realms = realms(lab);
    let (principal, keytab) = (principal(user), realms.keytab(user));
    let keys = if enctypes.is_empty() { String::new() } else { format!("-e {enctypes}:normal ") };
    let queries = format!(
        "addprinc -pw {user}-secret {keys}{principal}\nktadd -k {} -norandkey {principal}\n",
        keytab.display()
    );
    realms.kadmin(ottla_lab::Kerberos::REALM, &queries).unwrap_or_else(|error| panic!("{error}"));
    keytab
}

pub(crate) fn credentials(kerberos: &Kerberos) -> Credentials {
    Credentials::Kerberos(kerberos.clone())
}

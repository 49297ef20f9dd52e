//! Java's `Krb5LoginModule` as [`Kerberos`].

use super::error::Fault;
use crate::cluster::jaas::LoginModule;
use crate::conn::kerberos::Kerberos;

/// Java's login module for Kerberos.
pub(super) const KERBEROS_MODULE: &str = "com.sun.security.auth.module.Krb5LoginModule";

/// Reads the options that say where the keys or tickets are. The others (`storeKey`,
/// `doNotPrompt`, `refreshKrb5Config`, `renewTGT`, ..) steer what only Java needs.
///
/// A keytab goes before a ticket cache if a file names both: it can log in again.
pub(super) fn kerberos(module: &LoginModule, service_name: Option<&str>) -> Result<Kerberos, Fault> {
    let text = |key| module.option(key).map(|value| value.secret_text());
    let is_on = |key| text(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let principal = text("principal").map(str::to_owned);
    let login = if is_on("useKeyTab") {
        let principal = principal.ok_or(Fault::NoOption { option: "principal" })?;
        match text("keyTab") {
            Some(path) => Kerberos::keytab(principal, path.strip_prefix("FILE:").unwrap_or(path)),
            None => Kerberos::default_keytab(principal),
        }
    } else if is_on("useTicketCache") {
        Kerberos::cache_of(text("ticketCache"), principal)
    } else {
        return Err(Fault::NoKerberosSource);
    };
    Ok(match service_name.or(text("serviceName")) {
        Some(name) => login.with_service_name(name),
        None => login,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &str) -> Result<String, Fault> {
        let module = LoginModule::parse(&format!("{KERBEROS_MODULE} required {options};")).unwrap();
        kerberos(&module, None).map(|kerberos| format!("{kerberos:?}"))
    }

    #[test]
    fn reads_a_keytab_and_goes_past_what_only_java_needs() {
        let shown =
            read(r#"useKeyTab=true storeKey=true keyTab="/k.keytab" principal="job@R" debug=false"#).unwrap();
        assert!(shown.contains(r#""job@R""#) && shown.contains(r#"Some("/k.keytab")"#), "{shown}");
        assert!(shown.contains(r#"service_name: "kafka""#), "{shown}");
        let file = read(r#"useKeyTab=TRUE useTicketCache=true keyTab="FILE:/k" principal="job@R""#).unwrap();
        assert!(file.contains(r#"Keytab { principal: "job@R", path: Some("/k") }"#), "{file}");
        let default = read(r#"useKeyTab=true principal="job@R""#).unwrap();
        assert!(default.contains("path: None"), "{default}");
    }

    #[test]
    fn reads_a_ticket_cache() {
        let shown =
            read(r#"useTicketCache=true ticketCache="/tmp/cc" principal="job@R" serviceName="k""#).unwrap();
        assert!(shown.contains(r#"Cache { name: Some("/tmp/cc"), principal: Some("job@R") }"#), "{shown}");
        assert!(shown.contains(r#"service_name: "k""#), "{shown}");
    }

    #[test]
    fn says_what_is_missing() {
        assert_eq!(read("useKeyTab=true").unwrap_err(), Fault::NoOption { option: "principal" });
        assert_eq!(read("useKeyTab=false").unwrap_err(), Fault::NoKerberosSource);
    }
}

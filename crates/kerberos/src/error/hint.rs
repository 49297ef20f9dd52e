//! Where to look for the cause of an error.

use super::{Context, Error, ErrorCode, Fault, GssFault, Stage};
use crate::enctype::Enctype;
use crate::time::ClockOffset;

/// Beyond this offset, the clock itself is worth a word.
const NOTABLE_OFFSET_MICROS: u64 = 300_000_000;

pub(super) fn hint(error: &Error) -> Option<String> {
    let context = error.context();
    let mut hints: Vec<String> = fault_hint(error).into_iter().collect();
    hints.extend(clock_hint(context.offset));
    if let (Some((enctype, kvno)), Stage::Service) = (context.ticket_key, error.stage()) {
        hints.push(ticket_hint(enctype, kvno));
    }
    if hints.is_empty() { None } else { Some(hints.join(" ")) }
}

fn fault_hint(error: &Error) -> Option<String> {
    let context = error.context();
    match error.fault() {
        Fault::Kdc(code) => code_hint(*code, error.stage(), context),
        Fault::NoKdc(error) => Some(format!(
            "Name a kdc for {} in the [realms] of krb5.conf, or publish DNS SRV records.",
            error.realm
        )),
        Fault::Keytab(_) => Some("Check the path of the keytab and who may read it.".to_owned()),
        Fault::Cache(_) | Fault::NoTgt => Some("Run kinit, or name a keytab.".to_owned()),
        Fault::NoKey { .. } => Some(format!(
            "See whether the keytab has the principal (`klist -ekt`), and export it again with the \
             types that the KDC has; offered were:{}.",
            names(&context.enctypes)
        )),
        Fault::Crypto(crate::crypto::Error::Integrity) if error.stage() == Stage::Login => Some(
            "The password or the keytab does not fit the KDC's key, or the reply was altered.".to_owned(),
        ),
        Fault::Gss(GssFault::NoAuthOnly) => {
            Some("The server has to offer the security layer \"auth\"; Kafka brokers always do.".to_owned())
        }
        Fault::ServiceRefused | Fault::Gss(GssFault::Refused(_)) => Some(
            "The service has other keys in its keytab than the KDC, does not accept the ticket's \
             encryption type or the path through other realms, or maps the principal to no user."
                .to_owned(),
        ),
        _ => None,
    }
}

fn code_hint(code: ErrorCode, stage: Stage, context: &Context) -> Option<String> {
    let server = || context.server.clone().unwrap_or_default();
    let hint = match (code.0, stage) {
        (6, _) => "Check the principal's name and realm; case counts.".to_owned(),
        (7, _) => format!(
            "Check that the service {} exists in the KDC: the service name, the host as the client \
             connects to it, and the realm of the host ([domain_realm]).",
            server()
        ),
        (14, _) => format!("The KDC has no key of the offered types:{}.", names(&context.enctypes)),
        (18, _) => "Unlock or enable the account in the KDC.".to_owned(),
        (23, _) => "Change the password, then export the keytab again.".to_owned(),
        (24, _) => "Compare the keytab's kvno (`klist -ekt`) with the KDC's (`kvno`).".to_owned(),
        (37, _) => "Set the clocks of this host and of the KDC.".to_owned(),
        (68, _) => "Write the principal with the realm that it is in.".to_owned(),
        _ => return None,
    };
    Some(hint)
}

/// Says a word about clocks that differ by more than services put up with.
pub(crate) fn clock_hint(offset: ClockOffset) -> Option<String> {
    (offset.as_micros().unsigned_abs() > NOTABLE_OFFSET_MICROS)
        .then(|| format!("The KDC's clock is {offset} ahead of ours; set the clocks."))
}

pub(crate) fn ticket_hint(enctype: Enctype, kvno: Option<u32>) -> String {
    let version = kvno.map_or_else(|| "unknown".to_owned(), |kvno| kvno.to_string());
    let mut hint = format!("The ticket is sealed with {enctype}, kvno {version}.");
    if !enctype.is_supported() {
        hint.push_str(
            " Java services refuse that type; in Active Directory set msDS-SupportedEncryptionTypes of \
             the service's account to AES.",
        );
    }
    hint
}

fn names(enctypes: &[Enctype]) -> String {
    enctypes.iter().map(|enctype| format!(" {enctype}")).collect()
}

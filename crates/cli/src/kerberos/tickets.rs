//! The tickets of a cache, as `klist -e` shows them.

use std::path::Path;

use ottla_kerberos::ccache::{Credential, CredentialCache};
use ottla_kerberos::ticket::{Ticket, TicketFlags};
use ottla_kerberos::time::KerberosTime;

use crate::failure::Failure;
use crate::{moment, output};

pub(super) fn print(path: &Path, cache: &CredentialCache) -> Result<(), Failure> {
    let mut text = format!("cache      {}\nprincipal  {}\n", path.display(), cache.principal());
    if let Some(offset) = cache.kdc_offset().filter(|offset| offset.seconds != 0) {
        text.push_str(&format!("kdc clock  {:+} s from ours\n", offset.seconds));
    }
    text.push('\n');
    output::print(text.as_bytes())?;
    let head = ["SERVICE", "FROM", "UNTIL", "RENEWABLE-UNTIL", "SEALED-WITH", "KVNO", "SESSION-KEY"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(cache.credentials().iter().filter(|it| !it.is_setting()).map(row));
    output::print_table(&rows)
}

fn row(credential: &Credential) -> Vec<String> {
    let time = |seconds: u32| written(KerberosTime::from_seconds(seconds.into()));
    let absent = || "-".to_owned();
    let start = if credential.start_time == 0 { credential.auth_time } else { credential.start_time };
    let renewable = TicketFlags(credential.flags).contains(TicketFlags::RENEWABLE);
    let ticket = Ticket::parse(&credential.ticket).ok();
    vec![
        credential.server.to_string(),
        time(start),
        time(credential.end_time),
        if renewable { time(credential.renew_till) } else { absent() },
        ticket.as_ref().map_or_else(absent, |ticket| ticket.enctype().to_string()),
        ticket.and_then(|ticket| ticket.kvno()).map_or_else(absent, |kvno| kvno.to_string()),
        credential.key.enctype().to_string(),
    ]
}

/// A time as the other commands write it.
pub(super) fn written(time: KerberosTime) -> String {
    moment::written(ottla::time::Timestamp::from_millis(time.as_seconds().saturating_mul(1000)))
}

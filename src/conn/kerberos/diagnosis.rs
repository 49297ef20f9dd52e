//! A login and a ticket for a broker, told to people who look for the cause of a failure.

use std::fmt;

use ottla_kerberos::client::Diagnosis;

use super::fault::Fault;
use super::{Kerberos, service};

/// What a login by Kerberos and a ticket for a broker came to, made by [`Kerberos::diagnose`].
///
/// `Display` prints it in lines for a terminal: principals, the KDC that was asked, encryption
/// types and key versions, the offset of the clocks, and what to do. No secret is in it.
#[derive(Clone, Debug)]
pub struct KerberosDiagnosis {
    host: String,
    service: Option<String>,
    outcome: Result<Box<Diagnosis>, Fault>,
}

impl KerberosDiagnosis {
    /// Whether there is no ticket for the broker.
    pub fn is_failure(&self) -> bool {
        self.outcome.as_ref().map_or(true, |diagnosis| diagnosis.error.is_some())
    }
}

impl Kerberos {
    /// Logs in, unless that is done, gets a ticket for the broker at `host`, and tells all that is
    /// worth knowing about it, whether it went well or not. The broker itself is not asked.
    ///
    /// # Cancel safety
    /// A dropped call loses the answer only.
    pub async fn diagnose(&self, host: &str) -> KerberosDiagnosis {
        let name = service::name(&self.service_name, host);
        let service = name.as_ref().ok().map(ToString::to_string);
        let outcome = match name {
            Ok(name) => match self.login.open(None).await {
                Ok(opened) => {
                    let request = service::request(name, &opened.conf, opened.realm.as_ref());
                    Ok(Box::new(opened.session.diagnose(Some(&request)).await))
                }
                Err(fault) => Err(fault),
            },
            Err(fault) => Err(fault),
        };
        KerberosDiagnosis { host: host.to_owned(), service, outcome }
    }
}

impl fmt::Display for KerberosDiagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "broker         {}", self.host)?;
        if let Some(service) = &self.service {
            writeln!(f, "service        {service}")?;
        }
        match &self.outcome {
            Ok(diagnosis) => diagnosis.fmt(f),
            Err(fault) => writeln!(f, "failed         {fault}"),
        }
    }
}

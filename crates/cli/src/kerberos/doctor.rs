//! `ottla kerberos doctor`: the login of a `client.properties`, step by step.

use ottla::{Bootstrap, Cluster, Credentials, explained};

use crate::arguments::Access;
use crate::arguments::kerberos::DoctorOptions;
use crate::failure::{Exit, Failure};
use crate::{login, output};

pub(super) async fn run(access: &Access, options: &DoctorOptions) -> Result<(), Failure> {
    let config = login::config(access)?;
    let Credentials::Kerberos(kerberos) = config.credentials() else {
        return Err(Failure::usage(
            "the configuration does not log in by Kerberos: its sasl.mechanism is not GSSAPI",
        ));
    };
    let brokers = if options.broker.is_empty() { hosts(config.bootstrap()) } else { options.broker.clone() };
    let mut failed = 0;
    for broker in &brokers {
        let diagnosis = access.in_time("the KDCs", kerberos.diagnose(broker)).await?;
        output::print(format!("{diagnosis}\n").as_bytes())?;
        failed += usize::from(diagnosis.is_failure());
    }
    if failed > 0 {
        let text = format!("{failed} of {} brokers have no ticket", brokers.len());
        return Err(Failure::new(Exit::Authentication, text));
    }
    match Cluster::connect(config.clone()).await {
        Ok(_) => output::print(b"kafka          accepts the login\n"),
        Err(error) => {
            output::print(format!("kafka          {}\n", explained(&error)).as_bytes())?;
            Err(Failure::from(error))
        }
    }
}

/// The host names of a list of brokers, each once.
fn hosts(brokers: &Bootstrap) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for broker in brokers.to_string().split(',') {
        let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host).to_owned();
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

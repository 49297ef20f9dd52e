//! The small file that tells a test all about a cluster: `key=value` lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::node_properties::{Node, Role};
use crate::profile::Listener;
use crate::running::Plan;

/// A description as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    values: BTreeMap<String, String>,
    pub(crate) dir: PathBuf,
    pub(crate) certs: PathBuf,
    pub(crate) brokers: u16,
}

impl Description {
    pub(crate) fn path(cluster: &Path) -> PathBuf {
        cluster.join("description")
    }

    pub(crate) fn write(plan: &Plan, kafka: &str, cluster_id: &str, nodes: &[Node]) -> Result<()> {
        let mut text = format!(
            "profile={}\nkafka={kafka}\ncluster.id={cluster_id}\nbrokers={}\ndir={}\ncerts={}\n",
            plan.profile.name(),
            plan.brokers,
            plan.dir.display(),
            plan.certs.display()
        );
        if let Some(image) = &plan.image {
            let _ = writeln!(text, "image={}", image.name());
        }
        for node in nodes.iter().filter(|node| node.role != Role::Controller) {
            for (listener, port) in Listener::ALL.iter().zip(&node.ports) {
                let _ = writeln!(text, "broker.{}.{}={port}", node.id, listener.name());
            }
        }
        let path = Self::path(&plan.dir);
        fs::write(&path, text).context(|| format!("write {}", path.display()))
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).context(|| format!("read {}", path.display()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let values: BTreeMap<_, _> = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let find = |key: &str| {
            values.get(key).cloned().ok_or_else(|| Error::new(format!("the description has no {key}")))
        };
        let brokers = find("brokers")?.parse().context(|| "number of brokers".into())?;
        Ok(Self { dir: find("dir")?.into(), certs: find("certs")?.into(), brokers, values })
    }

    pub(crate) fn value(&self, key: &str) -> Result<&str> {
        let value = self.values.get(key).map(String::as_str);
        value.ok_or_else(|| Error::new(format!("the description has no {key}")))
    }

    pub(crate) fn port(&self, broker: u16, listener: Listener) -> Result<u16> {
        let port = self.value(&format!("broker.{broker}.{}", listener.name()))?;
        port.parse().context(|| format!("port {port:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_without_brokers_is_refused_by_name() {
        let error = Description::parse("dir=/x\ncerts=/y\n").unwrap_err().to_string();
        assert!(error.contains("brokers"), "{error}");
    }

    #[test]
    fn ports_are_found_by_broker_and_listener() {
        let text = "brokers=1\ndir=/x\ncerts=/y\nbroker.1.SASL_SSL=1234\n";
        let description = Description::parse(text).unwrap();
        assert_eq!(description.port(1, Listener::SaslSsl).unwrap(), 1234);
        assert!(description.port(2, Listener::SaslSsl).is_err());
    }
}

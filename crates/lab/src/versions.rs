//! The versions of Apache Kafka, from `versions.txt`.

use crate::error::{Error, Result};

/// A line of `versions.txt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) kafka: &'static str,
    /// Maven coordinates of the logging backend, `group:artifact:version`.
    pub(crate) logging: &'static str,
}

fn all() -> impl Iterator<Item = Version> {
    let lines = include_str!("../versions.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).map(|(kafka, logging)| Version { kafka, logging })
}

impl Version {
    pub(crate) fn named(name: &str) -> Result<Self> {
        all().find(|version| version.kafka == name).ok_or_else(|| {
            let known = versions().join(", ");
            Error::new(format!("the lab has no Kafka {name:?}; versions.txt has {known}"))
        })
    }
}

/// Lists the versions of Apache Kafka that the lab can start, the default first.
pub fn versions() -> Vec<&'static str> {
    all().map(|version| version.kafka).collect()
}

/// Names the version that is started when none is asked for: `OTTLA_LAB_KAFKA` if it is set,
/// else the first of `versions.txt`.
pub fn default_version() -> String {
    let first = || versions().first().copied().unwrap_or_default().to_owned();
    std::env::var("OTTLA_LAB_KAFKA").unwrap_or_else(|_| first())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_names_its_logging_backend() {
        assert!(all().count() > 0);
        for version in all() {
            assert_eq!(version.logging.split(':').count(), 3, "{version:?}");
        }
    }

    #[test]
    fn an_unknown_version_is_refused_with_the_known_ones() {
        let error = Version::named("0.8.0").unwrap_err().to_string();
        assert!(error.contains("0.8.0") && error.contains(versions()[0]), "{error}");
    }
}

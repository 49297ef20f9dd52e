//! The facts. Numbers are sections of what is known of brokers' sources (2.1 who may, 2.4 logins,
//! 2.5 live connections), letters what was measured on real ones, other names where Kafka says it.

mod again;
mod deleted;
mod end;
mod login;
mod logs;
mod quotas;
mod refused;
mod seen;
mod times;
mod versions;
mod who;

use super::made::Scene;
use super::target::Kafka;

/// One fact: a question, and the answer of real brokers.
pub(crate) struct Fact {
    pub(crate) source: &'static str,
    pub(crate) says: &'static str,
    pub(crate) expect: fn(Kafka) -> &'static str,
    pub(crate) ask: fn(&Scene<'_>) -> String,
}

impl Fact {
    pub(crate) const fn new(
        source: &'static str,
        says: &'static str,
        expect: fn(Kafka) -> &'static str,
        ask: fn(&Scene<'_>) -> String,
    ) -> Self {
        Self { source, says, expect, ask }
    }
}

pub(crate) fn all() -> Vec<&'static Fact> {
    let groups = [
        who::FACTS,
        times::FACTS,
        seen::FACTS,
        login::FACTS,
        refused::FACTS,
        again::FACTS,
        end::FACTS,
        versions::FACTS,
        logs::FACTS,
        quotas::FACTS,
        deleted::FACTS,
    ];
    groups.into_iter().flatten().copied().flatten().collect()
}

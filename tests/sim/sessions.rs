//! Law 3 for logins: a session that nobody uses is not renewed.

use std::collections::BTreeMap;

use ottla_testkit::ApiKey;

use super::kind::Kind;
use super::laws::Law;
use super::world::World;

/// So many logins on a connection in a row without a request between them: who gave up a request may have caused one.
const MOST_IDLE: u32 = 2;

/// Looks at all logins, when all is over.
pub(crate) fn judge(world: &World) {
    let mut idle: BTreeMap<u64, u32> = BTreeMap::new();
    for asked in world.brokers.asked() {
        match asked.api {
            ApiKey::SaslHandshake => {
                let logins = idle.entry(asked.connection).and_modify(|_| world.strikes(Kind::SessionRenewed));
                let logins = logins.or_default();
                *logins += 1;
                if *logins > MOST_IDLE {
                    let text = format!(
                        "connection {} logs in {logins} times in a row for nobody, until {} ms",
                        asked.connection,
                        asked.at.as_millis()
                    );
                    return world.notes.broken(Law::Storms, text);
                }
            }
            ApiKey::SaslAuthenticate | ApiKey::ApiVersions => {}
            _ => drop(idle.insert(asked.connection, 0)),
        }
    }
}

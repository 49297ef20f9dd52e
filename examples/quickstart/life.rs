//! Tells what happens in the life of the tokens, as their keeper shows it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ottla::{Cluster, KeeperState, RunningKeeper};
use tokio::time::sleep;

use crate::show::Show;

/// How often to look.
const EVERY: Duration = Duration::from_millis(40);
/// Once nobody has logged in again for so many looks, a wave of logins is over.
const QUIET: u32 = 10;

/// The clients of the executors, so that they can be watched.
#[derive(Clone, Default)]
pub(crate) struct Clients(Arc<Mutex<Vec<Cluster>>>);

impl Clients {
    pub(crate) fn add(&self, client: &Cluster) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(client.clone());
    }

    /// How often they logged in again on live connections.
    fn reauthentications(&self) -> u64 {
        let clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clients.iter().map(|client| client.statistics().reauthentications).sum()
    }
}

/// Prints a line for each event, for ever.
pub(crate) async fn tell(keeper: &RunningKeeper, clients: Clients, show: &Show) {
    let mut last = keeper.state();
    show.event("token", &format!("{} is made", last.token_id));
    show.event(
        "token",
        &format!("every broker takes it, {} ms after its making", last.readiness.as_millis()),
    );
    show.event("token", &format!("expires in {}: its keeper will {}", seconds(last.expires_in), next(&last)));
    let (mut told, mut seen, mut quiet) = (0, 0, 0);
    loop {
        sleep(EVERY).await;
        let state = keeper.state();
        if state.failures > last.failures {
            let why = state.last_error.as_ref().map_or_else(String::new, ToString::to_string);
            show.event("token", &format!("a try failed and is made again: {why}"));
        }
        if state.token_id != last.token_id {
            let (old, new, time) = (&last.token_id, &state.token_id, state.readiness.as_millis());
            show.event(
                "token",
                &format!("{new} takes the place of {old}; every broker took it after {time} ms"),
            );
        } else if state.renewed > last.renewed {
            show.event(
                "token",
                &format!("renewed: expires in {}, then {}", seconds(state.expires_in), next(&state)),
            );
        }
        if state.alive < last.alive {
            show.event("token", "the one before is deleted");
        }
        last = state;
        let now = clients.reauthentications();
        quiet = if now == seen { quiet + 1 } else { 0 };
        seen = now;
        if seen > told && quiet == QUIET {
            show.event("executors", &format!("logged in again on {} live connections", seen - told));
            told = seen;
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn next(state: &KeeperState) -> String {
    format!("{:?} in {}", state.next, seconds(state.next_in)).to_lowercase()
}

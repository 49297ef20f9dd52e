//! What the user sees: a line for each event, and how far the partitions are.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::Instant;

/// Draws bars on a terminal, and prints plain lines elsewhere.
pub(crate) struct Show {
    started: Instant,
    screen: Screen,
    colours: bool,
}

enum Screen {
    Bars { all: MultiProgress, partitions: Mutex<Vec<ProgressBar>> },
    Lines { last: Mutex<Instant> },
}

/// How often plain lines tell how far it is.
const EVERY: Duration = Duration::from_secs(2);

impl Show {
    #[expect(clippy::disallowed_methods, reason = "a program of its own, with a clock of its own")]
    pub(crate) fn start() -> Self {
        let started = Instant::now();
        let terminal = std::io::stderr().is_terminal() && std::io::stdout().is_terminal();
        let screen = if terminal {
            Screen::Bars { all: MultiProgress::new(), partitions: Mutex::default() }
        } else {
            Screen::Lines { last: Mutex::new(started) }
        };
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { started, screen, colours: terminal && wanted }
    }

    /// Tells what has happened, and to whom.
    pub(crate) fn event(&self, who: &str, what: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        let who = format!("{who:9}");
        let who = if self.colours { format!("\x1b[36m{who}\x1b[0m") } else { who };
        self.line(&format!("{seconds:6.2} s  {who} {what}"));
    }

    /// Prints a line above the bars.
    pub(crate) fn line(&self, text: &str) {
        match &self.screen {
            Screen::Bars { all, .. } => {
                // Through the bars' own lock, to standard output: bars go to standard error.
                all.suspend(|| write_line(text));
            }
            Screen::Lines { .. } => write_line(text),
        }
    }

    /// Opens a bar for each partition, by name and number of records.
    pub(crate) fn open_bars(&self, partitions: &[(String, u64)]) {
        let Screen::Bars { all, partitions: bars } = &self.screen else { return };
        let bar = if self.colours { "{bar:40.cyan/blue}" } else { "{bar:40}" };
        let style = ProgressStyle::with_template(&format!("{{prefix:>16}} {bar} {{percent:>3}} %"));
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─");
        let open = |(name, records): &(String, u64)| {
            let bar = all.add(ProgressBar::new(*records).with_style(style.clone()));
            bar.set_prefix(name.clone());
            bar
        };
        *bars.lock().unwrap_or_else(PoisonError::into_inner) = partitions.iter().map(open).collect();
    }

    /// Moves the bar of a partition.
    pub(crate) fn advance(&self, partition: usize, records: u64) {
        if let Screen::Bars { partitions, .. } = &self.screen
            && let Some(bar) = partitions.lock().unwrap_or_else(PoisonError::into_inner).get(partition)
        {
            bar.set_position(records);
        }
    }

    /// Without a terminal, tells from time to time how far it is.
    #[expect(clippy::disallowed_methods, reason = "a program of its own, with a clock of its own")]
    pub(crate) fn tell_sometimes(&self, progress: impl FnOnce() -> (u64, u64)) {
        let Screen::Lines { last } = &self.screen else { return };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= EVERY {
            *last = Instant::now();
            let (done, of) = progress();
            self.event("executors", &format!("have read {done} of {of} records"));
        }
    }

    /// Takes the bars away: events and the table stay.
    pub(crate) fn close(&self) {
        if let Screen::Bars { all, partitions } = &self.screen {
            for bar in partitions.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
                bar.finish_and_clear();
            }
            let _ = all.clear();
        }
    }
}

/// A pipe that is closed early is no reason to stop: the token is still to be deleted.
fn write_line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

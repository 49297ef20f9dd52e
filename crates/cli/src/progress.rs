//! How far the reading or writing is, on a terminal.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

use crate::sum::Sum;

const TICK: Duration = Duration::from_millis(100);

/// Shows how far it is until it is dropped; the line is then gone.
#[derive(Debug)]
pub(crate) struct Progress(Option<(ProgressBar, JoinHandle<()>)>);

impl Progress {
    /// Begins to show it, of `length` offsets if the end is known. Shows nothing where standard
    /// error is no terminal, nor where records come out on a terminal too.
    pub(crate) fn begin(length: Option<u64>, records_come_out: bool, sum: &Arc<Sum>) -> Self {
        let mixed = records_come_out && io::stdout().is_terminal();
        if mixed || !io::stderr().is_terminal() {
            return Self(None);
        }
        let template = match length {
            None => "{spinner} {msg}, {elapsed}",
            Some(_) => "{bar:30} {percent:>3}% {msg}, {elapsed}, {eta} left",
        };
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        // No colours, so NO_COLOR has nothing to take away.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        let shown = (bar.clone(), Arc::clone(sum));
        let ticking = tokio::spawn(async move {
            let (bar, sum) = shown;
            loop {
                tell(&bar, &sum);
                tokio::time::sleep(TICK).await;
            }
        });
        Self(Some((bar, ticking)))
    }
}

fn tell(bar: &ProgressBar, sum: &Sum) {
    bar.set_message(format!("{} records, {}", HumanCount(sum.records()), HumanBytes(sum.bytes())));
    bar.set_position(sum.offsets());
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((bar, ticking)) = &self.0 {
            ticking.abort();
            bar.finish_and_clear();
        }
    }
}

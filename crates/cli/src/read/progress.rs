//! How far the reading is, on a terminal.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use ottla::OffsetRange;
use tokio::task::JoinHandle;

use super::sum::Sum;
use crate::arguments::read::{Format, ReadOptions};
use crate::moment::End;

const TICK: Duration = Duration::from_millis(100);

/// Shows how far the reading is until it is dropped; the line is then gone.
#[derive(Debug)]
pub(super) struct Progress(Option<(ProgressBar, JoinHandle<()>)>);

impl Progress {
    /// Shows nothing where standard error is no terminal, nor where the records come out on it too.
    pub(super) fn begin(options: &ReadOptions, ranges: &[OffsetRange], sum: &Arc<Sum>) -> Self {
        let mixed = options.format != Format::Count && io::stdout().is_terminal();
        if mixed || !io::stderr().is_terminal() {
            return Self(None);
        }
        let length: u64 = ranges
            .iter()
            .map(|range| u64::try_from(range.until.saturating_sub(range.from)).unwrap_or(0))
            .sum();
        let (length, template) = match options.to {
            End::Never => (None, "{spinner} {msg}, {elapsed}"),
            _ => (Some(length), "{bar:30} {percent:>3}% {msg}, {elapsed}, {eta} left"),
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

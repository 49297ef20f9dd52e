//! The one thread that writes on standard output, so that a slow reader of it holds up nothing but
//! those who have more to write.

use std::io::{self, Write};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::output;

/// Texts of one chunk each that wait to be written.
const WAITING: usize = 4;

/// Where readers put their text.
#[derive(Clone, Debug)]
pub(super) struct Sink(mpsc::Sender<Vec<u8>>);

/// What became of it.
#[derive(Debug)]
pub(super) struct Written(JoinHandle<io::Result<()>>);

impl Sink {
    pub(super) fn start() -> (Self, Written) {
        let (sender, mut texts) = mpsc::channel::<Vec<u8>>(WAITING);
        let written = tokio::task::spawn_blocking(move || {
            let mut stdout = io::stdout().lock();
            while let Some(text) = texts.blocking_recv() {
                stdout.write_all(&text)?;
            }
            stdout.flush()
        });
        (Self(sender), Written(written))
    }

    /// Waits while there is enough to write. Fails when nothing can be written any more; the
    /// reason is with [`Written`].
    pub(super) async fn send(&self, text: Vec<u8>) -> Result<(), Failure> {
        self.0.send(text).await.map_err(|_| Failure::closed_pipe())
    }
}

impl Written {
    /// Waits until all is written, once every [`Sink`] is gone.
    pub(super) async fn finished(self) -> Result<(), Failure> {
        match self.0.await {
            Ok(written) => written.map_err(|error| output::failed(&error)),
            Err(_) => Err(Failure::failed("standard output cannot be written")),
        }
    }
}

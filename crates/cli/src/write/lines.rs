//! Standard input, whole lines at a time, read by a thread of its own: it may be a terminal that
//! nobody writes on.

use std::io::{self, Read};

use tokio::sync::mpsc;

use crate::failure::Failure;

/// How much is read at a time.
const PIECE: usize = 64 * 1024;
/// The longest line: no broker takes more in one record.
const MAX_LINE: usize = 1 << 30;
/// Pieces that wait to be sent.
const WAITING: usize = 4;

/// Whole lines, in order.
pub(super) struct Lines(mpsc::Receiver<io::Result<Vec<u8>>>);

impl Lines {
    pub(super) fn start() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        std::thread::spawn(move || {
            let mut open = Vec::new();
            loop {
                let (piece, last) = match more(&mut open) {
                    Ok(Some(lines)) => (Ok(lines), false),
                    Ok(None) => (Ok(std::mem::take(&mut open)), true),
                    Err(error) => (Err(error), true),
                };
                if sender.blocking_send(piece).is_err() || last {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// The next whole lines, and at last what has no line feed.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self.0.recv().await {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(error)) => Err(Failure::failed(format!("standard input cannot be read: {error}"))),
        }
    }
}

/// Reads until there are whole lines, and leaves the beginning of the next one in `open`. Nothing
/// at the end.
fn more(open: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    loop {
        let start = open.len();
        if read_some(open)? == 0 {
            return Ok(None);
        }
        let end = open.iter().skip(start).rposition(|&byte| byte == b'\n').map(|at| start + at + 1);
        if let Some(end) = end {
            let rest = open.split_off(end);
            return Ok(Some(std::mem::replace(open, rest)));
        }
        if open.len() > MAX_LINE {
            return Err(io::Error::other(format!("a line has more than {MAX_LINE} bytes")));
        }
    }
}

/// Adds what one read gives.
fn read_some(to: &mut Vec<u8>) -> io::Result<usize> {
    let start = to.len();
    to.resize(start + PIECE, 0);
    let read = loop {
        match io::stdin().lock().read(to.get_mut(start..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    to.truncate(start + *read.as_ref().unwrap_or(&0));
    read
}

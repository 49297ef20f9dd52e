//! How a record comes to the accumulator, and what becomes of it there.

use std::sync::Arc;
use std::time::Instant;

use crate::partition::writer::completion::Receipt;
use crate::partition::writer::sender::Sender;

/// A record was taken, or there is no memory for it.
#[derive(Debug)]
pub(in crate::partition::writer) enum Pushed {
    Taken { receipt: Option<Receipt>, wake: bool },
    Full { wake: bool },
}

impl Pushed {
    pub(super) fn and_wake(self, and: bool) -> Self {
        match self {
            Self::Taken { receipt, wake } => Self::Taken { receipt, wake: wake || and },
            Self::Full { wake } => Self::Full { wake: wake || and },
        }
    }
}

/// How a record comes in.
#[derive(Clone, Copy)]
pub(in crate::partition::writer) struct Arrival<'a> {
    pub(in crate::partition::writer) topic: usize,
    pub(in crate::partition::writer) timestamp: i64,
    pub(in crate::partition::writer) now: fn() -> Instant,
    pub(in crate::partition::writer) wants_receipt: bool,
    pub(in crate::partition::writer) sender: &'a Arc<Sender>,
}

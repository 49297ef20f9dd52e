//! Events for the log, which needs `tracing` and so the feature `tokio`: without it, nobody is told.

#[cfg(feature = "tokio")]
pub(crate) use tracing::{info, warn};

#[cfg(not(feature = "tokio"))]
macro_rules! nothing {
    (%$value:ident, $($rest:tt)*) => {{
        let _ = &$value;
    }};
    ($($event:tt)*) => {{}};
}

#[cfg(not(feature = "tokio"))]
pub(crate) use {nothing as info, nothing as warn};

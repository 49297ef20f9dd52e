//! What the integration tests share.
#![allow(dead_code, reason = "each test target uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub(crate) mod embedded;
#[cfg(feature = "kerberos")]
pub(crate) mod kerberos;
pub(crate) mod lab;
pub(crate) mod peer;
pub(crate) mod raw;
pub(crate) mod readers;
pub(crate) mod source;

/// Says that a test cannot run here. `<name>: <reason>` has to stand in tests/skips.txt.
pub(crate) fn skip(name: &str, reason: &str) {
    println!("SKIPPED: {name}: {reason}");
}

/// Awaits `future` for at most `limit`, and panics with `what` if that is not enough.
pub(crate) async fn within<F: Future>(limit: Duration, what: &str, future: F) -> F::Output {
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("{what} took longer than {limit:?}"))
}

/// Builds an example, of the same parts as the tests, and gives the command that runs it.
pub(crate) fn example(name: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--workspace", "--example", name]);
    if cfg!(feature = "unstable-internals") {
        cargo.args(["--features", "ottla/unstable-internals"]);
    }
    let built = cargo.current_dir(root).status();
    assert!(built.is_ok_and(|status| status.success()), "cargo build --example {name}");
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    Command::new(root.join(target).join("debug/examples").join(name))
}

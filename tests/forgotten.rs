//! A secret that is no longer needed is gone: this process looks for tokens in its own memory after
//! they were replaced, after they expired and after a shutdown, raw, as base64 and as hex.
//!
//! The brokers, which know all tokens, run in a process of their own: this program, started again.
//! What is looked for is kept masked, so that the search does not find itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[cfg(target_os = "linux")]
#[path = "forgotten/memory.rs"]
mod memory;
#[cfg(target_os = "linux")]
#[path = "forgotten/scenes.rs"]
mod scenes;

#[cfg(target_os = "linux")]
fn main() {
    if std::env::args().any(|argument| argument == scenes::BROKERS) {
        return scenes::serve();
    }
    let failed = u32::from(std::panic::catch_unwind(scenes::play).is_err());
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {} passed; {failed} failed; 0 ignored", scenes::passed());
    std::process::exit(failed.cast_signed());
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("SKIPPED: forgotten: only Linux shows a process its memory");
    println!("test result: ok. 0 passed; 0 failed; 0 ignored");
}

//! Plants violations and sees that the rules find them, and nothing else.

use super::*;

const PICTURE: &str = "
```layers
 5  cluster  config · client*   which broker
 3  conn     session · task*    one socket
 1  wire     frame              bytes
 1  envelope
 0  time*
```
";

fn layers(file: &str, text: &str) -> Vec<String> {
    layer_violations(&Picture::parse(PICTURE), Path::new(file), text)
}

fn tokio(file: &str, text: &str) -> Vec<String> {
    tokio_violations(&Picture::parse(PICTURE), Path::new(file), text)
}

fn names(text: &str) -> Vec<String> {
    name_violations(Path::new("src/wire/frame.rs"), text)
}

#[test]
fn a_lower_layer_may_be_used() {
    assert_eq!(
        layers("conn/task.rs", "use crate::wire::frame; use crate::conn::session; use super::session;"),
        [""; 0]
    );
    assert_eq!(layers("lib.rs", "use crate::cluster::Cluster;"), [""; 0]);
    assert_eq!(layers("internals.rs", "pub use crate::wire::frame;"), [""; 0]);
}

#[test]
fn a_higher_layer_is_named_with_file_and_line() {
    let found = layers("wire/frame.rs", "use std::fmt;\nuse crate::conn::Session;");
    assert_eq!(found, ["src/wire/frame.rs:2: `wire` (layer 1) uses `conn` (layer 3)"]);
}

#[test]
fn a_module_of_the_same_layer_is_found() {
    assert_eq!(layers("envelope.rs", "use crate::wire::frame;").len(), 1);
}

#[test]
fn paths_are_found_in_expressions_types_and_macros() {
    assert_eq!(layers("wire/mod.rs", "fn f(s: crate::conn::Session) { crate::cluster::g() }").len(), 2);
    assert_eq!(layers("wire/mod.rs", "fn f() { assert!(matches!(x, crate::conn::Error::Closed)) }").len(), 1);
    assert_eq!(layers("wire/mod.rs", "macro_rules! m { () => { $crate::conn::x() } }").len(), 1);
    assert_eq!(layers("wire/mod.rs", "pub(in crate::conn) fn f() {}").len(), 1);
}

#[test]
fn groups_are_followed_part_by_part() {
    let found =
        layers("wire/frame.rs", "use crate::{time::now, conn::{a, b}, wire::c,\n cluster::Client as Z};");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].starts_with("src/wire/frame.rs:2:"), "{found:?}");
    assert_eq!(layers("wire/frame.rs", "use crate::{self as root, conn};").len(), 1);
}

#[test]
fn super_chains_that_leave_the_top_module_are_followed() {
    assert_eq!(layers("wire/frame.rs", "use super::super::conn::Session;").len(), 1);
    assert_eq!(layers("wire/frame.rs", "use super::{super::conn, codec};").len(), 1);
    assert_eq!(layers("wire/mod.rs", "use super::conn;").len(), 1);
    assert_eq!(layers("wire/frame.rs", "use self::super::super::conn;").len(), 1);
    assert_eq!(
        layers("wire/frame.rs", "mod tests { use super::super::super::conn; use super::super::codec; }")
            .len(),
        1
    );
    assert_eq!(
        layers("wire/frame.rs", "use super::conn; mod tests { use super::*; use super::super::conn; }"),
        [""; 0]
    );
}

#[test]
fn names_at_the_crate_root_are_asked_for_by_their_module() {
    let found = layers("cluster/config.rs", "use crate::Error;");
    assert!(found[0].contains("`crate::Error` is no module of the picture"), "{found:?}");
}

#[test]
fn a_module_that_the_picture_does_not_have_is_found() {
    assert!(layers("surprise.rs", "")[0].contains("`surprise` is not in the picture"));
}

#[test]
fn tokio_is_found_outside_the_starred_files() {
    assert_eq!(tokio("conn/task.rs", "use tokio::net::TcpStream;"), [""; 0]);
    assert_eq!(tokio("time.rs", "fn now() { tokio::time::Instant::now() }"), [""; 0]);
    assert_eq!(
        tokio("conn/session.rs", "\nfn f() { tokio::spawn(g()) }"),
        ["src/conn/session.rs:2: tokio in a file without a star"]
    );
    assert_eq!(tokio("conn/task/plan.rs", "use tokio::sync::mpsc;").len(), 1);
    assert_eq!(tokio("conn/session.rs", "use tokio_rustls::TlsConnector;").len(), 1);
}

#[test]
fn tokio_may_stand_in_tests_and_rustls_comes_through_tokio_rustls() {
    assert_eq!(
        tokio("conn/session.rs", "#[cfg(test)]\nmod tests { #[tokio::test] async fn t() {} }"),
        [""; 0]
    );
    assert_eq!(tokio("conn/session/tests.rs", "use tokio::time;"), [""; 0]);
    assert_eq!(tokio("conn/session.rs", "use tokio_rustls::rustls::ClientConfig;"), [""; 0]);
    assert_eq!(
        tokio("conn/session.rs", "#[cfg(test)] use x::y; mod m { fn f() { tokio::spawn() } }").len(),
        1
    );
}

#[test]
fn banned_names_are_found() {
    assert_eq!(name_violations(Path::new("src/conn/utils.rs"), "").len(), 1);
    assert_eq!(names("mod helpers { }").len(), 1);
    assert_eq!(
        names("struct TokenManager; enum FrameHandler {} trait ReaderImpl {} struct TaskBase;").len(),
        4
    );
    assert_eq!(names("fn do_read() {} impl X { fn get_offset(&self) {} } trait T { fn do_it(); }").len(), 3);
}

#[test]
fn milliseconds_as_numbers_are_found_in_public_names_only() {
    assert_eq!(names("pub struct A { pub wait_ms: u32 } impl A { pub fn poll(limit_ms: u32) {} }").len(), 2);
    assert_eq!(names("struct A { wait_ms: u32 } pub(crate) fn poll(limit_ms: u32) {}"), [""; 0]);
}

#[test]
fn names_that_only_look_alike_are_left_alone() {
    assert_eq!(
        names("struct Managers; struct Database; fn done() {} fn getrandom() {} mod commonly {}"),
        [""; 0]
    );
}

//! Every kind of fault against every role of a client, with a thousand seeds each.

#[path = "fault_matrix/mod.rs"]
#[macro_use]
mod matrix;
mod support;

every_role!(0..1_000);

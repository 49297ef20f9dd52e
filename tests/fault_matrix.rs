//! Every kind of fault against every role of a client, with twenty seeds each.

#[path = "fault_matrix/mod.rs"]
mod matrix;
mod support;

use matrix::{Role, run_all};

const SEEDS: std::ops::Range<u64> = 0..20;

#[test]
fn a_reader_reads_every_offset_once_or_says_why_not() {
    run_all(Role::Reader, SEEDS);
}

#[test]
fn administration_is_done_once_or_says_why_not_and_works_when_the_faults_are_over() {
    run_all(Role::Admin, SEEDS);
}

#[test]
fn connections_log_in_again_or_say_why_not_and_work_when_the_faults_are_over() {
    run_all(Role::Reauthentication, SEEDS);
}

#[test]
fn a_writer_writes_what_it_acknowledges_once_and_says_what_it_could_not() {
    run_all(Role::Writer, SEEDS);
}

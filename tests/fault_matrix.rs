//! Every kind of fault against every role of a client, with ten seeds each.

#[path = "fault_matrix/mod.rs"]
#[macro_use]
mod matrix;
mod support;

every_role!(0..10);

/// Answers whose damage nothing shows (versions that a broker does not speak, elections that never
/// were) and a call that outlived its deadline twice.
#[test]
fn what_thousands_of_seeds_have_found_stays_solved() {
    matrix::run_named(&[
        "Admin CorruptByte 240",
        "Admin CorruptByte 344",
        "Admin CorruptByte 907",
        "Admin HostileCounts 22",
        "Reauthentication CorruptByte 489",
        "Reauthentication CorruptByte 613",
        "Reauthentication HostileCounts 394",
        "Reauthentication Drop 828",
    ]);
}

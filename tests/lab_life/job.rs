//! A driver and executors that are processes of their own, as the example has them.

use crate::support::example;

#[test]
fn a_job_of_nine_processes_reads_for_three_minutes_and_notices_no_token() {
    let output = example("long_job").output().unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{text}");
    assert!(output.status.success(), "{text}{errors}");
    assert_eq!(text.lines().last(), Some("failed reads: 0, reconnects: 0"));
}

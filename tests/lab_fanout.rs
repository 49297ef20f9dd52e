//! The main job, as its example does it: the executors are processes of their own.

#![expect(clippy::expect_used, reason = "tests")]

mod support;

/// What the example prints last when it has compared all that was read with what Java wrote.
const CHECKED: &str = "checked: count, bytes and checksum are those of what Java wrote";

/// Runs the example; `logins` is how often its driver logs in by SASL.
fn fans_out(arguments: &[&str], logins: u64) {
    let output = support::example("token_fanout").args(["--records", "20000"]).args(arguments).output();
    let output = output.expect("the example to start");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains(CHECKED), "{text}{errors}");
    assert!(text.contains(&format!("logins: driver {logins},")), "{text}");
}

#[test]
fn a_token_made_by_scram_is_used_by_sha_256() {
    fans_out(&["--mechanism", "SCRAM-SHA-256"], 1);
}

#[test]
fn a_token_made_by_mtls_is_used_on_another_listener() {
    // The TLS handshake is the login.
    fans_out(&["--login", "mtls"], 0);
}

#[test]
fn a_token_is_used_without_tls() {
    fans_out(&["--target-protocol", "SASL_PLAINTEXT"], 1);
}

#[test]
fn a_token_made_by_keytab_is_used_by_executors_that_know_no_kerberos() {
    fans_out(&["--keytab"], 1);
}

//! What a SCRAM login costs beyond its PBKDF2 (at most a tenth more), and with the key in the
//! cache (at most 50 µs).

use divan::Bencher;
use ottla::internals::ScramLogin;

fn main() {
    divan::main();
}

fn login(name: &str) -> ScramLogin {
    match name {
        "SHA-256" => ScramLogin::sha_256(),
        _ => ScramLogin::sha_512(),
    }
}

#[divan::bench(args = ["SHA-256", "SHA-512"])]
fn pbkdf2(bencher: Bencher<'_, '_>, name: &str) {
    bencher.bench_local(login(name).pbkdf2());
}

#[divan::bench(args = ["SHA-256", "SHA-512"])]
fn first_login(bencher: Bencher<'_, '_>, name: &str) {
    let login = login(name);
    bencher.bench_local(|| assert!(login.log_in()));
}

#[divan::bench(args = ["SHA-256", "SHA-512"])]
fn login_with_cached_key(bencher: Bencher<'_, '_>, name: &str) {
    let login = login(name);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    assert!(runtime.block_on(login.log_in_again()));
    bencher.bench_local(|| assert!(runtime.block_on(login.log_in_again())));
}

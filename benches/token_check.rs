//! What it costs to ask whether there is a newer token: the aim is less than 2 ns.

use divan::Bencher;
use divan::counter::ItemsCount;
use ottla::secret::Secret;
use ottla::{Token, TokenSource};

/// Asked in one go: a single one is shorter than what the clock can tell.
const CHECKS: u32 = 1000;

fn main() {
    divan::main();
}

#[divan::bench]
fn has_changed(bencher: Bencher<'_, '_>) {
    let Ok(token) = Token::new("id", Secret::from("h")) else { return };
    let (_writer, source) = TokenSource::watched(token);
    bencher
        .counter(ItemsCount::new(CHECKS))
        .bench_local(|| (0..CHECKS).filter(|_| divan::black_box(&source).has_changed()).count());
}

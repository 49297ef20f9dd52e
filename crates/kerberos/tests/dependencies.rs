//! What the crate pulls in.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::process::Command;

/// Other packages in the tree, by name and version.
fn dependencies(edges: &str, features: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "ottla-kerberos", "--prefix", "none", "--format", "{p}"])
        .args(["--edges", edges, "--no-default-features", "--features", features])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("ottla-kerberos "));
    lines.map(names).collect()
}

#[test]
fn the_exchanges_need_at_most_25_packages_and_the_client_35() {
    for (features, limit) in [("", 25), ("tokio", 35), ("dns", 35)] {
        let found = dependencies("normal", features);
        println!("features {features:?}: {} dependencies", found.len());
        assert!((10..=limit).contains(&found.len()), "{features}: {}: {found:#?}", found.len());
    }
}

#[test]
fn nothing_compiles_c() {
    let found = dependencies("normal,build", "dns");
    for banned in ["cc ", "cmake ", "bindgen ", "pkg-config ", "vcpkg "] {
        assert!(!found.iter().any(|package| package.starts_with(banned)), "{found:#?}");
    }
}

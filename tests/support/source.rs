//! The sources of a crate, as the tests of the project's own rules read them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Source files by their path below `src/`.
pub(crate) type Sources = BTreeMap<PathBuf, String>;

/// The directory of the root package.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The `src/` of the root package and of every crate beside it.
pub(crate) fn directories() -> Vec<PathBuf> {
    let mut found = vec![root().join("src")];
    for entry in std::fs::read_dir(root().join("crates")).into_iter().flatten().flatten() {
        found.push(entry.path().join("src"));
    }
    found.retain(|directory| directory.is_dir());
    found.sort();
    found
}

/// Reads every `.rs` file below `directory`.
pub(crate) fn read(directory: &Path) -> Sources {
    let mut sources = Sources::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                sources.insert(path.strip_prefix(directory).unwrap().to_path_buf(), text);
            }
        }
    }
    sources
}

/// The module that a file below `src/` holds: `conn/mod.rs` and `conn.rs` are `["conn"]`.
pub(crate) fn module_of(file: &Path) -> Vec<String> {
    let mut module: Vec<String> =
        file.with_extension("").iter().map(|p| p.to_str().unwrap().into()).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] || module == ["main"] {
        module.pop();
    }
    module
}

/// Tells whether a file holds nothing but tests.
pub(crate) fn is_test_file(file: &Path) -> bool {
    file.iter().any(|part| part == "tests.rs" || part == "tests")
}

/// Tells whether attributes say `#[cfg(test)]`.
pub(crate) fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("cfg") && quoted(a) == "test")
}

/// Tells whether attributes say `#[doc(hidden)]`.
pub(crate) fn is_hidden(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("doc") && quoted(a) == "hidden")
}

fn quoted(attribute: &syn::Attribute) -> String {
    attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default()
}

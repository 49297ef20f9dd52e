//! How long files and functions are. Nothing fails by it: it is printed, and reviews look at it.

mod support;

use std::path::Path;

use support::source::{self, Sources};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

#[test]
fn the_mirror_is_printed() {
    for source_directory in source::directories() {
        println!("{}", mirror(&source_directory, &source::read(&source_directory)));
    }
}

/// Sums up one crate, tests left out, and names every long file and function.
fn mirror(directory: &Path, sources: &Sources) -> String {
    let mut lengths = Vec::new();
    let mut long = Vec::new();
    for (file, text) in sources.iter().filter(|(file, _)| !source::is_test_file(file)) {
        let mut lines = Lines { tests: 0, functions: Vec::new() };
        if let Ok(tree) = syn::parse_file(text) {
            lines.visit_file(&tree);
        }
        let length = text.lines().count().saturating_sub(lines.tests);
        lengths.push(length);
        if length > 400 {
            long.push(format!("    {}: {length} lines", file.display()));
        }
        long.extend(
            lines
                .functions
                .iter()
                .map(|(at, name, n)| format!("    {}:{at}: {name} has {n} lines", file.display())),
        );
    }
    lengths.sort_unstable();
    let share =
        |percent: usize| lengths.get(lengths.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0);
    let total: usize = lengths.iter().sum();
    let name = directory.strip_prefix(source::root()).unwrap_or(directory).display();
    let head = format!(
        "{name}: {total} lines in {} files; median {}, p90 {}, max {}",
        lengths.len(),
        share(50),
        share(90),
        share(100)
    );
    [vec![head], long].concat().join("\n")
}

struct Lines {
    tests: usize,
    functions: Vec<(usize, String, usize)>,
}

impl Lines {
    fn note(&mut self, name: &syn::Ident, whole: proc_macro2::Span) {
        let length = lines_of(whole);
        if length > 60 {
            self.functions.push((whole.start().line, name.to_string(), length));
        }
    }
}

fn lines_of(span: proc_macro2::Span) -> usize {
    span.end().line - span.start().line + 1
}

impl<'ast> Visit<'ast> for Lines {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if source::is_test(&item.attrs) {
            self.tests += lines_of(item.span());
        } else {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.note(&item.sig.ident, item.block.span());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note(&item.sig.ident, item.block.span());
        visit::visit_impl_item_fn(self, item);
    }
}

#[test]
fn the_mirror_leaves_tests_out_and_names_what_is_long() {
    let body = "    step();\n".repeat(61);
    let text = format!("fn long() {{\n{body}}}\n#[cfg(test)]\nmod tests {{\n}}\n");
    let said = mirror(Path::new("src"), &Sources::from([("conn/task.rs".into(), text)]));
    assert_eq!(
        said,
        "src: 63 lines in 1 files; median 63, p90 63, max 63\n    conn/task.rs:1: long has 63 lines"
    );
}

//! The rules of ARCHITECTURE.md and CONTRIBUTING.md that a machine can check: which module may use
//! which, where tokio may stand, and how things may be named.
#![expect(clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use support::source;
use syn::visit::{self, Visit};

#[test]
fn modules_use_lower_layers_only() {
    let picture = Picture::of_this_crate();
    let sources = source::read(&source::root().join("src"));
    assert_none(sources.iter().flat_map(|(file, text)| layer_violations(&picture, file, text)).collect());
}

#[test]
fn tokio_stands_in_starred_files_only() {
    let picture = Picture::of_this_crate();
    let sources = source::read(&source::root().join("src"));
    assert_none(sources.iter().flat_map(|(file, text)| tokio_violations(&picture, file, text)).collect());
}

#[test]
fn names_say_what_things_are() {
    let mut found = Vec::new();
    for source_directory in source::directories() {
        for (file, text) in source::read(&source_directory) {
            found.extend(name_violations(&source_directory.join(file), &text));
        }
    }
    assert_none(found);
}

fn assert_none(violations: Vec<String>) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

// --- The picture ----------------------------------------------------------------------------------

/// The layers that ARCHITECTURE.md draws.
struct Picture {
    layers: BTreeMap<String, u32>,
    /// `conn/dial` for a starred file of a module, `time` for a starred module.
    starred: BTreeSet<String>,
}

impl Picture {
    fn of_this_crate() -> Self {
        let text = std::fs::read_to_string(source::root().join("ARCHITECTURE.md"));
        Self::parse(&text.unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let mut picture = Self { layers: BTreeMap::new(), starred: BTreeSet::new() };
        let lines = text.lines().skip_while(|l| *l != "```layers").skip(1).take_while(|l| *l != "```");
        for line in lines {
            let mut words = line.split_whitespace();
            let (Some(layer), Some(module)) = (words.next().and_then(|w| w.parse().ok()), words.next())
            else {
                panic!("a line of the picture is not `layer module ...`: {line}");
            };
            let name = module.trim_end_matches('*');
            picture.layers.insert(name.into(), layer);
            if name != module {
                picture.starred.insert(name.into());
            }
            let files = words.filter_map(|word| word.strip_suffix('*'));
            picture.starred.extend(files.map(|file| format!("{name}/{file}")));
        }
        assert!(!picture.layers.is_empty(), "ARCHITECTURE.md has no picture of the layers");
        picture
    }
}

/// The crate root names every module, and `internals` is the door for tests of all of them.
fn is_exempt(module: &[String]) -> bool {
    module.first().is_none_or(|top| top == "internals")
}

fn layer_violations(picture: &Picture, file: &Path, text: &str) -> Vec<String> {
    let module = source::module_of(file);
    if is_exempt(&module) {
        return Vec::new();
    }
    let own = &module[0];
    let Some(&layer) = picture.layers.get(own) else {
        return vec![format!("src/{}: `{own}` is not in the picture of ARCHITECTURE.md", file.display())];
    };
    let mut uses = Vec::new();
    find_uses(text.parse().unwrap_or_default(), &module, &mut uses);
    let mut found = Vec::new();
    for (line, used) in uses.into_iter().filter(|(_, used)| used != own) {
        let place = format!("src/{}:{line}", file.display());
        match picture.layers.get(&used) {
            None => {
                found.push(format!("{place}: `crate::{used}` is no module of the picture: name its module"))
            }
            Some(&other) if other >= layer => {
                found.push(format!("{place}: `{own}` (layer {layer}) uses `{used}` (layer {other})"));
            }
            Some(_) => {}
        }
    }
    found
}

/// Finds the top-level modules that paths from `crate`, `$crate` and `super` lead to.
fn find_uses(tokens: TokenStream, module: &[String], uses: &mut Vec<(usize, String)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) if word == "crate" || word == "super" => {
                at = resolve(&tokens, at, module.to_vec(), uses);
                continue;
            }
            TokenTree::Ident(word) if word == "mod" => {
                if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                    (tokens.get(at + 1), tokens.get(at + 2))
                {
                    let inner: Vec<String> = module.iter().cloned().chain([name.to_string()]).collect();
                    find_uses(body.stream(), &inner, uses);
                    at += 3;
                    continue;
                }
            }
            TokenTree::Group(group) => find_uses(group.stream(), module, uses),
            _ => {}
        }
        at += 1;
    }
}

/// Follows one path from `at`, starting in the module `base`, and gives where it ends. A group in
/// braces is followed part by part.
fn resolve(
    tokens: &[TokenTree],
    mut at: usize,
    mut base: Vec<String>,
    uses: &mut Vec<(usize, String)>,
) -> usize {
    let mut rooted = false;
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) if word == "crate" => {
                base.clear();
                rooted = true;
            }
            Some(TokenTree::Ident(word)) if word == "super" => {
                base.pop();
                rooted = true;
            }
            Some(TokenTree::Ident(word)) if word == "self" => {}
            Some(TokenTree::Ident(word)) if base.is_empty() && (rooted || at == 0) => {
                uses.push((word.span().start().line, word.to_string()));
                return at + 1;
            }
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let parts: Vec<TokenTree> = group.stream().into_iter().collect();
                for part in parts.split(|t| matches!(t, TokenTree::Punct(p) if p.as_char() == ',')) {
                    resolve(part, 0, base.clone(), uses);
                }
                return at + 1;
            }
            _ => return at + 1,
        }
        let is_colon = |t: Option<&TokenTree>| matches!(t, Some(TokenTree::Punct(p)) if p.as_char() == ':');
        if !(is_colon(tokens.get(at + 1)) && is_colon(tokens.get(at + 2))) {
            return at + 1;
        }
        at += 3;
    }
}

// --- Tokio ----------------------------------------------------------------------------------------

fn tokio_violations(picture: &Picture, file: &Path, text: &str) -> Vec<String> {
    let module = source::module_of(file);
    let is_starred = picture.starred.contains(&module.join("/"));
    if is_exempt(&module) || is_starred || source::is_test_file(file) {
        return Vec::new();
    }
    let mut lines = Vec::new();
    find_tokio(text.parse().unwrap_or_default(), &mut lines);
    lines
        .into_iter()
        .map(|line| format!("src/{}:{line}: tokio in a file without a star", file.display()))
        .collect()
}

/// Finds `tokio` and, but for its re-export of rustls, `tokio_rustls`, outside `#[cfg(test)] mod`.
fn find_tokio(tokens: TokenStream, lines: &mut Vec<usize>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_rustls = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Ident(w)) if w == "rustls");
    let mut is_test = false;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word) if word == "tokio" => lines.push(word.span().start().line),
            TokenTree::Ident(word) if word == "tokio_rustls" && !is_rustls(tokens.get(at + 3)) => {
                lines.push(word.span().start().line);
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                is_test |= group.stream().to_string().replace(' ', "") == "cfg(test)";
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                if !is_test {
                    find_tokio(group.stream(), lines);
                }
                is_test = false;
            }
            TokenTree::Group(group) => find_tokio(group.stream(), lines),
            TokenTree::Punct(end) if end.as_char() == ';' => is_test = false,
            _ => {}
        }
    }
}

// --- Names ----------------------------------------------------------------------------------------

fn name_violations(file: &Path, text: &str) -> Vec<String> {
    let mut names = Names { found: Vec::new() };
    for part in file.with_extension("").iter() {
        names.check_module(&part.to_string_lossy(), 1);
    }
    match syn::parse_file(text) {
        Ok(tree) => names.visit_file(&tree),
        Err(error) => names.found.push((1, format!("does not parse: {error}"))),
    }
    names.found.into_iter().map(|(line, what)| format!("{}:{line}: {what}", file.display())).collect()
}

struct Names {
    found: Vec<(usize, String)>,
}

impl Names {
    fn check_module(&mut self, name: &str, line: usize) {
        if ["util", "utils", "helper", "helpers", "common"].contains(&name) {
            self.found.push((line, format!("a module named `{name}` says nothing")));
        }
    }

    fn check_type(&mut self, name: &syn::Ident) {
        let text = name.to_string();
        if let Some(end) = ["Manager", "Handler", "Impl", "Base"].iter().find(|end| text.ends_with(**end)) {
            self.found.push((name.span().start().line, format!("`{text}` ends in `{end}`")));
        }
    }

    fn check_function(&mut self, visibility: &syn::Visibility, signature: &syn::Signature) {
        let text = signature.ident.to_string();
        let line = signature.ident.span().start().line;
        if let Some(start) = ["do_", "get_"].iter().find(|start| text.starts_with(**start)) {
            self.found.push((line, format!("`{text}` starts with `{start}`")));
        }
        self.check_unit(visibility, &signature.ident);
        for input in &signature.inputs {
            if let syn::FnArg::Typed(argument) = input
                && let syn::Pat::Ident(name) = &*argument.pat
            {
                self.check_unit(visibility, &name.ident);
            }
        }
    }

    fn check_unit(&mut self, visibility: &syn::Visibility, name: &syn::Ident) {
        if matches!(visibility, syn::Visibility::Public(_)) && name.to_string().ends_with("_ms") {
            self.found
                .push((name.span().start().line, format!("public `{name}`: give a Duration or a Timestamp")));
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.check_module(&item.ident.to_string(), item.ident.span().start().line);
        visit::visit_item_mod(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.check_type(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.check_type(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.check_type(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(name) = &field.ident {
            self.check_unit(&field.vis, name);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.check_function(&item.vis, &item.sig);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.check_function(&item.vis, &item.sig);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.check_function(&syn::Visibility::Public(Default::default()), &item.sig);
        visit::visit_trait_item_fn(self, item);
    }
}

// --- The rules bite -------------------------------------------------------------------------------

#[path = "support/planted_violations.rs"]
mod planted_violations;

#[path = "architecture/copies.rs"]
mod copies;
#[path = "architecture/flattened.rs"]
mod flattened;
#[path = "architecture/planted.rs"]
mod planted;

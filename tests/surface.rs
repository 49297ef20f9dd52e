//! The public surface: every type, trait, function and constant that a user can name, compared
//! with tests/surface.txt, so that it grows on purpose.
//!
//! The walk follows `pub mod` and `pub use` from lib.rs through the sources. It takes names only:
//! whether an addition breaks anybody is for a review to say.
#![expect(clippy::panic, reason = "tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use support::source::{self, Sources};

const LIST: &str = "tests/surface.txt";

#[test]
fn the_public_surface_is_the_committed_one() {
    let present = surface(&source::read(&source::root().join("src"))).join("\n") + "\n";
    let list = source::root().join(LIST);
    if std::env::var("OTTLA_SURFACE").is_ok_and(|wish| wish == "accept") {
        std::fs::write(list, present).expect("the list cannot be written");
        return;
    }
    let committed = std::fs::read_to_string(list).unwrap_or_default();
    let changes = difference(&committed, &present);
    assert!(
        changes.is_empty(),
        "the public surface changed (- {LIST}, + the sources):\n{}\n\
         accept it with: OTTLA_SURFACE=accept cargo test --test surface",
        changes.join("\n")
    );
}

fn difference(committed: &str, present: &str) -> Vec<String> {
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) =
        (committed.lines().collect(), present.lines().collect());
    let gone = old.difference(&new).map(|line| format!("- {line}"));
    gone.chain(new.difference(&old).map(|line| format!("+ {line}"))).collect()
}

type Path = Vec<String>;

/// What the modules of the crate define and import, and the inherent methods of its types.
#[derive(Default)]
struct Crate {
    modules: BTreeMap<Path, Vec<syn::Item>>,
    methods: BTreeMap<Path, BTreeSet<String>>,
}

/// Lists the surface, one line an item: its kind, and the path by which a user names it.
fn surface(sources: &Sources) -> Vec<String> {
    let mut all = Crate::default();
    for (file, text) in sources.iter().filter(|(file, _)| !source::is_test_file(file)) {
        let tree = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        all.add(source::module_of(file), tree.items);
    }
    all.find_methods();
    let mut lines = BTreeSet::new();
    all.list(&[], &["ottla".to_owned()], &mut lines);
    lines.into_iter().collect()
}

impl Crate {
    fn add(&mut self, module: Path, items: Vec<syn::Item>) {
        for item in &items {
            if let syn::Item::Mod(inner) = item
                && let Some((_, content)) = &inner.content
                && !source::is_test(&inner.attrs)
            {
                self.add(child(&module, &inner.ident), content.clone());
            }
        }
        self.modules.entry(module).or_default().extend(items);
    }

    fn find_methods(&mut self) {
        let mut methods: BTreeMap<Path, BTreeSet<String>> = BTreeMap::new();
        for (module, items) in &self.modules {
            for item in items {
                let syn::Item::Impl(block) = item else { continue };
                let syn::Type::Path(of) = &*block.self_ty else { continue };
                if block.trait_.is_some() {
                    continue;
                }
                let name: Path = of.path.segments.iter().map(|s| s.ident.to_string()).collect();
                let found = methods.entry(self.resolve(module, &name).unwrap_or_default()).or_default();
                found.extend(block.items.iter().filter_map(public_member));
            }
        }
        self.methods = methods;
    }

    /// Lists what `module` shows to the outside under the path `shown`.
    fn list(&self, module: &[String], shown: &[String], lines: &mut BTreeSet<String>) {
        for item in self.modules.get(module).into_iter().flatten() {
            match item {
                syn::Item::Mod(inner) if is_shown(&inner.vis, &inner.attrs) => {
                    self.list(&child(module, &inner.ident), &child(shown, &inner.ident), lines);
                }
                syn::Item::Use(import) if is_shown(&import.vis, &import.attrs) => {
                    for (name, target) in imports(&import.tree) {
                        self.list_export(module, &target, &child(shown, &name), lines);
                    }
                }
                syn::Item::Macro(made) if made.attrs.iter().any(|a| a.path().is_ident("macro_export")) => {
                    lines.extend(made.ident.as_ref().map(|name| format!("macro ottla::{name}")));
                }
                _ => {
                    if let Some((visibility, attributes, _, name)) = definition(item)
                        && is_shown(visibility, attributes)
                    {
                        self.list_definition(
                            &child(module, name),
                            item,
                            &child(shown, name).join("::"),
                            lines,
                        );
                    }
                }
            }
        }
    }

    fn list_export(
        &self,
        module: &[String],
        target: &[String],
        shown: &[String],
        lines: &mut BTreeSet<String>,
    ) {
        let shown_path = shown.join("::");
        assert!(target.last().is_none_or(|last| last != "*"), "{shown_path}: name what is exported");
        let Some(found) = self.resolve(module, target) else {
            lines.insert(format!("reexport {shown_path} = {}", target.join("::")));
            return;
        };
        if self.modules.contains_key(&found) {
            self.list(&found, shown, lines);
        } else if let Some(item) = self.item(&found) {
            self.list_definition(&found, item, &shown_path, lines);
        }
    }

    fn list_definition(&self, path: &[String], item: &syn::Item, shown: &str, lines: &mut BTreeSet<String>) {
        let Some((_, _, kind, _)) = definition(item) else { return };
        lines.insert(format!("{kind} {shown}"));
        let methods = self.methods.get(path).into_iter().flatten();
        lines.extend(methods.map(|method| format!("fn {shown}::{method}")));
        if let syn::Item::Trait(made) = item {
            lines.extend(made.items.iter().filter_map(|member| match member {
                syn::TraitItem::Fn(method) => Some(format!("fn {shown}::{}", method.sig.ident)),
                _ => None,
            }));
        }
    }

    fn item(&self, path: &[String]) -> Option<&syn::Item> {
        let (name, module) = path.split_last()?;
        let mut items = self.modules.get(module)?.iter();
        items.find(|item| definition(item).is_some_and(|(_, _, _, ident)| ident == name))
    }

    /// Finds where what `module` calls `name` is defined; `None` if that is another crate.
    fn resolve(&self, module: &[String], name: &[String]) -> Option<Path> {
        let (first, rest) = name.split_first()?;
        match first.as_str() {
            "crate" => return self.descend(Vec::new(), rest),
            "self" => return self.descend(module.to_vec(), rest),
            "super" => return self.resolve_above(module, rest),
            _ => {}
        }
        self.descend(module.to_vec(), name)
    }

    fn resolve_above(&self, module: &[String], rest: &[String]) -> Option<Path> {
        let (_, above) = module.split_last()?;
        if rest.first().is_some_and(|next| next == "super") {
            self.resolve(above, rest)
        } else {
            self.descend(above.to_vec(), rest)
        }
    }

    fn descend(&self, module: Path, name: &[String]) -> Option<Path> {
        let Some((first, rest)) = name.split_first() else { return Some(module) };
        let next: Path = module.iter().chain([first]).cloned().collect();
        if self.modules.contains_key(&next) {
            return self.descend(next, rest);
        }
        if self.item(&next).is_some() {
            return Some(next);
        }
        let imports = self.modules.get(&module)?.iter().filter_map(|item| match item {
            syn::Item::Use(import) => Some(imports(&import.tree)),
            _ => None,
        });
        let (_, target) = imports
            .flatten()
            .find(|(name, target)| name == first && target.as_slice() != std::slice::from_ref(first))?;
        let whole: Path = target.iter().chain(rest).cloned().collect();
        self.resolve(&module, &whole)
    }
}

fn child(path: &[String], name: &impl ToString) -> Path {
    path.iter().cloned().chain([name.to_string()]).collect()
}

fn is_shown(visibility: &syn::Visibility, attributes: &[syn::Attribute]) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
        && !source::is_hidden(attributes)
        && !source::is_test(attributes)
}

fn public_member(item: &syn::ImplItem) -> Option<String> {
    match item {
        syn::ImplItem::Fn(method) if is_shown(&method.vis, &method.attrs) => {
            Some(method.sig.ident.to_string())
        }
        syn::ImplItem::Const(value) if is_shown(&value.vis, &value.attrs) => Some(value.ident.to_string()),
        _ => None,
    }
}

type Definition<'a> = (&'a syn::Visibility, &'a [syn::Attribute], &'static str, &'a syn::Ident);

fn definition(item: &syn::Item) -> Option<Definition<'_>> {
    Some(match item {
        syn::Item::Struct(i) => (&i.vis, &i.attrs, "struct", &i.ident),
        syn::Item::Enum(i) => (&i.vis, &i.attrs, "enum", &i.ident),
        syn::Item::Union(i) => (&i.vis, &i.attrs, "union", &i.ident),
        syn::Item::Trait(i) => (&i.vis, &i.attrs, "trait", &i.ident),
        syn::Item::Type(i) => (&i.vis, &i.attrs, "type", &i.ident),
        syn::Item::Fn(i) => (&i.vis, &i.attrs, "fn", &i.sig.ident),
        syn::Item::Const(i) => (&i.vis, &i.attrs, "const", &i.ident),
        syn::Item::Static(i) => (&i.vis, &i.attrs, "static", &i.ident),
        _ => return None,
    })
}

/// The names that a `use` brings, each with the path it stands for.
fn imports(tree: &syn::UseTree) -> Vec<(String, Path)> {
    let under = |first: &syn::Ident, inner: Vec<(String, Path)>| {
        inner.into_iter().map(|(name, path)| (name, [vec![first.to_string()], path].concat())).collect()
    };
    match tree {
        syn::UseTree::Path(path) => match &*path.tree {
            syn::UseTree::Name(name) if name.ident == "self" => {
                vec![(path.ident.to_string(), vec![path.ident.to_string()])]
            }
            inner => under(&path.ident, imports(inner)),
        },
        syn::UseTree::Name(name) => vec![(name.ident.to_string(), vec![name.ident.to_string()])],
        syn::UseTree::Rename(to) => vec![(to.rename.to_string(), vec![to.ident.to_string()])],
        syn::UseTree::Glob(_) => vec![("*".to_owned(), vec!["*".to_owned()])],
        syn::UseTree::Group(group) => group.items.iter().flat_map(imports).collect(),
    }
}

fn surface_of(files: &[(&str, &str)]) -> Vec<String> {
    surface(&files.iter().map(|(file, text)| (PathBuf::from(file), (*text).to_owned())).collect())
}

#[test]
fn public_modules_and_exports_from_private_ones_are_followed() {
    let found = surface_of(&[
        (
            "lib.rs",
            "pub mod ids; mod conn; pub use conn::{dial::Connect, Handle as Connection}; pub use bytes::Bytes;",
        ),
        (
            "ids.rs",
            "pub struct Id(pub i32); impl Id { pub fn new() {} fn hidden() {} pub const MAX: i32 = 1; } struct Private;",
        ),
        (
            "conn/mod.rs",
            "pub(crate) mod dial; mod handle; pub(crate) use handle::Handle; pub(crate) struct Inner;",
        ),
        ("conn/dial.rs", "pub trait Connect { fn connect(&self); }"),
        (
            "conn/handle.rs",
            "pub struct Handle; mod more { use super::Handle; impl Handle { pub async fn send(&self) {} } }",
        ),
    ]);
    let expected = [
        "fn ottla::Connect::connect",
        "fn ottla::Connection::send",
        "fn ottla::ids::Id::MAX",
        "fn ottla::ids::Id::new",
        "reexport ottla::Bytes = bytes::Bytes",
        "struct ottla::Connection",
        "struct ottla::ids::Id",
        "trait ottla::Connect",
    ];
    assert_eq!(found, expected);
}

#[test]
fn hidden_items_tests_and_types_of_the_same_name_stay_apart() {
    let found = surface_of(&[
        (
            "lib.rs",
            "#[doc(hidden)] pub mod internals { pub fn f() {} } mod a; mod error; pub use error::Error;",
        ),
        ("a.rs", "pub struct Error; impl Error { pub fn private(&self) {} }"),
        (
            "error.rs",
            "pub struct Error; impl Error { pub fn kind(&self) {} } #[cfg(test)] mod tests { pub fn t() {} }",
        ),
    ]);
    assert_eq!(found, ["fn ottla::Error::kind", "struct ottla::Error"]);
}

#[test]
fn a_difference_says_what_came_and_what_went() {
    assert_eq!(difference("fn a\nfn b\n", "fn b\nfn c\n"), ["- fn a", "+ fn c"]);
    assert_eq!(difference("fn a\n", "fn a\n"), [""; 0]);
}

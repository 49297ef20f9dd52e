//! What a krb5.conf says, before anyone asks what it means: sections in sections, and relations.

use std::collections::HashMap;

/// A section of a [`Profile`], by its place in the list of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SectionId(usize);

/// The value of a relation, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    /// The file, by its place in the list of files that were read.
    pub(super) file: usize,
    pub(super) line: usize,
}

#[derive(Debug)]
struct Section {
    parent: Option<SectionId>,
    is_final: bool,
}

/// All that one name stands for within a section.
#[derive(Debug, Default)]
struct Named {
    section: Option<SectionId>,
    values: Vec<Value>,
    /// One of the values is marked with `*`: no more are taken.
    is_final: bool,
}

/// The content of one file and all that it includes.
///
/// Sections are kept in one list and found by name in one map, so that neither the depth of a
/// hostile file nor the number of its names costs more than its length.
#[derive(Debug)]
pub(super) struct Profile {
    sections: Vec<Section>,
    names: HashMap<(SectionId, String), Named>,
}

impl Default for Profile {
    fn default() -> Self {
        Self { sections: vec![Section { parent: None, is_final: false }], names: HashMap::new() }
    }
}

impl Profile {
    /// The section that holds the top-level sections.
    pub(super) const ROOT: SectionId = SectionId(0);

    /// Enters the section `name` of `parent`. One that is there already goes on.
    pub(super) fn enter(&mut self, parent: SectionId, name: &str) -> SectionId {
        let next = SectionId(self.sections.len());
        let named = self.names.entry((parent, name.to_owned())).or_default();
        let section = *named.section.get_or_insert(next);
        if section == next {
            self.sections.push(Section { parent: Some(parent), is_final: false });
        }
        section
    }

    /// Adds a relation, unless an earlier one of that name is final.
    pub(super) fn add(&mut self, section: SectionId, name: &str, value: Value, is_final: bool) {
        let named = self.names.entry((section, name.to_owned())).or_default();
        if !named.is_final {
            named.values.push(value);
            named.is_final = is_final;
        }
    }

    /// Marks a section as final: what follows for it, here or in later files, does not count.
    pub(super) fn finish(&mut self, section: SectionId) {
        if let Some(section) = self.sections.get_mut(section.0) {
            section.is_final = true;
        }
    }

    pub(super) fn is_final(&self, section: SectionId) -> bool {
        self.sections.get(section.0).is_some_and(|section| section.is_final)
    }

    pub(super) fn parent(&self, section: SectionId) -> SectionId {
        self.sections.get(section.0).and_then(|section| section.parent).unwrap_or(Self::ROOT)
    }

    /// Finds the values of the relation `name` in the sections `path`, from the outermost in, and
    /// tells whether this file's word is final.
    fn values(&self, path: &[&str], name: &str) -> (&[Value], bool) {
        let (mut section, mut is_final) = (Self::ROOT, false);
        for part in path {
            match self.names.get(&(section, (*part).to_owned())).and_then(|named| named.section) {
                Some(inner) => section = inner,
                None => return (&[], is_final),
            }
            is_final |= self.is_final(section);
        }
        match self.names.get(&(section, name.to_owned())) {
            Some(named) => (&named.values, is_final || named.is_final),
            None => (&[], is_final),
        }
    }
}

/// Finds the values of a relation in a list of files: those of the first file come first, and a
/// final section or relation keeps later files out.
pub(super) fn values<'a>(profiles: &'a [Profile], path: &[&str], name: &str) -> Vec<&'a Value> {
    let mut all = Vec::new();
    for profile in profiles {
        let (values, is_final) = profile.values(path, name);
        all.extend(values);
        if is_final {
            break;
        }
    }
    all
}

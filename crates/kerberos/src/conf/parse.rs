//! Reads the lines of a krb5.conf into a [`Profile`], as MIT's library does.
//!
//! ```text
//! ignored before the first section        include /path      includedir /dir     (column 0, anywhere)
//! [section]  or  [section]*               '*' marks as final: later words do not count
//!     name = value    name* = value    name = "quoted \n value"
//!     name = {                         or '{' alone on the next line
//!         name = value
//!     }                                or '}*'
//! # comment    ; comment
//! ```

use std::path::{Path, PathBuf};

use super::profile::{Profile, SectionId, Value};
use super::{ConfError, LineFault, MAX_INCLUDE_DEPTH};
use crate::file::FileError;

/// Where included files come from.
pub(super) trait Source {
    /// Reads a file. One that is a directory is empty.
    fn file(&mut self, path: &Path) -> Result<Vec<u8>, Stop>;

    /// Lists the files of a directory that MIT would include, in MIT's order.
    fn directory(&mut self, path: &Path) -> Result<Vec<PathBuf>, Stop>;
}

/// Why a source gives nothing.
pub(super) enum Stop {
    File(FileError),
    TooLong,
}

/// What ends a line; a line keeps it, since it is a blank too.
const NEWLINE: [char; 2] = ['\r', '\n'];

/// Reads files into one profile.
pub(super) struct Parser<'a> {
    pub(super) source: &'a mut dyn Source,
    pub(super) profile: &'a mut Profile,
    /// All files that were read, in order: values refer to them.
    pub(super) files: &'a mut Vec<PathBuf>,
}

/// What the lines of one file have led to. Each included file starts afresh.
struct State {
    expects: Expects,
    section: SectionId,
    /// 0 outside of sections, 1 in a section, one more in each block.
    level: usize,
    /// Within a section or block of this level that was final before: nothing counts.
    discard: Option<usize>,
}

enum Expects {
    FirstSection,
    Line,
    Brace,
}

impl Parser<'_> {
    /// Reads one file and what it includes.
    pub(super) fn file(&mut self, path: &Path, bytes: &[u8], depth: usize) -> Result<(), ConfError> {
        let file = self.files.len();
        self.files.push(path.to_owned());
        let text = String::from_utf8_lossy(bytes);
        let mut state =
            State { expects: Expects::FirstSection, section: Profile::ROOT, level: 0, discard: None };
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let number = index + 1;
            let fault = |fault| ConfError::Line { file: path.to_owned(), line: number, fault };
            if let Some(path) = argument(line, "include") {
                self.include(&[PathBuf::from(path)], depth, fault)?;
            } else if let Some(dir) = argument(line, "includedir") {
                let paths = self.source.directory(Path::new(dir)).map_err(|stop| stop.at(fault))?;
                self.include(&paths, depth, fault)?;
            } else {
                state.line(line, (file, number), self.profile).map_err(fault)?;
            }
        }
        Ok(())
    }

    fn include(
        &mut self,
        paths: &[PathBuf],
        depth: usize,
        fault: impl Fn(LineFault) -> ConfError,
    ) -> Result<(), ConfError> {
        if depth == MAX_INCLUDE_DEPTH {
            return Err(fault(LineFault::IncludeDepth));
        }
        for path in paths {
            let bytes = self.source.file(path).map_err(|stop| stop.at(&fault))?;
            self.file(path, &bytes, depth + 1)?;
        }
        Ok(())
    }
}

impl Stop {
    fn at(self, fault: impl Fn(LineFault) -> ConfError) -> ConfError {
        match self {
            Self::File(error) => fault(LineFault::Include(error)),
            Self::TooLong => ConfError::TooLong,
        }
    }
}

/// Gives what follows a directive that starts in column 0 and is followed by a blank.
fn argument<'a>(line: &'a str, directive: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(directive)?;
    rest.starts_with(blank).then(|| rest.trim_start_matches(blank).trim_end_matches(NEWLINE))
}

/// What C calls a space.
fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

impl State {
    fn line(&mut self, line: &str, place: (usize, usize), profile: &mut Profile) -> Result<(), LineFault> {
        match self.expects {
            Expects::FirstSection if argument(line, "module").is_some() => Err(LineFault::Module),
            Expects::FirstSection if !line.starts_with('[') => Ok(()),
            Expects::FirstSection | Expects::Line => {
                self.expects = Expects::Line;
                self.statement(line.trim_start_matches(blank).trim_end_matches(NEWLINE), place, profile)
            }
            Expects::Brace if line.trim_start_matches(blank).starts_with('{') => {
                self.expects = Expects::Line;
                Ok(())
            }
            Expects::Brace => Err(LineFault::MissingBrace),
        }
    }

    fn statement(
        &mut self,
        line: &str,
        place: (usize, usize),
        profile: &mut Profile,
    ) -> Result<(), LineFault> {
        match line.chars().next() {
            None | Some(';' | '#') => Ok(()),
            Some('[') => self.section(line, profile),
            Some('}') => self.end_block(line, profile),
            Some(_) => self.relation(line, place, profile),
        }
    }

    fn section(&mut self, line: &str, profile: &mut Profile) -> Result<(), LineFault> {
        if self.level > 1 {
            return Err(LineFault::SectionInBlock);
        }
        let (name, rest) =
            line.strip_prefix('[').and_then(|line| line.split_once(']')).ok_or(LineFault::Section)?;
        self.section = profile.enter(Profile::ROOT, name);
        self.level = 1;
        self.discard = profile.is_final(self.section).then_some(1);
        let rest = match rest.strip_prefix('*') {
            Some(rest) => {
                profile.finish(self.section);
                rest
            }
            None => rest,
        };
        if rest.chars().all(blank) { Ok(()) } else { Err(LineFault::Section) }
    }

    fn end_block(&mut self, line: &str, profile: &mut Profile) -> Result<(), LineFault> {
        if self.level < 2 {
            return Err(LineFault::UnmatchedBrace);
        }
        if line.starts_with("}*") {
            profile.finish(self.section);
        }
        self.level -= 1;
        if self.discard.is_some_and(|level| self.level < level) {
            self.discard = None;
        }
        // A block that was discarded was not entered either.
        if self.discard.is_none() {
            self.section = profile.parent(self.section);
        }
        Ok(())
    }

    fn relation(
        &mut self,
        line: &str,
        (file, line_number): (usize, usize),
        profile: &mut Profile,
    ) -> Result<(), LineFault> {
        let (name, value) = line.split_once('=').ok_or(LineFault::Relation)?;
        let name = name.trim_end_matches(blank);
        if name.is_empty() || name.contains(blank) {
            return Err(LineFault::Relation);
        }
        let (name, is_final) = match name.split_once('*') {
            Some((name, _)) => (name, true),
            None => (name, false),
        };
        let value = value.trim_start_matches(blank);
        let opens = value.strip_prefix('{').is_some_and(|rest| rest.chars().all(blank));
        if value.is_empty() || opens {
            if value.is_empty() {
                self.expects = Expects::Brace;
            }
            self.start_block(name, is_final, profile);
        } else if self.discard.is_none() {
            let text = match value.strip_prefix('"') {
                Some(quoted) => unquote(quoted),
                None => value.trim_end_matches(blank).to_owned(),
            };
            profile.add(self.section, name, Value { text, file, line: line_number }, is_final);
        }
        Ok(())
    }

    fn start_block(&mut self, name: &str, is_final: bool, profile: &mut Profile) {
        self.level += 1;
        if self.discard.is_none() {
            self.section = profile.enter(self.section, name);
            if profile.is_final(self.section) {
                self.discard = Some(self.level);
            }
            if is_final {
                profile.finish(self.section);
            }
        }
    }
}

/// Reads up to the closing quote or the end of the line; `\n`, `\t`, `\b` and `\x` for any `x`.
fn unquote(quoted: &str) -> String {
    let (mut text, mut chars) = (String::new(), quoted.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('b') => text.push('\u{8}'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            c => text.push(c),
        }
    }
    text
}

//! Our Java programs in `crates/lab/java`: compiled once into a jar.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::class_path;
use crate::command::{bound_to_this_thread, run_well};
use crate::error::{Context, Result};

fn sources() -> Result<Vec<PathBuf>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("java");
    let entries = fs::read_dir(&dir).context(|| format!("list {}", dir.display()))?;
    let mut sources: Vec<PathBuf> =
        entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "java"));
    sources.sort();
    Ok(sources)
}

/// A number that changes with the text of any program.
pub(crate) fn fingerprint() -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for source in sources()? {
        fs::read(&source).context(|| format!("read {}", source.display()))?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Compiles all programs into `jar`.
pub(crate) fn compile(jars: &[PathBuf], jar: &Path) -> Result<()> {
    let classes = jar.with_extension("classes");
    let mut javac = bound_to_this_thread("javac");
    javac.args(["-proc:none", "--release", "17", "-cp", &class_path(jars.iter()), "-d"]).arg(&classes);
    run_well(javac.args(sources()?), Duration::from_secs(120))?;
    let mut archiver = bound_to_this_thread("jar");
    run_well(archiver.arg("cf").arg(jar).arg("-C").arg(&classes).arg("."), Duration::from_secs(60))?;
    fs::remove_dir_all(&classes).context(|| format!("remove {}", classes.display()))
}

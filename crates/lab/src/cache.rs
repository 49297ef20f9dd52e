//! What is made once per Kafka version and kept: jars, our Java programs, formatted storage and
//! a class-data archive that halves the start of a JVM.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::command::{bound_to_this_thread, require_programs, run_well};
use crate::containers::Image;
use crate::deadline::Deadline;
use crate::error::{Context, Error, Result};
use crate::jvms::Jvms;
use crate::profile::Profile;
use crate::versions::Version;
use crate::{format, java, layout};

/// Everything that a version needs, present and complete.
#[derive(Clone, Debug)]
pub(crate) struct Kit {
    pub(crate) version: Version,
    /// Kafka's jars, sorted: the archive is tied to the class path.
    pub(crate) jars: Vec<PathBuf>,
    /// Our programs of `crates/lab/java`.
    pub(crate) programs: PathBuf,
    /// Has `bootstrap.checkpoint` with the SCRAM users.
    pub(crate) formatted: PathBuf,
    /// Makes a JVM use the class-data archive, or write it.
    pub(crate) archive_flag: String,
}

impl Kit {
    /// Makes what is missing. One process at a time: others wait for it up to ten minutes.
    pub(crate) fn prepare(version: Version, profile: Profile, jvms: &Jvms) -> Result<Self> {
        require_programs()?;
        let (dir, _guard) = locked_dir(version)?;
        let jars = jars_of(&downloaded(version, &dir)?)?;
        let fingerprint = java::fingerprint()?;
        let programs = dir.join(format!("programs-{fingerprint:016x}.jar"));
        once(&programs, |part| java::compile(&jars, part))?;
        let metadata = profile.metadata_version();
        let formatted = dir.join(metadata.map_or("formatted".to_owned(), |it| format!("formatted-{it}")));
        once(&formatted, |part| format::format(&jars, metadata, part))?;
        // The archive is tied to the JDK and to every jar of the class path, our programs' too.
        let archive = dir.join(format!("classes-{:016x}-{fingerprint:016x}.jsa", java_version()?));
        let archive_flag = format!("-XX:SharedArchiveFile={}", archive.display());
        let kit = Self { version, jars, programs, formatted, archive_flag };
        once(&archive, |part| format::archive(&kit, part, jvms))?;
        Ok(kit)
    }

    /// What every JVM is told: quick to start rather than quick in the long run.
    pub(crate) fn jvm_flags(&self) -> Vec<String> {
        let mut flags: Vec<String> = JVM_FLAGS.map(str::to_owned).to_vec();
        flags.push(self.archive_flag.clone());
        flags.extend(["-cp".to_owned(), class_path(self.jars.iter().chain([&self.programs]))]);
        flags
    }

    /// The same for a JVM in a container, which ends with its standard input besides.
    pub(crate) fn container_flags(&self) -> Vec<String> {
        let mut flags: Vec<String> = JVM_FLAGS.map(str::to_owned).to_vec();
        flags.push("-Dlab.ends-with-input=true".to_owned());
        flags.extend(["-cp".to_owned(), Image::class_path(&self.programs)]);
        flags
    }
}

/// The directory of Kafka's jars, downloaded if need be.
///
/// # Errors
/// An unknown version, a missing program or a failed download.
pub fn jars(kafka: &str) -> Result<PathBuf> {
    let version = Version::named(kafka)?;
    require_programs()?;
    let (dir, _guard) = locked_dir(version)?;
    downloaded(version, &dir)
}

fn downloaded(version: Version, dir: &Path) -> Result<PathBuf> {
    let libs = dir.join("libs");
    once(&libs, |part| download(version, part))?;
    Ok(libs)
}

/// Where everything of a version is kept, for as long as the lock is held.
fn locked_dir(version: Version) -> Result<(PathBuf, File)> {
    let dir = layout::cache_dir()?.join(format!("kafka-{}", version.kafka));
    fs::create_dir_all(&dir).context(|| format!("create {}", dir.display()))?;
    let guard = lock(&dir.join("lock"))?;
    Ok((dir, guard))
}

/// Messages of the JVM go to standard error: on standard output our programs answer.
const JVM_FLAGS: [&str; 7] = [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Xms64m",
    "-Xmx256m",
    "-Xlog:disable",
    "-Xlog:all=warning:stderr",
];

/// Joins jars to a class path.
pub(crate) fn class_path<'a>(jars: impl Iterator<Item = &'a PathBuf>) -> String {
    jars.map(|jar| jar.to_string_lossy()).collect::<Vec<_>>().join(":")
}

/// Makes `path` unless it is there, under another name first: what is there is complete.
fn once(path: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    if part.is_dir() {
        fs::remove_dir_all(&part).context(|| format!("remove {}", part.display()))?;
    } else if part.exists() {
        fs::remove_file(&part).context(|| format!("remove {}", part.display()))?;
    }
    make(&part)?;
    fs::rename(&part, path).context(|| format!("rename to {}", path.display()))
}

/// Takes the lock of a file, which the kernel gives back when the process ends.
fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).context(|| format!("create {}", path.display()))?;
    let taken = Deadline::after(Duration::from_secs(600)).wait_for(|| file.try_lock().ok());
    taken.ok_or_else(|| Error::new(format!("another process held {} for ten minutes", path.display())))?;
    Ok(file)
}

fn download(version: Version, into: &Path) -> Result<()> {
    let dependency = |coordinates: &str| {
        let mut parts = coordinates.split(':');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let (group, artifact, version) = (part(), part(), part());
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    let kafka = version.kafka;
    let broker = dependency(&format!("org.apache.kafka:kafka_2.13:{kafka}"));
    let tools = dependency(&format!("org.apache.kafka:kafka-tools:{kafka}"));
    let pom = format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>ottla-lab</groupId><artifactId>jars</artifactId>\
         <version>1</version><dependencies>{broker}{tools}{}</dependencies></project>",
        dependency(version.logging)
    );
    fs::create_dir_all(into).context(|| format!("create {}", into.display()))?;
    let file = into.join("pom.xml");
    fs::write(&file, pom).context(|| format!("write {}", file.display()))?;
    let mut maven = bound_to_this_thread("mvn");
    maven.arg("-q").arg("-B").arg("-f").arg(&file).arg("dependency:copy-dependencies");
    maven.arg(format!("-DoutputDirectory={}", into.display()));
    run_well(&mut maven, Duration::from_secs(480)).map(drop)
}

fn jars_of(libs: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(libs).context(|| format!("list {}", libs.display()))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut jars: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "jar")).collect();
    jars.sort();
    Ok(jars)
}

/// Tells JDKs apart: an archive of one is of no use to another.
fn java_version() -> Result<u64> {
    let output = run_well(Command::new("java").arg("-version"), Duration::from_secs(30))?;
    let mut hasher = DefaultHasher::new();
    output.stderr.hash(&mut hasher);
    Ok(hasher.finish())
}

//! Nodes in containers: the same files and the same program, in any image with the layout of
//! `apache/kafka` (jars in `/opt/kafka/libs`, `java` on the path).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::command::{bound_to_this_thread, run};
use crate::error::{Context, Result};

/// Where the image has Kafka's jars.
const JARS: &str = "/opt/kafka/libs/*";

/// How long the engine may take over a container that is to be killed.
const KILL: Duration = Duration::from_secs(30);

/// An image, and the program that runs it.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    name: String,
    engine: OsString,
}

impl Image {
    /// The image that `OTTLA_LAB_IMAGE` names, in which `{version}` stands for the version of
    /// Kafka. `OTTLA_LAB_ENGINE` names another program than `docker` with the same arguments.
    pub(crate) fn of(kafka: &str) -> Option<Self> {
        let name = std::env::var("OTTLA_LAB_IMAGE").ok().filter(|name| !name.is_empty())?;
        let engine = std::env::var_os("OTTLA_LAB_ENGINE").unwrap_or_else(|| "docker".into());
        Some(Self { name: name.replace("{version}", kafka), engine })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The class path inside a container. An archive of the classes is of no use there: it is tied
    /// to the JDK that wrote it.
    pub(crate) fn class_path(programs: &Path) -> String {
        format!("{JARS}:{}", programs.display())
    }

    /// A command that *is* the container `name`, as far as processes go: a signal to it reaches the
    /// node, and the node ends itself when its standard input ends, which the command holds. So a
    /// lab that is killed leaves no container, though these are no children of it.
    pub(crate) fn command(&self, name: &str, mounts: &[PathBuf]) -> Command {
        let mut command = bound_to_this_thread(&self.engine);
        command.args(["run", "--rm", "--interactive", "--network", "host", "--name", name]);
        let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        command.args(["--user", &format!("{user}:{group}"), "--entrypoint", "java"]);
        for mount in mounts {
            let path = mount.display();
            command.arg("--volume").arg(format!("{path}:{path}"));
        }
        command.arg(&self.name).stdin(Stdio::piped());
        command
    }

    /// Kills a container, which [`Self::command`] outlives by a moment.
    pub(crate) fn kill(&self, name: &str) -> Result<()> {
        let mut command = bound_to_this_thread(&self.engine);
        // One that is not there has ended.
        run(command.args(["kill", name]), KILL).map(drop).context(|| format!("kill the container {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_the_files_under_the_same_names_and_belongs_to_the_same_user() {
        let image = Image { name: "apache/kafka:1.2.3".into(), engine: "docker".into() };
        let command = image.command("lab-b1", &["/lab".into(), "/programs.jar".into()]);
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        let line = words.join(" ");
        assert!(line.contains("--volume /lab:/lab --volume /programs.jar:/programs.jar"), "{line}");
        assert!(line.contains(&format!("--user {}:", rustix::process::getuid().as_raw())), "{line}");
        assert!(line.ends_with(" apache/kafka:1.2.3"), "{line}");
    }
}

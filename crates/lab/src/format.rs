//! Formatted storage and the class-data archive: two JVM starts that later ones are spared.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::{Kit, class_path};
use crate::certs;
use crate::command::{bound_to_this_thread, run_well};
use crate::error::{Context, Result};
use crate::jvms::Jvms;
use crate::layout::{USERS, kafka_id};
use crate::profile::Profile;
use crate::running::{Plan, Running};

/// Formats storage with the SCRAM users into `dir`.
pub(crate) fn format(jars: &[PathBuf], metadata_version: Option<&str>, dir: &Path) -> Result<()> {
    let data = dir.join("data");
    fs::create_dir_all(&data).context(|| format!("create {}", data.display()))?;
    let properties = dir.join("server.properties");
    let text = format!(
        "process.roles=broker,controller\nnode.id=1\nlog.dirs={}\ncontroller.listener.names=CONTROLLER\n\
         controller.quorum.voters=1@127.0.0.1:9093\nlisteners=CONTROLLER://127.0.0.1:9093,PLAINTEXT://127.0.0.1:9092\n",
        data.display()
    );
    fs::write(&properties, text).context(|| format!("write {}", properties.display()))?;
    let mut command = bound_to_this_thread("java");
    command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &class_path(jars.iter())]);
    command.args(["kafka.tools.StorageTool", "format", "-t", &kafka_id()?, "-c"]).arg(&properties);
    if let Some(version) = metadata_version {
        command.args(["--release-version", version]);
    }
    for user in USERS {
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            command.arg("--add-scram").arg(format!("{mechanism}=[name={user},password={user}-secret]"));
        }
    }
    run_well(&mut command, Duration::from_secs(60))?;
    let made = data.join("bootstrap.checkpoint");
    fs::rename(&made, dir.join("bootstrap.checkpoint")).context(|| format!("move {}", made.display()))?;
    fs::remove_dir_all(&data).context(|| format!("remove {}", data.display()))
}

/// Makes the storage directory of one node from what [`format`] left: the ids are its own.
pub(crate) fn copy_formatted(kit: &Kit, data: &Path, cluster_id: &str, node_id: u16) -> Result<()> {
    fs::create_dir_all(data).context(|| format!("create {}", data.display()))?;
    let checkpoint = "bootstrap.checkpoint";
    fs::copy(kit.formatted.join(checkpoint), data.join(checkpoint))
        .context(|| format!("copy {checkpoint}"))?;
    let directory_id = kafka_id()?;
    let meta =
        format!("version=1\ncluster.id={cluster_id}\nnode.id={node_id}\ndirectory.id={directory_id}\n");
    fs::write(data.join("meta.properties"), meta).context(|| format!("write in {}", data.display()))
}

/// Runs one node without an archive and has it write the classes that it used when it stops.
pub(crate) fn archive(kit: &Kit, file: &Path, jvms: &Jvms) -> Result<()> {
    let dir = file.with_extension("run");
    if dir.exists() {
        fs::remove_dir_all(&dir).context(|| format!("remove {}", dir.display()))?;
    }
    certs::write_all(&dir.join("certs"))?;
    let archiving =
        Kit { archive_flag: format!("-XX:ArchiveClassesAtExit={}", file.display()), ..kit.clone() };
    let plan = Plan {
        profile: Profile::Default,
        brokers: 1,
        dir: dir.join("cluster"),
        certs: dir.join("certs"),
        image: None,
    };
    let running = Running::start(archiving, plan, jvms.clone())?;
    running.stop_all()?;
    fs::remove_dir_all(&dir).context(|| format!("remove {}", dir.display()))
}

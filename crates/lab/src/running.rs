//! A cluster that runs, as the lab process sees it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::cache::Kit;
use crate::command::bound_to_this_thread;
use crate::containers::Image;
use crate::deadline::Deadline;
use crate::description::Description;
use crate::error::{Context, Error, Result};
use crate::format::copy_formatted;
use crate::jvms::Jvms;
use crate::layout::{self, MAX_BROKERS, broker_name};
use crate::node_properties::{CONTROLLER_ID, Node, Role, Shared};
use crate::ports::Ports;
use crate::profile::{Listener, Profile};
use crate::realms::{self, Realms};

/// How long a node may take to start. On an idle machine it takes 2 to 7 s; beside builds, 40 s.
const START: Duration = Duration::from_secs(240);

/// What to start, and where.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) profile: Profile,
    pub(crate) brokers: u16,
    pub(crate) dir: PathBuf,
    pub(crate) certs: PathBuf,
    /// What the nodes run in, unless they are processes of this machine.
    pub(crate) image: Option<Image>,
}

/// The nodes of a cluster and their processes.
#[derive(Debug)]
pub(crate) struct Running {
    plan: Plan,
    kit: Kit,
    cluster_id: String,
    nodes: Vec<Node>,
    jvms: Jvms,
    pids: Mutex<BTreeMap<u16, u32>>,
    realms: Option<Realms>,
    _ports: Ports,
}

impl Running {
    /// Lays out a cluster, starts it and waits until every node is ready.
    pub(crate) fn start(kit: Kit, plan: Plan, jvms: Jvms) -> Result<Self> {
        if plan.brokers == 0 || plan.brokers > MAX_BROKERS {
            return Err(Error::new(format!(
                "a cluster has 1 to {MAX_BROKERS} brokers, not {}",
                plan.brokers
            )));
        }
        let ports = Ports::reserve(1 + usize::from(plan.brokers) * Listener::ALL.len())?;
        let (controller_port, broker_ports) =
            ports.numbers().split_first().map_or((0, [].as_slice()), |(&one, all)| (one, all));
        let role = if plan.brokers == 1 { Role::Combined } else { Role::Broker };
        let mut nodes: Vec<Node> = (1..=plan.brokers)
            .zip(broker_ports.chunks(Listener::ALL.len()))
            .map(|(id, ports)| Node { id, role, ports: ports.to_vec() })
            .collect();
        if role == Role::Broker {
            nodes.insert(0, Node { id: CONTROLLER_ID, role: Role::Controller, ports: Vec::new() });
        }
        write_shared_files(&kit, &plan)?;
        let realms = plan.profile.has_realms().then(|| realms::dir_in(&plan.dir));
        let cluster_id = layout::kafka_id()?;
        let controller_id = if role == Role::Broker { CONTROLLER_ID } else { 1 };
        let shared = Shared {
            profile: plan.profile,
            brokers: plan.brokers,
            controller_id,
            controller_port,
            certs: &plan.certs,
            realms: realms.as_deref(),
        };
        for node in &nodes {
            let data = node_dir(&plan.dir, node.id).join("data");
            copy_formatted(&kit, &data, &cluster_id, node.id)?;
            write(&node_dir(&plan.dir, node.id).join("server.properties"), &node.properties(&shared, &data))?;
        }
        Description::write(&plan, kit.version.kafka, &cluster_id, &nodes)?;
        // Brokers log in at their KDC when they start.
        let realms = realms.map(|dir| Realms::start(&dir, &jvms)).transpose()?;
        let running =
            Self { plan, kit, cluster_id, nodes, jvms, pids: Mutex::default(), realms, _ports: ports };
        if let Err(error) = running.start_all() {
            running.kill_all();
            return Err(error);
        }
        Ok(running)
    }

    fn start_all(&self) -> Result<()> {
        let begun: Result<Vec<_>> = self.nodes.iter().map(|node| self.spawn(node.id)).collect();
        begun?.into_iter().try_for_each(|starting| self.await_ready(&starting))
    }

    /// Starts one node again, after [`Self::kill_node`] or [`Self::stop_node`].
    pub(crate) fn start_node(&self, id: u16) -> Result<()> {
        if !self.jvms.has_ended(self.pid(id)?) {
            return Err(Error::new(format!("node {id} is running")));
        }
        self.await_ready(&self.spawn(id)?)
    }

    /// `kill -9`: the others find out when the node's session ends, 6 s later.
    pub(crate) fn kill_node(&self, id: u16) -> Result<()> {
        let pid = self.pid(id)?;
        if let Some(image) = &self.plan.image {
            image.kill(&self.container(id))?;
            // The engine takes the name back first, so that the node can be started again.
            Deadline::after(START).wait_for(|| self.jvms.has_ended(pid).then_some(()));
        }
        self.jvms.kill(pid)
    }

    /// A controlled shutdown.
    pub(crate) fn stop_node(&self, id: u16) -> Result<()> {
        self.jvms.stop(self.pid(id)?, Duration::from_secs(60))
    }

    pub(crate) fn stop_all(&self) -> Result<()> {
        // Brokers first: their controlled shutdown asks the controller.
        self.nodes.iter().rev().try_for_each(|node| self.stop_node(node.id))
    }

    pub(crate) fn kill_all(&self) {
        for &pid in self.pids.lock().unwrap_or_else(PoisonError::into_inner).values() {
            // A process that cannot be killed has ended.
            drop(self.jvms.kill(pid));
        }
        for &pid in self.realms.iter().flat_map(Realms::pids) {
            drop(self.jvms.kill(pid));
        }
    }

    /// Names the first node that has ended by itself.
    pub(crate) fn check_health(&self) -> Result<()> {
        for node in &self.nodes {
            if self.jvms.has_ended(self.pid(node.id)?) {
                return Err(Error::with_log(&format!("node {} has ended", node.id), &self.log(node.id)));
            }
        }
        Ok(())
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.plan.dir
    }

    fn pid(&self, id: u16) -> Result<u32> {
        let pids = self.pids.lock().unwrap_or_else(PoisonError::into_inner);
        pids.get(&id).copied().ok_or_else(|| Error::new(format!("the cluster has no node {id}")))
    }

    fn log(&self, id: u16) -> PathBuf {
        node_dir(&self.plan.dir, id).join("log")
    }

    fn spawn(&self, id: u16) -> Result<Starting> {
        let dir = node_dir(&self.plan.dir, id);
        let path = self.log(id);
        let log = File::options().create(true).append(true).open(&path);
        let log = log.context(|| format!("open {}", path.display()))?;
        let old_length = log.metadata().context(|| format!("look at {}", path.display()))?.len();
        let errors = log.try_clone().context(|| format!("open {} twice", path.display()))?;
        let mut command = match &self.plan.image {
            None => {
                let mut command = bound_to_this_thread("java");
                command.arg(format!("@{}", java_args(&self.plan.dir).display()));
                command
            }
            Some(image) => {
                let mounts = [&self.plan.dir, &self.plan.certs, &self.kit.programs].map(Clone::clone);
                let mut command = image.command(&self.container(id), &mounts);
                command.arg(format!("@{}", container_args(&self.plan.dir).display()));
                command
            }
        };
        command.arg("Node").arg(dir.join("server.properties")).arg(dir.join("metrics.port"));
        command.stdout(log).stderr(errors).current_dir(&dir);
        let pid = self.jvms.spawn(command)?;
        self.pids.lock().unwrap_or_else(PoisonError::into_inner).insert(id, pid);
        write(&dir.join("pid"), &pid.to_string())?;
        Ok(Starting { id, pid, old_length })
    }

    /// The name of a node's container.
    fn container(&self, id: u16) -> String {
        format!("ottla-lab-{}-{id}", self.cluster_id)
    }

    /// Ready is what the node itself says; it says so after the controller has unfenced it.
    fn await_ready(&self, starting: &Starting) -> Result<()> {
        let &Starting { id, pid, old_length } = starting;
        let log = self.log(id);
        let skip = usize::try_from(old_length).unwrap_or(usize::MAX);
        let is_ready = || {
            let bytes = fs::read(&log).unwrap_or_default();
            let new = bytes.get(skip..).unwrap_or_default();
            String::from_utf8_lossy(new).contains("Kafka Server started")
        };
        let outcome = Deadline::after(START).wait_for(|| {
            if is_ready() {
                return Some(Ok(()));
            }
            let ended = self.jvms.has_ended(pid);
            ended.then(|| Err(Error::with_log(&format!("node {id} ended while it started"), &log)))
        });
        outcome.unwrap_or_else(|| {
            Err(Error::with_log(&format!("node {id} was not ready in {START:?}"), &log))
        })?;
        self.check_version(id)
    }

    /// An image may have another version than its name says.
    fn check_version(&self, id: u16) -> Result<()> {
        let said = format!("Kafka version: {}\n", self.kit.version.kafka);
        let log = fs::read(self.log(id)).context(|| format!("read the log of node {id}"))?;
        if String::from_utf8_lossy(&log).contains(&said) {
            return Ok(());
        }
        Err(Error::with_log(&format!("node {id} did not say {said:?}"), &self.log(id)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// A node that has been spawned; its log may be longer than what this start wrote.
struct Starting {
    id: u16,
    pid: u32,
    old_length: u64,
}

/// Where a node has its log, pid, metrics.port, server.properties and data.
pub(crate) fn node_dir(cluster: &Path, id: u16) -> PathBuf {
    cluster.join(format!("node-{id}"))
}

/// The file with the arguments that the JVMs in containers get.
fn container_args(cluster: &Path) -> PathBuf {
    cluster.join("container.args")
}

/// The file with the arguments that every JVM of a cluster gets.
pub(crate) fn java_args(cluster: &Path) -> PathBuf {
    cluster.join("java.args")
}

fn write_shared_files(kit: &Kit, plan: &Plan) -> Result<()> {
    fs::create_dir_all(&plan.dir).context(|| format!("create {}", plan.dir.display()))?;
    let hosts = plan.dir.join("hosts");
    let names = (1..=plan.brokers).map(broker_name).chain(["localhost".to_owned(), "elsewhere".to_owned()]);
    write(&hosts, &names.map(|name| format!("127.0.0.1 {name}\n")).collect::<String>())?;
    let (log4j, log4j2) = (plan.dir.join("log4j.properties"), plan.dir.join("log4j2.properties"));
    write(&log4j, LOG4J)?;
    write(&log4j2, LOG4J2)?;
    let mut flags = vec![format!("-Djdk.net.hosts.file={}", hosts.display())];
    if plan.profile.has_realms() {
        let krb5_conf = realms::krb5_conf(&realms::dir_in(&plan.dir));
        flags.push(format!("-Djava.security.krb5.conf={}", krb5_conf.display()));
    }
    flags.push(format!("-Dlog4j2.configurationFile={}", log4j2.display()));
    flags.push(format!("-Dlog4j.configuration=file:{}", log4j.display()));
    write(&java_args(&plan.dir), &quoted(kit.jvm_flags().iter().chain(&flags)))?;
    write(&container_args(&plan.dir), &quoted(kit.container_flags().iter().chain(&flags)))
}

/// A file of arguments for `java`, one a line.
fn quoted<'a>(flags: impl Iterator<Item = &'a String>) -> String {
    flags.map(|flag| format!("\"{}\"\n", flag.replace('\\', "\\\\").replace('"', "\\\""))).collect()
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).context(|| format!("write {}", path.display()))
}

/// Kafka 4: everything goes to standard error, since our programs answer on standard output.
const LOG4J2: &str = "\
status=error
appender.err.type=Console
appender.err.name=err
appender.err.target=SYSTEM_ERR
appender.err.layout.type=PatternLayout
appender.err.layout.pattern=%d{ISO8601} %p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.err.ref=err
logger.ready.name=kafka.server.KafkaRaftServer
logger.ready.level=info
logger.login.name=org.apache.kafka.common.network.Selector
logger.login.level=info
logger.denied.name=kafka.authorizer.logger
logger.denied.level=info
";

/// The same for Kafka 3.
const LOG4J: &str = "\
log4j.rootLogger=WARN, err
log4j.appender.err=org.apache.log4j.ConsoleAppender
log4j.appender.err.target=System.err
log4j.appender.err.layout=org.apache.log4j.PatternLayout
log4j.appender.err.layout.ConversionPattern=%d{ISO8601} %p %c{1} %m%n
log4j.logger.kafka.server.KafkaRaftServer=INFO
log4j.logger.org.apache.kafka.common.network.Selector=INFO
log4j.logger.kafka.authorizer.logger=INFO
";

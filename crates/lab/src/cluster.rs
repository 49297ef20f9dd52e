//! A running cluster, as a test sees it.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::client::Conversation;
use crate::client_properties::{Login, client_properties};
use crate::command::{bound_to_this_thread, run};
use crate::description::Description;
use crate::error::{Context, Error, Result, tail};
use crate::kerberos::Kerberos;
use crate::layout::{self, broker_name};
use crate::profile::{Listener, Profile};
use crate::realms;
use crate::running::{java_args, node_dir};

/// How long a Java program may run. On an idle machine they take about a second.
const JAVA_LIMIT: Duration = Duration::from_secs(240);

/// A cluster that is up. Its brokers are advertised as `b1`, `b2`, .. and have certificates for
/// these names; clients need [`Cluster::names`] to reach them.
#[derive(Clone, Debug)]
pub struct Cluster {
    description: Description,
}

impl Cluster {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Ok(Self { description: Description::read(path)? })
    }

    /// The bootstrap servers of a listener, such as `b1:10301,b2:10305,b3:10309`.
    pub fn bootstrap(&self, listener: Listener) -> String {
        let brokers = (1..=self.brokers()).filter_map(|id| self.address(id, listener).ok());
        brokers.collect::<Vec<_>>().join(",")
    }

    /// The address of one broker, such as `b2:10305`.
    ///
    /// # Errors
    /// A broker that the cluster does not have.
    pub fn address(&self, broker: u16, listener: Listener) -> Result<String> {
        Ok(format!("{}:{}", broker_name(broker), self.description.port(broker, listener)?))
    }

    /// The number of brokers; their ids count from 1.
    pub fn brokers(&self) -> u16 {
        self.description.brokers
    }

    /// The version of Apache Kafka, such as `4.3.1`.
    pub fn version(&self) -> &str {
        self.description.value("kafka").unwrap_or_default()
    }

    /// The cluster's id in Kafka.
    pub fn id(&self) -> &str {
        self.description.value("cluster.id").unwrap_or_default()
    }

    /// The image in whose containers the nodes run, unless they are processes of this machine. The
    /// containers are named `ottla-lab-` [`id`](Self::id) `-` and the node's id.
    pub fn image(&self) -> Option<&str> {
        self.description.value("image").ok()
    }

    /// The Kerberos realms.
    ///
    /// # Errors
    /// The cluster is of another profile than [`Profile::Kerberos`].
    pub fn kerberos(&self) -> Result<Kerberos> {
        if !Profile::named(self.description.value("profile")?)?.has_realms() {
            return Err(Error::new("only clusters of the profile kerberos have realms"));
        }
        Ok(Kerberos::new(realms::dir_in(&self.description.dir)))
    }

    /// What the names of the brokers stand for. `elsewhere` is there too: a name that leads to a
    /// broker but that no broker's certificate has.
    pub fn names(&self) -> HashMap<String, IpAddr> {
        let names = (1..=self.brokers()).map(broker_name).chain(["elsewhere".to_owned()]);
        names.map(|name| (name, IpAddr::V4(Ipv4Addr::LOCALHOST))).collect()
    }

    /// The certificate of the authority that signed all the others, PEM.
    pub fn ca_pem_path(&self) -> PathBuf {
        self.description.certs.join("ca.pem")
    }

    /// Certificate and PKCS#8 key (PEM, ECDSA P-256) of `alice` or `bob`, for clients; of a
    /// broker's name or `elsewhere`, for servers that a test runs itself.
    pub fn certificate(&self, name: &str) -> (PathBuf, PathBuf) {
        let certs = &self.description.certs;
        (certs.join(format!("{name}.crt")), certs.join(format!("{name}.key")))
    }

    /// A `client.properties` for Java and for everything that reads the same format.
    pub fn client_properties(&self, listener: Listener, login: &Login) -> String {
        client_properties(&self.bootstrap(listener), &self.description.certs, listener, login)
    }

    /// Writes [`Cluster::client_properties`] to a fresh file, which ends with the cluster.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn client_properties_file(&self, listener: Listener, login: &Login) -> Result<PathBuf> {
        let path = self.description.dir.join(format!("client-{}.properties", layout::kafka_id()?));
        fs::write(&path, self.client_properties(listener, login))
            .context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// Runs a Java program to its end, at most four minutes, with the cluster's jars and names:
    /// one of `crates/lab/java` (`Admin`, `Produce`, ..), a class of Kafka's (the console tools
    /// are there) or a source file `X.java`. A failure of the program is in the output.
    ///
    /// # Errors
    /// A program that cannot be started or that runs too long.
    pub fn java(&self, program: &str, arguments: &[&str]) -> Result<Output> {
        let mut command = bound_to_this_thread("java");
        command.arg(format!("@{}", java_args(&self.description.dir).display())).arg(program);
        run(command.args(arguments), JAVA_LIMIT)
    }

    /// Runs a Java program that must succeed and gives what it printed on standard output.
    ///
    /// # Errors
    /// As [`Cluster::java`], and a failure of the program with what it said.
    pub fn java_answer(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let output = self.java(program, arguments)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Error::new(format!("{program} {arguments:?}: {}\n{said}", output.status)))
    }

    /// Runs `Admin` of `crates/lab/java` as the super user; the first argument is its subcommand.
    ///
    /// # Errors
    /// As [`Cluster::java_answer`].
    pub fn admin(&self, arguments: &[&str]) -> Result<String> {
        let properties = self.client_properties_file(Listener::Plaintext, &Login::Nobody)?;
        let file = properties.to_string_lossy();
        let arguments: Vec<&str> = [file.as_ref()].into_iter().chain(arguments.iter().copied()).collect();
        self.java_answer("Admin", &arguments)
    }

    /// Sums a metric over all brokers that run: an attribute such as `expired-connections-killed-count`
    /// of `kafka.server:type=socket-server-metrics`, or, with a slash, an attribute of the beans
    /// that match a pattern: `kafka.network:type=RequestMetrics,*/Count`.
    ///
    /// # Errors
    /// No broker answers.
    pub fn metric_sum(&self, name: &str) -> Result<f64> {
        let question = if name.contains('/') {
            format!("{name}\n")
        } else {
            format!("kafka.server:type=socket-server-metrics,*/{name}\n")
        };
        let answers: Vec<Result<f64>> =
            (1..=self.brokers()).map(|broker| self.ask_broker(broker, &question)).collect();
        if answers.iter().all(Result::is_err) {
            answers.into_iter().sum()
        } else {
            Ok(answers.into_iter().flatten().sum())
        }
    }

    fn ask_broker(&self, broker: u16, question: &str) -> Result<f64> {
        let doing = || format!("read a metric of b{broker}");
        let port = fs::read_to_string(self.node_dir(broker).join("metrics.port")).context(doing)?;
        let port: u16 = port.parse().context(doing)?;
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context(doing)?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).context(doing)?;
        stream.write_all(question.as_bytes()).context(doing)?;
        let mut answer = String::new();
        stream.take(64).read_to_string(&mut answer).context(doing)?;
        answer.trim().parse().context(doing)
    }

    /// The process id of a broker.
    ///
    /// # Errors
    /// A broker that the cluster does not have.
    pub fn pid(&self, broker: u16) -> Result<u32> {
        let path = self.node_dir(broker).join("pid");
        let text = fs::read_to_string(&path).context(|| format!("read {}", path.display()))?;
        text.parse().context(|| format!("read {}", path.display()))
    }

    /// The log file of a broker.
    pub fn log(&self, broker: u16) -> PathBuf {
        self.node_dir(broker).join("log")
    }

    /// The last lines of a broker's log, to show in a failure.
    pub fn log_tail(&self, broker: u16) -> String {
        tail(&self.log(broker))
    }

    fn node_dir(&self, broker: u16) -> PathBuf {
        node_dir(&self.description.dir, broker)
    }
}

/// A cluster that belongs to one test. Dropping it ends it.
#[derive(Debug)]
pub struct OwnCluster {
    cluster: Cluster,
    conversation: Mutex<Conversation>,
}

impl OwnCluster {
    pub(crate) fn new(cluster: Cluster, conversation: Conversation) -> Self {
        Self { cluster, conversation: Mutex::new(conversation) }
    }

    /// A broker, to stop and start. Id 100 is the controller, if the cluster has one besides.
    pub fn broker(&self, id: u16) -> Broker<'_> {
        Broker { cluster: self, id }
    }
}

impl Deref for OwnCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

/// A broker of an [`OwnCluster`]. It keeps its ports and its data when it is started again.
#[derive(Clone, Copy, Debug)]
pub struct Broker<'a> {
    cluster: &'a OwnCluster,
    id: u16,
}

impl Broker<'_> {
    /// Kills the broker (`kill -9`). The controller misses it after 6 s.
    ///
    /// # Errors
    /// A broker that the cluster does not have.
    pub fn kill(&self) -> Result<()> {
        self.ask("kill")
    }

    /// Stops the broker in good order: it hands its partitions over first.
    ///
    /// # Errors
    /// A broker that does not stop within a minute; it is killed then.
    pub fn stop(&self) -> Result<()> {
        self.ask("stop")
    }

    /// Starts a broker that was killed or stopped, and waits until it is ready.
    ///
    /// # Errors
    /// A broker that is running or that does not become ready.
    pub fn start(&self) -> Result<()> {
        self.ask("start")
    }

    /// Changes a setting of the broker, which counts from its next start on.
    ///
    /// # Errors
    /// A broker that the cluster does not have.
    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        let path = self.cluster.node_dir(self.id).join("server.properties");
        let doing = || format!("change {}", path.display());
        // Of two lines with one key Java takes the last.
        let mut file = fs::File::options().append(true).open(&path).context(doing)?;
        file.write_all(format!("\n{key}={value}\n").as_bytes()).context(doing)
    }

    fn ask(&self, what: &str) -> Result<()> {
        let mut conversation = self.cluster.conversation.lock().unwrap_or_else(PoisonError::into_inner);
        conversation.ask(&format!("{what} {}", self.id)).map(drop)
    }
}

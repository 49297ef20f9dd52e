//! The server.properties of a node.

use std::fmt::Write as _;
use std::path::Path;

use crate::layout::{USERS, broker_name};
use crate::profile::{Listener, Profile};
use crate::realms;

/// The id of the controller of a cluster with several nodes; brokers count from 1.
pub(crate) const CONTROLLER_ID: u16 = 100;

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Controller,
    Broker,
    Combined,
}

/// A node of a cluster, as far as it is settled before its first start.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) id: u16,
    pub(crate) role: Role,
    /// One port for each of [`Listener::ALL`]; none for a controller.
    pub(crate) ports: Vec<u16>,
}

/// The parts of a configuration that all nodes of a cluster share.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) profile: Profile,
    /// Brokers in the cluster: internal topics are replicated over up to three of them.
    pub(crate) brokers: u16,
    pub(crate) controller_id: u16,
    pub(crate) controller_port: u16,
    pub(crate) certs: &'a Path,
    /// Where the brokers' keytabs are, if they take Kerberos logins.
    pub(crate) realms: Option<&'a Path>,
}

impl Node {
    /// Writes the whole file.
    pub(crate) fn properties(&self, shared: &Shared<'_>, data: &Path) -> String {
        let roles = match self.role {
            Role::Controller => "controller",
            Role::Broker => "broker",
            Role::Combined => "broker,controller",
        };
        let Shared { controller_id, controller_port, .. } = shared;
        let mut text = format!(
            "process.roles={roles}\nnode.id={}\nlog.dirs={}\ncontroller.listener.names=CONTROLLER\n\
             controller.quorum.voters={controller_id}@127.0.0.1:{controller_port}\n",
            self.id,
            data.display(),
        );
        text += COMMON;
        text += &shared.profile.settings();
        text += &self.listeners(*controller_port);
        let replicas = shared.brokers.min(3);
        let internal = ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"];
        for topic in internal {
            let _ = writeln!(text, "{topic}.num.partitions=1\n{topic}.replication.factor={replicas}");
        }
        if self.role != Role::Controller {
            text += &self.security(shared.certs, shared.realms);
        }
        text
    }

    fn listeners(&self, controller_port: u16) -> String {
        let each = |host: &str| {
            let pairs = Listener::ALL.iter().zip(&self.ports);
            pairs.map(|(listener, port)| format!("{}://{host}:{port}", listener.name())).collect::<Vec<_>>()
        };
        let mut listeners = each("127.0.0.1");
        if self.role != Role::Broker {
            listeners.push(format!("CONTROLLER://127.0.0.1:{controller_port}"));
        }
        let mut text = format!("listeners={}\n", listeners.join(","));
        if self.role != Role::Controller {
            let advertised = each(&broker_name(self.id)).join(",");
            let _ = writeln!(text, "advertised.listeners={advertised}\ninter.broker.listener.name=PLAINTEXT");
        }
        let map = Listener::ALL.map(|listener| format!("{0}:{0}", listener.name())).join(",");
        text + &format!("listener.security.protocol.map=CONTROLLER:PLAINTEXT,{map}\n")
    }

    fn security(&self, certs: &Path, realms: Option<&Path>) -> String {
        let certs = certs.display();
        let mut text = format!(
            "ssl.keystore.type=PEM\nssl.keystore.location={certs}/{}.pem\n\
             ssl.truststore.type=PEM\nssl.truststore.location={certs}/ca.pem\n",
            broker_name(self.id)
        );
        text += SECURITY;
        let kerberos = if realms.is_some() { ",GSSAPI" } else { "" };
        let _ = writeln!(
            text,
            "listener.name.sasl_plaintext.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER{kerberos}\n\
             listener.name.sasl_ssl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512{kerberos}"
        );
        let users = USERS.map(|user| format!(" user_{user}=\"{user}-secret\"")).concat();
        for listener in ["sasl_plaintext", "sasl_ssl"] {
            for scram in ["scram-sha-256", "scram-sha-512"] {
                let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
                let _ =
                    writeln!(text, "listener.name.{listener}.{scram}.sasl.jaas.config={module} required;");
            }
            let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
            let _ =
                writeln!(text, "listener.name.{listener}.plain.sasl.jaas.config={module} required{users};");
            if let Some(realms) = realms {
                let _ = writeln!(
                    text,
                    "listener.name.{listener}.gssapi.sasl.jaas.config={}",
                    self.kerberos(realms)
                );
            }
        }
        text
    }

    fn kerberos(&self, realms: &Path) -> String {
        let broker = broker_name(self.id);
        let keytab = realms::keytab(realms, &broker);
        format!(
            "{KERBEROS_MODULE} required useKeyTab=true storeKey=true keyTab=\"{}\" principal=\"kafka/{broker}@{}\";",
            keytab.display(),
            realms::HOME
        )
    }
}

/// Java's login module for Kerberos.
pub(crate) const KERBEROS_MODULE: &str = "com.sun.security.auth.module.Krb5LoginModule";

/// Small and quick: one JVM is one node of a test, not a server.
const COMMON: &str = "\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
auto.create.topics.enable=false
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=6000
default.replication.factor=1
group.initial.rebalance.delay.ms=0
log.cleaner.backoff.ms=500
log.cleaner.dedupe.buffer.size=4194304
num.io.threads=4
num.network.threads=2
transaction.state.log.min.isr=1
share.coordinator.state.topic.min.isr=1
";

/// The unsecured validator takes a JSON Web Signature with `alg` none: for tests only.
const SECURITY: &str = "\
ssl.client.auth=none
listener.name.ssl.ssl.client.auth=requested
ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/$1/,DEFAULT
listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config=\
org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
unsecuredLoginStringClaim_sub=\"broker\";
listener.name.sasl_plaintext.oauthbearer.sasl.server.callback.handler.class=\
org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler
";

//! Two Kerberos realms with a KDC each (MIT krb5), for the clusters that have them.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::{bound_to_this_thread, find_program, run_well_with_input};
use crate::deadline::Deadline;
use crate::error::{Context, Error, Result};
use crate::jvms::Jvms;
use crate::layout::{MAX_BROKERS, broker_name};
use crate::ports::Ports;

/// The realm of the brokers and of most users, the default realm.
pub(crate) const HOME: &str = "EXAMPLE.TEST";
/// A realm whose users `HOME` trusts.
pub(crate) const OTHER: &str = "OTHER.TEST";

/// The users, each with its realm.
const USERS: [(&str, &str); 5] =
    [("client", HOME), ("client/admin", HOME), ("alice", HOME), ("bob", HOME), ("carol", OTHER)];

/// On an idle machine a KDC is up after 20 ms, and a tool has done its work after 50.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two KDCs that run.
#[derive(Debug)]
pub(crate) struct Realms {
    pids: Vec<u32>,
    _ports: Ports,
}

impl Realms {
    /// Makes the databases and the keytabs in `dir` and starts the KDCs.
    pub(crate) fn start(dir: &Path, jvms: &Jvms) -> Result<Self> {
        fs::create_dir_all(dir).context(|| format!("create {}", dir.display()))?;
        let ports = Ports::reserve(2)?;
        let realms: Vec<(&str, u16)> =
            [HOME, OTHER].into_iter().zip(ports.numbers().iter().copied()).collect();
        write(&krb5_conf(dir), &krb5_conf_text(&realms))?;
        let mut pids = Vec::new();
        for &(realm, port) in &realms {
            write(&kdc_conf(dir, realm), &kdc_conf_text(dir, realm, port))?;
            tool(dir, realm, "kdb5_util", &["create", "-s", "-r", realm, "-P", "master"], "")?;
            kadmin(dir, realm, &first_queries(dir, realm))?;
            pids.push(jvms.spawn(kdc_command(dir, realm)?)?);
        }
        for (&(realm, port), &pid) in realms.iter().zip(&pids) {
            let is_up = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok().map(drop);
            let has_ended = || jvms.has_ended(pid).then_some(());
            let up =
                Deadline::after(PATIENCE).wait_for(|| is_up().map(|()| true).or(has_ended().map(|()| false)));
            if up != Some(true) {
                return Err(Error::with_log(
                    &format!("the KDC of {realm} did not start"),
                    &kdc_log(dir, realm),
                ));
            }
        }
        Ok(Self { pids, _ports: ports })
    }

    /// The processes, to end with the cluster.
    pub(crate) fn pids(&self) -> &[u32] {
        &self.pids
    }
}

/// Where a cluster has its realms.
pub(crate) fn dir_in(cluster: &Path) -> PathBuf {
    cluster.join("kerberos")
}

pub(crate) fn krb5_conf(dir: &Path) -> PathBuf {
    dir.join("krb5.conf")
}

pub(crate) fn kdc_log(dir: &Path, realm: &str) -> PathBuf {
    dir.join(format!("{realm}.log"))
}

/// The keytab of a user or of a broker's name.
pub(crate) fn keytab(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{}.keytab", name.replace('/', "-")))
}

/// Runs queries of kadmin.local, one a line, on the database of a realm.
pub(crate) fn kadmin(dir: &Path, realm: &str, queries: &str) -> Result<String> {
    let said = tool(dir, realm, "kadmin.local", &["-r", realm], queries)?;
    // It exits with 0 even if a query failed.
    let is_fault = |line: &&str| line.contains(" while ") || line.contains("nknown request");
    match said.lines().find(is_fault) {
        Some(fault) => Err(Error::new(format!("kadmin.local, {realm}: {fault}"))),
        None => Ok(said),
    }
}

/// Runs a program of MIT krb5 that sees the realms; gives all that it printed.
pub(crate) fn tool(
    dir: &Path,
    realm: &str,
    program: &str,
    arguments: &[&str],
    input: &str,
) -> Result<String> {
    let mut command = bound_to_this_thread(find_program(program)?);
    command.args(arguments).envs(environment(dir, realm));
    let output = run_well_with_input(&mut command, input, PATIENCE)?;
    Ok([output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat())
}

fn environment(dir: &Path, realm: &str) -> [(&'static str, PathBuf); 4] {
    [
        ("KRB5_CONFIG", krb5_conf(dir)),
        ("KRB5_KDC_PROFILE", kdc_conf(dir, realm)),
        ("KRB5CCNAME", dir.join("ccache")),
        ("LC_ALL", "C.UTF-8".into()),
    ]
}

fn kdc_command(dir: &Path, realm: &str) -> Result<std::process::Command> {
    let mut command = bound_to_this_thread(find_program("krb5kdc")?);
    let path = dir.join(format!("{realm}.out"));
    let out = File::create(&path).context(|| format!("create {}", path.display()))?;
    let errors = out.try_clone().context(|| format!("open {} twice", path.display()))?;
    command.args(["-n", "-r", realm]).envs(environment(dir, realm)).stdout(out).stderr(errors);
    Ok(command)
}

/// The principals of a realm, and their keytabs.
fn first_queries(dir: &Path, realm: &str) -> String {
    // Users of OTHER may use services of HOME: both databases have the key between them.
    let mut text = format!("addprinc -pw trust-secret krbtgt/{HOME}@{OTHER}\n");
    let mut export = |principal: &str, options: &str, name: &str| {
        let _ = writeln!(text, "addprinc {options} {principal}@{realm}");
        let _ = writeln!(text, "ktadd -k {} -norandkey {principal}@{realm}", keytab(dir, name).display());
    };
    for (user, home) in USERS {
        if home == realm {
            export(user, &format!("-pw {user}-secret"), user);
        }
    }
    if realm == HOME {
        for broker in (1..=MAX_BROKERS).map(broker_name) {
            export(&format!("kafka/{broker}"), &format!("-randkey {}", broker_keys(&broker)), &broker);
        }
    }
    text
}

/// Brokers differ in the types of their keys, so that a cluster of three shows tickets of three
/// types.
fn broker_keys(broker: &str) -> &'static str {
    match broker {
        "b2" => "-e aes128-cts:normal",
        "b3" => "-e aes256-sha2:normal",
        "b4" => "-e aes128-sha2:normal",
        _ => "",
    }
}

fn kdc_conf(dir: &Path, realm: &str) -> PathBuf {
    dir.join(format!("{realm}.kdc.conf"))
}

fn krb5_conf_text(realms: &[(&str, u16)]) -> String {
    let mut text = format!(
        "[libdefaults]\n default_realm = {HOME}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n \
         rdns = false\n dns_canonicalize_hostname = false\n udp_preference_limit = 1\n[realms]\n"
    );
    for (realm, port) in realms {
        let _ = writeln!(text, " {realm} = {{\n  kdc = 127.0.0.1:{port}\n }}");
    }
    text + &format!("[domain_realm]\n b1 = {HOME}\n b2 = {HOME}\n b3 = {HOME}\n b4 = {HOME}\n b5 = {HOME}\n")
}

fn kdc_conf_text(dir: &Path, realm: &str, port: u16) -> String {
    let dir = dir.display();
    format!(
        "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n\
         [realms]\n {realm} = {{\n  database_name = {dir}/{realm}.principal\n  \
         key_stash_file = {dir}/{realm}.stash\n  acl_file = {dir}/{realm}.acl\n  \
         max_life = 24h\n  max_renewable_life = 7d\n  default_principal_flags = +preauth\n  \
         supported_enctypes = aes256-cts:normal aes128-cts:normal aes256-sha2:normal aes128-sha2:normal\n }}\n\
         [logging]\n kdc = FILE:{dir}/{realm}.log\n admin_server = FILE:{dir}/{realm}.kadmin.log\n"
    )
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).context(|| format!("write {}", path.display()))
}

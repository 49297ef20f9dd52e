//! MIT Kerberos KDCs of our own: files below cargo's directory for tests, ports on 127.0.0.1.
//! Each ends with the value that started it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test crate uses a part of it")]

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

const INSTALL: &str = "apt-get install -y --no-install-recommends krb5-user krb5-kdc krb5-admin-server";

/// One or more realms that one krb5.conf knows, each with a KDC. No realm trusts another before
/// [`Mit::trust`].
pub(crate) struct Mit {
    dir: PathBuf,
    kdcs: Vec<Kdc>,
    extra: String,
}

struct Kdc {
    realm: String,
    port: u16,
    process: Child,
}

impl Drop for Kdc {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Mit {
    fn drop(&mut self) {
        self.kdcs.clear();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Mit {
    /// Starts a KDC for each of `realms`; the first is the default realm. Principals get AES keys
    /// of all four types and must pre-authenticate.
    pub(crate) fn start(realms: &[&str]) -> Self {
        Self::start_with(realms, "")
    }

    /// Starts the KDCs with `extra` sections in the krb5.conf that they and the tools read, such
    /// as `[domain_realm]`.
    pub(crate) fn start_with(realms: &[&str], extra: &str) -> Self {
        let mut mit = Self { dir: new_dir(), kdcs: Vec::new(), extra: extra.to_owned() };
        for realm in realms {
            mit.start_kdc(realm);
        }
        mit.write_krb5_conf();
        mit
    }

    /// The krb5.conf that knows all realms.
    pub(crate) fn krb5_conf(&self) -> PathBuf {
        self.path("krb5.conf")
    }

    /// A path for a file that lives as long as the KDCs.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The port, TCP and UDP, of the realm's KDC.
    pub(crate) fn port(&self, realm: &str) -> u16 {
        self.kdcs.iter().find(|kdc| kdc.realm == realm).unwrap().port
    }

    /// Adds a principal of the realm that its name ends in. `enctypes` as kadmin writes them, for
    /// example `aes128-sha2,aes256-cts`; all four AES types if empty.
    pub(crate) fn add_principal(&self, principal: &str, password: &str, enctypes: &str) {
        let mut query = format!("addprinc -pw {password} ");
        if !enctypes.is_empty() {
            let salted: Vec<String> = enctypes.split(',').map(|name| format!("{name}:normal")).collect();
            query += &format!("-e {} ", salted.join(","));
        }
        self.kadmin(realm_of(principal), &format!("{query}{principal}"));
    }

    /// Appends the principal's present keys to the keytab `file` and changes none of them.
    pub(crate) fn export_keytab(&self, principal: &str, file: &Path) {
        let query = format!("ktadd -k {} -norandkey {principal}", file.display());
        self.kadmin(realm_of(principal), &query);
    }

    /// Lets clients of `client_realm` use services of `service_realm`.
    pub(crate) fn trust(&self, client_realm: &str, service_realm: &str) {
        for database in [client_realm, service_realm] {
            let name = format!("krbtgt/{service_realm}@{client_realm}");
            self.kadmin(database, &format!("addprinc -pw trust-password {name}"));
        }
    }

    /// Runs one kadmin.local query on the realm's database.
    pub(crate) fn kadmin(&self, realm: &str, query: &str) -> String {
        let mut command = self.command("kadmin.local");
        command.env("KRB5_KDC_PROFILE", self.path(&format!("{realm}.kdc.conf")));
        let output = run(command.args(["-r", realm, "-q", query]), "");
        let shown = format!("{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr));
        // kadmin.local exits with 0 even if the query failed.
        let failed = [" while ", "usage:", "Usage:"].iter().any(|sign| shown.contains(sign));
        assert!(output.status.success() && !failed, "kadmin.local -q '{query}': {shown}");
        stdout(&output)
    }

    /// Runs a tool with our krb5.conf and gives its standard output.
    ///
    /// # Panics
    /// If the tool fails: with its output.
    pub(crate) fn tool(&self, program: &str, arguments: &[&str], input: &str) -> String {
        let output = run(self.command(program).args(arguments), input);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {}{errors}", stdout(&output));
        stdout(&output)
    }

    /// A directory and the tools, for the KDCs of somebody else that `krb5_conf` names.
    pub(crate) fn without_kdc(krb5_conf: &str) -> Self {
        let mit = Self { dir: new_dir(), kdcs: Vec::new(), extra: String::new() };
        fs::write(mit.krb5_conf(), krb5_conf).unwrap();
        mit
    }

    /// A command that sees our krb5.conf, English messages and UTC, and is ended after 60 s.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("timeout");
        command.arg("60").arg(find(program)).env("KRB5_CONFIG", self.krb5_conf());
        command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").env("KRB5CCNAME", self.path("ccache"));
        command.env_remove("KRB5_KTNAME").env_remove("KRB5_CLIENT_KTNAME");
        command
    }

    fn start_kdc(&mut self, realm: &str) {
        // Another process may take the port between our look and the KDC's bind.
        for _ in 0..10 {
            let port = free_port();
            let profile = self.path(&format!("{realm}.kdc.conf"));
            fs::write(&profile, kdc_conf(&self.dir, realm, port)).unwrap();
            // Known to the tools that make the database, before all ports are known.
            let start = format!("[libdefaults]\n default_realm = {realm}\n{}", self.extra);
            fs::write(self.krb5_conf(), start).unwrap();
            if !self.path(&format!("{realm}.principal")).exists() {
                let mut create = self.command("kdb5_util");
                create.env("KRB5_KDC_PROFILE", &profile);
                let output = run(create.args(["create", "-s", "-r", realm, "-P", "master-password"]), "");
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
            let log = fs::File::create(self.path(&format!("{realm}.log"))).unwrap();
            let mut command = Command::new(find("krb5kdc"));
            command.env("KRB5_CONFIG", self.krb5_conf()).env("KRB5_KDC_PROFILE", &profile);
            command.args(["-n", "-r", realm]).stdin(Stdio::null());
            let process = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
            let mut kdc = Kdc { realm: realm.to_owned(), port, process };
            if kdc.is_up() {
                self.kdcs.push(kdc);
                return;
            }
        }
        let log = fs::read_to_string(self.path(&format!("{realm}.log")));
        panic!("krb5kdc of {realm} did not start: {log:?}");
    }

    fn write_krb5_conf(&self) {
        let default = &self.kdcs.first().unwrap().realm;
        let mut conf = format!(
            "[libdefaults]\n default_realm = {default}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n \
             rdns = false\n dns_canonicalize_hostname = false\n udp_preference_limit = 1\n[realms]\n"
        );
        for kdc in &self.kdcs {
            conf += &format!(" {} = {{\n  kdc = 127.0.0.1:{}\n }}\n", kdc.realm, kdc.port);
        }
        fs::write(self.krb5_conf(), conf + &self.extra).unwrap();
    }
}

impl Kdc {
    fn is_up(&mut self) -> bool {
        for _ in 0..200 {
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            sleep(Duration::from_millis(50));
        }
        false
    }
}

fn new_dir() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mit-{}-{number}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn kdc_conf(dir: &Path, realm: &str, port: u16) -> String {
    let dir = dir.display();
    format!(
        "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n\
         [realms]\n {realm} = {{\n  database_name = {dir}/{realm}.principal\n  \
         key_stash_file = {dir}/{realm}.stash\n  acl_file = {dir}/{realm}.acl\n  \
         max_life = 24h\n  max_renewable_life = 7d\n  default_principal_flags = +preauth\n  \
         supported_enctypes = aes256-cts:normal aes128-cts:normal aes256-sha2:normal aes128-sha2:normal\n }}\n\
         [logging]\n kdc = STDERR\n admin_server = STDERR\n"
    )
}

/// Finds a port of 127.0.0.1 that is free for TCP and for UDP.
pub(crate) fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = tcp.local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn realm_of(principal: &str) -> &str {
    principal.rsplit_once('@').unwrap().1
}

fn find(program: &str) -> PathBuf {
    let found = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].iter().map(|dir| Path::new(dir).join(program));
    found.into_iter().find(|path| path.exists()).unwrap_or_else(|| panic!("no {program}; run: {INSTALL}"))
}

fn run(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A tool may end without having read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

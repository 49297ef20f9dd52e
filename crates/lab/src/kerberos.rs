//! The Kerberos realms of a cluster, as a test sees them.

use std::fs;
use std::path::PathBuf;

use crate::error::{Context, Result};
use crate::realms;

/// The realms EXAMPLE.TEST and OTHER.TEST of a cluster with the profile
/// [`Kerberos`](crate::Profile::Kerberos), and their KDCs.
///
/// Users are `client` (a super user of Kafka), `client/admin`, `alice` and `bob` in EXAMPLE.TEST
/// and `carol` in OTHER.TEST; the password is the name and `-secret`. Brokers are `kafka/b1` and
/// so on.
#[derive(Clone, Debug)]
pub struct Kerberos {
    dir: PathBuf,
}

impl Kerberos {
    /// The realm of the brokers, the default realm.
    pub const REALM: &str = realms::HOME;
    /// The realm that the first one trusts.
    pub const OTHER_REALM: &str = realms::OTHER;

    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The krb5.conf that knows both realms.
    pub fn krb5_conf(&self) -> PathBuf {
        realms::krb5_conf(&self.dir)
    }

    /// The keytab of a user such as `client/admin`, or of a broker such as `b1`.
    pub fn keytab(&self, name: &str) -> PathBuf {
        realms::keytab(&self.dir, name)
    }

    /// A path for a file that ends with the cluster.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The log of the KDC of a realm.
    pub fn kdc_log(&self, realm: &str) -> PathBuf {
        realms::kdc_log(&self.dir, realm)
    }

    /// How many tickets the KDC of EXAMPLE.TEST gave to a client (`alice@EXAMPLE.TEST`) so far:
    /// by logins, and for services.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn issued(&self, client: &str) -> Result<(usize, usize)> {
        let path = self.kdc_log(Self::REALM);
        let log = fs::read_to_string(&path).context(|| format!("read {}", path.display()))?;
        let client = format!(" {client} for ");
        let issued = |kind: &str| {
            let is_one =
                |line: &&str| line.contains(kind) && line.contains("ISSUE") && line.contains(&client);
            log.lines().filter(is_one).count()
        };
        Ok((issued("AS_REQ"), issued("TGS_REQ")))
    }

    /// Runs queries of kadmin.local, one a line, on the database of a realm.
    ///
    /// # Errors
    /// The first query that failed.
    pub fn kadmin(&self, realm: &str, queries: &str) -> Result<String> {
        realms::kadmin(&self.dir, realm, queries)
    }

    /// Runs a program such as `kinit` that sees the realms. Its ticket cache is [`path`](Self::path)
    /// `ccache` unless its arguments name another.
    ///
    /// # Errors
    /// A program that is missing or fails, with what it printed.
    pub fn tool(&self, program: &str, arguments: &[&str], input: &str) -> Result<String> {
        realms::tool(&self.dir, Self::REALM, program, arguments, input)
    }
}

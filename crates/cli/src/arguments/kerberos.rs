//! `ottla kerberos ..`

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum KerberosCommand {
    /// Log in and put the ticket into a cache, as kinit does
    #[command(after_help = LOGIN)]
    Login(LoginOptions),
    /// List the tickets of a cache, as klist does
    #[command(after_help = "Example:\n  ottla kerberos list --cache /tmp/krb5cc_1000")]
    List(ListOptions),
    /// Try the Kerberos login of a client.properties step by step, and say what to do
    #[command(after_help = DOCTOR)]
    Doctor(DoctorOptions),
}

const LOGIN: &str = "\
KRB5_CONFIG names the krb5.conf, as everywhere; default /etc/krb5.conf.

Examples:
  ottla kerberos login etl@EXAMPLE.COM --keytab /etc/security/etl.keytab
  ottla kerberos login alice@EXAMPLE.COM --password-file - --cache /tmp/alice.cc < password";

const DOCTOR: &str = "\
It logs in as --config says, asks for a ticket for each broker, and shows the KDC that was asked,
encryption types, key versions, the offset of the clocks and the service principal. Then it logs in
to Kafka. Exit code 3 if a login or a ticket was refused.

Examples:
  ottla kerberos doctor --config driver.properties
  ottla kerberos doctor --config driver.properties --broker b1.example.com";

#[derive(Args, Debug)]
pub(crate) struct LoginOptions {
    /// Who logs in: name@REALM or service/host@REALM; without a realm, in the default realm
    pub(crate) principal: String,
    #[command(flatten)]
    pub(crate) secret: SecretOptions,
    /// Where the ticket goes: a path, FILE:path or DIR::path [default: KRB5CCNAME or krb5.conf]
    #[arg(long, value_name = "NAME")]
    pub(crate) cache: Option<String>,
}

/// What proves who logs in. A password is never an argument: others could see it.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct SecretOptions {
    /// Keytab with the keys of the principal
    #[arg(long, value_name = "FILE")]
    pub(crate) keytab: Option<PathBuf>,
    /// File whose first line is the password (- is standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ListOptions {
    /// The cache: a path, FILE:path or DIR:directory [default: KRB5CCNAME or krb5.conf]
    #[arg(long, value_name = "NAME")]
    pub(crate) cache: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorOptions {
    /// Host name of a broker; repeatable [default: those of bootstrap.servers]
    #[arg(long, value_name = "HOST")]
    pub(crate) broker: Vec<String>,
}

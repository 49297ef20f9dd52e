//! `ottla token ..`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use ottla::ids::Principal;
use ottla::{Bootstrap, ScramMechanism};

use crate::moment;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a delegation token, and wait until the brokers accept it
    #[command(after_help = CREATE)]
    Create(CreateOptions),
    /// List the tokens that this login may see
    #[command(after_help = DESCRIBE)]
    Describe(DescribeOptions),
    /// Lengthen the life of a token; its secret stays the same
    #[command(after_help = RENEW)]
    Renew(RenewOptions),
    /// End a token, at once or after a time
    #[command(after_help = EXPIRE)]
    Expire(ExpireOptions),
}

const CREATE: &str = "\
The token file is a client.properties that Java's tools use too. It is readable by its owner alone.

Examples:
  ottla token create --config driver.properties --out job.token
  ottla token create --config mtls.properties --out job.token \\
      --target-bootstrap b1:9094,b2:9094 --target-protocol SASL_SSL
  ottla token create --config driver.properties --owner User:alice --requester User:driver --out alice.token";

const DESCRIBE: &str = "\
Examples:
  ottla token describe --config driver.properties
  ottla token describe --config driver.properties --owner User:alice --format json";

const RENEW: &str = "\
Examples:
  ottla token renew job.token --config driver.properties
  ottla token renew --id 0dOdwKDrS5aWAt6T7yxLLA --period 12h --config driver.properties";

const EXPIRE: &str = "\
Examples:
  ottla token expire job.token --config driver.properties
  ottla token expire --id 0dOdwKDrS5aWAt6T7yxLLA --after 10m --config driver.properties";

#[derive(Args, Debug)]
pub(crate) struct CreateOptions {
    /// Write the token file here, readable by its owner alone
    #[arg(long, value_name = "FILE", required_unless_present = "show_secret")]
    pub(crate) out: Option<PathBuf>,
    /// Print the secret on standard output
    #[arg(long)]
    pub(crate) show_secret: bool,
    /// What to print: one line about the token, its token file, or the line for sasl.jaas.config
    #[arg(long, value_enum, default_value_t = CreateFormat::Json)]
    pub(crate) format: CreateFormat,
    /// Make the token for somebody else (needs the ACL CreateTokens on User:OWNER)
    #[arg(long, value_name = "TYPE:NAME")]
    pub(crate) owner: Option<Principal>,
    /// Who this login is to Kafka, for --owner, where the login does not tell
    #[arg(long, value_name = "TYPE:NAME", requires = "owner")]
    pub(crate) requester: Option<Principal>,
    /// Let one more principal renew and expire the token; repeatable
    #[arg(long, value_name = "TYPE:NAME")]
    pub(crate) renewer: Vec<Principal>,
    /// The longest life of the token, however often it is renewed [default: the broker's]
    #[arg(long, value_name = "TIME", value_parser = moment::period)]
    pub(crate) max_lifetime: Option<Duration>,
    /// Brokers where the token is used [default: those of --config]
    #[arg(long, value_name = "LIST", help_heading = "Target")]
    pub(crate) target_bootstrap: Option<Bootstrap>,
    /// Protocol of the listener where the token is used [default: as in --config]
    #[arg(long, value_enum, value_name = "PROTOCOL", help_heading = "Target")]
    pub(crate) target_protocol: Option<TargetProtocol>,
    /// PEM file of roots to trust at the target [default: those of --config]
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub(crate) target_ca: Option<PathBuf>,
    /// SCRAM mechanism that the target offers
    #[arg(long, value_name = "NAME", default_value = "SCRAM-SHA-512", help_heading = "Target")]
    pub(crate) mechanism: ScramMechanism,
    /// Do not wait until the brokers of the target accept the token
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CreateFormat {
    Json,
    Properties,
    Jaas,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum TargetProtocol {
    SaslSsl,
    SaslPlaintext,
}

#[derive(Args, Debug)]
pub(crate) struct DescribeOptions {
    /// Only tokens of this owner; repeatable
    #[arg(long, value_name = "TYPE:NAME")]
    pub(crate) owner: Vec<Principal>,
    /// Only the token with this id
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
    /// Print the secrets too
    #[arg(long)]
    pub(crate) show_secret: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Table,
    Json,
}

/// Which token a command is about.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The token's file, as `token create` wrote it
    pub(crate) file: Option<PathBuf>,
    /// The token's id; its secret is found by describing it
    #[arg(long)]
    pub(crate) id: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct RenewOptions {
    #[command(flatten)]
    pub(crate) which: Which,
    /// For how long from now [default: the broker's, mostly 24h]
    #[arg(long, value_name = "TIME", value_parser = moment::period)]
    pub(crate) period: Option<Duration>,
}

#[derive(Args, Debug)]
pub(crate) struct ExpireOptions {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Not at once but after this time; it can lengthen the token's life too
    #[arg(long, value_name = "TIME", value_parser = moment::period)]
    pub(crate) after: Option<Duration>,
}

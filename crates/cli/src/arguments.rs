//! The command line.

pub(crate) mod kerberos;
pub(crate) mod read;
pub(crate) mod token;
pub(crate) mod topics;
pub(crate) mod write;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::moment;

/// Kafka from a shell, with delegation tokens
///
/// A driver logs in once, as its client.properties says, and makes a delegation token; whoever is
/// given the token's file reads and writes with it, and never sees the keytab or the password.
#[derive(Debug, Parser)]
#[command(name = "ottla", version, subcommand_required = true, arg_required_else_help = true)]
#[command(max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ottla token create --config driver.properties --out job.token
  ottla read --token-file job.token --topic orders --format json | jq .value
  ottla token renew job.token --config driver.properties
  ottla token expire job.token --config driver.properties

Exit codes: 0 done, 1 failed, 2 wrong command or configuration, 3 login refused, 4 records lost.";

/// Where the cluster is and who logs in; the same for all commands.
#[derive(Args, Debug)]
pub(crate) struct Access {
    /// Java client.properties: where the cluster is and how to log in (- is standard input)
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub(crate) config: Option<PathBuf>,
    /// Token file of `token create` to log in with instead, followed as it is replaced (- is standard input)
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub(crate) token_file: Option<PathBuf>,
    /// Address of a host name, in place of DNS; repeatable
    #[arg(long, global = true, value_name = "NAME=ADDR", value_parser = resolved, help_heading = "Connection")]
    pub(crate) resolve: Vec<(String, IpAddr)>,
    /// Number of a user whose files with secrets are taken besides yours and root's; repeatable
    #[arg(long, global = true, value_name = "UID", help_heading = "Connection")]
    pub(crate) file_owner: Vec<u32>,
    /// How long one operation may take, its retries included [default: 60s]
    #[arg(long, global = true, value_name = "TIME", value_parser = moment::period, help_heading = "Connection")]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make, list, renew and expire delegation tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Read a topic, or count its records
    Read(read::ReadOptions),
    /// Write lines, JSON or made-up records to a topic
    Write(write::WriteOptions),
    /// List, create and delete topics
    #[command(subcommand)]
    Topics(topics::TopicsCommand),
    /// Log in by Kerberos, list tickets, find out why a login fails
    #[command(subcommand)]
    Kerberos(kerberos::KerberosCommand),
    /// Print the completions of a shell
    #[command(after_help = "Example:\n  ottla completions bash > /etc/bash_completion.d/ottla")]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

fn resolved(text: &str) -> Result<(String, IpAddr), String> {
    let parts = text.split_once('=').and_then(|(name, address)| Some((name, address.parse().ok()?)));
    let (name, address) = parts.ok_or("it is written NAME=ADDRESS, for example b1=127.0.0.1")?;
    Ok((name.to_owned(), address))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn names_get_addresses() {
        assert_eq!(resolved("b1=::1"), Ok(("b1".to_owned(), "::1".parse().unwrap())));
        assert!(resolved("b1").is_err() && resolved("b1=b2").is_err());
    }
}

//! `ottla topics ..`

use clap::{Args, Subcommand};

use super::token::ListFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// List the topics that this login may describe
    #[command(after_help = "Example:\n  ottla topics list --config client.properties")]
    List(ListOptions),
    /// Make a topic
    #[command(after_help = CREATE)]
    Create(CreateOptions),
    /// Delete topics, and all that is in them
    #[command(after_help = "Example:\n  ottla topics delete orders --config client.properties")]
    Delete {
        /// Their names
        #[arg(required = true, value_name = "TOPIC")]
        names: Vec<String>,
    },
}

const CREATE: &str = "\
Example:
  ottla topics create orders --partitions 12 --replication-factor 3 \\
      --set retention.ms=86400000 --config client.properties";

#[derive(Args, Debug)]
pub(crate) struct ListOptions {
    /// Kafka's own topics too
    #[arg(long)]
    pub(crate) internal: bool,
    /// How to print them; a line of JSON has the partitions with their leaders
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub(crate) format: ListFormat,
}

#[derive(Args, Debug)]
pub(crate) struct CreateOptions {
    /// Its name
    #[arg(value_name = "TOPIC")]
    pub(crate) name: String,
    /// Number of partitions [default: the broker's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) partitions: Option<i32>,
    /// Number of replicas of each partition [default: the broker's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
    pub(crate) replication_factor: Option<i16>,
    /// A configuration of the topic, such as retention.ms=86400000; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it is written KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

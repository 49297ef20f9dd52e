//! `ottla read`

use clap::{Args, ValueEnum};

use crate::moment::{End, Start};

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReadOptions {
    /// The topic
    #[arg(long)]
    pub(crate) topic: String,
    /// Only this partition; repeatable
    #[arg(long, value_name = "N")]
    pub(crate) partition: Vec<i32>,
    /// Where to begin: earliest, latest, an offset, or @TIME (RFC 3339)
    #[arg(long, value_name = "WHERE", default_value = "earliest")]
    pub(crate) from: Start,
    /// Where to end, this not included: latest, an offset, @TIME (RFC 3339), or never
    #[arg(long, value_name = "WHERE", default_value = "latest")]
    pub(crate) to: End,
    /// Whether records of transactions are seen before they are committed [default: isolation.level
    /// of the configuration, else read-uncommitted]
    #[arg(long, value_enum)]
    pub(crate) isolation: Option<Isolation>,
    /// What to print: a JSON line or the bare value for each record, or one line with their number
    #[arg(long, value_enum, default_value_t = Format::Json)]
    pub(crate) format: Format,
    /// How many readers share the partitions, each with connections of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) executors: u16,
    /// Go on after records that are no longer there; they are told, and the exit code is 4
    #[arg(long)]
    pub(crate) skip_lost: bool,
}

const EXAMPLES: &str = "\
Formats:
  json   {\"topic\":..,\"partition\":..,\"offset\":..,\"timestamp\":..,\"key\":..,\"value\":..,\"headers\":[..]};
         what is no UTF-8 comes as base64, under key_base64 or value_base64
  raw    the value and a line feed
  count  {\"records\":..,\"bytes\":..,\"wall_s\":..}, the bytes being those of keys and values

Examples:
  ottla read --config client.properties --topic orders
  ottla read --token-file job.token --topic orders --format count --executors 4
  ottla read --token-file job.token --topic orders --from @2026-01-01T00:00:00Z --to @2026-01-02T00:00:00Z
  ottla read --config client.properties --topic orders --partition 3 --from latest --to never";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Isolation {
    ReadUncommitted,
    ReadCommitted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Json,
    Raw,
    Count,
}

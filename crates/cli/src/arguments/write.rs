//! `ottla write`

use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WriteOptions {
    /// The topic
    #[arg(long)]
    pub(crate) topic: String,
    /// What standard input has: a value a line, or a JSON object a line as `read` prints it
    #[arg(long, value_enum, default_value_t = InputFormat::Lines)]
    pub(crate) format: InputFormat,
    /// What stands between key and value of a line; without it lines have no key
    #[arg(long, value_name = "TEXT", conflicts_with = "count")]
    pub(crate) key_separator: Option<String>,
    /// Make so many records up in place of reading standard input
    #[arg(long, value_name = "N", requires = "size")]
    pub(crate) count: Option<u64>,
    /// How many bytes the value of each of those has
    #[arg(long, value_name = "BYTES", requires = "count", value_parser = clap::value_parser!(u32).range(..=100_000_000))]
    pub(crate) size: Option<u32>,
    /// How batches are packed [default: compression.type of the configuration, else none]
    #[arg(long, value_enum, value_name = "CODEC")]
    pub(crate) compression: Option<Compression>,
}

const EXAMPLES: &str = "\
Every record is written once, in order within its partition, and acknowledged by all in-sync
replicas; records of one key go where Java's client puts them. At the end comes one line,
{\"records\":..,\"bytes\":..,\"wall_s\":..}.

Formats:
  lines  each line without its line feed is a value
  json   {\"key\":..,\"value\":..,\"headers\":[{\"key\":..,\"value\":..}],\"timestamp\":..}, all optional; key_base64 and
         value_base64 are taken too; topic, partition and offset are passed over; a value that is
         no string is written as JSON

Examples:
  ottla write --token-file job.token --topic orders < lines.txt
  printf 'alice\\t1\\nbob\\t2\\n' | ottla write --config client.properties --topic t --key-separator \"$(printf '\\t')\"
  ottla read --config a.properties --topic orders | ottla write --config b.properties --topic orders --format json
  ottla write --config client.properties --topic load --count 1000000 --size 100 --compression lz4";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    Lines,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

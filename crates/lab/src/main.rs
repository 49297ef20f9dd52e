//! `ottla-lab`: real Apache Kafka on loopback, for the project's tests and for people.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use ottla_lab::{Profile, default_version, jars, serve, versions};

fn help() -> String {
    let profiles = Profile::ALL.map(Profile::name).join(", ");
    format!(
        "Real Apache Kafka on loopback.

  ottla-lab up [--profile P] [--kafka V]
      Starts a cluster, prints a client.properties for it and keeps it up until Ctrl-C.
  ottla-lab serve
      Prints its directory and then starts clusters as tests ask for them through the socket
      in it (set OTTLA_LAB to the directory). Ends when its standard input ends.
  ottla-lab jars [--kafka V]
      Downloads Kafka's jars unless they are there, and prints their directory.

  profiles: {profiles}
  versions: {}

Users alice, bob, admin with passwords alice-secret and so on, over PLAIN, SCRAM-SHA-256 and
SCRAM-SHA-512; client certificates for alice and bob. admin and anonymous may do everything, all
others what an ACL allows. A lab ends itself after four hours, and every JVM ends with its lab.
With OTTLA_LAB_IMAGE=NAME every node runs in a container of that image, which has Kafka in
/opt/kafka as apache/kafka has; {{version}} in the name stands for V.
Jars and archives are kept in OTTLA_LAB_CACHE (~/.cache/ottla-lab). Needs java, javac, mvn, setpriv;
the profile kerberos also krb5kdc, kadmin.local and kdb5_util.
",
        versions().join(", ")
    )
}

fn run(arguments: &[&str]) -> ottla_lab::Result<()> {
    let (command, options) = arguments.split_first().unwrap_or((&"--help", &[]));
    let mut profile = Profile::Default;
    let mut version = default_version();
    for option in options.chunks(2) {
        match option {
            ["--profile", name] => profile = Profile::named(name)?,
            ["--kafka", name] => (*name).clone_into(&mut version),
            _ => return misuse(),
        }
    }
    match *command {
        "serve" if options.is_empty() => serve(None),
        "jars" => {
            println!("{}", jars(&version)?.display());
            Ok(())
        }
        "up" => serve(Some((profile, &version))),
        "--help" | "-h" | "help" => {
            print!("{}", help());
            Ok(())
        }
        _ => misuse(),
    }
}

fn misuse() -> ottla_lab::Result<()> {
    eprint!("{}", help());
    std::process::exit(2)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ottla-lab: {error}");
            ExitCode::FAILURE
        }
    }
}

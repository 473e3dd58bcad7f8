//! The command line: what it understands, and what it answers to the shell.

mod bootstrap;
mod demo;
mod dialects;
mod doctor;
mod migrate;
mod serve;

use std::{env, fmt::Write, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use crate::{
    clock::Clock,
    config::{Config, Flags, SETTINGS, Unsafe},
    fault::{Fault, FaultKind},
    telemetry,
};

const EXAMPLES: &str = "\
Examples:
  countersign demo                              something to try, on http://localhost:8080
  countersign serve                             on http://localhost:8080
  countersign serve --listen 127.0.0.1:0        on a free port, which is printed
  countersign serve --config /etc/countersign.toml
  COUNTERSIGN_DATABASE_URL=postgres://db/countersign countersign migrate
  countersign administrator ada@example.com
  countersign service-key shop --return-url https://shop.example/second-step
  countersign doctor --public-url https://auth.example.com

Exit codes:
   0  done
   1  failed
   2  the command line is not understood
  78  the configuration is wrong or unsafe";

/// A self-hosted multi-factor authentication server.
///
/// Settings come from flags, then environment variables, then the file named by --config, then defaults.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Read settings from this TOML file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen on this address and port [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Keep files here [default: ./countersign-data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where people reach this server [default: http://localhost:PORT]
    #[arg(long, global = true, value_name = "URL")]
    public_url: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Run the server until it is told to stop
    Serve,
    /// Run a server to try things out, with a user, a second factor and its codes shown [data: ./countersign-data/demo]
    Demo,
    /// Bring the database schema up to date, and say what was done
    Migrate,
    /// List the routes of every dialect that is switched on, and where each is served
    Dialects,
    /// Let somebody who has an account administer this server. With SQLite, stop the server first
    Administrator {
        /// Their email address
        email: String,
    },
    /// Print a key for an application that has a login of its own. With SQLite, stop the server first
    ServiceKey {
        /// What people are told who is asking
        name: String,
        /// Where the application may have them sent back to, to the letter; may be given several times
        #[arg(long = "return-url", value_name = "URL")]
        return_urls: Vec<String>,
    },
    /// Look at clock, keys, database, mail, public URL, cookies and proxies, and say how to fix what is wrong
    Doctor,
}

/// Why a command did not end well. Each has its exit code and says its piece in whole lines.
enum Refusal {
    /// Several lines may be wrong at once, and each is worth knowing.
    Misconfigured(Vec<String>),
    Failed(String),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            FaultKind::Misconfigured => Self::Misconfigured(vec![fault.to_string()]),
            FaultKind::Busy | FaultKind::Unavailable | FaultKind::Internal => Self::Failed(fault.to_string()),
        }
    }
}

/// The program, from arguments to exit code.
pub fn main() -> ExitCode {
    keep_secrets_out_of_core_dumps();
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let (code, lines) = match run(cli) {
        Ok(code) => return code,
        // sysexits.h calls 78 EX_CONFIG: supervisors should not try again before somebody has edited something.
        Err(Refusal::Misconfigured(lines)) => (78, lines),
        Err(Refusal::Failed(line)) => (1, vec![line]),
    };
    for line in lines {
        eprintln!("countersign: {}", on_one_line(&line));
    }
    ExitCode::from(code)
}

fn parse() -> Result<Cli, clap::Error> {
    let matches = Cli::command().after_long_help(settings_and_examples()).try_get_matches()?;
    Cli::from_arg_matches(&matches)
}

fn run(cli: Cli) -> Result<ExitCode, Refusal> {
    let Cli { command, config, listen, mut data_dir, public_url } = cli;
    if matches!(command, Command::Demo) && env::var_os("COUNTERSIGN_DATA_DIR").is_none() {
        data_dir.get_or_insert_with(|| demo::DATA_DIR.to_owned());
    }
    let config = read_config(&Flags { config, listen, data_dir, public_url })?;
    match command {
        Command::Serve => {
            telemetry::init(&config.log)?;
            serve::run(config)
        }
        Command::Demo => demo::run(config),
        Command::Migrate => {
            telemetry::init(&config.log)?;
            migrate::run(&config, &Clock::System)
        }
        Command::Dialects => dialects::run(&config),
        Command::Administrator { email } => bootstrap::administrator(config, &email),
        Command::ServiceKey { name, return_urls } => bootstrap::service_key(config, &name, &return_urls),
        // The findings are the answer here; log lines between them would only be in the way.
        Command::Doctor => doctor::run(&config, &Clock::System),
    }
}

fn read_config(flags: &Flags) -> Result<Config, Refusal> {
    Config::read(flags, env::vars_os())
        .map_err(|mistakes| Refusal::Misconfigured(mistakes.iter().map(ToString::to_string).collect()))
}

/// Refuses to go on while anything is unsafe (SEC-129).
fn insist_on_safety(found: &[Unsafe]) -> Result<(), Refusal> {
    if found.is_empty() {
        return Ok(());
    }
    Err(Refusal::Misconfigured(found.iter().map(|one| format!("refusing to start: {one}")).collect()))
}

fn make_data_dir(config: &Config) -> Result<(), Fault> {
    let cannot = || format!("cannot make the data directory {}", config.data_dir.display());
    config.make_data_dir().map_err(|error| Fault::misconfigured(cannot()).because(error))
}

/// Only the commands that need a runtime pay for one.
fn runtime() -> Result<Runtime, Fault> {
    // One provider for every TLS connection of the process; a second call changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::unavailable("cannot start the runtime").because(error))
}

/// SEC-099: a crash must not write keys to a disk, nor may another process of this user read them.
fn keep_secrets_out_of_core_dumps() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Where a sandbox forbids the call there is nothing better to do than to serve.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

fn settings_and_examples() -> String {
    let mut text =
        "Settings (flag, environment variable or key of the file; lists are separated by commas):\n"
            .to_owned();
    for setting in SETTINGS {
        let key = setting.flag.map_or_else(String::new, |flag| format!("{flag}, "));
        let _ = writeln!(text, "  {key}{}, {}\n      {}", setting.variable, setting.key, setting.about);
    }
    let _ = write!(text, "\n{EXAMPLES}");
    text
}

/// File names and driver messages may hold line breaks; a refusal is one line (SEC-114).
fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_setting_is_in_the_long_help() {
        let help = settings_and_examples();
        for setting in SETTINGS {
            assert!(help.contains(setting.variable) && help.contains(setting.about), "{}", setting.key);
        }
    }

    #[test]
    fn settings_stand_before_or_after_the_command() {
        for line in
            [["countersign", "--listen", "[::1]:0", "serve"], ["countersign", "serve", "--listen", "[::1]:0"]]
        {
            assert_eq!(Cli::try_parse_from(line).unwrap().listen.as_deref(), Some("[::1]:0"));
        }
    }

    #[test]
    fn no_flag_takes_a_secret() {
        for secret in SETTINGS.iter().filter(|setting| setting.secret) {
            let flag = format!("--{}", secret.key.replace(['.', '_'], "-"));
            assert!(Cli::try_parse_from(["countersign", "serve", &flag, "x"]).is_err(), "{flag}");
        }
    }
}

//! A load generator for servers that speak the Better Auth paths; it remembers what each user needs.

mod account;
mod drive;
mod http;
mod limits;
mod prepare;
mod process;
mod report;
mod scenario;
mod start_time;
mod step;
mod table;
mod totp;

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};

use crate::{
    account::People,
    drive::{Pressure, drive},
    http::Target,
    prepare::{Order, prepare},
    report::{MemoryReading, Record, StartTime, keep},
    scenario::{Scenario, Start, Supply},
};

#[derive(Parser)]
#[command(name = "loadgen", about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Append every result, one JSON object a line, to this file
    #[arg(long, global = true)]
    out: Option<PathBuf>,
    /// Whose result it is
    #[arg(long, global = true, default_value = "server")]
    side: String,
}

#[derive(Subcommand)]
enum Command {
    /// Drive one scenario against a running server
    Run(Run),
    /// Time how long a server takes to its first answer
    Start {
        /// The path that answers 200 when the server is ready
        #[arg(long)]
        path: String,
        #[arg(long, default_value_t = 5)]
        times: usize,
        /// The command; `{port}` in it becomes a free port
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Wait until a server answers 200
    Await {
        #[arg(long)]
        url: String,
        #[arg(long)]
        path: String,
    },
    /// Print a free port
    Port,
    /// Read the resident memory of a process
    Memory {
        #[arg(long)]
        pid: u32,
    },
    /// Hash with Argon2id (m=19456, t=2, p=1) on all cores: the most logins a second this machine could do
    Argon2 {
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
    },
    /// Add a sentence to the results
    Note { text: String },
    /// Turn results into markdown tables
    Table {
        file: PathBuf,
        /// The side whose figures are divided
        #[arg(long, default_value = "countersign")]
        ours: String,
        /// The side they are divided by
        #[arg(long, default_value = "better-auth")]
        peer: String,
    },
}

#[derive(Args)]
struct Run {
    /// Where the server listens: http://host:port
    #[arg(long)]
    url: String,
    /// s0 constant, s1 session read, s1b by bearer, s2 login, s3 second step, s4 enrolment, s5 wrong code
    #[arg(long)]
    scenario: String,
    #[arg(long, short, default_value_t = 64)]
    connections: usize,
    /// The longest the window lasts; a spent supply ends it earlier
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Seconds before the window (s3, s4, s5 warm up on the first tenth of their supply instead)
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// How many challenges (s3, s5), sign-ups (s4) or accounts (s2) to prepare
    #[arg(long, default_value_t = 500)]
    prepare: usize,
    /// Connections used while preparing
    #[arg(long, default_value_t = 8)]
    prepare_connections: usize,
    /// The server's process, to read its CPU time and memory
    #[arg(long)]
    pid: Option<u32>,
    /// Keep the enrolled accounts of this server in a file, for the next scenario
    #[arg(long)]
    people: Option<PathBuf>,
    /// Measure durable commits in this folder before and after
    #[arg(long)]
    probe_dir: Option<PathBuf>,
    #[arg(long, default_value_t = 1)]
    round: u32,
    /// Walk through the preparation once, printing every exchange, and stop
    #[arg(long)]
    trace: bool,
}

fn main() -> Result<()> {
    let Cli { command, out, side } = Cli::parse();
    let out = out.as_deref();
    match command {
        Command::Run(run) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let tasks = tokio::task::LocalSet::new();
            let what = format!("{side}, {}", run.scenario);
            let record = runtime.block_on(tasks.run_until(run_scenario(run, side))).context(what)?;
            record.map_or(Ok(()), |record| keep(&record, out))
        }
        Command::Start { path, times, command } => {
            let ms = start_time::start_times(&command, &path, times)?;
            keep(&Record::Start(StartTime { side, ms }), out)
        }
        Command::Await { url, path } => await_server(&url, &path),
        Command::Port => {
            println!("{}", start_time::free_port()?);
            Ok(())
        }
        Command::Memory { pid } => {
            let resident_mb = process::memory(pid).resident_mb;
            ensure!(resident_mb > 0.0, "there is no process {pid}");
            keep(&Record::Memory(MemoryReading { side, resident_mb }), out)
        }
        Command::Argon2 { seconds } => {
            let rate = limits::argon2_rate(Duration::from_secs_f64(seconds))?;
            keep(&Record::HashRate(rate), out)
        }
        Command::Note { text } => keep(&Record::Note { text }, out),
        Command::Table { file, ours, peer } => {
            print!("{}", table::markdown(&report::read(&file)?, [&ours, &peer]));
            Ok(())
        }
    }
}

fn await_server(url: &str, path: &str) -> Result<()> {
    let (target, began) = (Target::parse(url)?, Instant::now());
    while !start_time::answers(&target.host, path) {
        ensure!(began.elapsed() < Duration::from_secs(30), "{url}{path} did not answer 200 within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Prepares, drives, and keeps the accounts. A trace ends without a record.
async fn run_scenario(run: Run, side: String) -> Result<Option<Record>> {
    let scenario = Scenario::named(&run.scenario)?;
    let target = Target::parse(&run.url)?;
    let browsers = match scenario.supply {
        _ if run.trace => 1,
        Supply::Kept => run.connections,
        Supply::Rotating | Supply::Spent { .. } => run.prepare.max(run.connections),
    };
    let mut people = People::load(run.people.as_deref())?;
    let order = Order {
        scenario,
        target: target.clone(),
        browsers,
        connections: run.prepare_connections,
        tag: unlike_any_other()?,
        trace: run.trace,
    };
    let (mut prepared, preparation) = prepare(&order, &mut people).await?;
    if run.trace {
        let mut line = step::Line::to(&target);
        line.trace = true;
        let browser = prepared.front_mut().context("nothing was prepared")?;
        for step in scenario.timed {
            line.take(*step, browser).await.map_err(|halt| anyhow::anyhow!("{halt:?}"))?;
        }
        return Ok(None);
    }
    let pressure = Pressure {
        scenario,
        target,
        connections: run.connections,
        seconds: run.seconds,
        warm_up: run.warm_up,
        pid: run.pid,
        probe_dir: run.probe_dir,
    };
    let mut outcome = drive(&pressure, prepared).await?;
    if scenario.start == Start::Registered {
        people.enrolled.append(&mut outcome.enrolled);
    }
    people.save(run.people.as_deref())?;
    let mut sample = outcome.sample;
    (sample.side, sample.round, sample.prepared) = (side, run.round, preparation);
    Ok(Some(Record::Sample(Box::new(sample))))
}

fn unlike_any_other() -> Result<String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(format!("{}-{}", since.as_millis(), std::process::id()))
}

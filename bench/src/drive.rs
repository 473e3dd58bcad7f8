//! The timed part: as many operations as the connections can carry, from the first request to the last answer.
//!
//! Nothing is in flight when the clocks are read, before or after. A server that answers in convoys (64
//! password hashes, then 64 second steps) would otherwise have a convoy's work counted without its answers,
//! or its answers without their work, by the luck of the moment.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::{task::spawn_local, time::sleep};

use crate::{
    account::{Account, Browser},
    http::Target,
    limits::durable_commit,
    process,
    report::{Cpu, Latency, Sample, rounded},
    scenario::{Scenario, Start, Supply},
    step::{Halt, Line},
    totp::Now,
};

/// How to press, and what to read meanwhile.
pub struct Pressure {
    pub scenario: &'static Scenario,
    pub target: Target,
    pub connections: usize,
    /// After this long no further operation begins; a spent supply ends the window earlier.
    pub seconds: f64,
    /// Seconds before the window, for supplies that last; spent ones warm up on a tenth of the supply.
    pub warm_up: f64,
    pub pid: Option<u32>,
    pub probe_dir: Option<PathBuf>,
}

/// One browser in the queue, and how often it may still be used.
type Entry = (Browser, u32);

struct Window {
    scenario: &'static Scenario,
    queue: RefCell<VecDeque<Entry>>,
    tally: RefCell<Tally>,
}

/// When no further operation begins.
struct Limit {
    deadline: Instant,
    operations: Cell<usize>,
}

#[derive(Default)]
struct Tally {
    operations: Vec<u32>,
    steps: Vec<Vec<u32>>,
    errors: usize,
    error_kinds: BTreeMap<String, usize>,
    starved: usize,
    /// Those that became enrolled.
    enrolled: Vec<Rc<RefCell<Account>>>,
}

/// What the timed part says, apart from what only the caller knows.
pub struct Outcome {
    pub sample: Sample,
    /// Accounts that are enrolled now and were not before.
    pub enrolled: Vec<Rc<RefCell<Account>>>,
}

pub async fn drive(pressure: &Pressure, browsers: VecDeque<Browser>) -> Result<Outcome> {
    let prepared = browsers.len();
    ensure!(
        prepared >= pressure.connections,
        "{prepared} browsers are too few for {} connections",
        pressure.connections
    );
    let probe = || match &pressure.probe_dir {
        Some(dir) => durable_commit(dir, Duration::from_millis(300)).map(Some),
        None => Ok(None),
    };
    let disk_before = probe()?;
    let window = Rc::new(Window::over(pressure, browsers));
    let lines = (0..pressure.connections).map(|_| Line::to(&pressure.target)).collect();
    let lines = window.press(lines, window.warm_up(pressure, prepared)).await?;
    let mut early = window.restart();
    ensure!(!early.operations.is_empty(), "nothing worked while warming up: {:?}", early.error_kinds);

    pressure.pid.inspect(|pid| process::forget_peak(*pid));
    let before = Reading::take(pressure.pid);
    window.press(lines, Limit::seconds(pressure.seconds)).await?;
    let after = Reading::take(pressure.pid);

    let mut tally = window.restart();
    let mut enrolled = std::mem::take(&mut early.enrolled);
    enrolled.append(&mut tally.enrolled);
    let mut sample = tally.sample(pressure, after.at.duration_since(before.at).as_secs_f64());
    for (why, count) in early.error_kinds {
        sample.error_kinds.insert(format!("(warming up) {why}"), count);
    }
    sample.cpu = after.since(&before, sample.operations);
    sample.resident_before_mb = rounded(before.memory.resident_mb);
    sample.peak_mb = rounded(after.memory.peak_mb);
    (sample.disk_before, sample.disk_after) = (disk_before, probe()?);
    Ok(Outcome { sample, enrolled })
}

impl Limit {
    fn seconds(seconds: f64) -> Self {
        let deadline = Instant::now() + Duration::from_secs_f64(seconds);
        Self { deadline, operations: Cell::new(usize::MAX) }
    }

    fn one_more(&self) -> bool {
        let left = self.operations.get();
        self.operations.set(left.saturating_sub(1));
        left > 0 && Instant::now() < self.deadline
    }
}

impl Window {
    fn over(pressure: &Pressure, browsers: VecDeque<Browser>) -> Self {
        let uses = match pressure.scenario.supply {
            Supply::Spent { uses, .. } => uses,
            Supply::Kept | Supply::Rotating => 1,
        };
        let queue = browsers.into_iter().map(|browser| (browser, uses)).collect();
        let window =
            Self { scenario: pressure.scenario, queue: RefCell::new(queue), tally: RefCell::default() };
        window.restart();
        window
    }

    fn warm_up(&self, pressure: &Pressure, prepared: usize) -> Limit {
        match self.scenario.supply {
            Supply::Kept | Supply::Rotating => Limit::seconds(pressure.warm_up),
            Supply::Spent { uses, .. } => {
                let tenth = (prepared * uses as usize / 10).max(1);
                Limit { operations: Cell::new(tenth), ..Limit::seconds(60.0) }
            }
        }
    }

    /// Hands out what was counted so far and begins to count anew.
    fn restart(&self) -> Tally {
        let steps = vec![Vec::new(); self.scenario.timed.len()];
        self.tally.replace(Tally { steps, ..Tally::default() })
    }

    /// Works on all connections at once until the limit, and until everything begun has ended.
    async fn press(self: &Rc<Self>, lines: Vec<Line>, limit: Limit) -> Result<Vec<Line>> {
        let limit = Rc::new(limit);
        let worker = |line| {
            let (window, limit) = (self.clone(), limit.clone());
            spawn_local(async move { window.work(line, &limit).await })
        };
        let workers: Vec<_> = lines.into_iter().map(worker).collect();
        let mut lines = Vec::with_capacity(workers.len());
        for worker in workers {
            lines.push(worker.await.context("a driving task broke")?);
        }
        Ok(lines)
    }

    async fn work(&self, mut line: Line, limit: &Limit) -> Line {
        while limit.one_more() {
            let Some((mut browser, left)) = self.queue.borrow_mut().pop_front() else { break };
            let rested = self.scenario.supply != Supply::Rotating
                || browser.account.borrow().can_answer(Now::read(), 1);
            let result =
                if rested { self.operate(&mut line, &mut browser).await } else { Err(Halt::NoFreshStep) };
            let starved = matches!(result, Err(Halt::NoFreshStep));
            let left = if result.is_ok() { left - 1 } else { 0 };
            self.note(result, &browser);
            match self.scenario.supply {
                Supply::Spent { .. } if starved => self.queue.borrow_mut().push_back((browser, 1)),
                Supply::Spent { .. } if left == 0 => {}
                Supply::Spent { .. } => self.queue.borrow_mut().push_back((browser, left)),
                Supply::Kept | Supply::Rotating => self.queue.borrow_mut().push_back((browser, 1)),
            }
            if starved {
                sleep(Duration::from_millis(20)).await;
            }
        }
        line
    }

    /// One operation: its duration, and that of each step.
    async fn operate(&self, line: &mut Line, browser: &mut Browser) -> Result<(u32, Vec<u32>), Halt> {
        let began = Instant::now();
        let mut steps = Vec::with_capacity(self.scenario.timed.len());
        for step in self.scenario.timed {
            steps.push(line.take(*step, browser).await?);
        }
        Ok((u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX), steps))
    }

    fn note(&self, result: Result<(u32, Vec<u32>), Halt>, browser: &Browser) {
        let mut tally = self.tally.borrow_mut();
        match result {
            Ok((operation, steps)) => {
                if self.scenario.start == Start::Registered {
                    tally.enrolled.push(browser.account.clone());
                }
                tally.operations.push(operation);
                for (all, one) in tally.steps.iter_mut().zip(steps) {
                    all.push(one);
                }
            }
            Err(Halt::NoFreshStep) => tally.starved += 1,
            Err(Halt::Busy(why) | Halt::Failed(why)) => {
                tally.errors += 1;
                // A few kinds explain a bad run; thousands would drown it.
                if tally.error_kinds.len() < 8 || tally.error_kinds.contains_key(&why) {
                    *tally.error_kinds.entry(why).or_default() += 1;
                }
            }
        }
    }
}

impl Tally {
    fn sample(mut self, pressure: &Pressure, window_s: f64) -> Sample {
        let operations = self.operations.len();
        let names = pressure.scenario.timed.iter().map(|step| step.name().to_owned());
        Sample {
            side: String::new(),
            scenario: pressure.scenario.name.to_owned(),
            about: pressure.scenario.about.to_owned(),
            round: 0,
            connections: pressure.connections,
            window_s: rounded(window_s),
            operations,
            per_second: rounded(operations as f64 / window_s),
            errors: self.errors,
            error_kinds: self.error_kinds,
            starved: self.starved,
            latency: Latency::of(&mut self.operations),
            steps: names.zip(self.steps.iter_mut().map(|micros| Latency::of(micros))).collect(),
            cpu: Cpu::default(),
            resident_before_mb: 0.0,
            peak_mb: 0.0,
            prepared: Default::default(),
            disk_before: None,
            disk_after: None,
        }
    }
}

/// The clocks of the server, of this program and of the machine at one moment.
struct Reading {
    at: Instant,
    server: f64,
    generator: f64,
    machine: f64,
    memory: process::Memory,
}

impl Reading {
    fn take(pid: Option<u32>) -> Self {
        Self {
            server: pid.map_or(0.0, |pid| process::cpu_seconds(&pid.to_string())),
            generator: process::cpu_seconds("self"),
            machine: process::machine_seconds(),
            memory: pid.map(process::memory).unwrap_or_default(),
            at: Instant::now(),
        }
    }

    fn since(&self, before: &Self, operations: usize) -> Cpu {
        let wall = self.at.duration_since(before.at).as_secs_f64();
        let (server, generator) = (self.server - before.server, self.generator - before.generator);
        let other = (self.machine - before.machine - server - generator).max(0.0);
        Cpu {
            server_ms_per_operation: rounded(server * 1000.0 / operations.max(1) as f64),
            server_cores: rounded(server / wall),
            generator_cores: rounded(generator / wall),
            other_cores: rounded(other / wall),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        task::LocalSet,
    };

    use super::*;

    /// Drives a server that says the same to everyone.
    fn drive_against(answer: &'static str, scenario: &str, browsers: usize) -> Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            spawn_local(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    spawn_local(async move {
                        let mut request = [0_u8; 4096];
                        while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                            let _ = stream.write_all(answer.as_bytes()).await;
                        }
                    });
                }
            });
            let account = Rc::new(RefCell::new(Account::new("a@bench.example".into())));
            let browsers = (0..browsers).map(|_| Browser::of(account.clone())).collect();
            let pressure = Pressure {
                scenario: Scenario::named(scenario).unwrap(),
                target: Target::parse(&url).unwrap(),
                connections: 4,
                seconds: 0.05,
                warm_up: 0.01,
                pid: Some(std::process::id()),
                probe_dir: None,
            };
            drive(&pressure, browsers).await
        })
    }

    #[test]
    fn a_window_lasts_until_the_last_answer() {
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        let sample = drive_against(ok, "s0", 4).unwrap().sample;
        assert!(sample.operations > 0, "{}", sample.operations);
        assert!(sample.window_s >= 0.05 && sample.errors == 0 && sample.peak_mb > 0.0);
    }

    #[test]
    fn a_spent_supply_ends_the_window() {
        let refusal = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 14\r\n\r\n\"INVALID_CODE\"";
        let sample = drive_against(refusal, "s5", 20).unwrap().sample;
        // 20 challenges, four tries each, of which a tenth warms up.
        assert!(sample.operations == 72 || sample.window_s >= 0.05, "{}", sample.operations);
        assert_eq!((sample.errors, sample.starved), (0, 0));
    }

    #[test]
    fn a_server_that_only_fails_is_an_error_that_quotes_it() {
        let broken = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\noops";
        let Err(fault) = drive_against(broken, "s5", 20) else { panic!("it cannot have worked") };
        let told = format!("{fault:#}");
        assert!(told.contains("500 oops"), "{told}");
    }
}

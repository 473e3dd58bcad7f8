//! The timed part: as many operations as the connections can carry, counted between two readings.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use tokio::{
    select,
    sync::Notify,
    task::spawn_local,
    time::{sleep, timeout},
};

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
    pub seconds: f64,
    /// Seconds before the window, for supplies that last; spent ones warm up on a tenth of the supply.
    pub warm_up: f64,
    pub pid: Option<u32>,
    pub probe_dir: Option<PathBuf>,
}

/// One browser in the queue, and how often it may still be used.
type Turn = (Browser, u32);

struct Window {
    scenario: &'static Scenario,
    queue: RefCell<VecDeque<Turn>>,
    recording: Cell<bool>,
    stopped: Cell<bool>,
    warm_up_left: Cell<usize>,
    warm: Notify,
    used_up: Notify,
    used_up_at: Cell<Option<Instant>>,
    tally: RefCell<Tally>,
}

#[derive(Default)]
struct Tally {
    operations: Vec<u32>,
    steps: Vec<Vec<u32>>,
    errors: usize,
    error_kinds: BTreeMap<String, usize>,
    starved: usize,
    /// Those that became enrolled, in or out of the window.
    enrolled: Vec<Rc<RefCell<Account>>>,
}

/// What the timed part says, apart from what only the caller knows.
pub struct Outcome {
    pub sample: Sample,
    /// Accounts that are enrolled now and were not before.
    pub enrolled: Vec<Rc<RefCell<Account>>>,
}

pub async fn drive(pressure: &Pressure, browsers: VecDeque<Browser>) -> Result<Outcome> {
    let probe = || match &pressure.probe_dir {
        Some(dir) => durable_commit(dir, Duration::from_millis(300)).map(Some),
        None => Ok(None),
    };
    let disk_before = probe()?;
    let window = Rc::new(Window::over(pressure, browsers));
    let workers = window.open(pressure)?;
    window.warm_up(pressure).await?;

    let resident_before_mb = pressure.pid.map_or(0.0, |pid| {
        process::forget_peak(pid);
        process::memory(pid).resident_mb
    });
    let before = Reading::take(pressure.pid);
    window.recording.set(true);
    select! {
        () = sleep(Duration::from_secs_f64(pressure.seconds)) => {}
        () = window.used_up.notified() => {}
    }
    window.recording.set(false);
    let after = Reading::take(pressure.pid);
    window.stopped.set(true);
    let peak_mb = pressure.pid.map_or(0.0, |pid| process::memory(pid).peak_mb);

    for worker in workers {
        // A worker that hangs is seen in the numbers; it must not hang the run.
        let _ = timeout(Duration::from_secs(40), worker).await;
    }
    let ended = window.used_up_at.get().unwrap_or(after.at);
    let disk_after = probe()?;
    let mut tally = window.tally.take();
    let enrolled = std::mem::take(&mut tally.enrolled);
    let mut sample = tally.sample(pressure, ended.duration_since(before.at).as_secs_f64());
    sample.cpu = after.since(&before, sample.operations);
    (sample.resident_before_mb, sample.peak_mb) = (resident_before_mb, rounded(peak_mb));
    (sample.disk_before, sample.disk_after) = (disk_before, disk_after);
    Ok(Outcome { sample, enrolled })
}

impl Window {
    fn over(pressure: &Pressure, browsers: VecDeque<Browser>) -> Self {
        let (uses, warm_up) = match pressure.scenario.supply {
            Supply::Spent { uses, .. } => (uses, browsers.len() * uses as usize / 10),
            Supply::Kept | Supply::Rotating => (1, usize::MAX),
        };
        Self {
            scenario: pressure.scenario,
            queue: RefCell::new(browsers.into_iter().map(|browser| (browser, uses)).collect()),
            recording: Cell::new(false),
            stopped: Cell::new(false),
            warm_up_left: Cell::new(warm_up.max(1)),
            warm: Notify::new(),
            used_up: Notify::new(),
            used_up_at: Cell::new(None),
            tally: RefCell::new(Tally {
                steps: vec![Vec::new(); pressure.scenario.timed.len()],
                ..Tally::default()
            }),
        }
    }

    fn open(self: &Rc<Self>, pressure: &Pressure) -> Result<Vec<tokio::task::JoinHandle<()>>> {
        let prepared = self.queue.borrow().len();
        ensure!(
            prepared >= pressure.connections,
            "{prepared} browsers are too few for {} connections",
            pressure.connections
        );
        let worker = |_| {
            let (window, line) = (self.clone(), Line::to(&pressure.target));
            spawn_local(async move { window.work(line).await })
        };
        Ok((0..pressure.connections).map(worker).collect())
    }

    async fn warm_up(&self, pressure: &Pressure) -> Result<()> {
        let spent = matches!(self.scenario.supply, Supply::Spent { .. });
        let time = if spent { 60.0 } else { pressure.warm_up };
        select! {
            () = self.warm.notified() => Ok(()),
            () = self.used_up.notified() => {
                bail!("the supply ran out while warming up; errors: {:?}", self.tally.borrow().error_kinds)
            }
            () = sleep(Duration::from_secs_f64(time)) => {
                ensure!(!spent, "warming up takes over a minute: {:?}", self.tally.borrow().error_kinds);
                Ok(())
            }
        }
    }

    async fn work(&self, mut line: Line) {
        while !self.stopped.get() {
            let Some((mut browser, left)) = self.queue.borrow_mut().pop_front() else {
                self.used_up_at.set(self.used_up_at.get().or_else(|| Some(Instant::now())));
                self.used_up.notify_one();
                return;
            };
            let rested = self.scenario.supply != Supply::Rotating
                || browser.account.borrow().can_answer(Now::read(), 1);
            let result =
                if rested { self.operate(&mut line, &mut browser).await } else { Err(Halt::NoFreshStep) };
            let starved = matches!(result, Err(Halt::NoFreshStep));
            let fine = result.is_ok();
            self.note(result, &browser);
            match self.scenario.supply {
                Supply::Spent { .. } if starved => self.queue.borrow_mut().push_back((browser, left)),
                Supply::Spent { .. } if fine && left > 1 => {
                    self.queue.borrow_mut().push_back((browser, left - 1));
                }
                Supply::Spent { .. } => {}
                Supply::Kept | Supply::Rotating => self.queue.borrow_mut().push_back((browser, left)),
            }
            if starved {
                sleep(Duration::from_millis(20)).await;
            }
        }
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
        let recording = self.recording.get();
        match result {
            Ok((operation, steps)) => {
                if self.scenario.start == Start::Registered {
                    tally.enrolled.push(browser.account.clone());
                }
                if recording {
                    tally.operations.push(operation);
                    for (all, one) in tally.steps.iter_mut().zip(steps) {
                        all.push(one);
                    }
                } else if let Some(left) = self.warm_up_left.get().checked_sub(1) {
                    self.warm_up_left.set(left);
                    if left == 0 {
                        self.warm.notify_one();
                    }
                }
            }
            Err(Halt::NoFreshStep) => tally.starved += usize::from(recording),
            Err(Halt::Busy(why) | Halt::Failed(why)) => {
                tally.errors += usize::from(recording);
                let why = if recording { why } else { format!("(outside the window) {why}") };
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
}

impl Reading {
    fn take(pid: Option<u32>) -> Self {
        Self {
            server: pid.map_or(0.0, |pid| process::cpu_seconds(&pid.to_string())),
            generator: process::cpu_seconds("self"),
            machine: process::machine_seconds(),
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

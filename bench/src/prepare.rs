//! Everything a scenario needs before its clock starts: accounts, open challenges, sessions, unused steps.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail, ensure};
use tokio::{task::spawn_local, time::sleep};

use crate::{
    account::{Account, Browser, People},
    http::Target,
    report::{Preparation, rounded},
    scenario::{Scenario, Start, Supply, way_to},
    step::{Halt, Line, Step},
    totp::{EDGE, Now, PERIOD},
};

/// How much to prepare, and how hard to press the server meanwhile.
pub struct Order {
    pub scenario: &'static Scenario,
    pub target: Target,
    /// Browsers wanted at least.
    pub browsers: usize,
    pub connections: usize,
    /// Makes the addresses of this run differ from those of every other.
    pub tag: String,
    pub trace: bool,
}

/// Challenges live ten minutes; the last must still be open when the clock starts.
const MINTING_MAX: Duration = Duration::from_secs(9 * 60);

/// An asked-to-wait server gets this many chances a step.
const PATIENCE: usize = 40;

/// Prepares the browsers and returns them in the order they should be used.
pub async fn prepare(order: &Order, people: &mut People) -> Result<(VecDeque<Browser>, Preparation)> {
    let began = Instant::now();
    let (browsers, accounts_made) = match order.scenario.start {
        Start::Nobody => (blank(order.browsers), 0),
        Start::Registered => {
            let browsers =
                walk(order, blank_tagged(order, order.browsers), way_to(Start::Registered)).await?;
            let made = browsers.len();
            (browsers, made)
        }
        Start::Enrolled => {
            let made = enrol_missing(order, people).await?;
            (assign(order, people), made)
        }
    };
    let minting = Instant::now();
    let browsers = walk(order, browsers, order.scenario.mint).await?;
    ensure!(
        order.scenario.mint.is_empty() || minting.elapsed() < MINTING_MAX,
        "opening {} challenges took {} s: the first ones have expired; ask for fewer",
        browsers.len(),
        minting.elapsed().as_secs()
    );
    wait_for_fresh_steps(order.scenario, &browsers).await?;
    let seconds = rounded(began.elapsed().as_secs_f64());
    let done = Preparation { accounts_made, browsers: browsers.len(), seconds };
    Ok((browsers.into(), done))
}

fn blank(count: usize) -> Vec<Browser> {
    let account = Rc::new(RefCell::new(Account::new(String::new())));
    (0..count).map(|_| Browser::of(account.clone())).collect()
}

fn blank_tagged(order: &Order, count: usize) -> Vec<Browser> {
    let account = |nth| Account::new(format!("u{nth}-{}@bench.example", order.tag));
    (0..count).map(|nth| Browser::of(Rc::new(RefCell::new(account(nth))))).collect()
}

/// How many accounts the wanted browsers are spread over.
fn accounts_wanted(order: &Order) -> usize {
    match order.scenario.supply {
        Supply::Spent { per_account, .. } => order.browsers.div_ceil(per_account),
        Supply::Kept | Supply::Rotating => order.browsers,
    }
}

fn usable(order: &Order, account: &Rc<RefCell<Account>>) -> bool {
    account.borrow().can_fail(order.scenario.failures_per_account())
}

/// Enrols what is missing to have enough accounts that this scenario may use.
async fn enrol_missing(order: &Order, people: &mut People) -> Result<usize> {
    let have = people.enrolled.iter().filter(|account| usable(order, account)).count();
    let missing = accounts_wanted(order).saturating_sub(have);
    let made = walk(order, blank_tagged(order, missing), way_to(Start::Enrolled)).await?;
    people.enrolled.extend(made.into_iter().map(|browser| browser.account));
    people.sort_by_rest();
    Ok(missing)
}

/// One browser for each account, then a second one for each, and so on: an account's codes must come in
/// the order of its steps, so its challenges lie far apart.
fn assign(order: &Order, people: &People) -> Vec<Browser> {
    let fit = people.enrolled.iter().filter(|account| usable(order, account));
    let all: Vec<_> = match order.scenario.supply {
        Supply::Rotating => fit.collect(),
        Supply::Kept | Supply::Spent { .. } => fit.take(accounts_wanted(order)).collect(),
    };
    let count = order.browsers.max(all.len());
    all.iter().cycle().take(count).map(|account| Browser::of(Rc::clone(account))).collect()
}

/// Takes every browser through the steps, over a few connections at once.
async fn walk(order: &Order, browsers: Vec<Browser>, steps: &'static [Step]) -> Result<Vec<Browser>> {
    if steps.is_empty() || browsers.is_empty() {
        return Ok(browsers);
    }
    let total = browsers.len();
    eprintln!("  {}: {total} x {}", order.scenario.name, names(steps));
    let waiting = Rc::new(RefCell::new(VecDeque::from(browsers)));
    let done = Rc::new(RefCell::new(Vec::with_capacity(total)));
    let gave_up = Rc::new(Cell::new(false));
    let walkers: Vec<_> = (0..order.connections.min(total))
        .map(|_| {
            let (waiting, done, gave_up) = (waiting.clone(), done.clone(), gave_up.clone());
            let mut line = Line::to(&order.target);
            line.trace = order.trace;
            spawn_local(async move {
                while !gave_up.get() {
                    let Some(mut browser) = waiting.borrow_mut().pop_front() else { break };
                    for step in steps {
                        if let Err(fault) = take_patiently(&mut line, *step, &mut browser).await {
                            gave_up.set(true);
                            return Err(fault);
                        }
                    }
                    done.borrow_mut().push(browser);
                }
                Ok(())
            })
        })
        .collect();
    for walker in walkers {
        walker.await.map_err(|fault| anyhow!("a preparing task broke: {fault}"))??;
    }
    Ok(done.take())
}

fn names(steps: &[Step]) -> String {
    steps.iter().map(|step| step.name()).collect::<Vec<_>>().join(", ")
}

async fn take_patiently(line: &mut Line, step: Step, browser: &mut Browser) -> Result<()> {
    let began = Instant::now();
    for _ in 0..PATIENCE {
        loop {
            match line.take(step, browser).await {
                Ok(_) => return Ok(()),
                Err(Halt::Busy(_)) => break,
                Err(Halt::Failed(why)) => bail!("while preparing: {why}"),
                Err(Halt::NoFreshStep) => {
                    ensure!(began.elapsed().as_secs_f64() < 3.0 * PERIOD, "no TOTP step became free");
                    sleep(Duration::from_millis(200)).await;
                }
            }
        }
        sleep(Duration::from_millis(250)).await;
    }
    bail!("while preparing: {}: the server stayed busy (are its rate limits off?)", step.name())
}

/// Waits until every account can give all its right codes within this period, and the period lasts a while.
async fn wait_for_fresh_steps(scenario: &Scenario, browsers: &[Browser]) -> Result<()> {
    let waits = matches!(scenario.supply, Supply::Spent { .. }) && scenario.timed.contains(&Step::VerifyCode);
    if !waits {
        return Ok(());
    }
    let (began, answers) = (Instant::now(), scenario.answers_per_account());
    loop {
        let now = Now::read();
        let ready = browsers.iter().all(|browser| browser.account.borrow().can_answer(now, answers));
        if ready && now.seconds_left > 2.0 * EDGE {
            return Ok(());
        }
        ensure!(began.elapsed().as_secs_f64() < 5.0 * PERIOD, "the accounts never got {answers} fresh steps");
        sleep(Duration::from_millis(100)).await;
    }
}

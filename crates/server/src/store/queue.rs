//! The bounded queue between the callers and the threads that own the database connections.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use crate::{fault::Fault, store::Tx};

/// How long a job may wait for its turn; then the caller hears "busy" and the job never runs.
const TURN: Duration = Duration::from_secs(2);
/// How long a job that runs may take to answer. Nothing hangs beyond 30 seconds (invariant I9).
const ANSWER: Duration = Duration::from_secs(20);

const WAITING: u8 = 0;
const STARTED: u8 = 1;
const GIVEN_UP: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// How long the caller is willing to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// A person is waiting.
    Request,
    /// Migrations take as long as they take.
    Endless,
}

/// A closure on its way to a database connection, with the address of its caller.
pub(super) trait Job: Send {
    fn access(&self) -> Access;

    /// False when the caller has gone: then the job must not run.
    fn start(&self) -> bool;

    /// Runs the closure and keeps its answer back. True when the transaction may be committed.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;

    /// Tells the caller: `fault` if the transaction came to nothing, else what the closure answered.
    fn answer(self: Box<Self>, fault: Option<Fault>);
}

struct Errand<T, F> {
    work: F,
    access: Access,
    progress: Arc<AtomicU8>,
    answer: Option<Result<T, Fault>>,
    caller: oneshot::Sender<Result<T, Fault>>,
}

impl<T, F> Job for Errand<T, F>
where
    T: Send,
    F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send,
{
    fn access(&self) -> Access {
        self.access
    }

    fn start(&self) -> bool {
        !self.caller.is_closed()
            && self.progress.compare_exchange(WAITING, STARTED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let answer = run_caught(&self.work, tx);
        let keep = answer.is_ok();
        self.answer = Some(answer);
        keep
    }

    fn answer(self: Box<Self>, fault: Option<Fault>) {
        let never_ran = || Err(Fault::unavailable("the transaction did not run"));
        let answer = match (self.answer, fault) {
            // The closure's own refusal explains more than the transaction that failed around it.
            (Some(Err(own)), _) => Err(own),
            (_, Some(fault)) => Err(fault),
            (answer, None) => answer.unwrap_or_else(never_ran),
        };
        let _ = self.caller.send(answer);
    }
}

/// Runs a closure so that neither a panic nor a swallowed error can end in a commit.
pub(super) fn run_caught<T>(
    work: &impl Fn(&mut Tx<'_>) -> Result<T, Fault>,
    tx: &mut Tx<'_>,
) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(|| work(tx))) {
        Ok(Ok(_)) if tx.failed => {
            Err(Fault::internal("a failed statement was ignored; its transaction cannot be kept"))
        }
        Ok(answer) => answer,
        Err(_) => Err(Fault::internal("a closure panicked inside its transaction")),
    }
}

/// Hands `work` to the threads behind `queue` and waits for what becomes of it.
pub(super) async fn ask<T, F>(queue: &Queue, access: Access, patience: Patience, work: F) -> Result<T, Fault>
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
{
    let (caller, mut answer) = oneshot::channel();
    let progress = Arc::new(AtomicU8::new(WAITING));
    queue.offer(Box::new(Errand { work, access, progress: progress.clone(), answer: None, caller }))?;
    let gone = |_| Fault::unavailable("the database thread dropped a transaction; its outcome is unknown");
    if patience == Patience::Endless {
        return answer.await.map_err(gone)?;
    }
    if let Ok(answer) = timeout(TURN, &mut answer).await {
        return answer.map_err(gone)?;
    }
    if progress.compare_exchange(WAITING, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok() {
        return Err(Fault::busy("no database connection came free in time"));
    }
    match timeout(ANSWER, answer).await {
        Ok(answer) => answer.map_err(gone)?,
        Err(_) => Err(Fault::unavailable("the database does not answer; the outcome is unknown")),
    }
}

/// First in, first out, never longer than its capacity (P6).
pub(super) struct Queue {
    state: Mutex<State>,
    arrival: Condvar,
    closing: Condvar,
    capacity: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Box<dyn Job>>,
    /// Threads asleep in `take`. Waking costs a system call, so nobody is woken who is not asleep.
    asleep: usize,
    closed: bool,
}

pub(super) enum Taken {
    Jobs,
    Nothing,
    Closed,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self { state: Mutex::default(), arrival: Condvar::new(), closing: Condvar::new(), capacity }
    }

    pub(super) fn offer(&self, job: Box<dyn Job>) -> Result<(), Fault> {
        let mut state = self.state();
        if state.closed {
            return Err(Fault::unavailable("the store is closed"));
        }
        if state.jobs.len() >= self.capacity {
            return Err(Fault::busy("too many transactions are waiting"));
        }
        state.jobs.push_back(job);
        if state.asleep > 0 {
            self.arrival.notify_one();
        }
        Ok(())
    }

    /// Moves up to `most` jobs into `batch`. Sleeps while there are none, for `rest` at the longest.
    pub(super) fn take(&self, most: usize, rest: Option<Duration>, batch: &mut Vec<Box<dyn Job>>) -> Taken {
        let mut state = self.state();
        while state.jobs.is_empty() {
            if state.closed {
                return Taken::Closed;
            }
            state.asleep += 1;
            let rested;
            (state, rested) = match rest {
                None => (self.arrival.wait(state).unwrap_or_else(PoisonError::into_inner), false),
                Some(rest) => {
                    let (state, wait) =
                        self.arrival.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner);
                    (state, wait.timed_out())
                }
            };
            state.asleep -= 1;
            if rested && state.jobs.is_empty() && !state.closed {
                return Taken::Nothing;
            }
        }
        let number = most.min(state.jobs.len());
        batch.extend(state.jobs.drain(..number));
        Taken::Jobs
    }

    /// Moves up to `most` jobs that are waiting right now into `batch`.
    pub(super) fn grab(&self, most: usize, batch: &mut Vec<Box<dyn Job>>) {
        let mut state = self.state();
        let number = most.min(state.jobs.len());
        batch.extend(state.jobs.drain(..number));
    }

    /// Waits for `span`; false as soon as the queue is closed.
    pub(super) fn pause(&self, span: Duration) -> bool {
        let state = self.state();
        let woken = self.closing.wait_timeout_while(state, span, |state| !state.closed);
        !woken.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// What waits is still worked off; nothing new is accepted.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.arrival.notify_all();
        self.closing.notify_all();
    }

    /// No code that can panic runs under this lock, so a poisoned one is still whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

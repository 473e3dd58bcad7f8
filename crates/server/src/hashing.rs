//! Password hashing on threads of its own: a fixed number at work, a bounded line in front of them (SEC-096).
//!
//! Hashing is slow on purpose. Here it can neither hold up a request that needs no password nor take more
//! than one piece of memory a thread; who comes when the line is full hears so at once.

use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use countersign_core::{
    password::{self, Scratch, Verification},
    secret::Secret,
};
use tokio::sync::oneshot;

use crate::fault::Fault;

/// How many may wait, unless configured otherwise: under two seconds of Argon2id for one thread.
pub const QUEUE: usize = 100;

/// After so long without work a thread gives its memory back.
const IDLE: Duration = Duration::from_secs(10);

/// A handle to the threads; they finish what is waiting and end when the last handle is dropped.
#[derive(Clone)]
pub struct Hasher(Arc<Handle>);

impl Hasher {
    /// At least one thread, and room for at least one to wait.
    pub fn new(threads: usize, queue: usize) -> Self {
        let hasher = Self::without_threads(queue.max(1));
        for number in 0..threads.max(1) {
            let line = Arc::clone(&hasher.0.line);
            thread::Builder::new()
                .name(format!("hasher-{number}"))
                .spawn(move || work(&line))
                .expect("the operating system has no thread to give");
        }
        hasher
    }

    fn without_threads(queue: usize) -> Self {
        let line = Line { state: Mutex::default(), changed: Condvar::new(), queue };
        Self(Arc::new(Handle { line: Arc::new(line) }))
    }

    /// The password as it is stored.
    pub async fn hash(&self, password: Secret<String>, salt: [u8; 16]) -> Result<String, Fault> {
        let (reply, answer) = oneshot::channel();
        self.0.line.join(Job::Hash { password, salt, reply })?;
        answer.await.map_err(|_| abandoned())
    }

    /// For an unknown user, pass `password::DECOY`.
    pub async fn verify(&self, password: Secret<String>, stored: String) -> Result<Verification, Fault> {
        let (reply, answer) = oneshot::channel();
        self.0.line.join(Job::Verify { password, stored: Secret::new(stored), reply })?;
        answer.await.map_err(|_| abandoned())
    }
}

fn abandoned() -> Fault {
    Fault::internal("the password hasher gave up on a password")
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").finish_non_exhaustive()
    }
}

/// What all clones share, apart from the threads: its end is the threads' sign to go home.
struct Handle {
    line: Arc<Line>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.line.state().closed = true;
        self.line.changed.notify_all();
    }
}

enum Job {
    Hash { password: Secret<String>, salt: [u8; 16], reply: oneshot::Sender<String> },
    Verify { password: Secret<String>, stored: Secret<String>, reply: oneshot::Sender<Verification> },
}

impl Job {
    /// Nobody is waiting for the answer any more.
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Hash { reply, .. } => reply.is_closed(),
            Self::Verify { reply, .. } => reply.is_closed(),
        }
    }

    fn run(self, scratch: &mut Scratch) {
        if self.is_abandoned() {
            return;
        }
        // A caller who left meanwhile loses the answer: nothing to do about that.
        match self {
            Self::Hash { password, salt, reply } => {
                let _ = reply.send(password::hash(password.expose(), salt, scratch));
            }
            Self::Verify { password, stored, reply } => {
                let _ = reply.send(password::verify(password.expose(), stored.expose(), scratch));
            }
        }
    }
}

/// Those who wait for a thread, first come first served.
struct Line {
    state: Mutex<State>,
    changed: Condvar,
    queue: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    closed: bool,
}

enum Next {
    Job(Job),
    /// Nothing came for a while.
    Idle,
    Closed,
}

impl Line {
    fn join(&self, job: Job) -> Result<(), Fault> {
        let mut state = self.state();
        if state.waiting.len() >= self.queue {
            // Clients that hung up must not keep the others out.
            state.waiting.retain(|job| !job.is_abandoned());
        }
        if state.waiting.len() >= self.queue {
            return Err(Fault::busy("too many passwords are waiting to be hashed"));
        }
        state.waiting.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for work; with a patience, not longer than that.
    fn next(&self, patience: Option<Duration>) -> Next {
        let mut state = self.state();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                return Next::Job(job);
            }
            if state.closed {
                return Next::Closed;
            }
            state = match patience {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let (state, waited) =
                        self.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
                    if waited.timed_out() && state.waiting.is_empty() && !state.closed {
                        return Next::Idle;
                    }
                    state
                }
            };
        }
    }

    /// Nothing that runs under the lock can leave it half changed, so a poisoned one is as good as new.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The life of one thread. Its memory is there only while there is work.
fn work(line: &Line) {
    let mut scratch: Option<Scratch> = None;
    loop {
        match line.next(scratch.is_some().then_some(IDLE)) {
            Next::Job(job) => {
                let scratch = scratch.get_or_insert_default();
                // A bug in a hash is one failed request (its reply is dropped), not one thread less for good.
                let _ = catch_unwind(AssertUnwindSafe(|| job.run(scratch)));
            }
            Next::Idle => scratch = None,
            Next::Closed => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::{Pin, pin},
        task::{Context, Poll, Waker},
    };

    use super::*;
    use crate::fault::FaultKind;

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn job(line: &Line) -> Job {
        match line.next(Some(Duration::ZERO)) {
            Next::Job(job) => job,
            Next::Idle | Next::Closed => panic!("nobody is waiting"),
        }
    }

    #[tokio::test]
    async fn a_password_goes_round_trip() {
        let hasher = Hasher::new(2, QUEUE);
        let stored = hasher.hash("correct horse".into(), [9; 16]).await.unwrap();
        let right = hasher.verify("correct horse".into(), stored.clone()).await.unwrap();
        assert_eq!(right, Verification::Right);
        let (wrong, unknown) = tokio::join!(
            hasher.verify("wrong horse".into(), stored),
            hasher.verify("correct horse".into(), password::DECOY.to_owned()),
        );
        assert_eq!((wrong.unwrap(), unknown.unwrap()), (Verification::Wrong, Verification::Wrong));
    }

    #[test]
    fn a_full_line_refuses_at_once() {
        let hasher = Hasher::without_threads(2);
        let mut first = pin!(hasher.hash("one".into(), [0; 16]));
        let mut second = pin!(hasher.verify("two".into(), String::new()));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        let Poll::Ready(Err(fault)) = poll(pin!(hasher.hash("three".into(), [0; 16]))) else {
            panic!("a third should not wait");
        };
        assert_eq!(fault.kind, FaultKind::Busy);

        // First come first served, and the place that became free is taken.
        job(&hasher.0.line).run(&mut Scratch::default());
        assert!(poll(first).is_ready());
        assert!(poll(second.as_mut()).is_pending());
        assert!(poll(pin!(hasher.hash("three".into(), [0; 16]))).is_pending());
    }

    #[test]
    fn whoever_left_costs_nothing_and_keeps_nobody_out() {
        let hasher = Hasher::without_threads(1);
        assert!(poll(pin!(hasher.hash("left".into(), [0; 16]))).is_pending());
        let mut scratch = Scratch::default();
        job(&hasher.0.line).run(&mut scratch);
        assert_eq!(scratch.bytes(), 0);

        assert!(poll(pin!(hasher.hash("left too".into(), [0; 16]))).is_pending());
        let mut stayed = pin!(hasher.hash("stayed".into(), [0; 16]));
        assert!(poll(stayed.as_mut()).is_pending());
        job(&hasher.0.line).run(&mut scratch);
        assert!(poll(stayed).is_ready());
        assert!(scratch.bytes() > 0);
    }

    #[test]
    fn without_work_a_thread_hears_so_and_without_handles_it_ends() {
        let hasher = Hasher::without_threads(1);
        let line = Arc::clone(&hasher.0.line);
        assert!(matches!(line.next(Some(Duration::ZERO)), Next::Idle));
        let clone = hasher.clone();
        drop(hasher);
        assert!(matches!(line.next(Some(Duration::ZERO)), Next::Idle));
        drop(clone);
        assert!(matches!(line.next(None), Next::Closed));
    }
}

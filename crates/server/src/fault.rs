//! Our failure, as opposed to the caller's news (`countersign_core::denied::Denied`).

use std::{error::Error, fmt};

/// Something that should have worked did not. Logged once, where it leaves the process; never shown.
#[derive(Debug)]
pub struct Fault {
    pub kind: FaultKind,
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Too much at once: ask again in a moment (503 with `Retry-After`).
    Busy,
    /// Storage, keys or the clock cannot be trusted now: fail closed (503).
    Unavailable,
    /// The configuration or the environment is unsafe or wrong: do not start (exit code 78).
    Misconfigured,
    /// A bug or damaged data (500).
    Internal,
}

impl Fault {
    pub fn busy(what: impl Into<String>) -> Self {
        Self::new(FaultKind::Busy, what)
    }

    pub fn unavailable(what: impl Into<String>) -> Self {
        Self::new(FaultKind::Unavailable, what)
    }

    pub fn misconfigured(what: impl Into<String>) -> Self {
        Self::new(FaultKind::Misconfigured, what)
    }

    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(FaultKind::Internal, what)
    }

    fn new(kind: FaultKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), source: None }
    }

    /// Says it in the log, once, and whether asking again in a moment may help.
    pub fn log_and_judge(&self) -> bool {
        tracing::error!(fault = %self, "a request failed");
        matches!(self.kind, FaultKind::Busy | FaultKind::Unavailable)
    }

    /// Keeps the cause for the log. Causes must not quote secrets.
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let mut cause = self.source.as_deref().map(|cause| cause as &(dyn Error + 'static));
        while let Some(inner) = cause {
            write!(f, ": {inner}")?;
            cause = inner.source();
        }
        Ok(())
    }
}

impl Error for Fault {}

//! The one place that reads the wall clock.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use countersign_core::time::Timestamp;

/// The time of day, or a stopped clock that tests move by hand.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    Stopped(Arc<AtomicI64>),
}

impl Clock {
    pub fn stopped(at: Timestamp) -> Self {
        Self::Stopped(Arc::new(AtomicI64::new(at.as_micros())))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Timestamp::from_micros(since_1970.map_or(0, |span| span.as_micros() as i64))
            }
            Self::Stopped(micros) => Timestamp::from_micros(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a stopped clock; the system's clock moves by itself.
    pub fn advance(&self, span: std::time::Duration) {
        if let Self::Stopped(micros) = self {
            micros.fetch_add(span.as_micros() as i64, Ordering::SeqCst);
        }
    }
}

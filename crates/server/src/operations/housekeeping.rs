//! Housekeeping: what nobody can use any more is deleted, in batches, on a timer.

use std::time::Duration;

use countersign_core::time::DAY;

use crate::{
    ctx::Ctx,
    operations::{Outcome, deadlines, recovery},
};

/// How long the journal keeps addresses and browsers (SEC-116).
pub const JOURNAL_KEPT: Duration = Duration::from_secs(90 * DAY.as_secs());
/// How often the timer rings.
pub const EVERY: Duration = Duration::from_secs(60);

/// One round: batches until nothing is left. Says how many rows went.
pub async fn purge(ctx: &Ctx) -> Outcome<u64> {
    recovery::tick(ctx).await?;
    deadlines::tick(ctx).await?;
    let now = ctx.clock.now();
    let mut gone = 0;
    loop {
        let batch = ctx.store.write(move |tx| tx.purge(now, now - JOURNAL_KEPT)).await?;
        gone += batch;
        if batch == 0 {
            return Ok(gone);
        }
    }
}

//! `countersign migrate`: brings the database schema up to date, and says what was done.

use std::process::ExitCode;

use crate::{
    cli::{Refusal, insist_on_safety, make_data_dir, runtime},
    clock::Clock,
    config::Config,
    fault::Fault,
    store::Store,
};

/// Only the database matters here: a job that migrates needs no public URL or mail server.
pub(super) fn run(config: &Config, clock: &Clock) -> Result<ExitCode, Refusal> {
    insist_on_safety(&config.check_disk())?;
    make_data_dir(config)?;
    let applied = runtime()?.block_on(apply(config, clock))?;
    for migration in &applied {
        println!("applied {migration}");
    }
    if applied.is_empty() {
        println!("the schema is up to date");
    }
    Ok(ExitCode::SUCCESS)
}

async fn apply(config: &Config, clock: &Clock) -> Result<Vec<String>, Fault> {
    let store = Store::open(&config.database).await?;
    store.migrate(clock.now()).await
}

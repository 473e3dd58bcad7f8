//! `countersign serve`: the server, once its configuration has been found safe.

use std::process::ExitCode;

use crate::{
    app,
    cli::{Refusal, insist_on_safety, make_data_dir, runtime},
    config::{Config, MudbaseLogin},
};

pub(super) fn run(config: Config) -> Result<ExitCode, Refusal> {
    let mut found = config.check();
    found.extend(config.check_disk());
    insist_on_safety(&found)?;
    make_data_dir(&config)?;
    if !config.rate_limits {
        tracing::warn!("rate limits are off: nothing slows down guessing but the lockout of each account");
    }
    if config.mudbase.login == MudbaseLogin::Original && config.speaks("mudbase") {
        tracing::warn!("mudbase.login = original: its login asks nobody for a second factor");
    }
    runtime()?.block_on(app::serve(config))?;
    Ok(ExitCode::SUCCESS)
}

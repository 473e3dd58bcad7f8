//! `countersign administrator` and `countersign service-key`: what has to exist before anybody can make it from a
//! page. Whoever may run them holds the database and its keys already.

use std::{process::ExitCode, sync::Arc};

use countersign_core::denied::Denied;

use crate::{
    app::App,
    cli::{Refusal, insist_on_safety, make_data_dir, runtime},
    clock::Clock,
    config::Config,
    ctx::Ctx,
    dice::Dice,
    fault::Fault,
    operations::{
        Stop, organisations,
        service::{self, NewServiceKey, UnfitKey},
    },
};

/// Makes somebody who has an account an owner of the server's own organisation.
pub(super) fn administrator(config: Config, email: &str) -> Result<ExitCode, Refusal> {
    let runtime = runtime()?;
    let ctx = runtime.block_on(open(config))?;
    runtime.block_on(organisations::appoint(&ctx, email)).map_err(|stop| match stop {
        Stop::Denied(_) => Refusal::Failed(format!("{email} has no account here: sign up first")),
        Stop::Fault(fault) => fault.into(),
    })?;
    println!("{email} administers this server");
    Ok(ExitCode::SUCCESS)
}

/// Prints a service key, once, on a line of its own.
pub(super) fn service_key(config: Config, name: &str, return_urls: &[String]) -> Result<ExitCode, Refusal> {
    let unfit = |unfit| match unfit {
        UnfitKey::Name => "a key has a name of 1 to 100 characters that people can read",
        UnfitKey::ReturnUrls => {
            "people are sent back to whole https addresses without a fragment, or http ones of this machine, 20 at most"
        }
    };
    let new = NewServiceKey::new(name, return_urls.to_vec());
    let new = new.map_err(|why| Refusal::Failed(unfit(why).to_owned()))?;
    let runtime = runtime()?;
    let ctx = runtime.block_on(open(config))?;
    let (key, secret) = runtime.block_on(service::make(&ctx, new)).map_err(|stop| match stop {
        Stop::Denied(Denied::TooManyKeys { max }) => Refusal::Failed(format!("there are {max} keys already")),
        Stop::Denied(_) => Refusal::Failed("the key cannot be made".to_owned()),
        Stop::Fault(fault) => fault.into(),
    })?;
    println!("{}", secret.expose());
    eprintln!("countersign: this key of {name} is not shown again; it ends {}", key.expires_at.to_iso());
    Ok(ExitCode::SUCCESS)
}

async fn open(config: Config) -> Result<Arc<Ctx>, Fault> {
    let refused = |refusal| match refusal {
        Refusal::Misconfigured(lines) => Fault::misconfigured(lines.join("; ")),
        Refusal::Failed(line) => Fault::internal(line),
    };
    insist_on_safety(&config.check_disk()).map_err(refused)?;
    make_data_dir(&config)?;
    let dice = Arc::new(Dice::System);
    Ok(App::open(config, Clock::System, dice).await?.ctx)
}

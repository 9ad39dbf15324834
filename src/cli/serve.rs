//! `why403 serve` and `why403 demo`.

use std::process::ExitCode;

use anyhow::Result;
use tokio::task::JoinSet;

use super::args::{Demo, Global, Serve};
use super::output::say;
use super::{Misuse, Workers, block_on, load, log, signals, sources};
use crate::app::{self, App, Listeners, Reloads};
use crate::clock::Clock;
use crate::config::{Environment, Loaded, Sources};
use crate::demo;
use crate::monitor::Pace;

/// Watches until a signal arrives.
pub(super) fn serve(global: &Global, options: &Serve, environment: Environment) -> ExitCode {
    let directives = environment.get("RUST_LOG").map(str::to_owned);
    let mut sources = sources(global, environment);
    if let Some(listen) = &options.listen {
        sources
            .overrides
            .push(("server.listen".to_owned(), listen.clone()));
    }
    let loaded = match load(&sources) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    if let Err(status) = log(loaded.config.log, directives.as_deref()) {
        return status;
    }
    block_on(Workers::PerCore, run(loaded, sources))
}

async fn run(loaded: Loaded, sources: Sources) -> Result<ExitCode> {
    let Loaded { config, file, .. } = loaded;
    let mut tasks = JoinSet::new();
    // Before anything waits: a stop signal during start must be obeyed.
    let signals = signals::install(&mut tasks)?;
    let asked = signals::hangups(&mut tasks)?;
    app::descriptors::provide(&config).map_err(Misuse)?;
    app::memory::suffices(&config).map_err(Misuse)?;
    let listeners =
        Listeners::open(&config.server).map_err(|error| Misuse(format!("{error:#}")))?;
    let address = listeners.first.local_addr()?;
    if let Some(admin) = &listeners.admin {
        let address = admin.local_addr()?;
        tracing::info!(%address, "everything but the answers for probes is at {address}");
    }
    let count = config.targets.len();
    let noun = if count == 1 { "target" } else { "targets" };
    let app = App::start(config, Clock::system(), Pace::Spread)
        .map_err(|error| Misuse(format!("{error:#}")))?;
    tracing::info!(%address, targets = count, "watching {count} {noun}, listening on {address}");
    let reloads = Reloads {
        sources,
        file,
        asked,
    };
    app.serve(listeners, signals, Some(reloads)).await?;
    Ok(ExitCode::SUCCESS)
}

/// Plays the demonstration.
pub(super) fn demo(options: &Demo) -> ExitCode {
    let listen = options.listen;
    let once = options.once;
    block_on(Workers::PerCore, async move {
        let mut tasks = JoinSet::new();
        let signals = signals::install(&mut tasks)?;
        let mut tell = |text: &str| say(&format!("{text}\n"));
        demo::run(listen, once, signals, &mut tell)
            .await
            .map_err(|error| Misuse(format!("{error:#}")))?;
        Ok(ExitCode::SUCCESS)
    })
}

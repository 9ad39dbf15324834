//! The composition root: puts the parts together, owns every task, and stops them in order.
//!
//! A task that ends before it is told to is fatal: a monitor whose loop died and still answers
//! 200 would be the worst failure of all.

pub mod descriptors;
mod listeners;
pub mod memory;
mod reload;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, Loaded};
use crate::http::{self, AppState, Secured, Tls};
use crate::metrics::Metrics;
use crate::monitor::{self, Beginning, Ended, Monitor, Pace, Watcher};
use crate::snapshot::Snapshot;
use crate::store::{self, Recalled};
use crate::target::Name;

pub use self::listeners::{Listeners, bind};
pub use self::reload::Reloads;

/// Longest wait for the first probes, where somebody waits for them; every call has a timeout of
/// its own that is far shorter.
const FIRST_ROUND: Duration = Duration::from_mins(2);

/// What asks the service to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// An orchestrator: go on serving until its endpoints have changed.
    Terminate,
    /// A person at a terminal: stop now.
    Interrupt,
}

/// The running parts, before they are served.
#[derive(Debug)]
pub struct App {
    config: Config,
    clock: Clock,
    watcher: Watcher,
    metrics: Arc<Metrics>,
    tasks: JoinSet<Ended>,
    stop: CancellationToken,
}

impl App {
    /// Starts watching what the configuration names.
    ///
    /// # Errors
    /// When the HTTP client, the metrics or the state directory cannot be set up.
    pub fn start(config: Config, clock: Clock, pace: Pace) -> Result<Self> {
        let names: Vec<Name> = config
            .targets
            .iter()
            .map(|target| target.name.clone())
            .collect();
        let mut credentials: Vec<Name> = config
            .targets
            .iter()
            .map(|target| target.credential.name.clone())
            .collect();
        credentials.sort();
        credentials.dedup();
        let metrics =
            Arc::new(Metrics::new(&names, &credentials).context("cannot set up metrics")?);
        let mut tasks = JoinSet::new();
        let stop = CancellationToken::new();
        let beginning = beginning(&config, pace, &clock, &metrics, &mut tasks)?;
        let watcher = monitor::start(&config, beginning, &clock, &metrics, &mut tasks, &stop)?;
        Ok(Self {
            config,
            clock,
            watcher,
            metrics,
            tasks,
            stop,
        })
    }

    /// The running watch.
    #[must_use]
    pub fn monitor(&self) -> &Monitor {
        self.watcher.monitor()
    }

    /// Waits until every target has been probed once, at most two minutes, then stops.
    ///
    /// # Errors
    /// When a task ends early, which is a defect.
    pub async fn first_round(self) -> Result<Arc<Snapshot>> {
        self.then(async |_, snapshot| snapshot).await
    }

    /// The same, and goes on watching while `work` does something with the running watch and what
    /// the first probes brought.
    ///
    /// # Errors
    /// When a task ends early, which is a defect.
    pub async fn then<T>(
        mut self,
        work: impl AsyncFnOnce(&Monitor, Arc<Snapshot>) -> T,
    ) -> Result<T> {
        let mut snapshots = self.monitor().subscribe();
        let over = snapshots.wait_for(|snapshot| snapshot.first_round_is_over());
        tokio::select! {
            // Whether it came in time or not: the snapshot tells what is known.
            _ = tokio::time::timeout(FIRST_ROUND, over) => {}
            Some(ended) = self.tasks.join_next() => early(ended)?,
        }
        let done = tokio::select! {
            done = work(self.watcher.monitor(), self.watcher.monitor().snapshot()) => done,
            Some(ended) = self.tasks.join_next() => {
                early(ended)?;
                bail!("a task ended early")
            }
        };
        self.end().await;
        Ok(done)
    }

    /// Serves HTTP on `listeners` until a signal arrives, then drains; a second signal ends at once.
    /// Meanwhile the configuration is read again as `reloads` says.
    ///
    /// # Errors
    /// When a task ends early, which is a defect.
    pub async fn serve(
        mut self,
        listeners: impl Into<Listeners>,
        mut signals: mpsc::Receiver<StopSignal>,
        reloads: Option<Reloads>,
    ) -> Result<()> {
        let stopping = CancellationToken::new();
        let drain = CancellationToken::new();
        let state = AppState {
            monitor: self.monitor().clone(),
            metrics: Arc::clone(&self.metrics),
            clock: self.clock.clone(),
            server: Arc::new(self.config.server.clone()),
            stopping: stopping.clone(),
        };
        let mut server = self.open(listeners.into(), state, &drain)?;
        let mut read = self.reload_by(reloads);
        let signal = loop {
            tokio::select! {
                Some(signal) = signals.recv() => break signal,
                Some(ended) = self.tasks.join_next() => early(ended)?,
                Some(_) = server.join_next() => bail!("the HTTP server ended early"),
                Some(read) = read.recv() => self.reload(read).await,
            }
        };
        stopping.cancel();
        let delay = match signal {
            StopSignal::Terminate => self.config.server.shutdown_delay,
            StopSignal::Interrupt => Duration::ZERO,
        };
        tracing::info!(
            delay_seconds = delay.as_secs(),
            "stopping: still serving, no longer ready"
        );
        let orderly = async {
            tokio::time::sleep(delay).await;
            drain.cancel();
            let mut cut = 0_usize;
            while let Some(ended) = server.join_next().await {
                cut = cut.saturating_add(ended.unwrap_or_default());
            }
            if cut > 0 {
                tracing::warn!(
                    connections = cut,
                    "drain deadline: {cut} open connections were cut"
                );
            }
            self.end().await;
        };
        tokio::select! {
            () = orderly => tracing::info!("stopped"),
            Some(_) = signals.recv() => tracing::warn!("stopped at once by a second signal"),
        }
        Ok(())
    }
}

impl App {
    /// Begins to serve, and to follow the files that belong to it.
    fn open(
        &mut self,
        listeners: Listeners,
        state: AppState,
        drain: &CancellationToken,
    ) -> Result<JoinSet<usize>> {
        let Listeners { first, admin, tls } = listeners;
        let service = http::Service::new(state);
        let mut server = JoinSet::new();
        let mut serve = |listener, secured: Option<Secured>, service| {
            let (limits, drain) = (self.config.server.clone(), drain.clone());
            server.spawn(
                async move { http::serve(listener, secured, service, &limits, drain).await },
            );
        };
        let for_first = match admin {
            Some(admin) => {
                let for_probes = service.for_probes(admin.local_addr()?);
                serve(admin, tls.as_ref().map(Tls::admin), service.clone());
                for_probes
            }
            None => service.clone(),
        };
        serve(first, tls.as_ref().map(Tls::first), for_first);
        let following = async move { service.follow_admin_token().await };
        monitor::supervise(&mut self.tasks, "admin token", &self.stop, following);
        if let Some(tls) = tls {
            let following = tls.follow(self.clock.clone());
            monitor::supervise(&mut self.tasks, "certificate", &self.stop, following);
        }
        Ok(server)
    }

    /// Ends every task.
    async fn end(self) {
        let Self {
            watcher,
            mut tasks,
            stop,
            ..
        } = self;
        stop.cancel();
        // What is kept on disk is written until nobody has anything to keep any more.
        drop(watcher);
        while tasks.join_next().await.is_some() {}
    }

    /// Begins to read the configuration again; what is read arrives in the channel.
    fn reload_by(&mut self, reloads: Option<Reloads>) -> mpsc::Receiver<reload::Read> {
        let (sender, read) = mpsc::channel(1);
        if let Some(reloads) = reloads {
            let (clock, stop) = (self.clock.clone(), self.stop.clone());
            let roots = self.config.network.tls_roots.clone();
            let work = reload::run(reloads, roots, clock, sender);
            monitor::supervise(&mut self.tasks, "configuration", &stop, work);
        }
        read
    }

    /// Goes on with what was read, or as before where it is of no use.
    async fn reload(&mut self, read: reload::Read) {
        let used = match read {
            Ok(loaded) => self.go_on_with(loaded).await,
            Err(why) => Err(why),
        };
        self.metrics.reloaded(used.is_ok());
        if let Err(why) = used {
            tracing::error!("the configuration as it is now is not used: {why}");
        }
    }

    async fn go_on_with(&mut self, loaded: Loaded) -> Result<(), String> {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let config = loaded.config;
        memory::suffices(&config)?;
        let counts = self.watcher.change(&config, &mut self.tasks).await;
        let counts = counts.map_err(|error| error.to_string())?;
        let fixed = [
            ("server", config.server != self.config.server),
            ("log", config.log != self.config.log),
        ];
        for (section, _) in fixed.iter().filter(|(_, is_changed)| *is_changed) {
            tracing::warn!("[{section}] has changed; that takes effect at the next start");
        }
        tracing::info!(
            kept = counts.kept,
            added = counts.added,
            changed = counts.changed,
            removed = counts.removed,
            "the configuration was read again: {} targets kept, {} added, {} changed, {} removed",
            counts.kept,
            counts.added,
            counts.changed,
            counts.removed
        );
        Ok(())
    }
}

/// What the watch begins with: what is known of earlier runs, and a task that keeps what is new.
///
/// Somebody who waits for one answer wants that of this moment; the file is the service's.
fn beginning(
    config: &Config,
    pace: Pace,
    clock: &Clock,
    metrics: &Arc<Metrics>,
    tasks: &mut JoinSet<Ended>,
) -> Result<Beginning> {
    let directory = config.server.state_dir.as_ref();
    let Some(directory) = directory.filter(|_| pace == Pace::Spread) else {
        return Ok(Beginning {
            pace,
            recalled: Recalled::default(),
            store: None,
        });
    };
    let (store, keeper, recalled) = store::open(directory, clock.now().wall)?;
    let metrics = Arc::clone(metrics);
    tasks.spawn(async move {
        keeper.run(|written| metrics.state_write(written)).await;
        // It goes on as long as anybody has something to keep.
        Ended::Told
    });
    Ok(Beginning {
        pace,
        recalled,
        store: Some(store),
    })
}

/// A task that ended although nobody told it to is a defect.
fn early(ended: Result<Ended, tokio::task::JoinError>) -> Result<()> {
    match ended {
        Ok(Ended::Told) => Ok(()),
        Ok(Ended::Early(name)) => bail!("the {name} task ended early"),
        Err(error) => Err(error).context("a task panicked"),
    }
}

#[cfg(test)]
mod tests;

//! The composition root: puts the parts together, owns every task, and stops them in order.
//!
//! A task that ends before it is told to is fatal: a monitor whose loop died and still answers
//! 200 would be the worst failure of all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::http::{self, AppState};
use crate::metrics::Metrics;
use crate::monitor::{self, Beginning, Monitor, Pace};
use crate::snapshot::Snapshot;
use crate::store::{self, Recalled};
use crate::target::Name;
use crate::upstream::Upstream;

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
    monitor: Monitor,
    metrics: Arc<Metrics>,
    tasks: JoinSet<&'static str>,
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
        let upstream = Upstream::new(&config.network, config.probe.connect_timeout, clock.clone())?;
        let mut tasks = JoinSet::new();
        let stop = CancellationToken::new();
        let beginning = beginning(&config, pace, &clock, &metrics, &mut tasks)?;
        let monitor = monitor::start(
            &config, beginning, &upstream, &clock, &metrics, &mut tasks, &stop,
        );
        Ok(Self {
            config,
            clock,
            monitor,
            metrics,
            tasks,
            stop,
        })
    }

    /// The running watch.
    #[must_use]
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
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
        let mut snapshots = self.monitor.subscribe();
        let over = snapshots.wait_for(|snapshot| snapshot.first_round_is_over());
        tokio::select! {
            // Whether it came in time or not: the snapshot tells what is known.
            _ = tokio::time::timeout(FIRST_ROUND, over) => {}
            Some(ended) = self.tasks.join_next() => early(ended)?,
        }
        let done = tokio::select! {
            done = work(&self.monitor, self.monitor.snapshot()) => done,
            Some(ended) = self.tasks.join_next() => {
                early(ended)?;
                bail!("a task ended early")
            }
        };
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        Ok(done)
    }

    /// Serves HTTP on `listener` until a signal arrives, then drains; a second signal ends at once.
    ///
    /// # Errors
    /// When a task ends early, which is a defect.
    pub async fn serve(
        mut self,
        listener: TcpListener,
        mut signals: mpsc::Receiver<StopSignal>,
    ) -> Result<()> {
        let stopping = CancellationToken::new();
        let drain = CancellationToken::new();
        let state = AppState {
            monitor: self.monitor.clone(),
            metrics: Arc::clone(&self.metrics),
            clock: self.clock.clone(),
            server: Arc::new(self.config.server.clone()),
            stopping: stopping.clone(),
        };
        let mut server = JoinSet::new();
        let limits = self.config.server.clone();
        let service = http::Service::new(state);
        let draining = drain.clone();
        server.spawn(async move { http::serve(listener, service, &limits, draining).await });
        let signal = tokio::select! {
            Some(signal) = signals.recv() => signal,
            Some(ended) = self.tasks.join_next() => return early(ended),
            Some(_) = server.join_next() => bail!("the HTTP server ended early"),
        };
        stopping.cancel();
        let stop = self.stop.clone();
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
            if let Some(Ok(cut)) = server.join_next().await
                && cut > 0
            {
                tracing::warn!(
                    connections = cut,
                    "{cut} connections were cut at the drain deadline"
                );
            }
            stop.cancel();
            while self.tasks.join_next().await.is_some() {}
        };
        tokio::select! {
            () = orderly => tracing::info!("stopped"),
            Some(_) = signals.recv() => tracing::warn!("stopped at once by a second signal"),
        }
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
    tasks: &mut JoinSet<&'static str>,
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
        "state"
    });
    Ok(Beginning {
        pace,
        recalled,
        store: Some(store),
    })
}

fn early(ended: Result<&'static str, tokio::task::JoinError>) -> Result<()> {
    match ended {
        Ok(name) => bail!("the {name} task ended early"),
        Err(error) => Err(error).context("a task panicked"),
    }
}

/// Binds the listener.
///
/// # Errors
/// Says which address, why, and what to do.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; choose another address with --listen or server.listen")
    })
}

//! The running watch: one task per target probes on schedule, one recorder turns evidence into
//! the published snapshot.
//!
//! Data flows one way: targets send evidence to the recorder, the recorder is the only writer of
//! the [`Snapshot`], everybody else reads it. A request for a fresh examination travels to the
//! target's task and comes back with the snapshot that holds its result.

mod case;
mod limits;
mod recorder;
pub mod verify;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch as channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::case::Case;
use self::limits::Bucket;
use self::recorder::{Memory, Recorder};
use self::watch::Watch;
use crate::clock::Clock;
use crate::config::Config;
use crate::diagnosis::{Outcome, mint_outcome};
use crate::evidence::TokenFacts;
use crate::metrics::Metrics;
use crate::probe::Prober;
use crate::schedule::Schedule;
use crate::snapshot::Snapshot;
use crate::store::{Recalled, Store};
use crate::target::{Credential, Name, Target};
use crate::timeline::Timeline;
use crate::token::{Minter, NotRenewed, Permits, Setup, Tokens};
use crate::upstream::Upstream;

pub use self::case::Purpose;

/// Reports that wait for the recorder; targets wait when it is behind.
const REPORTS: usize = 256;
/// Requests for one target that wait for its task.
const REQUESTS: usize = 64;

/// What the HTTP server asks of the running watch; clones share it.
#[derive(Clone, Debug)]
pub struct Monitor {
    snapshots: channel::Receiver<Arc<Snapshot>>,
    examinations: Arc<HashMap<Name, Examinations>>,
    tokens: Arc<HashMap<Name, Tokens>>,
    forced: Arc<Mutex<Bucket>>,
    clock: Clock,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declined {
    /// No target or credential has this name.
    Unknown,
    /// Too many requests of this kind; ask again after this time.
    TooSoon(Duration),
    /// The credential's token was given to us and cannot be refreshed.
    NotRefreshable,
    /// The service is stopping.
    Stopping,
}

/// What a forced refresh led to.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// The credential.
    pub credential: Name,
    /// The new token's facts, or why none was minted (an outcome of the token endpoint).
    pub result: Result<TokenFacts, Outcome>,
}

/// A request for an examination; the answer is the snapshot that holds it.
#[derive(Debug)]
struct Request {
    purpose: Purpose,
    reply: oneshot::Sender<Result<Arc<Snapshot>, Declined>>,
}

/// Where new examinations of one target are asked for.
#[derive(Debug)]
struct Examinations {
    requests: mpsc::Sender<Request>,
    /// Held by everybody who waits for one: whoever joins them costs nothing.
    waiting: Arc<()>,
}

impl Examinations {
    fn new(requests: mpsc::Sender<Request>) -> Self {
        Self {
            requests,
            waiting: Arc::default(),
        }
    }

    fn is_awaited(&self) -> bool {
        Arc::strong_count(&self.waiting) > 1
    }
}

/// How the first round of probes begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Spread, so that a fleet does not burst.
    Spread,
    /// All targets at once, as far as `probe.max_in_flight` allows: somebody waits for it.
    AtOnce,
}

impl Pace {
    /// The number of things to start that [`Schedule::first`] spreads.
    fn spread_over(self, count: usize) -> usize {
        match self {
            Self::Spread => count,
            Self::AtOnce => 1,
        }
    }
}

/// What the watch begins with.
#[derive(Debug)]
pub struct Beginning {
    /// How the first round begins.
    pub pace: Pace,
    /// What is known of earlier runs.
    pub recalled: Recalled,
    /// Where what is new is kept, if it is to outlive the process.
    pub store: Option<Store>,
}

/// Starts watching: every task lives in `tasks` and ends when `stop` is cancelled.
#[must_use]
pub fn start(
    config: &Config,
    beginning: Beginning,
    upstream: &Upstream,
    clock: &Clock,
    metrics: &Arc<Metrics>,
    tasks: &mut JoinSet<&'static str>,
    stop: &CancellationToken,
) -> Monitor {
    let Beginning {
        pace,
        recalled,
        store,
    } = beginning;
    let (attempts, finished) = mpsc::unbounded_channel();
    let setup = Setup {
        upstream: upstream.clone(),
        clock: clock.clone(),
        call_timeout: config
            .targets
            .iter()
            .map(|target| target.timeout)
            .max()
            .unwrap_or_default(),
        permits: Arc::new(Permits::new(
            config.targets.iter().map(|target| &*target.credential),
        )),
        beside_pause: config.probe.examination_pause,
        attempts,
        random: fastrand::f64,
    };
    let tokens = start_minters(config, pace, &setup, tasks, stop);
    let (reports, received) = mpsc::channel(REPORTS);
    let (cases, memory) = remember(config, recalled, store);
    let (recorder, snapshots) = Recorder::new(
        config,
        memory,
        clock.clone(),
        Arc::clone(metrics),
        tokens.values().cloned(),
    );
    let prober = Prober::new(upstream.clone(), clock.clone(), config.probe.max_in_flight);
    let mut examinations = HashMap::new();
    for ((index, target), cases) in config.targets.iter().enumerate().zip(cases) {
        let Some(tokens) = tokens.get(&target.credential.name) else {
            continue;
        };
        let (sender, requests) = mpsc::channel(REQUESTS);
        examinations.insert(target.name.clone(), Examinations::new(sender));
        let watch = Watch {
            index,
            target: target.clone(),
            schedule: Schedule::new(target.name.as_str(), target.interval, config.probe.jitter),
            fleet: pace.spread_over(config.targets.len()),
            tokens: tokens.clone(),
            prober: prober.clone(),
            clock: clock.clone(),
            reports: reports.clone(),
            requests,
            cases,
            // Somebody who waits for one answer does not wait for what will be needed later.
            surveys: pace == Pace::Spread,
        };
        supervise(tasks, "probe", stop, watch.run());
    }
    supervise(tasks, "recorder", stop, recorder.run(received, finished));
    Monitor {
        snapshots,
        examinations: Arc::new(examinations),
        tokens: Arc::new(tokens),
        forced: Arc::default(),
        clock: clock.clone(),
    }
}

/// What is known of earlier runs, for the tasks of the targets and for the recorder, per target and
/// operation in order.
fn remember(
    config: &Config,
    mut recalled: Recalled,
    store: Option<Store>,
) -> (Vec<Vec<Case>>, Memory) {
    let count = config.targets.iter().map(|one| one.operations.len()).sum();
    let mut cases = Vec::with_capacity(config.targets.len());
    let mut timelines = Vec::with_capacity(config.targets.len());
    for target in &config.targets {
        let mut of_target = (Vec::new(), Vec::new());
        for operation in &target.operations {
            let past = recalled.take(&target.name, operation);
            let mut timeline = Timeline::new(count);
            let dropped = timeline.recall(past.episodes);
            if let Some(store) = &store {
                let forget = |id| store.forget(&target.name, operation, id);
                dropped.into_iter().for_each(forget);
            }
            of_target
                .0
                .push(Case::after(past.good, config.probe.examination_pause));
            of_target.1.push(Arc::new(timeline));
        }
        cases.push(of_target.0);
        timelines.push(of_target.1);
    }
    if let Some(store) = &store {
        store.forget_strangers(&recalled);
    }
    (cases, Memory { timelines, store })
}

fn start_minters(
    config: &Config,
    pace: Pace,
    setup: &Setup,
    tasks: &mut JoinSet<&'static str>,
    stop: &CancellationToken,
) -> HashMap<Name, Tokens> {
    let mut credentials: Vec<&Arc<Credential>> = Vec::new();
    for Target { credential, .. } in &config.targets {
        if !credentials
            .iter()
            .any(|known| known.name == credential.name)
        {
            credentials.push(credential);
        }
    }
    let minute = Duration::from_mins(1);
    let count = pace.spread_over(credentials.len());
    let mut tokens = HashMap::with_capacity(credentials.len());
    for credential in credentials {
        let delay = Schedule::new(credential.name.as_str(), minute, 0.0).first(count);
        let (minter, handle) = Minter::new(Arc::clone(credential), setup.clone(), delay);
        tokens.insert(credential.name.clone(), handle);
        let stop = stop.clone();
        tasks.spawn(async move {
            minter.run(stop).await;
            "token"
        });
    }
    tokens
}

/// Runs `work` until `stop`; the task's result is its name, so that an early end can be told.
fn supervise(
    tasks: &mut JoinSet<&'static str>,
    name: &'static str,
    stop: &CancellationToken,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let stop = stop.clone();
    tasks.spawn(async move {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = work => {}
        }
        name
    });
}

impl Monitor {
    /// A watch that shows what a test publishes; its tasks have ended already.
    #[cfg(test)]
    pub(crate) fn ended(snapshots: channel::Receiver<Arc<Snapshot>>, clock: Clock) -> Self {
        let ended = |name: &Name| (name.clone(), Examinations::new(mpsc::channel(1).0));
        let names: Vec<Name> = snapshots
            .borrow()
            .targets
            .iter()
            .map(|t| t.name.clone())
            .collect();
        Self {
            snapshots,
            examinations: Arc::new(names.iter().map(ended).collect()),
            tokens: Arc::default(),
            forced: Arc::default(),
            clock,
        }
    }

    /// The latest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// A receiver that is told of every new snapshot.
    #[must_use]
    pub fn subscribe(&self) -> channel::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// Waits for a new examination of one target, or of all; joins one that is under way.
    ///
    /// # Errors
    /// [`Declined`] says why not, and when to ask again.
    pub async fn examine(
        &self,
        target: Option<&Name>,
        purpose: Purpose,
    ) -> Result<Arc<Snapshot>, Declined> {
        let chosen: Vec<_> = match target {
            Some(name) => vec![self.examinations.get(name).ok_or(Declined::Unknown)?],
            None => self.examinations.values().collect(),
        };
        self.take_permission(chosen.iter().filter(|it| !it.is_awaited()).count())?;
        ask(chosen, purpose).await
    }

    /// Waits for a probe of one target; joins one that is under way, and is answered by one that
    /// was made a moment ago.
    ///
    /// # Errors
    /// [`Declined`] says why not, and when to ask again.
    pub async fn scrape(&self, target: &Name) -> Result<Arc<Snapshot>, Declined> {
        let chosen = self.examinations.get(target).ok_or(Declined::Unknown)?;
        ask(vec![chosen], Purpose::Scrape).await
    }

    /// Mints a new token now; joins a refresh that is under way.
    ///
    /// # Errors
    /// [`Declined`] says why not, and when to ask again.
    pub async fn refresh(&self, credential: &Name) -> Result<Refreshed, Declined> {
        let tokens = self.tokens.get(credential).ok_or(Declined::Unknown)?;
        let result = match tokens.force().await {
            Ok(token) => Ok(token.facts.clone()),
            Err(NotRenewed::Failed(failure)) => Err(mint_outcome(&failure)),
            Err(NotRenewed::TooSoon(wait)) => return Err(Declined::TooSoon(wait)),
            Err(NotRenewed::Given) => return Err(Declined::NotRefreshable),
            Err(NotRenewed::Stopping) => return Err(Declined::Stopping),
        };
        Ok(Refreshed {
            credential: credential.clone(),
            result,
        })
    }

    fn take_permission(&self, examinations: usize) -> Result<(), Declined> {
        let now = self.clock.now().elapsed;
        let mut bucket = self.forced.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(examinations, now).map_err(Declined::TooSoon)
    }
}

/// Asks the tasks of some targets, and waits for what all of them say.
async fn ask(chosen: Vec<&Examinations>, purpose: Purpose) -> Result<Arc<Snapshot>, Declined> {
    let _waiting: Vec<_> = chosen.iter().map(|it| Arc::clone(&it.waiting)).collect();
    let mut answers = Vec::with_capacity(chosen.len());
    for examination in chosen {
        let (reply, answer) = oneshot::channel();
        let request = Request { purpose, reply };
        if examination.requests.send(request).await.is_err() {
            return Err(Declined::Stopping);
        }
        answers.push(answer);
    }
    // One target that may not be called now does not hide what the others found.
    let mut latest = Err(Declined::Unknown);
    for answer in answers {
        let result = answer.await.unwrap_or(Err(Declined::Stopping));
        if result.is_ok() || latest.is_err() {
            latest = result;
        }
    }
    latest
}

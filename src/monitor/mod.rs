//! The running watch: one task per target probes on schedule, one recorder turns evidence into
//! the published snapshot.
//!
//! Data flows one way: targets send evidence to the recorder, the recorder is the only writer of
//! the [`Snapshot`], everybody else reads it. A request for a fresh examination travels to the
//! target's task and comes back with the snapshot that holds its result.

mod case;
mod fleet;
mod lag;
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

use self::fleet::{Base, Fleet, Known};
use self::limits::Bucket;
use self::recorder::Recorder;
use self::watch::Message;
use crate::clock::Clock;
use crate::config::Config;
use crate::diagnosis::{Outcome, mint_outcome};
use crate::evidence::TokenFacts;
use crate::metrics::Metrics;
use crate::snapshot::Snapshot;
use crate::store::{Recalled, Store};
use crate::target::Name;
use crate::token::{NotRenewed, Tokens};
use crate::upstream::SetupError;

pub use self::case::Purpose;
pub use self::fleet::Counts;

/// Reports that wait for the recorder; targets wait when it is behind.
const REPORTS: usize = 256;
/// Requests for one target that wait for its task.
const REQUESTS: usize = 64;

/// What the HTTP server asks of the running watch; clones share it.
#[derive(Clone, Debug)]
pub struct Monitor {
    snapshots: channel::Receiver<Arc<Snapshot>>,
    directory: channel::Receiver<Arc<Directory>>,
    forced: Arc<Mutex<Bucket>>,
    clock: Clock,
}

/// Whom to ask, by name.
#[derive(Debug, Default)]
struct Directory {
    examinations: HashMap<Name, Arc<Examinations>>,
    tokens: HashMap<Name, Tokens>,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declined {
    /// No target or credential has this name.
    Unknown,
    /// Too many requests of this kind, by why403's own measure; ask again after this time.
    TooSoon(Duration),
    /// The platform asked to be left alone; ask again after this time.
    LeftAlone(Duration),
    /// The credential's token was given to us and cannot be refreshed.
    NotRefreshable,
    /// The service is stopping.
    Stopping,
}

impl Declined {
    /// After which time it may be asked again, where that would help.
    fn wait(&self) -> Option<Duration> {
        match self {
            Self::TooSoon(wait) | Self::LeftAlone(wait) => Some(*wait),
            Self::Unknown | Self::NotRefreshable | Self::Stopping => None,
        }
    }
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

/// How a task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Told,
    /// By itself, which is a defect.
    Early(&'static str),
}

impl Ended {
    fn of(name: &'static str, stop: &CancellationToken) -> Self {
        if stop.is_cancelled() {
            Self::Told
        } else {
            Self::Early(name)
        }
    }
}

/// What watches, and can be told to watch something else.
#[derive(Debug)]
pub struct Watcher {
    monitor: Monitor,
    fleet: Fleet,
    store: Option<Arc<Store>>,
    messages: mpsc::Sender<Message>,
    directory: channel::Sender<Arc<Directory>>,
}

/// Starts watching: every task lives in `tasks` and ends when `stop` is cancelled.
///
/// # Errors
/// When the HTTP client cannot be set up.
pub fn start(
    config: &Config,
    beginning: Beginning,
    clock: &Clock,
    metrics: &Arc<Metrics>,
    tasks: &mut JoinSet<Ended>,
    stop: &CancellationToken,
) -> Result<Watcher, SetupError> {
    let (attempts, finished) = mpsc::unbounded_channel();
    let (messages, received) = mpsc::channel(REPORTS);
    let base = Base {
        clock: clock.clone(),
        pace: beginning.pace,
        attempts,
        reports: messages.clone(),
        permits: Arc::default(),
        stop: stop.clone(),
    };
    let store = beginning.store.map(Arc::new);
    let mut fleet = Fleet::new(base, beginning.recalled);
    let known = Known {
        snapshot: None,
        store: store.as_deref(),
    };
    let mut change = fleet.compare(config, known)?;
    let (recorder, snapshots) = Recorder::new(
        clock.clone(),
        Arc::clone(metrics),
        store.clone(),
        change.roster(),
    );
    supervise(tasks, "recorder", stop, recorder.run(received, finished));
    let (directory, published) = channel::channel(Arc::new(change.directory()));
    fleet.carry_out(change, tasks);
    let monitor = Monitor {
        snapshots,
        directory: published,
        forced: Arc::new(Mutex::new(Bucket::of_examinations())),
        clock: clock.clone(),
    };
    Ok(Watcher {
        monitor,
        fleet,
        store,
        messages,
        directory,
    })
}

impl Watcher {
    /// What others ask of it.
    #[must_use]
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Watches what `config` says from now on; what is the same goes on undisturbed.
    ///
    /// # Errors
    /// When no client can be made with the settings of the network; then everything is as before.
    pub async fn change(
        &mut self,
        config: &Config,
        tasks: &mut JoinSet<Ended>,
    ) -> Result<Counts, SetupError> {
        let snapshot = self.monitor.snapshot();
        let known = Known {
            snapshot: Some(&snapshot),
            store: self.store.as_deref(),
        };
        let mut change = self.fleet.compare(config, known)?;
        let counts = change.counts;
        let (shown, wait) = oneshot::channel();
        let message = Message::Change(change.roster(), shown);
        // Shown first, so that whoever asks about a new target finds it; a recorder that is gone
        // ends the service anyway.
        if self.messages.send(message).await.is_ok() {
            wait.await.unwrap_or_default();
        }
        self.directory.send_replace(Arc::new(change.directory()));
        self.fleet.carry_out(change, tasks);
        Ok(counts)
    }
}

/// Runs `work` until `stop`; how it ended is the task's result, so that an early end can be told.
pub(crate) fn supervise(
    tasks: &mut JoinSet<Ended>,
    name: &'static str,
    stop: &CancellationToken,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let stop = stop.clone();
    // What an async block captures and then waits for has its place in it twice.
    let work = Box::pin(work);
    tasks.spawn(async move {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = work => {}
        }
        Ended::of(name, &stop)
    });
}

impl Monitor {
    /// A watch that shows what a test publishes; its tasks have ended already.
    #[cfg(test)]
    pub(crate) fn ended(snapshots: channel::Receiver<Arc<Snapshot>>, clock: Clock) -> Self {
        let ended = |name: &Name| {
            let requests = mpsc::channel(1).0;
            (name.clone(), Arc::new(Examinations::new(requests)))
        };
        let names: Vec<Name> = snapshots
            .borrow()
            .targets
            .iter()
            .map(|t| t.name.clone())
            .collect();
        Self {
            snapshots,
            directory: channel::channel(Arc::new(Directory {
                examinations: names.iter().map(ended).collect(),
                tokens: HashMap::new(),
            }))
            .1,
            forced: Arc::new(Mutex::new(Bucket::of_examinations())),
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
        let directory = self.directory();
        let examinations = &directory.examinations;
        let chosen: Vec<_> = match target {
            Some(name) => vec![&**examinations.get(name).ok_or(Declined::Unknown)?],
            None => examinations.values().map(Arc::as_ref).collect(),
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
        let directory = self.directory();
        let chosen = directory.examinations.get(target);
        let chosen = chosen.ok_or(Declined::Unknown)?;
        ask(vec![&**chosen], Purpose::Scrape).await
    }

    /// Mints a new token now; joins a refresh that is under way.
    ///
    /// # Errors
    /// [`Declined`] says why not, and when to ask again.
    pub async fn refresh(&self, credential: &Name) -> Result<Refreshed, Declined> {
        let directory = self.directory();
        let tokens = directory.tokens.get(credential);
        let tokens = tokens.ok_or(Declined::Unknown)?;
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

    fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.borrow())
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

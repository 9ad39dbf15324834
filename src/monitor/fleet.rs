//! What runs: one task per credential and one per target, as the configuration says.
//!
//! A configuration is compared with what runs: what is wanted as it is goes on undisturbed, what is
//! not wanted any more ends, and what is new begins. The start is the same as any later change,
//! with nothing that runs yet.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::case::Case;
use super::limits::Bucket;
use super::recorder::{Roster, Wanted, view};
use super::watch::{Message, Watch};
use super::{Directory, Ended, Examinations, Pace, REQUESTS, supervise};
use crate::clock::Clock;
use crate::config::{Config, Network};
use crate::diagnosis::Outcome;
use crate::evidence::Standing;
use crate::probe::Prober;
use crate::schedule::Schedule;
use crate::snapshot::Snapshot;
use crate::store::{Recalled, Store};
use crate::target::{Credential, Name, Operation, Target};
use crate::timeline::Timeline;
use crate::token::{Attempt, Minter, Permits, Setup, Tokens};
use crate::upstream::{SetupError, Upstream};

/// Everything that runs, and what it takes to start more.
#[derive(Debug)]
pub(super) struct Fleet {
    base: Base,
    recalled: Recalled,
    client: Option<Client>,
    minting: Vec<Minting>,
    watching: Vec<Watching>,
    /// How many tasks were started ever; each has a number of its own.
    started: u64,
}

/// What every task is given.
#[derive(Clone, Debug)]
pub(super) struct Base {
    pub(super) clock: Clock,
    pub(super) pace: Pace,
    pub(super) attempts: mpsc::UnboundedSender<Attempt>,
    pub(super) reports: mpsc::Sender<Message>,
    pub(super) permits: Arc<Permits>,
    pub(super) stop: CancellationToken,
}

/// What makes calls, and the settings that it was made with.
#[derive(Clone, Debug)]
struct Client {
    upstream: Upstream,
    prober: Prober,
    settings: (Network, Duration, usize),
}

/// A running task of a credential.
#[derive(Clone, Debug)]
struct Minting {
    id: u64,
    credential: Arc<Credential>,
    /// Longest time of a call that carries the token, and least time between two experiments.
    settings: (Duration, Duration),
    tokens: Tokens,
    /// Limits the calls with its tokens that somebody asks for.
    budget: Arc<Mutex<Bucket>>,
    stop: CancellationToken,
}

/// A running task of a target.
#[derive(Clone, Debug)]
struct Watching {
    id: u64,
    target: Target,
    /// The task whose tokens it uses.
    minting: u64,
    /// Jitter, and least time between two examinations.
    settings: (f64, Duration),
    examinations: Arc<Examinations>,
    stop: CancellationToken,
}

/// What a configuration changes, not yet carried out.
#[derive(Debug)]
pub(super) struct Change {
    client: Client,
    minting: Vec<Minting>,
    watching: Vec<Watching>,
    minters: Vec<(Minter, CancellationToken)>,
    watches: Vec<(Watch, CancellationToken)>,
    views: Vec<Wanted>,
    /// What becomes of the targets.
    pub(super) counts: Counts,
}

/// What a configuration makes of the targets: how many there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They go on undisturbed.
    pub kept: usize,
    /// They are new.
    pub added: usize,
    /// They begin anew, because something about them is different.
    pub changed: usize,
    /// They are not watched any more.
    pub removed: usize,
}

/// What is known about targets when their tasks begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) snapshot: Option<&'a Snapshot>,
    pub(super) store: Option<&'a Store>,
}

impl Fleet {
    pub(super) fn new(base: Base, recalled: Recalled) -> Self {
        Self {
            base,
            recalled,
            client: None,
            minting: Vec::new(),
            watching: Vec::new(),
            started: 0,
        }
    }

    /// Compares what runs with what `config` wants; nothing begins or ends before
    /// [`Self::carry_out`].
    ///
    /// # Errors
    /// When no client can be made with the settings of the network.
    pub(super) fn compare(
        &mut self,
        config: &Config,
        known: Known<'_>,
    ) -> Result<Change, SetupError> {
        let client = self.client(config)?;
        let mut change = Change {
            client,
            minting: Vec::new(),
            watching: Vec::new(),
            minters: Vec::new(),
            watches: Vec::new(),
            views: Vec::new(),
            counts: Counts::default(),
        };
        self.compare_credentials(config, &mut change);
        self.compare_targets(config, known, &mut change);
        // What is left of earlier runs belongs to nobody.
        if let Some(store) = known.store {
            store.forget_strangers(&std::mem::take(&mut self.recalled));
        }
        Ok(change)
    }

    /// The running client, or another one when its settings have changed: then everything that
    /// uses the old one begins anew.
    fn client(&mut self, config: &Config) -> Result<Client, SetupError> {
        let probe = &config.probe;
        let settings = (
            config.network.clone(),
            probe.connect_timeout,
            probe.max_in_flight,
        );
        if let Some(client) = self.client.as_ref().filter(|it| it.settings == settings) {
            return Ok(client.clone());
        }
        let clock = self.base.clock.clone();
        let upstream = Upstream::new(&config.network, probe.connect_timeout, clock.clone())?;
        let prober = Prober::new(upstream.clone(), clock, probe.max_in_flight);
        Ok(Client {
            upstream,
            prober,
            settings,
        })
    }

    fn is_running(&self, client: &Client) -> bool {
        self.client.as_ref().map(|it| &it.settings) == Some(&client.settings)
    }

    fn compare_credentials(&mut self, config: &Config, change: &mut Change) {
        let wanted = credentials(config);
        let spread = self.base.pace.spread_over(wanted.len());
        for (credential, call_timeout) in wanted {
            let settings = (call_timeout, config.probe.examination_pause);
            let mut running = self.minting.iter();
            let kept = running.find(|it| it.credential == credential && it.settings == settings);
            if let Some(kept) = kept.filter(|_| self.is_running(&change.client)) {
                change.minting.push(kept.clone());
                continue;
            }
            let stop = self.base.stop.child_token();
            let (minter, tokens) = self.minter(&credential, settings, &change.client, spread);
            change.minters.push((minter, stop.clone()));
            change.minting.push(Minting {
                id: self.next_id(),
                credential,
                settings,
                tokens,
                budget: Arc::new(Mutex::new(Bucket::of_calls())),
                stop,
            });
        }
    }

    fn minter(
        &self,
        credential: &Arc<Credential>,
        (call_timeout, beside_pause): (Duration, Duration),
        client: &Client,
        spread: usize,
    ) -> (Minter, Tokens) {
        let setup = Setup {
            upstream: client.upstream.clone(),
            clock: self.base.clock.clone(),
            call_timeout,
            beside_pause,
            permits: Arc::clone(&self.base.permits),
            attempts: self.base.attempts.clone(),
            random: fastrand::f64,
        };
        let minute = Duration::from_mins(1);
        let delay = Schedule::new(credential.name.as_str(), minute, 0.0).first(spread);
        Minter::new(Arc::clone(credential), setup, delay)
    }

    fn compare_targets(&mut self, config: &Config, known: Known<'_>, change: &mut Change) {
        let settings = (config.probe.jitter, config.probe.examination_pause);
        let running = std::mem::take(&mut self.watching);
        let by_name: HashMap<&Name, &Watching> =
            running.iter().map(|it| (&it.target.name, it)).collect();
        for target in &config.targets {
            let mut minting = change.minting.iter();
            let minting = minting.find(|it| it.credential == target.credential);
            let Some(minting) = minting.cloned() else {
                continue;
            };
            let before = by_name.get(&target.name).copied();
            let is_same_caller = before.is_some_and(|it| is_same_caller(&it.target, target));
            let (cases, timelines) = self.memory(target, config, known, is_same_caller);
            let kept = before.filter(|it| {
                it.target == *target && it.minting == minting.id && it.settings == settings
            });
            let one = match (kept, before) {
                (Some(kept), _) => {
                    change.counts.kept += 1;
                    kept.clone()
                }
                (None, Some(_)) => {
                    change.counts.changed += 1;
                    self.begin(target, config, minting, cases, change)
                }
                (None, None) => {
                    change.counts.added += 1;
                    self.begin(target, config, minting, cases, change)
                }
            };
            change.views.push(Wanted {
                id: one.id,
                view: view(target, config, timelines),
                inherits: is_same_caller,
            });
            change.watching.push(one);
        }
        let wanted: HashSet<&Name> = config.targets.iter().map(|it| &it.name).collect();
        let gone = running
            .iter()
            .filter(|it| !wanted.contains(&it.target.name));
        change.counts.removed = gone.count();
        self.watching = running;
    }

    /// A watch of `target` that is yet to run.
    fn begin(
        &mut self,
        target: &Target,
        config: &Config,
        minting: Minting,
        cases: Vec<Case>,
        change: &mut Change,
    ) -> Watching {
        let settings = (config.probe.jitter, config.probe.examination_pause);
        let (requests, received) = mpsc::channel(REQUESTS);
        let one = Watching {
            id: self.next_id(),
            target: target.clone(),
            minting: minting.id,
            settings,
            examinations: Arc::new(Examinations::new(requests)),
            stop: self.base.stop.child_token(),
        };
        let watch = Watch {
            id: one.id,
            target: target.clone(),
            schedule: Schedule::new(target.name.as_str(), target.interval, settings.0),
            fleet: self.base.pace.spread_over(config.targets.len()),
            tokens: minting.tokens,
            budget: minting.budget,
            prober: change.client.prober.clone(),
            clock: self.base.clock.clone(),
            reports: self.base.reports.clone(),
            requests: received,
            cases,
            // Somebody who waits for one answer does not wait for what will be needed later.
            surveys: self.base.pace == Pace::Spread,
        };
        change.watches.push((watch, one.stop.clone()));
        one
    }

    /// What is known of a target, per operation: of earlier runs when the process starts, of the
    /// running watch later.
    fn memory(
        &mut self,
        target: &Target,
        config: &Config,
        known: Known<'_>,
        is_same_caller: bool,
    ) -> (Vec<Case>, Vec<Arc<Timeline>>) {
        let count = config.targets.iter().map(|one| one.operations.len()).sum();
        let memory = target.operations.iter().map(|operation| {
            let past = self.recalled.take(&target.name, operation);
            let mut timeline = Timeline::new(count);
            let dropped = timeline.recall(past.episodes);
            if let Some(store) = known.store {
                let forget = |id| store.forget(&target.name, operation, id);
                dropped.into_iter().for_each(forget);
            }
            let running = || known.good(target, operation).filter(|_| is_same_caller);
            let good = past.good.or_else(running);
            let case = Case::after(good, config.probe.examination_pause);
            (case, Arc::new(timeline))
        });
        memory.unzip()
    }

    fn next_id(&mut self) -> u64 {
        self.started = self.started.saturating_add(1);
        self.started
    }

    /// Ends what is not wanted any more and begins what is new.
    pub(super) fn carry_out(&mut self, change: Change, tasks: &mut JoinSet<Ended>) {
        let watching = self.watching.iter().map(|it| (it.id, &it.stop));
        let minting = self.minting.iter().map(|it| (it.id, &it.stop));
        let go_on = change.watching.iter().map(|it| it.id);
        let go_on: HashSet<u64> = go_on.chain(change.minting.iter().map(|it| it.id)).collect();
        // The watches first: none of them shall see its tokens end.
        for (id, stop) in watching.chain(minting) {
            if !go_on.contains(&id) {
                stop.cancel();
            }
        }
        for (minter, stop) in change.minters {
            tasks.spawn(async move {
                minter.run(stop.clone()).await;
                Ended::of("token", &stop)
            });
        }
        for (watch, stop) in change.watches {
            supervise(tasks, "probe", &stop, watch.run());
        }
        self.client = Some(change.client);
        self.minting = change.minting;
        self.watching = change.watching;
    }
}

impl Change {
    /// What is to be shown from now on.
    pub(super) fn roster(&mut self) -> Roster {
        Roster {
            targets: std::mem::take(&mut self.views),
            tokens: self.minting.iter().map(|it| it.tokens.clone()).collect(),
        }
    }

    /// Where examinations and tokens are asked for from now on.
    pub(super) fn directory(&self) -> Directory {
        let watching = self.watching.iter();
        let minting = self.minting.iter();
        Directory {
            examinations: watching
                .map(|it| (it.target.name.clone(), Arc::clone(&it.examinations)))
                .collect(),
            tokens: minting
                .map(|it| (it.credential.name.clone(), it.tokens.clone()))
                .collect(),
        }
    }
}

impl Known<'_> {
    /// How the caller stood when access last worked, as the running watch knows it.
    fn good(&self, target: &Target, operation: &Operation) -> Option<Standing> {
        let mut checks = self.snapshot?.target(target.name.as_str())?.checks.iter();
        let check = checks.find(|it| it.operation == operation)?;
        let diagnosis = check.diagnosis.as_ref()?;
        if diagnosis.finding.outcome() == Outcome::Ok {
            return Some(diagnosis.standing.clone());
        }
        check.evidence.as_ref()?.before.as_deref().cloned()
    }
}

/// Whether what is known of one target is true of the other: the same caller at the same address,
/// whatever its secret is and whatever the credential is called.
fn is_same_caller(one: &Target, other: &Target) -> bool {
    let caller = |target: &Target| {
        let grant = &target.credential.grant;
        let client = grant.client_id().map(str::to_owned);
        let principal = grant.principal().map(str::to_owned);
        // Nothing but the token itself tells who holds a token that was given.
        let token = grant.proof().filter(|_| client.is_none()).cloned();
        (grant.name(), client, principal, token)
    };
    one.api == other.api
        && one.credential.login == other.credential.login
        && caller(one) == caller(other)
}

/// The credentials that targets use, in the order of their first use, and the longest time of a
/// call that carries their tokens.
fn credentials(config: &Config) -> Vec<(Arc<Credential>, Duration)> {
    let mut found: Vec<(Arc<Credential>, Duration)> = Vec::new();
    for target in &config.targets {
        let known = found
            .iter_mut()
            .find(|(known, _)| known.name == target.credential.name);
        match known {
            Some((_, longest)) => *longest = target.timeout.max(*longest),
            None => found.push((Arc::clone(&target.credential), target.timeout)),
        }
    }
    found
}

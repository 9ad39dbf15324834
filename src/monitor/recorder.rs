//! The only writer of the snapshot: diagnoses what targets report, counts it, publishes it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::lag::Lag;
use super::watch::{Examined, Message, Report};
use crate::clock::Clock;
use crate::config::Config;
use crate::diagnosis::{Diagnosis, Outcome};
use crate::evidence::{Evidence, Exchange};
use crate::health::{
    Health, Reach, Seen, Sight, Thresholds, is_suspected, reaches_nobody, stale_after, stood_still,
};
use crate::metrics::Metrics;
use crate::snapshot::{CheckView, CredentialView, PlatformView, Snapshot, TargetView};
use crate::store::Store;
use crate::target::{Name, Target};
use crate::timeline::{Recorded, Timeline, is_news};
use crate::token::{Attempt, Tokens};

/// How often a snapshot is published although nothing happened: the scheduler's heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Most reports that go into one snapshot.
const MOST_AT_ONCE: usize = 64;

/// What is watched, in the order of the configuration.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) targets: Vec<Wanted>,
    /// One per credential, in the order of their first use.
    pub(super) tokens: Vec<Tokens>,
}

/// A target that is watched.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The watch whose reports are about it.
    pub(super) id: u64,
    /// How it is shown before anything is known.
    pub(super) view: TargetView,
    /// Whether what is known of the target of this name is true of it, too.
    pub(super) inherits: bool,
}

pub(super) struct Recorder {
    clock: Clock,
    store: Option<Arc<Store>>,
    metrics: Arc<Metrics>,
    tokens: Vec<Tokens>,
    /// Calls left, per credential, where the API tells.
    remaining: HashMap<Name, u32>,
    /// The place of each watch's target in the snapshot.
    places: HashMap<u64, usize>,
    lag: Lag,
    /// Whether somebody is reached again, or not any more, since it was last asked what that means.
    reach_changed: bool,
    snapshot: Snapshot,
    published: watch::Sender<Arc<Snapshot>>,
}

impl Recorder {
    pub(super) fn new(
        clock: Clock,
        metrics: Arc<Metrics>,
        store: Option<Arc<Store>>,
        roster: Roster,
    ) -> (Self, watch::Receiver<Arc<Snapshot>>) {
        let now = clock.now();
        let snapshot = Snapshot {
            sequence: 0,
            at: now,
            started: now,
            suspected_local_fault: false,
            targets: Vec::new(),
            credentials: Vec::new(),
        };
        let (published, receiver) = watch::channel(Arc::new(snapshot.clone()));
        let mut recorder = Self {
            clock,
            store,
            metrics,
            tokens: Vec::new(),
            remaining: HashMap::new(),
            places: HashMap::new(),
            lag: Lag::default(),
            reach_changed: false,
            snapshot,
            published,
        };
        recorder.follow(roster);
        recorder.publish();
        (recorder, receiver)
    }

    pub(super) async fn run(
        mut self,
        mut messages: mpsc::Receiver<Message>,
        mut attempts: mpsc::UnboundedReceiver<Attempt>,
    ) {
        let mut heartbeat = self.clock.now().elapsed + HEARTBEAT;
        loop {
            // Whatever has arrived meanwhile goes into one snapshot.
            let mut arrived = Vec::new();
            tokio::select! {
                1.. = messages.recv_many(&mut arrived, MOST_AT_ONCE) => {}
                Some(attempt) = attempts.recv() => self.attempted(&attempt),
                () = self.clock.sleep_until(heartbeat) => {}
            }
            let mut waiting = Vec::new();
            let mut changed = Vec::new();
            for message in arrived {
                match message {
                    Message::Report(report) => waiting.extend(self.record(report)),
                    Message::Change(roster, shown) => {
                        self.follow(roster);
                        changed.push(shown);
                    }
                }
            }
            if std::mem::take(&mut self.reach_changed) {
                self.suspect();
            }
            self.publish();
            heartbeat = self.snapshot.at.elapsed + HEARTBEAT;
            for request in waiting {
                let snapshot = Arc::clone(&self.published.borrow());
                // Whoever asked may have gone away.
                drop(request.reply.send(Ok(snapshot)));
            }
            for shown in changed {
                shown.send(()).unwrap_or_default();
            }
        }
    }

    /// Shows what is watched from now on. What is known of a caller and an operation that are
    /// still watched stays known.
    fn follow(&mut self, roster: Roster) {
        let mut known: HashMap<Name, Arc<TargetView>> = std::mem::take(&mut self.snapshot.targets)
            .into_iter()
            .map(|target| (target.name.clone(), target))
            .collect();
        self.places.clear();
        for (place, wanted) in roster.targets.into_iter().enumerate() {
            let mut view = wanted.view;
            if let Some(known) = known.remove(&view.name).filter(|_| wanted.inherits) {
                inherit(&mut view, &known, self.store.as_deref());
            }
            let suspected = self.snapshot.suspected_local_fault;
            for check in &mut view.checks {
                check.suspect(suspected);
            }
            self.places.insert(wanted.id, place);
            self.snapshot.targets.push(Arc::new(view));
        }
        self.reach_changed = true;
        // Nothing is shown at the new targets yet.
        self.snapshot.credentials.clear();
        self.tokens = roster.tokens;
        let names = self.tokens.iter().map(|it| it.credential().name.clone());
        let credentials: Vec<Name> = names.collect();
        self.remaining.retain(|name, _| credentials.contains(name));
        let targets = self.snapshot.targets.iter().map(|it| it.name.clone());
        self.metrics
            .follow(&targets.collect::<Vec<_>>(), &credentials);
    }

    fn attempted(&self, attempt: &Attempt) {
        // A task that was ended may have reported late; its series are gone.
        let mut known = self.tokens.iter();
        if known.any(|it| it.credential().name == attempt.credential) {
            self.metrics
                .refresh(&attempt.credential, attempt.result, attempt.took);
        }
    }

    fn record(&mut self, report: Report) -> Vec<super::Request> {
        self.metrics.slots_skipped(report.skipped);
        if let Some(lag) = report.lag {
            self.lag.observe(lag, self.clock.now().elapsed);
            self.metrics.scheduler_lag(self.lag.value());
        }
        // What a watch found that was ended meanwhile is of no interest.
        if let Some(place) = self.places.get(&report.id).copied() {
            let is_asked_for = !report.waiting.is_empty();
            for (operation, examined) in report.found.into_iter().enumerate() {
                if !is_asked_for && self.says_nothing(place, operation, &examined.evidence) {
                    self.metrics.slots_skipped(1);
                } else {
                    self.take_in(place, operation, examined);
                }
            }
        }
        report.waiting
    }

    /// Whether this process had no time for a probe, so that what is known already stays: a verdict,
    /// an episode or an alert about the platform would be wrong. It grows stale if that goes on.
    fn says_nothing(&self, place: usize, operation: usize, evidence: &Evidence) -> bool {
        let target = self.snapshot.targets.get(place);
        let check = target.and_then(|target| target.checks.get(operation));
        stood_still(evidence) && check.is_some_and(|check| check.diagnosis.is_some())
    }

    fn take_in(&mut self, place: usize, operation: usize, examined: Examined) {
        let Examined {
            evidence,
            diagnosis,
            made,
        } = examined;
        self.metrics.probe(&diagnosis.target, diagnosis.finding);
        for (kind, determined) in made {
            self.metrics.experiment(kind, determined);
        }
        if let Some(exchange) = evidence.last_probe() {
            self.metrics.phases(&exchange.phases);
        }
        let Some(target) = self.snapshot.targets.get_mut(place) else {
            return;
        };
        if let Some(left) = evidence
            .last_probe()
            .and_then(|exchange| exchange.answer()?.rate_limit_remaining())
        {
            self.remaining.insert(target.credential.clone(), left);
        }
        let target = Arc::make_mut(target);
        show_platform(&mut target.platform, &evidence);
        if let Some(check) = target.checks.get_mut(operation) {
            let timeline = Arc::make_mut(&mut check.timeline);
            let recorded = timeline.observe(&diagnosis, evidence.before.as_ref());
            if let Some(store) = &self.store {
                keep(store, &diagnosis, &evidence, recorded);
            }
            let was_unreached = check.reach.unreached_since().is_some();
            update(check, diagnosis, &evidence, &target.thresholds);
            self.reach_changed |= was_unreached != check.reach.unreached_since().is_some();
            check.evidence = Some(Arc::new(evidence.reduced()));
        }
    }

    /// Asks whether the latest failures have a common cause here, and tells when that changes.
    fn suspect(&mut self) {
        let before = self.snapshot.suspected_local_fault;
        let targets = self.snapshot.targets.iter();
        let sights: Vec<_> = targets.filter_map(|target| sight(target)).collect();
        let suspected = is_suspected(before, &sights);
        if suspected == before {
            return;
        }
        self.snapshot.suspected_local_fault = suspected;
        for target in &mut self.snapshot.targets {
            let checks = &mut Arc::make_mut(target).checks;
            for check in checks {
                check.suspect(suspected);
            }
        }
        if suspected {
            tracing::warn!(
                "most targets, on several hosts, cannot be reached at once: the cause is probably this \
                 machine or its network; verdicts stay as they were"
            );
        } else {
            tracing::info!("a fault of this machine or its network is no longer suspected");
        }
    }

    fn publish(&mut self) {
        let now = self.clock.now();
        self.snapshot.sequence = self.snapshot.sequence.saturating_add(1);
        self.snapshot.at = now;
        let credentials = self.tokens.iter().map(|tokens| {
            let remaining = self.remaining.get(&tokens.credential().name).copied();
            Arc::new(credential(tokens, remaining, now))
        });
        let before = std::mem::replace(&mut self.snapshot.credentials, credentials.collect());
        self.show_refreshing(&before);
        self.published.send_replace(Arc::new(self.snapshot.clone()));
    }

    /// Shows at its targets what keeps a token from being renewed, if that has changed for any.
    fn show_refreshing(&mut self, before: &[Arc<CredentialView>]) {
        let now = &self.snapshot.credentials;
        let shown = |it: &Arc<CredentialView>| it.refresh_failing;
        // After a change of what is watched nothing was shown before.
        if now.len() == before.len() && now.iter().map(shown).eq(before.iter().map(shown)) {
            return;
        }
        let failing = now.iter();
        let failing = failing.filter_map(|it| Some((&it.name, it.refresh_failing?)));
        let failing: HashMap<&Name, Outcome> = failing.collect();
        for target in &mut self.snapshot.targets {
            let now = failing.get(&target.credential).copied();
            if target.refresh_failing != now {
                Arc::make_mut(target).refresh_failing = now;
            }
        }
    }
}

/// Keeps what is new beyond the end of the process.
fn keep(store: &Store, diagnosis: &Diagnosis, evidence: &Evidence, recorded: Recorded) {
    let (target, operation) = (&diagnosis.target, diagnosis.operation);
    if let Some(episode) = &recorded.episode {
        store.keep(episode);
    }
    for id in recorded.dropped {
        store.forget(target, operation, id);
    }
    if diagnosis.finding.outcome() == Outcome::Ok {
        let before = evidence.before.as_deref();
        let standing = diagnosis.standing.clone();
        let good = before.map_or_else(|| standing.clone(), |before| standing.clone().or(before));
        let is_news = is_news(before, &good);
        store.good(target, operation, Arc::new(good), is_news);
    }
}

fn update(
    check: &mut CheckView,
    diagnosis: Diagnosis,
    evidence: &Evidence,
    thresholds: &Thresholds,
) {
    let before = check.diagnosis.as_ref().map(|diagnosis| diagnosis.finding);
    if before != Some(diagnosis.finding) {
        check.since = Some(evidence.at.wall);
        tell_change(&diagnosis, before.is_none());
    }
    let finding = diagnosis.finding;
    let seen = Seen::from(&diagnosis);
    check.observe(seen, reaches_nobody(evidence), evidence.at, thresholds);
    check.last_probe = Some(evidence.at);
    if finding.outcome().grants_access() {
        check.last_success = Some(evidence.at);
    }
    check.diagnosis = Some(Arc::new(diagnosis));
}

/// One log line per change of finding, not per probe.
fn tell_change(diagnosis: &Diagnosis, first: bool) {
    let target = &diagnosis.target;
    let outcome = diagnosis.finding.outcome();
    let cause = diagnosis.finding.cause().unwrap_or("none");
    let correlation = diagnosis
        .answer
        .as_ref()
        .and_then(|answer| answer.correlation_id.as_deref())
        .unwrap_or_default();
    if outcome == Outcome::Ok {
        let what = if first { "works" } else { "works again" };
        tracing::info!(target = %target, outcome = outcome.slug(), "{target} {what}");
    } else {
        tracing::warn!(
            target = %target,
            outcome = outcome.slug(),
            cause,
            confidence = diagnosis.confidence.as_str(),
            correlation_id = correlation,
            "{target}: {}",
            diagnosis.summary
        );
    }
}

/// How a target stands for whoever suspects a fault here; none before its first result.
fn sight(target: &TargetView) -> Option<Sight<'_>> {
    target.last_probe()?;
    let since = |check: &CheckView| Some(check.reach.unreached_since()?.elapsed);
    let mut probed = target.checks.iter().filter(|it| it.last_probe.is_some());
    // One operation that gets through shows that the network works.
    let is_unreached = probed.clone().all(|it| since(it).is_some());
    let unreached_since = probed.find_map(since);
    Some(Sight {
        host: &target.host,
        notices_within: target.notices_within,
        unreached_since: unreached_since.filter(|_| is_unreached),
    })
}

/// Notes what connections and answers showed of the platform; what they do not show stays known.
fn show_platform(platform: &mut PlatformView, evidence: &Evidence) {
    let probe = evidence.last_probe();
    let ends = probe.and_then(|it| it.certificate_ends);
    let skew = probe.and_then(Exchange::clock_skew);
    platform.certificate_ends = ends.or(platform.certificate_ends);
    platform.clock_skew = skew.or(platform.clock_skew);
}

/// Takes over what is known of the same operations.
fn inherit(view: &mut TargetView, known: &TargetView, store: Option<&Store>) {
    view.platform = known.platform;
    for check in &mut view.checks {
        let mut known = known.checks.iter();
        let Some(known) = known.find(|it| it.operation == check.operation) else {
            continue;
        };
        // There may be others now to share the room with, or fewer.
        let room = std::mem::replace(check, known.clone()).timeline;
        let dropped = Arc::make_mut(&mut check.timeline).make_room_like(&room);
        for (store, id) in store
            .iter()
            .flat_map(|it| dropped.iter().map(move |id| (it, *id)))
        {
            store.forget(&view.name, check.operation, id);
        }
    }
}

/// How a target is shown before anything is known of it.
pub(super) fn view(target: &Target, config: &Config, timelines: Vec<Arc<Timeline>>) -> TargetView {
    TargetView {
        name: target.name.clone(),
        api: target.api.as_str().trim_end_matches('/').to_owned(),
        host: target.api.host_str().unwrap_or_default().to_owned(),
        platform: PlatformView::default(),
        notices_within: target.interval.saturating_add(target.timeout),
        identity: target.credential.grant.identity(),
        credential: target.credential.name.clone(),
        refresh_failing: None,
        interval: target.interval,
        thresholds: Thresholds {
            policy: config.health,
            fall: config.probe.fall,
            rise: config.probe.rise,
            stale_after: stale_after(target.interval, target.timeout),
        },
        checks: target
            .operations
            .iter()
            .zip(timelines)
            .map(|(operation, timeline)| CheckView {
                operation,
                health: Health::default(),
                reach: Reach::default(),
                suspected: false,
                diagnosis: None,
                evidence: None,
                since: None,
                last_probe: None,
                last_success: None,
                timeline,
            })
            .collect(),
    }
}

fn credential(
    tokens: &Tokens,
    rate_limit_remaining: Option<u32>,
    now: crate::clock::Moment,
) -> CredentialView {
    let state = tokens.state();
    let credential = tokens.credential();
    CredentialView {
        name: credential.name.clone(),
        grant: credential.grant.name(),
        client_id: credential.grant.client_id().map(str::to_owned),
        token: state.usable(now).map(|token| token.facts.clone()),
        refresh_failing: state.refresh_failing(),
        secret_modified: state.secret_modified,
        rate_limit_remaining,
        login: login(&state),
    }
}

/// What the latest connection to the login host showed.
fn login(state: &crate::token::State) -> PlatformView {
    let minted = state.current.iter().filter_map(|it| it.minted_by.as_ref());
    let failed = state
        .last_failure
        .iter()
        .filter_map(|it| it.exchange.as_ref());
    let mut exchanges: Vec<&Exchange> = minted.chain(failed).collect();
    exchanges.sort_by_key(|it| it.sent_at.elapsed);
    let latest = exchanges.iter().rev();
    PlatformView {
        certificate_ends: latest.clone().find_map(|it| it.certificate_ends),
        clock_skew: latest.clone().find_map(|it| it.clock_skew()),
    }
}

//! The only writer of the snapshot: diagnoses what targets report, counts it, publishes it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::watch::{Examined, Report};
use crate::clock::Clock;
use crate::config::Config;
use crate::diagnosis::{Diagnosis, Outcome};
use crate::evidence::Evidence;
use crate::health::{Health, Seen, Thresholds, stale_after};
use crate::metrics::Metrics;
use crate::snapshot::{CheckView, CredentialView, Snapshot, TargetView};
use crate::store::Store;
use crate::target::Target;
use crate::timeline::{Recorded, Timeline, is_news};
use crate::token::{Attempt, Tokens};

/// How often a snapshot is published although nothing happened: the scheduler's heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Most reports that go into one snapshot.
const MOST_AT_ONCE: usize = 64;

/// What outlives a round, and perhaps the process.
pub(super) struct Memory {
    /// Per target and operation, in order.
    pub(super) timelines: Vec<Vec<Arc<Timeline>>>,
    pub(super) store: Option<Store>,
}

pub(super) struct Recorder {
    clock: Clock,
    store: Option<Store>,
    metrics: Arc<Metrics>,
    tokens: Vec<Tokens>,
    /// Calls left, per credential, in the order of `tokens`.
    remaining: Vec<Option<u32>>,
    lag: Lag,
    snapshot: Snapshot,
    published: watch::Sender<Arc<Snapshot>>,
}

/// The greatest lag of the latest probes, so that one punctual target does not hide the others.
#[derive(Debug, Default)]
struct Lag {
    greatest: Duration,
    before: Duration,
    since: Duration,
}

impl Lag {
    /// How long a lag is remembered, at least.
    const WINDOW: Duration = Duration::from_secs(30);

    fn observe(&mut self, lag: Duration, now: Duration) {
        self.greatest = self.greatest.max(lag);
        if now.saturating_sub(self.since) > Self::WINDOW {
            self.before = std::mem::take(&mut self.greatest);
            self.since = now;
        }
    }

    fn value(&self) -> Duration {
        self.greatest.max(self.before)
    }
}

impl Recorder {
    pub(super) fn new(
        config: &Config,
        memory: Memory,
        clock: Clock,
        metrics: Arc<Metrics>,
        tokens: impl Iterator<Item = Tokens>,
    ) -> (Self, watch::Receiver<Arc<Snapshot>>) {
        let now = clock.now();
        let mut tokens: Vec<Tokens> = tokens.collect();
        let first_use = |tokens: &Tokens| {
            let name = &tokens.credential().name;
            config
                .targets
                .iter()
                .position(|target| target.credential.name == *name)
        };
        tokens.sort_by_key(first_use);
        let snapshot = Snapshot {
            sequence: 0,
            at: now,
            started: now,
            targets: config
                .targets
                .iter()
                .zip(memory.timelines)
                .map(|(target, timelines)| Arc::new(view(target, config, timelines)))
                .collect(),
            credentials: Vec::new(),
        };
        let (published, receiver) = watch::channel(Arc::new(snapshot.clone()));
        let mut recorder = Self {
            clock,
            store: memory.store,
            metrics,
            remaining: vec![None; tokens.len()],
            tokens,
            lag: Lag::default(),
            snapshot,
            published,
        };
        recorder.publish();
        (recorder, receiver)
    }

    pub(super) async fn run(
        mut self,
        mut reports: mpsc::Receiver<Report>,
        mut attempts: mpsc::UnboundedReceiver<Attempt>,
    ) {
        let mut heartbeat = self.clock.now().elapsed + HEARTBEAT;
        loop {
            // Whatever has arrived meanwhile goes into one snapshot.
            let mut arrived = Vec::new();
            tokio::select! {
                1.. = reports.recv_many(&mut arrived, MOST_AT_ONCE) => {}
                Some(attempt) = attempts.recv() => {
                    self.metrics.refresh(&attempt.credential, attempt.result, attempt.took);
                }
                () = self.clock.sleep_until(heartbeat) => {}
            }
            let waiting: Vec<_> = arrived
                .into_iter()
                .flat_map(|report| self.record(report))
                .collect();
            self.publish();
            heartbeat = self.snapshot.at.elapsed + HEARTBEAT;
            for request in waiting {
                let snapshot = Arc::clone(&self.published.borrow());
                // Whoever asked may have gone away.
                drop(request.reply.send(Ok(snapshot)));
            }
        }
    }

    fn record(&mut self, report: Report) -> Vec<super::Request> {
        if let Some(lag) = report.lag {
            self.lag.observe(lag, self.clock.now().elapsed);
            self.metrics.scheduler_lag(self.lag.value());
        }
        for (operation, examined) in report.found.into_iter().enumerate() {
            self.take_in(report.index, operation, examined);
        }
        report.waiting
    }

    fn take_in(&mut self, index: usize, operation: usize, examined: Examined) {
        let Examined {
            evidence,
            diagnosis,
            made,
        } = examined;
        self.metrics.probe(index, diagnosis.finding);
        for (kind, determined) in made {
            self.metrics.experiment(kind, determined);
        }
        if let Some(exchange) = evidence.last_probe() {
            self.metrics.phases(&exchange.phases);
        }
        let Some(target) = self.snapshot.targets.get_mut(index) else {
            return;
        };
        if let Some(left) = evidence
            .last_probe()
            .and_then(|exchange| exchange.answer()?.rate_limit_remaining())
        {
            let credential = self
                .tokens
                .iter()
                .position(|t| t.credential().name == target.credential);
            if let Some(slot) = credential.and_then(|position| self.remaining.get_mut(position)) {
                *slot = Some(left);
            }
        }
        let target = Arc::make_mut(target);
        if let Some(check) = target.checks.get_mut(operation) {
            let timeline = Arc::make_mut(&mut check.timeline);
            let recorded = timeline.observe(&diagnosis, evidence.before.as_ref());
            if let Some(store) = &self.store {
                keep(store, &diagnosis, &evidence, recorded);
            }
            update(check, diagnosis, &evidence, &target.thresholds);
            check.evidence = Some(Arc::new(evidence.reduced()));
        }
    }

    fn publish(&mut self) {
        let now = self.clock.now();
        self.snapshot.sequence = self.snapshot.sequence.saturating_add(1);
        self.snapshot.at = now;
        self.snapshot.credentials = self
            .tokens
            .iter()
            .zip(&self.remaining)
            .map(|(tokens, remaining)| Arc::new(credential(tokens, *remaining, now)))
            .collect();
        self.published.send_replace(Arc::new(self.snapshot.clone()));
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
    check.health = check.health.observe(seen, evidence.at, thresholds);
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

fn view(target: &Target, config: &Config, timelines: Vec<Arc<Timeline>>) -> TargetView {
    TargetView {
        name: target.name.clone(),
        api: target.api.as_str().trim_end_matches('/').to_owned(),
        identity: target.credential.grant.identity(),
        credential: target.credential.name.clone(),
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
        last_failure: state.last_outcome,
        rate_limit_remaining,
    }
}

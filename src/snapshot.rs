//! The state of the whole service at one moment, immutable.
//!
//! One writer (the monitor) publishes it, many readers (health, diagnosis, metrics, page) read it,
//! so that they cannot disagree. Verdicts are computed at the time of reading, because a result
//! grows stale without anybody writing.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::Moment;
use crate::diagnosis::{Diagnosis, Outcome};
use crate::evidence::file::{Record, Saved};
use crate::evidence::{Evidence, TokenFacts};
use crate::health::{Health, Reach, Seen, Thresholds, Verdict, worst};
use crate::target::{IdentityKind, Name, Operation};
use crate::timeline::Timeline;

/// The state of the whole service at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Counts published snapshots from 0.
    pub sequence: u64,
    /// When it was published; the scheduler's heartbeat, published every few seconds at least.
    pub at: Moment,
    /// When the service started.
    pub started: Moment,
    /// Whether most targets on several hosts cannot be reached at once, so that the cause is probably
    /// here.
    pub suspected_local_fault: bool,
    /// All targets, in the order of the configuration.
    pub targets: Vec<Arc<TargetView>>,
    /// All credentials, in the order of their first use.
    pub credentials: Vec<Arc<CredentialView>>,
}

impl Snapshot {
    /// The target called `name`.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<&Arc<TargetView>> {
        self.targets
            .iter()
            .find(|target| target.name.as_str() == name)
    }

    /// The verdict about all targets: the worst of theirs.
    #[must_use]
    pub fn verdict(&self, now: Moment) -> Verdict {
        worst(self.targets.iter().map(|target| target.verdict(now)))
    }

    /// The evidence about all targets, or about the target `only`, as it is saved at `now`.
    #[must_use]
    pub fn saved(&self, now: Moment, only: Option<&Name>, written_by: String) -> Saved {
        let wanted = |target: &&Arc<TargetView>| only.is_none_or(|name| *name == target.name);
        let checks = self.targets.iter().filter(wanted).flat_map(|it| &it.checks);
        let record = |check: &CheckView| {
            Some(Record {
                evidence: Arc::clone(check.evidence.as_ref()?),
                since: check.since,
            })
        };
        Saved {
            taken_at: now,
            written_by,
            records: checks.filter_map(record).collect(),
        }
    }

    /// Whether every target has been probed once, whatever the result.
    #[must_use]
    pub fn first_round_is_over(&self) -> bool {
        self.targets
            .iter()
            .flat_map(|target| &target.checks)
            .all(|check| check.health.has_result())
    }
}

/// One target.
#[derive(Clone, Debug)]
pub struct TargetView {
    /// Its name.
    pub name: Name,
    /// Base URL of its API, without a trailing slash.
    pub api: String,
    /// The host in it.
    pub host: String,
    /// What its answers showed of the platform.
    pub platform: PlatformView,
    /// Whose permissions decide.
    pub identity: IdentityKind,
    /// The credential that it uses.
    pub credential: Name,
    /// What keeps that credential's token from being renewed; none while nothing does.
    pub refresh_failing: Option<Outcome>,
    /// Time between probes.
    pub interval: Duration,
    /// Longest time until a probe notices a fault: the interval and a timeout.
    pub notices_within: Duration,
    /// How results become a verdict.
    pub thresholds: Thresholds,
    /// Its operations; at least one.
    pub checks: Vec<CheckView>,
}

impl TargetView {
    /// The verdict about this target: the worst of its operations'.
    #[must_use]
    pub fn verdict(&self, now: Moment) -> Verdict {
        worst(self.verdicts(now))
    }

    /// The verdicts about its operations, in order.
    pub fn verdicts(&self, now: Moment) -> impl Iterator<Item = Verdict> {
        self.checks
            .iter()
            .map(move |check| self.verdict_of(check, now))
    }

    /// The verdict about one of its operations.
    #[must_use]
    pub fn verdict_of(&self, check: &CheckView, now: Moment) -> Verdict {
        let verdict = check.verdict(now, &self.thresholds);
        match self.refresh_failing {
            Some(outcome) => verdict.expiring(outcome, &self.thresholds),
            None => verdict,
        }
    }

    /// Whether the latest probe could carry out every operation, even if one showed less than it
    /// should.
    #[must_use]
    pub fn has_access(&self) -> bool {
        self.checks.iter().all(|check| {
            let finding = check.diagnosis.as_ref().map(|it| it.finding);
            finding.is_some_and(|finding| finding.outcome().grants_access())
        })
    }

    /// How many queues the latest probe could see, as a gauge; 0 while access does not work, and no
    /// number while it works and the answer does not tell.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "no org has 2^53 queues")]
    pub fn queues_visible(&self) -> f64 {
        let lists = self.checks.iter().filter(|it| it.operation.lists_queues);
        let found = lists.filter_map(|check| check.diagnosis.as_deref());
        let working = found.filter(|it| it.finding.outcome().grants_access());
        let totals = working.map(|it| it.queues.total);
        match totals.max() {
            Some(None) => f64::NAN,
            most => most.flatten().unwrap_or_default() as f64,
        }
    }

    /// When a probe last ended, for any operation.
    #[must_use]
    pub fn last_probe(&self) -> Option<Moment> {
        self.checks
            .iter()
            .filter_map(|check| check.last_probe)
            .max_by_key(|at| at.elapsed)
    }

    /// When every operation had last succeeded.
    #[must_use]
    pub fn last_success(&self) -> Option<Moment> {
        self.checks
            .iter()
            .map(|check| check.last_success)
            .min_by_key(|at| at.map(|at| at.elapsed))
            .flatten()
    }
}

/// What connections and answers showed of a platform, apart from access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlatformView {
    /// When the certificate ends that it showed last; none where none was seen.
    pub certificate_ends: Option<Timestamp>,
    /// How far its clock is ahead of ours, at least; negative when it is behind, none where no
    /// answer told.
    pub clock_skew: Option<SignedDuration>,
}

/// One operation of one target.
#[derive(Clone, Debug)]
pub struct CheckView {
    /// The operation.
    pub operation: &'static Operation,
    /// The row of results so far.
    pub health: Health,
    /// The same without the latest ones, if they reached nobody.
    pub reach: Reach,
    /// Whether a fault here is suspected, so that such results do not count.
    pub suspected: bool,
    /// The latest diagnosis; none before the first probe.
    pub diagnosis: Option<Arc<Diagnosis>>,
    /// What it rests on, without what no diagnosis reads.
    pub evidence: Option<Arc<Evidence>>,
    /// Since when the finding has been the same.
    pub since: Option<Timestamp>,
    /// When the last probe ended.
    pub last_probe: Option<Moment>,
    /// When the last successful probe ended.
    pub last_success: Option<Moment>,
    /// Its episodes of trouble.
    pub timeline: Arc<Timeline>,
}

impl CheckView {
    /// The verdict about this operation, by its results alone.
    fn verdict(&self, now: Moment, thresholds: &Thresholds) -> Verdict {
        let verdict = self.health.verdict(now, thresholds);
        if self.is_doubted() {
            verdict.doubted(thresholds)
        } else {
            verdict
        }
    }

    /// Whether the latest results do not count, because a fault here is suspected.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        self.suspected && self.reach.unreached_since().is_some()
    }

    /// Begins or ends to suspect a fault here: what reached nobody does not count then.
    pub fn suspect(&mut self, suspected: bool) {
        self.suspected = suspected;
        if let Some(before) = self.reach.before().filter(|_| suspected) {
            self.health = before;
        }
    }

    /// Takes a result into account; `is_unreached` if it reached nobody.
    pub fn observe(&mut self, seen: Seen, is_unreached: bool, at: Moment, thresholds: &Thresholds) {
        self.reach = self.reach.observe(seen, is_unreached, at, thresholds);
        self.health = match self.reach.before().filter(|_| self.suspected) {
            Some(before) => before,
            None => self.health.observe(seen, at, thresholds),
        };
    }
}

/// One credential; never its secret or token.
#[derive(Clone, Debug)]
pub struct CredentialView {
    /// Its name: that of the first target that uses it.
    pub name: Name,
    /// The grant that mints its tokens.
    pub grant: &'static str,
    /// The OAuth client's id, where the grant has one.
    pub client_id: Option<String>,
    /// The usable token, if there is one.
    pub token: Option<TokenFacts>,
    /// What keeps its token from being renewed; none while nothing does.
    pub refresh_failing: Option<Outcome>,
    /// When the oldest of its secrets' files last changed; none without files.
    pub secret_modified: Option<Timestamp>,
    /// What the API last reported as left of the rate limit.
    pub rate_limit_remaining: Option<u32>,
    /// What connections to the login host showed.
    pub login: PlatformView,
}

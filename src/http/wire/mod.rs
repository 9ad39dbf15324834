//! The outward shape of a diagnosis.
//!
//! Fields and their order are stable API: `GET /diagnose` and `why403 diagnose --format json`
//! print exactly this. Fields that are not serialized serve the renderings for people.

mod episodes;
mod parts;
mod verification;

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use crate::clock::Moment;
use crate::diagnosis::{self, Diagnosis, NOTEWORTHY_SKEW, clocks_differ};
use crate::health::{State, Status, Verdict, worst};
use crate::snapshot::{CheckView, CredentialView, Snapshot, TargetView};
use crate::target::{Name, Operation};

pub use episodes::{
    Difference, Episode, Listed, PermittedIn, Recovery, Standing, Timelines, TokenNumber, Turn,
    timelines,
};
pub use parts::{
    Answer, Caller, Command, Division, Ending, Line, Missing, OpenQuestion, Queue, Queues, Remedy,
    Required, Role, RuledOut, Token, token,
};
use parts::{
    answer, caller, ending, line, missing, open_question, queues, remedy, required, ruled_out,
};

pub use verification::{Before, NOT_VERIFIED, NotVerified, Seen, Verified, seen, verified};

/// A time in RFC 3339, in UTC, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(at) = self;
        serializer.collect_str(&format_args!("{at:.3}"))
    }
}

/// What is said to people while a fault here is suspected.
pub const LOCAL_FAULT: &str = "Most targets, on several hosts, cannot be reached at once: the cause is \
    probably this machine or its network, not the platform. Verdicts stay as they were.";

/// All diagnoses asked for.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// The worst status.
    pub status: &'static str,
    /// When this was read.
    pub generated_at: Time,
    /// Whether most targets, on several hosts, cannot be reached at once, so that the cause is probably
    /// the machine that why403 runs on or its network.
    pub suspected_local_fault: bool,
    /// One entry per target and operation, in the order of the configuration.
    pub diagnoses: Vec<Entry<'a>>,
}

/// One operation of one target.
#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    /// The target's name.
    pub target: &'a str,
    /// Method and path.
    pub operation: String,
    /// The verdict: `pass`, `warn`, `unknown` or `fail`.
    pub status: &'static str,
    /// What the probe saw; null before the first probe.
    pub outcome: Option<&'static str>,
    /// Why; null when all is well.
    pub cause: Option<&'static str>,
    /// How sure the cause is; null before the first probe.
    pub confidence: Option<&'static str>,
    /// The cause in a few words.
    pub title: &'static str,
    /// What it means in this case.
    pub summary: &'a str,
    /// Since when the finding has been the same.
    pub since: Option<Time>,
    /// When the examination ended.
    pub examined_at: Option<Time>,
    /// The answer that decided.
    pub answer: Option<Answer<'a>>,
    /// What is missing.
    pub missing: Missing<'a>,
    /// Who called.
    pub identity: Caller<'a>,
    /// The token that was used.
    pub token: Option<Token<'a>>,
    /// What was visible.
    pub queues: Queues<'a>,
    /// Who does what; null when there is nothing to do.
    pub remedy: Option<Remedy<'a>>,
    /// Causes that the evidence excludes.
    pub ruled_out: Vec<RuledOut<'a>>,
    /// Questions that the evidence leaves open.
    pub undetermined: Vec<OpenQuestion<'a>>,
    /// What each exchange says.
    pub evidence: Vec<Line<'a>>,
    /// What the vendor publishes as required for the operation.
    pub required: Required,
    /// How far the platform's clock is ahead of ours, at least, in whole seconds; negative when it is
    /// behind, null when no answer told.
    pub clock_skew_seconds: Option<i64>,
    /// Access that works with the cached token and is about to end; null when it is not.
    pub early_warning: Option<Ending<'a>>,
    /// Why no new token can be minted while access works, so that it ends with the present one
    /// unless that succeeds; null otherwise.
    pub token_refresh_failing: Option<&'static str>,
    /// The episode of trouble that goes on, or the last one; null when there was none.
    pub episode: Option<Episode<'a>>,
    /// The verdict and its reason.
    #[serde(skip)]
    pub verdict: Verdict,
    /// When the last probe ended.
    #[serde(skip)]
    pub last_probe: Option<Timestamp>,
}

/// Everything that `snapshot` knows, or what it knows about the target `only`.
#[must_use]
pub fn report<'a>(snapshot: &'a Snapshot, now: Moment, only: Option<&Name>) -> Report<'a> {
    let wanted = |target: &TargetView| only.is_none_or(|name| *name == target.name);
    let targets = snapshot.targets.iter().filter(|target| wanted(target));
    let entries = targets.flat_map(|target| {
        let checks = target.checks.iter();
        checks.map(|check| entry(snapshot, target, check, now))
    });
    Report {
        suspected_local_fault: snapshot.suspected_local_fault,
        ..of(entries.collect(), now)
    }
}

/// The same of a look that began just now: its episode tells nothing.
#[must_use]
pub fn first_look(snapshot: &Snapshot, now: Moment) -> Report<'_> {
    let mut report = report(snapshot, now, None);
    for entry in &mut report.diagnoses {
        entry.episode = None;
    }
    report
}

/// A report of the given entries.
#[must_use]
pub fn of(diagnoses: Vec<Entry<'_>>, now: Moment) -> Report<'_> {
    let verdict = worst(diagnoses.iter().map(|entry| entry.verdict));
    Report {
        status: verdict.status.as_str(),
        generated_at: Time(now.wall),
        suspected_local_fault: false,
        diagnoses,
    }
}

fn entry<'a>(
    snapshot: &'a Snapshot,
    target: &'a TargetView,
    check: &'a CheckView,
    now: Moment,
) -> Entry<'a> {
    let verdict = target.verdict_of(check, now);
    let entry = match &check.diagnosis {
        Some(diagnosis) => examined(diagnosis, verdict, check.since, now),
        None => unexamined(snapshot, target, check.operation, verdict),
    };
    Entry {
        last_probe: check.last_probe.map(|at| at.wall),
        token_refresh_failing: refresh_failing(target, check),
        episode: check.timeline.latest().map(|it| episodes::episode(it)),
        ..entry
    }
}

/// Why no new token can be minted, while the latest probe had access.
fn refresh_failing(target: &TargetView, check: &CheckView) -> Option<&'static str> {
    let why = target.refresh_failing?;
    let diagnosis = check.diagnosis.as_ref()?;
    let works = diagnosis.finding.outcome().grants_access();
    works.then(|| why.slug())
}

/// A diagnosis and the verdict about it.
#[must_use]
pub fn examined(
    diagnosis: &Diagnosis,
    verdict: Verdict,
    since: Option<Timestamp>,
    now: Moment,
) -> Entry<'_> {
    Entry {
        target: diagnosis.target.as_str(),
        operation: diagnosis.operation.label(),
        status: verdict.status.as_str(),
        outcome: Some(diagnosis.finding.outcome().slug()),
        cause: diagnosis.finding.cause(),
        confidence: Some(diagnosis.confidence.as_str()),
        title: diagnosis::entry(diagnosis.finding).title,
        summary: &diagnosis.summary,
        since: since.map(Time),
        examined_at: Some(Time(diagnosis.examined_at)),
        answer: diagnosis.answer.as_ref().map(answer),
        missing: missing(&diagnosis.missing),
        required: required(diagnosis.operation),
        identity: caller(diagnosis),
        token: diagnosis.token.as_ref().map(|facts| token(facts, now)),
        queues: queues(&diagnosis.queues),
        clock_skew_seconds: diagnosis.clock_skew.map(|it| it.as_secs()),
        early_warning: diagnosis.early_warning.as_ref().map(ending),
        token_refresh_failing: None,
        remedy: remedy(&diagnosis.remedy),
        ruled_out: diagnosis.ruled_out.iter().map(ruled_out).collect(),
        undetermined: diagnosis.undetermined.iter().map(open_question).collect(),
        evidence: diagnosis.evidence.iter().map(line).collect(),
        episode: None,
        verdict,
        last_probe: Some(diagnosis.examined_at),
    }
}

/// An operation before its first probe.
fn unexamined<'a>(
    snapshot: &'a Snapshot,
    target: &'a TargetView,
    operation: &'static Operation,
    verdict: Verdict,
) -> Entry<'a> {
    let mut credentials = snapshot.credentials.iter();
    let credential = credentials.find(|credential| credential.name == target.credential);
    Entry {
        target: target.name.as_str(),
        operation: operation.label(),
        status: verdict.status.as_str(),
        outcome: None,
        cause: None,
        confidence: None,
        title: "Not examined yet",
        summary: "not examined yet",
        since: None,
        examined_at: None,
        answer: None,
        missing: Missing::default(),
        required: required(operation),
        identity: Caller {
            kind: target.identity.as_str(),
            grant: credential.map_or("unknown", |it| it.grant),
            client_id: credential
                .and_then(|it: &std::sync::Arc<CredentialView>| it.client_id.as_deref()),
            client_name: None,
            organization: None,
            roles: Vec::new(),
        },
        token: None,
        queues: Queues::default(),
        clock_skew_seconds: None,
        early_warning: None,
        token_refresh_failing: None,
        remedy: None,
        ruled_out: Vec::new(),
        undetermined: Vec::new(),
        evidence: Vec::new(),
        episode: None,
        verdict,
        last_probe: None,
    }
}

impl Entry<'_> {
    /// Whether the last result is too old to say anything.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.verdict.state == State::Stale
    }

    /// What the vendor publishes, where the answer names other permissions than these.
    #[must_use]
    pub fn published_otherwise(&self) -> Option<String> {
        let published = self.required.permissions;
        let ending = self.early_warning.as_ref();
        let named = ending
            .map_or(&self.missing, |ending| &ending.missing)
            .permissions;
        let agree = named.iter().any(|one| published.contains(&one.as_str()));
        (!agree && !named.is_empty() && !published.is_empty()).then(|| published.join(", "))
    }

    /// That access ends with its token, if it does.
    #[must_use]
    pub fn expiring(&self) -> Option<String> {
        let why = self.token_refresh_failing?;
        Some(format!(
            "No new token can be minted ({why}): unless that succeeds, access ends with the present \
             one. `why403 explain {why}` says what to do."
        ))
    }

    /// How the clocks differ, if that is worth telling.
    #[must_use]
    pub fn clocks_differ(&self) -> Option<String> {
        let skew = SignedDuration::from_secs(self.clock_skew_seconds?);
        (skew.abs() >= NOTEWORTHY_SKEW).then(|| format!("{}.", clocks_differ(skew)))
    }

    /// The verdict's status.
    #[must_use]
    pub fn verdict_status(&self) -> Status {
        self.verdict.status
    }
}

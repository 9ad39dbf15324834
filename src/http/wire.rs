//! The outward shape of a diagnosis.
//!
//! Fields and their order are stable API: `GET /diagnose` and `why403 diagnose --format json`
//! print exactly this. Fields that are not serialized serve the renderings for people.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::clock::Moment;
use crate::diagnosis::{self, Diagnosis};
use crate::evidence::{Identity, TokenFacts};
use crate::health::{State, Status, Verdict, worst};
use crate::snapshot::{CheckView, CredentialView, Snapshot, TargetView};
use crate::target::{Name, Operation};

/// A time in RFC 3339, in UTC, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(at) = self;
        serializer.collect_str(&format_args!("{at:.3}"))
    }
}

/// All diagnoses asked for.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// The worst status.
    pub status: &'static str,
    /// When this was read.
    pub generated_at: Time,
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
    /// What the answer says is missing.
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
    /// The verdict and its reason.
    #[serde(skip)]
    pub verdict: Verdict,
    /// When the last probe ended.
    #[serde(skip)]
    pub last_probe: Option<Timestamp>,
}

/// The answer that decided.
#[derive(Debug, Serialize)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The error code of its body.
    pub code: Option<&'a str>,
    /// The message of its body.
    pub message: Option<&'a str>,
    /// The id that the vendor's support asks for.
    pub correlation_id: Option<&'a str>,
}

/// What the answer says is missing.
#[derive(Debug, Default, Serialize)]
pub struct Missing<'a> {
    /// How several permissions combine: `any` or `all`.
    pub mode: Option<&'static str>,
    /// Permissions in the grammar `domain:entity:action`.
    pub permissions: &'a [String],
    /// Scopes.
    pub scopes: &'a [String],
    /// Divisions in which the permission is missing.
    pub divisions: Vec<Division<'a>>,
}

/// A division of a Genesys org.
#[derive(Debug, Serialize)]
pub struct Division<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name, where known.
    pub name: Option<&'a str>,
}

/// Who called.
#[derive(Debug, Serialize)]
pub struct Caller<'a> {
    /// `machine`, `user` or `unknown`.
    pub kind: &'static str,
    /// The grant that minted the token.
    pub grant: &'a str,
    /// The OAuth client's id.
    pub client_id: Option<&'a str>,
    /// The OAuth client's name; null until it is asked for.
    pub client_name: Option<&'a str>,
    /// The org; null until it is asked for.
    pub organization: Option<&'a str>,
    /// The caller's roles; empty until they are asked for.
    pub roles: &'a [String],
}

/// What may be told about a token.
#[derive(Debug, Serialize)]
pub struct Token<'a> {
    /// Time since it was minted, at the time of reading.
    pub age_seconds: u64,
    /// When it expires by its own account.
    pub expires_at: Option<Time>,
    /// The scopes that the token endpoint named.
    pub scopes: Option<&'a [String]>,
}

/// What was visible.
#[derive(Debug, Default, Serialize)]
pub struct Queues<'a> {
    /// How many.
    pub total: Option<u64>,
    /// The first of them.
    pub first: Option<Queue<'a>>,
}

/// One queue.
#[derive(Debug, Serialize)]
pub struct Queue<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// Who does what, and how to check.
#[derive(Debug, Serialize)]
pub struct Remedy<'a> {
    /// Who can act.
    pub who: &'a str,
    /// What they do, in order.
    pub steps: &'a [String],
    /// How long the change may take to show.
    pub propagation: &'a str,
    /// How to see that it worked.
    pub verify: &'a str,
}

/// A cause that the evidence excludes.
#[derive(Debug, Serialize)]
pub struct RuledOut<'a> {
    /// Its slug.
    pub cause: &'static str,
    /// What excludes it.
    pub because: &'a str,
}

/// A question that the evidence leaves open.
#[derive(Debug, Serialize)]
pub struct OpenQuestion<'a> {
    /// What would settle it.
    pub question: &'a str,
    /// Why it is not settled.
    pub because: &'a str,
}

/// One exchange.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// Why the call was made.
    pub step: &'static str,
    /// Method and URL.
    pub request: &'a str,
    /// The status code, if an answer came.
    pub status: Option<u16>,
    /// From the call to the last byte or the failure.
    pub duration_ms: u64,
    /// The id that the vendor's support asks for.
    pub correlation_id: Option<&'a str>,
    /// What the exchange says.
    pub says: &'a str,
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
    of(entries.collect(), now)
}

/// A report of the given entries.
#[must_use]
pub fn of(diagnoses: Vec<Entry<'_>>, now: Moment) -> Report<'_> {
    let verdict = worst(diagnoses.iter().map(|entry| entry.verdict));
    Report {
        status: verdict.status.as_str(),
        generated_at: Time(now.wall),
        diagnoses,
    }
}

fn entry<'a>(
    snapshot: &'a Snapshot,
    target: &'a TargetView,
    check: &'a CheckView,
    now: Moment,
) -> Entry<'a> {
    let verdict = check.verdict(now, &target.thresholds);
    let entry = match &check.diagnosis {
        Some(diagnosis) => examined(diagnosis, verdict, check.since, now),
        None => unexamined(snapshot, target, check.operation, verdict),
    };
    Entry {
        last_probe: check.last_probe.map(|at| at.wall),
        ..entry
    }
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
        identity: caller(&diagnosis.identity),
        token: diagnosis.token.as_ref().map(|facts| token(facts, now)),
        queues: queues(&diagnosis.queues),
        remedy: remedy(&diagnosis.remedy),
        ruled_out: diagnosis.ruled_out.iter().map(ruled_out).collect(),
        undetermined: diagnosis.undetermined.iter().map(open_question).collect(),
        evidence: diagnosis.evidence.iter().map(line).collect(),
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
        identity: Caller {
            kind: target.identity.as_str(),
            grant: credential.map_or("unknown", |it| it.grant),
            client_id: credential
                .and_then(|it: &std::sync::Arc<CredentialView>| it.client_id.as_deref()),
            client_name: None,
            organization: None,
            roles: &[],
        },
        token: None,
        queues: Queues::default(),
        remedy: None,
        ruled_out: Vec::new(),
        undetermined: Vec::new(),
        evidence: Vec::new(),
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

    /// The verdict's status.
    #[must_use]
    pub fn verdict_status(&self) -> Status {
        self.verdict.status
    }
}

fn answer(facts: &diagnosis::AnswerFacts) -> Answer<'_> {
    Answer {
        status: facts.status,
        code: facts.code.as_deref(),
        message: facts.message.as_deref(),
        correlation_id: facts.correlation_id.as_deref(),
    }
}

fn missing(missing: &diagnosis::Missing) -> Missing<'_> {
    let divisions = missing.divisions.iter().map(|division| Division {
        id: &division.id,
        name: division.name.as_deref(),
    });
    Missing {
        mode: missing.mode.map(crate::target::Mode::as_str),
        permissions: &missing.permissions,
        scopes: &missing.scopes,
        divisions: divisions.collect(),
    }
}

fn caller(identity: &Identity) -> Caller<'_> {
    Caller {
        kind: identity.kind.as_str(),
        grant: identity.grant,
        client_id: identity.client_id.as_deref(),
        client_name: None,
        organization: None,
        roles: &[],
    }
}

/// What may be told about a token at `now`.
#[must_use]
pub fn token(facts: &TokenFacts, now: Moment) -> Token<'_> {
    Token {
        age_seconds: now.since(facts.issued_at).as_secs(),
        expires_at: facts.expires_at.map(Time),
        scopes: facts.scopes.as_deref(),
    }
}

fn queues(queues: &diagnosis::Queues) -> Queues<'_> {
    Queues {
        total: queues.total,
        first: queues.first.as_ref().map(|queue| Queue {
            id: &queue.id,
            name: &queue.name,
        }),
    }
}

fn remedy(remedy: &diagnosis::Remedy) -> Option<Remedy<'_>> {
    let nothing_to_do = remedy.who.is_empty() && remedy.steps.is_empty();
    (!nothing_to_do).then_some(Remedy {
        who: &remedy.who,
        steps: &remedy.steps,
        propagation: &remedy.propagation,
        verify: &remedy.verify,
    })
}

fn ruled_out(ruled_out: &diagnosis::RuledOut) -> RuledOut<'_> {
    RuledOut {
        cause: ruled_out.cause,
        because: &ruled_out.because,
    }
}

fn open_question(open: &diagnosis::OpenQuestion) -> OpenQuestion<'_> {
    OpenQuestion {
        question: &open.question,
        because: &open.because,
    }
}

fn line(line: &diagnosis::EvidenceLine) -> Line<'_> {
    Line {
        step: line.step,
        request: &line.request,
        status: line.status,
        duration_ms: u64::try_from(line.duration.as_millis()).unwrap_or(u64::MAX),
        correlation_id: line.correlation_id.as_deref(),
        says: &line.says,
    }
}

//! From evidence to a diagnosis.
//!
//! [`diagnose`] is a pure function: the same evidence gives the same diagnosis, for ever. It
//! never names one cause as certain when two fit: see [`Confidence`], [`Diagnosis::ruled_out`]
//! and [`Diagnosis::undetermined`].

mod answers;
mod body;
mod catalogue;
mod cause;
mod challenge;
mod edge;
mod exclusions;
mod explain;
mod facts;
mod forbidden;
mod lines;
mod listing;
mod minting;
mod model;
mod open;
mod permissions;
mod plan;
mod reading;
mod remedy;
mod rules;
pub mod verify;
mod visibility;
mod words;

use crate::evidence::{Answer, Evidence, Identity, Standing, Step, TokenEvidence};

pub use catalogue::{Entry, Neighbour, entry, proof};
pub use cause::{Cause, Class, Outcome};
pub use explain::{Explanation, explain, suggestions};
pub use minting::{is_definitive, mint_outcome};
pub use model::{
    AnswerFacts, Command, Confidence, Diagnosis, Division, EarlyWarning, EvidenceLine, Finding,
    Missing, OpenQuestion, Queue, Queues, Remedy, RuledOut, Tool,
};
pub use plan::{Ask, Depth, MOST_CALLS, calls_left, next};
pub use words::{NOTEWORTHY_SKEW, clocks_differ};

/// Says what the evidence means.
#[must_use]
pub fn diagnose(evidence: &Evidence) -> Diagnosis {
    let reading = reading::read(evidence);
    let owner = facts::owner(evidence);
    let identity = Identity {
        kind: facts::settled_kind(evidence, owner),
        ..evidence.identity.clone()
    };
    let remedy = remedy::remedy(evidence, &reading, &identity);
    let exclusions = reading
        .facts(evidence)
        .map(|facts| exclusions::exclusions(&facts, &reading))
        .unwrap_or_default();
    Diagnosis {
        target: evidence.target.clone(),
        operation: evidence.operation,
        finding: reading.finding,
        confidence: reading.confidence,
        provisional: is_provisional(evidence, reading.finding),
        summary: words::summary(evidence, &reading),
        owner: owner.cloned(),
        token: match &evidence.token {
            TokenEvidence::Held(facts) => Some(facts.clone()),
            TokenEvidence::Unknown | TokenEvidence::Unavailable(_) => None,
        },
        standing: Standing::of(evidence, reading.queues.total),
        clock_skew: evidence.clock_skew(),
        early_warning: reading.early_warning.clone(),
        remedy,
        ruled_out: exclusions::ruled_out(&exclusions),
        undetermined: open::undetermined(evidence, &reading),
        evidence: lines::lines(evidence, &reading, &exclusions),
        examined_at: evidence.at.wall,
        missing: what_is_missing(&reading),
        answer: reading.answer,
        queues: reading.queues,
        identity,
    }
}

/// What is missing; nothing where everything is there and something else refuses.
fn what_is_missing(reading: &reading::Reading) -> Missing {
    match reading.finding {
        Finding::Forbidden(Cause::StaleToken | Cause::Propagating | Cause::PolicyDenied) => {
            Missing::default()
        }
        _ => reading.missing.clone(),
    }
}

/// What a probe says before any experiment: while it stays the same, an examination stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impression {
    /// What happened and, for a 403, why, as the answer alone has it.
    pub finding: Finding,
    /// What the answer says is missing.
    pub missing: Missing,
    /// How many queues are visible, where that is a symptom.
    pub queues: Option<u64>,
}

impl Impression {
    /// Whether experiments could say more.
    #[must_use]
    pub fn is_explainable(&self) -> bool {
        matches!(
            self.finding.outcome(),
            Outcome::Forbidden | Outcome::QueuesEmpty | Outcome::QueuesMissing
        )
    }
}

/// What the answer of the probe alone says.
#[must_use]
pub fn first_impression(evidence: &Evidence) -> Impression {
    let alone = Evidence {
        experiments: Vec::new(),
        ..evidence.clone()
    };
    let reading = reading::read(&alone);
    let works = reading.finding == Finding::Other(Outcome::Ok);
    Impression {
        finding: reading.finding,
        missing: reading.missing,
        queues: reading.queues.total.filter(|_| !works),
    }
}

/// Whether the finding is a 401 about a token that could be renewed and was not: no fresh token
/// could be had at once, so that the next probe may well succeed.
fn is_provisional(evidence: &Evidence, finding: Finding) -> bool {
    let renewable = matches!(&evidence.token, TokenEvidence::Held(facts) if !facts.given);
    let retried = evidence
        .exchanges
        .iter()
        .any(|exchange| exchange.step == Step::Retry);
    let about_token = matches!(
        finding.outcome(),
        Outcome::TokenRejected | Outcome::TokenExpired | Outcome::TokenMissing
    );
    renewable && about_token && !retried && evidence.last_probe().is_some()
}

/// What an answer that is no success says, in a few words: its status and code.
#[must_use]
pub fn refused_in_words(answer: &Answer) -> String {
    let body = body::Body::read(answer);
    let code = body.error().and_then(|error| error.code.clone());
    let code = code.map(|code| format!(" {code}")).unwrap_or_default();
    format!("it was answered {}{code}", answer.status)
}

/// Whether an answer rejects the token itself, so that a newer one could be accepted.
///
/// A 401 because of the caller's address says nothing about the token.
#[must_use]
pub fn rejects_token(answer: &Answer) -> bool {
    answers::rejects_token(answer)
}

#[cfg(test)]
mod tests;

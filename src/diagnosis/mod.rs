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
mod doubt;
mod edge;
mod explain;
mod forbidden;
mod listing;
mod minting;
mod model;
mod permissions;
mod reading;
mod words;

use crate::evidence::{Answer, Evidence, Step, TokenEvidence};

pub use catalogue::{Entry, Neighbour, entry};
pub use cause::{Cause, Class, Outcome};
pub use explain::{Explanation, explain, suggestions};
pub use minting::{is_definitive, mint_outcome};
pub use model::{
    AnswerFacts, Confidence, Diagnosis, Division, EvidenceLine, Finding, Missing, OpenQuestion,
    Queue, Queues, Remedy, RuledOut,
};

/// Says what the evidence means.
#[must_use]
pub fn diagnose(evidence: &Evidence) -> Diagnosis {
    let reading = reading::read(evidence);
    let context = catalogue::Context {
        identity: &evidence.identity,
        operation: evidence.operation,
        missing: &reading.missing,
        answer: reading.answer.as_ref(),
        host: reading.host.as_deref(),
    };
    let remedy = catalogue::remedy(reading.finding, &context);
    Diagnosis {
        target: evidence.target.clone(),
        operation: evidence.operation,
        finding: reading.finding,
        confidence: reading.confidence,
        provisional: is_provisional(evidence, reading.finding),
        summary: words::summary(evidence, &reading),
        identity: evidence.identity.clone(),
        token: match &evidence.token {
            TokenEvidence::Held(facts) => Some(facts.clone()),
            TokenEvidence::Unknown | TokenEvidence::Unavailable(_) => None,
        },
        remedy,
        ruled_out: doubt::ruled_out(evidence, &reading),
        undetermined: doubt::undetermined(evidence, &reading),
        evidence: words::lines(evidence),
        examined_at: evidence.at.wall,
        answer: reading.answer,
        missing: reading.missing,
        queues: reading.queues,
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

/// Whether an answer rejects the token itself, so that a newer one could be accepted.
///
/// A 401 because of the caller's address says nothing about the token.
#[must_use]
pub fn rejects_token(answer: &Answer) -> bool {
    answers::rejects_token(answer)
}

#[cfg(test)]
mod tests;

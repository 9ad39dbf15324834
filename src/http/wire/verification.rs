//! The outward shape of a verification.

use serde::Serialize;

use super::{Entry, Time, report};
use crate::clock::Moment;
use crate::diagnosis::Diagnosis;
use crate::monitor::verify::{Look, Verification};

/// What came of a verification.
#[derive(Debug, Serialize)]
pub struct Verified<'a> {
    /// The target's name.
    pub target: &'a str,
    /// `ok`, `fixed`, `changed`, `not_fixed` or `undetermined`.
    pub result: &'static str,
    /// What that means, in a few sentences.
    pub summary: &'a str,
    /// When it began.
    pub began: Time,
    /// When it ended.
    pub ended: Time,
    /// Every look, in order.
    pub looks: Vec<Seen>,
    /// What was known before, per operation.
    pub before: Vec<Before>,
    /// The diagnoses now, as `GET /diagnose/{target}` shows them.
    pub diagnoses: Vec<Entry<'a>>,
}

/// One operation, looked at once.
#[derive(Debug, Serialize)]
pub struct Seen {
    /// When the examination ended.
    pub at: Time,
    /// Method and path.
    pub operation: String,
    /// The status code, if an answer came.
    pub status: Option<u16>,
    /// What the probe saw.
    pub outcome: &'static str,
    /// Why; null when all is well.
    pub cause: Option<&'static str>,
    /// How sure the cause is.
    pub confidence: &'static str,
    /// What that says, in a few words.
    pub says: &'static str,
}

/// What was known of an operation before.
#[derive(Debug, Serialize)]
pub struct Before {
    /// Method and path.
    pub operation: String,
    /// What the probe saw.
    pub outcome: &'static str,
    /// Why; null when all was well.
    pub cause: Option<&'static str>,
    /// How sure the cause was.
    pub confidence: &'static str,
}

/// What is told when nothing could be looked at before the service ended.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct NotVerified {
    /// Always `undetermined`.
    pub result: &'static str,
    /// Why.
    pub summary: &'static str,
}

/// The last line when nothing could be looked at.
pub const NOT_VERIFIED: NotVerified = NotVerified {
    result: "undetermined",
    summary: "The service is stopping; nothing was looked at.",
};

/// One look.
#[must_use]
pub fn seen(look: &Look) -> Seen {
    let diagnosis = &look.diagnosis;
    Seen {
        at: Time(look.at),
        operation: diagnosis.operation.label(),
        status: diagnosis.answer.as_ref().map(|answer| answer.status),
        outcome: diagnosis.finding.outcome().slug(),
        cause: diagnosis.finding.cause(),
        confidence: diagnosis.confidence.as_str(),
        says: look.says,
    }
}

fn before(diagnosis: &Diagnosis) -> Before {
    Before {
        operation: diagnosis.operation.label(),
        outcome: diagnosis.finding.outcome().slug(),
        cause: diagnosis.finding.cause(),
        confidence: diagnosis.confidence.as_str(),
    }
}

/// A whole verification.
#[must_use]
pub fn verified(verification: &Verification, now: Moment) -> Verified<'_> {
    let target = &verification.target;
    Verified {
        target: target.as_str(),
        result: verification.result.as_str(),
        summary: &verification.summary,
        began: Time(verification.began.wall),
        ended: Time(verification.ended.wall),
        looks: verification.looks.iter().map(seen).collect(),
        before: verification.before.iter().map(|it| before(it)).collect(),
        diagnoses: report(&verification.snapshot, now, Some(target)).diagnoses,
    }
}

//! What to do about a finding in this case.
//!
//! The texts are those of the catalogue. Here it is settled what they are filled with: which
//! permission, which role, which divisions, who, until when; and how other tools do the same.
//! Nothing here decides what the finding is.

mod case;
mod commands;
mod need;
mod paste;
mod roles;

use super::catalogue::{self, Context};
use super::reading::Reading;
use super::{Finding, Outcome, Remedy};
use crate::evidence::{Evidence, Identity};

pub(super) use case::Case;
pub(super) use need::is_disputed;
pub(super) use roles::Carrier;

/// What to do about what was read from the evidence.
pub(super) fn remedy(evidence: &Evidence, reading: &Reading, identity: &Identity) -> Remedy {
    let case = Case::of(evidence, reading);
    let missing = match &reading.early_warning {
        Some(warning) => &warning.missing,
        None => &reading.missing,
    };
    let context = Context {
        identity,
        operation: evidence.operation,
        missing,
        answer: reading.answer.as_ref(),
        host: reading.host.as_deref(),
        case: &case,
    };
    // What is about to end is mended like what has ended.
    let finding = match (&reading.early_warning, reading.finding) {
        (Some(warning), Finding::Other(Outcome::Ok)) => Finding::Forbidden(warning.cause),
        (_, finding) => finding,
    };
    compose(finding, &context)
}

/// The catalogue's texts, filled, and what other tools do.
fn compose(finding: Finding, context: &Context<'_>) -> Remedy {
    Remedy {
        commands: commands::commands(finding, context),
        ..catalogue::remedy(finding, context)
    }
}

#[cfg(test)]
mod tests;

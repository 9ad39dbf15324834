//! Which experiment comes next: a function of the evidence so far.
//!
//! From cheap to dear, none twice, none that could not change the diagnosis or the remedy, and
//! none once a single cause is left. Whoever makes the calls decides when an examination may
//! begin and stops it; what is asked is decided here alone.

use super::Cause;
use super::facts::{FRESH, Facts, Said};
use super::forbidden::refusal;
use super::permissions::domain;
use super::visibility::is_symptom;
use crate::evidence::ExperimentKind::{
    self, DivisionsPermitted, FreshToken, Permissions, SubjectsMe, TokensMe, WithoutToken,
};
use crate::evidence::{Evidence, Found, Step, TokenEvidence};
use crate::target::IdentityKind;

/// Most calls of one examination, besides the probe itself and minting.
pub const MOST_CALLS: usize = 6;

/// How much is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What explains a failure; nothing when there is none.
    Explain,
    /// How the caller stands, although access works.
    Survey,
    /// Everything that explains, and a fresh token in any case: somebody says that it is mended.
    Verify,
}

/// The next experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Which one.
    pub kind: ExperimentKind,
    /// The permission or the domains that it asks about, where it asks about some.
    pub about: Option<String>,
}

/// The experiment to make next; none when nothing more would help.
#[must_use]
pub fn next(evidence: &Evidence, depth: Depth) -> Option<Ask> {
    if calls_left(evidence) == 0 {
        return None;
    }
    useful(evidence, depth)
        .into_iter()
        .find(|ask| evidence.experiment(ask.kind).is_none())
}

/// How many calls of the API the experiments may still make.
#[must_use]
pub fn calls_left(evidence: &Evidence) -> usize {
    let exchanges = evidence.experiments.iter().flat_map(|one| &one.exchanges);
    let calls = exchanges.filter(|exchange| exchange.step != Step::Token);
    MOST_CALLS.saturating_sub(calls.count())
}

/// Every experiment that helps, made already or not, in the order in which they are made.
pub(super) fn useful(evidence: &Evidence, depth: Depth) -> Vec<Ask> {
    let Some(exchange) = evidence.last_probe() else {
        return Vec::new();
    };
    let Some(answer) = exchange.answer() else {
        return Vec::new();
    };
    match answer.status {
        403 => {
            let refusal = refusal(answer, evidence.operation, evidence.identity.kind);
            let by_platform = answer.correlation_id().is_some();
            about_refusal(&Facts::of(evidence, &refusal, by_platform))
        }
        200..=299 if depth == Depth::Verify => visible(evidence, true),
        200..=299 if is_symptom(answer, evidence) => visible(evidence, true),
        200..=299 if depth == Depth::Survey => visible(evidence, hides_a_loss(evidence)),
        _ => Vec::new(),
    }
}

fn about_refusal(facts: &Facts<'_>) -> Vec<Ask> {
    let mut asks = Vec::new();
    // What is no answer of the platform is tried without a token first: a 403 there ends it.
    if !facts.by_platform {
        asks.push(ask(WithoutToken));
        if facts.control() == Some(Said::Refused) {
            return asks;
        }
    }
    asks.push(ask(TokensMe));
    if is_settled_by_scopes(facts) {
        return asks;
    }
    let suspect = facts.suspect();
    let first = suspect.permissions.first().map(|&one| one.to_owned());
    if first.is_some() {
        asks.push(Ask {
            kind: DivisionsPermitted,
            about: first.clone(),
        });
    }
    if !facts.was_young() && can_be_renewed(facts.evidence) {
        asks.push(ask(FreshToken));
        if facts.fresh() == Some(Said::Accepted) {
            return asks;
        }
    }
    if let Some(first) = first {
        asks.push(roles(
            &[suspect.permissions.as_slice(), facts.operation.permissions].concat(),
        ));
        if facts.in_org(&suspect) != Some(true) || facts.org.is_some() {
            asks.push(Ask {
                kind: Permissions,
                about: Some(domain(&first).to_owned()),
            });
        }
    }
    asks
}

/// A user's token without a scope for the operation, and an answer that asks for one.
fn is_settled_by_scopes(facts: &Facts<'_>) -> bool {
    facts.refusal.cause == Cause::MissingScope
        && facts.kind != IdentityKind::Machine
        && facts.scopes_cover() == Some(false)
}

/// What tells how the caller stands when the call is answered.
fn visible(evidence: &Evidence, fresh: bool) -> Vec<Ask> {
    let mut asks = vec![ask(TokensMe)];
    if let Some(permission) = evidence.operation.permissions.first() {
        asks.push(Ask {
            kind: DivisionsPermitted,
            about: Some((*permission).to_owned()),
        });
    }
    let is_young = evidence
        .token_age_when_examined()
        .is_some_and(|age| age < FRESH);
    if fresh && !is_young && can_be_renewed(evidence) {
        asks.push(ask(FreshToken));
    }
    if !evidence.operation.permissions.is_empty() {
        asks.push(roles(evidence.operation.permissions));
    }
    asks
}

/// Whether access works although the permission is held nowhere: only the cached token may know
/// nothing of that.
fn hides_a_loss(evidence: &Evidence) -> bool {
    let permitted = evidence
        .experiment(DivisionsPermitted)
        .and_then(|one| one.found());
    matches!(permitted, Some(Found::Permitted(permitted)) if permitted.is_nowhere())
}

fn can_be_renewed(evidence: &Evidence) -> bool {
    matches!(&evidence.token, TokenEvidence::Held(facts) if !facts.given)
}

/// The caller's roles, as far as they concern the domains of these permissions.
fn roles(permissions: &[&str]) -> Ask {
    let mut domains: Vec<&str> = permissions.iter().map(|one| domain(one)).collect();
    domains.sort_unstable();
    domains.dedup();
    Ask {
        kind: SubjectsMe,
        about: Some(domains.join(" ")),
    }
}

fn ask(kind: ExperimentKind) -> Ask {
    Ask { kind, about: None }
}

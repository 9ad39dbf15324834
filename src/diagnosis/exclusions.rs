//! What the evidence excludes, fact by fact, and which experiment does it.

use super::facts::{FRESH, Facts, Held, Said};
use super::reading::Reading;
use super::visibility::listed;
use super::words::list;
use super::{Cause, Finding, Outcome, RuledOut};
use crate::evidence::ExperimentKind;
use crate::target::IdentityKind;

/// A cause that a fact excludes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exclusion {
    pub(super) cause: &'static str,
    pub(super) because: String,
    /// The experiment that excludes it; none when the answer itself does.
    pub(super) by: Option<ExperimentKind>,
}

/// Causes that the evidence excludes; never the one that was concluded.
pub(super) fn exclusions(facts: &Facts<'_>, reading: &Reading) -> Vec<Exclusion> {
    let mut excluded: Vec<Exclusion> = Vec::new();
    for exclusion in by_answer(facts, reading)
        .into_iter()
        .chain(by_token(facts))
        .chain(by_rights(facts))
    {
        let is_known = excluded.iter().any(|one| one.cause == exclusion.cause);
        if !is_known && Some(exclusion.cause) != reading.finding.cause() {
            excluded.push(exclusion);
        }
    }
    excluded
}

pub(super) fn ruled_out(exclusions: &[Exclusion]) -> Vec<RuledOut> {
    let ruled_out = |one: &Exclusion| RuledOut {
        cause: one.cause,
        because: one.because.clone(),
    };
    exclusions.iter().map(ruled_out).collect()
}

fn exclusion(cause: Cause, by: Option<ExperimentKind>, because: impl Into<String>) -> Exclusion {
    Exclusion {
        cause: cause.slug(),
        because: because.into(),
        by,
    }
}

/// What the answer, and that to the call without a token, exclude.
fn by_answer(facts: &Facts<'_>, reading: &Reading) -> Vec<Exclusion> {
    let mut excluded = Vec::new();
    let id = reading
        .answer
        .as_ref()
        .and_then(|answer| answer.correlation_id.as_deref());
    if let Some(id) = id {
        excluded.push(exclusion(
            Cause::EdgeBlock,
            None,
            format!("the answer carries the platform's correlation id {id}"),
        ));
        excluded.push(Exclusion {
            cause: Outcome::TokenRejected.slug(),
            because: "the platform answers a dead token with 401, and this is 403".to_owned(),
            by: None,
        });
    }
    if facts.kind == IdentityKind::Machine && facts.by_platform {
        excluded.push(exclusion(
            Cause::MissingScope,
            None,
            "scopes do not apply to client credentials: the client's roles decide",
        ));
    }
    excluded
}

/// What the token and the fresh one exclude.
fn by_token(facts: &Facts<'_>) -> Vec<Exclusion> {
    let mut excluded = Vec::new();
    if let Some(age) = facts
        .evidence
        .token_age_when_examined()
        .filter(|age| *age < FRESH)
    {
        let because = format!("the token was {} s old when it was refused", age.as_secs());
        excluded.push(exclusion(Cause::StaleToken, None, because));
    } else if facts.fresh() == Some(Said::Refused) {
        excluded.push(exclusion(
            Cause::StaleToken,
            Some(ExperimentKind::FreshToken),
            "a token minted just now is refused too",
        ));
    }
    if facts.scopes_cover() == Some(true) {
        let scopes = list(facts.scopes().unwrap_or_default());
        excluded.push(exclusion(
            Cause::MissingScope,
            Some(ExperimentKind::TokensMe),
            format!("the token carries {scopes}, which covers the operation"),
        ));
    }
    if let (Some(false), Some(organization)) = (
        facts.is_guest(),
        facts.owner.and_then(|owner| owner.organization.as_ref()),
    ) {
        excluded.push(exclusion(
            Cause::TrustorPermission,
            Some(ExperimentKind::TokensMe),
            format!(
                "the caller belongs to the org that it works on, {}",
                organization.shown()
            ),
        ));
    }
    excluded
}

/// What is known of permissions and roles excludes.
fn by_rights(facts: &Facts<'_>) -> Vec<Exclusion> {
    let suspect = facts.suspect();
    let permissions = list(&suspect.permissions);
    let source = if facts.permitted.is_some() {
        ExperimentKind::DivisionsPermitted
    } else {
        ExperimentKind::SubjectsMe
    };
    let mut excluded = Vec::new();
    match facts.held(&suspect) {
        Some(Held::Nowhere) => {
            let nowhere = format!("{permissions} is held in no division");
            for cause in [Cause::MissingDivisionPermission, Cause::PolicyDenied] {
                excluded.push(exclusion(cause, Some(source), nowhere.clone()));
            }
        }
        Some(Held::Somewhere) => {
            let held = format!("{permissions} is held{}", places(facts));
            excluded.push(exclusion(Cause::MissingPermission, Some(source), held));
            if facts.held_where_asked(&suspect) == Some(true) {
                let there = format!("{permissions} is held in the division that the answer names");
                excluded.push(exclusion(
                    Cause::MissingDivisionPermission,
                    Some(source),
                    there,
                ));
            }
        }
        Some(Held::Conditionally | Held::Disagreed) | None => {}
    }
    if facts.in_org(&suspect) == Some(true) {
        let by = if facts.org.is_some() {
            ExperimentKind::Permissions
        } else {
            source
        };
        let has = format!("the org has {permissions}");
        excluded.push(exclusion(Cause::PermissionNotInOrg, Some(by), has));
    }
    excluded
}

/// Where the permission is held, in words that follow "is held".
fn places(facts: &Facts<'_>) -> String {
    match facts.permitted {
        Some(permitted) if !permitted.is_nowhere() => format!(" in {}", listed(permitted)),
        _ => String::new(),
    }
}

/// What an experiment supports and rules out.
pub(super) fn effect(
    kind: ExperimentKind,
    reading: &Reading,
    exclusions: &[Exclusion],
) -> (Vec<&'static str>, Vec<&'static str>) {
    let supported = match reading.finding {
        Finding::Forbidden(cause) if reading.by.contains(&kind) => vec![cause.slug()],
        Finding::Other(outcome) if reading.by.contains(&kind) => vec![outcome.slug()],
        _ => Vec::new(),
    };
    let excluded = exclusions.iter().filter(|one| one.by == Some(kind));
    (supported, excluded.map(|one| one.cause).collect())
}

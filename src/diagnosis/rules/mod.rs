//! The rules: which cause a refusal and the experiments about it amount to, and how sure that is.
//!
//! They stand in one ordered list, the first that fits decides, and the last one always fits. So
//! every evidence has exactly one diagnosis. What is sure by itself (an experiment whose two arms
//! differ) stands before what is read from the answer; elimination stands last.

mod rights;

use crate::evidence::ExperimentKind::{
    self, DivisionsPermitted, FreshToken, SubjectsMe, TokensMe, WithoutToken,
};
use crate::target::IdentityKind;

use self::rights::{division_named, held_and_refused, not_in_org, permission_not_held};
use super::facts::{Facts, Held, Said};
use super::words::{ago, list};
use super::{Cause, Confidence};

/// What a rule concludes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conclusion {
    pub(super) cause: Cause,
    pub(super) confidence: Confidence,
    /// Why, as a clause without a full stop.
    pub(super) why: String,
    /// The experiments that it rests on; none when it rests on the answer alone.
    pub(super) by: Vec<ExperimentKind>,
    /// Whether the missing permission is the published one, although the answer names another.
    pub(super) published: bool,
}

impl Conclusion {
    fn new(cause: Cause, confidence: Confidence, why: impl Into<String>) -> Self {
        Self {
            cause,
            confidence,
            why: why.into(),
            by: Vec::new(),
            published: false,
        }
    }

    fn by(self, kinds: &[ExperimentKind]) -> Self {
        Self {
            by: kinds.to_vec(),
            ..self
        }
    }
}

type Rule = fn(&Facts<'_>) -> Option<Conclusion>;

/// All rules, in order; what none of them fits is taken as it reads.
const RULES: &[Rule] = &[
    fresh_token_accepted,
    refused_without_token,
    guest_from_another_org,
    scope_named,
    division_named,
    not_in_org,
    permission_not_held,
    scopes_do_not_cover,
    held_and_refused,
    one_object,
];

/// Applies the rules.
pub(super) fn conclude(facts: &Facts<'_>) -> Conclusion {
    RULES
        .iter()
        .find_map(|rule| rule(facts))
        .unwrap_or_else(|| as_read(facts))
}

/// The A/B test of the token proves itself: only the token differs. When the old token is accepted
/// as well by then, only time has passed; when the fresh one is refused once more, it depends on
/// who is asked: two servers that take turns, one of which refuses, would look like a stale token
/// otherwise.
fn fresh_token_accepted(facts: &Facts<'_>) -> Option<Conclusion> {
    if facts.fresh() != Some(Said::Accepted) {
        return None;
    }
    let age = facts.evidence.token_age().map_or_else(
        || "of unknown age".to_owned(),
        |age| format!("{} old", ago(age)),
    );
    let conclude = |cause, confidence, why: &str| {
        Some(Conclusion::new(cause, confidence, why).by(&[FreshToken]))
    };
    if let Some(Said::Refused | Said::Unauthorized) = facts.fresh_once_more() {
        return conclude(
            Cause::Propagating,
            Confidence::Possible,
            "a fresh token is accepted once and refused a moment later, so that the token is not the \
             reason: parts of the platform, or of what stands before it, do not agree",
        );
    }
    match facts.again() {
        // It was a matter of time; whether a change of roles took it is not seen.
        Some(Said::Accepted) => conclude(
            Cause::Propagating,
            Confidence::Likely,
            "a fresh token is accepted, and the cached one, which was refused a moment before, is \
             accepted too: nothing but time has passed",
        ),
        Some(Said::Refused | Said::Unauthorized)
            if facts.fresh_once_more() == Some(Said::Other) =>
        {
            conclude(
                Cause::StaleToken,
                Confidence::Likely,
                &format!(
                    "the token is {age}; with one minted just now the same call is accepted; whether \
                     it always is was not seen, and a platform of which one part refuses looks the \
                     same"
                ),
            )
        }
        Some(Said::Refused | Said::Unauthorized) => conclude(
            Cause::StaleToken,
            Confidence::Proven,
            &format!("the token is {age}; with one minted just now the same call is accepted"),
        ),
        Some(Said::Other) | None => conclude(
            Cause::StaleToken,
            Confidence::Likely,
            &format!(
                "the token is {age}; with one minted just now the same call is accepted; whether the \
                 cached one would be accepted by now as well was not seen"
            ),
        ),
    }
}

/// The platform answers 401 to a call without a token; whatever answers 403 never asked it. An answer
/// that carries the platform's sign is the platform's, whatever is done to calls without a token.
fn refused_without_token(facts: &Facts<'_>) -> Option<Conclusion> {
    if facts.by_platform || facts.control() != Some(Said::Refused) {
        return None;
    }
    let (confidence, why) = if facts.control_by_platform() {
        (
            Confidence::Likely,
            "the same call without a token is refused with 403 too, where the platform would answer \
             401; but that answer carries the platform's correlation id",
        )
    } else {
        (
            Confidence::Proven,
            "the same call without a token is refused with 403 too, where the platform would answer \
             401: roles, permissions and scopes were never looked at",
        )
    };
    Some(Conclusion::new(Cause::EdgeBlock, confidence, why).by(&[WithoutToken]))
}

/// A guest's permissions are granted by the other org.
fn guest_from_another_org(facts: &Facts<'_>) -> Option<Conclusion> {
    let is_named = facts.refusal.cause == Cause::TrustorPermission;
    let conclude = |confidence, why: &str| {
        let by: &[ExperimentKind] = if facts.is_guest().is_some() {
            &[TokensMe]
        } else {
            &[]
        };
        Some(Conclusion::new(Cause::TrustorPermission, confidence, why).by(by))
    };
    match (is_named, facts.is_guest()) {
        (true, Some(true)) => conclude(
            Confidence::Proven,
            "the answer speaks of the trustor, and the token belongs to a caller whose home is \
             another org",
        ),
        (true, None) => conclude(facts.refusal.confidence, &facts.refusal.read_from),
        (true, Some(false)) => conclude(
            Confidence::Possible,
            "the answer speaks of the trustor, but the token belongs to a caller of this very org",
        ),
        (false, Some(true))
            if is_about_rights(facts) && facts.held(&facts.suspect()) != Some(Held::Somewhere) =>
        {
            conclude(
                Confidence::Likely,
                "the caller is a guest whose home is another org, and what a guest may do is granted \
                 by the org that is visited",
            )
        }
        (false, _) => None,
    }
}

/// The answer asks for a scope.
fn scope_named(facts: &Facts<'_>) -> Option<Conclusion> {
    if facts.refusal.cause != Cause::MissingScope {
        return None;
    }
    let held = facts.held(&facts.published());
    let conclude = |confidence, why: &str, by: &[ExperimentKind]| {
        Some(Conclusion::new(Cause::MissingScope, confidence, why).by(by))
    };
    if facts.kind == IdentityKind::Machine {
        return match held {
            Some(Held::Nowhere) if facts.by_platform => Some(
                missing_permission(facts, Confidence::Likely)
                    .because(
                        "the answer speaks of a scope, which client credentials do not have, and the \
                         required permission is held nowhere",
                    )
                    .by(&asked_about_rights(facts)),
            ),
            Some(Held::Somewhere) => conclude(
                Confidence::Likely,
                "the answer asks for a scope and the caller's roles carry what the operation \
                 requires; the platform asks client credentials for no scope, so that a gateway on \
                 the way must have answered",
                &asked_about_rights(facts),
            ),
            _ => conclude(Confidence::Possible, &facts.refusal.read_from, &[]),
        };
    }
    match facts.scopes_cover() {
        Some(false) => conclude(
            Confidence::Proven,
            &format!(
                "the answer asks for a scope, and by its own description the token carries only {}",
                list(facts.scopes().unwrap_or_default())
            ),
            &[TokensMe],
        ),
        Some(true) => conclude(
            Confidence::Possible,
            "the answer asks for a scope, but the token carries one that the platform accepts for \
             the operation: a gateway on the way may ask for another",
            &[TokensMe],
        ),
        None => conclude(facts.refusal.confidence, &facts.refusal.read_from, &[]),
    }
}

/// The token carries no scope for the operation, although the answer does not say so.
fn scopes_do_not_cover(facts: &Facts<'_>) -> Option<Conclusion> {
    if !is_about_rights(facts) || facts.scopes_cover() != Some(false) {
        return None;
    }
    let (confidence, why) = match facts.held(&facts.suspect()) {
        Some(Held::Somewhere) => (
            Confidence::Likely,
            "the permission is held, and the token carries no scope that covers the operation",
        ),
        _ => (
            Confidence::Possible,
            "the token carries no scope that covers the operation; whether the user holds the \
             permission is not known",
        ),
    };
    Some(Conclusion::new(Cause::MissingScope, confidence, why).by(&[TokensMe]))
}

/// The answer refuses one object.
fn one_object(facts: &Facts<'_>) -> Option<Conclusion> {
    if facts.refusal.cause != Cause::ObjectForbidden {
        return None;
    }
    if facts.held(&facts.suspect()) != Some(Held::Somewhere) {
        return None;
    }
    let why = "it names no permission, and the one that the operation requires is held";
    // A list is no object: there the code says little, and a policy fits as well.
    let confidence = if facts.fresh_refused() && !facts.operation.lists {
        Confidence::Likely
    } else {
        Confidence::Possible
    };
    let by = asked_about_rights(facts);
    Some(Conclusion::new(Cause::ObjectForbidden, confidence, why).by(&by))
}

/// The last rule, which always fits: the answer at its word.
fn as_read(facts: &Facts<'_>) -> Conclusion {
    let refusal = facts.refusal;
    Conclusion::new(refusal.cause, refusal.confidence, &*refusal.read_from)
}

/// Whether the answer could be about what the caller may do: it says so, or says nothing.
fn is_about_rights(facts: &Facts<'_>) -> bool {
    matches!(
        facts.refusal.cause,
        Cause::MissingPermission
            | Cause::MissingDivisionPermission
            | Cause::ObjectForbidden
            | Cause::UnknownForbidden
            | Cause::UnreadableForbidden
    ) && !facts.suspect().permissions.is_empty()
}

/// Whether the answer says that it is about permissions.
fn is_about_permissions(facts: &Facts<'_>) -> bool {
    matches!(
        facts.refusal.cause,
        Cause::MissingPermission | Cause::MissingDivisionPermission
    )
}

fn missing_permission(facts: &Facts<'_>, confidence: Confidence) -> Conclusion {
    let why = format!("{} is not held", list(&facts.suspect().permissions));
    Conclusion::new(Cause::MissingPermission, confidence, why)
}

impl Conclusion {
    fn because(self, why: &str) -> Self {
        Self {
            why: why.to_owned(),
            ..self
        }
    }
}

/// The experiments that told where permissions are held.
fn asked_about_rights(facts: &Facts<'_>) -> Vec<ExperimentKind> {
    let permitted = facts.permitted.map(|_| DivisionsPermitted);
    let grants = facts.grants.map(|_| SubjectsMe);
    [permitted, grants].into_iter().flatten().collect()
}

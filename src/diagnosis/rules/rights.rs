//! The rules about what the caller may do: permissions, divisions, the org, time, policies.

use crate::evidence::ExperimentKind::{DivisionsPermitted, FreshToken, Permissions, SubjectsMe};

use super::super::facts::{Facts, Held, PROPAGATION, Suspect};
use super::super::visibility::listed;
use super::super::words::{ago, list};
use super::super::{Cause, Confidence};
use super::{
    Conclusion, asked_about_rights, is_about_permissions, is_about_rights, missing_permission,
};

/// The answer names a division.
pub(super) fn division_named(facts: &Facts<'_>) -> Option<Conclusion> {
    if facts.refusal.cause != Cause::MissingDivisionPermission {
        return None;
    }
    let suspect = facts.suspect();
    let by = asked_about_rights(facts);
    match (facts.held(&suspect), facts.held_where_asked(&suspect)) {
        (Some(Held::Nowhere), _) | (_, Some(true)) => None,
        (Some(_), Some(false)) => Some(
            Conclusion::new(
                Cause::MissingDivisionPermission,
                Confidence::Proven,
                match facts.permitted {
                    Some(permitted) => format!(
                        "it is held in {}, and not in the division that the answer names",
                        listed(permitted)
                    ),
                    None => {
                        "roles of the caller carry it in other divisions, and not in the one that \
                             the answer names"
                            .to_owned()
                    }
                },
            )
            .by(&by),
        ),
        _ => Some(Conclusion::new(
            Cause::MissingDivisionPermission,
            facts.refusal.confidence,
            &facts.refusal.read_from,
        )),
    }
}

/// No role can carry what the org does not have.
pub(super) fn not_in_org(facts: &Facts<'_>) -> Option<Conclusion> {
    let suspect = facts.suspect();
    if !is_about_rights(facts) || facts.in_org(&suspect) != Some(false) {
        return None;
    }
    let conclude = |confidence, why: &str| {
        Conclusion::new(Cause::PermissionNotInOrg, confidence, why).by(&[Permissions])
    };
    if facts.is_disputed() {
        return Some(match facts.held(&facts.published()) {
            Some(Held::Nowhere) => Conclusion {
                published: true,
                ..missing_permission(facts, Confidence::Possible)
                    .because(&format!(
                        "Genesys publishes it for the operation, and it is held in no division; the \
                         answer names {}, which this org does not have: messages are known to name the \
                         wrong one",
                        list(&suspect.permissions)
                    ))
                    .by(&[Permissions, DivisionsPermitted, SubjectsMe])
            },
            Some(Held::Somewhere) => conclude(
                Confidence::Likely,
                "the answer names it, and the org's own list of permissions does not contain it; what \
                 Genesys publishes for the operation is held",
            ),
            _ => conclude(
                Confidence::Possible,
                "the answer names it, and the org's own list of permissions does not contain it; but \
                 Genesys publishes another one for the operation",
            ),
        });
    }
    // A domain of which nothing is listed may be one that was not looked up.
    let is_listed = facts.org.is_some_and(|(_, known)| !known.is_empty());
    Some(if facts.named().is_some() && is_listed {
        conclude(
            Confidence::Proven,
            "the answer names it, and the org's own list of permissions does not contain it",
        )
    } else {
        conclude(
            Confidence::Likely,
            "the operation requires it, and the org's own list of permissions does not contain it",
        )
    })
}

/// What the answer says is missing is missing.
pub(super) fn permission_not_held(facts: &Facts<'_>) -> Option<Conclusion> {
    if !is_about_rights(facts) {
        return None;
    }
    let by = asked_about_rights(facts);
    let held = facts.held(&facts.suspect());
    if facts.is_disputed() {
        return disputed(facts, held).map(|it| it.by(&by));
    }
    if held != Some(Held::Nowhere) {
        return None;
    }
    let speaks_of_permissions = matches!(
        facts.refusal.cause,
        Cause::MissingPermission | Cause::MissingDivisionPermission
    );
    let (confidence, why) = if speaks_of_permissions {
        let why = if facts.named().is_some() {
            "the answer says so, and the platform shows that it is held in no division"
        } else {
            "the answer speaks of a permission and names none; the one that the operation requires is \
             held in no division"
        };
        (Confidence::Proven, why)
    } else {
        let why = "the answer does not name a permission, but the one that the operation requires is \
                   held in no division, which explains the refusal";
        // Without its sign it may not have been the platform that answered.
        let confidence = if facts.by_platform {
            Confidence::Likely
        } else {
            Confidence::Possible
        };
        (confidence, why)
    };
    Some(missing_permission(facts, confidence).because(why).by(&by))
}

/// The answer names another permission than the vendor publishes: whichever is not held is it.
fn disputed(facts: &Facts<'_>, named: Option<Held>) -> Option<Conclusion> {
    let published = facts.held(&facts.published());
    let conclude = |confidence, why: String| missing_permission(facts, confidence).because(&why);
    let says = list(&facts.suspect().permissions);
    let genesys = list(facts.operation.permissions);
    match (named, published) {
        (Some(Held::Nowhere), Some(Held::Somewhere)) => Some(conclude(
            Confidence::Likely,
            format!(
                "the answer names it, and it is held in no division; {genesys}, which Genesys publishes \
                 for the operation, is held"
            ),
        )),
        (Some(Held::Somewhere), Some(Held::Nowhere)) => Some(Conclusion {
            published: true,
            ..conclude(
                Confidence::Likely,
                format!(
                    "Genesys publishes it for the operation, and it is held in no division; {says}, \
                     which the answer names, is held: the message names the wrong one"
                ),
            )
        }),
        (Some(Held::Nowhere), Some(Held::Nowhere)) => Some(conclude(
            Confidence::Likely,
            format!(
                "the answer names it, Genesys publishes {genesys} for the operation, and neither is \
                 held; which of the two is asked for cannot be told"
            ),
        )),
        (Some(Held::Nowhere), None) | (None, Some(Held::Nowhere)) => Some(conclude(
            Confidence::Possible,
            format!(
                "the answer names {says}, Genesys publishes {genesys} for the operation, and only one of \
                 the two could be looked up: it is not held"
            ),
        )),
        _ => None,
    }
}

/// Everything is there, and the call is refused: what is left is time, the token, or a policy.
pub(super) fn held_and_refused(facts: &Facts<'_>) -> Option<Conclusion> {
    let suspect = facts.suspect();
    let held = facts.held(&suspect)?;
    if held == Held::Nowhere || !is_about_permissions(facts) {
        return None;
    }
    let by = asked_about_rights(facts);
    // Without its sign it may not have been the platform that answered.
    let most = if facts.by_platform {
        Confidence::Proven
    } else {
        Confidence::Possible
    };
    let conclude = |cause, confidence: Confidence, why: &str| {
        Some(Conclusion::new(cause, confidence.min(most), why).by(&by))
    };
    let age = facts.grant_age(&suspect);
    let recent = age.is_some_and(|age| age < PROPAGATION);
    if held == Held::Conditionally {
        return conclude(
            Cause::PolicyDenied,
            Confidence::Likely,
            "a role of the caller carries it only under a condition, which this call does not seem to \
             meet",
        );
    }
    if held == Held::Disagreed && !recent {
        return match facts.in_org(&suspect) {
            None => conclude(
                Cause::PermissionNotInOrg,
                Confidence::Possible,
                "a role of the caller carries the permission, but the platform says that it is held \
                 nowhere, as where the org does not have it; the org's list could not be read",
            ),
            Some(_) => conclude(
                Cause::Propagating,
                Confidence::Possible,
                "what the caller's roles carry and where the platform says that the permission is held \
                 do not agree: one of the two is behind",
            ),
        };
    }
    if !facts.fresh_refused() {
        return Some(token_or_time(facts, &suspect, recent).by(&by));
    }
    if recent {
        let age = age.map(ago).unwrap_or_default();
        return conclude(
            Cause::Propagating,
            Confidence::Likely,
            &format!(
                "the role that carries the permission was granted {age} before, and a fresh token is \
                 refused too"
            ),
        );
    }
    let with_fresh: Vec<_> = by.iter().copied().chain([FreshToken]).collect();
    let (confidence, why) = if age.is_some() {
        (
            Confidence::Likely,
            "its grant is older than five minutes, and a fresh token is refused too: what is left is an \
             access policy, or a role that was edited just now",
        )
    } else {
        (
            Confidence::Possible,
            "a fresh token is refused too; since when the permission is held could not be told, so that \
             a change may still be on its way",
        )
    };
    Some(Conclusion::new(Cause::PolicyDenied, confidence.min(most), why).by(&with_fresh))
}

/// The permission is held, but no fresh token could be tried: the token may be older than the
/// grant, or the change may not have spread.
fn token_or_time(facts: &Facts<'_>, suspect: &Suspect<'_>, recent: bool) -> Conclusion {
    let granted_after_mint = match (facts.grant_age(suspect), facts.evidence.token_age()) {
        (Some(grant), Some(token)) => Some(grant <= token),
        _ => None,
    };
    let (cause, confidence, why) = match (recent, granted_after_mint) {
        (true, Some(false)) => (
            Cause::Propagating,
            Confidence::Likely,
            "the role that carries the permission was granted less than five minutes before, and the \
             token is younger than that",
        ),
        (true, _) => (
            Cause::Propagating,
            Confidence::Possible,
            "the role that carries the permission was granted less than five minutes before; whether \
             a fresh token would be accepted could not be tried",
        ),
        (false, Some(true)) => (
            Cause::StaleToken,
            Confidence::Likely,
            "the role that carries the permission was granted after the token was minted, and more \
             than five minutes ago",
        ),
        (false, _) => (
            Cause::StaleToken,
            Confidence::Possible,
            "the permission is held, and the refused token was minted before; whether a fresh one \
             would be accepted could not be tried, and an access policy fits as well",
        ),
    };
    Conclusion::new(cause, confidence, why)
}

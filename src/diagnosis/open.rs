//! What the evidence leaves open: every experiment that would have told more and did not.

use super::facts::{Facts, Held, PROPAGATION, Said};
use super::plan::{Ask, Depth, useful};
use super::reading::Reading;
use super::words::{ago, list};
use super::{Cause, Confidence, Finding, OpenQuestion, Outcome};
use crate::evidence::{Evidence, ExperimentKind, TokenEvidence};
use crate::target::IdentityKind;

/// Questions that the evidence leaves open.
pub(super) fn undetermined(evidence: &Evidence, reading: &Reading) -> Vec<OpenQuestion> {
    let mut open = Vec::new();
    if let Some(facts) = reading.facts(evidence) {
        open.extend(about_names(&facts, reading));
        open.extend(about_maker(&facts, reading));
        open.extend(about_rivals(&facts, reading));
    }
    if let Finding::Other(Outcome::ClientRejected) = reading.finding {
        open.push(question(
            "Is it the client id, the client secret or the region?",
            "the token endpoint can answer all three alike",
        ));
    }
    if is_explained(reading) {
        open.extend(not_made(evidence, reading));
    }
    open
}

/// Whether experiments have anything to explain about the finding.
fn is_explained(reading: &Reading) -> bool {
    matches!(
        reading.finding,
        Finding::Forbidden(_) | Finding::Other(Outcome::QueuesEmpty | Outcome::QueuesMissing)
    )
}

/// Experiments that would have told more, and why they did not.
fn not_made(evidence: &Evidence, reading: &Reading) -> Vec<OpenQuestion> {
    let mut open: Vec<OpenQuestion> = useful(evidence, Depth::Explain)
        .iter()
        .filter_map(|ask| {
            let because = match evidence.experiment(ask.kind).map(|one| &one.result) {
                Some(Ok(_)) => return None,
                Some(Err(reason)) => reason.clone(),
                None => unasked(evidence),
            };
            Some(OpenQuestion {
                question: asked(ask, evidence, reading),
                because,
            })
        })
        .collect();
    let was_given = matches!(&evidence.token, TokenEvidence::Held(facts) if facts.given);
    if was_given && is_about_roles(reading) {
        open.push(question(
            "Would a fresh token be refused too?",
            "the token was made elsewhere, and cannot be renewed here",
        ));
    }
    open
}

fn unasked(evidence: &Evidence) -> String {
    evidence
        .unasked
        .clone()
        .unwrap_or_else(|| "it was not asked".to_owned())
}

fn asked(ask: &Ask, evidence: &Evidence, reading: &Reading) -> String {
    let about = ask.about.as_deref().unwrap_or("the permission");
    let permission = evidence
        .operation
        .permissions
        .first()
        .copied()
        .unwrap_or("the permission");
    let missing = &reading.missing.permissions;
    let suspect = missing.first().map_or(permission, String::as_str);
    match ask.kind {
        ExperimentKind::TokensMe => {
            "Whose token is it, of which org, and which scopes does it carry?".to_owned()
        }
        ExperimentKind::DivisionsPermitted => format!("In which divisions is {about} held?"),
        ExperimentKind::FreshToken if is_refusal(reading) => {
            "Would a fresh token be refused too?".to_owned()
        }
        ExperimentKind::FreshToken => "Would a fresh token see more?".to_owned(),
        ExperimentKind::SubjectsMe => {
            format!("Which role of the caller carries {suspect}, and in which divisions?")
        }
        ExperimentKind::Permissions => {
            format!("Does the org have {suspect} at all (licence, product)?")
        }
        ExperimentKind::WithoutToken => {
            "Did the platform answer, or something in front of it?".to_owned()
        }
    }
}

fn is_refusal(reading: &Reading) -> bool {
    matches!(reading.finding, Finding::Forbidden(_))
}

/// Which of two permissions is meant, where the answer names none or another one than published.
fn about_names(facts: &Facts<'_>, reading: &Reading) -> Option<OpenQuestion> {
    let is_permission = matches!(
        reading.finding,
        Finding::Forbidden(
            Cause::MissingPermission | Cause::MissingDivisionPermission | Cause::PermissionNotInOrg
        )
    );
    if !is_permission || reading.confidence == Confidence::Proven {
        return None;
    }
    let missing = &reading.missing.permissions;
    let ask = || format!("Is {} really what is missing?", list(missing));
    if reading.missing.assumed && !missing.is_empty() {
        return Some(question(
            ask(),
            "the answer names no permission; this is what the vendor's description of the operation \
             requires",
        ));
    }
    facts.is_disputed().then(|| {
        let named = facts.named().map(|named| list(&named.permissions));
        question(
            ask(),
            format!(
                "the answer names {}, the vendor's description of the operation requires {}, and \
                 messages are known to name the wrong permission",
                named.unwrap_or_default(),
                list(facts.operation.permissions)
            ),
        )
    })
}

/// Who answered, where the answer does not say so.
fn about_maker(facts: &Facts<'_>, reading: &Reading) -> Option<OpenQuestion> {
    let is_settled = matches!(reading.finding, Finding::Forbidden(Cause::EdgeBlock));
    if facts.by_platform || is_settled || facts.control() != Some(Said::Unauthorized) {
        return None;
    }
    Some(question(
        "Did the platform refuse, or something in front of it that looks at the token?",
        "the answer carries no sign of the platform, and that a call without a token is answered 401 \
         only tells that not everything is refused",
    ))
}

/// Which other cause fits as well.
fn about_rivals(facts: &Facts<'_>, reading: &Reading) -> Option<OpenQuestion> {
    let Finding::Forbidden(cause) = reading.finding else {
        return None;
    };
    let wait = ago(PROPAGATION);
    match cause {
        Cause::PolicyDenied => Some(question(
            "Is it a policy, or a change of roles that has not spread yet?",
            format!(
                "no documented answer tells the two apart: what is still refused {wait} after the \
                 last change of roles is a policy"
            ),
        )),
        Cause::Propagating if facts.again() == Some(Said::Accepted) => Some(question(
            "Was it a change of roles, or something else that passed?",
            "that the same token is accepted by now tells only that time has passed",
        )),
        Cause::Propagating if facts.fresh() == Some(Said::Accepted) => Some(question(
            "Is a change on its way, or does one part of the platform refuse for good?",
            format!(
                "only time tells: where it still comes and goes {wait} after the last change of roles, \
                 Genesys support can find the part by the correlation ids"
            ),
        )),
        Cause::Propagating => Some(question(
            "Is the change on its way, or does a policy refuse?",
            format!("only time tells: look again {wait} after the grant was made"),
        )),
        Cause::ObjectForbidden if facts.operation.lists => Some(question(
            "Is one object refused, or does an access policy refuse the call?",
            "the answer names neither, and how the platform words a policy's refusal is not documented",
        )),
        Cause::UnknownForbidden | Cause::UnreadableForbidden
            if facts.held(&facts.suspect()) == Some(Held::Somewhere) =>
        {
            Some(question(
                "Does an access policy refuse, or has a change of roles not spread yet?",
                format!(
                    "the permission is held, and the answer does not say why it refuses: what is \
                     still refused {wait} after the last change of roles is no matter of time"
                ),
            ))
        }
        Cause::MissingScope if facts.kind == IdentityKind::Machine => Some(question(
            "Did the platform ask for a scope, or something in front of it?",
            "the answer speaks of a scope, and the platform's scopes do not apply to client \
             credentials",
        )),
        Cause::MissingScope if facts.scopes_cover() == Some(true) => Some(question(
            "Did the platform ask for a scope, or something in front of it?",
            "the answer asks for a scope, and the token carries one that the platform accepts for \
             the operation",
        )),
        Cause::MissingScope if reading.confidence < Confidence::Likely => Some(question(
            format!(
                "Does the user hold {}, or is it missing as well?",
                list(&facts.suspect().permissions)
            ),
            "what is known of the user's roles does not tell, and the answer names no scope",
        )),
        Cause::TrustorPermission if facts.is_guest() == Some(false) => Some(question(
            "Which org refuses: the caller's own, or one that it visits?",
            "the answer speaks of another org, and the token's own description of this very org",
        )),
        Cause::StaleToken if facts.fresh().is_none() => Some(question(
            "Is the token too old, or does a policy refuse?",
            "only a call with a fresh token tells".to_owned(),
        )),
        Cause::MissingPermission
            if facts.scopes_cover() == Some(false)
                && facts.held(&facts.suspect()) == Some(Held::Nowhere) =>
        {
            Some(question(
                "Will the call work once the permission is granted?",
                "the token also carries no scope that covers the operation; where the org enforces \
                 scopes, that is refused next",
            ))
        }
        _ => None,
    }
}

/// Whether new roles, seen through a fresh token, could make the difference.
fn is_about_roles(reading: &Reading) -> bool {
    match reading.finding {
        Finding::Forbidden(cause) => !matches!(
            cause,
            Cause::EdgeBlock | Cause::UnreadableForbidden | Cause::StaleToken
        ),
        Finding::Other(_) => true,
    }
}

fn question(question: impl Into<String>, because: impl Into<String>) -> OpenQuestion {
    OpenQuestion {
        question: question.into(),
        because: because.into(),
    }
}

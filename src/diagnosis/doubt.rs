//! What the evidence excludes, and what it leaves open.
//!
//! A diagnosis is only as good as its doubts: here stands, rule by rule, what one answer cannot
//! tell, and which other cause it makes impossible.

use std::time::Duration;

use super::forbidden::agrees;
use super::reading::Reading;
use super::words::list;
use super::{Cause, Finding, OpenQuestion, Outcome, RuledOut};
use crate::evidence::{Evidence, Step, TokenEvidence};
use crate::target::IdentityKind;

/// A token younger than this is fresh by definition: no newer one could know more.
const FRESH: Duration = Duration::from_secs(10);

/// Causes that the evidence excludes.
pub(super) fn ruled_out(evidence: &Evidence, reading: &Reading) -> Vec<RuledOut> {
    let Finding::Forbidden(cause) = reading.finding else {
        return Vec::new();
    };
    let mut excluded = Vec::new();
    let mut exclude = |other: &'static str, because: String| {
        if other != cause.slug() {
            excluded.push(RuledOut {
                cause: other,
                because,
            });
        }
    };
    if let Some(id) = reading
        .answer
        .as_ref()
        .and_then(|answer| answer.correlation_id.as_deref())
    {
        exclude(
            Cause::EdgeBlock.slug(),
            format!("the answer carries the platform's correlation id {id}"),
        );
        exclude(
            Outcome::TokenRejected.slug(),
            "the platform answers a dead token with 401, and this is 403".to_owned(),
        );
    }
    if let Some(age) = token_age(evidence)
        && age < FRESH
    {
        exclude(
            Cause::StaleToken.slug(),
            format!("the token was {} s old when it was refused", age.as_secs()),
        );
    }
    if evidence.identity.kind == IdentityKind::Machine && reading.by_platform {
        exclude(
            Cause::MissingScope.slug(),
            "scopes do not apply to client credentials: the client's roles decide".to_owned(),
        );
    }
    excluded
}

/// Questions that the evidence leaves open.
pub(super) fn undetermined(evidence: &Evidence, reading: &Reading) -> Vec<OpenQuestion> {
    match reading.finding {
        Finding::Forbidden(cause) => open_about_refusal(cause, evidence, reading),
        Finding::Other(outcome) => open_about(outcome),
    }
}

fn open_about_refusal(cause: Cause, evidence: &Evidence, reading: &Reading) -> Vec<OpenQuestion> {
    let mut open = Vec::new();
    let permissions = list(&reading.missing.permissions);
    if matches!(
        cause,
        Cause::MissingPermission | Cause::MissingDivisionPermission
    ) {
        let named = reading.missing.permissions.iter().map(String::as_str);
        let named: Vec<_> = named.collect();
        if reading.missing.assumed && !named.is_empty() {
            open.push(question(
                format!("Is {permissions} really what is missing?"),
                "the answer names no permission; this is what the vendor's description of the \
                 operation requires"
                    .to_owned(),
            ));
        } else if !named.is_empty() && !agrees(&reading.missing.permissions, evidence.operation) {
            open.push(question(
                format!("Is {permissions} really what is missing?"),
                format!(
                    "the vendor's description of the operation requires {}, and messages are known \
                     to name the wrong permission",
                    list(evidence.operation.permissions)
                ),
            ));
        }
        let what = if named.is_empty() {
            "a permission".to_owned()
        } else {
            permissions
        };
        open.push(question(
            format!("Does a role of the caller carry {what}, and in which divisions?"),
            "divisionspermitted/paged/me and subjects/me were not asked".to_owned(),
        ));
        open.push(question(
            format!("Does the org have {what} at all (licence, product)?"),
            "authorization/permissions was not asked".to_owned(),
        ));
    }
    if is_about_roles(cause) && token_age(evidence).is_some_and(|age| age >= FRESH) {
        open.push(question(
            "Would a fresh token be refused too?".to_owned(),
            "the call was not repeated with a fresh token".to_owned(),
        ));
    }
    if cause == Cause::MissingScope {
        open.push(question(
            "Which scopes does the token really carry?".to_owned(),
            "tokens/me was not asked".to_owned(),
        ));
    }
    if !reading.by_platform {
        open.push(question(
            "Did the platform answer, or something in front of it?".to_owned(),
            "the answer carries no correlation id, and the call was not repeated without a token"
                .to_owned(),
        ));
    }
    open
}

fn open_about(outcome: Outcome) -> Vec<OpenQuestion> {
    match outcome {
        Outcome::ClientRejected => vec![question(
            "Is it the client id, the client secret or the region?".to_owned(),
            "the token endpoint can answer all three alike".to_owned(),
        )],
        Outcome::QueuesEmpty | Outcome::QueuesMissing => vec![question(
            "Are there no such queues, or does the caller not see the divisions that hold them?"
                .to_owned(),
            "the platform leaves out what the caller may not see without saying so, and \
             divisionspermitted/paged/me was not asked"
                .to_owned(),
        )],
        _ => Vec::new(),
    }
}

/// Whether new roles, seen through a fresh token, could make the difference.
fn is_about_roles(cause: Cause) -> bool {
    !matches!(
        cause,
        Cause::EdgeBlock | Cause::UnreadableForbidden | Cause::StaleToken
    )
}

/// How old the token was when the last call was sent.
fn token_age(evidence: &Evidence) -> Option<Duration> {
    let TokenEvidence::Held(facts) = &evidence.token else {
        return None;
    };
    // A given token was made elsewhere: when it was first used here says nothing about its age.
    if facts.given {
        return None;
    }
    let sent = evidence
        .exchanges
        .iter()
        .rfind(|exchange| matches!(exchange.step, Step::Probe | Step::Retry))?
        .sent_at;
    Some(sent.since(facts.issued_at))
}

fn question(question: String, because: String) -> OpenQuestion {
    OpenQuestion { question, because }
}

//! The sentences of a diagnosis that depend on the case.

use std::time::Duration;

use super::body::Body;
use super::catalogue::entry;
use super::exclusions::{Exclusion, effect};
use super::facts::settled_kind;
use super::listing::listing;
use super::reading::Reading;
use super::visibility::listed;
use super::{Cause, Confidence, Division, EarlyWarning, EvidenceLine, Finding, Outcome, Queues};
use crate::evidence::{
    Evidence, Exchange, Experiment, Found, Grant, Step, TokenEvidence, printable,
};
use crate::target::{IdentityKind, Mode, Operation};

/// Most characters of an upstream message that a summary or an evidence line repeats.
const QUOTE_CAP: usize = 160;

/// What happened in this case, in one to three sentences.
pub(super) fn summary(evidence: &Evidence, reading: &Reading) -> String {
    let mut sentences = vec![match reading.finding {
        Finding::Forbidden(cause) => refused(cause, evidence, reading),
        Finding::Other(outcome) => happened(outcome, evidence, reading),
    }];
    if !reading.because.is_empty() {
        sentences.push(because(evidence, reading));
    }
    let by_one_answer = evidence.experiments.is_empty() && reading.confidence < Confidence::Proven;
    if matches!(reading.finding, Finding::Forbidden(_)) && by_one_answer {
        sentences.push("One answer alone does not prove it.".to_owned());
    }
    sentences.extend(reading.early_warning.as_ref().map(warned));
    sentences.join(" ")
}

/// What the finding rests on.
fn because(evidence: &Evidence, reading: &Reading) -> String {
    let because = reading.because.trim_end_matches('.');
    let is_read = reading
        .refusal
        .as_ref()
        .is_some_and(|refusal| refusal.read_from == reading.because);
    match reading.finding {
        Finding::Forbidden(_) if is_read && is_source(because) => {
            format!("This is read from {because}.")
        }
        Finding::Forbidden(_) if is_read => format!("{}.", capitalized(because)),
        Finding::Forbidden(_)
        | Finding::Other(Outcome::Ok | Outcome::QueuesEmpty | Outcome::QueuesMissing)
            if !evidence.experiments.is_empty() =>
        {
            format!("{}.", capitalized(because))
        }
        _ => format!("Seen: {because}."),
    }
}

/// The clause as the beginning of a sentence; a permission keeps its spelling.
fn capitalized(clause: &str) -> String {
    let is_name = clause
        .split(' ')
        .next()
        .is_some_and(|word| word.contains(':'));
    let mut letters = clause.chars();
    match letters.next() {
        Some(first) if !is_name => first.to_uppercase().chain(letters).collect(),
        _ => clause.to_owned(),
    }
}

/// That access is about to end, and when.
fn warned(warning: &EarlyWarning) -> String {
    let when = warning.ends_at.map_or_else(
        || "when the cached token dies".to_owned(),
        |at| {
            let at = at.strftime("%Y-%m-%d %H:%M UTC");
            format!("when the cached token dies, at {at} or before")
        },
    );
    format!(
        "But a token minted just now is refused ({}): access was taken away, the cached token hides \
         it, and access ends {when}.",
        warning.cause.slug()
    )
}

/// Whether the words read on after "This is read from".
fn is_source(because: &str) -> bool {
    because.starts_with("the error code") || because.starts_with("the words")
}

fn refused(cause: Cause, evidence: &Evidence, reading: &Reading) -> String {
    let operation = evidence.operation.label();
    let caller = caller(evidence);
    let missing = &reading.missing;
    let permissions = match missing.mode {
        Some(Mode::Any) if missing.permissions.len() > 1 => {
            format!("one of {}", list(&missing.permissions))
        }
        _ => list(&missing.permissions),
    };
    match cause {
        Cause::MissingPermission if permissions.is_empty() => {
            format!(
                "{operation} is refused for want of a permission that the answer does not name."
            )
        }
        Cause::MissingPermission if missing.assumed => format!(
            "{operation} is refused for want of a permission. It requires {permissions}; the answer \
             names none."
        ),
        Cause::MissingPermission => {
            format!("{operation} is refused: {caller} lacks {permissions}.")
        }
        Cause::MissingDivisionPermission => {
            let place = match missing.divisions.as_slice() {
                [] => "the division asked for".to_owned(),
                [one] => format!("the division {}", shown(one)),
                several => {
                    let shown: Vec<_> = several.iter().map(shown).collect();
                    format!("the divisions {}", list(&shown))
                }
            };
            format!("{operation} is refused: {caller} lacks {permissions} in {place}.")
        }
        Cause::MissingScope if is_machine(evidence) => format!(
            "{operation} is refused and the answer speaks of a scope, but scopes do not apply to \
             client credentials."
        ),
        Cause::MissingScope => {
            format!(
                "{operation} is refused: the token carries none of the scopes {}.",
                list(&missing.scopes)
            )
        }
        Cause::EdgeBlock if reading.confidence == Confidence::Proven => {
            format!("{operation} is refused by something in front of the platform.")
        }
        Cause::EdgeBlock => {
            format!("{operation} is refused, most likely by something in front of the platform.")
        }
        _ => format!(
            "{operation} {}.",
            refused_otherwise(cause, evidence, reading)
        ),
    }
}

/// What was refused for another reason than that something is missing, in words that follow the
/// operation.
fn refused_otherwise(cause: Cause, evidence: &Evidence, reading: &Reading) -> String {
    let is_proven = reading.confidence == Confidence::Proven;
    let required = match reading.missing.permissions.as_slice() {
        [] => list(evidence.operation.permissions),
        named => list(named),
    };
    let owner = super::facts::owner(evidence);
    let org = owner.and_then(|owner| owner.organization.as_ref());
    let named = |unknown: &str| {
        org.map_or_else(
            || unknown.to_owned(),
            |org| format!("the org {}", org.shown()),
        )
    };
    match cause {
        Cause::StaleToken if is_proven => "is refused because of the cached token".to_owned(),
        Cause::StaleToken => "is refused, and the cached token could be the reason".to_owned(),
        Cause::Propagating if is_proven => {
            "was refused, and is accepted by now: a change of roles was on its way".to_owned()
        }
        Cause::Propagating => "is refused, and a change of roles seems to be on its way".to_owned(),
        Cause::PermissionNotInOrg if is_proven => {
            format!("is refused: {} does not have {required}", named("the org"))
        }
        Cause::PermissionNotInOrg => {
            format!(
                "is refused, and {} seems not to have {required}",
                named("the org")
            )
        }
        Cause::PolicyDenied => format!("is refused although {required} is held"),
        Cause::TrustorPermission if reading.confidence == Confidence::Possible => {
            "is refused in words about access from another org".to_owned()
        }
        Cause::TrustorPermission => format!(
            "is refused: {} has not granted it to guests from another org",
            named("the org that is visited")
        ),
        Cause::ObjectForbidden if evidence.operation.lists => {
            "is refused, and the answer does not say why".to_owned()
        }
        Cause::ObjectForbidden => "is refused for one object, or one use of it".to_owned(),
        Cause::UnreadableForbidden => "is refused with a body that cannot be read".to_owned(),
        _ => "is refused with a code or message that why403 does not know".to_owned(),
    }
}

fn happened(outcome: Outcome, evidence: &Evidence, reading: &Reading) -> String {
    let operation = evidence.operation.label();
    match outcome {
        Outcome::Ok => match reading.queues.total {
            Some(total) => {
                let total = counted(total, evidence.operation);
                format!("{operation} works: {total} visible{}.", compared(reading))
            }
            None => format!("{operation} works."),
        },
        Outcome::QueuesEmpty => format!(
            "{operation} is accessible, but no queue is returned{}.",
            compared(reading)
        ),
        Outcome::QueuesMissing => {
            let total = counted(reading.queues.total.unwrap_or_default(), evidence.operation);
            format!(
                "{operation} works, but shows only {total}{}.",
                compared(reading)
            )
        }
        outcome => {
            let title = entry(Finding::Other(outcome)).title;
            match quote(reading) {
                Some(quote) => format!("{title} ({quote})."),
                None => format!("{title}."),
            }
        }
    }
}

/// What the count is compared with, in words that follow it.
fn compared(reading: &Reading) -> String {
    match reading.compared.as_str() {
        "" => String::new(),
        compared => format!("; {compared}"),
    }
}

/// `1 queue`, `12 queues`, or entries where the operation lists something else.
pub(super) fn counted(total: u64, operation: &Operation) -> String {
    let noun = match (operation.lists_queues, total) {
        (true, 1) => "queue",
        (true, _) => "queues",
        (false, 1) => "entry",
        (false, _) => "entries",
    };
    format!("{total} {noun}")
}

fn caller(evidence: &Evidence) -> String {
    let owner = super::facts::owner(evidence);
    let told = owner.and_then(|owner| owner.client.as_ref());
    let told = told.map(|client| client.named.id.as_str());
    let id = evidence.identity.client_id.as_deref().or(told);
    match (settled_kind(evidence, owner), id) {
        (IdentityKind::User, _) => "the user".to_owned(),
        (IdentityKind::Machine, Some(id)) => format!("the OAuth client {id}"),
        (IdentityKind::Machine, None) => "the OAuth client".to_owned(),
        (IdentityKind::Unknown, _) => "the token's owner".to_owned(),
    }
}

fn is_machine(evidence: &Evidence) -> bool {
    let owner = super::facts::owner(evidence);
    settled_kind(evidence, owner) == IdentityKind::Machine
}

fn shown(division: &Division) -> String {
    match &division.name {
        Some(name) => format!("{name} ({})", division.id),
        None => division.id.clone(),
    }
}

/// Status, code and message of the deciding answer.
fn quote(reading: &Reading) -> Option<String> {
    let answer = reading.answer.as_ref()?;
    let code = answer
        .code
        .as_deref()
        .map(|code| format!(" {code}"))
        .unwrap_or_default();
    let message = answer.message.as_deref().map(|message| {
        let message = printable(message, QUOTE_CAP);
        format!(", \"{}\"", message.trim_end_matches('.'))
    });
    Some(format!(
        "status {}{code}{}",
        answer.status,
        message.unwrap_or_default()
    ))
}

/// Every exchange in a line, and what it says.
pub(super) fn lines(
    evidence: &Evidence,
    reading: &Reading,
    exclusions: &[Exclusion],
) -> Vec<EvidenceLine> {
    let failed = match &evidence.token {
        TokenEvidence::Unavailable(failure) if evidence.last_probe().is_none() => {
            failure.exchange.as_ref()
        }
        _ => None,
    };
    let calls = evidence.exchanges.iter().chain(failed);
    let mut lines: Vec<EvidenceLine> = calls
        .map(|exchange| line(exchange, says(exchange, evidence.operation)))
        .collect();
    for experiment in &evidence.experiments {
        let (supports, rules_out) = effect(experiment.kind, reading, exclusions);
        for exchange in &experiment.exchanges {
            let is_own = exchange.step == Step::Experiment(experiment.kind);
            let says = if is_own {
                found(experiment, exchange, evidence)
            } else {
                says(exchange, evidence.operation)
            };
            let (supports, rules_out) = if is_own {
                (supports.clone(), rules_out.clone())
            } else {
                (Vec::new(), Vec::new())
            };
            lines.push(EvidenceLine {
                supports,
                rules_out,
                ..line(exchange, says)
            });
        }
    }
    lines
}

fn line(exchange: &Exchange, says: String) -> EvidenceLine {
    EvidenceLine {
        step: exchange.step.as_str(),
        request: exchange.request.clone(),
        status: exchange.answer().map(|answer| answer.status),
        at: exchange.sent_at.wall,
        duration: exchange.phases.total,
        correlation_id: exchange
            .answer()
            .and_then(|a| a.correlation_id())
            .map(str::to_owned),
        says,
        supports: Vec::new(),
        rules_out: Vec::new(),
    }
}

/// What an experiment found, or why it found nothing.
fn found(experiment: &Experiment, exchange: &Exchange, evidence: &Evidence) -> String {
    match &experiment.result {
        Err(reason) => format!("not determined: {reason}"),
        Ok(Found::Owner(owner)) => {
            let organization = owner
                .organization
                .as_ref()
                .map(|org| format!("org {}", org.shown()));
            let client = owner.client.as_ref().map(|client| {
                let grant = client.grant_type.as_ref().map(|it| format!(", {it}"));
                format!(
                    "client {}{}",
                    client.named.shown(),
                    grant.unwrap_or_default()
                )
            });
            let scopes = owner.scopes.as_ref().filter(|scopes| !scopes.is_empty());
            let scopes = scopes.map(|scopes| format!("scopes {}", scopes.join(" ")));
            let parts: Vec<_> = [organization, client, scopes]
                .into_iter()
                .flatten()
                .collect();
            printable(&parts.join("; "), QUOTE_CAP)
        }
        Ok(Found::Permitted(permitted)) if permitted.is_nowhere() => {
            format!("{} is held in no division", permitted.permission)
        }
        Ok(Found::Permitted(permitted)) => {
            format!("{} is held in {}", permitted.permission, listed(permitted))
        }
        Ok(Found::Grants(grants)) => roles(grants, evidence),
        Ok(Found::Permissions(known)) => {
            let domain = experiment.about.as_deref().unwrap_or_default();
            format!("the org has {} permissions of {domain}", known.len())
        }
        Ok(Found::Replayed(_) | Found::Control) => says(exchange, evidence.operation),
    }
}

/// The caller's roles, those that carry a required permission first.
fn roles(grants: &[Grant], evidence: &Evidence) -> String {
    const MOST: usize = 6;
    if grants.is_empty() {
        return "the caller has no role".to_owned();
    }
    let carries = |grant: &Grant| {
        let mut required = evidence.operation.permissions.iter();
        required.any(|one| grant.carries(one) != crate::evidence::Carries::No)
    };
    let mut sorted: Vec<&Grant> = grants.iter().collect();
    sorted.sort_by_key(|grant| !carries(grant));
    let described = sorted.iter().take(MOST).map(|grant| {
        let place = if grant.is_everywhere() {
            "every division"
        } else {
            grant.division.shown()
        };
        let mark = if carries(grant) { "" } else { " (without it)" };
        format!("{} in {place}{mark}", grant.role.shown())
    });
    let described: Vec<_> = described.collect();
    let more = grants.len().saturating_sub(MOST);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("roles: {}{more}", described.join("; "))
}

fn says(exchange: &Exchange, operation: &Operation) -> String {
    let answer = match &exchange.result {
        Ok(answer) => answer,
        Err(fault) => return fault.detail.clone(),
    };
    if let Some(flaw) = &exchange.flaw {
        let kind = answer.header("content-type").unwrap_or("no content type");
        return format!("{flaw} ({kind}, {} bytes)", answer.length);
    }
    if (200..300).contains(&answer.status) {
        return match exchange.step {
            Step::Token => "a token was issued".to_owned(),
            Step::Probe | Step::Retry | Step::Again | Step::Experiment(_) => {
                match listing(&answer.body, operation) {
                    Ok(Queues {
                        total: Some(total), ..
                    }) => counted(total, operation),
                    Ok(_) => "an object, as expected".to_owned(),
                    Err(because) => because,
                }
            }
        };
    }
    match Body::read(answer) {
        Body::Error(error) if !error.is_silent() => {
            let words = [error.code, error.message]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>();
            printable(&words.join(": "), QUOTE_CAP)
        }
        Body::Empty => "an empty body".to_owned(),
        Body::Html => "an HTML page".to_owned(),
        Body::Error(_) | Body::OtherJson => "JSON that is no error body".to_owned(),
        Body::Text => printable(&answer.body, QUOTE_CAP),
    }
}

/// A time as people say it: `9 s`, `10 min`, `2 h`, `3 d`.
pub(super) fn ago(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<_> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        let text = |seconds| ago(Duration::from_secs(seconds));
        assert_eq!(text(9), "9 s");
        assert_eq!(text(119), "119 s");
        assert_eq!(text(600), "10 min");
        assert_eq!(text(7_200), "2 h");
        assert_eq!(text(260_000), "3 d");
    }
}

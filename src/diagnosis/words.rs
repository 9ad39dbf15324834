//! The sentences of a diagnosis that depend on the case.

use std::time::Duration;

use jiff::SignedDuration;

use super::catalogue::{entry, lacking};
use super::facts::settled_kind;
use super::reading::Reading;
use super::{Cause, Confidence, Division, EarlyWarning, Finding, Outcome};
use crate::evidence::{Evidence, Origin, printable};
use crate::target::{IdentityKind, Mode, Operation};

/// From which on a difference of the clocks is told: tokens leave a margin of half a minute, and
/// clocks that are kept by NTP are apart by far less than a second.
pub const NOTEWORTHY_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Most characters of an upstream message that a summary or an evidence line repeats.
pub(super) const QUOTE_CAP: usize = 160;

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
    sentences.extend(clocks(evidence, reading.finding.outcome()));
    sentences.extend(reading.early_warning.as_ref().map(warned));
    sentences.join(" ")
}

/// That the clocks differ, where that may be the reason: tokens, assertions and certificates have
/// dates.
fn clocks(evidence: &Evidence, outcome: Outcome) -> Option<String> {
    let is_dated = matches!(
        outcome,
        Outcome::TokenRejected | Outcome::TokenExpired | Outcome::GrantRejected | Outcome::Tls
    );
    let skew = evidence
        .clock_skew()
        .filter(|it| is_dated && it.abs() >= NOTEWORTHY_SKEW)?;
    Some(format!(
        "{}: that alone can be the reason.",
        clocks_differ(skew)
    ))
}

/// How the clocks differ, as a sentence without its end.
#[must_use]
pub fn clocks_differ(skew: SignedDuration) -> String {
    let side = if skew.is_positive() {
        "ahead of"
    } else {
        "behind"
    };
    let apart = ago(skew.unsigned_abs());
    format!("The platform's clock is {apart} {side} this machine's")
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
            let scopes = list(&missing.scopes);
            let covers = reading
                .facts(evidence)
                .and_then(|facts| facts.scopes_cover());
            match covers {
                Some(false) => {
                    format!(
                        "{operation} is refused: the token carries none of the scopes {scopes}."
                    )
                }
                _ => format!(
                    "{operation} is refused, and the answer asks for one of the scopes {scopes}."
                ),
            }
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
        Cause::Propagating if reading.confidence == Confidence::Possible => {
            "is refused, and a change of roles could be on its way".to_owned()
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
            None if evidence.operation.lists => format!(
                "{operation} works, but the answer does not tell how many {} are visible.",
                noun(0, evidence.operation)
            ),
            None => format!("{operation} works."),
        },
        Outcome::QueuesEmpty => format!(
            "{operation} is accessible, but no queue is returned{}.",
            compared(reading)
        ),
        Outcome::QueuesMissing => match reading.queues.total {
            Some(total) => format!(
                "{operation} works, but shows only {}{}.",
                counted(total, evidence.operation),
                compared(reading)
            ),
            None => format!("{operation} works, but does not show everything that is expected."),
        },
        outcome => {
            let title = title(outcome, reading);
            match (quote(reading), reading.fault.as_ref().map(|it| &it.origin)) {
                (Some(quote), _) => format!("{title} ({quote})."),
                (None, Some(Origin::Machine(lack))) => format!("{title}: {}.", lacking(*lack)),
                (None, Some(Origin::Proxy(address))) => {
                    format!("{title}, because of the proxy {address}.")
                }
                (None, Some(Origin::Way) | None) => format!("{title}."),
            }
        }
    }
}

/// The title of an outcome; the platform is not accused alone of what a gateway may have answered.
fn title(outcome: Outcome, reading: &Reading) -> String {
    let title = entry(Finding::Other(outcome)).title;
    match outcome {
        Outcome::UpstreamError | Outcome::RateLimited | Outcome::BadRequest
            if reading.confidence < Confidence::Proven =>
        {
            format!("{title}, or a gateway before it does")
        }
        _ => title.to_owned(),
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
    format!("{total} {}", noun(total, operation))
}

fn noun(total: u64, operation: &Operation) -> &'static str {
    match (operation.lists_queues, total) {
        (true, 1) => "queue",
        (true, _) => "queues",
        (false, 1) => "entry",
        (false, _) => "entries",
    }
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

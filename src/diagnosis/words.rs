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
        Finding::Forbidden(_) if is_read => format!("This is read from {}.", from(because)),
        Finding::Forbidden(_)
        | Finding::Other(Outcome::Ok | Outcome::QueuesEmpty | Outcome::QueuesMissing)
            if !evidence.experiments.is_empty() =>
        {
            format!("The reason: {because}.")
        }
        _ => format!("Seen: {because}."),
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

/// Reads on after "This is read from".
fn from(because: &str) -> String {
    if because.starts_with("the error code") || because.starts_with("the words") {
        because.to_owned()
    } else {
        format!("this: {because}")
    }
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
        Cause::EdgeBlock => format!(
            "{operation} is refused, most likely by something in front of the platform: {caller} \
             and its roles were perhaps never looked at."
        ),
        _ => format!(
            "{operation} is refused. {}.",
            entry(Finding::Forbidden(cause)).title
        ),
    }
}

fn happened(outcome: Outcome, evidence: &Evidence, reading: &Reading) -> String {
    let operation = evidence.operation.label();
    match outcome {
        Outcome::Ok => match reading.queues.total {
            Some(total) => format!(
                "{operation} works: {} visible.",
                counted(total, evidence.operation)
            ),
            None => format!("{operation} works."),
        },
        Outcome::QueuesEmpty => format!("{operation} is accessible, but no queue is returned."),
        Outcome::QueuesMissing => {
            format!("{operation} works, but shows fewer queues than expected.")
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
    match (&evidence.identity.client_id, evidence.identity.kind) {
        (Some(id), _) => format!("the OAuth client {id}"),
        (None, IdentityKind::User) => "the user".to_owned(),
        (None, _) => "the token's owner".to_owned(),
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
    let probe = evidence
        .last_probe()
        .map(|probe| says(probe, evidence.operation));
    for experiment in &evidence.experiments {
        for exchange in &experiment.exchanges {
            let is_own = exchange.step == Step::Experiment(experiment.kind);
            let (supports, rules_out) = if is_own {
                effect(experiment.kind, reading, exclusions)
            } else {
                (Vec::new(), Vec::new())
            };
            let says = if is_own {
                found(experiment, exchange, evidence)
            } else {
                says(exchange, evidence.operation)
            };
            lines.push(EvidenceLine {
                supports,
                rules_out,
                ..line(exchange, unless_known(says, probe.as_deref()))
            });
        }
    }
    lines
}

/// A long answer that was given before is not repeated.
fn unless_known(says: String, before: Option<&str>) -> String {
    const LONG: usize = 40;
    if says.len() > LONG && Some(says.as_str()) == before {
        "the same answer".to_owned()
    } else {
        says
    }
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

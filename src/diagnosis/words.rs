//! The sentences of a diagnosis that depend on the case.

use super::body::Body;
use super::catalogue::entry;
use super::listing::listing;
use super::reading::Reading;
use super::{Cause, Confidence, EvidenceLine, Finding, Outcome, Queues};
use crate::evidence::{Evidence, Exchange, Step, TokenEvidence, printable};
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
        sentences.push(match reading.finding {
            Finding::Forbidden(_) => format!("This is read from {}.", from(&reading.because)),
            Finding::Other(_) => format!("Seen: {}.", reading.because.trim_end_matches('.')),
        });
    }
    if matches!(reading.finding, Finding::Forbidden(_)) && reading.confidence < Confidence::Proven {
        sentences.push("One answer alone does not prove it.".to_owned());
    }
    sentences.join(" ")
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
            let ids: Vec<_> = missing
                .divisions
                .iter()
                .map(|division| &division.id)
                .collect();
            let place = match ids.len() {
                0 => "the division asked for".to_owned(),
                1 => format!("the division {}", list(&ids)),
                _ => format!("the divisions {}", list(&ids)),
            };
            format!("{operation} is refused: {caller} lacks {permissions} in {place}.")
        }
        Cause::MissingScope if evidence.identity.kind == IdentityKind::Machine => format!(
            "{operation} is refused and the answer speaks of a scope, but scopes do not apply to \
             client credentials: a gateway may have answered, or a role is missing."
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
fn counted(total: u64, operation: &Operation) -> String {
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
pub(super) fn lines(evidence: &Evidence) -> Vec<EvidenceLine> {
    let failed = match &evidence.token {
        TokenEvidence::Unavailable(failure) if evidence.last_probe().is_none() => {
            failure.exchange.as_ref()
        }
        _ => None,
    };
    evidence
        .exchanges
        .iter()
        .chain(failed)
        .map(|exchange| line(exchange, evidence.operation))
        .collect()
}

fn line(exchange: &Exchange, operation: &Operation) -> EvidenceLine {
    EvidenceLine {
        step: exchange.step.as_str(),
        request: exchange.request.clone(),
        status: exchange.answer().map(|answer| answer.status),
        duration: exchange.phases.total,
        correlation_id: exchange
            .answer()
            .and_then(|a| a.correlation_id())
            .map(str::to_owned),
        says: says(exchange, operation),
    }
}

fn says(exchange: &Exchange, operation: &Operation) -> String {
    let answer = match &exchange.result {
        Ok(answer) => answer,
        Err(fault) => return fault.detail.clone(),
    };
    if let Some(flaw) = exchange.flaw {
        let kind = answer.header("content-type").unwrap_or("no content type");
        return format!("{flaw} ({kind}, {} bytes)", answer.length);
    }
    if (200..300).contains(&answer.status) {
        return match exchange.step {
            Step::Token => "a token was issued".to_owned(),
            Step::Probe | Step::Retry => match listing(&answer.body, operation) {
                Ok(Queues {
                    total: Some(total), ..
                }) => counted(total, operation),
                Ok(_) => "an object, as expected".to_owned(),
                Err(because) => because,
            },
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

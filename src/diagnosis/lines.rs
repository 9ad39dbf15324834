//! Every exchange in a line: what it says, supports and rules out.

use super::body::Body;
use super::exclusions::{Exclusion, effect};
use super::listing::listing;
use super::reading::Reading;
use super::visibility::listed;
use super::words::{QUOTE_CAP, counted};
use super::{EvidenceLine, Queues};
use crate::evidence::{
    Carries, Evidence, Exchange, Experiment, Found, Grant, Step, TokenEvidence, printable,
};
use crate::target::Operation;

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
        required.any(|one| grant.carries(one) != Carries::No)
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

//! What the exchanges of an examination amount to, before anything is said about it.

use url::Url;

use super::answers::{self, fault};
use super::body::{Body, excerpt};
use super::forbidden::refusal;
use super::minting::mint_outcome;
use super::{AnswerFacts, Confidence, Finding, Missing, Outcome, Queues};
use crate::clock::later;
use crate::evidence::{Answer, Evidence, Exchange, MintFailure, TokenEvidence};

/// The finding and what it was read from.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) finding: Finding,
    pub(super) confidence: Confidence,
    pub(super) missing: Missing,
    pub(super) queues: Queues,
    pub(super) answer: Option<AnswerFacts>,
    /// The host of the call that decided.
    pub(super) host: Option<String>,
    /// What the finding was read from, for people; empty when the status says it all.
    pub(super) because: String,
    /// Whether the answer carries the platform's correlation id.
    pub(super) by_platform: bool,
}

impl Reading {
    fn of(finding: Finding, confidence: Confidence) -> Self {
        Self {
            finding,
            confidence,
            missing: Missing::default(),
            queues: Queues::default(),
            answer: None,
            host: None,
            because: String::new(),
            by_platform: false,
        }
    }

    fn deciding(mut self, exchange: &Exchange) -> Self {
        self.host = host(exchange);
        if let Some(answer) = exchange.answer() {
            self.by_platform = answer.correlation_id().is_some();
            self.answer = Some(facts(answer, exchange));
        }
        self
    }
}

/// Reads the call that decides: the last one of the operation, or else the attempt to mint.
pub(super) fn read(evidence: &Evidence) -> Reading {
    match (evidence.last_probe(), &evidence.token) {
        (Some(exchange), _) => probe(exchange, evidence).deciding(exchange),
        (None, TokenEvidence::Unavailable(failure)) => minting(failure),
        // Nothing was asked, so that nothing is known; no examination ends like this.
        (None, _) => Reading::of(
            Finding::Other(Outcome::TokenEndpointDown),
            Confidence::Possible,
        ),
    }
}

fn probe(exchange: &Exchange, evidence: &Evidence) -> Reading {
    match &exchange.result {
        Err(failed) => Reading {
            because: failed.detail.clone(),
            ..Reading::of(Finding::Other(fault(failed.kind)), Confidence::Proven)
        },
        Ok(answer) if answer.status == 403 => {
            let refusal = refusal(answer, evidence.operation, evidence.identity.kind);
            Reading {
                missing: refusal.missing,
                because: refusal.read_from,
                ..Reading::of(Finding::Forbidden(refusal.cause), refusal.confidence)
            }
        }
        Ok(answer) => {
            let read = answers::reading(answer, evidence.operation, evidence.expect);
            Reading {
                queues: read.queues,
                because: read.because,
                ..Reading::of(Finding::Other(read.outcome), read.confidence)
            }
        }
    }
}

fn minting(failure: &MintFailure) -> Reading {
    let outcome = mint_outcome(failure);
    let exchange = failure.exchange.as_ref();
    let because = match (failure.unusable, exchange.map(|exchange| &exchange.result)) {
        (Some(why), _) => why.to_owned(),
        (None, Some(Err(failed))) => failed.detail.clone(),
        _ => String::new(),
    };
    let says_code = exchange
        .and_then(Exchange::answer)
        .is_some_and(|answer| Body::read(answer).error().is_some_and(|e| e.code.is_some()));
    let refused = matches!(outcome, Outcome::ClientRejected | Outcome::GrantRejected);
    let confidence = if refused && !says_code {
        Confidence::Likely
    } else {
        Confidence::Proven
    };
    let reading = Reading {
        because,
        ..Reading::of(Finding::Other(outcome), confidence)
    };
    match exchange {
        Some(exchange) => reading.deciding(exchange),
        None => reading,
    }
}

fn facts(answer: &Answer, exchange: &Exchange) -> AnswerFacts {
    let body = Body::read(answer);
    let (code, message) = match body.error() {
        Some(error) if !error.is_silent() => (error.code.clone(), error.message.clone()),
        // The body of a success is no message.
        _ if answer.status < 300 => (None, None),
        _ => (None, excerpt(answer)),
    };
    AnswerFacts {
        status: answer.status,
        code: code.filter(|_| answer.status >= 300),
        message: message.filter(|_| answer.status >= 300),
        correlation_id: answer.correlation_id().map(str::to_owned),
        retry_after: answer.retry_after(later(exchange.sent_at.wall, exchange.phases.total)),
    }
}

fn host(exchange: &Exchange) -> Option<String> {
    let (_, url) = exchange.request.split_once(' ')?;
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

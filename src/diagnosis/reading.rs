//! What the exchanges of an examination amount to, before anything is said about it.

use url::Url;

use super::answers::{self, fault};
use super::body::{Body, excerpt};
use super::forbidden::refusal;
use super::minting::judge;
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
            let mut facts = facts(answer, exchange);
            // What came instead of a good answer is the best hint at who sent it.
            if matches!(
                self.finding,
                Finding::Other(Outcome::UnreadableAnswer | Outcome::AnswerTooLarge)
            ) {
                facts.message = excerpt(answer);
            }
            self.answer = Some(facts);
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
    let (outcome, confidence) = judge(failure);
    let reading = Reading::of(Finding::Other(outcome), confidence);
    let Some(exchange) = &failure.exchange else {
        return Reading {
            because: "no token could be asked for in time: other attempts were under way"
                .to_owned(),
            ..reading
        };
    };
    let because = match (exchange.flaw, &exchange.result) {
        (Some(flaw), _) => flaw.to_owned(),
        (None, Err(failed)) => failed.detail.clone(),
        (None, Ok(_)) => String::new(),
    };
    Reading { because, ..reading }.deciding(exchange)
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

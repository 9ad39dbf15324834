//! What the exchanges of an examination amount to, before anything is said about it.

use url::Url;

use super::answers::{self, fault};
use super::body::{Body, excerpt};
use super::facts::{Facts, Held};
use super::forbidden::{self, Refusal, refusal};
use super::minting::judge;
use super::rules::{Conclusion, conclude};
use super::visibility::{Loss, visible};
use super::{
    AnswerFacts, Cause, Confidence, Division, EarlyWarning, Finding, Missing, Outcome, Queues,
};
use crate::clock::later;
use crate::evidence::{
    Answer, Evidence, Exchange, ExperimentKind, Fault, MintFailure, Step, TokenEvidence,
};
use crate::target::Mode;

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
    /// And its port.
    pub(super) port: Option<u16>,
    /// What the transport did instead of answering that call.
    pub(super) fault: Option<Fault>,
    /// What the finding was read from, for people; empty when the status says it all.
    pub(super) because: String,
    /// Whether the answer carries the platform's correlation id.
    pub(super) by_platform: bool,
    /// The experiments that the finding rests on.
    pub(super) by: Vec<ExperimentKind>,
    /// What the refusal itself says, where there is one.
    pub(super) refusal: Option<Refusal>,
    /// Access that works and is about to end.
    pub(super) early_warning: Option<EarlyWarning>,
    /// What the count of queues is compared with, as a clause; empty when there is nothing.
    pub(super) compared: String,
    /// Why less is visible than should be.
    pub(super) loss: Option<Loss>,
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
            port: None,
            fault: None,
            because: String::new(),
            by_platform: false,
            by: Vec::new(),
            refusal: None,
            early_warning: None,
            compared: String::new(),
            loss: None,
        }
    }

    /// The facts about the refusal, where there is one.
    pub(super) fn facts<'a>(&'a self, evidence: &'a Evidence) -> Option<Facts<'a>> {
        let refusal = self.refusal.as_ref()?;
        Some(Facts::of(evidence, refusal, self.by_platform))
    }

    fn deciding(mut self, exchange: &Exchange) -> Self {
        let url = exchange.request.split_once(' ');
        let url = url.and_then(|(_, url)| Url::parse(url).ok());
        self.host = url.as_ref().and_then(Url::host_str).map(str::to_owned);
        self.port = url.as_ref().and_then(Url::port_or_known_default);
        self.fault = exchange.result.as_ref().err().cloned();
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
        Ok(answer) if answer.status == 403 => forbidden(answer, evidence),
        Ok(answer) => answered(answer, evidence),
    }
}

/// A refusal, concluded from the answer and the experiments about it.
fn forbidden(answer: &Answer, evidence: &Evidence) -> Reading {
    let refusal = refusal(answer, evidence.operation, evidence.identity.kind);
    let facts = Facts::of(evidence, &refusal, answer.correlation_id().is_some());
    let concluded = conclude(&facts);
    let missing = missing(&concluded, &facts);
    let finding = Finding::Forbidden(concluded.cause);
    Reading {
        missing,
        because: concluded.why,
        by: concluded.by,
        refusal: Some(refusal),
        ..Reading::of(finding, concluded.confidence)
    }
}

/// What is missing under this conclusion, divisions with their names where something named them.
fn missing(concluded: &Conclusion, facts: &Facts<'_>) -> Missing {
    let said = &facts.refusal.missing;
    let is_read = facts.refusal.cause == Cause::MissingScope;
    let mut missing = match concluded.cause {
        Cause::MissingScope if is_read => said.clone(),
        Cause::MissingScope => Missing {
            scopes: facts
                .operation
                .scopes
                .iter()
                .map(|&one| one.to_owned())
                .collect(),
            ..Missing::default()
        },
        Cause::EdgeBlock | Cause::UnreadableForbidden | Cause::UnknownForbidden => {
            Missing::default()
        }
        Cause::MissingPermission if concluded.published || said.permissions.is_empty() => {
            forbidden::required(facts.operation)
        }
        _ => said.clone(),
    };
    // Of several that are needed, those that a role carries already are not missing.
    let lacks = |permission: &String| facts.granted(permission) != Some(Held::Somewhere);
    if missing.mode == Some(Mode::All) && missing.permissions.iter().any(lacks) {
        missing.permissions.retain(lacks);
    }
    missing.divisions = lacking_divisions(facts);
    for division in &mut missing.divisions {
        division.name = facts.division_name(&division.id);
    }
    // What was looked up is no assumption any more.
    missing.assumed &= concluded.by.is_empty();
    missing
}

/// The divisions that the answer names: of several that are needed those in which nothing is held,
/// and only the first where one is enough.
fn lacking_divisions(facts: &Facts<'_>) -> Vec<Division> {
    let named = &facts.refusal.missing.divisions;
    if facts.refusal.any_division {
        return named.iter().take(1).cloned().collect();
    }
    let suspect = facts.suspect();
    let lacks = |division: &&Division| {
        let mut permissions = suspect.permissions.iter();
        !permissions.all(|one| facts.includes(one, &division.id) == Some(true))
    };
    let lacking: Vec<Division> = named.iter().filter(lacks).cloned().collect();
    if lacking.is_empty() {
        named.clone()
    } else {
        lacking
    }
}

/// Any other answer; a success is compared with what should be visible.
fn answered(answer: &Answer, evidence: &Evidence) -> Reading {
    let read = answers::reading(answer, evidence.operation);
    if read.outcome != Outcome::Ok {
        return Reading {
            queues: read.queues,
            because: read.because,
            ..Reading::of(Finding::Other(read.outcome), read.confidence)
        };
    }
    let visible = visible(evidence, &read.queues);
    let divisions = visible.hidden.into_iter().map(|one| Division {
        id: one.id,
        name: one.name,
    });
    Reading {
        missing: Missing {
            divisions: divisions.collect(),
            ..Missing::default()
        },
        queues: read.queues,
        because: visible.because,
        by: visible.by,
        early_warning: early_warning(evidence),
        compared: visible.compared,
        loss: visible.loss,
        ..Reading::of(Finding::Other(visible.outcome), visible.confidence)
    }
}

/// A fresh token is refused while the cached one still works: access ends with the cached one.
fn early_warning(evidence: &Evidence) -> Option<EarlyWarning> {
    let experiment = evidence.experiment(ExperimentKind::FreshToken)?;
    experiment.found()?;
    let step = Step::Experiment(ExperimentKind::FreshToken);
    let replay = experiment.exchanges.iter().find(|one| one.step == step)?;
    let answer = replay.answer().filter(|answer| answer.status == 403)?;
    let refusal = refusal(answer, evidence.operation, evidence.identity.kind);
    let facts = Facts::of(evidence, &refusal, answer.correlation_id().is_some());
    // The replay is the refusal here, so that it cannot be the experiment about it, too.
    let cause = match facts.held(&facts.suspect()) {
        Some(Held::Nowhere) if refusal.cause != Cause::EdgeBlock => Cause::MissingPermission,
        _ => refusal.cause,
    };
    let ends_at = match &evidence.token {
        TokenEvidence::Held(facts) => facts.expires_at,
        TokenEvidence::Unknown | TokenEvidence::Unavailable(_) => None,
    };
    Some(EarlyWarning {
        cause,
        missing: refusal.missing,
        message: self::facts(answer, replay).message,
        ends_at,
    })
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
    let because = match (&exchange.flaw, &exchange.result) {
        (Some(flaw), _) => flaw.clone(),
        (None, Err(failed)) => failed.detail.clone(),
        (None, Ok(_)) => String::new(),
    };
    Reading { because, ..reading }.deciding(exchange)
}

fn facts(answer: &Answer, exchange: &Exchange) -> AnswerFacts {
    let body = Body::read(answer);
    let (code, message) = match body.error() {
        Some(error) if !error.is_silent() => (error.code.clone(), error.message.clone()),
        _ => (None, excerpt(answer)),
    };
    // The body of a success is no message.
    let is_success = answer.status < 300;
    AnswerFacts {
        status: answer.status,
        code: code.filter(|_| !is_success),
        message: message.filter(|_| !is_success),
        correlation_id: answer.correlation_id().map(str::to_owned),
        retry_after: answer.retry_after(later(exchange.sent_at.wall, exchange.phases.total)),
    }
}

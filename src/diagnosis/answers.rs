//! What an answer other than 403 says, and what a transport failure is.

use super::body::{Body, ErrorBody};
use super::challenge::Challenge;
use super::edge;
use super::listing::listing;
use super::{Confidence, Outcome, Queues};
use crate::evidence::{Answer, FaultKind};
use crate::target::Operation;

/// What one answer says.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) outcome: Outcome,
    pub(super) confidence: Confidence,
    pub(super) queues: Queues,
    /// What the outcome was read from, for people; empty when the status says it all.
    pub(super) because: String,
}

impl Reading {
    fn proven(outcome: Outcome) -> Self {
        Self {
            outcome,
            confidence: Confidence::Proven,
            queues: Queues::default(),
            because: String::new(),
        }
    }

    fn likely(outcome: Outcome) -> Self {
        Self {
            confidence: Confidence::Likely,
            ..Self::proven(outcome)
        }
    }

    fn because(self, because: impl Into<String>) -> Self {
        Self {
            because: because.into(),
            ..self
        }
    }
}

/// Reads an answer that is no 403.
pub(super) fn reading(answer: &Answer, operation: &Operation) -> Reading {
    let body = Body::read(answer);
    let silent = ErrorBody::default();
    let error = body.error().unwrap_or(&silent);
    let code = error.code_lower();
    let status = answer.status;
    if code == "featuretoggleservice.featurenotenabled" && status >= 400 {
        return Reading::proven(Outcome::FeatureDisabled);
    }
    match status {
        200..=299 => success(answer, operation),
        300..=399 => Reading::proven(Outcome::Redirected),
        401 => unauthorized(answer, &code),
        400 if says_user_context(error) => Reading::proven(Outcome::UserContextRequired),
        404 | 410 => signed(Outcome::NotFound, answer, &body),
        405 if code == "not.implemented" => Reading::proven(Outcome::FeatureDisabled),
        501 => Reading::likely(Outcome::FeatureDisabled),
        429 => signed(Outcome::RateLimited, answer, &body),
        504 if code == "authentication.request.timeout" => {
            Reading::proven(Outcome::AuthServiceSlow)
        }
        // The platform has no use for it, and a proxy that is spoken to in plain HTTP answers so.
        407 => Reading::likely(Outcome::BadRequest)
            .because("a proxy on the way asks for a user name and a password, or for others"),
        // RFC 6585 section 6: only what intercepts a call answers so.
        511 => Reading::likely(Outcome::UpstreamError)
            .because("a portal on the way asks to log in to the network first"),
        408 | 500..=599 => signed(Outcome::UpstreamError, answer, &body),
        400..=499 => signed(Outcome::BadRequest, answer, &body),
        _ => Reading::proven(Outcome::UnreadableAnswer).because(format!(
            "{status} is no status that HTTP defines for a final answer"
        )),
    }
}

/// A failure that only the platform's own word can prove: without code and correlation id,
/// something in front of it may have answered, and is named where it can be told.
fn signed(outcome: Outcome, answer: &Answer, body: &Body) -> Reading {
    let has_code = body.error().is_some_and(|error| error.code.is_some());
    if has_code || answer.correlation_id().is_some() {
        return Reading::proven(outcome);
    }
    Reading::likely(outcome).because(match edge::trace(answer, body) {
        Some(trace) => format!("{}, and there is no sign of the platform", trace.says),
        None => "the answer carries no sign of the platform".to_owned(),
    })
}

/// What a transport failure is.
pub(super) fn fault(kind: FaultKind) -> Outcome {
    match kind {
        FaultKind::Dns => Outcome::Dns,
        FaultKind::Connect => Outcome::Connect,
        FaultKind::Tls => Outcome::Tls,
        FaultKind::Timeout => Outcome::Timeout,
        FaultKind::Reset => Outcome::Reset,
    }
}

fn says_user_context(error: &ErrorBody) -> bool {
    let message = error.message_lower();
    message.contains("user context") || message.contains("client credentials cannot be used")
}

/// Whether an answer is a 401 about the token itself.
pub(super) fn rejects_token(answer: &Answer) -> bool {
    let body = Body::read(answer);
    let code = body.error().map(ErrorBody::code_lower).unwrap_or_default();
    answer.status == 401 && unauthorized(answer, &code).outcome != Outcome::IpNotAllowed
}

fn unauthorized(answer: &Answer, code: &str) -> Reading {
    match code {
        "credentials.expired" => return Reading::proven(Outcome::TokenExpired),
        "authentication.required" => return Reading::proven(Outcome::TokenMissing),
        "ip.not.authorized" => return Reading::proven(Outcome::IpNotAllowed),
        "bad.credentials" => return Reading::proven(Outcome::TokenRejected),
        _ => {}
    }
    let challenge = Challenge::read(answer);
    let expired = challenge
        .description
        .is_some_and(|text| text.to_ascii_lowercase().contains("expired"));
    if expired {
        Reading::likely(Outcome::TokenExpired).because("the WWW-Authenticate header says expired")
    } else if challenge.is_bearer && challenge.error.is_none() && code.is_empty() {
        // RFC 6750 section 3.1: a challenge without an error code means that no token came.
        Reading::likely(Outcome::TokenMissing)
            .because("the WWW-Authenticate header names no error, as when no token arrived")
    } else {
        Reading::likely(Outcome::TokenRejected)
    }
}

fn success(answer: &Answer, operation: &Operation) -> Reading {
    if answer.truncated {
        return Reading::proven(Outcome::AnswerTooLarge);
    }
    match listing(&answer.body, operation) {
        Ok(queues) => Reading {
            queues,
            ..Reading::proven(Outcome::Ok)
        },
        Err(because) => Reading::proven(Outcome::UnreadableAnswer).because(because),
    }
}

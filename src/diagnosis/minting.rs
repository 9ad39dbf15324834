//! What a failed attempt to mint a token was.
//!
//! The token endpoint speaks OAuth (RFC 6749 section 5.2), with the vendor's own habit of
//! answering 400 when its rate limit is exceeded.

use super::Outcome;
use super::body::{Body, ErrorBody};
use crate::evidence::{Answer, MintFailure};

/// The outcome of a failed attempt.
#[must_use]
pub fn mint_outcome(failure: &MintFailure) -> Outcome {
    if failure.unusable.is_some() {
        return Outcome::TokenUnreadable;
    }
    match failure.exchange.as_ref().map(|exchange| &exchange.result) {
        Some(Ok(answer)) => refusal(answer),
        Some(Err(_)) | None => Outcome::TokenEndpointDown,
    }
}

/// Whether time alone cannot heal the failure: somebody has to change something.
#[must_use]
pub fn is_definitive(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::ClientRejected | Outcome::GrantRejected)
}

fn refusal(answer: &Answer) -> Outcome {
    let body = Body::read(answer);
    let error = body.error();
    match answer.status {
        429 => Outcome::AuthRateLimited,
        300..=399 => Outcome::Redirected,
        400..=499 if error.is_some_and(says_rate_limit) => Outcome::AuthRateLimited,
        400..=499 => error.map_or_else(
            || without_error(answer.status),
            |error| by_code(&error.code_lower(), answer.status),
        ),
        500..=599 => Outcome::TokenEndpointDown,
        _ => Outcome::TokenUnreadable,
    }
}

/// A refusal that is no OAuth error comes from something that is no token endpoint.
fn without_error(status: u16) -> Outcome {
    match status {
        401 => Outcome::ClientRejected,
        403 | 404 | 405 | 407 | 408 | 410 => Outcome::TokenEndpointDown,
        _ => Outcome::TokenUnreadable,
    }
}

fn by_code(code: &str, status: u16) -> Outcome {
    match code {
        "invalid_client" => Outcome::ClientRejected,
        "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_grant"
        | "invalid_scope"
        | "invalid_request"
        | "access_denied" => Outcome::GrantRejected,
        "too.many.requests" | "too.many.requests.retry.after" => Outcome::AuthRateLimited,
        "temporarily_unavailable" | "server_error" => Outcome::TokenEndpointDown,
        _ if status == 401 => Outcome::ClientRejected,
        _ if matches!(status, 404 | 405 | 408 | 410) => Outcome::TokenEndpointDown,
        _ => Outcome::GrantRejected,
    }
}

fn says_rate_limit(error: &ErrorBody) -> bool {
    error.message_lower().contains("rate limit exceeded")
}

#[cfg(test)]
mod tests {
    use crate::clock::Moment;
    use crate::evidence::{Exchange, Fault, FaultKind, Phases, Step};

    use super::*;

    fn outcome(result: Result<(u16, &str), FaultKind>) -> Outcome {
        let at = Moment {
            elapsed: std::time::Duration::ZERO,
            wall: jiff::Timestamp::UNIX_EPOCH,
        };
        let result = match result {
            Ok((status, body)) => Ok(Answer {
                status,
                body: body.to_owned(),
                ..Answer::default()
            }),
            Err(kind) => Err(Fault {
                kind,
                detail: String::new(),
            }),
        };
        mint_outcome(&MintFailure {
            exchange: Some(Exchange {
                step: Step::Token,
                request: "POST https://login.example/oauth/token".to_owned(),
                sent_at: at,
                phases: Phases::default(),
                result,
            }),
            unusable: None,
            at,
        })
    }

    #[test]
    fn every_refusal_of_the_token_endpoint_has_its_outcome() {
        let limited = r#"{"error":"invalid_request","error_description":"rate limit exceeded; x"}"#;
        for (status, body, expected) in [
            (
                400,
                r#"{"error":"invalid_client","description":"client not found"}"#,
                Outcome::ClientRejected,
            ),
            (
                401,
                r#"{"error":"invalid_client","description":"authentication failed"}"#,
                Outcome::ClientRejected,
            ),
            (401, "", Outcome::ClientRejected),
            (400, limited, Outcome::AuthRateLimited),
            (429, "", Outcome::AuthRateLimited),
            (
                400,
                r#"{"error":"unauthorized_client"}"#,
                Outcome::GrantRejected,
            ),
            (
                400,
                r#"{"error":"invalid_request"}"#,
                Outcome::GrantRejected,
            ),
            (400, "<html>", Outcome::TokenUnreadable),
            (403, "<html>blocked", Outcome::TokenEndpointDown),
            (404, "", Outcome::TokenEndpointDown),
            (503, "", Outcome::TokenEndpointDown),
            (302, "", Outcome::Redirected),
        ] {
            assert_eq!(outcome(Ok((status, body))), expected, "{status} {body}");
        }
        assert_eq!(outcome(Err(FaultKind::Timeout)), Outcome::TokenEndpointDown);
    }
}

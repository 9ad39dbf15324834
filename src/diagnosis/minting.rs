//! What a failed attempt to mint a token was.
//!
//! The token endpoint speaks OAuth (RFC 6749 section 5.2), with the vendor's own habit of
//! answering 400 when its rate limit is exceeded.

use super::body::{Body, ErrorBody};
use super::{Confidence, Outcome};
use crate::evidence::{Answer, Exchange, MintFailure};

/// The outcome of a failed attempt.
#[must_use]
pub fn mint_outcome(failure: &MintFailure) -> Outcome {
    judge(failure).0
}

/// Whether time alone cannot heal the failure: somebody has to change something.
#[must_use]
pub fn is_definitive(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::ClientRejected | Outcome::GrantRejected)
}

/// The outcome of a failed attempt, and how sure it is.
pub(super) fn judge(failure: &MintFailure) -> (Outcome, Confidence) {
    match failure.exchange.as_ref() {
        // No request was made in time: that says little about the token endpoint.
        None => (Outcome::TokenEndpointDown, Confidence::Possible),
        Some(Exchange { flaw: Some(_), .. }) => (Outcome::TokenUnreadable, Confidence::Proven),
        Some(exchange) => match &exchange.result {
            Ok(answer) => refusal(answer),
            Err(_) => (Outcome::TokenEndpointDown, Confidence::Proven),
        },
    }
}

fn refusal(answer: &Answer) -> (Outcome, Confidence) {
    use Confidence::{Likely, Proven};
    let body = Body::read(answer);
    let error = body.error();
    let known = error.and_then(|error| by_code(&error.code_lower()));
    match (answer.status, known) {
        (429, _) => (Outcome::AuthRateLimited, Proven),
        (300..=399, _) => (Outcome::Redirected, Proven),
        (400..=499, _) if error.is_some_and(says_rate_limit) => (Outcome::AuthRateLimited, Proven),
        // Nothing documented answers so: whoever guards the login host may.
        (403, Some(outcome)) => (outcome, Likely),
        (400..=499, Some(outcome)) => (outcome, Proven),
        (400..=499, None) => {
            let speaks_oauth = error.is_some_and(|error| error.code.is_some());
            (without_known_code(answer.status, speaks_oauth), Likely)
        }
        (500..=599, _) => (Outcome::TokenEndpointDown, Proven),
        _ => (Outcome::TokenUnreadable, Likely),
    }
}

/// The codes of RFC 6749 section 5.2 and RFC 6750, and the vendor's own that can stand there.
fn by_code(code: &str) -> Option<Outcome> {
    Some(match code {
        "invalid_client" => Outcome::ClientRejected,
        "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_grant"
        | "invalid_scope"
        | "invalid_request"
        | "access_denied" => Outcome::GrantRejected,
        "too.many.requests" | "too.many.requests.retry.after" => Outcome::AuthRateLimited,
        "temporarily_unavailable" | "server_error" => Outcome::TokenEndpointDown,
        "ip.not.authorized" => Outcome::IpNotAllowed,
        _ => return None,
    })
}

/// A refusal without a known code most likely comes from something that is no token endpoint.
fn without_known_code(status: u16, speaks_oauth: bool) -> Outcome {
    match status {
        400 | 422 if speaks_oauth => Outcome::GrantRejected,
        400 | 422 => Outcome::TokenUnreadable,
        401 => Outcome::ClientRejected,
        _ => Outcome::TokenEndpointDown,
    }
}

fn says_rate_limit(error: &ErrorBody) -> bool {
    error.message_lower().contains("rate limit exceeded")
}

#[cfg(test)]
mod tests {
    use crate::clock::Moment;
    use crate::evidence::{Exchange, Fault, FaultKind, Origin, Phases, Step};

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
                origin: Origin::Way,
                detail: String::new(),
            }),
        };
        mint_outcome(&MintFailure {
            exchange: Some(Exchange {
                step: Step::Token,
                request: "POST https://login.example/oauth/token".to_owned(),
                sent_at: at,
                phases: Phases::default(),
                certificate_ends: None,
                result,
                flaw: None,
            }),
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
            (400, r#"{"error":"something_new"}"#, Outcome::GrantRejected),
            (
                403,
                r#"{"message":"Forbidden"}"#,
                Outcome::TokenEndpointDown,
            ),
            (
                403,
                r#"{"code":"ip.not.authorized"}"#,
                Outcome::IpNotAllowed,
            ),
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

//! What went wrong with a request, as `application/problem+json` (RFC 9457).
//!
//! The `type` is a URN, `urn:why403:problem:<slug>`: stable to match on and nothing to fetch.
//! Details are written by us; where they quote a request they quote a short, printable piece.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::monitor::Declined;

/// Most characters of a request that an answer repeats.
const QUOTE_LEN: usize = 40;

/// Kinds of problem; the slug is stable API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    BadRequest,
    BadQuery,
    AdminTokenRequired,
    NotLocal,
    CrossSite,
    UnknownPath,
    UnknownTarget,
    UnknownCredential,
    MethodNotAllowed,
    NotAcceptable,
    NotRefreshable,
    Verifying,
    BodyTooLarge,
    TooSoon,
    TooManyAttempts,
    Internal,
    RefreshFailed,
    Overloaded,
    Stopping,
    TimedOut,
}

impl Kind {
    #[cfg(test)]
    pub(super) const ALL: [Self; 20] = [
        Self::BadRequest,
        Self::BadQuery,
        Self::AdminTokenRequired,
        Self::NotLocal,
        Self::CrossSite,
        Self::UnknownPath,
        Self::UnknownTarget,
        Self::UnknownCredential,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::NotRefreshable,
        Self::Verifying,
        Self::BodyTooLarge,
        Self::TooSoon,
        Self::TooManyAttempts,
        Self::Internal,
        Self::RefreshFailed,
        Self::Overloaded,
        Self::Stopping,
        Self::TimedOut,
    ];

    /// Status, type and title.
    pub(super) fn facts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadRequest => (S::BAD_REQUEST, "bad-request", "The request is malformed"),
            Self::BadQuery => (S::BAD_REQUEST, "bad-query", "The query is not understood"),
            Self::AdminTokenRequired => (
                S::UNAUTHORIZED,
                "admin-token-required",
                "The admin token is required",
            ),
            Self::NotLocal => (
                S::FORBIDDEN,
                "not-local",
                "Only loopback peers may ask for this",
            ),
            Self::CrossSite => (
                S::FORBIDDEN,
                "cross-site",
                "Requests from other sites are refused",
            ),
            Self::UnknownPath => (S::NOT_FOUND, "unknown-path", "There is no such path"),
            Self::UnknownTarget => (S::NOT_FOUND, "unknown-target", "There is no such target"),
            Self::UnknownCredential => (
                S::NOT_FOUND,
                "unknown-credential",
                "There is no such credential",
            ),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "The path does not support this method",
            ),
            Self::NotAcceptable => (
                S::NOT_ACCEPTABLE,
                "not-acceptable",
                "No representation is acceptable",
            ),
            Self::NotRefreshable => (
                S::CONFLICT,
                "not-refreshable",
                "The token was handed over and cannot be refreshed",
            ),
            Self::Verifying => (
                S::CONFLICT,
                "verifying",
                "The target is being verified already",
            ),
            Self::BodyTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "The request's body is too large",
            ),
            Self::TooSoon => (S::TOO_MANY_REQUESTS, "too-soon", "Asked again too soon"),
            Self::TooManyAttempts => (
                S::TOO_MANY_REQUESTS,
                "too-many-attempts",
                "Too many wrong admin tokens",
            ),
            Self::Internal => (
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "This is a bug in why403",
            ),
            Self::RefreshFailed => (S::BAD_GATEWAY, "refresh-failed", "No token was minted"),
            Self::Overloaded => (
                S::SERVICE_UNAVAILABLE,
                "overloaded",
                "Too many examinations are waited for",
            ),
            Self::Stopping => (
                S::SERVICE_UNAVAILABLE,
                "stopping",
                "The service is stopping",
            ),
            Self::TimedOut => (
                S::GATEWAY_TIMEOUT,
                "timed-out",
                "The upstream took too long",
            ),
        }
    }
}

/// An answer that says what is wrong with the request.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: Option<String>,
    errors: Vec<String>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem whose title says it all.
    pub(super) fn bare(kind: Kind) -> Self {
        Self {
            kind,
            detail: None,
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// A problem with a sentence about this occurrence.
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::bare(kind)
        }
    }

    /// Everything that is wrong with a query.
    pub(super) fn bad_query(errors: Vec<String>) -> Self {
        Self {
            errors,
            ..Self::new(
                Kind::BadQuery,
                "see `errors`; GET /openapi.json has the contract",
            )
        }
    }

    /// Why the monitor did not examine the target.
    pub(super) fn not_examined(declined: &Declined) -> Self {
        Self::declined(declined, Kind::UnknownTarget, "a new examination")
    }

    /// Why the monitor did not refresh the credential's token.
    pub(super) fn not_refreshed(declined: &Declined) -> Self {
        Self::declined(declined, Kind::UnknownCredential, "another token")
    }

    fn declined(declined: &Declined, unknown: Kind, wanted: &str) -> Self {
        match declined {
            Declined::Unknown => Self::bare(unknown),
            Declined::NotRefreshable => Self::bare(Kind::NotRefreshable),
            Declined::Stopping => Self::stopping(),
            Declined::TooSoon(wait) | Declined::LeftAlone(wait) => {
                let seconds = whole_seconds(*wait);
                Self {
                    retry_after: Some(*wait),
                    ..Self::new(
                        Kind::TooSoon,
                        format!("{wanted} can be asked for in {seconds} s"),
                    )
                }
            }
        }
    }

    pub(super) fn stopping() -> Self {
        Self {
            retry_after: Some(Duration::from_secs(5)),
            ..Self::bare(Kind::Stopping)
        }
    }

    /// The peer has presented too many wrong admin tokens, and is listened to again after this time.
    pub(super) fn too_many_attempts(wait: Duration) -> Self {
        let seconds = whole_seconds(wait);
        Self {
            retry_after: Some(wait),
            ..Self::new(
                Kind::TooManyAttempts,
                format!("tokens from this address are looked at again in {seconds} s"),
            )
        }
    }

    /// The path, if there is such a one, belongs to another address.
    pub(super) fn elsewhere(port: u16) -> Self {
        Self::new(
            Kind::UnknownPath,
            format!(
                "this address has /livez, /readyz and /health; everything else is at \
                 server.admin_listen, port {port}"
            ),
        )
    }

    /// The target is being verified, at most for this time.
    pub(super) fn verifying(left: Duration) -> Self {
        let seconds = whole_seconds(left);
        Self {
            retry_after: Some(left),
            ..Self::new(
                Kind::Verifying,
                format!(
                    "it ends in {seconds} s at the latest; /diagnose shows the latest diagnosis"
                ),
            )
        }
    }

    /// More verifications go on than are served.
    pub(super) fn too_many_verifications() -> Self {
        Self {
            retry_after: Some(Duration::from_secs(30)),
            ..Self::new(Kind::Overloaded, "too many verifications go on")
        }
    }

    /// More requests wait for examinations than are served.
    pub(super) fn overloaded() -> Self {
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(
                Kind::Overloaded,
                "ask without `fresh` for the latest diagnosis",
            )
        }
    }

    #[cfg(test)]
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }
}

/// A wait in whole seconds, rounded up and at least 1, as `Retry-After` wants it.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    let up = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(up).max(1)
}

/// A short, printable piece of something a client sent.
pub(super) fn quote(text: &str) -> String {
    let mut quoted: String = text
        .chars()
        .take(QUOTE_LEN)
        .flat_map(char::escape_default)
        .collect();
    if text.chars().nth(QUOTE_LEN).is_some() {
        quoted.push_str("...");
    }
    format!("`{quoted}`")
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    errors: &'a [String],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, slug, title) = self.kind.facts();
        let body = Body {
            r#type: format!("urn:why403:problem:{slug}"),
            title,
            status: status.as_u16(),
            detail: self.detail.as_deref(),
            errors: &self.errors,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if self.kind == Kind::AdminTokenRequired {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Answers any path that is not ours.
pub(super) async fn unknown_path() -> Problem {
    Problem::new(
        Kind::UnknownPath,
        "GET /openapi.json lists the paths; GET / is for people",
    )
}

/// Answers a method that a path of ours does not have; the router adds `Allow`.
pub(super) async fn method_not_allowed() -> Problem {
    Problem::bare(Kind::MethodNotAllowed)
}

/// Sentences about several credentials, at most `most` of them.
pub(super) fn some_of(all: &[String], most: usize) -> String {
    let mut text = all
        .iter()
        .take(most)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    if let Some(more) = all.len().checked_sub(most).filter(|more| *more > 0)
        && write!(text, "; and {more} more").is_err()
    {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sent_is_repeated_short_and_printable() {
        assert_eq!(quote("fresh"), "`fresh`");
        assert_eq!(quote("a\r\n\u{1b}[31m"), "`a\\r\\n\\u{1b}[31m`");
        let long = quote(&"\u{202e}".repeat(10_000));
        assert!(long.len() < 400 && long.is_ascii(), "{long}");
    }

    #[test]
    fn waits_are_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1500)), 2);
        assert_eq!(whole_seconds(Duration::from_secs(30)), 30);
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }

    #[test]
    fn slugs_are_unique() {
        let slugs: std::collections::BTreeSet<_> =
            Kind::ALL.iter().map(|kind| kind.facts().1).collect();
        assert_eq!(slugs.len(), Kind::ALL.len());
    }

    #[test]
    fn what_the_monitor_declines_is_told_with_a_time_to_return() {
        let status = |declined| {
            let response = Problem::not_examined(&declined).into_response();
            let wait = response.headers().get(RETRY_AFTER).cloned();
            (
                response.status().as_u16(),
                wait.map(|wait| wait.to_str().unwrap().to_owned()),
            )
        };
        assert_eq!(status(Declined::Unknown), (404, None));
        assert_eq!(status(Declined::NotRefreshable), (409, None));
        assert_eq!(status(Declined::Stopping), (503, Some("5".to_owned())));
        let soon = Declined::TooSoon(Duration::from_millis(29_001));
        assert_eq!(status(soon), (429, Some("30".to_owned())));
    }
}

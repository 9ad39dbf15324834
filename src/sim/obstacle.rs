//! What may stand in the way of the calls that help a diagnosis.

use serde_json::json;

use super::fault::{Route, Scripted};

/// Why a call that would help has no answer that helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// 403 `not.authorized`. That these calls are ever refused is not known: a stand-in.
    Refused,
    /// 404, as where a gateway knows only some paths.
    Missing,
    /// 429 with a `Retry-After`.
    RateLimited,
    /// 200 with a page for people.
    Page,
    /// 200 with JSON that breaks off.
    CutJson,
    /// No answer at all.
    Silence,
}

impl Obstacle {
    /// Every obstacle.
    pub const ALL: [Self; 6] = [
        Self::Refused,
        Self::Missing,
        Self::RateLimited,
        Self::Page,
        Self::CutJson,
        Self::Silence,
    ];

    /// The calls that help, one route each; the token endpoint and the queues are not among them.
    pub const HELPERS: [Route; 4] = [
        Route::TokensMe,
        Route::DivisionsPermitted,
        Route::SubjectsMe,
        Route::Permissions,
    ];

    /// The step that makes it.
    #[must_use]
    pub fn step(self) -> Scripted {
        match self {
            Self::Refused => {
                let message = "You are not authorized to perform the requested action.";
                Scripted::error(403, "not.authorized", message).authenticated()
            }
            Self::Missing => Scripted::error(404, "not.found", "HTTP 404 Not Found"),
            Self::RateLimited => rate_limited(),
            Self::Page => {
                let page = "<!DOCTYPE html><html><head><title>Welcome</title></head>\
                            <body>Please log in.</body></html>";
                Scripted::text(200, "text/html", page)
            }
            Self::CutJson => {
                let body = "{\"organization\":{\"id\":\"06\"},\"grants\":[{\"role\":{\"na";
                Scripted::text(200, "application/json", body).authenticated()
            }
            Self::Silence => Scripted::Hang,
        }
    }
}

/// The platform's own refusal, which has a correlation id in header and body like all of them.
fn rate_limited() -> Scripted {
    let correlation = "c0000000-0000-4000-8000-0000000001ad";
    let message = "Rate limit exceeded the maximum. Retry the request in [60] seconds";
    let body = json!({
        "message": message,
        "code": "too.many.requests.retry.after",
        "status": 429,
        "contextId": correlation,
    });
    let headers = [
        ("content-type", "application/json"),
        ("Retry-After", "60"),
        ("ININ-Correlation-Id", correlation),
    ];
    Scripted::respond(429, &headers, body.to_string().as_bytes()).authenticated()
}

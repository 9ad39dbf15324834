//! What every answer has in common: it is measured, hardened, and sent even after a panic.

use std::any::Any;
use std::sync::Arc;

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{Kind, Problem};
use super::{Shared, guard};
use crate::clock::Moment;
use crate::metrics::Route;

/// The status under which a request counts whose client went away before the answer.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Runs the rest of the stack and completes its answer.
pub(super) async fn edge(
    State((shared, route)): State<(Arc<Shared>, Route)>,
    request: Request,
    next: Next,
) -> Response {
    let mut measured = Measured::start(&shared, route);
    let carries_body = !request.body().is_end_stream();
    let mut response = match guard::check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    harden(response.headers_mut());
    if carries_body {
        // No handler reads a body, so a connection that carried one ends here: whatever follows
        // on it could be part of that body, or smuggled behind it.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    measured.status = response.status().as_u16();
    response
}

fn harden(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

/// Answers for a handler that panicked.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the signature that tower-http asks for"
)]
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(panic = message, "a request handler panicked: {message}");
    Problem::bare(Kind::Internal).into_response()
}

/// Counts a request when it ends, whichever way it ends.
struct Measured<'a> {
    shared: &'a Shared,
    route: Route,
    begun: Moment,
    status: u16,
}

impl<'a> Measured<'a> {
    fn start(shared: &'a Shared, route: Route) -> Self {
        Self {
            shared,
            route,
            begun: shared.app.clock.now(),
            status: CLIENT_CLOSED_REQUEST,
        }
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        let app = &self.shared.app;
        let took = app.clock.now().since(self.begun);
        app.metrics.http_request(self.route, self.status, took);
    }
}

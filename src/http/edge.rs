//! What every answer has in common: it is measured, hardened, and sent even after a panic.

use std::any::Any;
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody as _;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use tower::Service as _;

use super::problem::{Kind, Problem};
use super::{Shared, guard};
use crate::metrics::Route;

/// The status under which a request counts whose client went away before the answer.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Answers a request by `router`; what every answer has in common is added here, once for all
/// routes, because a layer of each route would box one more future per request.
pub(super) async fn answer(
    router: &mut Router,
    route: Route,
    shared: &Arc<Shared>,
    request: Request,
) -> Response {
    let mut measured = Measured::start(Arc::clone(shared), route);
    let carries_body = !request.body().is_end_stream();
    let mut response = match guard::check(&request) {
        Ok(()) => caught(router.call(request)).await,
        Err(problem) => problem.into_response(),
    };
    harden(response.headers_mut());
    // No handler reads a body, so a connection that carried one ends here: whatever follows on it
    // could be part of that body, or smuggled behind it. While the service stops, nobody should
    // ask on a connection that is about to end.
    if carries_body || shared.app.stopping.is_cancelled() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    measured.status = response.status().as_u16();
    response
}

/// An answer even when the handler panics.
///
/// tower-http's layer does the same, but puts every body into a new box.
async fn caught(handling: impl Future<Output = Result<Response, Infallible>>) -> Response {
    let mut handling = pin!(handling);
    poll_fn(|context| {
        // A handler that panicked is never polled again, so nothing sees what it left half done.
        let poll = AssertUnwindSafe(|| handling.as_mut().poll(context));
        match catch_unwind(poll) {
            Ok(poll) => poll.map(|Ok(response)| response),
            Err(panic) => Poll::Ready(panicked(panic.as_ref())),
        }
    })
    .await
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
pub(super) fn panicked(panic: &(dyn Any + Send)) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(panic = message, "a request handler panicked: {message}");
    Problem::bare(Kind::Internal).into_response()
}

/// Counts a request when it ends, whichever way it ends.
struct Measured {
    shared: Arc<Shared>,
    route: Route,
    begun: Duration,
    status: u16,
}

impl Measured {
    fn start(shared: Arc<Shared>, route: Route) -> Self {
        Self {
            begun: shared.app.clock.since_start(),
            shared,
            route,
            status: CLIENT_CLOSED_REQUEST,
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let app = &self.shared.app;
        let took = app.clock.since_start().saturating_sub(self.begun);
        app.metrics.http_request(self.route, self.status, took);
    }
}

//! What every answer has in common: it is measured, hardened, and sent even after a panic.

use std::any::Any;
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::body::HttpBody as _;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use tower::{Service, service_fn};

use super::problem::{Kind, Problem};
use super::{Shared, guard};
use crate::clock::Moment;
use crate::metrics::Route as Name;

/// The status under which a request counts whose client went away before the answer.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The handlers of one route, and what every answer of theirs has in common.
///
/// One service rather than a stack of layers, because every layer of a route boxes a future per
/// request, and `/health` is asked by every kubelet.
pub(super) fn edge(
    mut handlers: Route,
    name: Name,
    shared: Arc<Shared>,
) -> impl Service<
    Request,
    Response = Response,
    Error = Infallible,
    Future = impl Future<Output = Result<Response, Infallible>> + Send,
> + Clone
+ Send
+ Sync {
    service_fn(move |request: Request| {
        let measured = Measured::start(Arc::clone(&shared), name);
        let carries_body = !request.body().is_end_stream();
        // A route is always ready, so there is no `poll_ready` to wait for.
        let handled = guard::check(&request).map(|()| handlers.call(request));
        finish(handled, measured, carries_body)
    })
}

/// Completes an answer.
async fn finish(
    handled: Result<impl Future<Output = Result<Response, Infallible>>, Problem>,
    mut measured: Measured,
    carries_body: bool,
) -> Result<Response, Infallible> {
    let mut response = match handled {
        Ok(handling) => caught(handling).await?,
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
    Ok(response)
}

/// An answer even when the handler panics.
///
/// tower-http's layer does the same, but puts every body into a new box.
async fn caught(
    handling: impl Future<Output = Result<Response, Infallible>>,
) -> Result<Response, Infallible> {
    let mut handling = pin!(handling);
    poll_fn(|context| {
        // A handler that panicked is never polled again, so nothing sees what it left half done.
        let poll = AssertUnwindSafe(|| handling.as_mut().poll(context));
        catch_unwind(poll).unwrap_or_else(|panic| Poll::Ready(Ok(panicked(panic.as_ref()))))
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
    route: Name,
    begun: Moment,
    status: u16,
}

impl Measured {
    fn start(shared: Arc<Shared>, route: Name) -> Self {
        Self {
            begun: shared.app.clock.now(),
            shared,
            route,
            status: CLIENT_CLOSED_REQUEST,
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let app = &self.shared.app;
        let took = app.clock.now().since(self.begun);
        app.metrics.http_request(self.route, self.status, took);
    }
}

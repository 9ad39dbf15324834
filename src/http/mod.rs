//! The HTTP side: what others see of the service.
//!
//! Handlers read one immutable snapshot and answer at once: no I/O and no lock held over an
//! await. The two exceptions, a new examination and a forced refresh, are requests to the monitor
//! with a deadline. Nothing here calls Genesys Cloud, and nothing here knows a secret except the
//! admin token.
//!
//! [`wire`] gives inner types their outward shape; JSON, text and page are three views of it, so
//! that they cannot disagree. [`text`] and [`wire`] serve the command line as well.

mod admin;
mod age;
mod diagnose;
mod discovery;
mod edge;
mod exposition;
mod follow;
mod guard;
mod health;
mod negotiate;
mod page;
mod probe;
mod problem;
mod process;
mod query;
mod server;
pub mod text;
mod timeline;
mod token;
mod verify;
pub mod wire;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::clock::Clock;
use crate::config;
use crate::metrics::{Metrics, Route};
use crate::monitor::Monitor;
use crate::snapshot::{Snapshot, TargetView};

use admin::AdminToken;
use exposition::Latest;
use problem::{Kind, Problem};
use verify::Running;

pub use server::{Secured, Tls, serve};

/// Most requests that may wait for an examination or a refresh at a time.
const MAX_WAITING: usize = 64;

/// What a request to the monitor may take, as a multiple of `server.request_timeout`: it waits
/// for the upstream, which has timeouts of its own.
const UPSTREAM_FACTOR: u32 = 3;

/// The contract, as an `OpenAPI` document.
const OPENAPI: &str = include_str!("openapi.json");

/// What the handlers work with.
#[derive(Clone, Debug)]
pub struct AppState {
    /// Publishes snapshots, examines and refreshes.
    pub monitor: Monitor,
    /// Counts requests and renders the exposition.
    pub metrics: Arc<Metrics>,
    /// The clocks that ages and staleness are measured by.
    pub clock: Clock,
    /// Limits and protection.
    pub server: Arc<config::Server>,
    /// Cancelled when the service begins to stop: `/readyz` turns red at once.
    pub stopping: CancellationToken,
}

/// [`AppState`] and what belongs to one router.
#[derive(Debug)]
struct Shared {
    app: AppState,
    admin: Option<AdminToken>,
    exposition: Latest,
    waiting: Semaphore,
    verifying: Arc<Running>,
}

impl Shared {
    fn upstream_timeout(&self) -> Duration {
        self.app
            .server
            .request_timeout
            .saturating_mul(UPSTREAM_FACTOR)
    }
}

/// Every path of the service.
const ENDPOINTS: &[(Route, &str)] = &[
    (Route::Livez, "/livez"),
    (Route::Readyz, "/readyz"),
    (Route::Health, "/health"),
    (Route::HealthTarget, "/health/{target}"),
    (Route::Diagnose, "/diagnose"),
    (Route::DiagnoseTarget, "/diagnose/{target}"),
    (Route::VerifyTarget, "/diagnose/{target}/verify"),
    (Route::Timeline, "/timeline"),
    (Route::TimelineTarget, "/timeline/{target}"),
    (Route::TokenRefresh, "/token/refresh"),
    (Route::CredentialRefresh, "/token/{credential}/refresh"),
    (Route::Metrics, "/metrics"),
    (Route::Probe, "/probe"),
    (Route::Discovery, "/sd"),
    (Route::Page, "/"),
    (Route::Openapi, "/openapi.json"),
];

/// The whole service: every path, and what all answers have in common; clones share it.
#[derive(Clone, Debug)]
pub struct Service {
    router: Router,
    /// The routes that are answered here; requests for others are counted like unknown paths.
    has: fn(Route) -> bool,
    shared: Arc<Shared>,
}

impl Service {
    /// The service over what `app` publishes.
    #[must_use]
    pub fn new(app: AppState) -> Self {
        Self::with_room_for(app, MAX_WAITING)
    }

    /// The same, with room for this many requests that wait for an examination or a refresh.
    fn with_room_for(app: AppState, waiting: usize) -> Self {
        let admin = app.server.admin_token.clone().map(AdminToken::new);
        let shared = Arc::new(Shared {
            app,
            admin,
            exposition: Latest::default(),
            waiting: Semaphore::new(waiting),
            verifying: Arc::default(),
        });
        let unknown = any(problem::unknown_path);
        Self {
            router: router(&shared, has_all, unknown),
            has: has_all,
            shared,
        }
    }

    /// The same, answering only what probes ask: everything else is at `admin`.
    #[must_use]
    pub fn for_probes(&self, admin: SocketAddr) -> Self {
        let port = admin.port();
        let elsewhere = any(move || async move { Problem::elsewhere(port) });
        Self {
            router: router(&self.shared, is_for_probes, elsewhere),
            has: is_for_probes,
            shared: Arc::clone(&self.shared),
        }
    }

    /// Follows the file of the admin token, as long as anybody waits for it.
    pub async fn follow_admin_token(&self) {
        match &self.shared.admin {
            Some(token) => token.follow(self.shared.app.clock.clone()).await,
            None => std::future::pending().await,
        }
    }

    /// Answers a request, whatever it is.
    ///
    /// Requests without a peer address (`ConnectInfo<SocketAddr>`, which [`serve`] provides) are
    /// answered like those of a peer elsewhere.
    pub async fn answer(mut self, request: Request) -> Response {
        let route = route_of(request.uri().path());
        let route = if (self.has)(route) {
            route
        } else {
            Route::Other
        };
        edge::answer(&mut self.router, route, &self.shared, request).await
    }
}

fn has_all(_: Route) -> bool {
    true
}

/// What stays at the first address when administration has one of its own.
fn is_for_probes(route: Route) -> bool {
    matches!(
        route,
        Route::Livez | Route::Readyz | Route::Health | Route::HealthTarget
    )
}

fn router(
    shared: &Arc<Shared>,
    has: fn(Route) -> bool,
    unknown: MethodRouter<Arc<Shared>>,
) -> Router {
    ENDPOINTS
        .iter()
        .filter(|(route, _)| has(*route))
        .fold(Router::new(), |router, (route, path)| {
            router.route(path, handlers(*route).fallback(problem::method_not_allowed))
        })
        .fallback_service(unknown.with_state(Arc::clone(shared)))
        .with_state(Arc::clone(shared))
}

/// The route that serves `path`, for counting.
fn route_of(path: &str) -> Route {
    let exact = ENDPOINTS.iter().find(|(_, known)| *known == path);
    let one = |text: &str| !text.is_empty() && !text.contains('/');
    if let Some((route, _)) = exact {
        *route
    } else if path.strip_prefix("/health/").is_some_and(one) {
        Route::HealthTarget
    } else if let Some(name) = path.strip_prefix("/diagnose/") {
        match name.strip_suffix("/verify") {
            Some(name) if one(name) => Route::VerifyTarget,
            None if one(name) => Route::DiagnoseTarget,
            _ => Route::Other,
        }
    } else if path.strip_prefix("/timeline/").is_some_and(one) {
        Route::TimelineTarget
    } else if let Some(name) = path.strip_prefix("/token/")
        && name.strip_suffix("/refresh").is_some_and(one)
    {
        Route::CredentialRefresh
    } else {
        Route::Other
    }
}

fn handlers(route: Route) -> MethodRouter<Arc<Shared>> {
    match route {
        Route::Livez => get(process::livez),
        Route::Readyz => get(process::readyz),
        Route::Health => get(health::all),
        Route::HealthTarget => get(health::one),
        Route::Diagnose => get(diagnose::all).layer(vary()),
        Route::DiagnoseTarget => get(diagnose::one).layer(vary()),
        Route::VerifyTarget => post(verify::verify).layer(vary()),
        Route::Timeline => get(timeline::all).layer(vary()),
        Route::TimelineTarget => get(timeline::one).layer(vary()),
        Route::TokenRefresh => post(token::refresh_all),
        Route::CredentialRefresh => post(token::refresh_one),
        Route::Metrics => get(exposition::metrics),
        Route::Probe => get(probe::probe),
        Route::Discovery => get(discovery::discovery),
        Route::Page => get(page::page),
        Route::Openapi => get(openapi),
        Route::Other => any(problem::unknown_path),
    }
}

/// Says, on refusals too, that the answer depends on `Accept`.
fn vary() -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(VARY, HeaderValue::from_static("accept"))
}

/// Metrics in Prometheus' text format, version 0.0.4.
fn exposition(body: impl IntoResponse) -> Response {
    with_type(body, "text/plain; version=0.0.4; charset=utf-8")
}

/// `GET /openapi.json`
async fn openapi() -> Response {
    let mut response = with_type(OPENAPI, "application/json");
    let cache = HeaderValue::from_static("max-age=3600");
    response.headers_mut().insert(CACHE_CONTROL, cache);
    response
}

fn with_type(body: impl IntoResponse, content_type: &'static str) -> Response {
    let mut response = body.into_response();
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn json(body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => with_type(body, "application/json"),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON: {error}");
            Problem::bare(Kind::Internal).into_response()
        }
    }
}

/// The target that a path names; a segment that is no valid name is just unknown.
fn target_in<'a>(
    snapshot: &'a Snapshot,
    segment: &Result<axum::extract::Path<String>, PathRejection>,
) -> Result<&'a Arc<TargetView>, Problem> {
    segment
        .as_ref()
        .ok()
        .and_then(|name| snapshot.target(name))
        .ok_or_else(|| Problem::bare(Kind::UnknownTarget))
}

/// 503 or 200.
fn status_code(good: bool) -> StatusCode {
    if good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

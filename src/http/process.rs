//! `/livez` and `/readyz`: this process only, never Genesys Cloud.
//!
//! If readiness followed the upstream, an outage there would take this service out of rotation
//! just when its diagnosis is needed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::{Shared, status_code};
use crate::clock::Moment;
use crate::snapshot::Snapshot;

/// Age from which the scheduler's heartbeat means that it hangs.
const HEARTBEAT_LIMIT: Duration = Duration::from_mins(1);

/// Time after start from which unfinished first probes no longer hold readiness back.
const FIRST_ROUND_LIMIT: Duration = Duration::from_secs(30);

/// What the scheduler may take for a sign of life, before it is said to hang: after the process
/// was stopped and goes on, requests may be answered before the scheduler has had its turn. The
/// kubelet waits a second for an answer by default.
const LAST_CHANCE: Duration = Duration::from_millis(500);

/// `GET /livez`
pub(super) async fn livez(State(shared): State<Arc<Shared>>) -> Response {
    let app = &shared.app;
    let mut snapshots = app.monitor.subscribe();
    let age = app.clock.now().since(snapshots.borrow_and_update().at);
    let lives = age < HEARTBEAT_LIMIT
        || matches!(timeout(LAST_CHANCE, snapshots.changed()).await, Ok(Ok(())));
    if lives {
        return (StatusCode::OK, "ok").into_response();
    }
    let age = age.as_secs();
    let reason = format!("the scheduler's last heartbeat was {age} s ago");
    (StatusCode::SERVICE_UNAVAILABLE, reason).into_response()
}

/// `GET /readyz`
pub(super) async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    let app = &shared.app;
    let reason = if app.stopping.is_cancelled() {
        Some("stopping")
    } else {
        starting(&app.monitor.snapshot(), app.clock.now())
    };
    (status_code(reason.is_none()), reason.unwrap_or("ready")).into_response()
}

fn starting(snapshot: &Snapshot, now: Moment) -> Option<&'static str> {
    let waiting =
        !snapshot.first_round_is_over() && now.since(snapshot.started) < FIRST_ROUND_LIMIT;
    waiting.then_some("starting: the first probes have not finished")
}

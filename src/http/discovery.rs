//! `/sd`: the targets, as Prometheus' HTTP service discovery reads them
//! (<https://prometheus.io/docs/prometheus/latest/http_sd/>).
//!
//! Open like `/metrics`, and says no more than the labels there.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::{Shared, json};
use crate::snapshot::TargetView;

#[derive(Serialize)]
struct Group<'a> {
    targets: [&'a str; 1],
    labels: Labels<'a>,
}

/// Labels for relabelling; Prometheus drops what begins with two underscores afterwards.
#[derive(Serialize)]
struct Labels<'a> {
    #[serde(rename = "__meta_why403_target")]
    target: &'a str,
    #[serde(rename = "__meta_why403_credential")]
    credential: &'a str,
    #[serde(rename = "__meta_why403_interval_seconds")]
    interval: String,
}

/// `GET /sd`
pub(super) async fn discovery(State(shared): State<Arc<Shared>>) -> Response {
    let snapshot = shared.app.monitor.snapshot();
    let groups: Vec<_> = snapshot
        .targets
        .iter()
        .map(|target| group(target))
        .collect();
    json(&groups)
}

fn group(target: &TargetView) -> Group<'_> {
    Group {
        targets: [target.name.as_str()],
        labels: Labels {
            target: target.name.as_str(),
            credential: target.credential.as_str(),
            interval: target.interval.as_secs().to_string(),
        },
    }
}

//! `/timeline`: what changed, of one target or of all.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;

use super::guard::Details;
use super::negotiate::{Offer, not_acceptable, preferred};
use super::problem::Problem;
use super::query::Query;
use super::{Shared, json, target_in, text, wire, with_type};
use crate::target::Name;

/// `GET /timeline`
pub(super) async fn all(
    _: Details,
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    answer(&shared, None, &headers, query.as_deref())
}

/// `GET /timeline/{target}`
pub(super) async fn one(
    _: Details,
    State(shared): State<Arc<Shared>>,
    target: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let snapshot = shared.app.monitor.snapshot();
    let name = target_in(&snapshot, &target)?.name.clone();
    answer(&shared, Some(&name), &headers, query.as_deref())
}

fn answer(
    shared: &Shared,
    target: Option<&Name>,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Response, Problem> {
    let now = shared.app.clock.now();
    let (format, since) = wish(headers, query, now.wall)?;
    let snapshot = shared.app.monitor.snapshot();
    let timelines = wire::timelines(&snapshot, now, target, since);
    Ok(match format {
        View::Json => json(&timelines),
        View::Text => {
            let text = text::timelines(&timelines, false);
            with_type(text, "text/plain; charset=utf-8")
        }
    })
}

/// A representation of episodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Json,
    Text,
}

/// The values of `?format=` for episodes.
const VIEWS: [(&str, View); 2] = [("json", View::Json), ("text", View::Text)];

/// The representations of episodes, the one for those who do not care first.
const OFFERS: &[Offer<View>] = &[
    Offer::new("application", "json", View::Json),
    Offer::new("text", "plain", View::Text),
];

/// The representation that the `Accept` headers prefer.
fn view(headers: &HeaderMap) -> Result<View, Problem> {
    preferred(headers, OFFERS)
        .ok_or_else(|| not_acceptable("a timeline is application/json or text/plain"))
}

/// How, and from when on, a client wants the episodes.
fn wish(
    headers: &HeaderMap,
    query: Option<&str>,
    now: Timestamp,
) -> Result<(View, Option<Timestamp>), Problem> {
    let mut query = Query::new(query);
    let format = query.choice("format", &VIEWS);
    let since = query.time("since", now);
    query.finish()?;
    let format = format.map_or_else(|| view(headers), Ok)?;
    Ok((format, since))
}

//! `/health`: the verdict about queue access, as `application/health+json`
//! (draft-inadarei-api-health-check-06).
//!
//! Open to everybody, so it says little: names, slugs and times.

use std::cell::RefCell;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use serde::{Serialize, Serializer};

use super::problem::Problem;
use super::query::Query;
use super::wire::Time;
use super::{Shared, status_code, target_in};
use crate::clock::Moment;
use crate::health::{State as Reason, Status, Verdict, worst};
use crate::snapshot::{CheckView, Snapshot, TargetView};

/// `GET /health`
pub(super) async fn all(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let strict = strict(query.as_deref())?;
    let snapshot = shared.app.monitor.snapshot();
    let (status, body) = latest(snapshot, shared.app.clock.now());
    Ok(answer(status, body, strict))
}

/// `GET /health/{target}`
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    target: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let snapshot = shared.app.monitor.snapshot();
    let target = target_in(&snapshot, &target)?;
    let strict = strict(query.as_deref())?;
    let now = shared.app.clock.now();
    let body = render(std::slice::from_ref(target), now);
    Ok(answer(target.verdict(now).status, body, strict))
}

fn strict(query: Option<&str>) -> Result<bool, Problem> {
    let mut query = Query::new(query);
    let strict = query.flag("strict");
    query.finish()?;
    Ok(strict)
}

fn answer(status: Status, body: Bytes, strict: bool) -> Response {
    let good = status == Status::Pass || (status == Status::Warn && !strict);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status_code(good);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/health+json"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=1"));
    response
}

thread_local! {
    /// The latest body of `/health`, kept by each worker for itself: a lock that all of them take
    /// with every request makes them wait for whichever of them was just preempted.
    static LATEST: RefCell<Option<Cached>> = const { RefCell::new(None) };
}

/// A rendered body.
///
/// It depends on the snapshot and on the verdicts, which may change without a new snapshot when a
/// result grows stale; both are compared before it is served again.
#[derive(Debug)]
struct Cached {
    snapshot: Arc<Snapshot>,
    verdicts: Vec<Verdict>,
    status: Status,
    body: Bytes,
}

/// Verdict and body for `snapshot` at `now`.
fn latest(snapshot: Arc<Snapshot>, now: Moment) -> (Status, Bytes) {
    LATEST.with_borrow_mut(|kept| {
        if let Some(cached) = kept.as_ref()
            && cached.still_holds(&snapshot, now)
        {
            return (cached.status, cached.body.clone());
        }
        let fresh = kept.insert(Cached {
            verdicts: verdicts(&snapshot, now).collect(),
            status: snapshot.verdict(now).status,
            body: render(&snapshot.targets, now),
            snapshot,
        });
        (fresh.status, fresh.body.clone())
    })
}

impl Cached {
    fn still_holds(&self, snapshot: &Arc<Snapshot>, now: Moment) -> bool {
        Arc::ptr_eq(&self.snapshot, snapshot)
            && verdicts(snapshot, now).eq(self.verdicts.iter().copied())
    }
}

fn verdicts(snapshot: &Snapshot, now: Moment) -> impl Iterator<Item = Verdict> {
    let targets = snapshot.targets.iter();
    targets.flat_map(move |target| target.verdicts(now))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Health<'a> {
    status: &'static str,
    version: &'static str,
    release_id: &'static str,
    service_id: &'static str,
    description: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'static str>,
    #[serde(serialize_with = "as_map")]
    checks: Vec<(String, Vec<Check<'a>>)>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check<'a> {
    component_id: &'a str,
    component_type: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_value: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'static str>,
}

fn as_map<S: Serializer>(
    checks: &[(String, Vec<Check<'_>>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(checks.iter().map(|(key, value)| (key, value)))
}

fn render(targets: &[Arc<TargetView>], now: Moment) -> Bytes {
    let verdict = worst(targets.iter().map(|target| target.verdict(now)));
    let labels = targets
        .iter()
        .map(|target| labels(target))
        .collect::<Vec<_>>();
    let health = Health {
        status: word(verdict.status),
        version: "1",
        release_id: env!("CARGO_PKG_VERSION"),
        service_id: "why403",
        description: "whether Genesys Cloud queues can be read",
        output: doubted(targets).or(note(verdict)),
        checks: targets
            .iter()
            .zip(&labels)
            .map(|(target, labels)| checks(target, labels, now))
            .collect(),
    };
    Bytes::from(serde_json::to_vec(&health).unwrap_or_default())
}

fn labels(target: &TargetView) -> Vec<String> {
    let labels = target.checks.iter().map(|check| check.operation.label());
    labels.collect()
}

fn checks<'a>(target: &TargetView, labels: &'a [String], now: Moment) -> (String, Vec<Check<'a>>) {
    let checks = target.checks.iter().zip(labels).map(|(check, label)| {
        let verdict = target.verdict_of(check, now);
        Check {
            component_id: label,
            component_type: "component",
            status: word(verdict.status),
            observed_value: observed(check),
            time: check.last_probe.map(|at| Time(at.wall)),
            output: note(verdict),
        }
    });
    (format!("{}:queue_access", target.name), checks.collect())
}

fn observed(check: &CheckView) -> Option<&'static str> {
    let finding = check.diagnosis.as_ref()?.finding;
    Some(finding.cause().unwrap_or(finding.outcome().slug()))
}

/// The draft knows three states; what is not known yet must not be taken for good.
fn word(status: Status) -> &'static str {
    match status {
        Status::Unknown => Status::Fail.as_str(),
        known => known.as_str(),
    }
}

/// That a fault here is suspected, where a target is affected.
fn doubted(targets: &[Arc<TargetView>]) -> Option<&'static str> {
    let mut checks = targets.iter().flat_map(|target| &target.checks);
    checks.any(CheckView::is_doubted).then_some(DOUBTED)
}

const DOUBTED: &str = "local fault suspected: most targets on several hosts cannot be reached";

/// What a status alone does not say.
fn note(verdict: Verdict) -> Option<&'static str> {
    match (verdict.state, verdict.status) {
        (Reason::Stale, _) => Some("stale: no result for too long"),
        (_, Status::Unknown) => Some("starting: no result has settled the verdict yet"),
        (Reason::Doubted, _) => Some(DOUBTED),
        (Reason::Degrading, _) => Some("degrading: the latest probes failed"),
        (Reason::Expiring, _) => Some(
            "token_refresh_failing: unless a new token can be minted, access ends with the present one",
        ),
        (Reason::Recovering, _) => Some("recovering: the latest probes succeeded"),
        _ => None,
    }
}

//! `/diagnose`: the latest diagnosis, or a new one.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::guard::Details;
use super::negotiate::{self, FORMATS, Format};
use super::problem::{Kind, Problem};
use super::query::Query;
use super::{Shared, json, target_in, text, wire, with_type};
use crate::monitor::Purpose;
use crate::snapshot::Snapshot;
use crate::target::Name;

/// `GET /diagnose`
pub(super) async fn all(
    _: Details,
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let wish = Wish::read(&headers, query.as_deref())?;
    answer(&shared, None, wish).await
}

/// `GET /diagnose/{target}`
pub(super) async fn one(
    _: Details,
    State(shared): State<Arc<Shared>>,
    target: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let snapshot = shared.app.monitor.snapshot();
    let name = target_in(&snapshot, &target)?.name.clone();
    let wish = Wish::read(&headers, query.as_deref())?;
    answer(&shared, Some(&name), wish).await
}

/// How and how fresh a client wants the diagnosis.
#[derive(Clone, Copy)]
struct Wish {
    format: Format,
    fresh: bool,
}

impl Wish {
    fn read(headers: &HeaderMap, query: Option<&str>) -> Result<Self, Problem> {
        let mut query = Query::new(query);
        let format = query.choice("format", &FORMATS);
        let fresh = query.flag("fresh");
        query.finish()?;
        let format = format.map_or_else(|| negotiate::format(headers), Ok)?;
        Ok(Self { format, fresh })
    }
}

async fn answer(shared: &Shared, target: Option<&Name>, wish: Wish) -> Result<Response, Problem> {
    let snapshot = if wish.fresh {
        examine(shared, target).await?
    } else {
        shared.app.monitor.snapshot()
    };
    let report = wire::report(&snapshot, shared.app.clock.now(), target);
    Ok(match wish.format {
        Format::Json => json(&report),
        Format::Text => with_type(text::render(&report, false), "text/plain; charset=utf-8"),
    })
}

/// Waits for a new examination, which goes on when this request ends before it.
async fn examine(shared: &Shared, target: Option<&Name>) -> Result<Arc<Snapshot>, Problem> {
    let _permit = shared
        .waiting
        .try_acquire()
        .map_err(|_| Problem::overloaded())?;
    let examination = shared.app.monitor.examine(target, Purpose::Fresh);
    match tokio::time::timeout(shared.upstream_timeout(), examination).await {
        Ok(result) => result.map_err(|declined| Problem::not_examined(&declined)),
        Err(_) => Err(Problem::new(
            Kind::TimedOut,
            "the examination goes on; ask without `fresh` for the latest diagnosis",
        )),
    }
}

//! `/diagnose`: the latest diagnosis, or a new one.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use super::guard::Details;
use super::negotiate::{self, FORMATS, Format};
use super::problem::{Kind, Problem};
use super::query::Query;
use super::{Shared, json, target_in, text, wire, with_type};
use crate::evidence::file::{Saved, writer};
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
    let now = shared.app.clock.now();
    let report = wire::report(&snapshot, now, target);
    match wish.format {
        Format::Json => Ok(json(&report)),
        Format::Text => {
            let text = text::render(&report, false);
            Ok(with_type(text, "text/plain; charset=utf-8"))
        }
        Format::Evidence => evidence(&snapshot.saved(now, target, writer()), target),
    }
}

/// The evidence as a file that `why403 diagnose --from` reads.
fn evidence(saved: &Saved, target: Option<&Name>) -> Result<Response, Problem> {
    /// Several may be made at a time, where there is not much memory.
    const MOST_BYTES: usize = 4 * 1024 * 1024;
    let text = saved
        .write(MOST_BYTES)
        .map_err(|error| Problem::new(Kind::NotAcceptable, error.to_string()))?;
    let mut response = with_type(text, negotiate::EVIDENCE);
    let name = target.map_or("all", Name::as_str);
    // A name needs no escaping.
    let named = format!("attachment; filename=\"why403-{name}.json\"");
    if let Ok(named) = HeaderValue::try_from(named) {
        response.headers_mut().insert(CONTENT_DISPOSITION, named);
    }
    Ok(response)
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

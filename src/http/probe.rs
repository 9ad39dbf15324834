//! `/probe?target=NAME`: a probe of one configured target for whoever scrapes it.
//!
//! The multi-target pattern of Prometheus, with one difference: a target is a name from the
//! configuration and never an address, so that nobody can send our credentials anywhere.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;

use super::guard::Details;
use super::problem::{Kind, Problem, quote};
use super::query::Query;
use super::{Shared, exposition};
use crate::metrics::render_scrape;
use crate::monitor::Declined;
use crate::snapshot::Snapshot;
use crate::target::Name;

const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// What is left of the scraper's time for the way back.
const RESERVE: Duration = Duration::from_millis(500);

/// `GET /probe`
pub(super) async fn probe(
    _: Details,
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut query = Query::new(query.as_deref());
    let target = query.required("target");
    query.finish()?;
    let limit = scrape_timeout(&headers)?.map_or(shared.upstream_timeout(), |limit| {
        limit.min(shared.upstream_timeout())
    });
    let snapshot = shared.app.monitor.snapshot();
    let target = target.and_then(|name| snapshot.target(&name).map(|one| one.name.clone()));
    let target = target.ok_or_else(|| Problem::bare(Kind::UnknownTarget))?;
    answer(&shared, &target, limit).await
}

async fn answer(shared: &Shared, target: &Name, limit: Duration) -> Result<Response, Problem> {
    let clock = &shared.app.clock;
    let began = clock.now();
    let snapshot = probed(shared, target, limit).await?;
    let now = clock.now();
    let target = snapshot.as_ref().and_then(|it| it.target(target.as_str()));
    let body = render_scrape(target.map(Arc::as_ref), now, now.since(began));
    Ok(exposition(body))
}

/// The snapshot that holds the probe; none when it did not end in time. It goes on then, and
/// answers the next scrape.
async fn probed(
    shared: &Shared,
    target: &Name,
    limit: Duration,
) -> Result<Option<Arc<Snapshot>>, Problem> {
    let _permit = shared
        .waiting
        .try_acquire()
        .map_err(|_| Problem::overloaded())?;
    let monitor = &shared.app.monitor;
    match tokio::time::timeout(limit, monitor.scrape(target)).await {
        Ok(Ok(snapshot)) => Ok(Some(snapshot)),
        // The platform asked not to be called: what it said then still stands.
        Ok(Err(Declined::TooSoon(_) | Declined::LeftAlone(_))) => Ok(Some(monitor.snapshot())),
        Ok(Err(declined)) => Err(Problem::not_examined(&declined)),
        Err(_) => Ok(None),
    }
}

/// How long the scraper waits, less what the way back takes.
fn scrape_timeout(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(value) = headers.get(SCRAPE_TIMEOUT) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let seconds: Option<f64> = text.trim().parse().ok();
    let timeout = seconds
        .filter(|seconds| *seconds > 0.0 && seconds.is_finite())
        // Whoever waits longer than time can say waits long enough.
        .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
        .ok_or_else(|| {
            let given = quote(&text);
            let detail = format!(
                "the header X-Prometheus-Scrape-Timeout-Seconds is {given}; it may be a number of \
                 seconds, such as 10 or 2.5"
            );
            Problem::new(Kind::BadRequest, detail)
        })?;
    let reserve = RESERVE.min(timeout / 2);
    Ok(Some(timeout.saturating_sub(reserve)))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(value: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(SCRAPE_TIMEOUT, HeaderValue::from_static(value));
        scrape_timeout(&headers).ok().flatten()
    }

    #[test]
    fn the_scraper_is_answered_before_it_gives_up() {
        let millis = Duration::from_millis;
        assert_eq!(read("10"), Some(millis(9_500)));
        assert_eq!(read("10.000000"), Some(millis(9_500)));
        assert_eq!(read("2.5"), Some(millis(2_000)));
        assert_eq!(read("0.4"), Some(millis(200)));
        assert!(read("1e99") > Some(Duration::from_hours(24)));
        assert_eq!(scrape_timeout(&HeaderMap::new()).ok(), Some(None));
    }

    #[test]
    fn a_timeout_that_is_none_is_refused() {
        for wrong in ["", "0", "-1", "NaN", "inf", "10s", "1e400"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}

//! `POST /diagnose/{target}/verify`: looks until it is mended, and tells as it goes.
//!
//! The verification lives in the future of the answer: whoever goes away ends it, and so does the
//! end of the service. One goes on per target, because each asks for fresh tokens.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use hyper::body::{Body as HttpBody, Bytes, Frame};
use tokio::sync::mpsc;

use super::guard::Admin;
use super::negotiate::{Offer, not_acceptable, preferred};
use super::problem::{Problem, quote};
use super::query::Query;
use super::{Shared, json, target_in, text, wire, with_type};
use crate::config::read_duration;
use crate::monitor::Declined;
use crate::monitor::verify::{LONGEST, Look, Verification, Wish};
use crate::target::Name;

/// Most verifications at a time.
const MOST: usize = 16;

/// How progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// One document, at the end.
    Json,
    /// A line per look as it is made, then the result.
    Text,
    /// The same as JSON: an object per look, then the document.
    Lines,
}

const FORMATS: [(&str, Format); 3] = [
    ("json", Format::Json),
    ("text", Format::Text),
    ("ndjson", Format::Lines),
];

const OFFERS: &[Offer<Format>] = &[
    Offer::new("application", "json", Format::Json),
    Offer::new("text", "plain", Format::Text),
    Offer::new("application", "x-ndjson", Format::Lines),
];

/// `POST /diagnose/{target}/verify`
pub(super) async fn verify(
    _: Admin,
    State(shared): State<Arc<Shared>>,
    target: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let snapshot = shared.app.monitor.snapshot();
    let target = target_in(&snapshot, &target)?.name.clone();
    let (format, limit) = read(&headers, query.as_deref())?;
    if shared.app.stopping.is_cancelled() {
        return Err(Problem::stopping());
    }
    let now = shared.app.clock.now().elapsed;
    let slot = Running::begin(&shared.verifying, &target, now, limit)?;
    let wish = Wish {
        target,
        limit,
        delay: Duration::ZERO,
    };
    if format != Format::Json {
        return Ok(streamed(shared, wish, format, slot));
    }
    let (told, _unheard) = mpsc::unbounded_channel();
    let app = &shared.app;
    let verifying = app.monitor.verify(&wish, &app.stopping, &told);
    let verification = Box::pin(verifying)
        .await
        .map_err(|declined| Problem::not_examined(&declined))?;
    drop(slot);
    Ok(json(&wire::verified(&verification, app.clock.now())))
}

/// How the answer is wanted, and how long to look at most.
fn read(headers: &HeaderMap, query: Option<&str>) -> Result<(Format, Duration), Problem> {
    let mut query = Query::new(query);
    let format = query.choice("format", &FORMATS);
    let limit = query.text("limit").map(|text| {
        let read = read_duration(&text).filter(|limit| *limit <= LONGEST);
        read.ok_or_else(|| format!("`limit` is {}; it may be 0s to 5m", quote(&text)))
    });
    let limit = query.accept(limit);
    query.finish()?;
    let offered = || preferred(headers, OFFERS);
    let format = format.or_else(offered).ok_or_else(|| {
        not_acceptable(
            "a verification is application/json, or told as text/plain or application/x-ndjson",
        )
    })?;
    Ok((format, limit.unwrap_or(LONGEST)))
}

/// The verifications that go on: when each ends at the latest, on the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Running {
    ends: Mutex<BTreeMap<Name, Duration>>,
}

/// One of them; dropping it makes room.
struct Slot {
    running: Arc<Running>,
    target: Name,
}

impl Running {
    fn begin(
        running: &Arc<Self>,
        target: &Name,
        now: Duration,
        limit: Duration,
    ) -> Result<Slot, Problem> {
        let mut ends = running.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = ends.get(target) {
            return Err(Problem::verifying(end.saturating_sub(now)));
        }
        if ends.len() >= MOST {
            return Err(Problem::too_many_verifications());
        }
        ends.insert(target.clone(), now.saturating_add(limit));
        Ok(Slot {
            running: Arc::clone(running),
            target: target.clone(),
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let ends = &self.running.ends;
        let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.remove(&self.target);
    }
}

/// An answer whose body grows while the verification goes on.
fn streamed(shared: Arc<Shared>, wish: Wish, format: Format, slot: Slot) -> Response {
    let (told, looks) = mpsc::unbounded_channel();
    let work = async move {
        let app = &shared.app;
        let result = app.monitor.verify(&wish, &app.stopping, &told).await;
        drop(slot);
        last_line(&result, format, &shared)
    };
    let body = Told {
        looks,
        format,
        work: Some(Box::pin(work)),
        last: None,
    };
    let content_type = match format {
        Format::Text => "text/plain; charset=utf-8",
        Format::Json | Format::Lines => "application/x-ndjson",
    };
    with_type(Body::new(body), content_type)
}

fn last_line(result: &Result<Verification, Declined>, format: Format, shared: &Shared) -> String {
    let verification = match result {
        Ok(verification) => verification,
        Err(_) if format == Format::Text => return text::not_verified(),
        Err(_) => return line(&wire::NOT_VERIFIED),
    };
    match format {
        Format::Text => text::verified(verification),
        Format::Json | Format::Lines => line(&wire::verified(verification, shared.app.clock.now())),
    }
}

fn line(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}

/// The work of a verification.
type Work = Pin<Box<dyn Future<Output = String> + Send>>;

/// A body of lines: the looks of a verification as they are made, then its result.
struct Told {
    looks: mpsc::UnboundedReceiver<Look>,
    format: Format,
    /// None once it has ended.
    work: Option<Work>,
    last: Option<String>,
}

impl Told {
    fn line(&self, look: &Look) -> String {
        match self.format {
            Format::Text => text::look(look) + "\n",
            Format::Json | Format::Lines => line(&wire::seen(look)),
        }
    }
}

impl HttpBody for Told {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if let Some(work) = &mut this.work
            && let Poll::Ready(last) = work.as_mut().poll(context)
        {
            this.work = None;
            this.last = Some(last);
        }
        let frame = |text: String| Poll::Ready(Some(Ok(Frame::data(Bytes::from(text)))));
        match this.looks.poll_recv(context) {
            Poll::Ready(Some(look)) => frame(this.line(&look)),
            Poll::Ready(None) => this.last.take().map_or(Poll::Ready(None), frame),
            Poll::Pending => Poll::Pending,
        }
    }
}

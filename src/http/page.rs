//! `/`: the state of everything, for people, without a script.
//!
//! Up to [`MOST_CARDS`] checks are shown in full; a fleet is a table, worst first, whose rows
//! lead to the full view. Everything is escaped by the template engine; the style sheet is the
//! only thing that the content security policy lets through, by its hash.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::age::{clock_time, relative};
use super::guard::Details;
use super::problem::{Kind, Problem};
use super::query::Query;
use super::text::{Row as Change, is_told, lasted, lines, rows, token_facts, visible};
use super::wire::{self, Entry, Report, Time};
use super::{Shared, with_type};
use crate::clock::Moment;
use crate::health::{State as Reason, Status};
use crate::snapshot::Snapshot;

/// Most checks that are shown in full.
const MOST_CARDS: usize = 20;

/// Rows of one page of a fleet.
const ROWS_PER_PAGE: usize = 500;

const CSS: &str = include_str!("templates/page.css");

static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(CSS));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).ok()
});

/// `GET /`
pub(super) async fn page(
    _: Details,
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut query = Query::new(query.as_deref());
    let target = query.text("target");
    let number = query.number("page").unwrap_or(1);
    let refreshes = query.choice("refresh", &[("on", true), ("off", false)]);
    query.finish()?;
    let view = View {
        target: target.as_deref(),
        number,
        refreshes: refreshes.unwrap_or(true),
    };
    let html = render(
        &shared.app.monitor.snapshot(),
        shared.app.clock.now(),
        &view,
    )?;
    let mut response = with_type(html, "text/html; charset=utf-8");
    if let Some(policy) = POLICY.clone() {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response.into_response())
}

/// What of the page is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) target: Option<&'a str>,
    pub(super) number: usize,
    pub(super) refreshes: bool,
}

/// The page as HTML.
///
/// # Errors
/// A problem when the target is unknown.
pub(super) fn render(snapshot: &Snapshot, now: Moment, view: &View<'_>) -> Result<String, Problem> {
    let unknown = || Problem::bare(Kind::UnknownTarget);
    let target = match view.target {
        Some(name) => Some(&snapshot.target(name).ok_or_else(unknown)?.name),
        None => None,
    };
    let report = wire::report(snapshot, now, target);
    let page = Page::new(&report, now.wall, view);
    page.render().map_err(|error| {
        tracing::error!(%error, "the page could not be rendered: {error}");
        Problem::bare(Kind::Internal)
    })
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    css: &'static str,
    mark: Mark,
    headline: String,
    now: When,
    /// The address of this view, ready for one more parameter.
    here: String,
    refreshes: bool,
    /// That a fault here is suspected.
    suspicion: Option<&'static str>,
    /// Whether one target was asked for.
    alone: bool,
    cards: Vec<Card<'a>>,
    fleet: Option<Fleet<'a>>,
    version: &'static str,
}

impl<'a> Page<'a> {
    fn new(report: &'a Report<'a>, now: Timestamp, view: &View<'a>) -> Self {
        let mut entries: Vec<_> = report.diagnoses.iter().collect();
        entries.sort_by_key(|entry| Reverse(entry.verdict_status()));
        let worst = entries
            .first()
            .map_or(Status::Unknown, |it| it.verdict_status());
        let alone = view.target.is_some();
        let in_full = alone || entries.len() <= MOST_CARDS;
        let cards = if in_full { entries.as_slice() } else { &[] };
        let fleet = (!in_full).then(|| Fleet::new(&entries, view.number, now));
        let here = match (view.target, &fleet) {
            (Some(name), _) => format!("/?target={name}&"),
            (None, Some(fleet)) => format!("/?page={}&", fleet.page),
            (None, None) => "/?".to_owned(),
        };
        Self {
            css: CSS,
            mark: Mark::of(worst),
            headline: headline(worst, &entries),
            now: When::new(now, now),
            here,
            refreshes: view.refreshes,
            suspicion: report.suspected_local_fault.then_some(wire::LOCAL_FAULT),
            alone,
            cards: cards.iter().map(|entry| Card::new(entry, now)).collect(),
            fleet,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

fn headline(worst: Status, entries: &[&Entry<'_>]) -> String {
    let all = entries.len();
    let count = entries
        .iter()
        .filter(|it| it.verdict_status() == worst)
        .count();
    let share = match (all, count) {
        (0 | 1, _) => String::new(),
        (all, count) if all == count => format!(" on all {all} checks"),
        (all, count) => format!(" on {count} of {all} checks"),
    };
    match worst {
        _ if all == 0 => "Nothing is watched".to_owned(),
        Status::Pass => format!("Access works{share}"),
        Status::Warn => format!("Access deserves a look{share}"),
        Status::Unknown => format!("Access is not known yet{share}"),
        Status::Fail => format!("Access fails{share}"),
    }
}

/// A status as symbol, word and colour; never by colour alone.
#[derive(Clone, Copy)]
struct Mark {
    symbol: &'static str,
    word: &'static str,
    class: &'static str,
}

impl Mark {
    fn of(status: Status) -> Self {
        let (symbol, word) = match status {
            Status::Pass => ("✓", "Pass"),
            Status::Warn => ("!", "Warn"),
            Status::Unknown => ("?", "Unknown"),
            Status::Fail => ("✗", "Fail"),
        };
        Self {
            symbol,
            word,
            class: status.as_str(),
        }
    }
}

/// A time for machines and for people.
struct When {
    iso: String,
    absolute: String,
    relative: String,
}

impl When {
    fn new(at: Timestamp, now: Timestamp) -> Self {
        Self {
            iso: format!("{at:.0}"),
            absolute: clock_time(at),
            relative: relative(at, now),
        }
    }
}

/// One check in full.
struct Card<'a> {
    entry: &'a Entry<'a>,
    mark: Mark,
    /// Status and cause; none before the first probe.
    slug: Option<String>,
    confidence: Option<&'static str>,
    note: Option<Cow<'static, str>>,
    missing: Vec<(String, Vec<String>)>,
    facts: Vec<Fact>,
    /// The episode, where there is something to tell.
    episode: Option<Story>,
    /// The remedy by tool: a heading, and purpose and text of each part.
    tools: Vec<(&'static str, Vec<&'a wire::Command<'a>>)>,
    /// Whether the evidence is shown at once.
    open: bool,
    reasoning: String,
}

/// An episode.
struct Story {
    lasted: String,
    /// Empty where no last good state is known.
    rows: Vec<Change>,
    lines: Vec<(&'static str, String)>,
}

impl Story {
    fn of(entry: &Entry<'_>, now: Timestamp) -> Option<Self> {
        let episode = entry.episode.as_ref()?;
        let rows = |_| rows(episode);
        is_told(episode, now).then(|| Self {
            lasted: lasted(episode, now),
            rows: episode.last_good.as_ref().map(rows).unwrap_or_default(),
            lines: lines(episode),
        })
    }
}

struct Fact {
    label: &'static str,
    value: String,
    more: Option<String>,
    wide: bool,
}

impl<'a> Card<'a> {
    fn new(entry: &'a Entry<'a>, now: Timestamp) -> Self {
        let status = entry.answer.as_ref().map(|answer| answer.status);
        let slug = entry.cause.or(entry.outcome);
        Self {
            entry,
            mark: Mark::of(entry.verdict_status()),
            slug: slug.map(|slug| match status {
                Some(status) => format!("{status} {slug}"),
                None => slug.to_owned(),
            }),
            confidence: entry.cause.and(entry.confidence),
            note: note(entry),
            missing: missing(entry),
            facts: facts(entry, now),
            episode: Story::of(entry, now),
            tools: tools(entry),
            open: entry.cause.is_some(),
            reasoning: reasoning(entry),
        }
    }
}

fn slug(entry: &Entry<'_>) -> &'static str {
    entry.cause.or(entry.outcome).unwrap_or("not examined yet")
}

fn note(entry: &Entry<'_>) -> Option<Cow<'static, str>> {
    let words = match entry.verdict.state {
        Reason::Stale => Some("Stale: no result for too long; access may have changed since."),
        Reason::Degrading => Some("The latest probes failed; not yet often enough to count."),
        Reason::Recovering => Some("The latest probes succeeded; not yet often enough to count."),
        Reason::Doubted => Some("A fault here is suspected; the latest results do not count."),
        Reason::Starting | Reason::Healthy | Reason::Expiring | Reason::Unhealthy => None,
    };
    words
        .map(Cow::from)
        .or_else(|| entry.expiring().map(Cow::from))
}

fn missing(entry: &Entry<'_>) -> Vec<(String, Vec<String>)> {
    let ending = entry.early_warning.as_ref();
    let missing = ending.map_or(&entry.missing, |ending| &ending.missing);
    let several = missing.permissions.len() > 1;
    let permissions = match missing.mode {
        Some(mode) if several => format!("Missing permissions, {mode} of"),
        _ => "Missing permission".to_owned(),
    };
    let divisions = missing
        .divisions
        .iter()
        .map(|division| match division.name {
            Some(name) if name != division.id => format!("{name} ({})", division.id),
            _ => division.id.to_owned(),
        });
    let published = entry.published_otherwise();
    let mut groups = vec![
        (permissions, missing.permissions.to_vec()),
        (
            "Published by Genesys".to_owned(),
            published.into_iter().collect(),
        ),
        ("Missing scope, one of".to_owned(), missing.scopes.to_vec()),
        ("In division".to_owned(), divisions.collect()),
    ];
    groups.retain(|(_, items)| !items.is_empty());
    groups
}

fn tools<'a>(entry: &'a Entry<'a>) -> Vec<(&'static str, Vec<&'a wire::Command<'a>>)> {
    let commands = entry
        .remedy
        .as_ref()
        .map(|remedy| remedy.commands.as_slice());
    let commands = commands.unwrap_or_default();
    [("gc", "With gc"), ("terraform", "With Terraform")]
        .into_iter()
        .map(|(tool, heading)| {
            let own = commands.iter().filter(|it| it.tool == tool);
            (heading, own.collect::<Vec<_>>())
        })
        .filter(|(_, own)| !own.is_empty())
        .collect()
}

fn facts(entry: &Entry<'_>, now: Timestamp) -> Vec<Fact> {
    let time = |label, at: Option<Timestamp>| {
        let when = When::new(at?, now);
        Some(Fact::new(label, when.relative, Some(when.absolute)))
    };
    let caller = &entry.identity;
    let client = caller.client_id.map(|id| format!("client {id}"));
    let token = entry.token.as_ref().map(|token| {
        let expires = token.expires_at.map(|Time(at)| clock_time(at));
        Fact::new("Token", token_facts(token, now), expires)
    });
    let said = entry.answer.as_ref().filter(|_| entry.cause.is_some());
    let said = said.and_then(|answer| {
        let words = [answer.code, answer.message];
        let words = words.into_iter().flatten().collect::<Vec<_>>().join(": ");
        let id = answer
            .correlation_id
            .map(|id| format!("correlation id {id}"));
        (!words.is_empty()).then(|| Fact {
            wide: true,
            ..Fact::new("The answer said", words, id)
        })
    });
    let facts = [
        said,
        visible(&entry.queues).map(|queues| Fact::new("Visible queues", queues, None)),
        time("Last probe", entry.last_probe),
        time("Unchanged since", entry.since.map(|Time(at)| at)),
        token,
        entry
            .clocks_differ()
            .map(|words| Fact::new("Clocks", words, None)),
        Some(Fact::new(
            "Caller",
            format!("{}, {}", caller.kind, caller.grant),
            client,
        )),
    ];
    facts.into_iter().flatten().collect()
}

impl Fact {
    fn new(label: &'static str, value: String, more: Option<String>) -> Self {
        Self {
            label,
            value,
            more,
            wide: false,
        }
    }
}

fn reasoning(entry: &Entry<'_>) -> String {
    match (entry.ruled_out.len(), entry.undetermined.len()) {
        (out, 0) => format!("{out} ruled out"),
        (0, open) => format!("{open} not settled"),
        (out, open) => format!("{out} ruled out, {open} not settled"),
    }
}

/// Many checks, one row each.
struct Fleet<'a> {
    rows: Vec<Row<'a>>,
    page: usize,
    pages: usize,
}

struct Row<'a> {
    mark: Mark,
    target: &'a str,
    operation: &'a str,
    slug: &'static str,
    since: String,
    last_probe: String,
}

impl<'a> Fleet<'a> {
    fn new(entries: &[&'a Entry<'a>], number: usize, now: Timestamp) -> Self {
        let pages = entries.len().div_ceil(ROWS_PER_PAGE).max(1);
        let page = number.clamp(1, pages);
        let rows = entries.chunks(ROWS_PER_PAGE).nth(page - 1).unwrap_or(&[]);
        Self {
            rows: rows.iter().map(|entry| Row::new(entry, now)).collect(),
            page,
            pages,
        }
    }
}

impl<'a> Row<'a> {
    fn new(entry: &'a Entry<'a>, now: Timestamp) -> Self {
        let ago = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| relative(at, now));
        Self {
            mark: Mark::of(entry.verdict_status()),
            target: entry.target,
            operation: &entry.operation,
            slug: slug(entry),
            since: ago(entry.since.map(|Time(at)| at)),
            last_probe: ago(entry.last_probe),
        }
    }
}

#[cfg(test)]
mod tests;

//! Episodes for people: the last good state and the first bad one side by side, what was found
//! since, and what recovered access.

use jiff::Timestamp;

use super::sheet::{Ink, Sheet, plain};
use crate::http::age::{clock_time, relative, span};
use crate::http::wire::{Episode, Listed, Standing, Time, Timelines, Turn};

/// How long an episode that has ended is shown with the diagnosis.
const REMEMBERED_SECONDS: i64 = 24 * 60 * 60;
/// Most roles, divisions or scopes that a cell names.
const MOST_NAMED: usize = 8;
/// What stands where nothing is known.
const UNKNOWN: &str = "not known";

/// The timelines as text of at most 88 columns, with ANSI colours if `color`.
#[must_use]
pub fn timelines(timelines: &Timelines<'_>, color: bool) -> String {
    let mut sheet = Sheet::new(color);
    let Time(now) = timelines.generated_at;
    for (number, listed) in timelines.episodes.iter().enumerate() {
        if number > 0 {
            sheet.gap();
        }
        headline(&mut sheet, listed);
        write(&mut sheet, &listed.episode, now);
    }
    if timelines.episodes.is_empty() {
        let since = timelines.since.map(|Time(at)| clock_time(at));
        let since = since.map_or_else(String::new, |at| format!(" since {at}"));
        sheet.line(&format!("No episode of trouble is known{since}."));
    }
    if timelines.left_out > 0 {
        sheet.gap();
        sheet.line(&format!(
            "{} older episodes are not shown; ask for one target.",
            timelines.left_out
        ));
    }
    sheet.finish()
}

fn headline(sheet: &mut Sheet, listed: &Listed<'_>) {
    let episode = &listed.episode;
    let (symbol, ink) = match episode.ended {
        Some(_) => ("✓", Ink::Good),
        None => ("✗", Ink::Bad),
    };
    let symbol = sheet.ink(ink, symbol);
    let target = sheet.ink(Ink::Strong, &plain(listed.target));
    let cause = episode.changes.last().map_or("", slug);
    sheet.line(&format!("{symbol} {target}  {}  {cause}", listed.operation));
}

/// The section of a diagnosis, where there is something to tell.
pub(super) fn what_changed(sheet: &mut Sheet, episode: Option<&Episode<'_>>, now: Timestamp) {
    if let Some(episode) = episode.filter(|episode| is_told(episode, now)) {
        sheet.heading("What changed");
        write(sheet, episode, now);
    }
}

/// Whether an episode belongs to a diagnosis made now: it goes on, or has ended lately, and there
/// is something to compare.
pub(in crate::http) fn is_told(episode: &Episode<'_>, now: Timestamp) -> bool {
    let is_recent = |Time(ended): Time| now.duration_since(ended).as_secs() < REMEMBERED_SECONDS;
    let is_known = episode.last_good.is_some() || episode.changes.len() > 1;
    episode.ended.map_or(is_known, is_recent)
}

fn write(sheet: &mut Sheet, episode: &Episode<'_>, now: Timestamp) {
    sheet.paragraph(4, &lasted(episode, now));
    let rows = rows(episode);
    if episode.last_good.is_some() {
        sheet.columns("", "Last good", "First bad");
        for row in rows {
            sheet.columns(row.label, &plain(&row.left), &plain(&row.right));
        }
    }
    for (label, line) in lines(episode) {
        sheet.hanging(&format!("    {label}"), &plain(&line));
    }
}

/// From when to when.
pub(in crate::http) fn lasted(episode: &Episode<'_>, now: Timestamp) -> String {
    let Time(began) = episode.began;
    let from = clock_time(began);
    match episode.ended {
        Some(Time(ended)) => {
            let seconds = ended.duration_since(began).as_secs().unsigned_abs();
            let to = clock_time(ended);
            format!("Failed from {from} to {to} ({}).", span(seconds))
        }
        None => format!("Fails since {from} ({}).", relative(began, now)),
    }
}

/// One thing in the last good state and in the first bad one.
#[derive(Debug)]
pub(in crate::http) struct Row {
    pub(in crate::http) label: &'static str,
    pub(in crate::http) left: String,
    pub(in crate::http) right: String,
}

/// What is known of either state.
pub(in crate::http) fn rows(episode: &Episode<'_>) -> Vec<Row> {
    type Cell = fn(&Standing<'_>) -> Option<String>;
    let cells: [(&'static str, Cell); 7] = [
        ("At", |it| Some(clock_time(it.at.0))),
        ("Roles", roles),
        ("Held in", divisions),
        ("Scopes", |it| {
            Some(list(it.scopes?.iter().map(String::as_str)))
        }),
        ("Token", token),
        ("Queues", |it| Some(it.queues?.to_string())),
        ("Org", |it| Some(it.organization?.to_owned())),
    ];
    let good = episode.last_good.as_ref();
    let row = |(label, cell): (&'static str, Cell)| {
        let (left, right) = (good.and_then(cell), cell(&episode.first_bad));
        (left.is_some() || right.is_some()).then(|| Row {
            label,
            left: left.unwrap_or_else(|| UNKNOWN.to_owned()),
            right: right.unwrap_or_else(|| UNKNOWN.to_owned()),
        })
    };
    cells.into_iter().filter_map(row).collect()
}

fn roles(standing: &Standing<'_>) -> Option<String> {
    let roles = standing.roles.as_ref()?;
    let shown: Vec<String> = roles
        .iter()
        .map(|role| {
            let division = match role.division.id {
                "*" => "all divisions",
                id => role.division.name.unwrap_or(id),
            };
            format!("{} ({division})", role.name.unwrap_or(role.id))
        })
        .collect();
    Some(list(shown.iter().map(String::as_str)))
}

fn divisions(standing: &Standing<'_>) -> Option<String> {
    let held = standing.divisions.as_ref()?;
    Some(if held.all {
        "all divisions".to_owned()
    } else {
        list(held.names.iter().copied())
    })
}

fn token(standing: &Standing<'_>) -> Option<String> {
    let token = standing.token.as_ref()?;
    let age = token.age_seconds.map(|age| format!(", {} old", span(age)));
    Some(format!(
        "number {}{}",
        token.generation,
        age.unwrap_or_default()
    ))
}

fn list<'a>(items: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = items.len().saturating_sub(MOST_NAMED);
    let named: Vec<&str> = items.take(MOST_NAMED).collect();
    match (named.as_slice(), more) {
        ([], _) => "none".to_owned(),
        (named, 0) => named.join(", "),
        (named, more) => format!("{} and {more} more", named.join(", ")),
    }
}

/// What differs, what was found, and what recovered it, each with a label.
pub(in crate::http) fn lines(episode: &Episode<'_>) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if !episode.differs.is_empty() {
        lines.push(("Differs", episode.differs.clone()));
    }
    let found = episode.changes.iter().map(|turn| {
        let at = clock_time(turn.at.0);
        format!("{at}: {} ({})", slug(turn), turn.confidence)
    });
    lines.extend(
        std::iter::once("Found")
            .chain(std::iter::repeat(""))
            .zip(found),
    );
    if let Some(recovery) = &episode.recovery {
        let by = recovery.by;
        lines.push(("Ended", format!("{by}: {}", recovery.because)));
    }
    lines
}

fn slug<'a>(turn: &Turn<'a>) -> &'a str {
    turn.cause.unwrap_or(turn.outcome)
}

//! A report for people: the verdict first, then what to do, then the proof.
//!
//! Used by `/diagnose` and by the command line.

mod episode;
mod sheet;

use jiff::Timestamp;

use super::age::{clock_time, relative, span};
use super::wire::{self, Answer, Entry, Line, Missing, Queues, Remedy, Report, Time, Token};
use crate::diagnosis::Explanation;
use crate::health::Status;
use crate::monitor::verify::{Look, Verification};
use sheet::{Ink, Sheet, plain};

pub use episode::timelines;
pub(super) use episode::{Row, is_told, lasted, lines, rows};

/// The report as text of at most 88 columns (longer only where a URL or an id is), with ANSI
/// colours if `color`.
#[must_use]
pub fn render(report: &Report<'_>, color: bool) -> String {
    let mut sheet = Sheet::new(color);
    let mut entries: Vec<_> = report.diagnoses.iter().collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.verdict_status()));
    if report.suspected_local_fault {
        sheet.paragraph(0, wire::LOCAL_FAULT);
        sheet.gap();
    }
    if let [_, _, ..] = entries.as_slice() {
        tally(&mut sheet, &entries);
    }
    for (number, entry) in entries.iter().enumerate() {
        if number > 0 {
            sheet.gap();
        }
        write(&mut sheet, entry, report.generated_at);
    }
    if entries.is_empty() {
        sheet.line("Nothing is watched.");
    }
    sheet.finish()
}

/// When and by what saved evidence was taken: a line above the report about it.
#[must_use]
pub fn taken(at: Timestamp, written_by: &str) -> String {
    format!(
        "Evidence taken {} by {}.\n\n",
        clock_time(at),
        plain(written_by)
    )
}

/// One look of a verification, as a line without its end.
#[must_use]
pub fn look(look: &Look) -> String {
    let seen = wire::seen(look);
    let status = seen.status.map(|status| format!("{status} "));
    let status = status.unwrap_or_default();
    let finding = match seen.cause {
        Some(cause) => format!("{cause} ({})", seen.confidence),
        None => seen.outcome.to_owned(),
    };
    let time = look.at.strftime("%H:%M:%S");
    format!(
        "{time}  {}  {status}{finding}: {}",
        seen.operation, seen.says
    )
}

/// What came of a verification, as a paragraph.
#[must_use]
pub fn verified(verification: &Verification) -> String {
    let mut sheet = Sheet::new(false);
    let result = verification.result.as_str().replace('_', " ");
    let text = format!(
        "{}: {result}. {}",
        verification.target, verification.summary
    );
    sheet.paragraph(0, &plain(&text));
    sheet.finish()
}

/// The same when nothing could be looked at.
#[must_use]
pub fn not_verified() -> String {
    let wire::NotVerified { result, summary } = wire::NOT_VERIFIED;
    format!("{result}. {summary}\n")
}

/// What a word is, as text of at most 88 columns, with ANSI colours if `color`.
#[must_use]
pub fn explanations(found: &[Explanation], color: bool) -> String {
    let mut sheet = Sheet::new(color);
    for (number, explanation) in found.iter().enumerate() {
        if number > 0 {
            sheet.gap();
        }
        explain(&mut sheet, explanation);
    }
    sheet.finish()
}

fn explain(sheet: &mut Sheet, explanation: &Explanation) {
    let word = sheet.ink(Ink::Strong, &explanation.word);
    sheet.line(&format!("{word}  ({})", explanation.kind));
    sheet.paragraph(2, &format!("{}.", explanation.title.trim_end_matches('.')));
    for paragraph in &explanation.paragraphs {
        sheet.gap();
        sheet.paragraph(2, paragraph);
    }
    if !explanation.steps.is_empty() {
        sheet.gap();
    }
    for (number, step) in explanation.steps.iter().enumerate() {
        sheet.hanging(&format!("  {}.", number + 1), step);
    }
    if !explanation.see_also.is_empty() {
        sheet.gap();
        sheet.field("See also", &explanation.see_also.join(", "));
    }
}

/// How many checks have which status.
fn tally(sheet: &mut Sheet, entries: &[&Entry<'_>]) {
    let counts: Vec<_> = [Status::Fail, Status::Unknown, Status::Warn, Status::Pass]
        .into_iter()
        .map(|status| {
            (
                status,
                entries
                    .iter()
                    .filter(|it| it.verdict_status() == status)
                    .count(),
            )
        })
        .filter(|(_, count)| *count > 0)
        .map(|(status, count)| format!("{count} {}", status.as_str()))
        .collect();
    let line = format!("{} checks: {}", entries.len(), counts.join(", "));
    let line = sheet.ink(Ink::Strong, &line);
    sheet.line(&line);
    sheet.gap();
}

fn write(sheet: &mut Sheet, entry: &Entry<'_>, now: Time) {
    headline(sheet, entry);
    sheet.paragraph(2, &plain(entry.summary));
    doubts(sheet, entry, now);
    if entry.cause.is_some() || entry.early_warning.is_some() {
        sheet.gap();
        missing(sheet, entry);
        if let Some(remedy) = &entry.remedy {
            steps(sheet, remedy);
            commands(sheet, "gc", "With gc", remedy);
            commands(sheet, "terraform", "With Terraform", remedy);
        }
    }
    sheet.gap();
    facts(sheet, entry, now);
    episode::what_changed(sheet, entry.episode.as_ref(), now.0);
    findings(sheet, entry);
    proof(sheet, &entry.evidence, entry.examined_at.unwrap_or(now));
}

fn headline(sheet: &mut Sheet, entry: &Entry<'_>) {
    let (symbol, ink) = mark(entry.verdict_status());
    let status = entry
        .answer
        .as_ref()
        .map(|answer| format!("{} ", answer.status));
    let status = status.unwrap_or_default();
    let finding = match (entry.cause, entry.outcome, entry.confidence) {
        (Some(cause), _, Some(confidence)) => format!("{status}{cause} ({confidence})"),
        (_, Some(outcome), _) => format!("{status}{outcome}"),
        _ => "not examined yet".to_owned(),
    };
    let symbol = sheet.ink(ink, symbol);
    let target = sheet.ink(Ink::Strong, &plain(entry.target));
    let finding = sheet.ink(ink, &finding);
    sheet.line(&format!(
        "{symbol} {target}  {}  {finding}",
        entry.operation
    ));
}

fn mark(status: Status) -> (&'static str, Ink) {
    match status {
        Status::Pass => ("✓", Ink::Good),
        Status::Warn => ("!", Ink::Doubt),
        Status::Unknown => ("?", Ink::Doubt),
        Status::Fail => ("✗", Ink::Bad),
    }
}

/// What the verdict has besides the finding: age, or results not yet confirmed.
fn doubts(sheet: &mut Sheet, entry: &Entry<'_>, Time(now): Time) {
    use crate::health::State;
    if let Some(words) = entry.expiring() {
        sheet.paragraph(2, &words);
    }
    let words = match entry.verdict.state {
        State::Stale => {
            let last = entry.last_probe.map(|at| relative(at, now));
            let last = last.unwrap_or_else(|| "never".to_owned());
            format!("Stale: the last probe ended {last}; access may have changed since.")
        }
        State::Degrading => "The latest probes failed; not yet often enough to count.".to_owned(),
        State::Recovering => {
            "The latest probes succeeded; not yet often enough to count.".to_owned()
        }
        State::Doubted => "A fault here is suspected; the latest results do not count.".to_owned(),
        State::Starting | State::Healthy | State::Expiring | State::Unhealthy => return,
    };
    sheet.paragraph(2, &words);
}

fn missing(sheet: &mut Sheet, entry: &Entry<'_>) {
    let ending = entry.early_warning.as_ref();
    let missing: &Missing<'_> = ending.map_or(&entry.missing, |ending| &ending.missing);
    let permissions = missing.permissions.join(", ");
    if !permissions.is_empty() {
        let several = missing.permissions.len() > 1;
        let mode = missing.mode.filter(|_| several);
        let mode = mode.map_or_else(String::new, |mode| format!("{mode} of "));
        sheet.field("Missing", &plain(&format!("{mode}{permissions}")));
        if let Some(published) = entry.published_otherwise() {
            sheet.field("Published", &published);
        }
    }
    if !missing.scopes.is_empty() {
        let scopes = missing.scopes.join(", ");
        sheet.field("Scopes", &plain(&format!("one of {scopes}")));
    }
    for division in &missing.divisions {
        let shown = match division.name {
            Some(name) if name != division.id => format!("{name} {}", division.id),
            _ => format!("division {}", division.id),
        };
        sheet.field("In", &plain(&shown));
    }
}

fn steps(sheet: &mut Sheet, remedy: &Remedy<'_>) {
    sheet.field("Who", &plain(remedy.who));
    for (number, step) in remedy.steps.iter().enumerate() {
        let label = if number == 0 { "Do" } else { "" };
        let number = number + 1;
        sheet.hanging(&format!("  {label:6}{number}."), &plain(step));
    }
    sheet.field("Then", &plain(remedy.propagation));
    sheet.field("Verify", &plain(remedy.verify));
}

/// What a tool does, line by line and unbroken, so that it can be copied whole.
fn commands(sheet: &mut Sheet, tool: &str, heading: &str, remedy: &Remedy<'_>) {
    let commands: Vec<_> = remedy
        .commands
        .iter()
        .filter(|it| it.tool == tool)
        .collect();
    if !commands.is_empty() {
        sheet.heading(heading);
    }
    for command in commands {
        sheet.line(&format!("    # {}", command.purpose));
        for line in command.text.lines() {
            sheet.line(&format!("    {}", plain(line)));
        }
    }
}

fn facts(sheet: &mut Sheet, entry: &Entry<'_>, Time(now): Time) {
    if let Some(queues) = visible(&entry.queues) {
        sheet.field("Queues", &plain(&queues));
    }
    if entry.cause.is_some()
        && let Some(answer) = &entry.answer
    {
        said(sheet, answer);
    }
    let client = entry.identity.client_id;
    let client = client.map_or_else(String::new, |id| format!(", client {id}"));
    let caller = format!("{}, {}{client}", entry.identity.kind, entry.identity.grant);
    sheet.field("Caller", &plain(&caller));
    if let Some(token) = &entry.token {
        sheet.field("Token", &plain(&token_facts(token, now)));
    }
    if let Some(difference) = entry.clocks_differ() {
        sheet.field("Clocks", &difference);
    }
    if let Some(Time(since)) = entry.since {
        let ago = relative(since, now);
        sheet.field("Since", &format!("{} ({ago})", clock_time(since)));
    }
    if let Some(Time(at)) = entry.examined_at {
        let ago = relative(at, now);
        sheet.field("Examined", &format!("{} ({ago})", clock_time(at)));
    }
}

fn said(sheet: &mut Sheet, answer: &Answer<'_>) {
    let parts = [answer.code, answer.message];
    let parts: Vec<_> = parts.into_iter().flatten().map(plain).collect();
    sheet.field("Answer", &format!("{} {}", answer.status, parts.join(": ")));
    if let Some(id) = answer.correlation_id {
        sheet.field("", &plain(&format!("correlation id {id}")));
    }
}

/// How many queues are visible, and the first of them.
pub(super) fn visible(queues: &Queues<'_>) -> Option<String> {
    let first = queues.first.as_ref();
    let first = first.map(|queue| format!("first: {} ({})", queue.name, queue.id));
    match (queues.total, first) {
        (Some(total), Some(first)) => Some(format!("{total}, {first}")),
        (Some(total), None) => Some(total.to_string()),
        (None, first) => first.map(|first| format!("how many is not told, {first}")),
    }
}

/// A token's age, expiry and scopes.
pub(super) fn token_facts(token: &Token<'_>, now: Timestamp) -> String {
    let age = span(token.age_seconds);
    let expiry = match token.expires_at {
        Some(Time(at)) if at <= now => format!("expired {}", relative(at, now)),
        Some(Time(at)) => format!("expires {}", relative(at, now)),
        None => "expiry not known".to_owned(),
    };
    let scopes = match token.scopes {
        Some([]) => ", no scopes".to_owned(),
        Some(scopes) => format!(", scopes {}", scopes.join(" ")),
        None => String::new(),
    };
    format!("{age} old, {expiry}{scopes}")
}

fn findings(sheet: &mut Sheet, entry: &Entry<'_>) {
    if !entry.ruled_out.is_empty() {
        sheet.heading("Ruled out");
    }
    for ruled_out in &entry.ruled_out {
        let line = format!("{}: {}", ruled_out.cause, ruled_out.because);
        sheet.paragraph(4, &plain(&line));
    }
    if !entry.undetermined.is_empty() {
        sheet.heading("Not settled");
    }
    for open in &entry.undetermined {
        sheet.paragraph(4, &plain(open.question));
        sheet.paragraph(6, &plain(open.because));
    }
}

/// What an exchange says, means, and how old it is where it is old.
fn said_by(line: &Line<'_>, Time(examined): Time) -> String {
    let mut said = line.says.trim_end_matches('.').to_owned();
    if !line.supports.is_empty() {
        said = format!("{said}; supports {}", line.supports.join(", "));
    }
    if !line.rules_out.is_empty() {
        said = format!("{said}; rules out {}", line.rules_out.join(", "));
    }
    let Time(at) = line.at;
    let age = examined.duration_since(at).as_secs();
    if age >= 60 {
        said = format!("{said} ({} before)", span(age.unsigned_abs()));
    }
    said
}

fn proof(sheet: &mut Sheet, lines: &[Line<'_>], now: Time) {
    if !lines.is_empty() {
        sheet.heading("Evidence");
    }
    let width = lines.iter().map(|line| line.step.len()).max().unwrap_or(0);
    for line in lines {
        let status = line
            .status
            .map_or_else(|| "---".to_owned(), |it| it.to_string());
        let request = plain(line.request);
        sheet.line(&format!(
            "    {:width$} {status} {:>5} ms  {request}",
            line.step, line.duration_ms
        ));
        sheet.paragraph(12, &plain(&said_by(line, now)));
        if let Some(id) = line.correlation_id {
            let id = sheet.ink(Ink::Faint, &format!("correlation id {}", plain(id)));
            sheet.line(&format!("{:12}{id}", ""));
        }
    }
}

#[cfg(test)]
mod tests;

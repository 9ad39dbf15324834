//! Evidence to a file and back: the same evidence gives the same diagnosis, wherever it is read.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::args::{Diagnose, Format, Global};
use super::diagnose::{show, status_of, worst};
use super::output::{complain, deliver, wants_color};
use super::{MISUSED, UNKNOWN};
use crate::clock::Moment;
use crate::config::{Environment, HealthPolicy};
use crate::diagnosis::{Diagnosis, diagnose};
use crate::evidence::file::{MOST_BYTES, Record, Saved, writer};
use crate::health::{Health, Seen, Thresholds, Verdict};
use crate::http::{text, wire};
use crate::snapshot::Snapshot;

/// The name that stands for standard input or output.
const STANDARD: &str = "-";

/// Diagnoses saved evidence.
pub(super) fn run(
    global: &Global,
    options: &Diagnose,
    from: &Path,
    environment: &Environment,
) -> ExitCode {
    if global.config.is_some() || global.profile.is_some() {
        complain("error: --from needs no configuration: leave --config and --profile out");
        return ExitCode::from(MISUSED);
    }
    match replay(options, from, wants_color(environment)) {
        Ok((shown, status)) => deliver(&shown, ExitCode::from(status)),
        Err(problem) => {
            complain(&format!("error: {}: {problem}", from.display()));
            ExitCode::from(MISUSED)
        }
    }
}

fn replay(options: &Diagnose, from: &Path, color: bool) -> Result<(String, u8), String> {
    let bytes = read(from).map_err(|error| format!("cannot be read: {error}"))?;
    let mut saved = Saved::read(&bytes).map_err(|error| error.to_string())?;
    choose(&mut saved, &options.targets)?;
    let taken_at = saved.taken_at;
    let diagnoses: Vec<(Diagnosis, &Record)> = saved
        .records
        .iter()
        .map(|record| (diagnose(&record.evidence), record))
        .collect();
    let entries = diagnoses.iter().map(|(diagnosis, record)| {
        let verdict = verdict(diagnosis, record, taken_at);
        wire::examined(diagnosis, verdict, record.since, taken_at)
    });
    let report = wire::of(entries.collect(), taken_at);
    let shown = show(&report, options.format, color).map_err(|error| error.to_string())?;
    let head = match options.format {
        Format::Text => text::taken(taken_at.wall, &saved.written_by),
        Format::Json => String::new(),
    };
    let statuses = diagnoses
        .iter()
        .map(|(diagnosis, _)| status_of(diagnosis.finding));
    Ok((head + &shown, worst(statuses).unwrap_or(UNKNOWN)))
}

/// Reads the file, or as much of it as shows that it is too long.
fn read(from: &Path) -> std::io::Result<Vec<u8>> {
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    if from == Path::new(STANDARD) {
        let input = std::io::stdin().lock();
        input.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    } else {
        let file = File::open(from)?;
        file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Keeps the targets that were named; all when none was.
fn choose(saved: &mut Saved, names: &[String]) -> Result<(), String> {
    let is_called = |record: &Record, name: &String| record.evidence.target.as_str() == name;
    let mut names_known = names.iter();
    if let Some(unknown) =
        names_known.find(|name| !saved.records.iter().any(|it| is_called(it, name)))
    {
        return Err(format!("holds no evidence of a target called {unknown:?}"));
    }
    if !names.is_empty() {
        let records = &mut saved.records;
        records.retain(|record| names.iter().any(|name| is_called(record, name)));
    }
    if saved.records.is_empty() {
        return Err("holds no evidence: nothing had been examined".to_owned());
    }
    Ok(())
}

/// What one result amounts to by the built-in policy: the file knows of no other.
fn verdict(diagnosis: &Diagnosis, record: &Record, taken_at: Moment) -> Verdict {
    let thresholds = Thresholds {
        policy: HealthPolicy::default(),
        fall: 1,
        rise: 1,
        stale_after: Duration::MAX,
    };
    let seen = Seen::from(diagnosis);
    let health = Health::default().observe(seen, record.evidence.at, &thresholds);
    health.verdict(taken_at, &thresholds)
}

/// Saves the evidence behind a snapshot; returned is what goes to standard output in place of the
/// diagnosis, if that is where it goes.
///
/// # Errors
/// Says why it cannot be saved.
pub(super) fn save(snapshot: &Snapshot, now: Moment, to: &Path) -> Result<Option<String>, String> {
    let unsaved = |problem: String| format!("the evidence is not in {}: {problem}", to.display());
    let saved = snapshot.saved(now, None, writer());
    if saved.records.is_empty() {
        return Err(unsaved("nothing was examined".to_owned()));
    }
    let text = saved
        .write(MOST_BYTES)
        .map_err(|error| unsaved(error.to_string()))?;
    if to == Path::new(STANDARD) {
        return Ok(Some(text));
    }
    std::fs::write(to, text).map_err(|error| unsaved(error.to_string()))?;
    Ok(None)
}

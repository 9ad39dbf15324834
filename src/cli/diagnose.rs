//! `why403 diagnose`: ask once, say what was found, and end with a status that scripts can use.

use std::process::ExitCode;
use std::sync::Arc;

use super::args::{Diagnose, Format, Global};
use super::output::{Progress, complain, deliver, wants_color};
use super::replay;
use super::watch::Watching;
use super::{MISUSED, Misuse, REFUSED, UNKNOWN, Workers, block_on, load, log, sources};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Environment, LogLevel, Sources};
use crate::diagnosis::{Class, Finding, Outcome};
use crate::http::{text, wire, wire::Report};
use crate::monitor::verify::LONGEST;
use crate::monitor::{Monitor, Pace};
use crate::snapshot::Snapshot;

/// Asks once.
pub(super) fn run(global: &Global, options: &Diagnose, environment: Environment) -> ExitCode {
    let color = wants_color(&environment);
    let directives = environment.get("RUST_LOG").map(str::to_owned);
    let sources = with_flags(sources(global, environment), options);
    let mut config = match load(&sources) {
        Ok(loaded) => loaded.config,
        Err(status) => return status,
    };
    if let Err(unknown) = choose(&mut config, &options.targets) {
        complain(&format!("error: {unknown}"));
        return ExitCode::from(MISUSED);
    }
    // The answer is the message; only what is asked for by RUST_LOG is logged beside it.
    config.log.level = LogLevel::Error;
    if let Err(status) = log(config.log, directives.as_deref()) {
        return status;
    }
    // One result has to settle the verdict: there is no second one to wait for.
    (config.probe.fall, config.probe.rise) = (1, 1);
    let format = options.format;
    let save = options.save.clone();
    let watching = options.watch.then(|| Watching {
        limit: options.limit.unwrap_or(LONGEST),
        format,
        color,
    });
    block_on(Workers::One, async move {
        let clock = Clock::system();
        let progress = Progress::show(&asking(&config));
        let app = App::start(config, clock.clone(), Pace::AtOnce)
            .map_err(|error| Misuse(format!("{error:#}")))?;
        let snapshot = match watching {
            None => {
                let snapshot = app.first_round().await?;
                drop(progress);
                snapshot
            }
            Some(watching) => {
                let first = async |monitor: &Monitor, snapshot: Arc<Snapshot>| {
                    drop(progress);
                    watching.run(monitor, snapshot, &clock).await
                };
                app.then(first).await??
            }
        };
        let now = clock.now();
        let mut shown = show(&wire::first_look(&snapshot, now), format, color)?;
        let mut status = status(&snapshot);
        if let Some(to) = save {
            match replay::save(&snapshot, now, &to) {
                Ok(Some(evidence)) => shown = evidence,
                Ok(None) => {}
                Err(problem) => {
                    complain(&format!("error: {problem}"));
                    status = MISUSED;
                }
            }
        }
        Ok(deliver(&shown, ExitCode::from(status)))
    })
}

/// The report as it is printed.
pub(super) fn show(report: &Report<'_>, format: Format, color: bool) -> serde_json::Result<String> {
    Ok(match format {
        Format::Text => text::render(report, color),
        Format::Json => format!("{}\n", serde_json::to_string_pretty(report)?),
    })
}

fn with_flags(mut sources: Sources, options: &Diagnose) -> Sources {
    let flags = [
        ("genesys.region", &options.region),
        ("genesys.base_url", &options.base_url),
        ("genesys.login_url", &options.login_url),
        ("probe.timeout", &options.timeout),
        // A call that is given two seconds cannot be given three to connect.
        ("probe.connect_timeout", &options.timeout),
    ];
    let given = flags
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)));
    sources.overrides.extend(given);
    sources
}

/// Keeps the targets that were named; all when none was.
fn choose(config: &mut Config, names: &[String]) -> Result<(), String> {
    if names.is_empty() {
        return Ok(());
    }
    let known: Vec<_> = config
        .targets
        .iter()
        .map(|target| target.name.to_string())
        .collect();
    let unknown: Vec<_> = names.iter().filter(|name| !known.contains(name)).collect();
    if !unknown.is_empty() {
        let shown = known
            .iter()
            .take(20)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        return Err(format!(
            "no target is called {unknown:?}; configured are: {shown}"
        ));
    }
    config
        .targets
        .retain(|target| names.iter().any(|name| name == target.name.as_str()));
    Ok(())
}

fn asking(config: &Config) -> String {
    match config.targets.as_slice() {
        [one] => format!("asking {} …", one.api.host_str().unwrap_or_default()),
        many => format!("asking {} targets …", many.len()),
    }
}

fn status(snapshot: &Snapshot) -> u8 {
    let statuses = snapshot
        .targets
        .iter()
        .flat_map(|target| &target.checks)
        .map(|check| {
            check
                .diagnosis
                .as_ref()
                .map_or(UNKNOWN, |diagnosis| status_of(diagnosis.finding))
        });
    worst(statuses).unwrap_or(UNKNOWN)
}

/// The exit status of several: a refusal outranks what could not be told, and that outranks
/// success.
pub(super) fn worst(statuses: impl Iterator<Item = u8>) -> Option<u8> {
    statuses.max_by_key(|status| match *status {
        REFUSED => 2,
        UNKNOWN => 1,
        _ => 0,
    })
}

/// The exit status of one finding.
pub(super) fn status_of(finding: Finding) -> u8 {
    match finding.outcome().class() {
        None if finding.outcome() == Outcome::Forbidden => REFUSED,
        // Access works, also when less is visible than should be; the text says it loudly.
        None | Some(Class::Visibility) => 0,
        Some(Class::Unauthorized | Class::Credentials | Class::Misconfigured) => REFUSED,
        Some(Class::Throttled | Class::Upstream | Class::Network | Class::Unreadable) => UNKNOWN,
    }
}

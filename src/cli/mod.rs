//! The command line: what a person or a script types.
//!
//! Exit statuses: 0 good, 1 access is refused or misconfigured upstream, 2 usage or our own
//! configuration, 3 could not tell; 70 is a defect or a failure of the machine.

mod args;
mod diagnose;
mod explain;
mod output;
mod replay;
mod runbook;
mod serve;
mod signals;
mod simulate;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::args::{Arguments, Command};
use self::output::{complain, deliver};
use crate::config::{self, Environment, Loaded, Log, Sources};
use crate::target::Target;
use crate::telemetry;

/// Access is refused or misconfigured upstream.
const REFUSED: u8 = 1;
/// Usage, or our own configuration.
const MISUSED: u8 = 2;
/// It could not be told.
const UNKNOWN: u8 = 3;
/// A defect, or a failure of the machine (`EX_SOFTWARE` of sysexits).
const BROKEN: u8 = 70;

/// Runs the command that the process arguments name.
#[must_use]
pub fn run() -> ExitCode {
    // Before anything is written: even help may go into a file.
    signals::outlive_large_files();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => return usage_error(&usage),
    };
    let environment = Environment::of_process();
    match arguments.command {
        Command::Serve(options) => serve::serve(&arguments.global, &options, environment),
        Command::Demo(options) => serve::demo(&options),
        Command::Diagnose(options) => match &options.from {
            Some(from) => replay::run(&arguments.global, &options, from, &environment),
            None => diagnose::run(&arguments.global, &options, environment),
        },
        Command::Explain(options) => explain::run(&options, &environment),
        Command::CheckConfig(options) => {
            if options.print_default {
                return deliver(&config::default_toml(), ExitCode::SUCCESS);
            }
            check_config(&sources(&arguments.global, environment))
        }
        Command::Simulate(options) => simulate::run(&options, &environment),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "why403", &mut script);
            deliver(&String::from_utf8_lossy(&script), ExitCode::SUCCESS)
        }
    }
}

/// Help and version go to standard output and are no error.
fn usage_error(usage: &clap::Error) -> ExitCode {
    // What cannot be printed, as on a closed terminal, cannot be told either.
    usage.print().unwrap_or_default();
    ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(MISUSED))
}

fn sources(global: &args::Global, environment: Environment) -> Sources {
    Sources {
        file: global.config.clone(),
        environment,
        overrides: Vec::new(),
        profile: global.profile.clone(),
    }
}

/// Loads the configuration, telling every problem and warning.
fn load(sources: &Sources) -> Result<Loaded, ExitCode> {
    match config::load(sources) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                complain(&warning.to_string());
            }
            Ok(loaded)
        }
        Err(problems) => {
            complain(&problems.to_string());
            Err(ExitCode::from(MISUSED))
        }
    }
}

fn check_config(sources: &Sources) -> ExitCode {
    let loaded = match load(sources) {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    let line = |target: &Target| {
        let operations: Vec<_> = target.operations.iter().map(|it| it.label()).collect();
        format!(
            "{}: {} at {}, {} from {}\n",
            target.name,
            operations.join(", "),
            target.api.as_str().trim_end_matches('/'),
            target.credential.grant.name(),
            target.credential.login.as_str().trim_end_matches('/'),
        )
    };
    let lines: String = loaded.config.targets.iter().map(line).collect();
    let count = loaded.config.targets.len();
    let noun = if count == 1 { "target" } else { "targets" };
    let text = format!("{lines}The configuration is good: {count} {noun}.\n");
    deliver(&text, ExitCode::SUCCESS)
}

/// Starts logging.
fn log(log: Log, directives: Option<&str>) -> Result<(), ExitCode> {
    telemetry::init(log, directives).map_err(|error| {
        complain(&format!("error: cannot log: {error}"));
        ExitCode::from(BROKEN)
    })
}

/// Runs `work` on a runtime; what fails is told, with its causes.
fn block_on(workers: Workers, work: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    let mut builder = match workers {
        Workers::One => tokio::runtime::Builder::new_current_thread(),
        Workers::PerCore => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("error: cannot start: {error}"));
            return ExitCode::from(BROKEN);
        }
    };
    let done = runtime.block_on(work);
    // What went wrong stands below what led to it.
    telemetry::flush();
    let status = done.unwrap_or_else(|error| {
        complain(&format!("error: {error:#}"));
        ExitCode::from(if error.is::<Misuse>() {
            MISUSED
        } else {
            BROKEN
        })
    });
    // A second signal ends the process although something still hangs.
    runtime.shutdown_background();
    status
}

/// How many threads a command needs.
#[derive(Clone, Copy, Debug)]
enum Workers {
    One,
    PerCore,
}

/// An error that whoever called can mend.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misuse(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_has_a_status_of_its_own() {
        for (error, status) in [
            (anyhow::anyhow!("the token task ended early"), 70),
            (Misuse("the port is in use".to_owned()).into(), 2),
        ] {
            let ended = block_on(Workers::One, async { Err(error) });
            assert_eq!(ended, ExitCode::from(status));
        }
    }

    #[test]
    fn the_arguments_are_declared_consistently() {
        Arguments::command().debug_assert();
    }
}

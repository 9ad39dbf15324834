//! A configuration file, through everything that is checked of one.
//!
//! `{secret}` stands for a secret, which may be written only where secrets are; `{dir}` for the
//! file's directory, in which `secret` and `admin` hold the same one.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use why403::config::{self, Config, Environment, Loaded, Problem, Problems, Severity, Sources};

use super::{CANARY, assert_one_line, assert_silent, with_secret_in_place};

thread_local! {
    static DIRECTORY: OnceCell<TempDir> = const { OnceCell::new() };
}

/// Runs `work` in a directory of this thread, in which `secret` and `admin` hold the secret.
pub(super) fn in_directory(work: impl FnOnce(&Path)) {
    DIRECTORY.with(|directory| {
        let directory = directory.get_or_init(|| {
            let directory = tempfile::tempdir().expect("a directory");
            for name in ["secret", "admin"] {
                fs::write(directory.path().join(name), CANARY).expect("a file");
            }
            directory
        });
        work(directory.path());
    });
}

/// # Panics
/// When something does not hold.
pub fn check(data: &[u8]) {
    in_directory(|directory| {
        let file = directory.join("why403.toml");
        let bytes = match std::str::from_utf8(data) {
            Ok(text) => {
                let text = text.replace("{dir}", &directory.to_string_lossy());
                let Some(text) = with_secret_in_place(&text) else {
                    return;
                };
                text.into_bytes()
            }
            Err(_) => data.to_vec(),
        };
        fs::write(&file, bytes).expect("a file");
        let environment = [
            ("GENESYS_CLOUD_CLIENT_ID", "the-client"),
            ("GENESYS_CLOUD_CLIENT_SECRET", CANARY),
            ("SECRET", CANARY),
        ];
        loaded(&Sources {
            file: Some(file),
            environment: Environment::from_pairs(environment),
            ..Sources::default()
        });
    });
}

/// What is loaded is the same twice, and all of it holds.
pub(super) fn loaded(sources: &Sources) {
    assert_silent(&format!("{sources:?}"), "the sources");
    let first = config::load(sources);
    let second = config::load(sources);
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert_eq!(first.warnings, second.warnings, "twice");
            assert_eq!(first.config.targets, second.config.targets, "twice");
            usable(&first);
        }
        (Err(first), Err(second)) => {
            assert_eq!(first.to_string(), second.to_string(), "twice");
            told(&first);
        }
        (first, second) => panic!("once so, once so: {first:?} {second:?}"),
    }
}

fn told(problems: &Problems) {
    assert!(problems.errors() > 0, "it failed, and nothing is wrong");
    assert!(problems.iter().count() <= Problems::MAX);
    problems.iter().for_each(readable);
    assert_silent(&format!("{problems}{problems:?}"), "the problems");
}

/// A problem is one line that says what is wrong and what to do.
fn readable(problem: &Problem) {
    let line = problem.to_string();
    assert_one_line(&line, "a problem");
    assert!(!problem.what.trim().is_empty(), "{line}");
    assert!(!problem.fix.trim().is_empty(), "{line}");
    assert!(line.chars().count() < 3_000, "{line}");
}

/// What is checked is not to be checked again, so it must hold.
fn usable(loaded: &Loaded) {
    for warning in &loaded.warnings {
        assert_eq!(warning.severity, Severity::Warning);
        readable(warning);
    }
    assert_silent(&format!("{loaded:?}"), "the configuration");
    let Config {
        server,
        probe,
        targets,
        ..
    } = &loaded.config;
    assert!(!targets.is_empty(), "nothing is watched");
    let names: BTreeSet<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names.len(), targets.len(), "two of a name");
    for target in targets {
        assert!(!target.operations.is_empty());
        assert!(target.timeout > Duration::ZERO && target.timeout < target.interval);
        for url in [&target.api, &target.credential.login] {
            assert!(matches!(url.scheme(), "http" | "https"), "{url}");
            assert!(url.username().is_empty() && url.password().is_none());
            assert!(url.has_host() && url.query().is_none() && url.fragment().is_none());
        }
        let call = target.probe_url(target.operations[0]);
        assert_eq!(call.origin(), target.api.origin());
        let login = target.credential.token_url();
        assert!(login.path().ends_with("/oauth/token"), "{login}");
    }
    assert!(probe.connect_timeout <= probe.timeout && probe.timeout < probe.interval);
    assert!((0.0..=0.2).contains(&probe.jitter), "{}", probe.jitter);
    assert!(probe.fall >= 1 && probe.rise >= 1 && probe.max_in_flight >= 1);
    assert!(!server.protect_details || server.admin_token.is_some());
    assert!(server.max_connections >= 1 && server.request_timeout > Duration::ZERO);
}

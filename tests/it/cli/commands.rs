//! Commands that need neither a platform nor a network.

use std::net::TcpListener;

use why403::sim::Simulator;

use crate::process::{Finished, run, why403};

/// A complete environment.
const GOOD: &[(&str, &str)] = &[
    (
        "GENESYS_CLOUD_CLIENT_ID",
        "6b2d3f2c-0f5e-4b0c-9d3e-3f0f5d7a9a11",
    ),
    ("GENESYS_CLOUD_CLIENT_SECRET", "a-secret-of-some-length"),
];

#[track_caller]
fn assert_ends(finished: &Finished, status: i32) {
    assert_eq!(finished.status, Some(status), "{finished:#?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:#?}");
}

#[test]
fn help_and_version_are_answers() {
    let help = run(&["--help"], &[]);
    assert_ends(&help, 0);
    for command in [
        "serve",
        "demo",
        "diagnose",
        "explain",
        "check-config",
        "simulate",
    ] {
        assert!(help.stdout.contains(&format!("\n  {command}")), "{command}");
    }
    assert_eq!(help.stderr, "");
    let version = run(&["--version"], &[]);
    assert_ends(&version, 0);
    assert_eq!(
        version.stdout,
        concat!("why403 ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn wrong_usage_is_told_and_ends_with_two() {
    for arguments in [
        &[][..],
        &["nonsense"],
        &["serve", "--nonsense"],
        &["explain"],
        &["diagnose", "--format", "xml"],
        &[
            "diagnose",
            "--region",
            "eu",
            "--base-url",
            "http://127.0.0.1:1",
        ],
        &["demo", "--listen", "nowhere"],
    ] {
        let finished = run(arguments, GOOD);
        assert_ends(&finished, 2);
        assert_eq!(finished.stdout, "", "{arguments:?}");
        assert!(finished.stderr.contains("--help"), "{finished:#?}");
    }
}

#[test]
fn explain_knows_causes_codes_statuses_scopes_permissions_and_operations() {
    for (words, part) in [
        (&["missing_permission"][..], "permission"),
        (&["client_rejected"], "secret"),
        (&["403"], "HTTP status"),
        (&["missing.any.permissions"], "permission"),
        (&["routing:queue:view"], "permission"),
        (&["routing:readonly"], "scope"),
        (&["GET", "/api/v2/routing/queues"], "routing:queue:view"),
        (&["GET /api/v2/routing/queues"], "routing:queue:view"),
        (&["insufficient_scope"], "scope"),
    ] {
        let mut arguments = vec!["explain"];
        arguments.extend(words);
        let finished = run(&arguments, &[]);
        assert_ends(&finished, 0);
        assert!(finished.stdout.contains(part), "{words:?}: {finished:#?}");
        assert!(
            !finished.stdout.contains('\u{1b}'),
            "colours: {finished:#?}"
        );
        assert_eq!(finished.stderr, "");
    }
}

#[test]
fn explain_suggests_what_an_unknown_word_may_mean() {
    let finished = run(&["explain", "missing_permisson"], &[]);
    assert_ends(&finished, 2);
    assert_eq!(finished.stdout, "");
    assert!(
        finished.stderr.contains("did you mean missing_permission"),
        "{finished:#?}"
    );
    let hostile = run(&["explain", "\u{1b}[31m\u{7}quux"], &[]);
    assert_ends(&hostile, 2);
    assert!(
        !hostile.stderr.contains(['\u{1b}', '\u{7}']),
        "{hostile:#?}"
    );
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let finished = run(&["completions", shell], &[]);
        assert_ends(&finished, 0);
        for word in ["check-config", "diagnose", "base-url"] {
            assert!(finished.stdout.contains(word), "{shell} lacks {word}");
        }
    }
}

#[test]
fn check_config_prints_the_default_configuration() {
    let finished = run(&["check-config", "--print-default"], &[]);
    assert_ends(&finished, 0);
    assert_eq!(
        finished.stdout,
        include_str!("../../../config/default.toml")
    );
}

#[test]
fn check_config_uses_no_network() {
    let platform = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", platform.local_addr().unwrap());
    let listen = taken.local_addr().unwrap().to_string();
    let mut variables = GOOD.to_vec();
    variables.push(("GENESYS_CLOUD_BASE_URL", &url));
    variables.push(("WHY403__SERVER__LISTEN", &listen));
    let finished = run(&["check-config"], &variables);
    assert_ends(&finished, 0);
    assert!(
        finished
            .stdout
            .contains("The configuration is good: 1 target.")
    );
    assert!(finished.stdout.contains(&url), "{finished:#?}");
    assert!(!finished.stdout.contains("a-secret"), "{finished:#?}");
    platform.set_nonblocking(true).unwrap();
    let connection = platform.accept().map(|(_, peer)| peer);
    let error = connection.expect_err("check-config called the platform");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn check_config_tells_all_problems_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("why403.toml");
    let text = "[server]\nlisten = \"nowhere\"\n[probe]\nintervall = \"30s\"\ntimeout = \"10\"\n\
        [health]\nforbidden = \"maybe\"\n[[targets]]\nname = \"A B\"\n";
    std::fs::write(&file, text).unwrap();
    let arguments = ["check-config", "--config", file.to_str().unwrap()];
    let finished = run(&arguments, &[("WHY403__LOG__LEVEL", "loud")]);
    assert_ends(&finished, 2);
    assert_eq!(finished.stdout, "");
    for part in [
        "why403.toml:2: server.listen",
        "why403.toml:4: probe.intervall",
        "did you mean \"interval\"?",
        "why403.toml:5: probe.timeout",
        "why403.toml:7: health.forbidden",
        "why403.toml:9: targets[0].name",
        "environment: WHY403__LOG__LEVEL",
        "GENESYS_CLOUD_CLIENT_ID",
    ] {
        assert!(
            finished.stderr.contains(part),
            "lacks {part}: {finished:#?}"
        );
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_a_problem() {
    for command in ["check-config", "diagnose", "serve"] {
        let finished = run(&[command, "--config", "/nowhere/why403.toml"], GOOD);
        assert_ends(&finished, 2);
        assert!(
            finished.stderr.contains("/nowhere/why403.toml"),
            "{finished:#?}"
        );
    }
}

#[test]
fn simulate_lists_every_scenario() {
    let finished = run(&["simulate", "--list"], GOOD);
    assert_ends(&finished, 0);
    let names: Vec<&str> = finished
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let known: Vec<&str> = Simulator::scenarios().iter().map(|it| it.name).collect();
    assert_eq!(names, known);
}

#[test]
fn simulate_refuses_what_would_endanger_secrets() {
    for name in [
        "GENESYS_CLOUD_CLIENT_SECRET",
        "GENESYSCLOUD_OAUTHCLIENT_SECRET",
        "GENESYSCLOUD_ACCESS_TOKEN",
    ] {
        let arguments = ["simulate", "--listen", "127.0.0.1:0"];
        let finished = run(&arguments, &[(name, "a-real-secret")]);
        assert_ends(&finished, 2);
        assert!(finished.stderr.contains(name), "{finished:#?}");
        assert!(!finished.stderr.contains("a-real-secret"), "{finished:#?}");
    }
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8480"] {
        let finished = run(&["simulate", "--listen", address], &[]);
        assert_ends(&finished, 2);
        assert!(
            finished.stderr.contains("is no loopback address"),
            "{finished:#?}"
        );
    }
    let finished = run(&["simulate", "--scenario", "nonsense"], &[]);
    assert_ends(&finished, 2);
    assert!(finished.stderr.contains("--list"), "{finished:#?}");
}

#[test]
fn a_closed_standard_output_is_nobodys_error() {
    for (arguments, status) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["explain", "missing_scope"], 0),
        (&["completions", "bash"], 0),
        (&["check-config"], 0),
        (&["check-config", "--print-default"], 0),
        (&["simulate", "--list"], 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = why403(arguments);
        let output = command.envs(GOOD.iter().copied()).stdout(writer).output();
        let output = output.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {stderr}"
        );
        assert_eq!(stderr, "", "{arguments:?}");
    }
}

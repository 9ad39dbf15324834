//! `why403 diagnose --save` and `--from`.

use std::io::Write as _;
use std::process::Stdio;

use crate::process::{Platform, finished, limited, run, why403};

const SCENARIOS: &[&str] = &[
    "healthy",
    "role-removed",
    "edge-block",
    "client-rejected",
    "reset",
    "queues-empty",
    "rate-limited",
];

/// Without the line that says when the evidence was taken.
fn body(text: &str) -> &str {
    let (head, body) = text.split_once("\n\n").unwrap();
    assert!(head.starts_with("Evidence taken 2"), "{text}");
    assert!(head.ends_with(" by why403 0.1.0."), "{text}");
    body
}

#[test]
fn saved_evidence_says_elsewhere_what_was_said_then() {
    for scenario in SCENARIOS {
        let platform = Platform::start(scenario);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("evidence.json");
        let file = file.to_str().unwrap();
        for (format, head) in [("json", false), ("text", true)] {
            let arguments = ["diagnose", "--format", format, "--save", file];
            let then = run(&arguments, &platform.variables());
            let now = run(&["diagnose", "--format", format, "--from", file], &[]);
            assert_eq!(now.status, then.status, "{scenario}: {now:#?}");
            let shown = if head { body(&now.stdout) } else { &now.stdout };
            assert_eq!(shown, then.stdout, "{scenario}");
            assert_eq!(now.stderr, "", "{scenario}");
        }
    }
}

#[test]
fn evidence_goes_through_pipes() {
    let platform = Platform::start("role-removed");
    let saved = run(&["diagnose", "--save", "-"], &platform.variables());
    assert_eq!(saved.status, Some(1), "{saved:#?}");
    assert!(saved.stdout.starts_with('{'), "{saved:#?}");
    let mut command = why403(&["diagnose", "--from", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(saved.stdout.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        body(&shown).contains("403 missing_permission (proven)"),
        "{shown}"
    );
}

#[test]
fn what_cannot_be_saved_or_read_is_said() {
    let platform = Platform::start("healthy");
    let arguments = ["diagnose", "--save", "/nowhere/evidence.json"];
    let unsaved = run(&arguments, &platform.variables());
    assert_eq!(unsaved.status, Some(2), "{unsaved:#?}");
    assert!(unsaved.stdout.contains("200 ok"), "{unsaved:#?}");
    let said = "error: the evidence is not in /nowhere/evidence.json: ";
    assert!(unsaved.stderr.starts_with(said), "{unsaved:#?}");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("evidence.json");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "{\"why403_evidence\":1}").unwrap();
    let good = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/evidence/v1/stale-token.json"
    );
    for (arguments, said) in [
        (
            &["--from", "/nowhere/evidence.json"][..],
            "error: /nowhere/evidence.json: cannot be read: ",
        ),
        (&["--from", path], "missing field `taken_at`"),
        (
            &["--from", good, "--target", "other"],
            "holds no evidence of a target called \"other\"",
        ),
        (
            &["--from", good, "--config", "x.toml"],
            "--from needs no configuration",
        ),
        (&["--from", good, "--region", "mypurecloud.de"], "--region"),
        (&["--from", good, "--save", path], "--save"),
    ] {
        let finished = run(&[&["diagnose"], arguments].concat(), &[]);
        assert_eq!(finished.status, Some(2), "{finished:#?}");
        assert_eq!(finished.stdout, "", "{finished:#?}");
        assert!(finished.stderr.contains(said), "{finished:#?}");
    }
    let named = run(&["diagnose", "--from", good, "--target", "default"], &[]);
    assert_eq!(named.status, Some(1), "{named:#?}");
}

/// The limit of a file's size comes with a signal that ends whoever does not handle it.
#[test]
fn a_file_that_may_not_grow_is_told_like_a_disk_that_is_full() {
    let platform = Platform::start("healthy");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("evidence.json");
    let mut plain = why403(&["diagnose", "--save", file.to_str().unwrap()]);
    let unsaved = finished(&mut limited(plain.envs(platform.variables()), "0"));
    assert_eq!(unsaved.status, Some(2), "{unsaved:#?}");
    assert!(unsaved.stdout.contains("200 ok"), "{unsaved:#?}");
    let said = format!("error: the evidence is not in {}: ", file.display());
    assert!(unsaved.stderr.starts_with(&said), "{unsaved:#?}");
    let mut help = limited(&why403(&["--help"]), "0");
    help.stdout(std::fs::File::create(&file).unwrap());
    assert_eq!(help.status().unwrap().code(), Some(0));
}

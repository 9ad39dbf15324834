//! `why403 diagnose --watch`: real processes and the real clock, so that limits are short.

use serde_json::Value;
use why403::sim::Route;

use crate::process::{Platform, Running, run, wait_for, why403};

fn watching(platform: &Platform, arguments: &[&str]) -> Running {
    let mut command = why403(&[&["diagnose", "--watch"], arguments].concat());
    Running::start(command.envs(platform.variables()))
}

#[test]
fn it_ends_at_once_when_nothing_is_wrong() {
    let platform = Platform::start("healthy");
    let finished = run(&["diagnose", "--watch"], &platform.variables());
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert_eq!(finished.stderr, "");
    assert_eq!(
        finished.stdout.matches("200 ok").count(),
        1,
        "{finished:#?}"
    );
    assert_eq!(platform.simulator.requests().len(), 2);
}

#[test]
fn what_is_mended_meanwhile_is_seen() {
    let platform = Platform::start("role-removed");
    let running = watching(&platform, &["--limit", "3s"]);
    wait_for("the first diagnosis is shown", || {
        running
            .stdout()
            .contains("403 missing_permission")
            .then_some(())
    });
    platform.simulator.set_scenario("healthy").unwrap();
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("200 ok"), "{finished:#?}");
    let lines: Vec<&str> = finished.stderr.lines().collect();
    let look = "GET /api/v2/routing/queues  200 ok: works";
    assert!(lines[0].ends_with(look), "{finished:#?}");
    assert!(lines[1].starts_with("default: fixed. "), "{finished:#?}");
    assert!(finished.stderr.contains("the same token"), "{finished:#?}");
    assert!(!finished.stderr.contains('\u{1b}'), "{finished:#?}");
    assert!(platform.simulator.count(Route::Token) <= 3);
}

#[test]
fn what_is_not_mended_keeps_its_status_and_json_is_one_document() {
    let platform = Platform::start("role-removed");
    let arguments = ["diagnose", "--watch", "--limit", "0s", "--format", "json"];
    let finished = run(&arguments, &platform.variables());
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    let json: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(json["diagnoses"][0]["cause"], "missing_permission");
    assert!(finished.stderr.contains("not fixed"), "{finished:#?}");
    // The token is as good as new: there is nothing that another one could tell.
    assert_eq!(platform.simulator.count(Route::Token), 1);
    let wrong = run(&["diagnose", "--limit", "3s"], &platform.variables());
    assert_eq!(wrong.status, Some(2), "{wrong:#?}");
    let wrong = run(
        &["diagnose", "--watch", "--limit", "1h"],
        &platform.variables(),
    );
    assert_eq!(wrong.status, Some(2), "{wrong:#?}");
    assert!(wrong.stderr.contains("0s to 5m"), "{wrong:#?}");
}

#[test]
fn an_interrupt_ends_it_with_what_is_known() {
    let platform = Platform::start("role-removed");
    let running = watching(&platform, &[]);
    wait_for("the first diagnosis is shown", || {
        running
            .stdout()
            .contains("403 missing_permission")
            .then_some(())
    });
    running.signal("INT");
    let finished = running.finish();
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    let shown = finished.stdout.matches("403 missing_permission").count();
    assert_eq!(shown, 2, "{finished:#?}");
    assert_eq!(
        finished.stderr,
        "Ended before anything was looked at again.\n"
    );
}

//! A process that lacks what it needs for a call.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use why403::sim::Route;

use crate::process::{Platform, Running, wait_for, why403};

/// A process that is stopped in the middle of a call sees an answer that is late by its own fault; so
/// does one whose machine was suspended.
#[test]
fn a_process_that_stood_still_blames_itself() {
    // The limit is a second, and two more are no reason to suspect oneself.
    blames_itself("1s", Duration::from_secs(4));
}

/// What is over before the limit counts as well, if it is most of the time that the call had.
#[test]
fn a_process_that_stood_still_for_most_of_a_call_blames_itself() {
    blames_itself("4s", Duration::from_secs(3));
}

fn blames_itself(limit: &str, stopped_for: Duration) {
    let platform = Platform::start("timeout");
    let mut command = why403(&["diagnose", "--format", "json", "--timeout", limit]);
    let running = Running::start(command.envs(platform.variables()));
    wait_for("the call is under way", || {
        (platform.simulator.count(Route::Queues) > 0).then_some(())
    });
    running.signal("STOP");
    std::thread::sleep(stopped_for);
    running.signal("CONT");
    let finished = running.finish();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    let found = &report["diagnoses"][0];
    assert_eq!(found["outcome"], "timeout", "{found}");
    let summary = found["summary"].as_str().unwrap();
    assert!(
        summary.contains(": this machine or process stood still meanwhile."),
        "{found}"
    );
}

/// The first diagnosis of a process that may have so many descriptors; none where it cannot even
/// start.
fn diagnosis(platform: &Platform, descriptors: u32) -> Option<Value> {
    let script = format!("ulimit -n {descriptors} && exec \"$0\" diagnose --format json");
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_why403")])
        .env_clear()
        .envs(platform.variables())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(report["diagnoses"][0].clone())
}

/// How many a start takes differs between machines: each number is tried until one is enough.
#[test]
fn without_descriptors_it_is_this_machine_that_is_blamed() {
    let platform = Platform::start("healthy");
    let mut short = 0;
    for descriptors in 4..64 {
        let Some(found) = diagnosis(&platform, descriptors) else {
            continue;
        };
        if found["outcome"] == "ok" {
            assert!(short > 0, "it was never short of any");
            return;
        }
        short += 1;
        let summary = found["summary"].as_str().unwrap();
        assert!(
            summary.contains(": this machine has no file descriptor left."),
            "{found}"
        );
        assert_eq!(found["outcome"], "token_endpoint_down");
    }
    panic!("63 descriptors are not enough for one call");
}

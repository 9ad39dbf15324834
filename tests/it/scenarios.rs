//! The truth table of the product: what every scenario of the simulator becomes.
//!
//! One probe decides a row. What only experiments can tell is not told by one answer: such a row
//! shows the cause that the answer names and says what it lacks.

mod pinned;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Arc;

use tokio::task::JoinSet;
use why403::diagnosis::{Cause, Outcome};
use why403::sim::{Credential, Scenario, Simulator};
use why403::snapshot::Snapshot;

use self::table::{Counter, FAIL, Health, NOT_IN_THE_TABLE, PASS, Row, TABLE, WARN};
use crate::harness::*;

/// Outcomes of the token endpoint: the one token that was left is refused first.
const MINTING: &[&str] = &[
    "client_rejected",
    "grant_rejected",
    "auth_rate_limited",
    "token_unreadable",
    "token_endpoint_down",
];

fn row(scenario: &Scenario) -> &'static Row {
    let found = TABLE.iter().find(|row| row.scenario == scenario.name);
    found.unwrap_or_else(|| panic!("the scenario {:?} has no row", scenario.name))
}

/// The configuration under which a scenario shows.
fn configuration(scenario: &Scenario) -> &'static str {
    match (scenario.outcome, scenario.credential) {
        (_, Credential::User) => {
            "[[targets]]\nname = \"default\"\ngrant = \"access_token\"\naccess_token_env = \"TOKEN\""
        }
        ("queues_missing", _) => "[[targets]]\nname = \"default\"\nexpect = { min_queues = 12 }",
        _ => "",
    }
}

/// Whether access comes back after a minute.
fn ends_by_itself(scenario: &Scenario) -> bool {
    // A fresh token that is accepted takes the place of the stale one.
    let is_mended = scenario.cause == Some("stale_token") && row(scenario).lacks.is_empty();
    scenario.cause == Some("propagating") || is_mended
}

#[test]
fn every_scenario_has_one_row_and_every_row_a_scenario() {
    let rows: Vec<&str> = TABLE.iter().map(|row| row.scenario).collect();
    let scenarios: Vec<&str> = Simulator::scenarios().iter().map(|s| s.name).collect();
    assert_eq!(rows, scenarios);
}

#[test]
fn a_row_differs_from_its_scenario_only_for_a_reason() {
    for scenario in Simulator::scenarios() {
        let row = row(scenario);
        assert_eq!(row.outcome, scenario.outcome, "{}", scenario.name);
        assert_eq!(
            row.cause == scenario.cause,
            row.lacks.is_empty(),
            "{}",
            scenario.name
        );
    }
}

#[test]
fn every_cause_and_outcome_is_shown_or_excused() {
    let shown = TABLE.iter().flat_map(|row| [Some(row.outcome), row.cause]);
    let shown: BTreeSet<&str> = shown.flatten().collect();
    let excused: BTreeSet<&str> = NOT_IN_THE_TABLE.iter().map(|(slug, _)| *slug).collect();
    assert!(shown.is_disjoint(&excused));
    let causes = Cause::ALL.iter().map(|cause| cause.slug());
    let outcomes = Outcome::ALL.iter().map(|outcome| outcome.slug());
    let all: BTreeSet<&str> = causes.chain(outcomes).collect();
    assert_eq!(shown.union(&excused).copied().collect::<BTreeSet<_>>(), all);
}

#[tokio::test(start_paused = true)]
async fn every_scenario_met_by_the_first_probe() {
    for scenario in Simulator::scenarios() {
        let row = row(scenario);
        let platform = Platform::start().await;
        platform.simulator.set_scenario(scenario.name).unwrap();
        let service = platform.watched(configuration(scenario));
        service.first_round().await;
        assert_diagnosis(&service, row, row.at_first()).await;
        assert_health(&service, row, row.cold).await;
        let counted = changes(&BTreeMap::new(), &counters(&service).await);
        let expected = expected(&[row.counter_at_first()]);
        assert_eq!(counted, expected, "{}", row.scenario);
    }
}

#[tokio::test(start_paused = true)]
async fn every_scenario_met_while_access_worked() {
    for scenario in Simulator::scenarios() {
        let row = row(scenario);
        let platform = Platform::start().await;
        let service = platform.watched(configuration(scenario));
        service.first_round().await;
        assert_eq!(service.get("/health").await.status, 200, "{}", row.scenario);
        let before = counters(&service).await;
        platform.simulator.set_scenario(scenario.name).unwrap();
        service.next_probe().await;
        let mut steps = vec![row.counter];
        if MINTING.contains(&row.outcome) {
            let first = outcome(&service.monitor.snapshot());
            assert_eq!(first, Outcome::TokenRejected, "{}", row.scenario);
            // A 401 alone is no verdict: a newer token could have been accepted.
            assert_health(&service, row, WARN).await;
            steps.push(Counter::Failures("unauthorized"));
            service.next_probe().await;
        }
        assert_diagnosis(&service, row, (row.cause, row.confidence)).await;
        assert_health(&service, row, row.warm).await;
        let counted = changes(&before, &counters(&service).await);
        assert_eq!(counted, expected(&steps), "{}", row.scenario);
    }
}

/// Before anything is examined again nothing new is known, and nothing else is told: not by a token
/// that has grown older meanwhile.
#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_told_otherwise_by_the_mere_passing_of_time() {
    for scenario in Simulator::scenarios() {
        if scenario.outcome != "forbidden" || ends_by_itself(scenario) {
            continue;
        }
        let platform = Platform::start().await;
        platform.simulator.set_scenario(scenario.name).unwrap();
        let service = platform.watched(configuration(scenario));
        let first = service.first_round().await;
        let told = |snapshot: &Snapshot| {
            let it = diagnosis(snapshot);
            let ruled_out: Vec<_> = it.ruled_out.iter().map(|one| one.cause).collect();
            let open: Vec<_> = it
                .undetermined
                .iter()
                .map(|one| one.question.clone())
                .collect();
            (it.finding, it.confidence, ruled_out, open)
        };
        for _ in 0..3 {
            let later = service.next_probe().await;
            assert_eq!(told(&later), told(&first), "{}", scenario.name);
        }
    }
}

/// With every level at `fail`, whatever is wrong turns red in the end, and nothing else does.
#[tokio::test(start_paused = true)]
async fn every_scenario_that_lasts_is_red_for_those_who_want_it() {
    const STRICT: &str = "[health]\nforbidden = \"fail\"\nunauthorized = \"fail\"\nmisconfigured = \"fail\"\n\
        visibility = \"fail\"\noutage = \"fail\"\nthrottled = \"fail\"\nstale = \"fail\"\n";
    for scenario in Simulator::scenarios() {
        // A token dies every 45 s, but is replaced at most once a minute: the jitter decides what
        // is seen last.
        if ends_by_itself(scenario) || scenario.name == "flapping-token" {
            continue;
        }
        let platform = Platform::start().await;
        let service = platform.watched(&format!("{STRICT}{}", configuration(scenario)));
        service.first_round().await;
        platform.simulator.set_scenario(scenario.name).unwrap();
        // Three failures in a row take less than three minutes; a result is stale sooner.
        pass(seconds(180)).await;
        let health = service.get("/health").await;
        let word = health.json()["status"].as_str().unwrap().to_owned();
        let expected = if scenario.cause.is_none() { PASS } else { FAIL };
        assert_eq!(
            (health.status, word.as_str()),
            expected,
            "{}",
            scenario.name
        );
    }
}

/// The command's exit status tells refused (1) from could not tell (3); real processes, so the
/// real clock.
#[tokio::test]
async fn every_scenario_ends_the_command_with_its_status() {
    let mut running = JoinSet::new();
    // One after the other within a lane: as many processes at a time as there are lanes.
    let lanes = 4;
    for lane in 0..lanes {
        running.spawn(async move {
            for scenario in Simulator::scenarios().iter().skip(lane).step_by(lanes) {
                assert_exit(scenario).await;
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

async fn assert_exit(scenario: &'static Scenario) {
    let platform = Platform::start().await;
    platform.simulator.set_scenario(scenario.name).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("why403.toml");
    // Long enough for every honest answer on a busy machine, and it is waited out twice.
    let timeout = match (scenario.outcome, scenario.name) {
        ("timeout", _) | (_, "role-removed-hanging") => "500ms",
        _ => "10s",
    };
    let text = format!(
        "[probe]\ntimeout = \"{timeout}\"\nconnect_timeout = \"{timeout}\"\n{}",
        configuration(scenario)
    );
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_why403"));
    command
        .args(["diagnose", "--format", "json", "--config"])
        .arg(&file)
        .env_clear()
        .env("GENESYS_CLOUD_CLIENT_ID", why403::sim::DEMO_CLIENT_ID)
        .env(
            "GENESYS_CLOUD_CLIENT_SECRET",
            why403::sim::DEMO_CLIENT_SECRET,
        )
        .env("GENESYS_CLOUD_BASE_URL", platform.url())
        .env("TOKEN", why403::sim::DEMO_USER_TOKEN);
    let run = tokio::task::spawn_blocking(move || command.output());
    let output = Arc::new(run.await.unwrap().unwrap());
    let row = row(scenario);
    assert_eq!(
        output.status.code(),
        Some(row.exit),
        "{}: {output:?}",
        row.scenario
    );
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        said["diagnoses"][0]["outcome"], row.outcome,
        "{}",
        row.scenario
    );
}

async fn assert_diagnosis(service: &Service, row: &Row, (cause, confidence): (Option<&str>, &str)) {
    let report = service.get("/diagnose").await.json();
    let entry = &report["diagnoses"][0];
    let found = [&entry["outcome"], &entry["cause"], &entry["confidence"]];
    let found = found.map(|value| value.as_str());
    let expected = [Some(row.outcome), cause, Some(confidence)];
    assert_eq!(found, expected, "{}: {entry:#}", row.scenario);
    let steps = entry["remedy"]["steps"].as_array();
    let advised = steps.is_some_and(|steps| !steps.is_empty());
    assert!(row.cause.is_none() || advised, "{}", row.scenario);
}

async fn assert_health(service: &Service, row: &Row, expected: Health) {
    for path in ["/health", "/health/default"] {
        let reply = service.get(path).await;
        let health = reply.json();
        let found = (reply.status, health["status"].as_str().unwrap());
        assert_eq!(found, expected, "{} {path}: {health}", row.scenario);
    }
    let strict = service.get("/health?strict=1").await.status;
    assert_eq!(strict == 200, expected == PASS, "{}", row.scenario);
}

async fn counters(service: &Service) -> BTreeMap<String, f64> {
    let families = ["forbidden_total", "probe_failures_total"];
    service.metrics(&families).await
}

/// The series that differ, and by how much; those that were not known before stood at 0.
fn changes(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    after
        .iter()
        .map(|(series, value)| {
            let old = before.get(series).copied().unwrap_or_default();
            (series.clone(), value - old)
        })
        .filter(|(_, difference)| *difference != 0.0)
        .collect()
}

fn expected(counters: &[Counter]) -> BTreeMap<String, f64> {
    let series = |counter: &Counter| match counter {
        Counter::Forbidden(cause) => Some(format!(
            "why403_forbidden_total{{cause=\"{cause}\",target=\"default\"}}"
        )),
        Counter::Failures(class) => Some(format!(
            "why403_probe_failures_total{{class=\"{class}\",target=\"default\"}}"
        )),
        Counter::None => None,
    };
    counters
        .iter()
        .filter_map(series)
        .map(|series| (series, 1.0))
        .collect()
}

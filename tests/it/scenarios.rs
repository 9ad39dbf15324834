//! The truth table of the product: what every scenario of the simulator becomes.
//!
//! One probe decides a row. What only experiments can tell is not told by one answer: such a row
//! shows the cause that the answer names and says what it lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Arc;

use tokio::task::JoinSet;
use why403::diagnosis::{Cause, Outcome};
use why403::sim::{Credential, Scenario, Simulator};

use crate::harness::*;

/// A scenario and everything that follows from it.
struct Row {
    scenario: &'static str,
    outcome: &'static str,
    cause: Option<&'static str>,
    confidence: &'static str,
    /// The counter that goes up by one, and no other.
    counter: Counter,
    /// Status and word of `/health` when the very first probe meets the scenario.
    cold: Health,
    /// The same when access worked before.
    warm: Health,
    /// Exit status of `why403 diagnose`.
    exit: i32,
    /// What stands between this row and the scenario's own promise, if anything does.
    lacks: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counter {
    /// `why403_forbidden_total{cause=…}`
    Forbidden(&'static str),
    /// `why403_probe_failures_total{class=…}`
    Failures(&'static str),
    None,
}

type Health = (u16, &'static str);

const PASS: Health = (200, "pass");
const WARN: Health = (200, "warn");
/// Known to be bad, or not known yet.
const FAIL: Health = (503, "fail");

/// What a 403 becomes: refused at once, whatever was before.
const fn forbidden(scenario: &'static str, cause: &'static str, confidence: &'static str) -> Row {
    Row {
        scenario,
        outcome: "forbidden",
        cause: Some(cause),
        confidence,
        counter: Counter::Forbidden(cause),
        cold: FAIL,
        warm: FAIL,
        exit: 1,
        lacks: "",
    }
}

/// A failure that counts at once.
const fn definite(scenario: &'static str, outcome: &'static str, class: &'static str) -> Row {
    Row {
        scenario,
        outcome,
        cause: Some(outcome),
        confidence: "proven",
        counter: Counter::Failures(class),
        cold: FAIL,
        warm: FAIL,
        exit: 1,
        lacks: "",
    }
}

/// A failure that may pass: unknown when nothing was known before, else a warning.
const fn passing(scenario: &'static str, outcome: &'static str, class: &'static str) -> Row {
    Row {
        warm: WARN,
        exit: 3,
        ..definite(scenario, outcome, class)
    }
}

/// The queues can be read, but not all that should be.
const fn visibility(scenario: &'static str, outcome: &'static str) -> Row {
    Row {
        confidence: "likely",
        cold: WARN,
        warm: WARN,
        exit: 0,
        ..definite(scenario, outcome, "visibility")
    }
}

const fn good(scenario: &'static str) -> Row {
    Row {
        outcome: "ok",
        cause: None,
        counter: Counter::None,
        cold: PASS,
        warm: PASS,
        exit: 0,
        ..definite(scenario, "ok", "")
    }
}

impl Row {
    const fn likely(self) -> Self {
        Self {
            confidence: "likely",
            ..self
        }
    }

    const fn lacks(self, lacks: &'static str) -> Self {
        Self { lacks, ..self }
    }
}

const REPLAY: &str = "needs a replay of the call with a fresh token";
const GRANTS: &str = "needs a look at the grants";
const CATALOGUE: &str = "needs a look at the org's permissions";

const TABLE: &[Row] = &[
    good("healthy"),
    forbidden("role-removed", "missing_permission", "likely"),
    forbidden("role-removed-all", "missing_permission", "likely"),
    forbidden("role-removed-old-text", "missing_permission", "likely"),
    forbidden("access-denied", "missing_permission", "possible"),
    forbidden("policy-emptied", "missing_permission", "likely"),
    forbidden("division-refused", "missing_division_permission", "likely"),
    forbidden(
        "division-refused-segment",
        "missing_division_permission",
        "likely",
    ),
    forbidden("insufficient-scope", "missing_scope", "possible"),
    forbidden("insufficient-scope-body", "missing_scope", "possible"),
    forbidden("user-scope-missing", "missing_scope", "likely"),
    forbidden("stale-token", "missing_permission", "likely").lacks(REPLAY),
    forbidden("propagating", "missing_permission", "likely").lacks(GRANTS),
    forbidden("permission-not-in-org", "missing_permission", "likely").lacks(CATALOGUE),
    forbidden("policy-denied", "missing_permission", "likely").lacks(GRANTS),
    forbidden("trustor", "trustor_permission", "likely"),
    forbidden("not-authorized", "object_forbidden", "possible"),
    forbidden("edge-block", "edge_block", "likely"),
    forbidden("unreadable-403", "unreadable_403", "possible"),
    forbidden("unreadable-403-text", "unreadable_403", "possible"),
    forbidden("unreadable-403-empty", "unreadable_403", "possible"),
    forbidden("unknown-403", "unknown_403", "possible"),
    definite("token-rejected", "token_rejected", "unauthorized"),
    definite("token-expired", "token_expired", "unauthorized"),
    definite("token-missing", "token_missing", "unauthorized"),
    definite("ip-not-allowed", "ip_not_allowed", "unauthorized"),
    definite("client-rejected", "client_rejected", "credentials"),
    definite("unknown-client", "client_rejected", "credentials"),
    definite("client-disabled", "client_rejected", "credentials"),
    definite("grant-rejected", "grant_rejected", "credentials"),
    definite("grant-unsupported", "grant_rejected", "credentials"),
    passing("auth-rate-limited", "auth_rate_limited", "throttled"),
    passing("token-unreadable", "token_unreadable", "unreadable"),
    passing("token-unreadable-types", "token_unreadable", "unreadable"),
    passing("token-endpoint-down", "token_endpoint_down", "upstream"),
    good("short-tokens"),
    good("flapping-token"),
    visibility("queues-empty", "queues_empty"),
    visibility("queues-missing", "queues_missing"),
    definite(
        "user-context-required",
        "user_context_required",
        "misconfigured",
    ),
    definite("bad-request", "bad_request", "misconfigured"),
    definite("not-found", "not_found", "misconfigured"),
    definite("feature-disabled", "feature_disabled", "misconfigured").likely(),
    definite("feature-toggled-off", "feature_disabled", "misconfigured"),
    passing("rate-limited", "rate_limited", "throttled"),
    passing("auth-service-slow", "auth_service_slow", "upstream"),
    passing("upstream-error", "upstream_error", "upstream"),
    passing("upstream-unavailable", "upstream_error", "upstream"),
    definite("redirected", "redirected", "misconfigured"),
    passing("unreadable-answer", "unreadable_answer", "unreadable"),
    passing("unreadable-answer-types", "unreadable_answer", "unreadable"),
    passing("timeout", "timeout", "network"),
    passing("timeout-dripping", "timeout", "network"),
    passing("reset", "reset", "network"),
    passing("closed", "reset", "network"),
    passing("truncated", "reset", "network"),
    passing("answer-too-large", "answer_too_large", "unreadable"),
];

/// Causes and outcomes that no row shows, and why.
const NOT_IN_THE_TABLE: &[(&str, &str)] = &[
    ("stale_token", REPLAY),
    ("propagating", GRANTS),
    ("permission_not_in_org", CATALOGUE),
    ("policy_denied", GRANTS),
    ("dns", "no answer can show it; see probe/transport.rs"),
    ("connect", "no answer can show it; see probe/transport.rs"),
    ("tls", "no answer can show it; see probe/transport.rs"),
];

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
    match (scenario.name, scenario.credential) {
        (_, Credential::User) => {
            "[[targets]]\nname = \"default\"\ngrant = \"access_token\"\naccess_token_env = \"TOKEN\""
        }
        ("queues-missing", _) => "[[targets]]\nname = \"default\"\nexpect = { min_queues = 12 }",
        _ => "",
    }
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
        let service = platform.watched(configuration(scenario)).await;
        service.first_round().await;
        assert_diagnosis(&service, row).await;
        assert_health(&service, row, row.cold).await;
        let counted = changes(&BTreeMap::new(), &counters(&service).await);
        assert_eq!(counted, expected(&[row.counter]), "{}", row.scenario);
    }
}

#[tokio::test(start_paused = true)]
async fn every_scenario_met_while_access_worked() {
    for scenario in Simulator::scenarios() {
        let row = row(scenario);
        let platform = Platform::start().await;
        let service = platform.watched(configuration(scenario)).await;
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
        assert_diagnosis(&service, row).await;
        assert_health(&service, row, row.warm).await;
        let counted = changes(&before, &counters(&service).await);
        assert_eq!(counted, expected(&steps), "{}", row.scenario);
    }
}

/// With every level at `fail`, whatever is wrong turns red in the end, and nothing else does.
#[tokio::test(start_paused = true)]
async fn every_scenario_that_lasts_is_red_for_those_who_want_it() {
    const STRICT: &str = "[health]\nforbidden = \"fail\"\nunauthorized = \"fail\"\nmisconfigured = \"fail\"\n\
        visibility = \"fail\"\noutage = \"fail\"\nthrottled = \"fail\"\nstale = \"fail\"\n";
    for scenario in Simulator::scenarios() {
        // The first ends after a minute. In the second a token dies every 45 s, but is replaced
        // at most once a minute: the jitter decides what is seen last.
        if ["propagating", "flapping-token"].contains(&scenario.name) {
            continue;
        }
        let platform = Platform::start().await;
        let service = platform
            .watched(&format!("{STRICT}{}", configuration(scenario)))
            .await;
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
    let timeout = match scenario.outcome {
        "timeout" => "500ms",
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

async fn assert_diagnosis(service: &Service, row: &Row) {
    let report = service.get("/diagnose").await.json();
    let entry = &report["diagnoses"][0];
    let found = [&entry["outcome"], &entry["cause"], &entry["confidence"]];
    let found = found.map(|value| value.as_str());
    let expected = [Some(row.outcome), row.cause, Some(row.confidence)];
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

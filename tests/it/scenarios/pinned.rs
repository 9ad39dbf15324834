//! What is said in every case, word for word: somebody acts on these words at night.

use std::collections::BTreeMap;

use why403::diagnosis::{Cause, Outcome};
use why403::sim::{Scenario, Simulator};

use super::configuration;
use crate::harness::*;

/// Per cause: a clear case, one that looks like its neighbour, and one in which experiments are
/// refused; more where a case is told in its own way.
const PINNED: &[(&str, &[&str])] = &[
    (
        "missing_permission",
        &[
            "role-removed",
            "role-removed-vague",
            "wrong-permission-held",
            "user-role-missing-no-scope",
            "role-removed-blind",
        ],
    ),
    (
        "missing_division_permission",
        &[
            "division-refused",
            "division-refused-segment",
            "division-refused-blind",
        ],
    ),
    (
        "missing_scope",
        &[
            "user-scope-missing",
            "user-scope-and-role",
            "insufficient-scope",
            "user-scope-missing-blind",
        ],
    ),
    (
        "stale_token",
        &[
            "stale-token",
            "stale-token-slow-grants",
            "stale-token-blind",
        ],
    ),
    (
        "propagating",
        &["propagating", "propagating-division", "propagating-blind"],
    ),
    (
        "permission_not_in_org",
        &[
            "permission-not-in-org",
            "not-in-org-roleless",
            "not-in-org-blind",
        ],
    ),
    (
        "policy_denied",
        &["policy-denied", "policy-condition", "policy-denied-blind"],
    ),
    (
        "trustor_permission",
        &[
            "trustor",
            "trustor-same-org",
            "guest-role-removed",
            "trustor-blind",
        ],
    ),
    (
        "object_forbidden",
        &[
            "not-authorized",
            "not-authorized-words",
            "not-authorized-blind",
        ],
    ),
    (
        "edge_block",
        &[
            "edge-block",
            "edge-block-json",
            "edge-block-authorization",
            "edge-block-blind",
        ],
    ),
    (
        "unreadable_403",
        &[
            "unreadable-403",
            "unreadable-403-page",
            "unreadable-403-blind",
        ],
    ),
    (
        "unknown_403",
        &["unknown-403", "unknown-403-suspended", "unknown-403-blind"],
    ),
    (
        "queues_missing",
        &["queues-missing", "queues-deleted", "queues-missing-blind"],
    ),
    (
        "queues_empty",
        &["queues-empty", "queues-none", "queues-empty-blind"],
    ),
    ("ok", &["healthy", "access-ending"]),
];

fn scenario(name: &str) -> &'static Scenario {
    let mut scenarios = Simulator::scenarios().iter();
    scenarios
        .find(|scenario| scenario.name == name)
        .unwrap_or_else(|| panic!("there is no scenario {name:?}"))
}

#[test]
fn every_cause_is_pinned_clear_confusable_and_blind() {
    let pinned: BTreeMap<_, _> = PINNED.iter().copied().collect();
    let symptoms = [Outcome::QueuesMissing.slug(), Outcome::QueuesEmpty.slug()];
    for cause in Cause::ALL.iter().map(|cause| cause.slug()).chain(symptoms) {
        let scenarios = pinned.get(cause).copied().unwrap_or_default();
        assert!(scenarios.len() >= 3, "{cause}");
        assert!(
            scenarios.iter().any(|name| name.ends_with("-blind")),
            "{cause}"
        );
        for name in scenarios {
            assert_eq!(scenario(name).cause, Some(cause), "{name}");
        }
    }
}

/// The diagnosis as text and as JSON, met while access worked; ports are left out.
async fn told(name: &str) -> String {
    let scenario = scenario(name);
    let platform = Platform::start().await;
    // The jitter would show in times.
    let toml = format!("[probe]\njitter = 0.0\n{}", configuration(scenario));
    let service = platform.watched(&toml);
    service.first_round().await;
    pass(seconds(20)).await;
    platform.simulator.set_scenario(name).unwrap();
    service.next_probe().await;
    if name == "access-ending" {
        service.get("/diagnose?fresh=1").await;
    }
    let text = service.get("/diagnose?format=text").await.text();
    let json = service.get("/diagnose").await.json();
    let json = serde_json::to_string_pretty(&json).unwrap();
    let port = platform.url().rsplit(':').next().unwrap().to_owned();
    format!("{}\n{text}\n{json}\n", scenario.says).replace(&format!(":{port}"), ":PORT")
}

#[tokio::test(start_paused = true)]
async fn what_is_said_in_every_case() {
    for name in PINNED.iter().flat_map(|(_, names)| *names) {
        insta::assert_snapshot!(*name, told(name).await);
    }
}

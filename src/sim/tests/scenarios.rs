//! Every scenario, and the controls that switch them.

use std::collections::HashSet;
use std::time::Duration;

use super::*;

#[tokio::test(start_paused = true)]
async fn role_changes_may_be_late_or_bound_to_the_token() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench.simulator.set_scenario("stale-token").unwrap();
    assert_eq!(bench.get(QUEUES, &token).await.status, 403);
    let fresh = bench.token().await;
    assert_eq!(bench.get(QUEUES, &fresh).await.status, 200);
    bench.simulator.reset();
    bench.simulator.set_scenario("stale-token").unwrap();
    let first = bench.token().await;
    assert_eq!(bench.get(QUEUES, &first).await.status, 403);
    let second = bench.token().await;
    assert_eq!(bench.get(QUEUES, &second).await.status, 200);

    bench.simulator.set_scenario("propagating").unwrap();
    assert_eq!(bench.get(QUEUES, &second).await.status, 403);
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(bench.get(QUEUES, &second).await.status, 200);
    bench.simulator.with(|org| org.revoke_all(DEMO_CLIENT_ID));
    assert_eq!(
        bench.get(QUEUES, &second).await.status,
        200,
        "not known yet"
    );
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(bench.get(QUEUES, &second).await.status, 403);
}

#[test]
fn scenarios_have_names_of_their_own() {
    let names: HashSet<&str> = Simulator::scenarios()
        .iter()
        .map(|scenario| scenario.name)
        .collect();
    assert_eq!(names.len(), Simulator::scenarios().len());
    assert_eq!(Simulator::scenarios()[0].name, Simulator::new().scenario());
}

#[tokio::test(start_paused = true)]
async fn every_scenario_shows_what_it_promises() {
    let bench = Bench::start().await;
    for scenario in Simulator::scenarios() {
        let name = scenario.name;
        bench.simulator.reset();
        bench.simulator.set_scenario(name).unwrap();
        assert_eq!(bench.simulator.scenario(), name);
        assert_eq!(scenario.outcome == "ok", scenario.cause.is_none(), "{name}");
        let Some(token) = token_for(&bench, scenario).await else {
            assert!(MINTING.contains(&scenario.outcome), "{name}: no token");
            continue;
        };
        let line = status_line(&bench, &format!("authorization: Bearer {token}\r\n")).await;
        assert!(
            status_lines(scenario.outcome).contains(&line.as_str()),
            "{name}: {line:?}"
        );
        if scenario.outcome == "forbidden" {
            let anonymous = status_line(&bench, "").await;
            assert_eq!(anonymous, without_token(scenario), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lost_queues_are_not_refused_but_gone() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    for (scenario, total) in [
        ("healthy", 12),
        ("queues-missing", 4),
        ("queues-deleted", 4),
        ("queues-moved", 4),
        ("queues-missing-blind", 4),
        ("queues-empty", 0),
        ("queues-none", 0),
        ("queues-empty-blind", 0),
    ] {
        bench.simulator.set_scenario(scenario).unwrap();
        assert_eq!(
            bench.get(QUEUES, &token).await.json()["total"],
            total,
            "{scenario}"
        );
    }
}

/// Outcomes of the token endpoint.
const MINTING: [&str; 5] = [
    "client_rejected",
    "grant_rejected",
    "auth_rate_limited",
    "token_unreadable",
    "token_endpoint_down",
];

/// The token that a scenario is seen with, if it can be had.
async fn token_for(bench: &Bench, scenario: &Scenario) -> Option<String> {
    if scenario.credential == Credential::User {
        return Some(DEMO_USER_TOKEN.to_owned());
    }
    let login = bench
        .login(
            DEMO_CLIENT_ID,
            DEMO_CLIENT_SECRET,
            "grant_type=client_credentials",
        )
        .await;
    let body: Value = serde_json::from_slice(&login.body).ok()?;
    Some(body["access_token"].as_str()?.to_owned())
}

/// The start of the answer to a request for the queues; empty when there is none.
async fn status_line(bench: &Bench, headers: &str) -> String {
    let request =
        format!("GET {QUEUES} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n{headers}\r\n");
    let answer = tokio::time::timeout(Duration::from_secs(30), bench.exchange(&request)).await;
    let answer = answer.ok().and_then(Result::ok).unwrap_or_default();
    String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned()
}

/// How the answer to a request without a token starts: the API's own 401, unless an edge refuses.
fn without_token(scenario: &Scenario) -> &'static str {
    match (scenario.cause, scenario.name) {
        (_, "edge-block-blind") => "",
        (Some("edge_block"), name) if name != "edge-block-authorization" => "HTTP/1.1 403",
        _ => "HTTP/1.1 401",
    }
}

/// How an answer may start that shows an outcome.
fn status_lines(outcome: &str) -> &'static [&'static str] {
    match outcome {
        "ok" | "queues_empty" | "queues_missing" | "unreadable_answer" | "answer_too_large" => {
            &["HTTP/1.1 200"]
        }
        "forbidden" => &["HTTP/1.1 403"],
        "token_rejected" | "token_expired" | "token_missing" | "ip_not_allowed" => {
            &["HTTP/1.1 401"]
        }
        "user_context_required" | "bad_request" => &["HTTP/1.1 400"],
        "not_found" => &["HTTP/1.1 404"],
        "feature_disabled" => &["HTTP/1.1 501", "HTTP/1.1 405"],
        "rate_limited" => &["HTTP/1.1 429"],
        "auth_service_slow" => &["HTTP/1.1 504"],
        "upstream_error" => &["HTTP/1.1 500", "HTTP/1.1 503"],
        "redirected" => &["HTTP/1.1 302"],
        // Nothing whole within the limit, whatever has been dripping.
        "timeout" => &[""],
        "reset" => &["", "HTTP/1.1 200"],
        _ => &[],
    }
}

#[tokio::test(start_paused = true)]
async fn controls_work_whatever_is_broken() {
    let bench = Bench::start().await;
    bench.simulator.set_scenario("timeout").unwrap();
    assert_eq!(bench.send("GET", "/", "", "").await.status, 200);
    let list = bench.send("GET", "/sim/scenarios", "", "").await.json();
    assert_eq!(list["current"], "timeout");
    assert_eq!(
        list["scenarios"].as_array().unwrap().len(),
        Simulator::scenarios().len()
    );
    let json = "content-type: application/json\r\n";
    let put = bench
        .send("PUT", "/sim/scenario", json, "{\"name\":\"role-removed\"}")
        .await;
    assert_eq!(
        (put.status, put.json()["cause"].as_str()),
        (200, Some("missing_permission"))
    );
    let put = bench
        .send(
            "PUT",
            "/sim/scenario",
            "content-type: text/plain\r\n",
            "edge-block\n",
        )
        .await;
    assert_eq!(put.json()["name"], "edge-block");
    assert_eq!(
        bench.send("PUT", "/sim/scenario", json, "{}").await.status,
        422
    );
    let unknown = bench
        .send("PUT", "/sim/scenario", json, "{\"name\":\"nonsense\"}")
        .await;
    assert_eq!(
        (unknown.status, unknown.json()["scenarios"][0].as_str()),
        (404, Some("healthy"))
    );
    assert_eq!(
        bench.send("POST", "/sim/reset", "", "").await.json()["name"],
        "healthy"
    );
    assert_eq!(bench.simulator.requests(), []);
}

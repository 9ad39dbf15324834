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

#[tokio::test(start_paused = true)]
async fn every_scenario_shows_what_it_promises() {
    let bench = Bench::start().await;
    let names: HashSet<&str> = Simulator::scenarios()
        .iter()
        .map(|scenario| scenario.name)
        .collect();
    assert_eq!(
        names.len(),
        Simulator::scenarios().len(),
        "names are unique"
    );
    for scenario in Simulator::scenarios() {
        bench.simulator.reset();
        bench.simulator.set_scenario(scenario.name).unwrap();
        assert_eq!(bench.simulator.scenario(), scenario.name);
        assert_eq!(
            scenario.outcome == "ok",
            scenario.cause.is_none(),
            "{}",
            scenario.name
        );
        let login = bench
            .login(
                DEMO_CLIENT_ID,
                DEMO_CLIENT_SECRET,
                "grant_type=client_credentials",
            )
            .await;
        let issued = serde_json::from_slice::<Value>(&login.body).ok();
        let issued = issued
            .as_ref()
            .and_then(|body| body["access_token"].as_str());
        let token = match scenario.credential {
            Credential::Machine => issued,
            Credential::User => Some(DEMO_USER_TOKEN),
        };
        let Some(token) = token else {
            let minting = [
                "client_rejected",
                "grant_rejected",
                "auth_rate_limited",
                "token_unreadable",
                "token_endpoint_down",
            ];
            assert!(
                minting.contains(&scenario.outcome),
                "{}: {login:?}",
                scenario.name
            );
            continue;
        };
        let request = format!(
            "GET {QUEUES} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        let answer = tokio::time::timeout(Duration::from_secs(30), bench.exchange(&request)).await;
        let answer = answer.ok().and_then(Result::ok).unwrap_or_default();
        let line = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
        let expected: &[&str] = match scenario.outcome {
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
            "timeout" => &[""],
            "reset" => &["", "HTTP/1.1 200"],
            other => panic!("{}: no expectation for {other}", scenario.name),
        };
        assert!(
            expected.contains(&line.as_str()),
            "{}: {line:?}",
            scenario.name
        );
        let anonymous = format!("GET {QUEUES} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n");
        if scenario.outcome == "forbidden" {
            let reply = bench.exchange(&anonymous).await.unwrap();
            let status = if scenario.cause == Some("edge_block") {
                "403"
            } else {
                "401"
            };
            assert_eq!(
                String::from_utf8_lossy(&reply[9..12]),
                status,
                "{} without a token",
                scenario.name
            );
        }
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

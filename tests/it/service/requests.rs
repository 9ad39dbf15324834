//! What may be asked for, and how often.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use why403::diagnosis::Outcome;
use why403::sim::{DEMO_CLIENT_SECRET, Org, Route, Scripted};

use super::*;
use crate::harness::*;

#[tokio::test(start_paused = true)]
async fn fifty_who_want_it_fresh_cost_one_probe() {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\ninterval = \"10m\"");
    service.first_round().await;
    pass(seconds(20)).await;
    let before = platform.probes();
    platform.script(Route::Queues, [Scripted::DelayHonest(seconds(2))]);
    let replies = at_once(&service, 50, "GET", "/diagnose/default?fresh=1").await;
    assert_eq!(platform.probes(), before + 1);
    for reply in replies {
        assert_eq!(reply.status, 200, "{}", reply.text());
        let entry = &reply.json()["diagnoses"][0];
        assert_eq!(entry["outcome"], "ok");
        assert_eq!(entry["evidence"][0]["duration_ms"], 2_000);
    }
}

/// So many requests at the same time.
async fn at_once(
    service: &Service,
    count: usize,
    method: &'static str,
    path: &'static str,
) -> Vec<Reply> {
    let address = service.address;
    let mut asking = JoinSet::new();
    for _ in 0..count {
        asking.spawn(async move { send(address, method, path, "").await.unwrap() });
    }
    asking.join_all().await
}

#[tokio::test(start_paused = true)]
async fn fresh_examinations_are_limited_in_the_long_run() {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\ninterval = \"24h\"");
    service.first_round().await;
    let before = platform.probes();
    for _ in 0..600 {
        let status = service.get("/diagnose?fresh=1").await.status;
        assert!([200, 429].contains(&status), "{status}");
        pass(Duration::from_millis(100)).await;
    }
    // Thirty calls at once, then one per second: the integration needs the rest of what the
    // platform allows.
    let probes = platform.probes() - before;
    assert!((30..=61).contains(&probes), "{probes}");
}

/// Whatever is asked for, as often as one likes, costs the platform the same.
#[tokio::test(start_paused = true)]
async fn no_load_from_outside_costs_more_than_the_budget() {
    let platform = Platform::start().await;
    let names = ["a", "b", "c", "d", "e"];
    let targets = names.map(|name| format!("[[targets]]\nname = \"{name}\"\n"));
    let toml = format!("[probe]\ninterval = \"24h\"\n{}", targets.concat());
    let service = platform.watched(&toml);
    service.first_round().await;
    platform.simulator.set_scenario("role-removed").unwrap();
    pass(seconds(60)).await;
    let calls = || {
        let requests = platform.simulator.requests();
        requests
            .iter()
            .filter(|it| it.route != Route::Token)
            .count()
    };
    let before = calls();
    for round in 0..1_200 {
        let name = names[round % names.len()];
        for path in ["/diagnose?fresh=1", "/probe?target=", "/diagnose/"] {
            let path = match path {
                "/probe?target=" => format!("/probe?target={name}"),
                "/diagnose/" => format!("/diagnose/{name}?fresh=1"),
                all => all.to_owned(),
            };
            let status = service.get(&path).await.status;
            assert!([200, 429].contains(&status), "{path}: {status}");
        }
        pass(Duration::from_millis(100)).await;
    }
    let asked = calls() - before;
    // Two minutes: thirty at once, one per second, and what the last rounds began.
    assert!((60..=30 + 120 + 5 * 7).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_fresh_examination_outlives_whoever_asked() {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\ninterval = \"10m\"");
    service.first_round().await;
    pass(seconds(20)).await;
    let counted = |metrics: &std::collections::BTreeMap<String, f64>| metrics.values().sum::<f64>();
    let before = counted(&service.metrics(&["probes_total"]).await);
    platform.script(Route::Queues, [Scripted::DelayHonest(seconds(4))]);
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let request = b"GET /diagnose?fresh=1 HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    pass(seconds(1)).await;
    drop(stream);
    let snapshot = service.next_probe().await;
    assert_eq!(outcome(&snapshot), Outcome::Ok);
    assert_eq!(service.elapsed(), seconds(24));
    let after = counted(&service.metrics(&["probes_total"]).await);
    assert!((after - before - 1.0).abs() < f64::EPSILON);
}

#[tokio::test(start_paused = true)]
async fn an_examination_that_takes_too_long_goes_on_without_its_request() {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\ninterval = \"10m\"\ntimeout = \"1m\"");
    service.first_round().await;
    pass(seconds(20)).await;
    platform.script(Route::Queues, [Scripted::DelayHonest(seconds(40))]);
    let reply = service.get("/diagnose?fresh=1").await;
    assert_eq!(reply.status, 504);
    // Three times the limit of other requests.
    assert_eq!(service.elapsed(), seconds(35));
    service.next_probe().await;
    assert_eq!(service.elapsed(), seconds(60));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_forced_refreshes_are_one_and_then_none() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    pass(seconds(5)).await;
    platform.script(Route::Token, [Scripted::DelayHonest(seconds(1))]);
    let replies = at_once(&service, 100, "POST", "/token/refresh").await;
    assert_eq!(platform.mints(), 2);
    // 64 may wait at a time; the others are told to come again.
    let count = |status| replies.iter().filter(|it| it.status == status).count();
    assert_eq!((count(200), count(503)), (64, 36));
    let refreshed = replies.iter().find(|it| it.status == 200).unwrap().json();
    assert_eq!(refreshed["credentials"][0]["result"], "refreshed");
    let again = service.post("/token/default/refresh").await;
    assert_eq!(
        (again.status, again.header("retry-after")),
        (429, Some("30"))
    );
    pass(seconds(30)).await;
    assert_eq!(service.post("/token/default/refresh").await.status, 200);
    assert_eq!(platform.mints(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_forced_refresh_says_what_went_wrong_and_changes_nothing() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    pass(seconds(5)).await;
    platform.always(Route::Token, unavailable());
    let reply = service.post("/token/refresh").await;
    assert_eq!(reply.status, 502);
    assert!(
        reply.text().contains("token_endpoint_down"),
        "{}",
        reply.text()
    );
    let snapshot = service.next_probe().await;
    assert_eq!(
        outcome(&snapshot),
        Outcome::Ok,
        "the old token is still good"
    );
    assert_eq!(service.post("/token/nobody/refresh").await.status, 404);
    assert_eq!(service.get("/token/refresh").await.status, 405);
    let elsewhere = "x-forwarded-for: 192.0.2.7\r\n";
    let reply = service.send("POST", "/token/refresh", elsewhere).await;
    assert_eq!(reply.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_given_token_cannot_be_refreshed() {
    let platform = Platform::start().await;
    let service = platform.watched(
        "[[targets]]\nname = \"default\"\ngrant = \"access_token\"\naccess_token_env = \"TOKEN\"",
    );
    assert_eq!(service.first_outcome().await, Outcome::Ok);
    assert_eq!(service.post("/token/refresh").await.status, 409);
    assert_eq!(platform.mints(), 0);
    // A 401 is told and not repeated: there is no other token.
    platform.simulator.with(Org::revoke_tokens);
    let snapshot = service.next_probe().await;
    assert_eq!(outcome(&snapshot), Outcome::TokenRejected);
    assert_eq!(diagnosis(&snapshot).evidence.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_secret_is_nowhere_to_be_read() {
    let platform = Platform::start().await;
    // An upstream that echoes what it was sent.
    let echo = format!("no: {DEMO_CLIENT_SECRET}");
    platform.always(
        Route::Token,
        Scripted::json(
            401,
            &serde_json::json!({"error": "invalid_client", "error_description": echo}),
        ),
    );
    let service = platform.watched("");
    service.first_round().await;
    for path in [
        "/",
        "/diagnose",
        "/diagnose?format=text",
        "/metrics",
        "/health",
        "/readyz",
    ] {
        let text = service.get(path).await.text();
        assert!(!text.contains(DEMO_CLIENT_SECRET), "{path}: {text}");
    }
}

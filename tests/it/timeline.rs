//! What changed: from the probes of the running service to `/timeline`.

use why403::sim::{DEMO_CLIENT_ID, Route, Scripted};

use crate::harness::*;

mod restart;

const READER: &str = "Queue Reader";

/// The episodes of the only target, the latest first.
pub(crate) async fn episodes(service: &Service) -> Vec<serde_json::Value> {
    let answer = service.get("/timeline/default").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["episodes"].as_array().unwrap().clone()
}

/// The only episode.
pub(crate) async fn only(service: &Service) -> serde_json::Value {
    let episodes = episodes(service).await;
    assert_eq!(episodes.len(), 1, "{episodes:#?}");
    episodes[0].clone()
}

/// Waits until access works, or does not.
pub(crate) async fn until(service: &Service, outcome: &str) {
    let shows = |snapshot: &std::sync::Arc<why403::snapshot::Snapshot>| {
        let check = check(snapshot);
        let found = check.diagnosis.as_ref().map(|it| it.finding.outcome());
        found.is_some_and(|found| found.slug() == outcome)
    };
    service.until(outcome, shows).await;
}

/// What differs, as kind, subject and division.
fn differences(list: &serde_json::Value) -> Vec<String> {
    let word = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let list = list.as_array().unwrap().iter();
    list.map(|it| {
        let parts = [&it["what"], &it["subject"], &it["division"]["name"]];
        parts.map(word).join(" ")
    })
    .collect()
}

/// A service whose client reads queues in Home and Sales, and has done so for ten minutes.
async fn watched_in_two_divisions(platform: &Platform) -> Service {
    watched_in_two_divisions_with(platform, "").await
}

async fn watched_in_two_divisions_with(platform: &Platform, toml: &str) -> Service {
    platform.simulator.with(|org| {
        org.revoke_all(DEMO_CLIENT_ID);
        org.grant(DEMO_CLIENT_ID, READER, "Home");
        org.grant(DEMO_CLIENT_ID, READER, "Sales");
    });
    let service = platform.watched(toml);
    until(&service, "ok").await;
    pass(seconds(600)).await;
    service
}

#[tokio::test(start_paused = true)]
async fn a_role_that_was_removed_and_granted_again_is_one_episode() {
    let platform = Platform::start().await;
    let service = watched_in_two_divisions(&platform).await;
    let revoke = |org: &mut why403::sim::Org| org.revoke_all(DEMO_CLIENT_ID);
    platform.simulator.with(revoke);
    until(&service, "forbidden").await;
    pass(seconds(900)).await;
    let open = only(&service).await;
    assert_eq!(open["ended"], serde_json::Value::Null);
    let lost = differences(&open["changed"]);
    for expected in [
        "role_lost Queue Reader Home",
        "role_lost Queue Reader Sales",
        "permission_lost routing:queue:view Sales",
    ] {
        assert!(lost.iter().any(|it| it == expected), "{lost:?}");
    }
    let grant = |org: &mut why403::sim::Org| {
        org.grant(DEMO_CLIENT_ID, READER, "Home");
        org.grant(DEMO_CLIENT_ID, READER, "Sales");
    };
    platform.simulator.with(grant);
    until(&service, "ok").await;
    let episode = only(&service).await;
    let recovery = &episode["recovery"];
    assert_eq!(recovery["by"], "rights_changed", "{recovery:#}");
    let because = recovery["because"].as_str().unwrap();
    assert!(
        because.contains("Queue Reader in the divisions Home, Sales"),
        "{because}"
    );
    assert_eq!(episode["last_good"]["token"]["generation"], 1);
    let text = service.get("/diagnose?format=text").await.text();
    assert!(text.contains("What changed"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stale_token_is_recovered_by_a_new_one() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    until(&service, "ok").await;
    pass(seconds(600)).await;
    platform.simulator.set_scenario("stale-token").unwrap();
    until(&service, "forbidden").await;
    until(&service, "ok").await;
    let episode = only(&service).await;
    assert_eq!(episode["changes"][0]["cause"], "stale_token", "{episode:#}");
    assert_eq!(episode["recovery"]["by"], "new_token", "{episode:#}");
}

#[tokio::test(start_paused = true)]
async fn what_propagates_is_recovered_by_time() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    until(&service, "ok").await;
    pass(seconds(600)).await;
    platform.simulator.set_scenario("propagating").unwrap();
    until(&service, "forbidden").await;
    until(&service, "ok").await;
    let episode = only(&service).await;
    assert_eq!(episode["recovery"]["by"], "time", "{episode:#}");
}

#[tokio::test(start_paused = true)]
async fn changes_of_cause_are_recorded_and_repetitions_are_not() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    until(&service, "ok").await;
    pass(seconds(600)).await;
    platform.simulator.set_scenario("role-removed").unwrap();
    until(&service, "forbidden").await;
    pass(seconds(600)).await;
    platform.simulator.set_scenario("edge-block").unwrap();
    pass(seconds(600)).await;
    platform.simulator.set_scenario("healthy").unwrap();
    until(&service, "ok").await;
    let episode = only(&service).await;
    let changes = episode["changes"].as_array().unwrap().iter();
    let mut causes: Vec<_> = changes.map(|it| it["cause"].as_str().unwrap()).collect();
    assert!(causes.len() <= 4, "{causes:?}");
    causes.dedup();
    assert_eq!(causes, ["missing_permission", "edge_block"]);
    assert_eq!(episode["recovery"]["by"], "upstream_back");
}

#[tokio::test(start_paused = true)]
async fn a_silent_loss_names_the_division() {
    let platform = Platform::start().await;
    let service = watched_in_two_divisions(&platform).await;
    let revoke = |org: &mut why403::sim::Org| org.revoke_in(DEMO_CLIENT_ID, READER, "Sales");
    platform.simulator.with(revoke);
    until(&service, "queues_missing").await;
    let episode = only(&service).await;
    let changed = differences(&episode["changed"]);
    for expected in [
        "role_lost Queue Reader Sales",
        "permission_lost routing:queue:view Sales",
        "queues - -",
    ] {
        assert!(changed.iter().any(|it| it == expected), "{changed:?}");
    }
    assert_eq!(episode["last_good"]["queues"], 8);
    assert_eq!(episode["first_bad"]["queues"], 4);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_no_episode_and_an_outage_is_one() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    until(&service, "ok").await;
    let limited = Scripted::text(429, "text/plain", "Too Many Requests");
    platform.always(Route::Queues, limited);
    until(&service, "rate_limited").await;
    platform.mend(Route::Queues);
    until(&service, "ok").await;
    assert!(episodes(&service).await.is_empty());
    let down = Scripted::text(503, "text/plain", "Service Unavailable");
    platform.always(Route::Queues, down);
    until(&service, "upstream_error").await;
    platform.mend(Route::Queues);
    until(&service, "ok").await;
    assert_eq!(only(&service).await["recovery"]["by"], "upstream_back");
    pass(seconds(7200)).await;
    let recent = service.get("/timeline?since=1h").await.json();
    assert_eq!(recent["episodes"], serde_json::json!([]));
    let older = service.get("/timeline?since=3h").await.json();
    assert_eq!(older["episodes"].as_array().unwrap().len(), 1);
}

//! What each path answers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::diagnosis::Outcome;
use crate::http::examples::{
    after, check, failing, forbidden, good, mixed, passing, starting, target, warning,
};

#[tokio::test(start_paused = true)]
async fn livez_follows_the_heartbeat_and_nothing_else() {
    let stage = Stage::new(failing()).await;
    let service = Service::new(stage.app.clone());
    let got = get("/livez?anything=goes").of(&service).await;
    assert_eq!((got.status, got.body.as_str()), (200, "ok"));
    stage.app.clock.sleep_until(after(60 + 60).elapsed).await;
    let got = get("/livez").of(&service).await;
    assert_eq!(got.status, 503);
    assert_eq!(got.body, "the scheduler's last heartbeat was 60 s ago");
}

#[tokio::test(start_paused = true)]
async fn livez_gives_a_process_that_was_stopped_time_to_go_on() {
    let stage = Stage::new(failing()).await;
    let service = Service::new(stage.app.clone());
    stage.app.clock.sleep_until(after(600).elapsed).await;
    let scheduler = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let mut snapshot = failing();
        snapshot.at = stage.app.clock.now();
        stage.snapshots.send_replace(Arc::new(snapshot));
    };
    let (got, ()) = tokio::join!(get("/livez").of(&service), scheduler);
    assert_eq!((got.status, got.body.as_str()), (200, "ok"));
}

#[tokio::test(start_paused = true)]
async fn readyz_waits_for_the_first_round_but_not_for_ever() {
    let mut snapshot = starting();
    snapshot.started = after(50);
    let stage = Stage::new(snapshot).await;
    let service = Service::new(stage.app.clone());
    let got = get("/readyz").of(&service).await;
    assert_eq!(got.status, 503);
    assert!(got.body.starts_with("starting"));
    assert!(!got.headers.contains_key("connection"));
    stage.app.clock.sleep_until(after(80).elapsed).await;
    assert_eq!(get("/readyz").of(&service).await.status, 200);
    stage.app.stopping.cancel();
    let got = get("/readyz").of(&service).await;
    assert_eq!((got.status, got.body.as_str()), (503, "stopping"));
    let got = get("/livez").of(&service).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.header("connection"), "close", "it is about to end");
}

#[tokio::test(start_paused = true)]
async fn readyz_does_not_follow_the_upstream() {
    assert_eq!(get("/readyz").at(failing()).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn health_is_the_verdict() {
    for (snapshot, status, strict, word) in [
        (passing(), 200, 200, "pass"),
        (warning(), 200, 503, "warn"),
        (failing(), 503, 503, "fail"),
        (starting(), 503, 503, "fail"),
        (mixed(), 503, 503, "fail"),
    ] {
        let service = Service::new(Stage::new(snapshot).await.app);
        let got = get("/health").of(&service).await;
        assert_eq!(got.status, status, "{}", got.body);
        assert_eq!(got.json()["status"], word);
        assert_eq!(got.header("content-type"), "application/health+json");
        assert_eq!(got.header("cache-control"), "max-age=1");
        assert_eq!(get("/health?strict=1").of(&service).await.status, strict);
        assert_eq!(get("/health?strict=0").of(&service).await.status, status);
    }
}

#[tokio::test(start_paused = true)]
async fn health_says_little() {
    let got = get("/health").at(mixed()).await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&got.json()).unwrap());
    for detail in ["routing:queue:view", "6f4cd1ab", "mypurecloud", "Berlin"] {
        assert!(!got.body.contains(detail), "{detail}");
    }
}

#[tokio::test(start_paused = true)]
async fn health_of_one_target() {
    let service = Service::new(Stage::new(mixed()).await.app);
    for (target, status, value) in [
        ("prod-us", 200, Some("ok")),
        ("prod-eu", 503, Some("missing_permission")),
        ("test-eu", 200, Some("timeout")),
        ("test-jp", 503, None),
    ] {
        let got = get(format!("/health/{target}")).of(&service).await;
        assert_eq!(got.status, status, "{target}");
        let json = got.json();
        let check = &json["checks"][format!("{target}:queue_access")][0];
        assert_eq!(check["observedValue"].as_str(), value, "{target}");
        assert_eq!(json["checks"].as_object().unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_that_grows_stale_changes_the_cached_answer() {
    let stage = Stage::new(passing()).await;
    let service = Service::new(stage.app.clone());
    let first = get("/health").of(&service).await;
    assert_eq!(get("/health").of(&service).await.body, first.body);
    stage.app.clock.sleep_until(after(160).elapsed).await;
    assert_eq!(get("/health").of(&service).await.body, first.body);
    tokio::time::sleep(Duration::from_millis(2)).await;
    let old = get("/health").of(&service).await;
    assert_eq!(old.json()["status"], "warn");
    assert_eq!(old.json()["output"], "stale: no result for too long");

    stage.snapshots.send(Arc::new(failing())).unwrap();
    assert_ne!(get("/health").of(&service).await.body, old.body);
}

#[tokio::test(start_paused = true)]
async fn diagnose_has_the_shape_that_is_promised() {
    let got = get("/diagnose/prod-eu").at(mixed()).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("vary"), "accept");
    // The body as it stands, because the order of the fields is part of the promise.
    insta::assert_snapshot!(got.body.replace("\":{", "\":{\n").replace(",\"", ",\n\""));
}

#[tokio::test(start_paused = true)]
async fn diagnose_covers_every_target_even_before_its_first_probe() {
    let json = get("/diagnose").at(mixed()).await.json();
    assert_eq!(json["status"], "fail");
    let diagnoses = json["diagnoses"].as_array().unwrap();
    assert_eq!(diagnoses.len(), 4);
    assert_eq!(diagnoses[0]["target"], "prod-us", "in the order given");
    let unknown = &diagnoses[2];
    assert_eq!(unknown["status"], "unknown");
    for null in [
        "outcome",
        "cause",
        "confidence",
        "token",
        "remedy",
        "examined_at",
    ] {
        assert!(unknown[null].is_null(), "{null}");
    }
    assert_eq!(unknown["summary"], "not examined yet");
    assert_eq!(unknown["identity"]["grant"], "client_credentials");
}

#[tokio::test(start_paused = true)]
async fn ages_are_those_at_the_time_of_reading() {
    let stage = Stage::new(failing()).await;
    let service = Service::new(stage.app.clone());
    for seconds in [60, 4000] {
        stage.app.clock.sleep_until(after(seconds).elapsed).await;
        let json = get("/diagnose").of(&service).await.json();
        assert_eq!(json["diagnoses"][0]["token"]["age_seconds"], seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn diagnose_speaks_to_people_when_asked() {
    let service = Service::new(Stage::new(failing()).await.app);
    let text = "text/plain; charset=utf-8";
    for (ask, content_type) in [
        (get("/diagnose").with("accept", "text/plain"), text),
        (get("/diagnose?format=text"), text),
        (
            get("/diagnose?format=json").with("accept", "text/plain"),
            "application/json",
        ),
        (
            get("/diagnose?format=text").with("accept", "image/png"),
            text,
        ),
        (get("/diagnose").with("accept", "*/*"), "application/json"),
    ] {
        let got = ask.of(&service).await;
        assert_eq!(
            (got.status, got.header("content-type")),
            (200, content_type)
        );
        assert_eq!(got.body.starts_with("✗ prod-eu"), content_type == text);
    }
    let got = get("/diagnose")
        .with("accept", "image/png")
        .of(&service)
        .await;
    assert_eq!(
        (got.status, got.problem().as_str()),
        (406, "not-acceptable")
    );
}

#[tokio::test(start_paused = true)]
async fn the_page_has_its_policy_and_is_not_stored() {
    let got = get("/").at(mixed()).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(got.header("cache-control"), "no-store");
    assert!(
        got.header("content-security-policy")
            .contains("style-src 'sha256-")
    );
}

#[tokio::test(start_paused = true)]
async fn metrics_are_text_in_version_0_0_4() {
    let ask = get("/metrics").with("accept", "application/openmetrics-text");
    let got = ask.at(passing()).await;
    let expected = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!((got.status, got.header("content-type")), (200, expected));
}

#[tokio::test(start_paused = true)]
async fn many_targets_are_served() {
    let targets = (0..2_000).map(|n| {
        let name = format!("t{n}");
        let diagnosis = if n == 1_999 {
            forbidden(&name)
        } else {
            good(&name)
        };
        target(&name, check(Some(diagnosis), 1))
    });
    let service = Service::new(
        Stage::new(crate::http::examples::snapshot(targets.collect()))
            .await
            .app,
    );
    assert_eq!(get("/health").of(&service).await.status, 503);
    assert_eq!(get("/health/t0").of(&service).await.status, 200);
    let json = get("/diagnose").of(&service).await.json();
    assert_eq!(json["diagnoses"].as_array().unwrap().len(), 2_000);
}

/// Wherever somebody looks, in the same words for people.
#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_renewed_is_told_everywhere() {
    let mut snapshot = passing();
    let target = Arc::make_mut(&mut snapshot.targets[0]);
    target.refresh_failing = Some(Outcome::ClientRejected);
    let service = Service::new(Stage::new(snapshot).await.app);
    let report = get("/diagnose").of(&service).await.json();
    let entry = &report["diagnoses"][0];
    assert_eq!(
        (&entry["status"], &entry["outcome"]),
        (&json!("warn"), &json!("ok"))
    );
    assert_eq!(entry["token_refresh_failing"], "client_rejected");
    for uri in ["/diagnose?format=text", "/"] {
        let body = get(uri).of(&service).await.body;
        let told = body.split_whitespace().collect::<Vec<_>>().join(" ");
        let words =
            "No new token can be minted (client_rejected): unless that succeeds, access ends";
        assert!(told.contains(words), "{uri}: {told}");
    }
    let health = get("/health").of(&service).await;
    assert_eq!(health.status, 200);
    assert!(
        health.body.contains("token_refresh_failing: "),
        "{}",
        health.body
    );
}

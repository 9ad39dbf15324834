//! `/timeline`: what is chosen, and how it is shown.

use super::*;
use crate::http::examples::{passing, troubled};
use crate::target::Secret;
use std::sync::Arc;

fn targets(got: &Got) -> Vec<String> {
    assert_eq!(got.status, 200, "{}", got.body);
    let episodes = got.json()["episodes"].as_array().unwrap().clone();
    let name = |it: &Value| it["target"].as_str().unwrap().to_owned();
    episodes.iter().map(name).collect()
}

#[tokio::test(start_paused = true)]
async fn the_timeline_is_pinned() {
    let got = get("/timeline/prod-us").at(troubled()).await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&got.json()).unwrap());
}

#[tokio::test(start_paused = true)]
async fn episodes_are_chosen_by_target_and_time() {
    let service = Service::new(Stage::new(troubled()).await.app);
    for (uri, expected) in [
        ("/timeline", vec!["prod-us", "prod-eu"]),
        ("/timeline/prod-eu", vec!["prod-eu"]),
        // What goes on, and what has ended within the time.
        ("/timeline?since=1s", vec!["prod-us", "prod-eu"]),
        (
            "/timeline?since=2026-03-02T12:00:30Z",
            vec!["prod-us", "prod-eu"],
        ),
        (
            "/timeline?since=2026-03-02T12:05:00%2B00:00",
            vec!["prod-eu"],
        ),
        ("/timeline/prod-us?since=2026-03-02T12:05:00Z", vec![]),
    ] {
        assert_eq!(targets(&get(uri).of(&service).await), expected, "{uri}");
    }
    let got = get("/timeline").at(passing()).await;
    assert!(targets(&got).is_empty());
}

#[tokio::test(start_paused = true)]
async fn wrong_requests_are_told_what_is_wrong() {
    let service = Service::new(Stage::new(troubled()).await.app);
    for (uri, status, slug, word) in [
        ("/timeline/nobody", 404, "unknown-target", "target"),
        ("/timeline?since=tomorrow", 400, "bad-query", "since"),
        ("/timeline?since=-1h", 400, "bad-query", "since"),
        ("/timeline?until=1h", 400, "bad-query", "until"),
        ("/timeline/prod-us?fresh=1", 400, "bad-query", "fresh"),
    ] {
        let got = get(uri).of(&service).await;
        assert_eq!(
            (got.status, got.problem().as_str()),
            (status, slug),
            "{uri}"
        );
        assert!(got.body.contains(word), "{}", got.body);
    }
    let got = get("/timeline")
        .with("accept", "image/png")
        .of(&service)
        .await;
    assert_eq!(got.status, 406);
}

#[tokio::test(start_paused = true)]
async fn text_is_negotiated_as_for_a_diagnosis() {
    let service = Service::new(Stage::new(troubled()).await.app);
    let text = get("/timeline?format=text").of(&service).await;
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(text.header("vary"), "accept");
    let same = get("/timeline")
        .with("accept", "text/plain")
        .of(&service)
        .await;
    assert_eq!(same.body, text.body);
}

#[tokio::test(start_paused = true)]
async fn a_timeline_is_a_detail() {
    let mut app = Stage::new(troubled()).await.app;
    let server = Arc::make_mut(&mut app.server);
    server.protect_details = true;
    server.admin_token = Some(Secret::fixed("open-sesame"));
    let service = Service::new(app);
    for uri in ["/timeline", "/timeline/prod-us"] {
        assert_eq!(get(uri).of(&service).await.status, 401);
        let ask = get(uri).with("authorization", "Bearer open-sesame");
        assert_eq!(ask.of(&service).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_diagnosis_tells_what_changed() {
    let got = get("/diagnose").at(troubled()).await.json();
    let episode = &got["diagnoses"][1]["episode"];
    assert_eq!(episode["changed"][0]["what"], "role_lost");
    assert_eq!(episode["changed"][0]["subject"], "Queue Reader");
    assert_eq!(episode["changed"][0]["division"]["name"], "Sales");
    assert_eq!(episode["ended"], Value::Null);
    let keys: Vec<_> = got["diagnoses"][0]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert!(keys.contains(&"episode".to_owned()));
    let got = get("/diagnose").at(passing()).await.json();
    assert_eq!(got["diagnoses"][0]["episode"], Value::Null);
}

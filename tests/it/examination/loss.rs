//! 200, and less to see than before.

use why403::health::Status;

use super::*;

async fn watched(platform: &Platform, expect: &str) -> Service {
    let toml = format!("[[targets]]\nname = \"default\"\nexpect = {{ {expect} }}\n");
    let service = platform.watched(&toml);
    service.first_round().await;
    service
}

#[tokio::test(start_paused = true)]
async fn a_lost_division_is_named_and_lasts_until_it_is_granted_again() {
    let platform = Platform::start().await;
    let service = watched(&platform, "").await;
    assert_eq!(service.verdict(), Status::Pass);
    let support = |org: &mut Org| org.revoke_in(DEMO_CLIENT_ID, READER, "Support");
    platform.simulator.with(support);
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("queues_missing", "proven"));
    let summary = &diagnosis(&snapshot).summary;
    assert!(
        summary.contains("only 8 queues; there were 12 when access last worked"),
        "{summary}"
    );
    assert!(summary.contains("Support"), "{summary}");
    let entry = service.get("/diagnose").await.json()["diagnoses"][0].clone();
    assert_eq!(entry["missing"]["divisions"][0]["name"], "Support");
    assert_eq!(service.verdict(), Status::Warn);
    let gauge = service.metrics(&["queues_visible"]).await;
    let expected = [("why403_queues_visible{target=\"default\"}".to_owned(), 8.0)];
    assert_eq!(gauge.into_iter().collect::<Vec<_>>(), expected);
    pass(3 * 60 * MINUTE).await;
    assert_eq!(cause(&service.monitor.snapshot()).0, "queues_missing");
    platform
        .simulator
        .with(|org| org.grant(DEMO_CLIENT_ID, READER, "Support"));
    service.next_probe().await;
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("ok", "proven"));
    assert_eq!(service.verdict(), Status::Pass);
}

#[tokio::test(start_paused = true)]
async fn deleted_queues_are_told_apart_and_accepted_in_the_end() {
    let platform = Platform::start().await;
    let service = watched(&platform, "").await;
    platform.simulator.with(|org| org.remove_queue("Billing"));
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("queues_missing", "likely"));
    let summary = &diagnosis(&snapshot).summary;
    assert!(
        summary.contains("deleted") && summary.contains("No division was lost"),
        "{summary}"
    );
    pass(62 * MINUTE).await;
    assert_eq!(cause(&service.monitor.snapshot()), ("ok", "proven"));
    pass(5 * MINUTE).await;
    let snapshot = service.next_probe().await;
    let summary = &diagnosis(&snapshot).summary;
    assert!(summary.ends_with("works: 11 queues visible."), "{summary}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_sees_everything_is_told_that_the_queues_are_gone() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| {
        revoke(org);
        org.grant(DEMO_CLIENT_ID, READER, "*");
    });
    let service = watched(&platform, "").await;
    platform.simulator.with(|org| org.remove_queue("Billing"));
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("queues_missing", "proven"));
    platform.simulator.with(|org| {
        for queue in org.queue_names() {
            org.remove_queue(&queue);
        }
    });
    pass(6 * MINUTE).await;
    let snapshot = service.monitor.snapshot();
    assert_eq!(cause(&snapshot), ("queues_empty", "proven"));
    let summary = &diagnosis(&snapshot).summary;
    assert!(summary.contains("nothing is hidden"), "{summary}");
}

#[tokio::test(start_paused = true)]
async fn an_expected_division_is_looked_at_although_the_count_is_right() {
    let platform = Platform::start().await;
    let service = watched(&platform, "divisions = [\"Home\", \"Archive\"]").await;
    let snapshot = service.monitor.snapshot();
    assert_eq!(cause(&snapshot), ("queues_missing", "proven"));
    assert!(diagnosis(&snapshot).summary.contains("Archive"));
    platform.simulator.with(|org| {
        org.add_division("Archive");
        org.grant(DEMO_CLIENT_ID, READER, "Archive");
    });
    pass(6 * MINUTE).await;
    assert_eq!(cause(&service.monitor.snapshot()), ("ok", "proven"));
    // A division without queues is lost: no count tells.
    platform
        .simulator
        .with(|org| org.revoke_in(DEMO_CLIENT_ID, READER, "Archive"));
    pass(6 * MINUTE).await;
    let snapshot = service.monitor.snapshot();
    assert_eq!(cause(&snapshot), ("queues_missing", "proven"));
    assert!(diagnosis(&snapshot).queues.total == Some(12));
}

#[tokio::test(start_paused = true)]
async fn more_queues_become_what_is_expected() {
    let platform = Platform::start().await;
    let service = watched(&platform, "").await;
    platform.simulator.with(|org| org.add_queue("New", "Home"));
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("ok", "proven"));
    platform.simulator.with(|org| org.remove_queue("New"));
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot).0, "queues_missing");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_takes_the_total_away_is_no_loss() {
    let platform = Platform::start().await;
    let service = watched(&platform, "").await;
    let page = br#"{"entities":[{"id":"1","name":"Sales"}],"pageSize":1,"pageNumber":1}"#;
    let untold = Scripted::respond(200, &[("content-type", "application/json")], page);
    platform.simulator.script(Route::Queues, [untold]);
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("ok", "proven"));
    assert_eq!(service.verdict(), Status::Pass);
    let gauge = service.metrics(&["queues_visible"]).await;
    assert!(gauge.values().all(|count| count.is_nan()), "{gauge:?}");
    // What was known before is not forgotten: a loss behind it is still seen.
    let support = |org: &mut Org| org.revoke_in(DEMO_CLIENT_ID, READER, "Support");
    platform.simulator.with(support);
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("queues_missing", "proven"));
    let summary = &diagnosis(&snapshot).summary;
    assert!(summary.contains("there were 12 when"), "{summary}");
}

//! What is kept on disk, over a restart of the service.

use std::path::Path;

use why403::app::StopSignal;
use why403::sim::{DEMO_CLIENT_ID, Org};

use super::{READER, differences, episodes, only, until, watched_in_two_divisions_with};
use crate::harness::*;

/// A configuration that keeps its state in `directory`.
fn keeping(directory: &Path) -> String {
    format!(
        "[server]\nshutdown_delay = \"0s\"\nstate_dir = \"{}\"\n",
        directory.display()
    )
}

async fn stop(mut service: Service) {
    service.signal(StopSignal::Interrupt).await;
    service.stopped().await;
}

#[tokio::test(start_paused = true)]
async fn an_episode_goes_on_after_a_restart_and_is_closed_by_what_is_found_then() {
    let directory = tempfile::tempdir().unwrap();
    let toml = keeping(&directory.path().join("state"));
    let platform = Platform::start().await;
    let service = watched_in_two_divisions_with(&platform, &toml).await;
    platform
        .simulator
        .with(|org: &mut Org| org.revoke_all(DEMO_CLIENT_ID));
    until(&service, "forbidden").await;
    let before = only(&service).await;
    stop(service).await;

    let service = platform.watched(&toml);
    let recalled = only(&service).await;
    for field in [
        "id",
        "began",
        "last_good",
        "first_bad",
        "changed",
        "changes",
    ] {
        assert_eq!(recalled[field], before[field], "{field}");
    }
    until(&service, "forbidden").await;
    assert_eq!(only(&service).await["ended"], serde_json::Value::Null);
    platform.simulator.with(|org: &mut Org| {
        org.grant(DEMO_CLIENT_ID, READER, "Home");
        org.grant(DEMO_CLIENT_ID, READER, "Sales");
    });
    until(&service, "ok").await;
    let after = only(&service).await;
    assert_eq!(
        (&after["id"], &after["began"]),
        (&before["id"], &before["began"])
    );
    assert_eq!(after["recovery"]["by"], "rights_changed", "{after:#}");
    stop(service).await;

    // The next one is the second, and the first is still known.
    let service = platform.watched(&toml);
    until(&service, "ok").await;
    platform
        .simulator
        .with(|org: &mut Org| org.revoke_all(DEMO_CLIENT_ID));
    until(&service, "forbidden").await;
    let all = episodes(&service).await;
    assert_eq!(all.len(), 2, "{all:#?}");
    assert_eq!((&all[0]["id"], &all[1]), (&2.into(), &after));
    stop(service).await;
}

/// The queues that are missing at the first look after a restart are missed all the same.
#[tokio::test(start_paused = true)]
async fn a_silent_loss_during_a_restart_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let toml = keeping(directory.path());
    let platform = Platform::start().await;
    let service = watched_in_two_divisions_with(&platform, &toml).await;
    stop(service).await;
    platform
        .simulator
        .with(|org: &mut Org| org.revoke_in(DEMO_CLIENT_ID, READER, "Sales"));
    let service = platform.watched(&toml);
    until(&service, "queues_missing").await;
    let episode = only(&service).await;
    let changed = differences(&episode["changed"]);
    let expected = "permission_lost routing:queue:view Sales";
    assert!(changed.iter().any(|it| it == expected), "{changed:?}");
    assert_eq!(episode["last_good"]["queues"], 8);
    assert_eq!(episode["last_good"]["token"], serde_json::Value::Null);
    stop(service).await;
}

#[tokio::test(start_paused = true)]
async fn targets_that_are_no_longer_configured_are_remembered_and_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let toml = keeping(directory.path());
    let platform = Platform::start().await;
    platform.simulator.set_scenario("role-removed").unwrap();
    let service = platform.watched(&toml);
    until(&service, "forbidden").await;
    stop(service).await;
    let service = platform.watched(&format!("{toml}{}", fleet(1)));
    service.first_round().await;
    let all = service.get("/timeline").await.json();
    let names: Vec<_> = all["episodes"].as_array().unwrap().iter().collect();
    assert!(names.iter().all(|it| it["target"] == "t-0"), "{all:#}");
    stop(service).await;
    let service = platform.watched(&toml);
    assert_eq!(only(&service).await["id"], 1);
    stop(service).await;
}

#[tokio::test(start_paused = true)]
async fn writes_are_counted_and_nothing_is_written_while_nothing_changes() {
    let directory = tempfile::tempdir().unwrap();
    let platform = Platform::start().await;
    let service = platform.watched(&keeping(directory.path()));
    until(&service, "ok").await;
    pass(seconds(3600)).await;
    let writes = service.metrics(&["state_writes_total"]).await;
    let failed = writes["why403_state_writes_total{result=\"failed\"}"];
    assert!(failed < 1.0, "{failed}");
    // How it stands is kept every minute.
    let written = writes["why403_state_writes_total{result=\"ok\"}"];
    assert!((50.0..=70.0).contains(&written), "{written}");
    stop(service).await;
}

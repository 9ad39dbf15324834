//! Readiness and the verdict, from the start on.

use std::time::Duration;

use serde_json::json;
use why403::health::{State, Status};
use why403::sim::{Route, Scripted};

use super::*;
use crate::harness::*;

/// Status, word and note of the only check of `/health`.
async fn health(service: &Service) -> (u16, String, Option<String>) {
    let reply = service.get("/health").await;
    let health = reply.json();
    let note = health["output"].as_str().map(str::to_owned);
    (
        reply.status,
        health["status"].as_str().unwrap().to_owned(),
        note,
    )
}

#[tokio::test(start_paused = true)]
async fn readiness_waits_for_the_first_probe_and_liveness_does_not() {
    let platform = Platform::start().await;
    platform.script(Route::Queues, [Scripted::DelayHonest(seconds(7))]);
    let service = platform.watched("");
    pass(seconds(6)).await;
    let paths = ["/livez", "/readyz", "/health"];
    assert_eq!(statuses(&service, paths).await, [200, 503, 503]);
    let (_, word, note) = health(&service).await;
    assert_eq!(word, "fail", "what is not known is not good");
    assert!(note.unwrap().contains("starting"));
    pass(seconds(2)).await;
    assert_eq!(statuses(&service, paths).await, [200, 200, 200]);
}

#[tokio::test(start_paused = true)]
async fn readiness_follows_this_process_and_not_the_platform() {
    for step in [
        unavailable(),
        Scripted::Reset,
        Scripted::error(403, "x", "y"),
    ] {
        let platform = Platform::start().await;
        platform.always(Route::Queues, step);
        let service = platform.watched("");
        service.first_round().await;
        let paths = ["/livez", "/readyz", "/health"];
        assert_eq!(statuses(&service, paths).await, [200, 200, 503]);
        pass(10 * MINUTE).await;
        assert_eq!(statuses(&service, ["/livez", "/readyz"]).await, [200, 200]);
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_does_not_wait_for_a_hanging_platform_for_ever() {
    let platform = Platform::start().await;
    platform.always(Route::Queues, Scripted::Hang);
    let service = platform.watched("[probe]\ninterval = \"10m\"\ntimeout = \"5m\"");
    pass(seconds(29)).await;
    assert_eq!(statuses(&service, ["/livez", "/readyz"]).await, [200, 503]);
    pass(seconds(2)).await;
    assert_eq!(statuses(&service, ["/livez", "/readyz"]).await, [200, 200]);
    assert_eq!(service.get("/health").await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn an_outage_warns_first_and_fails_only_for_those_who_want_it() {
    for (level, settled) in [
        ("warn", (200, "warn")),
        ("fail", (503, "fail")),
        ("pass", (200, "pass")),
    ] {
        let platform = Platform::start().await;
        let toml = format!("[health]\noutage = \"{level}\"\n");
        let service = platform.watched(&toml);
        service.first_round().await;
        platform.always(Route::Queues, unavailable());
        for _ in 0..2 {
            service.next_probe().await;
            let (status, _, note) = health(&service).await;
            assert_eq!(status, 200, "{level}: two failures are no verdict");
            assert!(note.unwrap().contains("degrading"), "{level}");
        }
        service.next_probe().await;
        let (status, word, _) = health(&service).await;
        assert_eq!((status, word.as_str()), settled);
        platform.mend(Route::Queues);
        service.next_probe().await;
        let (status, _, _) = health(&service).await;
        assert_eq!(status, settled.0, "{level}: one success is no verdict");
        service.next_probe().await;
        assert_eq!(health(&service).await, (200, "pass".to_owned(), None));
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_comes_and_goes_does_not_flap() {
    let platform = Platform::start().await;
    let service = platform.watched("[health]\noutage = \"fail\"");
    service.first_round().await;
    let steps = [unavailable(), Scripted::Honest]
        .into_iter()
        .cycle()
        .take(20);
    platform.script(Route::Queues, steps);
    for _ in 0..20 {
        service.next_probe().await;
        let paths = ["/health", "/health?strict=1"];
        assert_eq!(statuses(&service, paths).await, [200, 503]);
    }
    service.next_probe().await;
    assert_eq!(health(&service).await, (200, "pass".to_owned(), None));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_renewed_is_a_warning_before_access_ends() {
    let down = Scripted::text(503, "text/plain", "Service Unavailable");
    let refused = Scripted::json(400, &json!({"error": "invalid_client"}));
    for (step, attempts, why) in [
        (down, 3, "token_endpoint_down"),
        (refused, 1, "client_rejected"),
    ] {
        let platform = Platform::start().await;
        platform.simulator.with(|org| org.set_expires_in(600));
        let service = platform.watched("");
        service.first_round().await;
        platform.always(Route::Token, step);
        let before = platform.mints();
        while platform.mints() < before + attempts {
            assert_eq!(health(&service).await, (200, "pass".to_owned(), None));
            pass(Duration::from_millis(100)).await;
        }
        pass(seconds(1)).await;
        let note = "token_refresh_failing: unless a new token can be minted, access ends with the present one";
        let warned = (200, "warn".to_owned(), Some(note.to_owned()));
        assert_eq!(health(&service).await, warned);
        let report = service.get("/diagnose").await.json();
        let entry = &report["diagnoses"][0];
        assert_eq!(
            (
                entry["outcome"].as_str(),
                entry["token_refresh_failing"].as_str()
            ),
            (Some("ok"), Some(why))
        );
        let text = service.get("/diagnose?format=text").await.text();
        assert!(
            text.contains(&format!("No new token can be minted ({why})")),
            "{text}"
        );
        platform.mend(Route::Token);
        pass(2 * MINUTE).await;
        assert_eq!(health(&service).await, (200, "pass".to_owned(), None));
        let report = service.get("/diagnose").await.json();
        let entry = &report["diagnoses"][0];
        assert!(entry["token_refresh_failing"].is_null(), "{entry:#}");
    }
}

/// Whatever kinds of failure follow each other, and however long the next attempt is away.
#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_renewed_stays_a_warning_until_it_is() {
    let down = || Scripted::text(503, "text/plain", "Service Unavailable");
    let refused = || Scripted::json(400, &json!({"error": "invalid_client"}));
    let limited = |wait: &str| Scripted::Respond {
        status: 429,
        headers: vec![("retry-after".to_owned(), wait.to_owned())],
        body: Vec::new(),
    };
    for (name, steps, attempts) in [
        (
            "a refusal, then nothing",
            vec![refused(), down(), down()],
            1,
        ),
        (
            "in turns",
            vec![down(), limited("2"), down(), limited("60")],
            3,
        ),
        ("until too late", vec![limited("3600")], 1),
    ] {
        let platform = Platform::start().await;
        platform.simulator.with(|org| org.set_expires_in(1_800));
        let service = platform.watched("");
        service.first_round().await;
        let before = platform.mints();
        platform.script(Route::Token, steps);
        platform.always(Route::Token, down());
        while platform.mints() < before + attempts {
            assert_eq!(health(&service).await.1, "pass", "{name}");
            pass(Duration::from_millis(100)).await;
        }
        pass(seconds(1)).await;
        while service.monitor.snapshot().credentials[0].token.is_some() {
            let (status, word, note) = health(&service).await;
            assert_eq!((status, word.as_str()), (200, "warn"), "{name}");
            assert!(note.unwrap().starts_with("token_refresh_failing"), "{name}");
            pass(seconds(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn strict_health_takes_a_warning_for_a_failure() {
    let platform = Platform::start().await;
    platform.simulator.set_scenario("queues-empty").unwrap();
    let service = platform.watched("");
    service.first_round().await;
    let paths = [
        "/health",
        "/health?strict=1",
        "/health?strict=0",
        "/health/default?strict=1",
    ];
    assert_eq!(statuses(&service, paths).await, [200, 503, 200, 503]);
    platform.simulator.set_scenario("healthy").unwrap();
    service.next_probe().await;
    service.next_probe().await;
    assert_eq!(statuses(&service, paths).await, [200; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_result_grows_stale_without_anybody_writing_it() {
    let platform = Platform::start().await;
    let service = platform
        .watched("[probe]\ninterval = \"30s\"\n[[targets]]\nname = \"default\"\ninterval = \"10s\"\ntimeout = \"9s\"");
    service.first_round().await;
    // Answers go on arriving, but they say nothing about access.
    platform.always(Route::Queues, status_429());
    let informed = service.elapsed();
    let verdict = || service.monitor.snapshot().verdict(service.clock.now());
    // Three intervals and a timeout.
    service.clock.sleep_until(informed + seconds(39)).await;
    assert_ne!(verdict().state, State::Stale);
    service.clock.sleep_until(informed + seconds(40)).await;
    pass(Duration::from_millis(1)).await;
    assert_eq!(verdict().state, State::Stale);
    let (status, word, note) = health(&service).await;
    assert_eq!((status, word.as_str()), (200, "warn"));
    assert!(note.unwrap().contains("stale"));
    platform.mend(Route::Queues);
    service.next_probe().await;
    assert_ne!(verdict().state, State::Stale);
}

fn status_429() -> Scripted {
    Scripted::text(429, "text/plain", "")
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_hangs_for_long_makes_the_verdict_stale() {
    let platform = Platform::start().await;
    // One permit: the target that hangs keeps the other from being probed at all.
    let toml = "[probe]\nmax_in_flight = 1\njitter = 0.0\n\
        [[targets]]\nname = \"slow\"\ninterval = \"30m\"\ntimeout = \"20m\"\n\
        [[targets]]\nname = \"quick\"\n";
    let service = platform.watched(toml);
    service.first_round().await;
    platform.always(Route::Queues, Scripted::Hang);
    let state = |name: &str| {
        let snapshot = service.monitor.snapshot();
        snapshot
            .target(name)
            .unwrap()
            .verdict(service.clock.now())
            .state
    };
    let mut stale_at = None;
    while stale_at.is_none() {
        pass(seconds(1)).await;
        let status = service.get("/health/quick").await.json();
        if status["output"]
            .as_str()
            .is_some_and(|it| it.contains("stale"))
        {
            stale_at = Some(service.elapsed());
        }
        assert!(service.elapsed() < Duration::from_hours(2));
    }
    assert_eq!(state("quick"), State::Stale);
    assert_eq!(
        service.get("/livez").await.status,
        200,
        "the scheduler is alive"
    );
    // Others who look see the same: the verdict is computed when it is read.
    assert_eq!(service.verdict(), Status::Warn);
    // The call waits for its permit until the slow one gives its own back, and is late by that.
    assert!(service.metric("scheduler_lag_seconds").await < 1.0);
    platform.mend(Route::Queues);
    while service.metric("scheduler_lag_seconds").await < 600.0 {
        pass(seconds(10)).await;
        assert!(service.elapsed() < Duration::from_hours(2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stall_of_this_process_is_no_outage_of_the_platform() {
    let platform = Platform::start().await;
    let toml = "[health]\noutage = \"fail\"\n[probe]\nfall = 1\njitter = 0.0\ninterval = \"30s\"\ntimeout = \"10s\"\n";
    let service = platform.watched(toml);
    service.first_round().await;
    platform.always(Route::Queues, Scripted::Hang);
    let hung = async |stall| {
        let before = platform.probes();
        while platform.probes() == before {
            pass(Duration::from_millis(100)).await;
        }
        // Nothing runs, and then all of it is late.
        tokio::time::advance(stall).await;
        pass(seconds(12)).await;
        let metrics = service.get("/metrics").await.text();
        let is_told = |line: &str| metrics.lines().any(|it| it == line);
        assert!(is_told("why403_slots_skipped_total 1"), "{metrics}");
        assert!(service.metric("scheduler_lag_seconds").await < 1.0);
        let episodes = service.get("/timeline").await.text();
        let is_failure = is_told("why403_access{target=\"default\"} 0");
        assert_eq!(is_failure, episodes.contains("\"timeout\""), "{episodes}");
        (service.verdict(), is_failure)
    };
    assert_eq!(hung(seconds(8)).await, (Status::Pass, false));
    assert_eq!(hung(seconds(0)).await, (Status::Fail, true));
}

#[tokio::test(start_paused = true)]
async fn the_heartbeat_goes_on_while_nothing_happens() {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\ninterval = \"24h\"\ntimeout = \"10s\"");
    service.first_round().await;
    for _ in 0..120 {
        pass(seconds(30)).await;
        let age = service.clock.now().since(service.monitor.snapshot().at);
        assert!(age <= seconds(5), "{age:?}");
        assert_eq!(service.get("/livez").await.status, 200);
    }
}

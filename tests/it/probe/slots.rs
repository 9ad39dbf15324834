//! When the next probe is made.

use std::time::Duration;

use why403::diagnosis::Outcome;
use why403::health::{State, Status};
use why403::sim::{Route, Scripted};

use super::*;
use crate::harness::*;

#[tokio::test(start_paused = true)]
async fn what_the_platform_asks_to_wait_is_waited() {
    for (status, value, wait) in [(429, "120", 120), (503, "90", 90), (429, "99999999", 3_600)] {
        let platform = Platform::start().await;
        let service = platform.watched("");
        service.first_round().await;
        platform.script(Route::Queues, [status_with(status, ("retry-after", value))]);
        let refused = service.next_probe().await;
        let asked = refused.targets[0].last_probe().unwrap().elapsed;
        let probes = platform.probes();
        pass(seconds(wait - 1)).await;
        assert_eq!(platform.probes(), probes, "{status} {value}");
        // Not even when somebody asks.
        let fresh = service.get("/diagnose?fresh=1").await;
        assert_eq!(fresh.status, 429, "{status} {value}");
        assert_eq!(fresh.header("retry-after"), Some("1"), "{status} {value}");
        assert_eq!(platform.probes(), probes, "{status} {value}");
        service.next_probe().await;
        assert!(
            service.elapsed() >= asked + seconds(wait),
            "{status} {value}"
        );
        let late = seconds(wait + 40);
        assert!(service.elapsed() <= asked + late, "{status} {value}");
        assert_eq!(service.get("/diagnose?fresh=1").await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_answer_is_not_asked_to_wait() {
    let platform = Platform::start().await;
    platform.always(Route::Queues, queues(&[("retry-after", "3600")]));
    let service = platform.watched("");
    service.first_round().await;
    service.next_probe().await;
    assert!(service.elapsed() <= MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_keeps_the_verdict_until_it_is_stale() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    platform.always(Route::Queues, status_with(429, ("retry-after", "30")));
    let snapshot = service.next_probe().await;
    assert_eq!(outcome(&snapshot), Outcome::RateLimited);
    let at = |service: &Service| service.monitor.snapshot().verdict(service.clock.now());
    assert_eq!(at(&service).state, State::Healthy);
    assert_eq!(at(&service).status, Status::Warn);
    // Three intervals and a timeout after the last answer that said something.
    service.clock.sleep_until(seconds(101)).await;
    assert_eq!(at(&service).state, State::Stale);
}

#[tokio::test(start_paused = true)]
async fn what_support_asks_for_is_kept() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| org.report_rate_limit(true));
    let service = platform.watched("");
    service.first_round().await;
    let left = service.metrics(&["rate_limit_remaining"]).await;
    assert_eq!(
        left.values().copied().collect::<Vec<_>>(),
        [299.0],
        "{left:?}"
    );
    platform.simulator.set_scenario("role-removed").unwrap();
    let snapshot = service.next_probe().await;
    let answer = diagnosis(&snapshot).answer.clone().unwrap();
    let id = answer.correlation_id.unwrap();
    assert!(id.starts_with("c0"), "{id}");
    let report = service.get("/diagnose").await.json();
    let entry = &report["diagnoses"][0];
    assert_eq!(entry["answer"]["correlation_id"], id);
    assert_eq!(entry["evidence"][0]["correlation_id"], id);
}

#[tokio::test(start_paused = true)]
async fn slots_follow_from_the_name_and_survive_a_restart() {
    let platform = Platform::start().await;
    let mut slots = Vec::new();
    for name in ["prod-eu", "prod-eu", "prod-us"] {
        let toml = format!("[probe]\njitter = 0.0\n[[targets]]\nname = \"{name}\"\n");
        let service = platform.watched(&toml);
        service.first_round().await;
        let snapshot = service.next_probe().await;
        let slot = snapshot.targets[0].last_probe().unwrap().elapsed;
        for n in 1..=10 {
            let snapshot = service.next_probe().await;
            let next = snapshot.targets[0].last_probe().unwrap().elapsed;
            assert_eq!(next, slot + seconds(30) * n);
        }
        slots.push(slot.as_nanos() % seconds(30).as_nanos());
    }
    assert_eq!(slots[0], slots[1]);
    assert_ne!(slots[1], slots[2]);
}

#[tokio::test(start_paused = true)]
async fn missed_slots_are_skipped_not_made_up() {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\njitter = 0.0");
    service.first_round().await;
    service.next_probe().await;
    let before = platform.probes();
    // The process stands still, as if it had been stopped, and goes on.
    tokio::time::advance(95 * seconds(1)).await;
    let late = service.next_probe().await;
    let stalled = late.targets[0].last_probe().unwrap().elapsed;
    assert_eq!(platform.probes(), before + 1);
    let lag = service.metric("scheduler_lag_seconds").await;
    assert!((65.0..=95.0).contains(&lag), "{lag}");
    service.next_probe().await;
    assert!(service.elapsed() >= stalled + seconds(15));
    pass(10 * MINUTE).await;
    let probes = platform.probes() - before;
    assert!((21..=23).contains(&probes), "{probes}");
    let skipped = service.metric("slots_skipped_total").await;
    assert!((2.0..=3.0).contains(&skipped), "{skipped}");
    assert!(service.metric("scheduler_lag_seconds").await < 1.0);
}

#[tokio::test(start_paused = true)]
async fn probes_of_one_target_never_overlap() {
    let platform = Platform::start().await;
    let slow = Scripted::DelayHonest(Duration::from_millis(8_900));
    platform.always(Route::Queues, slow);
    let service = platform.watched("[probe]\ninterval = \"10s\"\ntimeout = \"9s\"");
    for _ in 0..300 {
        let requests = platform.simulator.requests();
        let open = requests.iter().filter(|it| it.status.is_none()).count();
        assert!(open <= 1, "{open}");
        pass(seconds(1)).await;
    }
    assert_eq!(outcome(&service.monitor.snapshot()), Outcome::Ok);
    let probes = platform.probes();
    assert!((15..=31).contains(&probes), "{probes}");
}

/// A round with a rejected token takes two calls and a token, more than an interval. Nothing of
/// the next one begins before it ends, so that no older result can come after a newer one.
#[tokio::test(start_paused = true)]
async fn a_round_that_outlasts_its_interval_delays_the_next_one() {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\ninterval = \"10s\"\ntimeout = \"9s\"");
    service.first_round().await;
    let rejected = Scripted::error(401, "bad.credentials", "Invalid login credentials.");
    let slow = |step| Scripted::Delay(Duration::from_millis(8_900), Box::new(step));
    platform.always(Route::Queues, slow(rejected));
    platform.always(Route::Token, slow(Scripted::Honest));
    let mut ends = Vec::new();
    for _ in 0..600 {
        let requests = platform.simulator.requests();
        let open = requests.iter().filter(|it| it.status.is_none()).count();
        assert!(open <= 1, "{open}");
        pass(seconds(1)).await;
        ends.push(
            service.monitor.snapshot().targets[0]
                .last_probe()
                .unwrap()
                .elapsed,
        );
    }
    assert!(ends.is_sorted());
    ends.dedup();
    let longest = ends
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .max();
    assert!(longest > Some(seconds(25)), "{longest:?}");
}

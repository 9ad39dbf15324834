//! What an answer means for the token.

use why403::diagnosis::Outcome;
use why403::health::Status;
use why403::sim::{Org, Route, Scripted};
use why403::snapshot::Snapshot;

use super::*;
use crate::harness::*;

/// What each exchange of the latest probe was and said, experiments apart.
fn steps(snapshot: &Snapshot) -> Vec<(&'static str, Option<u16>)> {
    let lines = diagnosis(snapshot).evidence.iter();
    let of_probe = lines.filter(|line| ["token", "probe", "retry"].contains(&line.step));
    of_probe.map(|line| (line.step, line.status)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_401_gets_one_new_token_and_one_repetition() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    let first = service.first_round().await;
    assert_eq!(steps(&first), [("token", Some(200)), ("probe", Some(200))]);
    let second = service.next_probe().await;
    assert_eq!(steps(&second), [("probe", Some(200))]);
    platform.simulator.with(Org::revoke_tokens);
    let third = service.next_probe().await;
    assert_eq!(
        steps(&third),
        [
            ("probe", Some(401)),
            ("token", Some(200)),
            ("retry", Some(200))
        ]
    );
    assert_eq!(outcome(&third), Outcome::Ok);
    assert_eq!(service.verdict(), Status::Pass);
    assert_eq!((platform.mints(), platform.probes()), (2, 4));
    let counters = service.metrics(&["probe_failures_total"]).await;
    assert!(counters.values().all(|value| *value == 0.0), "{counters:?}");
    let text = service.get("/diagnose").await.text();
    assert!(text.contains("\"step\":\"retry\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_brings_no_token_is_told_as_it_was() {
    let empty = Scripted::text(200, "application/json", "");
    for (step, expected) in [
        (empty, "the answer is empty (application/json, 0 bytes)"),
        (Scripted::text(503, "text/plain", "no"), "no"),
    ] {
        let platform = Platform::start().await;
        let service = platform.watched("");
        service.first_round().await;
        platform.always(Route::Token, step);
        platform.simulator.with(Org::revoke_tokens);
        // First after the 401 to the old token, then without any token to send.
        for steps in [vec!["probe", "token"], vec!["token"]] {
            let snapshot = service.next_probe().await;
            let lines = &diagnosis(&snapshot).evidence;
            let told: Vec<_> = lines.iter().map(|line| line.step).collect();
            assert_eq!(told, steps);
            assert_eq!(lines.last().unwrap().says, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_401_for_ever_costs_fewer_and_fewer_tokens() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    let rejected = Scripted::error(401, "bad.credentials", "Invalid login credentials.");
    platform.always(Route::Queues, rejected);
    let snapshot = service.next_probe().await;
    assert_eq!(
        steps(&snapshot),
        [
            ("probe", Some(401)),
            ("token", Some(200)),
            ("retry", Some(401))
        ]
    );
    assert_eq!(service.verdict(), Status::Fail);
    let before = (platform.mints(), platform.probes());
    pass(30 * MINUTE).await;
    let (mints, probes) = (platform.mints() - before.0, platform.probes() - before.1);
    // After 5 minutes and 25 more: minting cures nothing here.
    assert!((1..=2).contains(&mints), "{mints}");
    // Two probes a minute, and a repetition for every new token.
    assert!((59..=61).contains(&(probes - mints)), "{probes}");
}

#[tokio::test(start_paused = true)]
async fn a_401_because_of_the_address_costs_no_token() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    let refused = Scripted::error(
        401,
        "ip.not.authorized",
        "The IP address is not authorized.",
    );
    platform.always(Route::Queues, refused);
    let snapshot = service.next_probe().await;
    assert_eq!(steps(&snapshot), [("probe", Some(401))]);
    pass(30 * MINUTE).await;
    assert_eq!(platform.mints(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_403_costs_one_token_beside_the_cached_one() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    platform.simulator.set_scenario("role-removed").unwrap();
    pass(30 * MINUTE).await;
    let snapshot = service.monitor.snapshot();
    assert_eq!(outcome(&snapshot), Outcome::Forbidden);
    assert_eq!(platform.mints(), 2);
    let token = diagnosis(&snapshot).token.as_ref().unwrap();
    assert_eq!(token.generation, 1, "what is refused, too, is not adopted");
}

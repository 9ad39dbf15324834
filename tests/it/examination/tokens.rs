//! The fresh token: minted beside the cache, adopted when it works, shared, and what it warns of.

use why403::health::Status;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_stale_token_is_proven_and_replaced() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    pass(10 * MINUTE).await;
    platform.simulator.set_scenario("stale-token").unwrap();
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("stale_token", "proven"));
    let steps = [
        ("tokens_me", Some(200)),
        ("divisions_permitted", Some(200)),
        ("fresh_token", Some(200)),
        ("fresh_token", Some(200)),
        ("again", Some(403)),
    ];
    assert_eq!(experiments(&snapshot), steps);
    let summary = &diagnosis(&snapshot).summary;
    assert!(
        summary.contains("10 min old"),
        "the token's age is told: {summary}"
    );
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("ok", "proven"));
    let token = diagnosis(&snapshot).token.as_ref().unwrap();
    assert_eq!(token.generation, 2, "the fresh token was adopted");
    pass(60 * MINUTE).await;
    assert_eq!(platform.mints(), 2);
    let counted = service.metrics(&["forbidden_total"]).await;
    let stale = "why403_forbidden_total{cause=\"stale_token\",target=\"default\"}";
    let counted: Vec<_> = counted
        .into_iter()
        .filter(|(_, count)| *count > 0.0)
        .collect();
    assert_eq!(counted, [(stale.to_owned(), 1.0)]);
}

#[tokio::test(start_paused = true)]
async fn time_that_passes_between_two_calls_is_not_taken_for_a_stale_token() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    pass(MINUTE).await;
    platform.script(
        Route::Queues,
        [Scripted::error(
            403,
            "missing.permissions",
            "[routing:queue:view]",
        )],
    );
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("propagating", "likely"));
}

#[tokio::test(start_paused = true)]
async fn servers_that_take_turns_are_not_taken_for_a_stale_token() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    pass(MINUTE).await;
    let refuses = || Scripted::error(403, "missing.permissions", "[routing:queue:view]");
    let turns = [refuses(), Scripted::Honest, refuses(), Scripted::Honest];
    platform.script(Route::Queues, turns);
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("propagating", "possible"));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_only_new_tokens_see_is_found_although_the_answer_stays_the_same() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| {
        org.propagate_to_tokens_after(None);
        revoke(org);
    });
    let service = platform.watched("");
    let snapshot = service.first_round().await;
    assert_eq!(cause(&snapshot), ("missing_permission", "proven"));
    pass(2 * MINUTE).await;
    platform.simulator.with(grant);
    // The review finds the role, and only then another token is worth its price.
    let healed = service
        .until("a token that sees the role", |snapshot| {
            cause(snapshot).0 == "ok"
        })
        .await;
    assert!(healed.at.elapsed < seconds(7 * 60), "{:?}", healed.at);
    assert_eq!(platform.mints(), 2);
}

#[tokio::test(start_paused = true)]
async fn targets_of_one_credential_share_one_fresh_token() {
    let platform = Platform::start().await;
    let service = platform.watched(&fleet(8));
    service.first_round().await;
    pass(MINUTE).await;
    platform.simulator.with(revoke);
    pass(MINUTE).await;
    let snapshot = service.monitor.snapshot();
    for target in &snapshot.targets {
        let diagnosis = target.checks[0].diagnosis.as_ref().unwrap();
        assert_eq!(diagnosis.finding.cause(), Some("missing_permission"));
        assert!(
            diagnosis
                .ruled_out
                .iter()
                .any(|one| one.cause == "stale_token")
        );
    }
    assert_eq!(platform.mints(), 2);
}

#[tokio::test(start_paused = true)]
async fn access_that_was_taken_away_is_told_before_the_cached_token_dies() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    pass(10 * MINUTE).await;
    platform.simulator.with(|org| {
        org.propagate_to_tokens_after(None);
        revoke(org);
    });
    service.next_probe().await;
    assert_eq!(service.verdict(), Status::Pass, "nothing shows it yet");
    let asked = service.get("/diagnose?fresh=1").await.json();
    let entry = &asked["diagnoses"][0];
    assert_eq!(entry["outcome"], "ok");
    assert_eq!(entry["early_warning"]["cause"], "missing_permission");
    assert!(entry["early_warning"]["ends_at"].is_string(), "{entry:#}");
    assert_eq!(entry["status"], "warn");
    assert_eq!(service.get("/health").await.status, 200);
    assert_eq!(service.get("/health?strict=1").await.status, 503);
    let snapshot = service.next_probe().await;
    assert!(diagnosis(&snapshot).early_warning.is_some(), "it stands");
    assert_eq!(diagnosis(&snapshot).token.as_ref().unwrap().generation, 1);
    // The renewed token is refused in earnest.
    pass(24 * 60 * MINUTE).await;
    assert_eq!(cause(&service.monitor.snapshot()).0, "missing_permission");
}

#[tokio::test(start_paused = true)]
async fn a_failing_token_endpoint_is_not_asked_more_often_by_experiments() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    pass(MINUTE).await;
    platform.always(Route::Token, Scripted::text(503, "text/plain", "no"));
    platform.simulator.with(revoke);
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("missing_permission", "proven"));
    let open = &diagnosis(&snapshot).undetermined;
    assert!(
        open.iter()
            .any(|one| one.because.contains("token_endpoint_down")),
        "{open:?}"
    );
    pass(60 * MINUTE).await;
    assert!(platform.mints() <= 7, "{}", platform.mints());
}

#[tokio::test(start_paused = true)]
async fn a_second_look_knows_no_less_than_the_first() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    pass(MINUTE).await;
    platform.simulator.set_scenario("policy-denied").unwrap();
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("policy_denied", "likely"));
    for _ in 0..3 {
        pass(seconds(65)).await;
        let asked = service.get("/diagnose?fresh=1").await.json();
        let entry = &asked["diagnoses"][0];
        assert_eq!(entry["cause"], "policy_denied", "{entry:#}");
        assert_eq!(entry["confidence"], "likely");
    }
    assert_eq!(
        platform.mints(),
        2,
        "the same answer needs no further token"
    );
}

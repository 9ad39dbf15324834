//! How much is asked, how often, and what stops it.

use why403::app::StopSignal;
use why403::sim::{Obstacle, Scripted};

use super::*;

#[tokio::test(start_paused = true)]
async fn the_first_refusal_of_an_episode_is_examined_and_the_rest_only_probed() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    let survey = helping_calls(&platform);
    assert_eq!(survey, 3, "how the caller stands is looked at once");
    pass(30 * MINUTE).await;
    assert_eq!(helping_calls(&platform), survey);
    platform.simulator.with(revoke);
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("missing_permission", "proven"));
    let expected = [
        ("tokens_me", Some(200)),
        ("divisions_permitted", Some(200)),
        ("fresh_token", Some(403)),
        ("subjects_me", Some(200)),
        ("permissions", Some(200)),
    ];
    assert_eq!(experiments(&snapshot), expected);
    let after = (helping_calls(&platform), platform.mints());
    assert_eq!(after, (survey + 4, 2));
    pass(4 * MINUTE).await;
    assert_eq!((helping_calls(&platform), platform.mints()), after);
    let snapshot = service.monitor.snapshot();
    assert_eq!(cause(&snapshot), ("missing_permission", "proven"));
    assert_eq!(experiments(&snapshot), expected, "the examination stands");
}

#[tokio::test(start_paused = true)]
async fn a_lasting_failure_is_reviewed_ever_more_rarely_without_further_tokens() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    platform.simulator.with(revoke);
    service.next_probe().await;
    let before = platform.simulator.count(Route::SubjectsMe);
    pass(60 * MINUTE).await;
    // After 5, 15 and 35 minutes; then hourly.
    assert_eq!(platform.simulator.count(Route::SubjectsMe) - before, 3);
    pass(24 * 60 * MINUTE).await;
    let reviews = platform.simulator.count(Route::SubjectsMe) - before;
    assert!((26..=28).contains(&reviews), "{reviews}");
    assert!(platform.mints() <= 4, "{}", platform.mints());
    let (cause, _) = cause(&service.monitor.snapshot());
    assert_eq!(cause, "missing_permission");
}

#[tokio::test(start_paused = true)]
async fn another_cause_is_examined_but_not_within_five_minutes_unless_asked() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    platform.simulator.with(revoke);
    service.next_probe().await;
    platform.simulator.set_scenario("division-refused").unwrap();
    let snapshot = service.next_probe().await;
    assert_eq!(cause(&snapshot), ("missing_division_permission", "likely"));
    assert_eq!(experiments(&snapshot), []);
    let open = &diagnosis(&snapshot).undetermined;
    assert!(
        open.iter()
            .any(|one| one.because.contains("a short while ago")),
        "{open:?}"
    );
    let asked = service.get("/diagnose?fresh=1").await.json();
    assert_eq!(asked["diagnoses"][0]["confidence"], "proven");
    platform
        .simulator
        .set_scenario("permission-not-in-org")
        .unwrap();
    pass(6 * MINUTE).await;
    let snapshot = service.monitor.snapshot();
    assert_eq!(cause(&snapshot), ("permission_not_in_org", "proven"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_while_the_rate_is_limited() {
    let platform = Platform::start().await;
    platform.simulator.set_scenario("role-removed").unwrap();
    let limits = [Route::DivisionsPermitted];
    platform.simulator.obstruct(&limits, Obstacle::RateLimited);
    let service = platform.watched("");
    let snapshot = service.first_round().await;
    assert_eq!(
        experiments(&snapshot),
        [("tokens_me", Some(200)), ("divisions_permitted", Some(429))]
    );
    let open = &diagnosis(&snapshot).undetermined;
    let limited = open
        .iter()
        .filter(|one| one.because.contains("limits the rate"));
    assert_eq!(
        limited.count(),
        2,
        "roles and the org were not asked: {open:?}"
    );
    assert_eq!(cause(&snapshot), ("missing_permission", "likely"));
    let probes = platform.probes();
    pass(seconds(20)).await;
    assert_eq!(
        platform.probes(),
        probes,
        "the wait that was asked for is kept"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_when_few_calls_are_left() {
    let platform = Platform::start().await;
    platform.simulator.set_scenario("role-removed").unwrap();
    platform.simulator.with(|org| {
        org.set_rate_limit(Some(15));
        org.report_rate_limit(true);
    });
    let service = platform.watched("");
    let snapshot = service.first_round().await;
    assert_eq!(experiments(&snapshot), []);
    assert_eq!(helping_calls(&platform), 0);
}

#[tokio::test(start_paused = true)]
async fn a_silent_platform_cannot_hold_an_examination_for_long() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    platform.simulator.with(revoke);
    platform
        .simulator
        .obstruct(&Obstacle::HELPERS, Obstacle::Silence);
    let before = service.elapsed();
    let snapshot = service.next_probe().await;
    let took = service.elapsed().saturating_sub(before);
    assert!(took < seconds(60), "{took:?}");
    assert_eq!(cause(&snapshot), ("missing_permission", "likely"));
    let open = &diagnosis(&snapshot).undetermined;
    assert!(
        open.iter()
            .any(|one| one.because.contains("time for the examination")),
        "{open:?}"
    );
    let calls = platform.probes();
    pass(2 * MINUTE).await;
    assert!(platform.probes() >= calls + 3, "probing goes on");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_an_examination_at_once() {
    let platform = Platform::start().await;
    platform.simulator.set_scenario("role-removed").unwrap();
    platform.always(Route::TokensMe, Scripted::Hang);
    let mut service = platform.watched("");
    pass(seconds(2)).await;
    assert_eq!(platform.simulator.count(Route::TokensMe), 1, "under way");
    let before = service.elapsed();
    service.signal(StopSignal::Interrupt).await;
    service.stopped().await;
    assert!(service.elapsed() < before + seconds(1));
}

#[tokio::test(start_paused = true)]
async fn experiments_are_counted_by_what_they_determined() {
    let platform = Platform::start().await;
    platform
        .simulator
        .set_scenario("role-removed-blind")
        .unwrap();
    let service = platform.watched("");
    service.first_round().await;
    pass(2 * MINUTE).await;
    let counted = service.metrics(&["experiments_total"]).await;
    let count = |result: &str| -> f64 {
        let of_result = counted.iter().filter(|(series, _)| series.contains(result));
        of_result.map(|(_, count)| count).sum()
    };
    let made = count("\"determined\"") + count("\"undetermined\"");
    assert!(count("\"undetermined\"") >= 1.0, "{counted:?}");
    assert!(
        made <= 6.0,
        "carried ones are not counted again: {counted:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn operations_share_what_they_have_in_common_and_have_diagnoses_of_their_own() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| {
        org.set_policies(READER, &["routing:queue:search"]);
    });
    let service = platform.watched(
        "[[targets]]\nname = \"default\"\noperations = [\"GET /api/v2/routing/queues\", \
             \"GET /api/v2/routing/queues/divisionviews\", \"GET /api/v2/organizations/me\"]",
    );
    let snapshot = service.first_round().await;
    let found: Vec<_> = snapshot.targets[0]
        .checks
        .iter()
        .map(|check| check.diagnosis.as_ref().unwrap().finding.cause())
        .collect();
    assert_eq!(found, [Some("missing_permission"), None, None]);
    let asked = |route| platform.simulator.count(route);
    assert_eq!((asked(Route::TokensMe), asked(Route::SubjectsMe)), (1, 1));
    let counted = service.metrics(&["experiments_total"]).await;
    let made = counted
        .values()
        .map(|count| format!("{count}").parse::<u64>().unwrap());
    let in_all = helping_calls(&platform);
    assert_eq!(made.sum::<u64>(), in_all, "what is shared counts once");
    let entries = service.get("/diagnose").await.json();
    let required = |index: usize| entries["diagnoses"][index]["required"].clone();
    assert_eq!(required(0)["permissions"][0], "routing:queue:view");
    assert_eq!(required(0)["mode"], "any");
    assert_eq!(required(1)["permissions"][0], "routing:queue:search");
    assert_eq!(required(1)["mode"], "all");
    assert_eq!(required(2)["mode"], serde_json::Value::Null);
}

#[tokio::test(start_paused = true)]
async fn every_obstacle_leaves_its_question_open_and_changes_nothing() {
    for obstacle in Obstacle::ALL {
        if obstacle == Obstacle::Silence || obstacle == Obstacle::RateLimited {
            continue;
        }
        let platform = Platform::start().await;
        platform.simulator.set_scenario("role-removed").unwrap();
        platform.simulator.obstruct(&Obstacle::HELPERS, obstacle);
        let service = platform.watched("");
        let snapshot = service.first_round().await;
        assert_eq!(
            cause(&snapshot),
            ("missing_permission", "likely"),
            "{obstacle:?}"
        );
        let open = &diagnosis(&snapshot).undetermined;
        assert_eq!(open.len(), 4, "{obstacle:?}: {open:?}");
    }
}

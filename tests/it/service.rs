//! The served application: its life from start to stop, and what it does when it is asked.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use why403::app::StopSignal;
use why403::diagnosis::Outcome;
use why403::health::{State, Status};
use why403::sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Route, Scripted};

use crate::harness::*;

const MINUTE: Duration = Duration::from_mins(1);

fn unavailable() -> Scripted {
    Scripted::text(503, "text/plain", "Service Unavailable")
}

async fn statuses<const N: usize>(service: &Service, paths: [&str; N]) -> [u16; N] {
    let mut statuses = [0; N];
    for (status, path) in statuses.iter_mut().zip(paths) {
        *status = service.get(path).await.status;
    }
    statuses
}

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
    let service = platform.watched("").await;
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
        let service = platform.watched("").await;
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
    let service = platform
        .watched("[probe]\ninterval = \"10m\"\ntimeout = \"5m\"")
        .await;
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
        let service = platform.watched(&toml).await;
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
    let service = platform.watched("[health]\noutage = \"fail\"").await;
    service.first_round().await;
    let steps = [unavailable(), Scripted::Honest]
        .into_iter()
        .cycle()
        .take(20);
    platform.script(Route::Queues, steps);
    for _ in 0..20 {
        service.next_probe().await;
        assert_eq!(service.get("/health").await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn strict_health_takes_a_warning_for_a_failure() {
    let platform = Platform::start().await;
    platform.simulator.set_scenario("queues-empty").unwrap();
    let service = platform.watched("").await;
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
        .watched("[probe]\ninterval = \"30s\"\n[[targets]]\nname = \"default\"\ninterval = \"10s\"\ntimeout = \"9s\"")
        .await;
    service.first_round().await;
    // The platform hangs, and the one permit of its probes with it.
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
    let service = platform.watched(toml).await;
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
}

#[tokio::test(start_paused = true)]
async fn the_heartbeat_goes_on_while_nothing_happens() {
    let platform = Platform::start().await;
    let service = platform
        .watched("[probe]\ninterval = \"24h\"\ntimeout = \"10s\"")
        .await;
    service.first_round().await;
    for _ in 0..120 {
        pass(seconds(30)).await;
        let age = service.clock.now().since(service.monitor.snapshot().at);
        assert!(age <= seconds(5), "{age:?}");
        assert_eq!(service.get("/livez").await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_who_want_it_fresh_cost_one_probe() {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\ninterval = \"10m\"").await;
    service.first_round().await;
    pass(seconds(20)).await;
    let before = platform.probes();
    platform.script(Route::Queues, [Scripted::DelayHonest(seconds(2))]);
    let replies = at_once(&service, 50, "GET", "/diagnose/default?fresh=1").await;
    // The bucket has ten; whoever comes too late for it is told when to come again.
    let (good, declined): (Vec<_>, Vec<_>) = replies.iter().partition(|it| it.status == 200);
    assert_eq!(platform.probes(), before + 1);
    assert_eq!(good.len(), 10);
    for reply in good {
        let entry = &reply.json()["diagnoses"][0];
        assert_eq!(entry["outcome"], "ok");
        assert_eq!(entry["evidence"][0]["duration_ms"], 2_000);
    }
    for reply in declined {
        assert_eq!(reply.status, 429);
        let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=10).contains(&wait), "{wait}");
    }
}

/// So many requests at the same time.
async fn at_once(
    service: &Service,
    count: usize,
    method: &'static str,
    path: &'static str,
) -> Vec<Reply> {
    let address = service.address;
    let mut asking = JoinSet::new();
    for _ in 0..count {
        asking.spawn(async move { send(address, method, path, "").await.unwrap() });
    }
    asking.join_all().await
}

#[tokio::test(start_paused = true)]
async fn fresh_examinations_are_limited_in_the_long_run() {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\ninterval = \"24h\"").await;
    service.first_round().await;
    let before = platform.probes();
    for _ in 0..600 {
        let status = service.get("/diagnose?fresh=1").await.status;
        assert!([200, 429].contains(&status), "{status}");
        pass(Duration::from_millis(100)).await;
    }
    // A result younger than a second answers: at most one probe a second and target.
    let probes = platform.probes() - before;
    assert!((55..=61).contains(&probes), "{probes}");
}

#[tokio::test(start_paused = true)]
async fn a_fresh_examination_outlives_whoever_asked() {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\ninterval = \"10m\"").await;
    service.first_round().await;
    pass(seconds(20)).await;
    let counted = |metrics: &std::collections::BTreeMap<String, f64>| metrics.values().sum::<f64>();
    let before = counted(&service.metrics(&["probes_total"]).await);
    platform.script(Route::Queues, [Scripted::DelayHonest(seconds(4))]);
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let request = b"GET /diagnose?fresh=1 HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    pass(seconds(1)).await;
    drop(stream);
    let snapshot = service.next_probe().await;
    assert_eq!(outcome(&snapshot), Outcome::Ok);
    assert_eq!(service.elapsed(), seconds(24));
    let after = counted(&service.metrics(&["probes_total"]).await);
    assert!((after - before - 1.0).abs() < f64::EPSILON);
}

#[tokio::test(start_paused = true)]
async fn an_examination_that_takes_too_long_goes_on_without_its_request() {
    let platform = Platform::start().await;
    let service = platform
        .watched("[probe]\ninterval = \"10m\"\ntimeout = \"1m\"")
        .await;
    service.first_round().await;
    pass(seconds(20)).await;
    platform.script(Route::Queues, [Scripted::DelayHonest(seconds(40))]);
    let reply = service.get("/diagnose?fresh=1").await;
    assert_eq!(reply.status, 504);
    // Three times the limit of other requests.
    assert_eq!(service.elapsed(), seconds(35));
    service.next_probe().await;
    assert_eq!(service.elapsed(), seconds(60));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_forced_refreshes_are_one_and_then_none() {
    let platform = Platform::start().await;
    let service = platform.watched("").await;
    service.first_round().await;
    pass(seconds(5)).await;
    platform.script(Route::Token, [Scripted::DelayHonest(seconds(1))]);
    let replies = at_once(&service, 100, "POST", "/token/refresh").await;
    assert_eq!(platform.mints(), 2);
    // 64 may wait at a time; the others are told to come again.
    let count = |status| replies.iter().filter(|it| it.status == status).count();
    assert_eq!((count(200), count(503)), (64, 36));
    let refreshed = replies.iter().find(|it| it.status == 200).unwrap().json();
    assert_eq!(refreshed["credentials"][0]["result"], "refreshed");
    let again = service.post("/token/default/refresh").await;
    assert_eq!(
        (again.status, again.header("retry-after")),
        (429, Some("30"))
    );
    pass(seconds(30)).await;
    assert_eq!(service.post("/token/default/refresh").await.status, 200);
    assert_eq!(platform.mints(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_forced_refresh_says_what_went_wrong_and_changes_nothing() {
    let platform = Platform::start().await;
    let service = platform.watched("").await;
    service.first_round().await;
    pass(seconds(5)).await;
    platform.always(Route::Token, unavailable());
    let reply = service.post("/token/refresh").await;
    assert_eq!(reply.status, 502);
    assert!(
        reply.text().contains("token_endpoint_down"),
        "{}",
        reply.text()
    );
    let snapshot = service.next_probe().await;
    assert_eq!(
        outcome(&snapshot),
        Outcome::Ok,
        "the old token is still good"
    );
    assert_eq!(service.post("/token/nobody/refresh").await.status, 404);
    assert_eq!(service.get("/token/refresh").await.status, 405);
    let elsewhere = "x-forwarded-for: 192.0.2.7\r\n";
    let reply = service.send("POST", "/token/refresh", elsewhere).await;
    assert_eq!(reply.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_given_token_cannot_be_refreshed() {
    let platform = Platform::start().await;
    let service = platform
        .watched("[[targets]]\nname = \"default\"\ngrant = \"access_token\"\naccess_token_env = \"TOKEN\"")
        .await;
    assert_eq!(service.first_outcome().await, Outcome::Ok);
    assert_eq!(service.post("/token/refresh").await.status, 409);
    assert_eq!(platform.mints(), 0);
    // A 401 is told and not repeated: there is no other token.
    platform.simulator.with(|org| org.revoke_tokens());
    let snapshot = service.next_probe().await;
    assert_eq!(outcome(&snapshot), Outcome::TokenRejected);
    assert_eq!(diagnosis(&snapshot).evidence.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn targets_share_a_token_only_with_the_same_client() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| {
        org.add_client("another-client", "another-secret");
        org.grant("another-client", "Queue Reader", "*");
    });
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("another");
    write_secret(&secret, "another-secret");
    let toml = format!(
        "[[targets]]\nname = \"a\"\n[[targets]]\nname = \"b\"\n[[targets]]\nname = \"c\"\n\
         client_id = \"another-client\"\nclient_secret_file = \"{}\"\n\
         [[targets]]\nname = \"d\"\nclient_id = \"{DEMO_CLIENT_ID}\"\nclient_secret_env = \"SECRET\"\n",
        secret.display()
    );
    let service = platform.watched(&toml).await;
    let snapshot = service.first_round().await;
    let names: Vec<_> = snapshot
        .credentials
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    assert_eq!(names, ["a", "c"]);
    assert_eq!(platform.mints(), 2);
    for target in &snapshot.targets {
        let finding = target.checks[0].diagnosis.as_ref().unwrap().finding;
        assert_eq!(finding.outcome(), Outcome::Ok, "{}", target.name);
    }
    // One that loses its access takes nobody else along.
    platform
        .simulator
        .with(|org| org.revoke("another-client", "Queue Reader"));
    pass(MINUTE).await;
    let paths = [
        "/health/a",
        "/health/b",
        "/health/c",
        "/health/d",
        "/health",
    ];
    assert_eq!(statuses(&service, paths).await, [200, 200, 503, 200, 503]);
}

#[tokio::test(start_paused = true)]
async fn a_401_to_many_targets_at_once_costs_one_token() {
    let platform = Platform::start().await;
    let targets: String = (0..30)
        .map(|n| format!("[[targets]]\nname = \"t-{n}\"\n"))
        .collect();
    let service = platform.watched(&targets).await;
    service.first_round().await;
    pass(MINUTE).await;
    assert_eq!(platform.mints(), 1);
    platform.simulator.with(|org| org.revoke_tokens());
    pass(MINUTE).await;
    assert_eq!(platform.mints(), 2);
    assert_eq!(service.verdict(), Status::Pass);
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_announced_before_it_happens() {
    let platform = Platform::start().await;
    let mut service = platform.watched("").await;
    service.first_round().await;
    service.signal(StopSignal::Terminate).await;
    pass(Duration::from_millis(1)).await;
    // Not ready at once, but still serving: endpoints change later than the signal comes.
    let paths = ["/readyz", "/livez", "/health", "/diagnose"];
    assert_eq!(statuses(&service, paths).await, [503, 200, 200, 200]);
    pass(seconds(4)).await;
    assert_eq!(statuses(&service, paths).await, [503, 200, 200, 200]);
    service.stopped().await;
    assert_eq!(service.elapsed(), seconds(5));
    let refused = send(service.address, "GET", "/livez", "").await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_in_flight_is_finished() {
    let platform = Platform::start().await;
    let mut service = platform.watched("[probe]\ninterval = \"10m\"").await;
    service.first_round().await;
    pass(seconds(20)).await;
    platform.script(Route::Queues, [Scripted::DelayHonest(seconds(9))]);
    let address = service.address;
    let mut asking = JoinSet::new();
    asking.spawn(async move { send(address, "GET", "/diagnose?fresh=1", "").await.unwrap() });
    pass(seconds(1)).await;
    service.signal(StopSignal::Terminate).await;
    service.stopped().await;
    let reply = asking.join_next().await.unwrap().unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["diagnoses"][0]["outcome"], "ok");
    // Sent at 20 s, answered at 29 s, and nothing else was waited for.
    assert_eq!(service.elapsed(), seconds(29));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_finishes_is_cut_at_the_deadline() {
    let platform = Platform::start().await;
    let mut service = platform
        .watched("[server]\nheader_timeout = \"5m\"\n[probe]\ninterval = \"10m\"")
        .await;
    service.first_round().await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    pass(seconds(1)).await;
    service.signal(StopSignal::Terminate).await;
    service.stopped().await;
    // Five seconds of delay and at most fifteen of draining.
    assert!(service.elapsed() <= seconds(21), "{:?}", service.elapsed());
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest).await;
    assert!(read.is_err() || rest.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_stops_at_once() {
    for first in [StopSignal::Terminate, StopSignal::Interrupt] {
        let platform = Platform::start().await;
        let mut service = platform.watched("[probe]\ninterval = \"10m\"").await;
        service.first_round().await;
        pass(seconds(20)).await;
        platform.script(Route::Queues, [Scripted::DelayHonest(seconds(9))]);
        let address = service.address;
        let mut asking = JoinSet::new();
        asking.spawn(async move { send(address, "GET", "/diagnose?fresh=1", "").await });
        pass(seconds(1)).await;
        service.signal(first).await;
        pass(seconds(1)).await;
        service.signal(first).await;
        service.stopped().await;
        assert_eq!(service.elapsed(), seconds(22), "{first:?}");
        let reply = asking.join_next().await.unwrap().unwrap();
        assert!(reply.is_err(), "{first:?}: {reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_stops_without_delay() {
    let platform = Platform::start().await;
    let mut service = platform.watched("").await;
    service.first_round().await;
    service.signal(StopSignal::Interrupt).await;
    service.stopped().await;
    assert_eq!(service.elapsed(), seconds(0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_what_hangs_upstream() {
    let platform = Platform::start().await;
    platform.always(Route::Queues, Scripted::Hang);
    platform.always(Route::Token, Scripted::Hang);
    let mut service = platform.watched("").await;
    pass(seconds(1)).await;
    service.signal(StopSignal::Interrupt).await;
    service.stopped().await;
    assert_eq!(service.elapsed(), seconds(1));
}

/// After the end nothing is asked of the platform any more.
#[tokio::test(start_paused = true)]
async fn no_task_outlives_the_service() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| org.set_expires_in(300));
    let mut service = platform.watched("").await;
    service.first_round().await;
    service.signal(StopSignal::Interrupt).await;
    service.stopped().await;
    let asked = platform.simulator.requests().len();
    pass(Duration::from_hours(1)).await;
    assert_eq!(platform.simulator.requests().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_client_secret_is_nowhere_to_be_read() {
    let platform = Platform::start().await;
    // An upstream that echoes what it was sent.
    let echo = format!("no: {DEMO_CLIENT_SECRET}");
    platform.always(
        Route::Token,
        Scripted::json(
            401,
            &serde_json::json!({"error": "invalid_client", "error_description": echo}),
        ),
    );
    let service = platform.watched("").await;
    service.first_round().await;
    for path in [
        "/",
        "/diagnose",
        "/diagnose?format=text",
        "/metrics",
        "/health",
        "/readyz",
    ] {
        let text = service.get(path).await.text();
        assert!(!text.contains(DEMO_CLIENT_SECRET), "{path}: {text}");
    }
}

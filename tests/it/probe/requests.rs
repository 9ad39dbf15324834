//! What a probe sends and how much it takes.

use std::time::Duration;

use why403::diagnosis::{Cause, Finding, Outcome};
use why403::sim::{Request, Route, Scripted};
use why403::upstream::{BODY_CAP_BYTES, PAGE_CAP_BYTES, REFUSAL_CAP_BYTES};

use super::*;
use crate::harness::*;

fn sorted(request: &Request) -> Vec<&str> {
    let mut names: Vec<_> = request.header_names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test(start_paused = true)]
async fn requests_carry_what_is_needed_and_nothing_else() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    let probe = platform.latest(Route::Queues);
    assert_eq!(
        sorted(&probe),
        ["accept", "authorization", "host", "user-agent"]
    );
    assert_eq!(
        (probe.method.as_str(), probe.query.as_str()),
        ("GET", "pageSize=1")
    );
    let mint = platform.latest(Route::Token);
    assert_eq!(
        sorted(&mint),
        [
            "accept",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "user-agent"
        ]
    );
    assert_eq!((mint.method.as_str(), mint.query.as_str()), ("POST", ""));
    let agent = format!("why403/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(probe.user_agent, Some(agent.clone()));
    assert_eq!(mint.user_agent, Some(agent));
}

#[tokio::test(start_paused = true)]
async fn cookies_are_not_kept() {
    let platform = Platform::start().await;
    let cookie = format!("session={}", "x".repeat(10_000));
    platform.always(Route::Queues, queues(&[("set-cookie", &cookie)]));
    let service = platform.watched("");
    service.first_round().await;
    let snapshot = service.next_probe().await;
    assert_eq!(outcome(&snapshot), Outcome::Ok);
    let names = platform.latest(Route::Queues).header_names;
    assert!(!names.contains(&"cookie".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn redirects_are_told_and_not_followed() {
    let elsewhere = Platform::start().await;
    for status in [301, 302, 303, 307, 308] {
        let platform = Platform::start().await;
        let location = format!("{}/api/v2/routing/queues", elsewhere.url());
        platform.always(Route::Queues, status_with(status, ("location", &location)));
        let service = platform.watched("");
        let snapshot = service.first_round().await;
        assert_eq!(outcome(&snapshot), Outcome::Redirected, "{status}");
        assert_eq!(platform.probes(), 1, "{status}");
    }
    assert_eq!(elsewhere.simulator.requests(), []);
}

#[tokio::test(start_paused = true)]
async fn compressed_bodies_are_not_unpacked() {
    let platform = Platform::start().await;
    platform.always(Route::Queues, queues(&[("content-encoding", "gzip")]));
    let service = platform.watched("");
    // The bytes are read as they are, so that no bomb can go off.
    assert_eq!(service.first_outcome().await, Outcome::Ok);
}

#[tokio::test(start_paused = true)]
async fn bodies_are_read_up_to_a_cap() {
    for (bytes, truncated) in [
        (BODY_CAP_BYTES as u64, false),
        (BODY_CAP_BYTES as u64 + 1, true),
        (64 * 1024 * 1024, true),
    ] {
        let platform = Platform::start().await;
        platform.always(Route::Queues, Scripted::Flood { status: 200, bytes });
        let exchange = call(&platform.config(""), &simulated_clock()).await;
        let answer = exchange.result.unwrap();
        assert_eq!(
            (answer.body.len(), answer.truncated),
            (BODY_CAP_BYTES, truncated)
        );
    }
}

/// When a firewall refuses everything, every target has such a page for each of its calls.
#[tokio::test(start_paused = true)]
async fn of_long_refusals_the_beginning_is_kept_and_still_tells_why() {
    let page = format!("<html><h1>Access denied</h1>{}", "ä".repeat(30_000));
    let details = "{\"a\":\"b\"},".repeat(6_000);
    let error = format!(
        "{{\"code\":\"missing.permissions\",\"message\":\"[routing:queue:view]\",\
         \"details\":[{details}0]}}"
    );
    let correlation = (
        "inin-correlation-id",
        "c0000000-0000-4000-8000-000000000001",
    );
    for (body, headers, most, scenario, expected) in [
        (page, None, PAGE_CAP_BYTES, "healthy", Cause::EdgeBlock),
        (
            error,
            Some(correlation),
            REFUSAL_CAP_BYTES,
            "role-removed",
            Cause::MissingPermission,
        ),
    ] {
        let platform = Platform::start().await;
        platform.simulator.set_scenario(scenario).unwrap();
        let answer = Scripted::Respond {
            status: 403,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
                .collect(),
            body: body.clone().into_bytes(),
        };
        platform.always(Route::Queues, answer);
        let exchange = call(&platform.config(""), &simulated_clock()).await;
        let kept = exchange.result.unwrap();
        assert!(kept.truncated && body.starts_with(&kept.body));
        assert!((most - 1..=most).contains(&kept.body.len()));
        assert_eq!(kept.length, body.len().min(BODY_CAP_BYTES));
        let service = platform.watched("");
        let snapshot = service.first_round().await;
        let found = diagnosis(&snapshot).finding;
        assert_eq!(found, Finding::Forbidden(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn the_timeout_covers_the_whole_call() {
    let drip = Scripted::Endless {
        status: 200,
        every: Duration::from_millis(100),
    };
    let late = Scripted::DelayHonest(Duration::from_millis(10_001));
    for step in [Scripted::Hang, drip, late] {
        let platform = Platform::start().await;
        platform.always(Route::Queues, step.clone());
        let service = platform.watched("");
        let snapshot = service.first_round().await;
        assert_eq!(outcome(&snapshot), Outcome::Timeout, "{step:?}");
        let took = diagnosis(&snapshot).evidence.last().unwrap().duration;
        assert_eq!(took, seconds(10), "{step:?}");
    }
    let platform = Platform::start().await;
    let barely = Scripted::DelayHonest(Duration::from_millis(9_999));
    platform.always(Route::Queues, barely);
    let service = platform.watched("");
    assert_eq!(service.first_outcome().await, Outcome::Ok);
}

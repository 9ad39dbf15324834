//! What a scraper of one target is answered, and what its scrapes cost.

use why403::sim::Route;

use super::*;

/// The value of a series; none where there is no such series.
fn value(reply: &Reply, series: &str) -> Option<f64> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = reply.text();
    let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    let (_, value) = lines.find(|(known, _)| *known == series)?;
    Some(value.parse().unwrap())
}

/// The causes that are told.
fn causes(reply: &Reply) -> Vec<String> {
    let text = reply.text();
    let told = text.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let cause = series.strip_prefix("probe_cause{cause=\"")?;
        (value == "1").then(|| cause.trim_end_matches("\"}").to_owned())
    });
    told.collect()
}

const RARELY: &str = "[probe]\ninterval = \"10m\"";

async fn scrape(service: &Service) -> Reply {
    service.get("/probe?target=default").await
}

#[tokio::test(start_paused = true)]
async fn a_scrape_is_a_probe_of_its_own() {
    let platform = Platform::start().await;
    let service = platform.watched(RARELY);
    service.first_round().await;
    pass(seconds(20)).await;
    let before = platform.probes();
    platform.script(Route::Queues, [Scripted::DelayHonest(seconds(2))]);
    let reply = scrape(&service).await;
    assert_eq!(platform.probes(), before + 1);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(reply.header("content-type"), Some(kind));
    assert_eq!(value(&reply, "probe_success"), Some(1.0));
    assert_eq!(value(&reply, "probe_timed_out"), Some(0.0));
    assert_eq!(value(&reply, "probe_duration_seconds"), Some(2.0));
    assert_eq!(value(&reply, "probe_http_status_code"), Some(200.0));
    assert_eq!(value(&reply, "probe_queues_visible"), Some(12.0));
    assert_eq!(value(&reply, "probe_age_seconds"), Some(0.0));
    assert_eq!(causes(&reply), ["ok"]);
    // Another scraper a moment later is answered by the same probe, and a third one is not.
    pass(seconds(3)).await;
    let reply = scrape(&service).await;
    assert_eq!(platform.probes(), before + 1);
    assert_eq!(value(&reply, "probe_age_seconds"), Some(3.0));
    pass(seconds(3)).await;
    scrape(&service).await;
    assert_eq!(platform.probes(), before + 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_with_its_cause_and_examined_once() {
    let platform = Platform::start().await;
    let service = platform.watched(RARELY);
    service.first_round().await;
    platform.simulator.set_scenario("role-removed").unwrap();
    let mut calls = Vec::new();
    for _ in 0..10 {
        pass(seconds(15)).await;
        let before = platform.simulator.requests().len();
        let reply = scrape(&service).await;
        assert_eq!(value(&reply, "probe_success"), Some(0.0));
        assert_eq!(value(&reply, "probe_http_status_code"), Some(403.0));
        assert_eq!(value(&reply, "probe_queues_visible"), Some(0.0));
        assert_eq!(causes(&reply), ["missing_permission"]);
        calls.push(platform.simulator.requests().len() - before);
    }
    // The first scrape examines what is new; what is known costs one call each.
    assert!(calls[0] > 1, "{calls:?}");
    assert_eq!(calls[1..], [1; 9], "{calls:?}");
    // It is the same watch: its verdict and its counters know of these probes.
    let refused = service.metrics(&["forbidden_total"]).await;
    let series = "why403_forbidden_total{cause=\"missing_permission\",target=\"default\"}";
    assert_eq!(refused.get(series), Some(&10.0));
}

#[tokio::test(start_paused = true)]
async fn the_scraper_is_answered_before_it_gives_up() {
    let platform = Platform::start().await;
    let service = platform.watched(RARELY);
    service.first_round().await;
    pass(seconds(20)).await;
    platform.script(Route::Queues, [Scripted::DelayHonest(seconds(4))]);
    let before = (service.elapsed(), platform.probes());
    let patience = "x-prometheus-scrape-timeout-seconds: 2\r\n";
    let path = "/probe?target=default";
    let reply = service.send("GET", path, patience).await;
    let waited = Duration::from_millis(1_500);
    assert_eq!(service.elapsed().checked_sub(before.0), Some(waited));
    assert_eq!(value(&reply, "probe_success"), Some(0.0));
    assert_eq!(value(&reply, "probe_timed_out"), Some(1.0));
    assert_eq!(value(&reply, "probe_duration_seconds"), Some(1.5));
    assert_eq!(causes(&reply), [""; 0]);
    for unknown in [
        "probe_http_status_code",
        "probe_queues_visible",
        "probe_age_seconds",
    ] {
        assert_eq!(value(&reply, unknown), None, "{unknown}");
    }
    // The probe went on, and its end answers whoever comes next.
    pass(seconds(4)).await;
    let reply = service.send("GET", path, patience).await;
    assert_eq!(value(&reply, "probe_success"), Some(1.0));
    assert_eq!(value(&reply, "probe_duration_seconds"), Some(4.0));
    assert_eq!(platform.probes(), before.1 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_respected_and_told() {
    let platform = Platform::start().await;
    let service = platform.watched(RARELY);
    service.first_round().await;
    pass(seconds(20)).await;
    let limit = Scripted::Respond {
        status: 429,
        headers: vec![("retry-after".to_owned(), "40".to_owned())],
        body: Vec::new(),
    };
    platform.script(Route::Queues, [limit]);
    assert_eq!(causes(&scrape(&service).await), ["rate_limited"]);
    let before = platform.probes();
    pass(seconds(20)).await;
    let reply = scrape(&service).await;
    assert_eq!(platform.probes(), before);
    assert_eq!(causes(&reply), ["rate_limited"]);
    assert_eq!(value(&reply, "probe_success"), Some(0.0));
    assert_eq!(value(&reply, "probe_age_seconds"), Some(20.0));
    pass(seconds(25)).await;
    assert_eq!(causes(&scrape(&service).await), ["ok"]);
}

#[tokio::test(start_paused = true)]
async fn only_a_configured_name_is_a_target() {
    let platform = Platform::start().await;
    let service = platform.watched(RARELY);
    service.first_round().await;
    pass(seconds(20)).await;
    let before = platform.probes();
    for (path, status) in [
        ("/probe", 400),
        ("/probe?target=default&target=default", 400),
        ("/probe?target=default&module=http_2xx", 400),
        ("/probe?target=", 404),
        ("/probe?target=other", 404),
        ("/probe?target=http://169.254.169.254/", 404),
        ("/probe?target=https%3A%2F%2Fexample.com", 404),
    ] {
        assert_eq!(service.get(path).await.status, status, "{path}");
    }
    let wrong = "x-prometheus-scrape-timeout-seconds: soon\r\n";
    let reply = service.send("GET", "/probe?target=default", wrong).await;
    assert_eq!(reply.status, 400);
    let text = reply.text();
    assert!(text.contains("Scrape-Timeout-Seconds is "), "{text}");
    assert!(text.contains("soon"), "{text}");
    assert_eq!(platform.probes(), before);
}

#[tokio::test(start_paused = true)]
async fn a_url_in_place_of_a_name_is_not_connected_to() {
    let platform = Platform::start().await;
    let service = platform.watched(RARELY);
    service.first_round().await;
    pass(seconds(20)).await;
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    let coded = format!("http%3A%2F%2F{address}%2F");
    for (method, path) in [
        ("GET", format!("/probe?target=http://{address}/")),
        ("GET", format!("/probe?target={coded}")),
        ("GET", format!("/probe?target={address}")),
        ("GET", format!("/diagnose?target=http://{address}/")),
        ("GET", format!("/diagnose?fresh=1&target={coded}")),
        ("GET", format!("/diagnose/{coded}?fresh=1")),
        ("GET", format!("/diagnose/http://{address}/?fresh=1")),
        ("GET", format!("/health/{coded}")),
        ("GET", format!("/timeline/{coded}")),
        ("POST", format!("/diagnose/{coded}/verify")),
        ("POST", format!("/token/{coded}/refresh")),
    ] {
        let status = service.send(method, &path, "").await.status;
        assert!([400, 404].contains(&status), "{method} {path}: {status}");
    }
    // As of a proxy.
    service.get(&format!("http://{address}/")).await;
    pass(MINUTE).await;
    // Whoever connected would still be waiting to be accepted.
    let connected = elsewhere.accept().map(|(_, peer)| peer);
    let error = connected.expect_err("it was connected to");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test(start_paused = true)]
async fn many_scrapers_cost_one_probe_in_five_seconds() {
    let platform = Platform::start().await;
    let service = platform.watched(RARELY);
    service.first_round().await;
    let before = platform.probes();
    for _ in 0..600 {
        assert_eq!(scrape(&service).await.status, 200);
        pass(Duration::from_millis(100)).await;
    }
    let probes = platform.probes() - before;
    assert!((10..=12).contains(&probes), "{probes}");
}

#[tokio::test(start_paused = true)]
async fn the_targets_can_be_discovered() {
    let platform = Platform::start().await;
    let service = platform.watched(&fleet(3));
    let reply = service.get("/sd").await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let groups = reply.json();
    let groups = groups.as_array().unwrap();
    assert_eq!(groups.len(), 3);
    for group in groups {
        let name = group["targets"][0].as_str().unwrap();
        assert_eq!(group["labels"]["__meta_why403_target"], name);
        let path = format!("/probe?target={name}");
        assert_eq!(value(&service.get(&path).await, "probe_success"), Some(1.0));
    }
}

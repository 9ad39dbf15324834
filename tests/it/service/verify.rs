//! "I have mended it": what is seen, when, and at what cost.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use why403::app::StopSignal;

use crate::harness::*;

const VERIFY: &str = "/diagnose/default/verify";

/// A service that has worked, and then met a scenario.
async fn met(scenario: &str) -> (Platform, Service) {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\ninterval = \"10m\"");
    service.first_round().await;
    pass(seconds(600)).await;
    platform.simulator.set_scenario(scenario).unwrap();
    let fresh = service.get("/diagnose?fresh=1").await;
    assert_eq!(fresh.status, 200, "{}", fresh.text());
    // Whatever was minted then is a while ago.
    pass(seconds(100)).await;
    (platform, service)
}

/// Asks for a verification while something happens after some seconds.
async fn verified(
    service: &Service,
    query: &str,
    after: Duration,
    happens: impl FnOnce(),
) -> Value {
    let address = service.address;
    let path = format!("{VERIFY}?{query}");
    let mut asking = JoinSet::new();
    asking.spawn(async move { send(address, "POST", &path, "").await.unwrap() });
    pass(after).await;
    happens();
    let reply = asking.join_next().await.unwrap().unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn result(document: &Value) -> &str {
    document["result"].as_str().unwrap()
}

#[track_caller]
fn assert_says(document: &Value, part: &str) {
    let summary = document["summary"].as_str().unwrap();
    assert!(summary.contains(part), "{document:#}");
}

/// What each look found, and how many seconds after the first.
fn looks(document: &Value) -> Vec<(i64, &str)> {
    let at = |look: &Value| -> jiff::Timestamp { look["at"].as_str().unwrap().parse().unwrap() };
    let looks = document["looks"].as_array().unwrap();
    let first = at(&looks[0]);
    let seconds = |look: &Value| at(look).duration_since(first).as_secs();
    looks
        .iter()
        .map(|one| (seconds(one), one["cause"].as_str().unwrap_or("ok")))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_grant_is_seen_with_the_same_token() {
    let (platform, service) = met("role-removed").await;
    let mints = platform.mints();
    let simulator = platform.simulator.clone();
    let document = verified(&service, "", seconds(35), move || {
        simulator.set_scenario("healthy").unwrap();
    })
    .await;
    assert_eq!(result(&document), "fixed");
    let missing = "missing_permission";
    let expected = [(0, missing), (10, missing), (30, missing), (60, "ok")];
    assert_eq!(looks(&document), expected);
    assert_says(
        &document,
        "The change propagated within 60 s: the same token",
    );
    assert_eq!(platform.mints(), mints + 1);
    assert_eq!(document["before"][0]["cause"], missing);
    assert_eq!(document["diagnoses"][0]["outcome"], "ok");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_spreads_is_waited_for() {
    let (platform, service) = met("role-removed").await;
    let mints = platform.mints();
    platform.simulator.set_scenario("propagating").unwrap();
    let document = verified(&service, "", seconds(0), || {}).await;
    assert_eq!(result(&document), "fixed", "{document:#}");
    assert_says(&document, "propagated within");
    assert!(platform.mints() <= mints + 2);
    let first = &document["looks"][0];
    assert_eq!(first["cause"], "propagating");
    let says = "the permission is held now, and the call is still refused";
    assert_eq!(first["says"], says);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_token_that_is_needed_is_said_to_be() {
    let (platform, service) = met("role-removed").await;
    let mints = platform.mints();
    platform.simulator.set_scenario("stale-token").unwrap();
    let document = verified(&service, "limit=0s", seconds(0), || {}).await;
    assert_eq!(result(&document), "fixed", "{document:#}");
    assert_eq!(looks(&document), [(0, "stale_token"), (2, "ok")]);
    assert_says(&document, "A fresh token was needed");
    assert_eq!(platform.mints(), mints + 1);
}

#[tokio::test(start_paused = true)]
async fn another_cause_ends_it() {
    let (platform, service) = met("role-removed").await;
    platform.simulator.set_scenario("division-refused").unwrap();
    let document = verified(&service, "", seconds(0), || {}).await;
    assert_eq!(result(&document), "changed");
    assert_eq!(looks(&document), [(0, "missing_division_permission")]);
    assert_says(&document, "Before, it was missing_permission.");
    // As does one that comes later.
    let simulator = platform.simulator.clone();
    let document = verified(&service, "", seconds(40), move || {
        simulator.set_scenario("queues-empty").unwrap();
    })
    .await;
    assert_eq!(result(&document), "changed");
    assert_eq!(looks(&document).last(), Some(&(60, "queues_empty")));
}

#[tokio::test(start_paused = true)]
async fn what_is_never_mended_ends_at_the_limit_with_few_tokens() {
    let (platform, service) = met("role-removed").await;
    let (mints, before) = (platform.mints(), service.elapsed());
    let document = verified(&service, "", seconds(0), || {}).await;
    assert_eq!(result(&document), "not_fixed");
    assert_eq!(service.elapsed(), before + seconds(300));
    let times: Vec<i64> = looks(&document).iter().map(|look| look.0).collect();
    assert_eq!(times, [0, 10, 30, 60, 120, 180, 240, 300]);
    assert_says(&document, "That is as before, 5 min later.");
    assert_eq!(platform.mints(), mints + 2);
    let once = verified(&service, "limit=0s", seconds(0), || {}).await;
    assert_eq!(looks(&once).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_tells_nothing() {
    let (platform, service) = met("role-removed").await;
    platform.simulator.set_scenario("upstream-error").unwrap();
    let document = verified(&service, "limit=30s", seconds(0), || {}).await;
    assert_eq!(result(&document), "undetermined");
    assert_says(&document, "missing_permission is mended cannot be told");
    assert_eq!(document["looks"][0]["says"], "tells nothing");
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_waited_for_and_never_tried() {
    let (platform, service) = met("role-removed").await;
    platform.simulator.set_scenario("rate-limited").unwrap();
    let probes = platform.probes();
    let simulator = platform.simulator.clone();
    let document = verified(&service, "limit=1m", seconds(2), move || {
        simulator.set_scenario("healthy").unwrap();
    })
    .await;
    assert_eq!(result(&document), "fixed", "{document:#}");
    assert_eq!(looks(&document)[0].1, "rate_limited");
    assert!(platform.probes() <= probes + 4);
}

#[tokio::test(start_paused = true)]
async fn whose_limit_it_is_that_nothing_was_looked_at_is_said() {
    let (platform, service) = met("role-removed").await;
    let mut document = Value::Null;
    for _ in 0..30 {
        document = verified(&service, "limit=0s", seconds(0), || {}).await;
        if result(&document) == "undetermined" {
            break;
        }
    }
    // The platform has refused nobody: it is why403 that makes no more calls.
    assert_says(&document, "Too much was asked of why403");
    assert_says(&document, "verify again in");
    pass(seconds(60)).await;
    platform.simulator.set_scenario("rate-limited").unwrap();
    let fresh = service.get("/diagnose?fresh=1").await;
    assert_eq!(fresh.status, 200, "{}", fresh.text());
    let document = verified(&service, "limit=0s", seconds(0), || {}).await;
    assert_eq!(result(&document), "undetermined");
    assert_says(&document, "The platform asked not to be called for another");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_was_wrong_one_look_is_enough() {
    let (_platform, service) = met("healthy").await;
    let document = verified(&service, "", seconds(0), || {}).await;
    assert_eq!(result(&document), "ok");
    assert_eq!(looks(&document), [(0, "ok")]);
    let (platform, service) = met("healthy").await;
    platform.simulator.set_scenario("access-ending").unwrap();
    let document = verified(&service, "", seconds(0), || {}).await;
    assert_eq!(result(&document), "ok");
    assert_eq!(
        document["looks"][0]["says"],
        "works, but a fresh token is refused"
    );
    assert_says(&document, "a token minted just now is refused");
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_as_it_is_made() {
    let (platform, service) = met("role-removed").await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let request = format!(
        "POST {VERIFY} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/plain\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    let mut part = [0; 4_096];
    while !text.contains("as before") {
        let count = stream.read(&mut part).await.unwrap();
        text.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    assert!(text.contains("403 missing_permission (proven): as before"));
    pass(seconds(15)).await;
    platform.simulator.set_scenario("healthy").unwrap();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.contains("200 ok: works"), "{text}");
    assert!(text.contains("default: fixed. "), "{text}");
    // The same as objects, the last of which is the whole.
    let lines = service.send("POST", VERIFY, "accept: application/x-ndjson\r\n");
    let lines = lines.await;
    let text = lines.text();
    let objects: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(Value::is_object)
        .collect();
    assert_eq!(objects.len(), 2, "{text}");
    assert_eq!(objects[0]["outcome"], "ok");
    assert_eq!(result(&objects[1]), "ok");
}

#[tokio::test(start_paused = true)]
async fn one_goes_on_per_target_and_ends_when_nobody_listens() {
    let (platform, service) = met("role-removed").await;
    for accept in ["application/json", "text/plain"] {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        let request =
            format!("POST {VERIFY} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: {accept}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        pass(seconds(1)).await;
        let second = service.post(VERIFY).await;
        assert_eq!(second.status, 409, "{}", second.text());
        assert_eq!(second.header("retry-after"), Some("299"));
        drop(stream);
        pass(seconds(1)).await;
        let probes = platform.probes();
        pass(seconds(200)).await;
        assert_eq!(platform.probes(), probes, "{accept}: it went on");
    }
    let third = service.post(&format!("{VERIFY}?limit=0s")).await;
    assert_eq!(third.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_service_ends_it_at_once() {
    let (_platform, mut service) = met("role-removed").await;
    let address = service.address;
    let mut asking = JoinSet::new();
    asking.spawn(async move {
        let headers = "accept: text/plain\r\n";
        send(address, "POST", VERIFY, headers).await.unwrap()
    });
    pass(seconds(12)).await;
    let before = service.elapsed();
    service.signal(StopSignal::Terminate).await;
    let reply = asking.join_next().await.unwrap().unwrap();
    assert_eq!(service.elapsed(), before);
    let text = reply.text();
    assert!(
        text.contains("default: undetermined. It was ended before it was settled."),
        "{text}"
    );
    let refused = service.post(VERIFY).await;
    assert_eq!(refused.status, 503);
    service.stopped().await;
    assert_eq!(service.elapsed(), before + seconds(5));
}

#[tokio::test(start_paused = true)]
async fn a_connection_does_not_age_away_under_it() {
    let (_platform, service) = met("role-removed").await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let mut text = String::new();
    let mut part = [0; 4_096];
    // Kept open for most of its life before it is asked.
    for _ in 0..58 {
        pass(seconds(5)).await;
        let ask = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        assert_ne!(stream.read(&mut part).await.unwrap(), 0);
    }
    let request = format!("POST {VERIFY} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.contains("\"result\":\"not_fixed\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn wrong_wishes_are_explained() {
    let (_platform, service) = met("healthy").await;
    for query in [
        "limit=6m",
        "limit=5",
        "limit=-1s",
        "format=evidence",
        "fresh=1",
    ] {
        let reply = service.post(&format!("{VERIFY}?{query}")).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.text());
    }
    assert_eq!(service.post("/diagnose/nobody/verify").await.status, 404);
    assert_eq!(service.get(VERIFY).await.status, 405);
    let image = service.send("POST", VERIFY, "accept: image/png\r\n").await;
    assert_eq!(image.status, 406);
}

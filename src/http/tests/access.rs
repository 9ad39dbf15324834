//! What is refused, and what every answer has in common.

use super::*;
use crate::http::examples::{failing, mixed, passing};
use crate::http::{ENDPOINTS, edge, route_of};
use crate::metrics::Route;
use crate::target::Secret;
use axum::Router;
use std::sync::Arc;

async fn protected() -> Service {
    let mut app = Stage::new(failing()).await.app;
    let server = Arc::make_mut(&mut app.server);
    server.admin_token = Some(Secret::fixed("open-sesame"));
    server.protect_details = true;
    Service::new(app)
}

const LOCAL: &str = "127.0.0.1:50000";

#[tokio::test(start_paused = true)]
async fn every_answer_is_hardened() {
    let service = Service::new(Stage::new(mixed()).await.app);
    for uri in ENDPOINTS
        .iter()
        .map(|(_, path)| *path)
        .chain(["/nothing", "/health?x"])
    {
        let got = get(uri).of(&service).await;
        assert_eq!(got.header("x-content-type-options"), "nosniff", "{uri}");
        assert_eq!(got.header("x-frame-options"), "DENY", "{uri}");
        assert_eq!(got.header("referrer-policy"), "no-referrer", "{uri}");
        assert_ne!(got.header("cache-control"), "", "{uri}");
        assert_eq!(got.header("server"), "", "{uri}");
        assert_eq!(got.header("access-control-allow-origin"), "", "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn head_is_get_without_the_body() {
    let service = Service::new(Stage::new(mixed()).await.app);
    for uri in [
        "/livez",
        "/health",
        "/diagnose",
        "/diagnose?format=text",
        "/",
        "/openapi.json",
    ] {
        let full = get(uri).of(&service).await;
        let head = get(uri).method(Method::HEAD).of(&service).await;
        assert_eq!(head.status, full.status, "{uri}");
        assert_eq!(head.headers, full.headers, "{uri}");
        assert_eq!(head.body, "", "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_methods_are_told_which_work() {
    let service = Service::new(Stage::new(mixed()).await.app);
    for (route, path) in ENDPOINTS {
        let posts = matches!(
            route,
            Route::TokenRefresh | Route::CredentialRefresh | Route::VerifyTarget
        );
        let allow = if posts { "POST" } else { "GET,HEAD" };
        for method in [
            "GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW",
        ] {
            if allow.contains(method) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let got = get(*path).method(method.clone()).of(&service).await;
            assert_eq!(got.status, 405, "{method} {path}");
            assert_eq!(got.header("allow"), allow, "{method} {path}");
            assert_eq!(got.problem(), "method-not-allowed");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_and_names_are_not_repeated() {
    let service = Service::new(Stage::new(mixed()).await.app);
    let long = format!("/health/{}", "a".repeat(10_240));
    for uri in [
        "/nothing",
        "/health/",
        "/health/nobody",
        "/diagnose/%00",
        "/diagnose/..%2f..%2fetc",
        "/diagnose/%ff%fe",
        "/health/%F0%9F%98%80",
        "/health/PROD-EU",
        "/diagnose/prod-eu%20",
        "/?target=%3Cscript%3E",
        long.as_str(),
    ] {
        let got = get(uri).of(&service).await;
        assert_eq!(got.status, 404, "{uri}");
        assert!(got.problem().starts_with("unknown-"), "{uri}");
        assert!(
            got.body.len() < 300 && !got.body.contains("script"),
            "{}",
            got.body
        );
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_queries_are_explained() {
    let service = Service::new(Stage::new(mixed()).await.app);
    for (uri, errors) in [
        ("/health?strict=maybe", 1),
        ("/health?strict=1&strict=1", 1),
        ("/health/prod-eu?strickt=1&stric=2", 2),
        ("/diagnose?fresh=maybe&format=xml&target=x", 3),
        ("/diagnose?target=http://169.254.169.254/", 1),
        ("/?page=0&refresh=5", 2),
    ] {
        let got = get(uri).of(&service).await;
        assert_eq!(
            (got.status, got.problem().as_str()),
            (400, "bad-query"),
            "{uri}"
        );
        assert_eq!(
            got.json()["errors"].as_array().unwrap().len(),
            errors,
            "{}",
            got.body
        );
    }
    let got = get("/health?%3Cscript%3E%1b[2J=1").of(&service).await;
    assert_eq!(
        got.json()["errors"][0],
        "`<script>\\u{1b}[2J` is unknown; known: strict"
    );
}

#[tokio::test(start_paused = true)]
async fn the_host_that_somebody_names_is_never_repeated() {
    let service = Service::new(Stage::new(mixed()).await.app);
    let others = ENDPOINTS.iter().map(|(_, path)| *path);
    for uri in others.chain([
        "/nothing",
        "/health/nobody",
        "/probe?target=prod-eu",
        "/health?x",
    ]) {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let mut ask = get(uri).method(method);
            ask.headers = vec![("host", "evil.example")];
            let got = ask.of(&service).await;
            let shown = format!("{:?} {}", got.headers, got.body);
            assert!(!shown.contains("evil.example"), "{uri}: {shown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_needs_one_host_and_no_body() {
    let service = Service::new(Stage::new(passing()).await.app);
    let mut nameless = get("/livez");
    nameless.headers.clear();
    assert_eq!(nameless.of(&service).await.problem(), "bad-request");
    let twofold = get("/livez").with("host", "why403.example");
    assert_eq!(twofold.of(&service).await.problem(), "bad-request");

    let mut chatty = get("/health");
    chatty.body = "hello";
    let got = chatty.clone().of(&service).await;
    assert_eq!((got.status, got.header("connection")), (200, "close"));
    chatty.body = Box::leak("x".repeat(4097).into_boxed_str());
    let got = chatty.of(&service).await;
    assert_eq!(
        (got.status, got.problem().as_str()),
        (413, "body-too-large")
    );
    assert_eq!(get("/health").of(&service).await.header("connection"), "");
}

#[tokio::test(start_paused = true)]
async fn without_an_admin_token_only_local_peers_may_post() {
    let service = Service::new(Stage::new(passing()).await.app);
    for path in ["/token/refresh", "/token/prod-eu/refresh"] {
        assert_eq!(post(path).of(&service).await.problem(), "not-local");
        let local = post(path).from(LOCAL);
        assert_ne!(local.clone().of(&service).await.status, 403);
        let cross = local.clone().with("sec-fetch-site", "cross-site");
        assert_eq!(cross.of(&service).await.problem(), "cross-site");
        let forwarded = local.with("x-forwarded-for", "127.0.0.1");
        assert_eq!(forwarded.of(&service).await.problem(), "not-local");
    }
    let nobody = post("/token/nobody/refresh").from(LOCAL);
    assert_eq!(nobody.of(&service).await.problem(), "unknown-credential");
}

#[tokio::test(start_paused = true)]
async fn the_admin_token_opens_what_is_protected() {
    let service = protected().await;
    let guarded = ["/", "/diagnose", "/diagnose/prod-eu", "/diagnose/nobody"];
    let asks = guarded.map(get).into_iter();
    let posts = ["/token/refresh", "/token/nobody/refresh"].map(post);
    // Peers of their own: too many wrong tokens from one of them are another answer.
    let peers = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"];
    for (ask, peer) in asks.chain(posts).zip(peers.into_iter().cycle()) {
        let ask = ask.from(peer);
        for ask in [
            ask.clone(),
            ask.clone().from(LOCAL),
            ask.clone().with("authorization", "Bearer open-sesam"),
        ] {
            let got = ask.of(&service).await;
            assert_eq!(
                (got.status, got.problem().as_str()),
                (401, "admin-token-required")
            );
            assert_eq!(got.header("www-authenticate"), "Bearer");
            assert_eq!(got.json().get("detail"), None);
        }
        let got = ask
            .with("authorization", "Bearer open-sesame")
            .of(&service)
            .await;
        assert_ne!(got.status, 401);
    }
    for open in [
        "/livez",
        "/readyz",
        "/health",
        "/health/prod-eu",
        "/metrics",
        "/openapi.json",
    ] {
        assert_ne!(get(open).of(&service).await.status, 401, "{open}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_with_too_many_wrong_tokens_is_not_listened_to() {
    let service = protected().await;
    let guess = get("/").with("authorization", "Bearer open-says-me");
    let right = get("/").with("authorization", "Bearer open-sesame");
    for _ in 0..20 {
        // No token is no guess.
        assert_eq!(get("/").of(&service).await.status, 401);
    }
    // Whoever it says that it speaks for: anybody can say so.
    let forwarded = |from| guess.clone().with("x-forwarded-for", from);
    for from in ["10.1.1.1", "10.1.1.2", "10.1.1.3, 10.1.1.4", "::1", "x"] {
        let got = forwarded(from).of(&service).await;
        assert_eq!((got.status, got.header("retry-after")), (401, ""));
    }
    let post = post("/token/refresh").with("authorization", "Bearer open-sesame");
    for ask in [forwarded("10.1.1.5"), guess.clone(), right.clone(), post] {
        let got = ask.of(&service).await;
        let answer = (got.status, got.header("retry-after"), got.problem());
        assert_eq!(answer, (429, "60", "too-many-attempts".to_owned()));
    }
    assert_eq!(get("/health").of(&service).await.status, 503);
    let elsewhere = right.clone().from("10.9.9.9:1");
    assert_eq!(elsewhere.of(&service).await.status, 200);
    tokio::time::advance(std::time::Duration::from_mins(1)).await;
    assert_eq!(right.of(&service).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_wait_than_there_is_room_for() {
    let service = Service::with_room_for(Stage::new(passing()).await.app, 0);
    let got = get("/diagnose?fresh=1").of(&service).await;
    assert_eq!((got.status, got.problem().as_str()), (503, "overloaded"));
    assert_eq!(got.header("retry-after"), "1");
    assert_eq!(get("/diagnose").of(&service).await.status, 200);
}

async fn bug() -> String {
    panic!("told by a test")
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_answer_and_the_next_one_is_as_always() {
    let service = Service::new(Stage::new(passing()).await.app);
    let mut buggy = service.clone();
    buggy.router = Router::new().route("/livez", axum::routing::get(bug));
    let got = get("/livez").of(&buggy).await;
    assert_eq!((got.status, got.problem().as_str()), (500, "internal"));
    assert!(!got.body.contains("told by a test"), "{}", got.body);
    assert_eq!(got.header("x-content-type-options"), "nosniff");
    assert_eq!(get("/livez").of(&service).await.status, 200);
    let metrics = get("/metrics").of(&service).await.body;
    for code in [200, 500] {
        let counted = format!("why403_http_requests_total{{code=\"{code}\",route=\"/livez\"}} 1\n");
        assert!(metrics.contains(&counted), "{code}");
    }
    assert_eq!(edge::panicked(&7).status(), 500);
}

#[test]
fn every_endpoint_is_counted_under_its_route() {
    for (route, path) in ENDPOINTS {
        let concrete = path
            .replace("{target}", "prod-eu")
            .replace("{credential}", "prod-eu");
        assert_eq!(route_of(&concrete), *route, "{path}");
    }
    for other in [
        "/health/",
        "/health/a/b",
        "/token//refresh",
        "/livez/",
        "/nothing",
        "",
    ] {
        assert_eq!(route_of(other), Route::Other, "{other}");
    }
}

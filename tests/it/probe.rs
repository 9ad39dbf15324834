//! One probe: what it sends, when it is sent, and what becomes of everything that may come back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use why403::clock::Clock;
use why403::diagnosis::Outcome;
use why403::evidence::{Exchange, FaultKind, Step};
use why403::health::{State, Status};
use why403::sim::{Request, Route, Scripted};
use why403::snapshot::Snapshot;
use why403::target::Operation;
use why403::upstream::{Auth, BODY_CAP_BYTES, Call, Upstream};

use crate::harness::*;

const MINUTE: Duration = Duration::from_mins(1);

/// A target whose API is elsewhere than the platform, which only gives the tokens.
fn api_at(url: &str, platform: &Platform) -> String {
    let login = platform.url();
    format!("[[targets]]\nname = \"default\"\nbase_url = \"{url}\"\nlogin_url = \"{login}\"\n")
}

/// A good answer for the queues, with these headers on top.
fn queues(headers: &[(&str, &str)]) -> Scripted {
    let own = [("content-type", "application/json")];
    let headers = own.iter().chain(headers);
    Scripted::Respond {
        status: 200,
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: b"{\"entities\":[{\"id\":\"1\",\"name\":\"Sales\"}],\"total\":1}".to_vec(),
    }
}

fn status_with(status: u16, header: (&str, &str)) -> Scripted {
    Scripted::Respond {
        status,
        headers: vec![(header.0.to_owned(), header.1.to_owned())],
        body: Vec::new(),
    }
}

fn sorted(request: &Request) -> Vec<&str> {
    let mut names: Vec<_> = request.header_names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// What each exchange of the latest examination was and said.
fn steps(snapshot: &Snapshot) -> Vec<(&'static str, Option<u16>)> {
    let lines = &diagnosis(snapshot).evidence;
    lines.iter().map(|line| (line.step, line.status)).collect()
}

#[tokio::test(start_paused = true)]
async fn requests_carry_what_is_needed_and_nothing_else() {
    let platform = Platform::start().await;
    let service = platform.watched("").await;
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
    let service = platform.watched("").await;
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
        let service = platform.watched("").await;
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
    let service = platform.watched("").await;
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
        let service = platform.watched("").await;
        let snapshot = service.first_round().await;
        assert_eq!(outcome(&snapshot), Outcome::Timeout, "{step:?}");
        let took = diagnosis(&snapshot).evidence.last().unwrap().duration;
        assert_eq!(took, seconds(10), "{step:?}");
    }
    let platform = Platform::start().await;
    let barely = Scripted::DelayHonest(Duration::from_millis(9_999));
    platform.always(Route::Queues, barely);
    let service = platform.watched("").await;
    assert_eq!(service.first_outcome().await, Outcome::Ok);
}

/// The first bytes of a good answer, up to its headers' end, which is left out.
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const LIST: &str = "{\"entities\":[],\"total\":3}";

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_answer_are_a_reset() {
    let huge = "x".repeat(1 << 20);
    let many: String = (0..500).map(|n| format!("h{n}: v\r\n")).collect();
    let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
    let cases = [
        ("nothing", String::new()),
        ("another protocol", "SSH-2.0-OpenSSH_9.6\r\n".to_owned()),
        ("HTTP/0.9", "<html>hello</html>".to_owned()),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("TLS", "\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{28}".to_owned()),
        ("half a head", OK.to_owned()),
        ("a huge head", format!("{OK}x: {huge}\r\n\r\n")),
        ("many headers", format!("{OK}{many}\r\n")),
        (
            "a short body",
            format!("{OK}Content-Length: 100\r\n\r\n{LIST}"),
        ),
        (
            "two lengths",
            format!("{OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        ),
        (
            "no length",
            format!("{OK}Content-Length: many\r\n\r\n{LIST}"),
        ),
        (
            "a bad chunk",
            format!("{OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n{LIST}"),
        ),
        (
            "an unfinished chunk",
            format!("{OK}Transfer-Encoding: chunked\r\n\r\n18\r\n{LIST}\r\n"),
        ),
        ("a status of letters", "HTTP/1.1 ABC OK\r\n\r\n".to_owned()),
        ("nothing but hints", flood),
    ];
    for (name, bytes) in cases {
        let platform = Platform::start().await;
        let server = RawServer::saying(bytes).await;
        let service = platform.watched(&api_at(&server.url(), &platform)).await;
        let snapshot = service.first_round().await;
        assert_eq!(outcome(&snapshot), Outcome::Reset, "{name}");
        assert_eq!(service.elapsed(), seconds(0), "{name}");
        assert_eq!(service.get("/livez").await.status, 200, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn unusual_bytes_that_are_an_answer_are_read() {
    let length = LIST.len();
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(3);
    let cases = [
        ("until the end", format!("{OK}\r\n{LIST}"), Outcome::Ok),
        (
            "HTTP/1.0",
            format!("HTTP/1.0 200 OK\r\n\r\n{LIST}"),
            Outcome::Ok,
        ),
        ("a BOM", format!("{OK}\r\n\u{feff}{LIST}"), Outcome::Ok),
        (
            "hints first",
            format!("{hints}{OK}Content-Length: {length}\r\n\r\n{LIST}"),
            Outcome::Ok,
        ),
        (
            "more than announced",
            format!("{OK}Content-Length: {length}\r\n\r\n{LIST}{LIST}"),
            Outcome::Ok,
        ),
        (
            "no reason phrase",
            format!("HTTP/1.1 200\r\n\r\n{LIST}"),
            Outcome::Ok,
        ),
        (
            "204",
            "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            Outcome::UnreadableAnswer,
        ),
        (
            "a strange status",
            "HTTP/1.1 999 X\r\n\r\n".to_owned(),
            Outcome::UnreadableAnswer,
        ),
        (
            "a proxy",
            "HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n".to_owned(),
            Outcome::BadRequest,
        ),
    ];
    for (name, bytes, expected) in cases {
        let platform = Platform::start().await;
        let server = RawServer::saying(bytes).await;
        let service = platform.watched(&api_at(&server.url(), &platform)).await;
        assert_eq!(service.first_outcome().await, expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_is_harmless_where_it_is_shown() {
    let platform = Platform::start().await;
    let body = "{\"code\":\"\\u001b[31m<script>alert(1)</script>\",\"message\":\"a\\r\\nb: c\",\"status\":403}";
    let answer = Scripted::Respond {
        status: 403,
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            (
                "inin-correlation-id".to_owned(),
                "<script>x</script>".to_owned(),
            ),
        ],
        body: body.as_bytes().to_vec(),
    };
    platform.always(Route::Queues, answer);
    let service = platform.watched("").await;
    service.first_round().await;
    let page = service.get("/").await.text();
    assert!(!page.contains("<script"), "{page}");
    for path in [
        "/",
        "/diagnose",
        "/diagnose?format=text",
        "/metrics",
        "/health",
    ] {
        let text = service.get(path).await.text();
        assert!(!text.contains('\u{1b}'), "{path}");
        assert!(!text.contains("a\r\nb"), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_told() {
    let platform = Platform::start().await;
    // Bound, so that nobody else gets the port, but never listening.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let service = platform.watched(&api_at(&url, &platform)).await;
    let snapshot = service.first_round().await;
    assert_eq!(outcome(&snapshot), Outcome::Connect);
    assert_counted(&service, "network").await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_exist_is_told() {
    let platform = Platform::start().await;
    // RFC 6761: resolvers answer for `invalid` themselves, so that this asks nobody.
    let url = "https://api.nonexistent.invalid";
    let service = platform.watched(&api_at(url, &platform)).await;
    let snapshot = service.first_round().await;
    assert_eq!(outcome(&snapshot), Outcome::Dns);
    assert_counted(&service, "network").await;
}

async fn assert_counted(service: &Service, class: &str) {
    let counters = service
        .metrics(&["probe_failures_total", "forbidden_total"])
        .await;
    let counted: Vec<_> = counters.iter().filter(|(_, value)| **value > 0.0).collect();
    let series = format!("why403_probe_failures_total{{class=\"{class}\",target=\"default\"}}");
    assert_eq!(counted, [(&series, &1.0)]);
}

/// With the clock paused the kernel's connect would race with its timeout: real time.
#[tokio::test]
async fn tls_that_cannot_be_trusted_is_told() {
    let good = Certificate::new("127.0.0.1", 2099);
    let cases = [
        (
            "an unknown authority",
            Certificate::new("127.0.0.1", 2099),
            &good.pem,
        ),
        (
            "another name",
            Certificate::new("api.example.com", 2099),
            &String::new(),
        ),
        (
            "expired",
            Certificate::new("127.0.0.1", 2020),
            &String::new(),
        ),
    ];
    for (name, certificate, trusted) in cases {
        let trusted = if trusted.is_empty() {
            &certificate.pem
        } else {
            trusted
        };
        let server = TlsServer::start(&certificate, Delays::default()).await;
        assert_eq!(
            tls_outcome(&server.url(), trusted).await,
            Outcome::Tls,
            "{name}"
        );
    }
    let plain = RawServer::saying(format!("{OK}\r\n{LIST}")).await;
    let url = plain.url().replace("http:", "https:");
    assert_eq!(
        tls_outcome(&url, &good.pem).await,
        Outcome::Tls,
        "no TLS at all"
    );
    let server = TlsServer::start(&good, Delays::default()).await;
    assert_eq!(tls_outcome(&server.url(), &good.pem).await, Outcome::Ok);
}

async fn tls_outcome(url: &str, trusted: &str) -> Outcome {
    let platform = Platform::start().await;
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, trusted).unwrap();
    let toml = format!(
        "[network]\ntls_roots = \"{}\"\n{}",
        roots.display(),
        api_at(url, &platform)
    );
    let service = platform.watched(&toml).await;
    service.first_outcome().await
}

#[tokio::test]
async fn phases_say_where_the_time_went() {
    let platform = Platform::start().await;
    let delay = Duration::from_millis(300);
    platform.always(Route::Queues, Scripted::DelayHonest(delay));
    let exchange = call(&platform.config(""), &Clock::system()).await;
    assert_eq!(
        exchange.answer().unwrap().status,
        401,
        "no token was minted"
    );
    let phases = exchange.phases;
    assert_eq!((phases.dns, phases.tls), (None, None));
    let (connect, first_byte) = (phases.connect.unwrap(), phases.first_byte.unwrap());
    assert!(first_byte >= delay, "{phases:?}");
    assert!(connect < delay, "{phases:?}");
    assert!(phases.total >= connect + first_byte, "{phases:?}");
}

#[tokio::test]
async fn phases_tell_tls_from_the_answer() {
    let certificate = Certificate::new("127.0.0.1", 2099);
    let delays = Delays {
        handshake: Duration::from_millis(200),
        answer: Duration::from_millis(100),
    };
    let server = TlsServer::start(&certificate, delays).await;
    let exchange = tls_call(&server.url(), &certificate.pem, "10s").await;
    assert_eq!(exchange.answer().unwrap().status, 200);
    let phases = exchange.phases;
    let (connect, tls) = (phases.connect.unwrap(), phases.tls.unwrap());
    let first_byte = phases.first_byte.unwrap();
    assert!(connect < delays.handshake, "{phases:?}");
    assert!(tls >= delays.handshake, "{phases:?}");
    assert!(first_byte >= delays.answer, "{phases:?}");
    assert!(phases.total >= connect + tls + first_byte, "{phases:?}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_a_timeout_in_that_phase() {
    let certificate = Certificate::new("127.0.0.1", 2099);
    let delays = Delays {
        handshake: Duration::from_mins(10),
        answer: Duration::ZERO,
    };
    let server = TlsServer::start(&certificate, delays).await;
    let exchange = tls_call(&server.url(), &certificate.pem, "400ms").await;
    let fault = exchange.result.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Timeout);
    assert!(fault.detail.contains("TLS"), "{}", fault.detail);
    assert!(exchange.phases.tls.is_some());
    assert_eq!(exchange.phases.first_byte, None);
}

#[tokio::test(start_paused = true)]
async fn a_401_gets_one_new_token_and_one_repetition() {
    let platform = Platform::start().await;
    let service = platform.watched("").await;
    let first = service.first_round().await;
    assert_eq!(steps(&first), [("token", Some(200)), ("probe", Some(200))]);
    let second = service.next_probe().await;
    assert_eq!(steps(&second), [("probe", Some(200))]);
    platform.simulator.with(|org| org.revoke_tokens());
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
async fn a_401_for_ever_costs_a_token_a_minute_at_most() {
    let platform = Platform::start().await;
    let service = platform.watched("").await;
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
    assert!((19..=30).contains(&mints), "{mints}");
    // Two probes a minute, and a repetition for every new token.
    assert!((59..=61).contains(&(probes - mints)), "{probes}");
}

#[tokio::test(start_paused = true)]
async fn a_401_because_of_the_address_costs_no_token() {
    let platform = Platform::start().await;
    let service = platform.watched("").await;
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
async fn a_403_costs_no_token() {
    let platform = Platform::start().await;
    let service = platform.watched("").await;
    service.first_round().await;
    platform.simulator.set_scenario("role-removed").unwrap();
    pass(30 * MINUTE).await;
    assert_eq!(outcome(&service.monitor.snapshot()), Outcome::Forbidden);
    assert_eq!(platform.mints(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_platform_asks_to_wait_is_waited() {
    for (status, value, wait) in [(429, "120", 120), (503, "90", 90), (429, "99999999", 3_600)] {
        let platform = Platform::start().await;
        let service = platform.watched("").await;
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
    let service = platform.watched("").await;
    service.first_round().await;
    service.next_probe().await;
    assert!(service.elapsed() <= MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_keeps_the_verdict_until_it_is_stale() {
    let platform = Platform::start().await;
    let service = platform.watched("").await;
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
    let service = platform.watched("").await;
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
        let service = platform.watched(&toml).await;
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
    let service = platform.watched("[probe]\njitter = 0.0").await;
    service.first_round().await;
    service.next_probe().await;
    let before = platform.probes();
    // The process stands still, as if it had been stopped, and goes on.
    tokio::time::advance(95 * seconds(1)).await;
    let late = service.next_probe().await;
    let stalled = late.targets[0].last_probe().unwrap().elapsed;
    assert_eq!(platform.probes(), before + 1);
    service.next_probe().await;
    assert!(service.elapsed() >= stalled + seconds(15));
    pass(10 * MINUTE).await;
    let probes = platform.probes() - before;
    assert!((21..=23).contains(&probes), "{probes}");
}

#[tokio::test(start_paused = true)]
async fn probes_of_one_target_never_overlap() {
    let platform = Platform::start().await;
    let slow = Scripted::DelayHonest(Duration::from_millis(8_900));
    platform.always(Route::Queues, slow);
    let service = platform
        .watched("[probe]\ninterval = \"10s\"\ntimeout = \"9s\"")
        .await;
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

/// One call of the queues with a token that nobody issued.
async fn call(config: &why403::config::Config, clock: &Clock) -> Exchange {
    let upstream =
        Upstream::new(&config.network, config.probe.connect_timeout, clock.clone()).unwrap();
    let target = &config.targets[0];
    let token = SecretString::from("nobody-issued-this");
    upstream
        .send(Call {
            step: Step::Probe,
            url: target.probe_url(Operation::queues()),
            auth: Auth::Bearer(&token),
            form: None,
            timeout: target.timeout,
        })
        .await
}

async fn tls_call(url: &str, trusted: &str, timeout: &str) -> Exchange {
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, trusted).unwrap();
    let toml = format!(
        "[probe]\ntimeout = \"{timeout}\"\nconnect_timeout = \"{timeout}\"\n\
         [network]\ntls_roots = \"{}\"\n",
        roots.display()
    );
    call(&config_for(url, &toml), &Clock::system()).await
}

/// A certificate that signs itself.
struct Certificate {
    pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Certificate {
    fn new(name: &str, last_year: i32) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Delays {
    handshake: Duration,
    answer: Duration,
}

/// A server that answers everything with an empty list, over TLS.
struct TlsServer {
    address: SocketAddr,
    _server: JoinSet<()>,
}

impl TlsServer {
    async fn start(certificate: &Certificate, delays: Delays) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der.clone()], certificate.key.clone_key())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    tokio::time::sleep(delays.handshake).await;
                    let mut stream = acceptor.accept(stream).await?;
                    let mut head = [0; 4096];
                    let _length = stream.read(&mut head).await?;
                    tokio::time::sleep(delays.answer).await;
                    stream
                        .write_all(format!("{OK}\r\n{LIST}").as_bytes())
                        .await?;
                    stream.shutdown().await?;
                    io::Result::Ok(())
                });
            }
        });
        Self {
            address,
            _server: server,
        }
    }

    fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

//! Connections that fail, and where the time goes.

use std::time::Duration;

use tokio::net::TcpSocket;
use why403::clock::Clock;
use why403::diagnosis::{Diagnosis, Outcome};
use why403::evidence::{FaultKind, Origin};
use why403::sim::{Route, Scripted};

use super::*;
use crate::harness::*;
use crate::over_tls::{Certificate, Delays, TlsServer};

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_told() {
    let platform = Platform::start().await;
    // Bound, so that nobody else gets the port, but never listening.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let service = platform.watched(&api_at(&url, &platform));
    let snapshot = service.first_round().await;
    assert_eq!(outcome(&snapshot), Outcome::Connect);
    assert_counted(&service, "network").await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_exist_is_told() {
    let platform = Platform::start().await;
    // RFC 6761: resolvers answer for `invalid` themselves, so that this asks nobody.
    let url = "https://api.nonexistent.invalid";
    let service = platform.watched(&api_at(url, &platform));
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
    let name = "127.0.0.1";
    let good = Certificate::new(name, 2099);
    for (certificate, trusted, words) in [
        (
            Certificate::new(name, 2098),
            Some(&good),
            "the certificate is signed by an authority that is not trusted here",
        ),
        (
            Certificate::new("api.example.com", 2099),
            None,
            "the certificate is for another name",
        ),
        (
            Certificate::new(name, 2020),
            None,
            "the certificate ended at 2020-01-01 00:00 UTC",
        ),
        (
            Certificate::valid(name, 2098, 2099),
            None,
            "the certificate begins only at 2098-01-01 00:00 UTC",
        ),
        (
            Certificate::of_authority(name),
            None,
            "the server shows an authority's certificate (CA:TRUE) as its own, which is refused even if \
             trusted: make one with CA:FALSE, which `openssl req -x509` does not by itself",
        ),
    ] {
        let server = TlsServer::start(&certificate, Delays::default()).await;
        let trusted = trusted.unwrap_or(&certificate);
        let found = tls_diagnosis(&server.url(), &trusted.pem).await;
        assert_eq!(found.finding.outcome(), Outcome::Tls, "{words}");
        assert!(found.summary.contains(words), "{}", found.summary);
        let steps = &found.remedy.steps;
        let clock = "Compare the clock of this machine";
        assert!(steps.iter().any(|it| it.starts_with(clock)), "{steps:?}");
    }
    let plain = RawServer::saying(format!("{OK}\r\n{LIST}")).await;
    let url = plain.url().replace("http:", "https:");
    let found = tls_diagnosis(&url, &good.pem).await;
    assert_eq!(found.finding.outcome(), Outcome::Tls, "no TLS at all");
    let server = TlsServer::start(&good, Delays::default()).await;
    let found = tls_diagnosis(&server.url(), &good.pem).await;
    assert_eq!(found.finding.outcome(), Outcome::Ok);
}

async fn tls_diagnosis(url: &str, trusted: &str) -> Diagnosis {
    let platform = Platform::start().await;
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, trusted).unwrap();
    let toml = format!(
        "[network]\ntls_roots = \"{}\"\n{}",
        roots.display(),
        api_at(url, &platform)
    );
    let service = platform.watched(&toml);
    let snapshot = service.first_round().await;
    diagnosis(&snapshot).clone()
}

/// What a server sends that has no version in common with ours: an alert, or its choice of TLS 1.0.
#[tokio::test]
async fn a_server_that_knows_only_old_tls_is_told_in_plain_words() {
    let alert = |description| vec![21, 3, 1, 0, 2, 2, description];
    let mut hello = vec![22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 47, 0]);
    for (bytes, words) in [
        (
            alert(70),
            "the other side speaks no TLS version that why403 does (1.2 and 1.3)",
        ),
        (
            alert(40),
            "the other side knows no cipher that why403 does, or wants a certificate",
        ),
        (
            hello,
            "the other side has no TLS version or cipher in common with why403",
        ),
    ] {
        let server = RawServer::saying(bytes).await;
        let url = server.url().replace("http:", "https:");
        let certificate = Certificate::new("127.0.0.1", 2099);
        let exchange = tls_call(&url, &certificate.pem, "10s").await;
        let fault = exchange.result.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Tls, "{fault:?}");
        assert_eq!(fault.detail, format!("{words} (in the TLS handshake)"));
    }
}

/// What the certificate says is told whether or not it is trusted.
#[tokio::test]
async fn the_end_of_a_certificate_is_seen_before_it_comes() {
    for (year, status) in [(2099, Some(200)), (2020, None)] {
        let certificate = Certificate::new("127.0.0.1", year);
        let server = TlsServer::start(&certificate, Delays::default()).await;
        let exchange = tls_call(&server.url(), &certificate.pem, "10s").await;
        assert_eq!(exchange.answer().map(|it| it.status), status);
        let ends = exchange.certificate_ends.unwrap().to_string();
        assert_eq!(ends, format!("{year}-01-01T00:00:00Z"));
        if let Err(fault) = exchange.result {
            let words = "the certificate ended at 2020-01-01 00:00 UTC (in the TLS handshake)";
            assert_eq!(fault.detail, words);
        }
    }
    let plain = RawServer::saying(format!("{OK}\r\n{LIST}")).await;
    let exchange = call(&config_for(&plain.url(), ""), &Clock::system()).await;
    assert_eq!(
        (exchange.answer().unwrap().status, exchange.certificate_ends),
        (200, None)
    );
}

#[tokio::test]
async fn metrics_tell_when_certificates_end() {
    let certificate = Certificate::new("127.0.0.1", 2099);
    let server = TlsServer::start(&certificate, Delays::default()).await;
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, &certificate.pem).unwrap();
    let toml = format!("[network]\ntls_roots = \"{}\"\n", roots.display());
    let service = Service::start(config_for(&server.url(), &toml));
    service.first_round().await;
    // The login host is the same here, and its answer is no token: no call of the API is made.
    let families = [
        "certificate_expiry_timestamp_seconds",
        "login_certificate_expiry_timestamp_seconds",
    ];
    let ends: Vec<f64> = service.metrics(&families).await.into_values().collect();
    assert_eq!(ends, [0.0, 4_070_908_800.0]);
    let given = "grant = \"access_token\"\naccess_token_env = \"TOKEN\"\n";
    let toml = format!("{toml}[[targets]]\nname = \"default\"\n{given}");
    let service = Service::start(config_for(&server.url(), &toml));
    service.first_round().await;
    let ends: Vec<f64> = service.metrics(&families).await.into_values().collect();
    assert_eq!(ends, [4_070_908_800.0, 0.0]);
}

/// A queue of connections that nobody accepts is full at some time; then the kernel drops what asks
/// for another one, as a firewall would.
#[tokio::test]
async fn a_connection_that_nobody_answers_is_a_timeout_while_connecting() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    loop {
        let connecting = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(200), connecting).await {
            Ok(stream) => waiting.push(stream.unwrap()),
            Err(_) => break,
        }
        assert!(waiting.len() < 100, "the queue does not fill");
    }
    let toml = "[probe]\ntimeout = \"5s\"\nconnect_timeout = \"300ms\"\n";
    let exchange = call(
        &config_for(&format!("http://{address}"), toml),
        &Clock::system(),
    )
    .await;
    let fault = exchange.result.unwrap_err();
    assert_eq!(
        (fault.kind, fault.origin),
        (FaultKind::Timeout, Origin::Way)
    );
    assert!(
        fault.detail.ends_with("ms (connecting)"),
        "{}",
        fault.detail
    );
    assert!(
        exchange.phases.total < Duration::from_secs(5),
        "{:?}",
        exchange.phases
    );
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
async fn a_name_that_leads_into_a_private_network_is_not_followed_on_request() {
    let platform = Platform::start().await;
    let url = platform.url().replace("127.0.0.1", "localhost");
    let service = Service::start(config_for(&url, ""));
    assert_eq!(service.first_outcome().await, Outcome::Ok);
    let calls = platform.simulator.requests().len();
    let guarded = "[network]\ndeny_private_addresses = true\n";
    let service = Service::start(config_for(&url, guarded));
    let snapshot = service.first_round().await;
    assert_eq!(outcome(&snapshot), Outcome::TokenEndpointDown);
    let said = diagnosis(&snapshot).evidence[0].says.clone();
    assert!(
        said.contains("1 is an address of a private network"),
        "{said}"
    );
    assert_eq!(platform.simulator.requests().len(), calls);
    // The API alone, with a token that nobody has to be asked for.
    let given = format!(
        "{guarded}[[targets]]\nname = \"default\"\ngrant = \"access_token\"\n\
         access_token_env = \"TOKEN\"\n"
    );
    let service = Service::start(config_for(&url, &given));
    let snapshot = service.first_round().await;
    assert_eq!(outcome(&snapshot), Outcome::Dns);
    let summary = &diagnosis(&snapshot).summary;
    assert!(summary.contains("deny_private_addresses"), "{summary}");
    assert_eq!(platform.simulator.requests().len(), calls);
}

//! Whatever bytes may come back.

use std::io::{Read as _, Write as _};

use why403::clock::Clock;
use why403::diagnosis::Outcome;
use why403::evidence::FaultKind;
use why403::sim::{Route, Scripted};

use super::*;
use crate::harness::*;
use crate::over_tls::{Certificate, TlsServer};

/// What a server that speaks HTTP/2 alone says first, and then of a client that does not
/// (RFC 9113 sections 6.5 and 6.8).
const SETTINGS_AND_GOAWAY: &str = "\0\0\0\u{4}\0\0\0\0\0\
                                   \0\0\u{8}\u{7}\0\0\0\0\0\0\0\0\0\0\0\0\u{1}";

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_answer_are_a_reset() {
    let huge = "x".repeat(1 << 20);
    let many = "name: value\r\n".repeat(500);
    let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
    let cases = [
        ("nothing", String::new()),
        ("another protocol", "SSH-2.0-OpenSSH_9.6\r\n".to_owned()),
        ("HTTP/0.9", "<html>hello</html>".to_owned()),
        ("HTTP/2", SETTINGS_AND_GOAWAY.to_owned()),
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
        let service = platform.watched(&api_at(&server.url(), &platform));
        let snapshot = service.first_round().await;
        assert_eq!(outcome(&snapshot), Outcome::Reset, "{name}");
        assert_eq!(service.elapsed(), seconds(0), "{name}");
        assert_eq!(service.get("/livez").await.status, 200, "{name}");
    }
}

/// Over TLS, where the two sides may say which version of HTTP they mean.
#[tokio::test]
async fn a_server_that_speaks_http_2_alone_is_told_at_once() {
    let certificate = Certificate::new("127.0.0.1", 2099);
    let says = SETTINGS_AND_GOAWAY.as_bytes();
    let speaks = TlsServer::speaking("h2", says, &certificate).await;
    // The alert `no_application_protocol`.
    let refuses = RawServer::saying([21, 3, 3, 0, 2, 2, 120]).await;
    for (url, kind) in [
        (speaks.url(), FaultKind::Reset),
        (refuses.url().replace("http:", "https:"), FaultKind::Tls),
    ] {
        let exchange = tls_call(&url, &certificate.pem, "10s").await;
        let fault = exchange.result.unwrap_err();
        assert_eq!(fault.kind, kind, "{fault:?}");
        assert!(exchange.phases.total < seconds(5), "{:?}", exchange.phases);
    }
}

/// On the real clock, and with threads for calls as the service has them: the client reads for as
/// long as there is something to read.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn hints_without_end_are_a_timeout() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // What comes before the request is no answer to it.
        let mut request = [0; 4096];
        assert_ne!(stream.read(&mut request).unwrap(), 0);
        let link = "a".repeat(8_000);
        let hints = format!("HTTP/1.1 103 Early Hints\r\nlink: </{link}>\r\n\r\n");
        // Until the other side has gone.
        while stream.write_all(hints.as_bytes()).is_ok() {}
    });
    let toml = "[probe]\ntimeout = \"400ms\"\nconnect_timeout = \"400ms\"\n";
    let exchange = call(&config_for(&url, toml), &Clock::system()).await;
    let fault = exchange.result.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Timeout, "{fault:?}");
    assert!(exchange.phases.total < seconds(3), "{:?}", exchange.phases);
    server.join().unwrap();
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
            "206",
            format!("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/99\r\n\r\n{LIST}"),
            Outcome::Ok,
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
        let service = platform.watched(&api_at(&server.url(), &platform));
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
    let service = platform.watched("");
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

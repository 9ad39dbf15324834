//! Where one request ends and the next begins.

use super::*;
use crate::http::Service;
use crate::http::examples::{Stage, passing};

#[tokio::test]
async fn what_is_no_http_1_is_refused() {
    let running = Running::start().await;
    for bytes in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "\u{16}\u{3}\u{1}\0\u{5}hello",
        "no request at all\r\n\r\n",
    ] {
        let answer = running.exchange(bytes).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{bytes:?}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_thousand_pipelined_requests_are_answered_in_order() {
    let running = Running::start().await;
    let asked = |n| format!("GET /number/{n} HTTP/1.1\r\nHost: a\r\n\r\n");
    let requests: String = (0..1_000).map(asked).collect();
    let answers = running.exchange(&requests).await;
    let numbers = answers.split('<').skip(1);
    let numbers = numbers.map(|it| it.split_once('>').unwrap().0.parse().unwrap());
    assert_eq!(
        numbers.collect::<Vec<u16>>(),
        (0..1_000).collect::<Vec<_>>()
    );
    assert!(!answers.to_lowercase().contains("\r\nserver:"));
}

/// What the whole service answers to `bytes` until it closes, however long a head may take.
async fn of_the_service(bytes: &str) -> String {
    let service = Service::new(Stage::live(passing()).app);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let door = Door {
        listener,
        secured: None,
        limits: Limits {
            header_timeout: 2 * PATIENCE,
            ..LIMITS
        },
        counts: Connections::new(&Registry::new()).unwrap(),
        clock: Clock::system(),
    };
    let mut server = JoinSet::new();
    let answer = move |request| service.clone().answer(request);
    server.spawn(run(door, answer, CancellationToken::new()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

/// Whatever the framing says, nothing that follows a body is taken for a request: the router of
/// the service closes the connection, see `edge`.
#[tokio::test]
async fn nothing_is_smuggled_behind_a_body() {
    for (framing, body) in [
        (
            "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("Content-Length: 5\r\n", "0\r\n\r\n"),
        // Chunks whose sizes are none.
        ("Transfer-Encoding: chunked\r\n", "g\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "-1\r\nx\r\n0\r\n\r\n"),
        (
            "Transfer-Encoding: chunked\r\n",
            "fffffffffffffffff\r\nx\r\n",
        ),
    ] {
        let first = format!("GET /livez HTTP/1.1\r\nHost: a\r\n{framing}\r\n{body}");
        let second = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
        let answer = of_the_service(&format!("{first}{second}")).await;
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{framing}{body}: {answer}"
        );
        assert!(answer.contains("connection: close"), "{answer}");
    }
}

/// A peer that announces a body and never sends it all gets its answer, and no more.
#[tokio::test]
async fn a_body_is_not_waited_for() {
    for body in [
        "Content-Length: 100\r\n\r\nx",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nx",
    ] {
        let answer = of_the_service(&format!("GET /livez HTTP/1.1\r\nHost: a\r\n{body}")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
}

/// RFC 9112, section 2.2: a recipient may take a line feed alone for the end of a line.
#[tokio::test]
async fn a_line_may_end_in_a_newline_alone() {
    let answer = of_the_service("GET /livez HTTP/1.1\nHost: a\nConnection: close\n\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // But it separates no header from another within a value, and hides no second request.
    let hidden = "GET /livez HTTP/1.1\r\nHost: a\r\nX: y\rGET /health HTTP/1.1\r\n\r\n";
    let answer = of_the_service(hidden).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

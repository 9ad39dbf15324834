//! Real bytes over real sockets, with limits of a fraction of a second.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Path};
use axum::routing::{get, post};
use prometheus::{Registry, TextEncoder};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;
use tower::ServiceExt as _;

use super::*;

mod crowd;
mod framing;

const LIMITS: Limits = Limits {
    connections: 4,
    header_timeout: Duration::from_millis(200),
    write_timeout: Duration::from_millis(300),
    max_age: Duration::from_mins(1),
    age_grace: Duration::from_millis(200),
    drain_timeout: Duration::from_millis(400),
};

/// Longest time that anything may take here before the test gives up.
const PATIENCE: Duration = Duration::from_secs(10);

struct Running {
    address: SocketAddr,
    drain: CancellationToken,
    server: JoinSet<usize>,
    /// Told when a request has reached `/slow`.
    reached: Arc<Notify>,
    /// Lets one request to `/slow` go on.
    go: Arc<Notify>,
    registry: Registry,
}

impl Running {
    async fn with(limits: Limits) -> Self {
        Self::secured(limits, None).await
    }

    async fn secured(limits: Limits, secured: Option<Secured>) -> Self {
        let (reached, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (told, waited) = (Arc::clone(&reached), Arc::clone(&go));
        let slow = move || async move {
            told.notify_one();
            waited.notified().await;
            "done"
        };
        let peer = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() };
        let router = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/big", get(|| async { vec![b'x'; 64 * 1024 * 1024] }))
            .route("/peer", get(peer))
            .route(
                "/number/{n}",
                get(|Path(n): Path<u16>| async move { format!("<{n}>") }),
            )
            .route("/slow", get(slow))
            .route("/post", post(|| async { "posted" }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let drain = CancellationToken::new();
        let mut server = JoinSet::new();
        let answer = move |request| {
            let router = router.clone();
            async move { router.oneshot(request).await.unwrap() }
        };
        let registry = Registry::new();
        let door = Door {
            listener,
            secured,
            limits,
            counts: Connections::new(&registry).unwrap(),
            clock: Clock::system(),
        };
        server.spawn(run(door, answer, drain.clone()));
        Self {
            address,
            drain,
            server,
            reached,
            go,
            registry,
        }
    }

    async fn start() -> Self {
        Self::with(LIMITS).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `bytes` and reads until the server closes.
    async fn exchange(&self, bytes: &str) -> String {
        let mut stream = self.connect().await;
        // The server may have refused before all was sent.
        let _sent = stream.write_all(bytes.as_bytes()).await;
        rest(&mut stream).await
    }

    /// Waits until this many connections are open.
    async fn open(&self, count: usize) {
        let there = async {
            while self.metric("http_connections") != count {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, there).await.expect("so many are open");
    }

    /// What a metric of the connections says.
    fn metric(&self, name: &str) -> usize {
        let mut text = String::new();
        let families = self.registry.gather();
        TextEncoder::new()
            .encode_utf8(&families, &mut text)
            .unwrap();
        let line = text
            .lines()
            .find_map(|it| it.strip_prefix(&format!("why403_{name} ")));
        line.unwrap().parse().unwrap()
    }

    async fn ended(mut self) -> usize {
        let ended = timeout(PATIENCE, self.server.join_next()).await;
        ended.unwrap().unwrap().unwrap()
    }
}

/// Everything until the end of the connection, or until it breaks.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = async {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut part).await {
            all.extend_from_slice(&part[..length]);
        }
    };
    timeout(PATIENCE, read).await.expect("the server closes");
    String::from_utf8_lossy(&all).into_owned()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn silent_and_slow_connections_are_closed() {
    let running = Running::start().await;
    for bytes in ["", "G", "GET / HTTP/1.1\r\nHost: a\r\n", GET] {
        let answer = running.exchange(bytes).await;
        assert_eq!(
            answer.starts_with("HTTP/1.1 200"),
            bytes == GET,
            "{bytes}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_trickling_head_is_no_progress() {
    let running = Running::start().await;
    let mut stream = running.connect().await;
    let trickle = async {
        while stream.write_all(b"a").await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, trickle).await.expect("the server closes");
}

#[tokio::test]
async fn heads_have_limits() {
    let running = Running::start().await;
    let long = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    assert!(running.exchange(&long).await.starts_with("HTTP/1.1 431"));
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(70_000));
    let answer = running.exchange(&long).await;
    assert!(
        answer.starts_with("HTTP/1.1 414") || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    for (headers, status) in [(63, 200), (64, 431)] {
        let many = "X: y\r\n".repeat(headers);
        let answer = running
            .exchange(&format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"))
            .await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{headers}: {answer}"
        );
    }
}

#[tokio::test]
async fn handlers_learn_the_peer() {
    let running = Running::start().await;
    let mut stream = running.connect().await;
    let peer = stream.local_addr().unwrap().to_string();
    stream
        .write_all(b"GET /peer HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(&mut stream).await.ends_with(&peer));
}

#[tokio::test]
async fn an_old_connection_takes_no_more_requests() {
    let limits = Limits {
        header_timeout: Duration::from_mins(1),
        max_age: Duration::from_millis(100),
        ..LIMITS
    };
    let running = Running::with(limits).await;
    assert!(running.exchange(GET).await.starts_with("HTTP/1.1 200"));
    assert_eq!(
        running.exchange("GET / HT").await,
        "",
        "cut after the grace"
    );
}

#[tokio::test]
async fn draining_ends_idle_connections_at_once_and_accepts_no_new_one() {
    let limits = Limits {
        header_timeout: Duration::from_mins(1),
        drain_timeout: PATIENCE,
        ..LIMITS
    };
    let running = Running::with(limits).await;
    let mut silent = running.connect().await;
    let mut idle = running.connect().await;
    idle.write_all(GET.as_bytes()).await.unwrap();
    idle.readable().await.unwrap();
    running.drain.cancel();
    let address = running.address;
    assert_eq!(running.ended().await, 0);
    assert_eq!(rest(&mut silent).await, "");
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200"));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn draining_finishes_a_request_in_flight() {
    let limits = Limits {
        drain_timeout: PATIENCE,
        ..LIMITS
    };
    let running = Running::with(limits).await;
    let mut stream = running.connect().await;
    let ask = format!("{}{GET}", GET.replace(" / ", " /slow "));
    stream.write_all(ask.as_bytes()).await.unwrap();
    running.reached.notified().await;
    running.drain.cancel();
    sleep(LINGER + Duration::from_millis(50)).await;
    running.go.notify_one();
    let answer = rest(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"),
        "{answer}"
    );
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(running.ended().await, 0);
}

#[tokio::test]
async fn draining_cuts_what_never_ends() {
    let limits = Limits {
        header_timeout: Duration::from_mins(1),
        ..LIMITS
    };
    let running = Running::with(limits).await;
    let mut partial = running.connect().await;
    partial.write_all(b"GET / HT").await.unwrap();
    let mut stuck = running.connect().await;
    stuck
        .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    running.reached.notified().await;
    running.drain.cancel();
    assert_eq!(running.ended().await, 2);
    assert_eq!(rest(&mut stuck).await, "");
}

/// TLS with a certificate of its own, and a client that trusts it.
fn secured() -> (Secured, TlsConnector) {
    let directory = tempfile::tempdir().unwrap();
    let [certificate, key] = ["cert", "key"].map(|name| directory.path().join(name));
    let pair = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    std::fs::write(&certificate, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let files = config::TlsFiles {
        certificate,
        key,
        client_ca: None,
    };
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let secured = Tls::read(files, false).unwrap().first();
    (secured, TlsConnector::from(Arc::new(client)))
}

#[tokio::test]
async fn a_handshake_has_a_deadline() {
    let running = Running::secured(LIMITS, Some(secured().0)).await;
    for bytes in ["", "\u{16}\u{3}\u{1}", GET] {
        let answer = running.exchange(bytes).await;
        assert!(!answer.contains("HTTP"), "{bytes}: {answer}");
    }
    let mut stream = running.connect().await;
    let trickle = async {
        for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc".iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, trickle).await.expect("the server closes");
}

#[tokio::test]
async fn draining_ends_handshakes_at_once() {
    let limits = Limits {
        header_timeout: Duration::from_mins(1),
        drain_timeout: PATIENCE,
        ..LIMITS
    };
    let running = Running::secured(limits, Some(secured().0)).await;
    let mut silent = running.connect().await;
    silent.write_all(b"\x16\x03\x01").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    running.drain.cancel();
    assert_eq!(rest(&mut silent).await, "");
    assert_eq!(running.ended().await, 0);
}

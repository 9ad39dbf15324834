//! A proxy on the way: what it does is told as its own doing.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use why403::config::{self, Config, Environment, Sources};
use why403::diagnosis::Outcome;
use why403::evidence::{FaultKind, Origin};

use super::*;
use crate::over_tls::{Certificate, Delays, TlsServer};

/// A port where nobody listens, and what keeps it so.
fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Sent through this proxy; the host is called by nobody, because the proxy would.
fn through(proxy: SocketAddr) -> Config {
    let toml = format!(
        "[network]\nproxy = \"http://{proxy}\"\n[probe]\nconnect_timeout = \"2s\"\ntimeout = \"5s\"\n"
    );
    config_for("https://api.mypurecloud.example", &toml)
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_does_not_let_pass_is_named() {
    let (_socket, refused) = nobody();
    let says = |bytes: &'static str| RawServer::saying(bytes);
    let password = says(
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\
         Content-Length: 0\r\n\r\n",
    )
    .await;
    let gateway = says("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
    let closes = says("").await;
    let nonsense = says("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    let drops = says("HTTP/1.1 200 Connection established\r\n\r\n").await;
    for (proxy, kind, words) in [
        (refused, FaultKind::Connect, "Connection refused"),
        (
            password.address,
            FaultKind::Connect,
            "a user name and a password",
        ),
        (
            gateway.address,
            FaultKind::Connect,
            "refuses to open a tunnel",
        ),
        (
            closes.address,
            FaultKind::Connect,
            "ended the connection instead of answering",
        ),
        (
            nonsense.address,
            FaultKind::Connect,
            "refuses to open a tunnel",
        ),
        (
            drops.address,
            FaultKind::Tls,
            "in the TLS handshake, through a proxy",
        ),
    ] {
        let config = through(proxy);
        let fault = call(&config, &simulated_clock()).await.result.unwrap_err();
        assert_eq!(fault.kind, kind, "{fault:?}");
        assert_eq!(fault.origin, Origin::Proxy(proxy.to_string()), "{fault:?}");
        assert!(fault.detail.contains(words), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_says_nothing_is_given_up_and_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let fault = call(&through(proxy), &simulated_clock())
        .await
        .result
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Timeout);
    assert_eq!(fault.origin, Origin::Proxy(proxy.to_string()));
    assert!(
        fault.detail.contains("connecting, through a proxy"),
        "{fault:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_of_a_dead_proxy_is_sent_to_the_proxy() {
    let (_socket, proxy) = nobody();
    let secret = "cnry-proxy-password";
    let url = format!("http://ada:{secret}@{proxy}");
    let sources = Sources {
        environment: Environment::from_pairs([
            ("GENESYS_CLOUD_CLIENT_ID", "demo-client"),
            ("GENESYS_CLOUD_CLIENT_SECRET", "demo-secret"),
            ("GENESYS_CLOUD_BASE_URL", "https://api.mypurecloud.example"),
            ("HTTPS_PROXY", &url),
        ]),
        overrides: vec![("network.proxy".to_owned(), "env".to_owned())],
        ..Sources::default()
    };
    let service = Service::start(config::load(&sources).unwrap().config);
    let snapshot = service.first_round().await;
    assert_eq!(outcome(&snapshot), Outcome::TokenEndpointDown);
    let reply = service.get("/diagnose?format=text").await.text();
    assert!(
        reply.contains(&format!("because of the proxy {proxy}.")),
        "{reply}"
    );
    let words = reply.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains(&format!("Who Whoever runs the proxy {proxy}")),
        "{reply}"
    );
    assert!(!reply.contains("status page"), "{reply}");
    assert!(!reply.contains(secret) && !reply.contains("ada"), "{reply}");
    let saved = service.get("/diagnose?format=evidence").await.text();
    assert!(
        saved.contains(&format!("\"proxy\": \"{proxy}\"")),
        "{saved}"
    );
    assert!(!saved.contains(secret), "{saved}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_excepted_is_not_blamed_on_the_proxy() {
    let (_socket, dead) = nobody();
    let platform = Platform::start().await;
    let toml = format!("[network]\nproxy = \"http://{dead}\"\n");
    // Plain HTTP goes to the proxy itself.
    let fault = call(&platform.config(&toml), &simulated_clock())
        .await
        .result
        .unwrap_err();
    assert_eq!(fault.origin, Origin::Proxy(dead.to_string()));
    let exchange = call(&platform.config(""), &simulated_clock()).await;
    assert_eq!(
        exchange.answer().unwrap().status,
        401,
        "no token was minted"
    );
}

/// A proxy that connects wherever it is asked to.
struct Tunnels {
    address: SocketAddr,
    _server: JoinSet<()>,
}

impl Tunnels {
    async fn start() -> Self {
        Self::with(tunnel).await
    }

    /// One that is spoken to by TLS.
    async fn over_tls(certificate: &Certificate) -> Self {
        let acceptor = certificate.acceptor();
        Self::with(move |stream| {
            let accepting = acceptor.accept(stream);
            async move { tunnel(accepting.await?).await }
        })
        .await
    }

    /// Does the same with each connection.
    async fn with<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut tunnels = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                tunnels.spawn(serve(stream));
            }
        });
        Self {
            address,
            _server: server,
        }
    }
}

async fn tunnel(mut near: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await?);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let host = head.split(' ').nth(1).unwrap_or_default();
    let mut far = TcpStream::connect(host).await?;
    near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}

#[tokio::test]
async fn behind_a_proxy_that_works_everything_is_as_without() {
    let proxy = Tunnels::start().await;
    let good = Certificate::new("127.0.0.1", 2099);
    let server = TlsServer::start(&good, Delays::default()).await;
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    let trusting = |trusted: &str| {
        std::fs::write(&roots, trusted).unwrap();
        let toml = format!(
            "[network]\nproxy = \"http://{}\"\ntls_roots = \"{}\"\n",
            proxy.address,
            roots.display()
        );
        config_for(&server.url(), &toml)
    };
    let exchange = call(&trusting(&good.pem), &Clock::system()).await;
    assert_eq!(exchange.answer().unwrap().status, 200);
    assert_eq!(
        exchange.certificate_ends.unwrap().to_string(),
        "2099-01-01T00:00:00Z"
    );
    // A certificate that is not trusted is no fault of the proxy's connection.
    let other = Certificate::new("127.0.0.1", 2098);
    let exchange = call(&trusting(&other.pem), &Clock::system()).await;
    let fault = exchange.result.unwrap_err();
    assert_eq!((fault.kind, fault.origin), (FaultKind::Tls, Origin::Way));
    assert!(exchange.certificate_ends.is_some());
}

#[tokio::test]
async fn a_proxy_may_be_spoken_to_by_tls() {
    let its = Certificate::new("127.0.0.1", 2098);
    let proxy = Tunnels::over_tls(&its).await;
    let good = Certificate::new("127.0.0.1", 2099);
    let server = TlsServer::start(&good, Delays::default()).await;
    let directory = tempfile::tempdir().unwrap();
    let trusting = |trusted: &[&Certificate]| {
        let roots: String = trusted.iter().map(|it| it.pem.as_str()).collect();
        by_tls(proxy.address, &server.url(), &roots, directory.path())
    };
    let exchange = call(&trusting(&[&its, &good]), &Clock::system()).await;
    assert_eq!(exchange.answer().unwrap().status, 200);
    let ends = exchange.certificate_ends.unwrap().to_string();
    assert_eq!(
        ends, "2099-01-01T00:00:00Z",
        "of the host, not of the proxy"
    );
    let host_untrusted = call(&trusting(&[&its]), &Clock::system()).await;
    let fault = host_untrusted.result.unwrap_err();
    assert_eq!((fault.kind, fault.origin), (FaultKind::Tls, Origin::Way));
    let proxy_untrusted = call(&trusting(&[&good]), &Clock::system()).await;
    let fault = proxy_untrusted.result.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Tls);
    assert_eq!(fault.origin, Origin::Proxy(proxy.address.to_string()));
    assert!(fault.detail.contains("to the proxy by TLS"), "{fault:?}");
}

/// Sent through this proxy, which is spoken to by TLS.
fn by_tls(proxy: SocketAddr, url: &str, roots: &str, directory: &Path) -> Config {
    let file = directory.join("roots.pem");
    std::fs::write(&file, roots).unwrap();
    let toml = format!(
        "[network]\nproxy = \"https://{proxy}\"\ntls_roots = \"{}\"\n\
         [probe]\nconnect_timeout = \"2s\"\ntimeout = \"5s\"\n",
        file.display()
    );
    config_for(url, &toml)
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_fails_by_tls_is_named_as_well() {
    let its = Certificate::new("127.0.0.1", 2098);
    let plain = RawServer::saying("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_address = silent.local_addr().unwrap();
    let acceptor = its.acceptor();
    let refuses = Tunnels::with(move |stream| {
        let accepting = acceptor.accept(stream);
        async move {
            let mut stream = accepting.await?;
            let refusal = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(refusal).await?;
            stream.shutdown().await
        }
    })
    .await;
    let acceptor = its.acceptor();
    let never_opens = Tunnels::with(move |stream| {
        let accepting = acceptor.accept(stream);
        async move {
            let _stream = accepting.await?;
            std::future::pending().await
        }
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    for (proxy, kind, words) in [
        (plain.address, FaultKind::Tls, "does not speak TLS"),
        (silent_address, FaultKind::Timeout, "to the proxy by TLS"),
        (
            refuses.address,
            FaultKind::Connect,
            "refuses to open a tunnel",
        ),
        (
            never_opens.address,
            FaultKind::Timeout,
            "to the proxy by TLS",
        ),
    ] {
        let host = "https://api.mypurecloud.example";
        let config = by_tls(proxy, host, &its.pem, directory.path());
        let fault = call(&config, &simulated_clock()).await.result.unwrap_err();
        assert_eq!(fault.kind, kind, "{fault:?}");
        assert_eq!(fault.origin, Origin::Proxy(proxy.to_string()), "{fault:?}");
        assert!(fault.detail.contains(words), "{fault:?}");
    }
}

/// So that most of a fleet behind it can be suspected to fail for one reason.
#[tokio::test(start_paused = true)]
async fn behind_a_proxy_that_fails_nobody_is_reached() {
    let its = Certificate::new("127.0.0.1", 2098);
    let other = Certificate::new("127.0.0.1", 2097);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let untrusted = Tunnels::over_tls(&other).await;
    let directory = tempfile::tempdir().unwrap();
    for proxy in [silent.local_addr().unwrap(), untrusted.address] {
        let host = "https://api.mypurecloud.example";
        let config = by_tls(proxy, host, &its.pem, directory.path());
        let snapshot = Service::start(config).first_round().await;
        let reach = snapshot.targets[0].checks[0].reach;
        assert!(reach.unreached_since().is_some(), "{proxy}: {snapshot:#?}");
    }
}

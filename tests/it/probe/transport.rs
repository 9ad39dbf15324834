//! Connections that fail, and where the time goes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use why403::clock::Clock;
use why403::diagnosis::Outcome;
use why403::evidence::{Exchange, FaultKind};
use why403::sim::{Route, Scripted};

use super::*;
use crate::harness::*;

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

#[tokio::test(start_paused = true)]
async fn a_name_that_leads_into_a_private_network_is_not_followed_on_request() {
    let platform = Platform::start().await;
    let url = platform.url().replace("127.0.0.1", "localhost");
    let service = Service::start(config_for(&url, "")).await;
    assert_eq!(service.first_outcome().await, Outcome::Ok);
    let calls = platform.simulator.requests().len();
    let guarded = "[network]\ndeny_private_addresses = true\n";
    let service = Service::start(config_for(&url, guarded)).await;
    let snapshot = service.first_round().await;
    assert_eq!(outcome(&snapshot), Outcome::TokenEndpointDown);
    let said = diagnosis(&snapshot).evidence[0].says.clone();
    assert!(
        said.contains("1 is an address of a private network"),
        "{said}"
    );
    assert_eq!(platform.simulator.requests().len(), calls);
}

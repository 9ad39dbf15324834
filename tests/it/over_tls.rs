//! A platform that speaks TLS, with whatever certificate.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\
    {\"entities\":[],\"total\":3}";

/// A certificate that signs itself.
pub(crate) struct Certificate {
    pub(crate) pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Certificate {
    /// One that is valid from 2019 to the first day of `last_year`.
    pub(crate) fn new(name: &str, last_year: i32) -> Self {
        Self::valid(name, 2019, last_year)
    }

    /// One that is valid from the first day of one year to that of another.
    pub(crate) fn valid(name: &str, first_year: i32, last_year: i32) -> Self {
        Self::made(name, first_year, last_year, rcgen::IsCa::NoCa)
    }

    /// One that may sign others, as `openssl req -x509` makes it.
    pub(crate) fn of_authority(name: &str) -> Self {
        let any = rcgen::BasicConstraints::Unconstrained;
        Self::made(name, 2019, 2099, rcgen::IsCa::Ca(any))
    }

    fn made(name: &str, first_year: i32, last_year: i32, is_ca: rcgen::IsCa) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        // An authority of its own, and not the same one with another key.
        let whole_name = format!("{name} until {last_year}");
        let names = &mut params.distinguished_name;
        names.push(rcgen::DnType::CommonName, whole_name);
        params.is_ca = is_ca;
        params.not_before = rcgen::date_time_ymd(first_year, 1, 1);
        params.not_after = rcgen::date_time_ymd(last_year, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    /// What takes the server's part in a handshake.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor_of(&[])
    }

    /// The same for a server that offers these protocols (RFC 7301).
    fn acceptor_of(&self, protocols: &[&str]) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.der.clone()], self.key.clone_key())
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|it| (*it).into()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Delays {
    pub(crate) handshake: Duration,
    pub(crate) answer: Duration,
}

/// A server that answers everything with the same, over TLS.
pub(crate) struct TlsServer {
    address: SocketAddr,
    _server: JoinSet<()>,
}

impl TlsServer {
    /// One that answers with a list of queues.
    pub(crate) async fn start(certificate: &Certificate, delays: Delays) -> Self {
        Self::serve(certificate.acceptor(), delays, ANSWER).await
    }

    /// One that offers this protocol alone, and speaks it.
    pub(crate) async fn speaking(
        protocol: &str,
        answer: &'static [u8],
        certificate: &Certificate,
    ) -> Self {
        let acceptor = certificate.acceptor_of(&[protocol]);
        Self::serve(acceptor, Delays::default(), answer).await
    }

    async fn serve(acceptor: TlsAcceptor, delays: Delays, answer: &'static [u8]) -> Self {
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
                    stream.write_all(answer).await?;
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

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

//! A service that speaks TLS.
//!
//! Client and server share the runtime of the test, so that its clock may stand: both look at
//! certificates by the wall clock of this machine.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::harness::*;

/// What signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate and its key, as files hold them.
struct Pair {
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
    key_der: PrivateKeyDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    fn signs(&self) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().clone(),
            key_der: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    /// A client that trusts this authority alone.
    fn client(&self) -> Client {
        Client::new(self, rustls::DEFAULT_VERSIONS, None, &[])
    }
}

struct Client(TlsConnector);

impl Client {
    fn new(
        authority: &Authority,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<Pair>,
        protocols: &[&[u8]],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            Some(own) => builder
                .with_client_auth_cert(vec![own.der], own.key_der)
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
        Self(TlsConnector::from(Arc::new(config)))
    }

    async fn get(&self, address: SocketAddr, path: &str) -> io::Result<Reply> {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = self.0.connect(name, stream).await?;
        exchange(stream, "GET", path, "").await
    }

    async fn works(&self, address: SocketAddr) -> bool {
        let reply = self.get(address, "/livez").await;
        reply.is_ok_and(|reply| reply.status == 200)
    }
}

/// Puts a pair into a directory as a mounted Secret is put there: by a link that is swapped.
fn mount(directory: &Path, version: &str, pair: &Pair) {
    use std::os::unix::fs::symlink;
    let inside = directory.join(version);
    std::fs::create_dir(&inside).unwrap();
    write_secret(&inside.join("tls.crt"), &pair.certificate);
    write_secret(&inside.join("tls.key"), &pair.key);
    symlink(version, directory.join("..next")).unwrap();
    std::fs::rename(directory.join("..next"), directory.join("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{name}"), directory.join(name)).unwrap_or_default();
    }
}

fn files(directory: &Path) -> String {
    let path = |name: &str| directory.join(name).display().to_string();
    format!(
        "[server]\ntls_cert_file = \"{}\"\ntls_key_file = \"{}\"\n",
        path("tls.crt"),
        path("tls.key")
    )
}

#[tokio::test(start_paused = true)]
async fn two_versions_and_one_protocol_are_spoken() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().unwrap();
    mount(directory.path(), "..1", &authority.signs());
    let platform = Platform::start().await;
    let service = platform.watched(&files(directory.path()));
    service.first_round().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (protocols, speaks) in [
            (&[][..], true),
            (&[&b"http/1.1"[..]][..], true),
            (&[&b"h2"[..], b"http/1.1"][..], true),
            (&[&b"h2"[..]][..], false),
        ] {
            let client = Client::new(&authority, &[version], None, protocols);
            let works = client.works(service.address).await;
            assert_eq!(works, speaks, "{version:?} {protocols:?}");
        }
    }
    let client = authority.client();
    let verdict = client.get(service.address, "/health").await.unwrap();
    assert_eq!(
        (verdict.status, &verdict.json()["status"]),
        (200, &"pass".into())
    );
    assert!(!Authority::new().client().works(service.address).await);
    let plain = send(service.address, "GET", "/livez", "").await;
    assert!(plain.is_err(), "{plain:?}");
}

#[tokio::test(start_paused = true)]
async fn a_renewed_certificate_takes_the_place_of_the_old_one() {
    let (old, new) = (Authority::new(), Authority::new());
    let directory = tempfile::tempdir().unwrap();
    mount(directory.path(), "..1", &old.signs());
    let platform = Platform::start().await;
    let service = platform.watched(&files(directory.path()));
    assert!(old.client().works(service.address).await);
    mount(directory.path(), "..2", &new.signs());
    std::fs::remove_dir_all(directory.path().join("..1")).unwrap();
    pass(seconds(17)).await;
    assert!(new.client().works(service.address).await);
    assert!(!old.client().works(service.address).await);
}

#[tokio::test(start_paused = true)]
async fn files_that_are_no_good_keep_the_old_certificate() {
    let (old, new) = (Authority::new(), Authority::new());
    let directory = tempfile::tempdir().unwrap();
    mount(directory.path(), "..1", &old.signs());
    let platform = Platform::start().await;
    let service = platform.watched(&files(directory.path()));
    let (next, other) = (new.signs(), new.signs());
    let half = |text: &str| text.split_at(text.len() / 2).0.to_owned();
    let put = |name: &str, text: &str| write_secret(&directory.path().join("..1").join(name), text);
    for (certificate, key) in [
        (next.certificate.clone(), other.key),
        (half(&next.certificate), next.key.clone()),
        (next.certificate.clone(), half(&next.key)),
        (String::new(), String::new()),
    ] {
        put("tls.crt", &certificate);
        put("tls.key", &key);
        pass(seconds(17)).await;
        assert!(old.client().works(service.address).await);
    }
    std::fs::remove_file(directory.path().join("..data")).unwrap();
    pass(seconds(17)).await;
    assert!(old.client().works(service.address).await);
    mount(directory.path(), "..2", &next);
    pass(seconds(17)).await;
    assert!(new.client().works(service.address).await);
}

/// What clients with and without a certificate of the authority can do at an address.
async fn admits(server: &Authority, clients: &Authority, address: SocketAddr) -> [bool; 3] {
    let mut works = [false; 3];
    let others = Authority::new();
    for (works, own) in works
        .iter_mut()
        .zip([None, Some(others.signs()), Some(clients.signs())])
    {
        let versions = [&rustls::version::TLS12, &rustls::version::TLS13];
        *works = Client::new(server, &versions, own, &[])
            .works(address)
            .await;
    }
    works
}

#[tokio::test(start_paused = true)]
async fn clients_need_a_certificate_where_an_authority_is_named() {
    let (server, clients, later) = (Authority::new(), Authority::new(), Authority::new());
    let directory = tempfile::tempdir().unwrap();
    mount(directory.path(), "..1", &server.signs());
    let authority = directory.path().join("ca.crt");
    std::fs::write(&authority, clients.certificate.pem()).unwrap();
    let platform = Platform::start().await;
    let toml = format!(
        "{}tls_client_ca_file = \"{}\"\n",
        files(directory.path()),
        authority.display()
    );
    let service = platform.watched(&toml);
    let only_clients = [false, false, true];
    assert_eq!(
        admits(&server, &clients, service.address).await,
        only_clients
    );

    // With two addresses the one for probes asks for none.
    let two = platform.watched(&format!("{toml}admin_listen = \"127.0.0.1:0\"\n"));
    let admin = two.admin.unwrap();
    assert_eq!(admits(&server, &clients, two.address).await, [true; 3]);
    assert_eq!(admits(&server, &clients, admin).await, only_clients);

    std::fs::write(&authority, later.certificate.pem()).unwrap();
    pass(seconds(17)).await;
    assert_eq!(admits(&server, &clients, admin).await, [false; 3]);
    assert_eq!(admits(&server, &later, admin).await, only_clients);
}

//! TLS for whoever asks: one certificate at a time, replaced while the server runs.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WantsServerCert;
use rustls::sign::SingleCertAndKey;
use rustls::{ConfigBuilder, WantsVerifier};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::clock::Clock;
use crate::config::{Identity, TlsFiles};
use crate::http::follow::{self, Found};

/// The one protocol that is spoken, as clients are told that ask by name.
const HTTP_1_1: &[u8] = b"http/1.1";

/// The certificate of the server as its files hold it now.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    has_admin: bool,
    digest: [u8; 32],
    current: watch::Sender<Current>,
}

/// How each address answers; connections that stand keep what they began with.
#[derive(Clone, Debug)]
struct Current {
    first: Arc<ServerConfig>,
    admin: Arc<ServerConfig>,
}

/// An address that speaks TLS.
#[derive(Clone, Debug)]
pub struct Secured {
    current: watch::Receiver<Current>,
    is_admin: bool,
}

impl Secured {
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.borrow();
        let config = if self.is_admin {
            &current.admin
        } else {
            &current.first
        };
        TlsAcceptor::from(Arc::clone(config))
    }
}

impl Tls {
    /// Reads the files. With an address of its own for administration, only that one asks clients
    /// for a certificate: the other is for probes, which have none.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(files: TlsFiles, has_admin: bool) -> Result<Self, String> {
        let identity = Identity::read(&files)?;
        Ok(Self {
            digest: identity.digest,
            current: watch::Sender::new(Current::of(&identity, has_admin)?),
            files,
            has_admin,
        })
    }

    /// TLS for the first address.
    #[must_use]
    pub fn first(&self) -> Secured {
        self.address(false)
    }

    /// TLS for the address of administration.
    #[must_use]
    pub fn admin(&self) -> Secured {
        self.address(true)
    }

    fn address(&self, is_admin: bool) -> Secured {
        Secured {
            current: self.current.subscribe(),
            is_admin,
        }
    }

    /// Reads the files again for ever; what is whole and good takes the place of what was.
    pub async fn follow(self, clock: Clock) {
        let files = self.files.clone();
        let look = move || {
            let value = Identity::read(&files);
            let content = value.as_ref().map(|it| it.digest).map_err(Clone::clone);
            Found { content, value }
        };
        let take = |found: Result<Identity, String>| self.take(found, &clock);
        follow::follow(clock.clone(), Ok(self.digest), look, take).await;
    }

    fn take(&self, found: Result<Identity, String>, clock: &Clock) {
        let next = found.and_then(|identity| {
            if let Some(end) = identity.expired(clock.now().wall) {
                tracing::warn!(%end, "the certificate of the HTTP server has expired on {end}");
            }
            Current::of(&identity, self.has_admin)
        });
        match next {
            Ok(next) => {
                self.current.send_replace(next);
                tracing::info!("the certificate of the HTTP server was read again");
            }
            Err(why) => tracing::warn!(
                "the certificate of the HTTP server is not replaced, the old one is kept: {why}"
            ),
        }
    }
}

impl Current {
    fn of(identity: &Identity, has_admin: bool) -> Result<Self, String> {
        let open = server_config(identity, false)?;
        let closed = match identity.clients {
            Some(_) => server_config(identity, true)?,
            None => Arc::clone(&open),
        };
        Ok(Self {
            first: if has_admin { open } else { Arc::clone(&closed) },
            admin: closed,
        })
    }
}

/// TLS 1.2 and 1.3. Each has its own memory of sessions, so that one that began without a client's
/// certificate cannot be resumed where one is needed.
fn server_config(identity: &Identity, asks_clients: bool) -> Result<Arc<ServerConfig>, String> {
    let builder = builder().map_err(|error| error.to_string())?;
    let builder: ConfigBuilder<_, WantsServerCert> = match &identity.clients {
        Some(clients) if asks_clients => builder.with_client_cert_verifier(Arc::clone(clients)),
        _ => builder.with_no_client_auth(),
    };
    let certificate = SingleCertAndKey::from(Arc::clone(&identity.key));
    let mut config = builder.with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok(Arc::new(config))
}

fn builder() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

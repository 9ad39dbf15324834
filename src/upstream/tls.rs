//! TLS towards Genesys Cloud: which roots are trusted, and when a handshake begins.

use std::path::Path;
use std::sync::Arc;

use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, NamedGroup, RootCertStore};

use super::SetupError;
use super::timeline::{Mark, Timeline};
use crate::config::TlsRoots;

/// The TLS configuration for the configured roots; TLS 1.2 is the floor.
pub(super) fn client_config(roots: &TlsRoots) -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?
        .with_root_certificates(root_store(roots)?)
        .with_no_client_auth();
    config.resumption = Resumption::store(Arc::new(NoResumption));
    Ok(config)
}

fn root_store(roots: &TlsRoots) -> Result<RootCertStore, SetupError> {
    let mut store = RootCertStore::empty();
    match roots {
        TlsRoots::Bundled => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        TlsRoots::System => {
            // Stores contain certificates that no library accepts; only an empty result matters.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        TlsRoots::File(path) => {
            store.add_parsable_certificates(certificates(path)?);
        }
    }
    if store.is_empty() {
        return Err(SetupError::NoRoots(match roots {
            TlsRoots::File(path) => path.display().to_string(),
            _ => "the system's certificate store".to_owned(),
        }));
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let unreadable = |error: rustls::pki_types::pem::Error| SetupError::Roots {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .map(|certificate| certificate.map_err(unreadable))
        .collect()
}

/// Remembers nothing, so that every probe makes a complete handshake and sees the certificate.
///
/// Being asked for a session is the library's first act of a handshake, right after the TCP
/// connection stands: the one place where the two phases can be told apart.
#[derive(Debug)]
struct NoResumption;

impl ClientSessionStore for NoResumption {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        Timeline::mark(Mark::TlsBegan);
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

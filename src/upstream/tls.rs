//! TLS towards Genesys Cloud: which roots are trusted, when a handshake begins, and when the
//! certificate ends that is shown.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
    WebPkiServerVerifier,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, NamedGroup, RootCertStore, SignatureScheme};

use super::SetupError;
use super::timeline::Timeline;
use crate::config::{TlsRoots, not_after};

/// The TLS configuration for the configured roots; TLS 1.2 is the floor.
pub(super) fn client_config(roots: &TlsRoots) -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let store = Arc::new(root_store(roots)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(store, Arc::clone(&provider))
        .build()
        .map_err(|error| SetupError::Tls(rustls::Error::General(error.to_string())))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?
        // The library calls each verifier of one's own dangerous; this one is the library's.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Watched(verifier)))
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
        TlsRoots::File { path, .. } => {
            store.add_parsable_certificates(certificates(path)?);
        }
    }
    if store.is_empty() {
        return Err(SetupError::NoRoots(match roots {
            TlsRoots::File { path, .. } => path.display().to_string(),
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

/// The library's verifier, which decides everything; what it is shown is looked at on the way.
#[derive(Debug)]
struct Watched(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Watched {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // The server's own certificate: those of authorities that it sends along may have ended,
        // and another way of trust counts.
        if let Some(ends) = not_after(end_entity) {
            Timeline::note_certificate(&server_name.to_str(), ends);
        }
        let Self(verifier) = self;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
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
        Timeline::mark_handshake();
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

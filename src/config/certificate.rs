//! The certificate that the HTTP server shows, its key, and the authority of its clients.
//!
//! Read at the start, so that what is wrong is a problem of the configuration, and again by the
//! server when the files change. Complaints name files and never show what is in them.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{Error, RootCertStore};
use sha2::{Digest, Sha256};

use super::problem::{Complaint, quoted_path};
use super::secret::{ReadError, read_regular};
use super::settings::TlsFiles;

/// The largest file that is read.
const MAX_PEM_BYTES: u64 = 1024 * 1024;

const CERTIFICATE_FIX: &str = "give a PEM file with the server's own certificate first, then those that lead to its authority";
const KEY_FIX: &str = "give a PEM file with the private key of the certificate";
const CLIENT_CA_FIX: &str =
    "give a PEM file with the authority that signs the clients' certificates";

/// What a TLS server shows, and whom it lets in.
#[derive(Debug)]
pub struct Identity {
    /// The certificates and the key that belongs to the first of them.
    pub key: Arc<CertifiedKey>,
    /// Checks clients' certificates, where they must have one.
    pub clients: Option<Arc<dyn ClientCertVerifier>>,
    /// A digest of everything that was read.
    pub digest: [u8; 32],
}

impl Identity {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with one of them, and what to do about it.
    pub fn read(files: &TlsFiles) -> Result<Self, String> {
        let told = |complaint: Complaint| format!("{}; {}", complaint.what, complaint.fix);
        let mut digest = Sha256::new();
        let chain = chain(&files.certificate).map_err(told)?;
        for one in &chain {
            digest.update(one);
        }
        let key = private_key(&files.key).map_err(told)?;
        digest.update(key.secret_der());
        let authority = files.client_ca.as_deref().map(authority).transpose();
        let authority = authority.map_err(told)?;
        for one in authority.iter().flat_map(|(bytes, _)| bytes) {
            digest.update(one);
        }
        let key = together(files, chain, &key);
        Ok(Self {
            key: key.map_err(|(_, complaint)| told(complaint))?,
            clients: authority.map(|(_, clients)| clients),
            digest: digest.finalize().into(),
        })
    }

    /// Since when the certificate is of no use, if it has expired.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.key.cert.first().and_then(|one| not_after(one))?;
        (end < now).then_some(end)
    }
}

/// The certificates in a file.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Complaint> {
    certificates(path, CERTIFICATE_FIX)
}

/// The private key in a file.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Complaint> {
    const MARK: &[u8] = b"ENCRYPTED";
    let pem = read(path, KEY_FIX)?;
    if pem.windows(MARK.len()).any(|part| part == MARK) {
        let what = format!("the key in {} is encrypted", quoted_path(path));
        let fix = "store it without a password, readable for why403 alone: `openssl pkey -in KEY -out PLAIN`";
        return Err(Complaint::new(what, fix));
    }
    // The library's errors quote lines of the file.
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        Complaint::new(
            format!("{} holds no whole private key", quoted_path(path)),
            KEY_FIX,
        )
    })
}

/// The certificates of an authority, and what checks clients by them.
pub(super) type Authority = (Vec<CertificateDer<'static>>, Arc<dyn ClientCertVerifier>);

/// The authority of clients in a file.
pub(super) fn authority(path: &Path) -> Result<Authority, Complaint> {
    let bad = |what: &str| Complaint::new(format!("{} {what}", quoted_path(path)), CLIENT_CA_FIX);
    let certificates = certificates(path, CLIENT_CA_FIX)?;
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        let added = roots.add(certificate.clone());
        added.map_err(|_| bad("holds a malformed certificate"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = verifier.build().map_err(|_| bad("is no authority"))?;
    Ok((certificates, verifier))
}

/// Which of the two files a complaint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Certificate,
    Key,
}

/// The key with its certificate, when they belong together.
pub(super) fn together(
    files: &TlsFiles,
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, (About, Complaint)> {
    let provider = rustls::crypto::ring::default_provider();
    let key = provider.key_provider.load_private_key(key.clone_key());
    let key = key.map_err(|_| {
        let what = format!(
            "the key in {} is of a kind that is not used",
            quoted_path(&files.key)
        );
        let fix = "use RSA of at least 2048 bits, ECDSA with P-256 or P-384, or Ed25519";
        (About::Key, Complaint::new(what, fix))
    })?;
    let both = CertifiedKey::new(chain, key);
    match both.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(Arc::new(both))
        }
        Err(Error::InconsistentKeys(_)) => {
            let what = format!(
                "the key in {} is not that of the first certificate in {}",
                quoted_path(&files.key),
                quoted_path(&files.certificate)
            );
            let fix = "give the two that were made together, the server's own certificate first";
            Err((About::Key, Complaint::new(what, fix)))
        }
        Err(_) => {
            let what = format!(
                "the certificate in {} is malformed",
                quoted_path(&files.certificate)
            );
            Err((About::Certificate, Complaint::new(what, CERTIFICATE_FIX)))
        }
    }
}

fn certificates(path: &Path, fix: &'static str) -> Result<Vec<CertificateDer<'static>>, Complaint> {
    let bad = |what: &str| Complaint::new(format!("{} {what}", quoted_path(path)), fix);
    let pem = read(path, fix)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(bad("holds no PEM certificate")),
        Ok(found) => Ok(found),
        Err(_) => Err(bad("is not whole, or no PEM file")),
    }
}

fn read(path: &Path, fix: &'static str) -> Result<Vec<u8>, Complaint> {
    read_regular(path, MAX_PEM_BYTES).map_err(|error| {
        let why = match error {
            ReadError::Io(error) => format!("cannot be read: {error}"),
            ReadError::NotRegular => "is not a regular file".to_owned(),
            ReadError::TooLarge => "is larger than 1 MiB".to_owned(),
        };
        Complaint::new(format!("{} {why}", quoted_path(path)), fix)
    })
}

/// The end of the time of a certificate in DER; none where it does not read as one.
///
/// RFC 5280, section 4.1: `Certificate { TBSCertificate { version?, serialNumber, signature,
/// issuer, validity { notBefore, notAfter }, … }, … }`.
#[must_use]
pub fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    const VERSION: u8 = 0xa0;
    const UTC_TIME: u8 = 0x17;
    let (_, certificate, _) = value(certificate)?;
    let (_, mut fields, _) = value(certificate)?;
    if fields.first() == Some(&VERSION) {
        (_, _, fields) = value(fields)?;
    }
    for _ in ["serialNumber", "signature", "issuer"] {
        (_, _, fields) = value(fields)?;
    }
    let (_, validity, _) = value(fields)?;
    let (_, _, end) = value(validity)?;
    let (tag, end, _) = value(end)?;
    let end = std::str::from_utf8(end).ok()?;
    let century = match (tag, end.get(..2)?.parse::<u8>().ok()?) {
        (UTC_TIME, ..50) => "20",
        (UTC_TIME, _) => "19",
        _ => "",
    };
    let end = DateTime::strptime("%Y%m%d%H%M%SZ", format!("{century}{end}")).ok()?;
    TimeZone::UTC.to_timestamp(end).ok()
}

/// The DER value at the beginning: its tag, what is in it, and what follows it.
fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    const LONG: u8 = 0x80;
    let (tag, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < LONG {
        (usize::from(*length), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(*length - LONG))?;
        let length = bytes.iter().try_fold(0_usize, |length, byte| {
            Some(length.checked_mul(256)? + usize::from(*byte))
        });
        (length?, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

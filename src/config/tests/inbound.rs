//! The addresses of the HTTP server, and its certificate.

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::*;
use crate::config::certificate::not_after;
use crate::config::{Identity, TlsFiles};

const TLS: &str = "[server]\ntls_cert_file = \"cert.pem\"\ntls_key_file = \"key.pem\"\n";
const WITH_CA: &str = "tls_client_ca_file = \"ca.pem\"\n";

/// A certificate that ends with this year, and its key.
fn pair(last_year: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    params.not_after = rcgen::date_time_ymd(last_year, 12, 31);
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// Such files, and a configuration that names them.
fn case(toml: &str, certificate: &str, key: &str) -> Case {
    Case::file(toml)
        .also("cert.pem", certificate)
        .also("key.pem", key)
}

#[test]
fn good_files_are_taken() {
    let (certificate, key) = pair(2099);
    let plain = case(TLS, &certificate, &key);
    let files = plain.config().server.tls.unwrap();
    assert_eq!(files.certificate, plain.path().join("cert.pem"));
    assert_eq!(files.client_ca, None);
    assert!(Identity::read(&files).unwrap().clients.is_none());
    let both = case(&format!("{TLS}{WITH_CA}"), &certificate, &key).also("ca.pem", &certificate);
    let files = both.config().server.tls.unwrap();
    assert!(Identity::read(&files).unwrap().clients.is_some());
    // The key may stand in the same file, behind the certificate.
    let toml = TLS.replace("key.pem", "cert.pem");
    case(&toml, &format!("{certificate}{key}"), "").config();
    assert_eq!(Case::file("").config().server.tls, None);
}

#[test]
fn each_bad_file_is_one_problem_that_says_what_to_do() {
    let (certificate, key) = pair(2099);
    let (_, other) = pair(2099);
    let half = |text: &str| text.split_at(text.len() / 2).0.to_owned();
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let no_key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
    let no_certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let (cert_key, key_key) = ("2: server.tls_cert_file", "3: server.tls_key_file");
    for (certificate, key, place, what) in [
        ("", key.as_str(), cert_key, "holds no PEM certificate"),
        (&key, &key, cert_key, "holds no PEM certificate"),
        (&half(&certificate), &key, cert_key, "is not whole"),
        (no_certificate, &key, cert_key, "is malformed"),
        (&certificate, "", key_key, "holds no whole private key"),
        (
            &certificate,
            &certificate,
            key_key,
            "holds no whole private key",
        ),
        (
            &certificate,
            &half(&key),
            key_key,
            "holds no whole private key",
        ),
        (&certificate, encrypted, key_key, "is encrypted"),
        (&certificate, no_key, key_key, "of a kind that is not used"),
        (
            &certificate,
            &other,
            key_key,
            "is not that of the first certificate",
        ),
    ] {
        let problem = case(TLS, certificate, key).problem();
        assert!(
            problem.starts_with(&format!("why403.toml:{place}: ")),
            "{problem}"
        );
        assert!(problem.contains(what), "{what}: {problem}");
        assert!(problem.contains("; "), "{problem}");
        assert!(!problem.contains("MI"), "{problem}");
    }
    let problems = Case::file(TLS).problems();
    assert_eq!(problems.len(), 2, "{problems:#?}");
    for problem in problems {
        assert!(
            problem.contains("cannot be read: No such file"),
            "{problem}"
        );
    }
}

#[test]
fn a_file_may_be_large_but_not_endless() {
    const MEBIBYTE: usize = 1024 * 1024;
    let (certificate, key) = pair(2099);
    let filled = |bytes: usize| {
        let padding = "\n".repeat(bytes - certificate.len());
        format!("{certificate}{padding}")
    };
    case(TLS, &filled(MEBIBYTE), &key).config();
    assert_eq!(
        case(TLS, &filled(MEBIBYTE + 1), &key).problem(),
        "why403.toml:2: server.tls_cert_file: \"cert.pem\" is larger than 1 MiB; give a PEM file \
         with the server's own certificate first, then those that lead to its authority"
    );
}

#[test]
fn a_bad_authority_of_clients_is_told() {
    let (certificate, key) = pair(2099);
    let toml = format!("{TLS}{WITH_CA}");
    for (authority, what) in [
        (Some(""), "holds no PEM certificate"),
        (
            Some("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
            "malformed",
        ),
        (None, "cannot be read"),
    ] {
        let mut case = case(&toml, &certificate, &key);
        if let Some(authority) = authority {
            case = case.also("ca.pem", authority);
        }
        let problem = case.problem();
        let begin = "why403.toml:4: server.tls_client_ca_file: ";
        assert!(
            problem.starts_with(begin) && problem.contains(what),
            "{problem}"
        );
    }
}

#[test]
fn an_expired_certificate_is_a_warning() {
    let (certificate, key) = pair(2020);
    let warnings = case(TLS, &certificate, &key).warnings();
    assert_eq!(
        warnings,
        [
            "warning: why403.toml:2: server.tls_cert_file: the certificate has expired on \
             2020-12-31T00:00:00Z; renew it: clients that check it refuse the connection"
        ]
    );
}

#[test]
fn the_end_of_a_certificate_is_read_in_either_form() {
    for year in [1950, 1999, 2020, 2049, 2050, 2099] {
        let (certificate, _) = pair(year);
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let end = not_after(&der).unwrap().to_string();
        assert_eq!(end, format!("{year}-12-31T00:00:00Z"));
        // Whatever is cut off or changed, nothing panics.
        for end in 0..der.len() {
            assert!(not_after(&der[..end]).is_none());
            let mut other = der.to_vec();
            other[end] ^= 0xff;
            let _end = not_after(&other);
        }
    }
}

/// RFC 5280 counts the last second in.
#[test]
fn a_certificate_has_expired_after_its_end_alone() {
    let (certificate, key) = pair(2099);
    let case = case(TLS, &certificate, &key);
    let identity = Identity::read(&case.config().server.tls.unwrap()).unwrap();
    let end: Timestamp = "2099-12-31T00:00:00Z".parse().unwrap();
    let second = SignedDuration::from_secs(1);
    assert_eq!(identity.expired(end - second), None);
    assert_eq!(identity.expired(end), None);
    assert_eq!(identity.expired(end + second), Some(end));
}

/// A value of DER that is less than 256 bytes long.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let head: &[u8] = if length < 0x80 {
        &[tag, length]
    } else {
        &[tag, 0x81, length]
    };
    [head, content].concat()
}

/// BER knows a length that is told by the end; DER does not.
#[test]
fn a_certificate_without_a_length_has_no_end() {
    const SEQUENCE: u8 = 0x30;
    let time = der(0x17, b"491231235959Z");
    let fields = [
        der(0x02, &[1]),
        der(SEQUENCE, &[]),
        der(SEQUENCE, &[0; 87]),
        der(SEQUENCE, &[&time[..], &time].concat()),
    ];
    let content = der(SEQUENCE, &fields.concat());
    assert_eq!(content.len(), 0x80);
    let end = not_after(&der(SEQUENCE, &content)).unwrap();
    assert_eq!(end.to_string(), "2049-12-31T23:59:59Z");
    assert_eq!(not_after(&[&[SEQUENCE, 0x80], &content[..]].concat()), None);
}

#[cfg(unix)]
#[test]
fn a_key_that_everybody_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let (certificate, key) = pair(2099);
    let case = case(TLS, &certificate, &key);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(case.path().join("key.pem"), open).unwrap();
    let warnings = case.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(
        warnings[0].contains("key.pem can be read by every user"),
        "{warnings:#?}"
    );
}

#[test]
fn what_is_only_half_configured_is_told() {
    for (toml, place, missing) in [
        (
            "tls_cert_file = \"c\"",
            "server.tls_cert_file",
            "tls_key_file",
        ),
        (
            "tls_key_file = \"k\"",
            "server.tls_key_file",
            "tls_cert_file",
        ),
        (
            "tls_client_ca_file = \"a\"",
            "server.tls_client_ca_file",
            "tls_cert_file",
        ),
    ] {
        let authority = pair(2099).0;
        let case = Case::file(&format!("[server]\n{toml}\n")).also("a", &authority);
        let problem = case.problem();
        assert!(
            problem.starts_with(&format!("why403.toml:2: {place}: ")),
            "{problem}"
        );
        assert!(problem.contains(missing), "{problem}");
    }
}

#[test]
fn a_key_in_the_configuration_is_refused() {
    let problem = Case::file("[server]\ntls_key = \"MIICANARY\"\n").problem();
    assert!(
        !problem.contains("CANARY") && problem.contains("tls_key_file"),
        "{problem}"
    );
}

#[test]
fn the_two_addresses_are_two() {
    let toml = |admin: &str| {
        format!("[server]\nlisten = \"127.0.0.1:8500\"\nadmin_listen = \"{admin}\"\n")
    };
    let config = Case::file(&toml("127.0.0.1:8501")).config();
    assert_eq!(config.server.admin_listen.unwrap().port(), 8501);
    Case::file(&toml("127.0.0.1:0")).config();
    assert_eq!(
        Case::file(&toml("127.0.0.1:8500")).problem(),
        "why403.toml:3: server.admin_listen: is the same as server.listen (line 2); \
         take another port, or remove it"
    );
    Case::file("[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n").config();
    assert_eq!(Case::file("").config().server.admin_listen, None);
}

#[test]
fn nothing_shows_the_private_key() {
    let (certificate, key) = pair(2099);
    let case = case(TLS, &certificate, &key);
    let files: TlsFiles = case.config().server.tls.unwrap();
    let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    let shown = format!("{:?} {:?}", Identity::read(&files).unwrap(), case.config());
    for piece in body.as_bytes().chunks(16) {
        assert!(!shown.contains(std::str::from_utf8(piece).unwrap()));
    }
}

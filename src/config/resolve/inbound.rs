//! How the HTTP server is reached: its addresses and its certificate.

use std::path::PathBuf;

use super::Input;
use super::files::Files;
use crate::clock::Clock;
use crate::config::certificate::{About, authority, chain, not_after, private_key, together};
use crate::config::problem::{Complaint, Place, Problems};
use crate::config::secret::world_readable;
use crate::config::settings::{Server, TlsFiles};

/// The files of TLS, each looked at.
pub(super) fn tls(
    input: &Input<'_>,
    files: &Files<'_>,
    problems: &mut Problems,
) -> Option<TlsFiles> {
    let mut path = |key: &str| {
        let setting = input.setting(key)?;
        let path = files.path(&setting.place, setting.text()?, problems)?;
        Some((&setting.place, path))
    };
    let certificate = path("server.tls_cert_file");
    let key = path("server.tls_key_file");
    let client_ca = path("server.tls_client_ca_file");
    let mut lacks = |place: &Place, other: &str| {
        if input.setting(other).is_none() {
            let what = format!("is set, but {other} is not");
            let fix = "set server.tls_cert_file and server.tls_key_file, or remove it";
            problems.error(place, Complaint::new(what, fix));
        }
    };
    match (&certificate, &key, &client_ca) {
        (Some((place, _)), None, _) => lacks(place, "server.tls_key_file"),
        (None, Some((place, _)), _) | (None, None, Some((place, _))) => {
            lacks(place, "server.tls_cert_file");
        }
        _ => {}
    }
    if let Some((place, path)) = &client_ca {
        problems.check(place, authority(path));
    }
    let found = TlsFiles {
        certificate: certificate.as_ref()?.1.clone(),
        key: key.as_ref()?.1.clone(),
        client_ca: client_ca.map(|(_, path): (&Place, PathBuf)| path),
    };
    check_pair(certificate?.0, key?.0, &found, problems);
    Some(found)
}

/// Looks at both before they are put together, so that each has its own problem.
fn check_pair(certificate: &Place, key: &Place, files: &TlsFiles, problems: &mut Problems) {
    let chain = problems.check(certificate, chain(&files.certificate));
    let private = problems.check(key, private_key(&files.key));
    if let Some(complaint) = private.as_ref().and_then(|_| world_readable(&files.key)) {
        problems.warning(key, complaint);
    }
    let (Some(chain), Some(private)) = (chain, private) else {
        return;
    };
    let end = chain.first().and_then(|own| not_after(own));
    match together(files, chain, &private) {
        Ok(_) => {}
        Err((About::Certificate, complaint)) => return problems.error(certificate, complaint),
        Err((About::Key, complaint)) => return problems.error(key, complaint),
    }
    let now = Clock::system().now().wall;
    if let Some(end) = end.filter(|end| *end < now) {
        let what = format!("the certificate has expired on {end}");
        let fix = "renew it: clients that check it refuse the connection";
        problems.warning(certificate, Complaint::new(what, fix));
    }
}

/// Two servers cannot have one address.
pub(super) fn check_addresses(input: &Input<'_>, server: &Server, problems: &mut Problems) {
    let is_same = server.admin_listen == Some(server.listen) && server.listen.port() != 0;
    if let (true, Some(admin)) = (is_same, input.place("server.admin_listen")) {
        let other = input.place("server.listen");
        let other = other.map_or("server.listen".to_owned(), Place::describe);
        let what = format!("is the same as {other}");
        problems.error(
            admin,
            Complaint::new(what, "take another port, or remove it"),
        );
    }
}

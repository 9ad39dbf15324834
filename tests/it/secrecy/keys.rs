//! The private key of the server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::search::assert_silent_about;
use super::*;
use crate::process::Platform;

/// What a key consists of, line by line; lines of it are what an error could show.
fn lines(pem: &str) -> Vec<&str> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    lines.filter(|line| line.len() >= 16).collect()
}

fn with_tls(given: &Given, certificate: &str, key: &str) -> Vec<(&'static str, String)> {
    let mut variables = given.variables();
    for (name, file, text) in [
        ("WHY403__SERVER__TLS_CERT_FILE", "cert.pem", certificate),
        ("WHY403__SERVER__TLS_KEY_FILE", "key.pem", key),
    ] {
        let path = given.file(file, text);
        variables.push((name, path.to_str().unwrap().to_owned()));
    }
    variables.push(("RUST_LOG", "trace".to_owned()));
    variables
}

#[test]
fn a_key_that_is_no_good_is_not_shown() {
    let given = Given::new("http://127.0.0.1:1");
    let pair = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let bare = lines(&other).join("\n");
    let half = other.replace("-----END", "====-----END");
    let shifted = other.replacen('M', "", 1);
    for (name, key) in [
        ("of another certificate", &other),
        ("without its frame", &bare),
        ("with an odd end", &half),
        ("that lacks a letter", &shifted),
    ] {
        let variables = with_tls(&given, &pair.cert.pem(), key);
        for command in ["check-config", "serve"] {
            let all = said(&[command], &variables);
            let what = format!("{command} with a key {name}");
            assert!(all.contains("key"), "{what} was accepted: {all}");
            assert_silent_about(&lines(&other), &what, &all);
        }
        // The key in place of the certificate.
        let all = said(&["serve"], &with_tls(&given, key, key));
        assert_silent_about(&lines(&other), name, &all);
    }
}

#[test]
fn a_key_in_use_is_not_shown() {
    let platform = Platform::start("healthy");
    let given = Given::new(&platform.url);
    let pair = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let key = pair.signing_key.serialize_pem();
    let address = free_address();
    let mut command = why403(&["serve", "--listen", &address.to_string()]);
    let variables = with_tls(&given, &pair.cert.pem(), &key);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let running = Running::listening(&mut command, address);
    for bytes in ["GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\0\u{5}hello"] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let _ended = stream.read_to_end(&mut Vec::new());
    }
    running.signal("TERM");
    let finished = running.finish();
    let all = finished.stdout + &finished.stderr;
    assert!(all.contains("handshake failed"), "{all}");
    assert_silent_about(&lines(&key), "serve", &all);
}

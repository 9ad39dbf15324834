//! Files that a configuration names: secrets, a certificate with its key, a profile of `gc`.
//!
//! The first line says which, the rest is what the file holds.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use why403::config::{
    Environment, Identity, SecretKind, Sources, TlsFiles, read_admin_token, read_secret_file,
    replace_secret_file, secret_can_be,
};

use super::config::{in_directory, loaded};
use super::{assert_one_line, with_secret_in_place};

/// The shortest piece of a file that could not stand in a complaint by chance.
const TELLING: usize = 24;

/// # Panics
/// When something does not hold.
pub fn check(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n');
    let (kind, content) = data.split_at(at.unwrap_or(data.len()));
    let content = content.get(1..).unwrap_or_default();
    in_directory(|directory| {
        let path = directory.join("given");
        fs::write(&path, content).expect("a file");
        match kind {
            b"header" => secret(&path, SecretKind::Header, content),
            b"field" => secret(&path, SecretKind::Field, content),
            b"assertion" => secret(&path, SecretKind::Assertion, content),
            b"admin" => admin(&path, content),
            b"pem" => identity(directory, content),
            b"profile" => profile(directory, content),
            _ => {}
        }
    });
}

/// What is read can be a secret, and is read again after it was written.
fn secret(path: &Path, kind: SecretKind, content: &[u8]) {
    match read_secret_file(path, kind) {
        Ok(secret) => {
            let text = secret.expose_secret();
            assert!(secret_can_be(text, kind), "{text:?}");
            assert!(!text.is_empty() && !text.chars().any(char::is_control));
            replace_secret_file(path, &secret).expect("a file");
            let again = read_secret_file(path, kind).expect("what was written");
            assert_eq!(again.expose_secret(), text, "once more");
        }
        Err(error) => silent(&error.to_string(), content),
    }
}

fn admin(path: &Path, content: &[u8]) {
    match read_admin_token(path) {
        Ok(token) => assert!(token.expose_secret().len() >= 16),
        Err(error) => silent(&error.to_string(), content),
    }
}

/// One file as certificate, key and authority at once: each finds its own blocks in it.
fn identity(directory: &Path, content: &[u8]) {
    let path = directory.join("given");
    let files = TlsFiles {
        certificate: path.clone(),
        key: path.clone(),
        client_ca: Some(path),
    };
    match Identity::read(&files) {
        Ok(identity) => {
            let again = Identity::read(&files).expect("once more");
            assert_eq!(identity.digest, again.digest);
            assert_eq!(identity.expired(Timestamp::MIN), None);
        }
        Err(problem) => silent(&problem, content),
    }
}

fn profile(directory: &Path, content: &[u8]) {
    let Ok(text) = std::str::from_utf8(content) else {
        return;
    };
    let Some(text) = with_secret_in_place(text) else {
        return;
    };
    let place = directory.join(".gc");
    fs::create_dir_all(&place).expect("a directory");
    fs::write(place.join("config.toml"), text).expect("a file");
    let home = directory.to_string_lossy().into_owned();
    loaded(&Sources {
        environment: Environment::from_pairs([("HOME", home)]),
        profile: Some("default".to_owned()),
        ..Sources::default()
    });
}

/// A complaint is one line, and shows nothing of what is in the file.
#[track_caller]
fn silent(complaint: &str, content: &[u8]) {
    assert!(!complaint.is_empty());
    assert_one_line(complaint, "a complaint");
    let content = String::from_utf8_lossy(content);
    for line in content.lines().filter(|line| line.len() >= TELLING) {
        assert!(!complaint.contains(line), "{complaint}");
    }
}

//! Secrets that occur nowhere else, and the search for them.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

pub(crate) const CLIENT_SECRET: &str = "cnrySecret/8kQz+W3v~~~~Tn5LpX????r7JdHs2Yg9BfMe4";
pub(crate) const ACCESS_TOKEN: &str = "cnryToken.Zb6RqN1xUw-K0tVcE8mPjA5oGyIl3DhS_f7F";
pub(crate) const ADMIN_TOKEN: &str = "cnryAdmin~4uQ9wXe2Zr7TyKb1NvMc6LpJhGfDsA8o";
/// What somebody presents who does not know the admin token; perhaps it opens another door.
pub(crate) const WRONG_TOKEN: &str = "cnryWrong-q2W8eR4tY6uI0oP1aS3dF5gH7jK9lZxC";

pub(crate) const REFRESH_TOKEN: &str = "cnryRfrsh/7Gk+Vd2~Xo9????Lq4ZtNs6Hy1WbJc8MaP5eU3i";
/// What the platform gives out instead of it.
pub(crate) const NEXT_TOKEN: &str = "cnryNext.Rt5-Yw8_Qx2Kf6Jz9DmVb3GnHs7LcAe4TpUo1Wi";
pub(crate) const ASSERTION: &str = "cnryAsrt/9Fh+T3vQbY6/zK1+LmXw8RcGd5NsEj2UoPi7Ha4";
pub(crate) const PASSWORD: &str = "cnryPass&4Km\"Zs<8>Bv%2FXw~~~~Ht6?Ld9'Qe+Uj1";

/// What opens the proxy.
pub(crate) const PROXY_PASSWORD: &str = "cnryPrxy/7Lq+Zw2~Vb8????Jx4NsGk6Rt1HyPd9McT5eUa3";

pub(crate) const CANARIES: &[&str] = &[
    CLIENT_SECRET,
    ACCESS_TOKEN,
    ADMIN_TOKEN,
    WRONG_TOKEN,
    REFRESH_TOKEN,
    NEXT_TOKEN,
    ASSERTION,
    PASSWORD,
    PROXY_PASSWORD,
];

/// Shortest piece of a secret that counts.
const PIECE: usize = 8;

/// Every way in which a piece of `secret` may be written.
fn traces(secret: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let bytes = secret.as_bytes();
    for piece in bytes.windows(PIECE) {
        let each = |write: fn(&u8) -> String, between: &str| {
            let written: Vec<String> = piece.iter().map(write).collect();
            written.join(between)
        };
        found.push(String::from_utf8(piece.to_vec()).unwrap());
        found.push(each(|byte| format!("%{byte:02X}"), ""));
        found.push(each(|byte| format!("%{byte:02x}"), ""));
        found.push(each(|byte| format!("{byte:02X}"), ""));
        found.push(each(|byte| format!("{byte:02x}"), ""));
        // A vector of bytes in a `Debug`.
        found.push(each(ToString::to_string, ", "));
    }
    found.extend(in_base64(bytes));
    let encoded = url::form_urlencoded::byte_serialize(bytes).collect::<String>();
    let windows = encoded.as_bytes().windows(3 * PIECE);
    found.extend(windows.map(|window| String::from_utf8(window.to_vec()).unwrap()));
    found.sort();
    found.dedup();
    found
}

/// Base64 of the secret wherever it stands in what was encoded: each alignment has its own.
fn in_base64(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for alphabet in [STANDARD, URL_SAFE] {
        let engine = GeneralPurpose::new(&alphabet, NO_PAD);
        for before in 0..3 {
            let mut padded = vec![0; before];
            padded.extend_from_slice(bytes);
            let encoded = engine.encode(&padded);
            // The characters that neighbours have a part in differ from case to case.
            let from = (before * 8).div_ceil(6);
            let to = padded.len() * 8 / 6;
            let windows = encoded.as_bytes()[from..to].windows(12);
            found.extend(windows.map(|window| String::from_utf8(window.to_vec()).unwrap()));
        }
    }
    found
}

/// The first secret of which a trace is in `text`, and the text around it.
pub(crate) fn leak(text: &str) -> Option<String> {
    leak_of(text, CANARIES)
}

fn leak_of(text: &str, secrets: &[&str]) -> Option<String> {
    for secret in secrets {
        for trace in traces(secret) {
            if let Some((before, after)) = text.split_once(&trace) {
                let before: String = before.chars().rev().take(200).collect();
                let before: String = before.chars().rev().collect();
                let after: String = after.chars().take(100).collect();
                let name: String = secret.chars().take(9).collect();
                return Some(format!(
                    "{name}…, written as {trace}: …{before}{trace}{after}…"
                ));
            }
        }
    }
    None
}

/// Fails when `text` holds a trace of any secret.
#[track_caller]
pub(crate) fn assert_silent(what: &str, text: &str) {
    assert!(!text.is_empty(), "{what}: there is nothing to search");
    if let Some(leak) = leak(text) {
        panic!("{what} says a secret: {leak}");
    }
}

/// Fails when `text` holds a trace of one of these secrets.
#[track_caller]
pub(crate) fn assert_silent_about(secrets: &[&str], what: &str, text: &str) {
    assert!(!text.is_empty(), "{what}: there is nothing to search");
    if let Some(leak) = leak_of(text, secrets) {
        panic!("{what} says a secret: {leak}");
    }
}

fn piece(secret: &str, from: usize) -> String {
    secret.chars().skip(from).take(PIECE).collect()
}

fn hex(secret: &str, between: &str) -> String {
    let digits: Vec<String> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    digits.join(between)
}

#[test]
fn every_usual_way_to_write_a_secret_is_found() {
    let standard = GeneralPurpose::new(&STANDARD, NO_PAD);
    let url = GeneralPurpose::new(&URL_SAFE, NO_PAD);
    for secret in CANARIES {
        for written in [
            (*secret).to_owned(),
            piece(secret, 0),
            piece(secret, 7),
            piece(secret, secret.len() - PIECE),
            standard.encode(secret),
            url.encode(secret),
            standard.encode(format!("id:{secret}")),
            url.encode(format!("client:{secret} ")),
            standard.encode(format!("x{secret}")),
            format!("%{}", hex(secret, "%")),
            hex(secret, ""),
            url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
            format!("{:?}", secret.as_bytes()),
            secret.replace('/', "\\/"),
        ] {
            let text = format!("{{\"a\":\"b {written} c\"}}");
            assert!(leak(&text).is_some(), "{written}");
        }
    }
}

#[test]
fn what_is_no_secret_is_not_found() {
    let harmless = "cnrySec cnryTok cnryAdm cnryWro [redacted] Bearer Basic demo-client \
        6b2d3f2c-0f5e-4b0c-9d3e-3f0f5d7a9a11 [99, 110, 114, 121] 636e7279";
    assert_eq!(leak(harmless), None);
}

#[test]
#[should_panic(expected = "a test says a secret: cnryToken")]
fn a_leak_fails_a_test() {
    assert_silent("a test", &format!("the token is {ACCESS_TOKEN}"));
}

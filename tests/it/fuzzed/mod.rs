//! What must hold whatever comes from outside: the bodies of the fuzz targets.
//!
//! `fuzz/` runs these functions on input that nobody has thought of, and `corpus.rs` beside this
//! module runs them on everything that is kept in `fuzz/corpus`, so that both always ask for the
//! same. A function panics when something does not hold; input that is not of the target's shape
//! is no finding.

#![allow(unreachable_pub, reason = "the programs in `fuzz/` reach it")]

pub mod answer;
pub mod config;
pub mod environment;
pub mod error_body;
pub mod evidence;
pub mod files;
pub mod headers;
pub mod records;
pub mod request;
pub mod token_answer;
pub mod words;

mod reading;
mod wire;

/// A target: its name, which is that of its folder in `fuzz/corpus`, and what it does with a text.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("answer", answer::check),
    ("config", config::check),
    ("environment", environment::check),
    ("error_body", error_body::check),
    ("evidence", evidence::check),
    ("files", files::check),
    ("headers", headers::check),
    ("records", records::check),
    ("request", request::check),
    ("token_answer", token_answer::check),
    ("words", words::check),
];

/// A secret that occurs nowhere else.
const CANARY: &str = "C4n4ry-5ecret-0f-a11-fuzzers";

/// Stands in an input where the secret is put in.
const SECRET_MARK: &str = "{secret}";

/// Where secrets are written in configurations and profiles, and nothing else is.
const SECRET_KEYS: &[&str] = &[
    "client_secret = \"",
    "access_token = \"",
    "refresh_token = \"",
    "assertion = \"",
    "password = \"",
    "admin_token = \"",
];

/// The input with the secret in place of its mark, if it stands only where secrets belong:
/// anything else may be shown.
fn with_secret_in_place(text: &str) -> Option<String> {
    let in_place = |before: &str| SECRET_KEYS.iter().any(|key| before.ends_with(key));
    let mut marks = text.match_indices(SECRET_MARK);
    let all = marks.all(|(at, _)| text.get(..at).is_some_and(in_place));
    all.then(|| text.replace(SECRET_MARK, CANARY))
}

/// The first line, and what follows it.
fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// Whether a terminal and a log show this character as what it is.
fn shows(character: char) -> bool {
    let hides = matches!(character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !character.is_control() && !hides
}

/// Fails for a text that would break out of its line, or say something else than it shows.
#[track_caller]
fn assert_one_line(text: &str, of: &str) {
    assert!(text.chars().all(shows), "{of} is not one line: {text:?}");
}

/// The same, for a text of several lines.
#[track_caller]
fn assert_lines(text: &str, of: &str) {
    for line in text.split('\n') {
        assert_one_line(line, of);
    }
}

/// Fails for a text that holds the secret, as it is or in base64.
#[track_caller]
fn assert_silent(text: &str, of: &str) {
    assert!(!text.contains(CANARY), "{of} holds a secret: {text}");
    let encoded = "QzRuNHJ5LTVlY3JldC0wZi1hMTEtZnV6emVy";
    assert!(!text.contains(encoded), "{of} holds a secret: {text}");
}

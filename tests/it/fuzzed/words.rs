//! Single words: names, regions, durations, addresses, secrets, and what people want explained.

use std::net::IpAddr;

use url::Url;
use why403::config::{SecretKind, format_duration, read_duration, secret_can_be};
use why403::diagnosis::{explain, suggestions};
use why403::evidence::printable;
use why403::target::{Name, Operation, Region, is_private, login_for};

use super::{assert_one_line, shows};

/// # Panics
/// When something does not hold.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    names(&text);
    regions(&text);
    durations(&text);
    secrets(&text);
    words(&text);
    for cap in [0, 1, 7, 300] {
        let kept = printable(&text, cap);
        assert_one_line(&kept, "a printable text");
        assert!(kept.chars().count() <= cap + 1, "{kept:?}");
        assert_eq!(printable(&kept, cap + 1), kept, "once more");
    }
}

fn names(text: &str) {
    match Name::new(text) {
        Ok(name) => {
            assert_eq!(name.as_str(), text);
            // It stands in paths, in labels and in logs.
            assert!(!text.is_empty() && text.len() <= 63, "{text:?}");
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
            assert!(!text.contains(['/', '?', '#', '%', '"', '\\', '{']));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Some(operation) = Operation::find(text) {
        assert_eq!(Operation::find(&operation.label()), Some(operation));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        assert_eq!(is_private(address), is_private(address.to_canonical()));
    }
}

fn regions(text: &str) {
    if let Some(region) = Region::find(text) {
        assert_eq!(Region::find(region.domain), Some(region));
        assert_eq!(Region::find(&region.api()), Some(region));
    }
    if let Ok(url) = Url::parse(text) {
        let login = login_for(&url);
        assert_eq!(login.scheme(), url.scheme());
        assert_eq!(login_for(&login), login, "a login server has its own");
    }
}

fn durations(text: &str) {
    if let Some(read) = read_duration(text) {
        let written = format_duration(read);
        assert_eq!(read_duration(&written), Some(read), "{text:?}: {written:?}");
    }
}

fn secrets(text: &str) {
    let can_be = |kind| secret_can_be(text, kind);
    if can_be(SecretKind::Header) {
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
        assert!(can_be(SecretKind::Field), "a form may carry more: {text:?}");
    }
    if can_be(SecretKind::Field) {
        assert!(!text.is_empty() && !text.chars().any(char::is_control));
        assert_eq!(text.trim(), text);
    }
}

fn words(text: &str) {
    let found = explain(text);
    let again = explain(text);
    assert_eq!(format!("{found:?}"), format!("{again:?}"), "twice");
    let page = why403::http::text::explanations(&found, false);
    for line in page.lines() {
        assert!(line.chars().all(shows), "{line:?}");
    }
    for word in suggestions(text) {
        assert!(
            !explain(word).is_empty(),
            "{word} is suggested, and unknown"
        );
    }
}

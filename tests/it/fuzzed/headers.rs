//! The headers of an answer: waits, dates, limits, challenges, correlation ids.
//!
//! The first line is the status, each further one `name: value`.

use std::time::Duration;

use jiff::Timestamp;
use why403::evidence::{Answer, printable};
use why403::schedule::{RETRY_AFTER_LIMITS, clamp_retry_after};

use super::{error_body, first_line, reading};

/// Most characters of a value that are kept of an answer.
const VALUE_CAP: usize = 512;

/// Most headers of one answer.
const MOST: usize = 64;

/// # Panics
/// When something does not hold.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (status, lines) = first_line(&text);
    let Some(status) = status.parse().ok().filter(|it| (100..1_000).contains(it)) else {
        return;
    };
    let pairs = lines.lines().filter_map(|line| line.split_once(": "));
    let answer = Answer {
        status,
        headers: pairs
            .take(MOST)
            .map(|(name, value)| (name.to_ascii_lowercase(), printable(value, VALUE_CAP)))
            .collect(),
        ..Answer::default()
    };
    waits(&answer);
    limits(&answer);
    for evidence in error_body::examined(&answer) {
        let diagnosis = reading::check(&evidence);
        if let Some(facts) = diagnosis.answer {
            assert_eq!(facts.correlation_id.as_deref(), answer.correlation_id());
        }
    }
}

fn waits(answer: &Answer) {
    let times = [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX];
    for received in times {
        let wait = answer.retry_after(received);
        assert_eq!(wait, answer.retry_after(received), "twice");
        let value = answer.header("retry-after").map(str::trim);
        let is_seconds = value.is_some_and(|value| {
            !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
        });
        match (wait, value) {
            (Some(_), None) => panic!("a wait that nobody asked for"),
            (None, Some(value)) => assert!(!is_seconds, "{value:?} is not understood"),
            (Some(wait), Some(value)) => {
                let held = value.parse().ok().map(Duration::from_secs);
                assert!(held.is_none_or(|held| held == wait), "{value:?}: {wait:?}");
                let obeyed = clamp_retry_after(wait);
                assert!(obeyed >= RETRY_AFTER_LIMITS.0 && obeyed <= RETRY_AFTER_LIMITS.1);
            }
            (None, None) => {}
        }
    }
}

fn limits(answer: &Answer) {
    if let Some(left) = answer.rate_limit_remaining() {
        let allowed = answer.header("inin-ratelimit-allowed").map(str::trim);
        let allowed: u32 = allowed.and_then(|it| it.parse().ok()).expect("a number");
        assert!(left <= allowed, "{left} of {allowed}");
    }
}

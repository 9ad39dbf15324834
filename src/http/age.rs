//! Lengths of time as people say them.

use jiff::Timestamp;

/// A length of time in its two largest units: `41 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: u64, unit: &str, small: u64, sub: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {sub}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..86_400 => two(hours, "h", minutes % 60, "min"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

/// How long ago `then` was, or how far ahead it is.
pub(super) fn relative(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs();
    match seconds {
        0 => "just now".to_owned(),
        1.. => format!("{} ago", span(seconds.unsigned_abs())),
        _ => format!("in {}", span(seconds.unsigned_abs())),
    }
}

/// A time for people: to the second, in UTC.
pub(super) fn clock_time(at: Timestamp) -> String {
    format!("{at:.0}").replace('T', " ").replace('Z', " UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_at_most_two_units() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min"),
            (3600, "1 h"),
            (11_100, "3 h 5 min"),
            (86_399, "23 h 59 min"),
            (187_200, "2 d 4 h"),
        ] {
            assert_eq!(span(seconds), words);
        }
    }

    #[test]
    fn times_lie_before_or_after() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(relative(at(0), at(90)), "1 min ago");
        assert_eq!(relative(at(90), at(0)), "in 1 min");
        assert_eq!(relative(at(5), at(5)), "just now");
        assert_eq!(clock_time(at(0)), "1970-01-01 00:00:00 UTC");
    }
}

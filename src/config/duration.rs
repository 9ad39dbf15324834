//! Durations as people write them: `30s`, `5m`, `1h30m`, `500ms`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::problem::{Complaint, quoted};

/// Units from long to short, with their length in milliseconds.
const UNITS: &[(&str, u64)] = &[("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Most digits of a number without a unit that are repeated: that of a `u64`.
const MOST_DIGITS: usize = 20;

/// Reads a duration: whole numbers, each with a unit of `h`, `m`, `s` or `ms`, longest first.
pub(super) fn parse(text: &str) -> Result<Duration, Complaint> {
    let complain =
        |what: &str, fix: String| Complaint::new(format!("{} {what}", quoted(text)), fix);
    let example = || "write a duration like \"30s\", \"5m\", \"1h30m\" or \"500ms\"".to_owned();
    if text.starts_with('-') {
        return Err(complain("is negative", example()));
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let is_short = text.len() <= MOST_DIGITS;
        let fix = if is_short {
            format!("write \"{text}s\"")
        } else {
            example()
        };
        return Err(complain("has no unit", fix));
    }
    let malformed = || complain("is no duration", example());
    let too_long = || complain("is too long", example());
    let mut rest = text;
    let mut units = UNITS;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (digits, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, after) = split(after, |c| c.is_ascii_alphabetic());
        let at = units.iter().position(|(name, _)| *name == unit);
        let (Some(at), false) = (at, digits.is_empty()) else {
            return Err(malformed());
        };
        let (_, length) = units.get(at).ok_or_else(malformed)?;
        let count: u64 = digits.parse().map_err(|_| too_long())?;
        total = count
            .checked_mul(*length)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(too_long)?;
        units = units.get(at + 1..).unwrap_or_default();
        rest = after;
    }
    if text.is_empty() {
        return Err(malformed());
    }
    Ok(Duration::from_millis(total))
}

/// Reads a duration as the configuration writes it; none when it is none.
#[must_use]
pub fn read(text: &str) -> Option<Duration> {
    parse(text).ok()
}

/// Writes a duration the way the configuration writes it; parts below a millisecond are dropped.
#[must_use]
pub fn format(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, length) in UNITS {
        if rest >= *length {
            text.push_str(&(rest / length).to_string());
            text.push_str(unit);
            rest %= length;
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

/// Reads a duration that has been checked before.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).map_err(|complaint| de::Error::custom(complaint.what))
}

/// Splits off the longest beginning whose characters are all `wanted`.
fn split(text: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !wanted(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("24h", 86_400_000),
            ("1h1m1s1ms", 3_661_001),
        ] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse(text), Ok(duration), "{text}");
            assert_eq!(format(duration), text);
        }
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(format(Duration::from_secs(90)), "1m30s");
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_way_to_write_it() {
        for (text, what, fix) in [
            ("30", "\"30\" has no unit", "write \"30s\""),
            ("-5s", "\"-5s\" is negative", "write a duration like"),
            ("", "\"\" is no duration", "write a duration like"),
            ("s", "\"s\" is no duration", ""),
            ("5x", "\"5x\" is no duration", ""),
            ("1.5s", "\"1.5s\" is no duration", ""),
            ("5s5m", "\"5s5m\" is no duration", ""),
            ("5s5s", "\"5s5s\" is no duration", ""),
            ("5 s", "\"5 s\" is no duration", ""),
            ("5s ", "\"5s \" is no duration", ""),
            ("1d", "\"1d\" is no duration", ""),
            ("5S", "\"5S\" is no duration", ""),
            ("٣s", "\"٣s\" is no duration", ""),
            ("99999999999999999999s", "is too long", ""),
            ("9999999999999999h", "is too long", ""),
        ] {
            let complaint = parse(text).unwrap_err();
            assert!(complaint.what.contains(what), "{complaint:?}");
            assert!(complaint.fix.contains(fix), "{complaint:?}");
        }
        let complaint = parse(&"9".repeat(1_000_000)).unwrap_err();
        assert!(complaint.what.ends_with("… has no unit"), "{complaint:?}");
        assert!(complaint.fix.starts_with("write a duration like"));
    }

    proptest! {
        #[test]
        fn every_duration_survives_being_written(milliseconds: u64) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text: String) {
            drop(parse(&text));
        }
    }
}

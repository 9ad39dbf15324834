//! Strict reading of query strings: a misspelt parameter is an error, not a silent default.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;

use crate::config::read_duration;

use super::problem::{Problem, quote};

/// Most problems that one answer names.
const MOST_ERRORS: usize = 8;

/// The earliest time that RFC 3339 can write: the beginning of the year 0.
const EARLIEST: Timestamp = Timestamp::constant(-62_167_219_200, 0);

/// A query string from which a handler takes the parameters that it knows.
#[derive(Debug)]
pub(super) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    known: Vec<&'static str>,
    errors: Vec<String>,
}

impl<'a> Query<'a> {
    pub(super) fn new(raw: Option<&'a str>) -> Self {
        let pairs = raw.map_or_else(Vec::new, |raw| {
            form_urlencoded::parse(raw.as_bytes()).collect()
        });
        Self {
            pairs,
            known: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Takes a parameter that is `1`, `true`, `0` or `false`; absent means no.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        let values = [("1", true), ("true", true), ("0", false), ("false", false)];
        self.choice(name, &values).unwrap_or(false)
    }

    /// Takes a parameter that has one of a few values.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        values: &[(&'static str, T)],
    ) -> Option<T> {
        let given = self.text(name)?;
        let chosen = values.iter().find(|(word, _)| *word == given);
        if chosen.is_none() {
            let words: Vec<_> = values.iter().map(|(word, _)| *word).collect();
            let words = words.join(", ");
            let given = quote(&given);
            self.errors
                .push(format!("`{name}` is {given}; it may be one of {words}"));
        }
        chosen.map(|(_, value)| *value)
    }

    /// Takes a parameter that is a number from 1; one that is too large to hold is the largest.
    pub(super) fn number(&mut self, name: &'static str) -> Option<usize> {
        let given = self.text(name)?;
        let digits = !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| given.parse().unwrap_or(usize::MAX));
        let number = number.filter(|number| *number > 0);
        if number.is_none() {
            let given = quote(&given);
            self.errors
                .push(format!("`{name}` is {given}; it may be a number from 1"));
        }
        number
    }

    /// Takes a parameter that is a time in RFC 3339, or how long before `now` it was. What would
    /// lie before all times that an answer can write is the earliest of them.
    pub(super) fn time(&mut self, name: &'static str, now: Timestamp) -> Option<Timestamp> {
        let given = self.text(name)?;
        // A plus sign that was not encoded arrives as a space.
        let time = given.replace(' ', "+").parse().ok();
        let time = time.or_else(|| {
            let ago = SignedDuration::try_from(read_duration(&given)?).ok()?;
            Some(now.checked_sub(ago).unwrap_or(EARLIEST))
        });
        let time = time.map(|time: Timestamp| time.max(EARLIEST));
        if time.is_none() {
            let given = quote(&given);
            self.errors.push(format!(
                "`{name}` is {given}; it may be a time like 2026-03-02T12:00:00Z, or how long ago, \
                 like 90m or 24h"
            ));
        }
        time
    }

    /// Takes a parameter that must be there.
    pub(super) fn required(&mut self, name: &'static str) -> Option<Cow<'a, str>> {
        let given = self.text(name);
        if given.is_none() {
            self.errors.push(format!("`{name}` is missing"));
        }
        given
    }

    /// Takes a parameter as it stands.
    pub(super) fn text(&mut self, name: &'static str) -> Option<Cow<'a, str>> {
        self.known.push(name);
        let mut given = self.pairs.extract_if(.., |(key, _)| key == name);
        let (_, first) = given.next()?;
        if given.count() > 0 {
            self.errors.push(format!("`{name}` is given twice"));
        }
        Some(first)
    }

    /// Takes what was read of a parameter, or complains.
    pub(super) fn accept<T>(&mut self, read: Option<Result<T, String>>) -> Option<T> {
        match read? {
            Ok(value) => Some(value),
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    /// Complains about whatever was not taken.
    ///
    /// # Errors
    /// A problem that names everything that is wrong, up to a limit.
    pub(super) fn finish(self) -> Result<(), Problem> {
        let mut errors = self.errors;
        for (key, _) in self.pairs {
            if errors.len() >= MOST_ERRORS {
                break;
            }
            let known = self.known.join(", ");
            errors.push(format!("{} is unknown; known: {known}", quote(&key)));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::bad_query(errors))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(raw: &str) -> Result<bool, String> {
        let mut query = Query::new(Some(raw));
        let strict = query.flag("strict");
        query
            .finish()
            .map(|()| strict)
            .map_err(|it| format!("{it:?}"))
    }

    #[test]
    fn flags_have_four_values() {
        assert_eq!(strict(""), Ok(false));
        assert_eq!(strict("strict=1"), Ok(true));
        assert_eq!(strict("strict=true"), Ok(true));
        assert_eq!(strict("%73trict=0&"), Ok(false));
        for wrong in ["strict", "strict=", "strict=maybe", "strict=1&strict=1"] {
            assert!(strict(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_digits_however_many() {
        let number = |raw: &str| {
            let mut query = Query::new(Some(raw));
            let number = query.number("page");
            query.finish().ok().and(number)
        };
        assert_eq!(number("page=1"), Some(1));
        assert_eq!(number("page=007"), Some(7));
        assert_eq!(
            number(&format!("page=1{}", "0".repeat(40))),
            Some(usize::MAX)
        );
        for wrong in ["", "0", "00", "-1", "%2B1", "1.0", "1e3", "one"] {
            assert_eq!(number(&format!("page={wrong}")), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_told_or_counted_back() {
        let now: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let time = |raw: &str| {
            let mut query = Query::new(Some(raw));
            let time = query.time("since", now);
            query.finish().map(|()| time.unwrap().to_string()).ok()
        };
        for (raw, expected) in [
            ("since=2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("since=2026-03-01T01:00:00%2B01:00", "2026-03-01T00:00:00Z"),
            ("since=2026-03-01T01:00:00+01:00", "2026-03-01T00:00:00Z"),
            ("since=1h", "2026-03-02T11:00:00Z"),
            ("since=36h30m", "2026-02-28T23:30:00Z"),
            ("since=99999999h", "0000-01-01T00:00:00Z"),
            ("since=9999999999h", "0000-01-01T00:00:00Z"),
            ("since=-001000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ] {
            assert_eq!(time(raw).as_deref(), Some(expected), "{raw}");
        }
        for wrong in [
            "",
            "1",
            "-1h",
            "yesterday",
            "2026-03-01",
            "1d",
            "1h&since=2h",
        ] {
            assert_eq!(time(&format!("since={wrong}")), None, "{wrong}");
        }
    }

    #[test]
    fn all_problems_are_named_and_their_number_is_limited() {
        let error = strict("strict=maybe&fesh=1&a%0d%0a=2").unwrap_err();
        for part in [
            "`maybe`",
            "`fesh` is unknown; known: strict",
            "`a\\\\r\\\\n`",
        ] {
            assert!(error.contains(part), "{error} lacks {part}");
        }
        let error = strict(&"x=1&".repeat(10_000)).unwrap_err();
        assert!(error.len() < 1_000, "{error}");
    }
}

//! How far the platform's clock is from ours, by the dates of its answers.

use jiff::{SignedDuration, Timestamp};

use super::{Evidence, Exchange, TokenEvidence};
use crate::clock::later;

/// What a date leaves open: it has no fractions (RFC 9110, section 5.6.7).
const RESOLUTION: SignedDuration = SignedDuration::from_secs(1);

impl Exchange {
    /// How far the clock of whoever answered is ahead of ours, at least; negative when it is behind,
    /// none when the answer has no date of its own.
    ///
    /// The answer was made at some time between the sending and the last byte, and its date is up to
    /// a second old: whatever that can explain is no difference.
    #[must_use]
    pub fn clock_skew(&self) -> Option<SignedDuration> {
        let answer = self.answer()?;
        // What a cache hands out has the date of its making.
        let cached = answer.header("x-cache").unwrap_or_default();
        if cached.to_ascii_lowercase().contains("hit") {
            return None;
        }
        let date = answer.header("date")?;
        let date = httpdate::parse_http_date(date.get(..date.len().min(64))?).ok()?;
        let date = Timestamp::try_from(date).ok()?;
        let sent = self.sent_at.wall;
        let ended = later(sent, self.phases.total);
        let least = date.duration_since(ended);
        let most = date.duration_since(sent).saturating_add(RESOLUTION);
        Some(if least.is_positive() {
            least
        } else if most.is_negative() {
            most
        } else {
            SignedDuration::ZERO
        })
    }
}

impl Evidence {
    /// The same by the latest answer that tells it.
    #[must_use]
    pub fn clock_skew(&self) -> Option<SignedDuration> {
        let failed = match &self.token {
            TokenEvidence::Unavailable(failure) => failure.exchange.as_ref(),
            TokenEvidence::Unknown | TokenEvidence::Held(_) => None,
        };
        let experiments = self.experiments.iter().flat_map(|it| &it.exchanges);
        let all = self.exchanges.iter().chain(failed).chain(experiments);
        let told = all.filter_map(|it| Some((it.sent_at.elapsed, it.clock_skew()?)));
        told.max_by_key(|(sent, _)| *sent).map(|(_, skew)| skew)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Answer, Phases, Step};
    use super::*;
    use crate::clock::Moment;

    /// The skew of an answer with this date to a call sent at 12:00:00.250 that took so long.
    fn skew(headers: &[(&str, &str)], took_ms: u64) -> Option<f64> {
        let headers = headers.iter();
        let exchange = Exchange {
            step: Step::Probe,
            request: "GET https://api.example/".to_owned(),
            sent_at: Moment {
                elapsed: Duration::ZERO,
                wall: "2026-03-02T12:00:00.250Z".parse().unwrap(),
            },
            phases: Phases {
                total: Duration::from_millis(took_ms),
                ..Phases::default()
            },
            certificate_ends: None,
            result: Ok(Answer {
                status: 200,
                headers: headers
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
                ..Answer::default()
            }),
            flaw: None,
        };
        exchange.clock_skew().map(|it| it.as_secs_f64())
    }

    #[test]
    fn only_what_the_call_and_the_date_cannot_explain_counts() {
        for (date, took, expected) in [
            ("Mon, 02 Mar 2026 12:00:00 GMT", 100, 0.0),
            // Sent before the second was full, answered after it.
            ("Mon, 02 Mar 2026 12:00:01 GMT", 900, 0.0),
            ("Mon, 02 Mar 2026 12:00:10 GMT", 10_000, 0.0),
            ("Mon, 02 Mar 2026 12:00:01 GMT", 100, 0.65),
            ("Mon, 02 Mar 2026 12:05:00 GMT", 100, 299.65),
            ("Mon, 02 Mar 2026 11:59:59 GMT", 100, -0.25),
            ("Mon, 02 Mar 2026 11:55:00 GMT", 9_000, -299.25),
        ] {
            let found = skew(&[("date", date)], took).unwrap();
            assert!((found - expected).abs() < 1e-9, "{date} {took}: {found}");
        }
    }

    #[test]
    fn what_tells_no_time_tells_no_difference() {
        assert_eq!(skew(&[], 10), None);
        for nonsense in ["", "yesterday", "2026-03-02T12:00:00Z", &"x".repeat(1_000)] {
            assert_eq!(skew(&[("date", nonsense)], 10), None, "{nonsense}");
        }
        let cached = [
            ("date", "Mon, 02 Mar 2026 10:00:00 GMT"),
            ("x-cache", "Hit from cloudfront"),
        ];
        assert_eq!(skew(&cached, 10), None);
    }
}

//! One HTTP request and what came back, or what the transport did instead.

use std::time::Duration;

use jiff::Timestamp;

use super::{ExperimentKind, Fault};
use crate::clock::Moment;

/// Why a call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Minting a token.
    Token,
    /// The operation, with the cached token.
    Probe,
    /// The operation once more, with a fresh token, after a 401.
    Retry,
    /// A call made to tell causes apart.
    Experiment(ExperimentKind),
    /// The operation with the cached token once more, after a fresh one was accepted.
    Again,
}

impl Step {
    /// The name used in diagnoses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Probe => "probe",
            Self::Retry => "retry",
            Self::Experiment(kind) => kind.slug(),
            Self::Again => "again",
        }
    }

    /// The step of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        let experiments = ExperimentKind::ALL
            .iter()
            .map(|kind| Self::Experiment(*kind));
        [Self::Token, Self::Probe, Self::Retry, Self::Again]
            .into_iter()
            .chain(experiments)
            .find(|step| step.as_str() == name)
    }
}

/// One HTTP request and what came back.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Why it was made.
    pub step: Step,
    /// Method and URL, for example `GET https://api.mypurecloud.de/api/v2/routing/queues?pageSize=1`.
    pub request: String,
    /// When it was sent.
    pub sent_at: Moment,
    /// How long its phases took.
    pub phases: Phases,
    /// When the certificate ends that the host showed, whether or not it is trusted; not saved,
    /// because no diagnosis reads it.
    pub certificate_ends: Option<Timestamp>,
    /// The answer, or what the transport did instead.
    pub result: Result<Answer, Fault>,
    /// Why a success of the token endpoint, whose body is not kept, holds no usable token.
    pub flaw: Option<String>,
}

impl Exchange {
    /// The answer, if one came.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        self.result.as_ref().ok()
    }
}

/// How long the phases of one exchange took; a phase that did not take place is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Name resolution; none for an IP literal.
    pub dns: Option<Duration>,
    /// From the resolved address to an established TCP connection (or proxy tunnel).
    pub connect: Option<Duration>,
    /// The TLS handshake; none for plain HTTP.
    pub tls: Option<Duration>,
    /// From the established connection to the complete head of the answer.
    pub first_byte: Option<Duration>,
    /// From the call to the last byte of the body, or to the failure.
    pub total: Duration,
}

/// An HTTP answer as far as it was kept.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers that a diagnosis may need, names in lower case, values cut and made printable.
    pub headers: Vec<(String, String)>,
    /// The body up to the cap, invalid UTF-8 replaced.
    pub body: String,
    /// How many bytes of body were read; the body itself is not kept where it may hold a token.
    pub length: usize,
    /// Whether the body was longer than the cap.
    pub truncated: bool,
}

impl Answer {
    /// The first value of the header `name` (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// How long the answer asks to wait (RFC 9110 section 10.2.3), as it stands there; `received`
    /// is the wall-clock time against which a date is read.
    #[must_use]
    pub fn retry_after(&self, received: Timestamp) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More digits than a u64 holds still ask for a long wait.
            let seconds = || text.parse().unwrap_or(u64::MAX);
            return (!text.is_empty()).then(|| Duration::from_secs(seconds()));
        }
        let date = text
            .get(..text.len().min(64))
            .and_then(|text| httpdate::parse_http_date(text).ok())?;
        let date = Timestamp::try_from(date).ok()?;
        let wait = date.duration_since(received);
        Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
    }

    /// Calls left in the rate limit, where the answer reports it.
    #[must_use]
    pub fn rate_limit_remaining(&self) -> Option<u32> {
        let number = |name| self.header(name)?.trim().parse::<u32>().ok();
        let allowed = number("inin-ratelimit-allowed")?;
        Some(allowed.saturating_sub(number("inin-ratelimit-count")?))
    }

    /// The id that the vendor's support asks for.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.header("inin-correlation-id")
    }
}

/// `text` on one line: control characters become spaces, and what exceeds `cap` characters `…`.
#[must_use]
pub fn printable(text: &str, cap: usize) -> String {
    let visible = |character: char| {
        if is_unprintable(character) {
            ' '
        } else {
            character
        }
    };
    let mut kept: String = text.chars().take(cap).map(visible).collect();
    if text.chars().nth(cap).is_some() {
        kept.push('…');
    }
    kept.trim().to_owned()
}

/// Control characters, and the format characters that reorder or hide text on a terminal.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_on_its_line() {
        assert_eq!(printable("a\r\n\u{1b}[31mb\0", 20), "a   [31mb");
        assert_eq!(printable("right\u{202e}left", 20), "right left");
        assert_eq!(printable("abcdef", 3), "abc…");
        assert_eq!(printable("ää", 2), "ää");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let wait = |value: &str| {
            let answer = Answer {
                headers: vec![("retry-after".to_owned(), value.to_owned())],
                ..Answer::default()
            };
            answer.retry_after(now).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("42"), Some(42));
        assert_eq!(wait(" 7 "), Some(7));
        assert_eq!(wait(&"9".repeat(30)), Some(u64::MAX));
        assert_eq!(wait("Mon, 23 Nov 2026 12:01:00 GMT"), Some(60));
        assert_eq!(wait("Mon, 23 Nov 2026 11:00:00 GMT"), Some(0));
        for nonsense in ["", "-1", "soon", "1.5", &"x".repeat(10_000)] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
    }
}

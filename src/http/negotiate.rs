//! Which representation of a diagnosis a client prefers (RFC 9110 section 12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

use super::problem::{Kind, Problem};

/// A representation of a diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Text,
    /// What the diagnosis rests on, as a file; only where it is asked for by name.
    Evidence,
}

/// The values of `?format=` for a diagnosis.
pub(super) const FORMATS: [(&str, Format); 3] = [
    ("json", Format::Json),
    ("text", Format::Text),
    ("evidence", Format::Evidence),
];

/// The type of saved evidence.
pub(super) const EVIDENCE: &str = "application/vnd.why403.evidence+json";

/// The representations of a diagnosis, the one for those who do not care first among equals.
const DIAGNOSIS: &[Offer<Format>] = &[
    Offer {
        kind: "application",
        subtype: "vnd.why403.evidence+json",
        by_name_only: true,
        choice: Format::Evidence,
    },
    Offer::new("application", "json", Format::Json),
    Offer::new("text", "plain", Format::Text),
];

/// A representation, and the media type that asks for it.
#[derive(Debug)]
pub(super) struct Offer<T> {
    kind: &'static str,
    subtype: &'static str,
    /// Whether `*/*` and the like do not mean it.
    by_name_only: bool,
    choice: T,
}

impl<T> Offer<T> {
    /// What is offered as the type `kind/subtype`.
    pub(super) const fn new(kind: &'static str, subtype: &'static str, choice: T) -> Self {
        Self {
            kind,
            subtype,
            by_name_only: false,
            choice,
        }
    }
}

/// The representation of a diagnosis that the `Accept` headers prefer; JSON when they do not care.
///
/// # Errors
/// A problem when they accept none.
pub(super) fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    preferred(headers, DIAGNOSIS)
        .ok_or_else(|| not_acceptable("a diagnosis is application/json or text/plain"))
}

/// What to say when none is accepted.
pub(super) fn not_acceptable(detail: &str) -> Problem {
    Problem::new(Kind::NotAcceptable, detail)
}

/// The offer that the `Accept` headers prefer, the first among equals; none when they accept none.
pub(super) fn preferred<T: Copy>(headers: &HeaderMap, offers: &[Offer<T>]) -> Option<T> {
    let lines = headers.get_all(ACCEPT).into_iter();
    let lines = lines.map(|line| line.to_str().unwrap_or(""));
    let mut ranges: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
    if ranges.iter().all(|range| range.trim().is_empty()) {
        ranges = vec!["*/*"];
    }
    let quality = |offer: &Offer<T>| {
        let mut preference = Preference::default();
        for range in &ranges {
            preference.consider(range, offer.kind, offer.subtype);
        }
        let counts = preference.specificity == NAMED || !offer.by_name_only;
        if counts { preference.quality } else { 0 }
    };
    let mut best: Option<(u16, T)> = None;
    for offer in offers {
        let quality = quality(offer);
        if quality > best.map_or(0, |(best, _)| best) {
            best = Some((quality, offer.choice));
        }
    }
    best.map(|(_, choice)| choice)
}

/// The specificity of a range that names the type.
const NAMED: u8 = 3;

/// The quality (0 to 1000) that the most specific matching range gives to one media type.
#[derive(Default)]
struct Preference {
    specificity: u8,
    quality: u16,
}

impl Preference {
    fn consider(&mut self, range: &str, kind: &str, subtype: &str) {
        let mut parts = range.split(';').map(str::trim);
        let Some((range_kind, range_subtype)) = parts.next().and_then(|it| it.split_once('/'))
        else {
            return;
        };
        let specificity = match (range_kind, range_subtype) {
            ("*", "*") => 1,
            (k, "*") if k.eq_ignore_ascii_case(kind) => 2,
            (k, s) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => NAMED,
            _ => return,
        };
        if specificity >= self.specificity {
            self.specificity = specificity;
            self.quality = parts.find_map(quality).unwrap_or(1000);
        }
    }
}

/// The value of a `q` parameter in thousandths; a malformed one counts as 0.
fn quality(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, decimals) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{decimals:0<3}").parse().unwrap_or(0);
    Some(match whole {
        "0" if digits => thousandths,
        "1" if digits && thousandths == 0 => 1000,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn of(accept: &str) -> Option<Format> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        format(&headers).ok()
    }

    #[test]
    fn qualities_and_specific_ranges_decide() {
        assert_eq!(format(&HeaderMap::new()).ok(), Some(Format::Json));
        for (accept, expected) in [
            ("", Some(Format::Json)),
            ("*/*", Some(Format::Json)),
            ("application/json", Some(Format::Json)),
            ("text/plain", Some(Format::Text)),
            ("TEXT/Plain; charset=utf-8", Some(Format::Text)),
            ("text/*", Some(Format::Text)),
            ("text/plain, */*;q=0.1", Some(Format::Text)),
            (
                "text/plain;q=0.5, application/json;q=0.4",
                Some(Format::Text),
            ),
            ("text/plain;q=0.5, application/json", Some(Format::Json)),
            ("text/plain;q=0.001, application/*;q=0", Some(Format::Text)),
            ("application/json;q=0, */*", Some(Format::Text)),
            (
                "text/html, application/xhtml+xml, */*;q=0.8",
                Some(Format::Json),
            ),
            (EVIDENCE, Some(Format::Evidence)),
            (
                "application/vnd.why403.evidence+json, */*",
                Some(Format::Evidence),
            ),
            ("application/*", Some(Format::Json)),
            ("text/plain;q=7", None),
            ("text/plain;q=0.0000", None),
            ("image/png", None),
            ("*/*;q=0", None),
            ("nonsense", None),
            (";;;,,,/", None),
        ] {
            assert_eq!(of(accept), expected, "{accept}");
        }
    }
}

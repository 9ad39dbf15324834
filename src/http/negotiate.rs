//! Which representation of a diagnosis a client prefers (RFC 9110 section 12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

use super::problem::{Kind, Problem};

/// A representation of a diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Text,
}

/// The values of `?format=`.
pub(super) const FORMATS: [(&str, Format); 2] = [("json", Format::Json), ("text", Format::Text)];

/// The representation that the `Accept` headers prefer; JSON when they do not care.
///
/// # Errors
/// A problem when they accept neither.
pub(super) fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    let mut json = Preference::default();
    let mut text = Preference::default();
    let mut any = false;
    for line in headers.get_all(ACCEPT) {
        for range in line.to_str().unwrap_or("").split(',') {
            any |= !range.trim().is_empty();
            json.consider(range, "application", "json");
            text.consider(range, "text", "plain");
        }
    }
    if !any || (json.quality > 0 && json.quality >= text.quality) {
        Ok(Format::Json)
    } else if text.quality > 0 {
        Ok(Format::Text)
    } else {
        let detail = "a diagnosis is application/json or text/plain";
        Err(Problem::new(Kind::NotAcceptable, detail))
    }
}

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
            (k, s) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => 3,
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

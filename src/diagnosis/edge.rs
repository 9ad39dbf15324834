//! Whether an answer was made by something in front of the platform.
//!
//! Normal answers pass through a content delivery network too, so that `Via` or `X-Cache` alone
//! prove nothing. What counts is who made the answer: a body that the platform does not make,
//! without the correlation id that the platform always sends.

use super::body::Body;
use crate::evidence::Answer;

/// What points to an edge, in words for people; `None` when nothing does.
pub(super) fn trace(answer: &Answer, body: &Body) -> Option<String> {
    if answer.correlation_id().is_some() {
        return None;
    }
    let says_something = body.error().is_some_and(|error| error.code.is_some());
    if says_something {
        return None;
    }
    maker(answer)
        .or_else(|| (*body == Body::Html).then(|| "the body is an HTML page".to_owned()))
        .or_else(|| page_text(answer).map(|text| format!("the body says {text:?}")))
}

/// Headers that only the maker of an answer sets.
fn maker(answer: &Answer) -> Option<String> {
    const SERVERS: &[&str] = &[
        "cloudfront",
        "awselb",
        "cloudflare",
        "akamaighost",
        "imperva",
        "incapsula",
        "sucuri",
        "big-ip",
        "zscaler",
        "squid",
        "varnish",
        "netskope",
    ];
    const HEADERS: &[&str] = &[
        "x-amzn-waf-action",
        "x-amzn-errortype",
        "cf-ray",
        "cf-mitigated",
        "x-iinfo",
        "x-akamai-request-id",
        "x-squid-error",
        "proxy-authenticate",
    ];
    let server = answer.header("server").unwrap_or_default();
    let lower = server.to_ascii_lowercase();
    if SERVERS.iter().any(|name| lower.contains(name)) {
        return Some(format!("the answer was made by the server {server:?}"));
    }
    HEADERS
        .iter()
        .find_map(|name| Some((name, answer.header(name)?)))
        .map(|(name, value)| format!("the header {name}: {value}"))
}

/// Phrases of well-known block pages.
fn page_text(answer: &Answer) -> Option<&'static str> {
    const PHRASES: &[&str] = &[
        "request blocked",
        "the request could not be satisfied",
        "<code>accessdenied",
        "reference #",
        "you have been blocked",
        "blocked by",
        "web application firewall",
        "url filtering",
        "incident id",
        "support id",
        "request rejected",
    ];
    let start: String = answer.body.chars().take(4_096).collect();
    let lower = start.to_ascii_lowercase();
    PHRASES
        .iter()
        .copied()
        .find(|phrase| lower.contains(phrase))
}

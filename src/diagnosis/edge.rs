//! Whether an answer was made by something in front of the platform.
//!
//! Normal answers pass through a content delivery network too, so that `Via` or `X-Cache` alone
//! prove nothing. What counts is who made the answer: a body that the platform does not make,
//! without the correlation id that the platform always sends.

use super::body::Body;
use crate::evidence::Answer;

/// What points to an edge.
pub(super) struct Trace {
    /// In words for people.
    pub(super) says: String,
    /// Whether only the maker of an answer leaves such a trace; everything else is also left on
    /// answers that merely passed through.
    pub(super) by_its_maker: bool,
}

/// What points to an edge; `None` when nothing does.
pub(super) fn trace(answer: &Answer, body: &Body) -> Option<Trace> {
    if answer.correlation_id().is_some() {
        return None;
    }
    let trace = |by_its_maker| move |says| Trace { says, by_its_maker };
    if let Some(error) = body.error() {
        // An error body that says something is the platform's, or a gateway's that speaks for it.
        let message = error.message_lower();
        let says_something = error.code.is_some()
            || ["permission", "scope", ":"]
                .iter()
                .any(|word| message.contains(word));
        return (!says_something).then(|| maker(answer))?.map(trace(true));
    }
    maker(answer)
        .map(trace(true))
        .or_else(|| passed_through(answer).map(trace(false)))
        .or_else(|| {
            let html = *body == Body::Html;
            html.then(|| "the body is an HTML page".to_owned())
                .map(trace(false))
        })
        .or_else(|| {
            page_text(answer)
                .map(|text| format!("the body says {text:?}"))
                .map(trace(false))
        })
}

/// Headers that only the maker of an answer sets.
fn maker(answer: &Answer) -> Option<String> {
    const SERVERS: &[&str] = &[
        "cloudfront",
        "awselb",
        "akamaighost",
        "big-ip",
        "squid",
        "zscaler",
    ];
    const HEADERS: &[&str] = &[
        "x-amzn-waf-action",
        "x-amzn-errortype",
        "cf-mitigated",
        "x-squid-error",
        "proxy-authenticate",
    ];
    named_by(answer, SERVERS, HEADERS)
        .map(|header| format!("the answer was made by an edge or proxy ({header})"))
}

/// Headers that an edge sets on everything that passes through it.
fn passed_through(answer: &Answer) -> Option<String> {
    const SERVERS: &[&str] = &[
        "cloudflare",
        "imperva",
        "incapsula",
        "sucuri",
        "varnish",
        "netskope",
    ];
    const HEADERS: &[&str] = &["cf-ray", "x-iinfo", "x-akamai-request-id"];
    named_by(answer, SERVERS, HEADERS)
        .map(|header| format!("the answer came through an edge or proxy ({header})"))
}

fn named_by(answer: &Answer, servers: &[&str], headers: &[&str]) -> Option<String> {
    let mut all = answer.headers.iter().filter(|(name, _)| name == "server");
    let known = |(_, server): &&(String, String)| {
        let lower = server.to_ascii_lowercase();
        servers.iter().any(|name| lower.contains(name))
    };
    if let Some((_, server)) = all.find(known) {
        return Some(format!("server: {server}"));
    }
    let (name, value) = headers
        .iter()
        .find_map(|name| Some((name, answer.header(name)?)))?;
    Some(format!("{name}: {value}"))
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

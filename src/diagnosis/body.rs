//! Reading the body of a refusal, whatever it is.
//!
//! Bodies come from the platform, from gateways that imitate it, from edges and from proxies.
//! Nothing here panics, and neither lengths nor types are trusted.

use serde_json::{Map, Value};

use crate::evidence::{Answer, printable};

/// Most characters of a code that are kept.
const CODE_CAP: usize = 120;
/// Most characters of a message that are kept.
const MESSAGE_CAP: usize = 2_000;
/// Most characters that an excerpt of an unreadable body has.
const EXCERPT_CAP: usize = 300;

/// What a body turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Nothing, or white space.
    Empty,
    /// A JSON object, read as an error.
    Error(ErrorBody),
    /// JSON, but no object.
    OtherJson,
    /// A page for people.
    Html,
    /// Anything else.
    Text,
}

/// The vendor's `ErrorBody`, the original specification's shape and OAuth's, all read alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorBody {
    /// `code`, the specification's `errorCode`, or OAuth's `error`; lower case is not forced.
    pub(super) code: Option<String>,
    /// The text for people.
    pub(super) message: Option<String>,
    /// The values of `messageParams`.
    pub(super) params: Vec<String>,
    /// Scopes that the body names in a field of their own (RFC 6750 section 3).
    pub(super) scope: Option<String>,
}

/// Fields that hold a code, best first.
const CODE_FIELDS: &[&str] = &["code", "errorCode", "error_code", "error"];
/// Fields that hold a text for people, best first.
const MESSAGE_FIELDS: &[&str] = &[
    "message",
    "messageWithParams",
    "errorMessage",
    "error_description",
    "description",
    "detail",
    "title",
];

impl Body {
    pub(super) fn read(answer: &Answer) -> Self {
        let text = answer.body.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Self::Empty;
        }
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(object)) => Self::Error(ErrorBody::read(&object)),
            Ok(_) => Self::OtherJson,
            Err(_) if answer.truncated && text.starts_with('{') => {
                Self::Error(ErrorBody::salvage(text))
            }
            Err(_) if is_html(text) => Self::Html,
            Err(_) => Self::Text,
        }
    }

    pub(super) fn error(&self) -> Option<&ErrorBody> {
        match self {
            Self::Error(error) => Some(error),
            _ => None,
        }
    }
}

impl ErrorBody {
    fn read(object: &Map<String, Value>) -> Self {
        let own = Self {
            code: first_text(object, CODE_FIELDS, CODE_CAP),
            message: first_text(object, MESSAGE_FIELDS, MESSAGE_CAP),
            params: params(object),
            scope: first_text(object, &["scope", "scopes", "required_scope"], CODE_CAP),
        };
        let nested = ["errors", "error", "details"]
            .iter()
            .filter_map(|field| object.get(*field))
            .filter_map(|value| match value {
                Value::Array(items) => items.first().and_then(Value::as_object),
                Value::Object(inner) => Some(inner),
                _ => None,
            });
        // A wrapper without a code or message of its own speaks through what it wraps.
        nested.fold(own, |outer, inner| Self {
            code: outer
                .code
                .or_else(|| first_text(inner, CODE_FIELDS, CODE_CAP)),
            message: outer
                .message
                .or_else(|| first_text(inner, MESSAGE_FIELDS, MESSAGE_CAP)),
            ..outer
        })
    }

    /// Reads code and message from JSON whose end is missing.
    fn salvage(text: &str) -> Self {
        let field = |names: &[&str], cap| {
            names
                .iter()
                .find_map(|name| string_after_key(text, name))
                .map(|value| printable(&value, cap))
        };
        Self {
            code: field(CODE_FIELDS, CODE_CAP),
            message: field(MESSAGE_FIELDS, MESSAGE_CAP),
            ..Self::default()
        }
    }

    /// The code in lower case, for comparison.
    pub(super) fn code_lower(&self) -> String {
        self.code
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase()
    }

    /// The message in lower case, for comparison.
    pub(super) fn message_lower(&self) -> String {
        self.message.as_deref().unwrap_or_default().to_lowercase()
    }

    /// Whether it says anything at all.
    pub(super) fn is_silent(&self) -> bool {
        self.code.is_none() && self.message.is_none()
    }
}

/// A short, printable piece of a body that is no error body.
pub(super) fn excerpt(answer: &Answer) -> Option<String> {
    let text = printable(answer.body.trim_start_matches('\u{feff}'), EXCERPT_CAP);
    (!text.is_empty()).then_some(text)
}

fn first_text(object: &Map<String, Value>, names: &[&str], cap: usize) -> Option<String> {
    names.iter().find_map(|name| {
        let text = match object.get(*name)? {
            Value::String(text) => printable(text, cap),
            Value::Number(number) => number.to_string(),
            Value::Array(items) => items
                .iter()
                .filter_map(Value::as_str)
                .map(|item| printable(item, cap))
                .take(20)
                .collect::<Vec<_>>()
                .join(" "),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    })
}

fn params(object: &Map<String, Value>) -> Vec<String> {
    object
        .get("messageParams")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::values)
        .filter_map(Value::as_str)
        .take(20)
        .map(|value| printable(value, MESSAGE_CAP))
        .collect()
}

fn string_after_key(text: &str, key: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("\"{key}\""))?;
    let value = rest.trim_start().strip_prefix(':')?.trim_start();
    serde_json::Deserializer::from_str(value)
        .into_iter::<String>()
        .next()?
        .ok()
}

fn is_html(text: &str) -> bool {
    let start: String = text
        .chars()
        .take(512)
        .collect::<String>()
        .to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body", "<title", "<h1"]
        .iter()
        .any(|tag| start.contains(tag))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> Body {
        Body::read(&Answer {
            status: 403,
            body: body.to_owned(),
            ..Answer::default()
        })
    }

    fn error(body: &str) -> (Option<String>, Option<String>) {
        let error = read(body)
            .error()
            .cloned()
            .unwrap_or_else(|| panic!("no error body: {body}"));
        (error.code, error.message)
    }

    fn some(code: &str, message: &str) -> (Option<String>, Option<String>) {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (text(code), text(message))
    }

    #[test]
    fn every_dialect_of_error_body_is_read() {
        for (body, code, message) in [
            (r#"{"code":"not.found","message":"m"}"#, "not.found", "m"),
            (
                r#"{"errorCode":"insufficient_scope","message":"m"}"#,
                "insufficient_scope",
                "m",
            ),
            (
                r#"{"error":"invalid_client","description":"d"}"#,
                "invalid_client",
                "d",
            ),
            (
                "\u{feff} {\"code\":\"a\",\"messageWithParams\":\"b {c}\"}",
                "a",
                "b {c}",
            ),
            (r#"{"errors":[{"code":"a","message":"b"}]}"#, "a", "b"),
            (r#"{"error":{"code":"a","message":"b"}}"#, "a", "b"),
            (r#"{"message":"only"}"#, "", "only"),
            (r#"{"code":403,"message":["x","y"]}"#, "403", "x y"),
            (r#"{"code":{"a":1},"message":null}"#, "", ""),
            (r#"{"code":"","message":"  "}"#, "", ""),
            (
                "{\"code\":\"a\",\"message\":\"one\\r\\n\\u001b[31mtwo\"}",
                "a",
                "one   [31mtwo",
            ),
        ] {
            assert_eq!(error(body), some(code, message), "{body}");
        }
    }

    #[test]
    fn what_is_no_error_body_is_told_apart() {
        assert_eq!(read(""), Body::Empty);
        assert_eq!(read(" \r\n\t"), Body::Empty);
        assert_eq!(read("\u{feff}"), Body::Empty);
        assert_eq!(read("[]"), Body::OtherJson);
        assert_eq!(read("null"), Body::OtherJson);
        assert_eq!(read("\"text\""), Body::OtherJson);
        assert_eq!(read("<!DOCTYPE html><html>"), Body::Html);
        assert_eq!(
            read("<?xml version='1.0'?><Error>AccessDenied</Error>"),
            Body::Text
        );
        assert_eq!(read("{\"code\":"), Body::Text);
    }

    #[test]
    fn a_body_cut_at_the_cap_still_tells_its_code() {
        let answer = Answer {
            status: 403,
            body: r#"{"message":"M [a:b:c]","code" : "missing.permissions","details":[{"x":"#
                .to_owned(),
            truncated: true,
            ..Answer::default()
        };
        let body = Body::read(&answer);
        assert_eq!(
            body.error().and_then(|error| error.code.as_deref()),
            Some("missing.permissions")
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String, truncated: bool) {
            let answer = Answer { status: 403, body: text, truncated, ..Answer::default() };
            let body = Body::read(&answer);
            let excerpt = excerpt(&answer);
            prop_assert!(excerpt.is_none_or(|excerpt| !excerpt.contains('\n')));
            if let Some(error) = body.error() {
                prop_assert!(error.message.as_deref().is_none_or(|m| !m.chars().any(char::is_control)));
            }
        }

        #[test]
        fn no_json_makes_it_panic(code in any::<Option<f64>>(), message: String, depth in 0..200_usize) {
            let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            let text = format!(
                "{{\"code\":{},\"message\":{},\"errors\":{nested}}}",
                code.filter(|c| c.is_finite()).map_or("null".to_owned(), |c| c.to_string()),
                serde_json::to_string(&message).unwrap(),
            );
            read(&text);
        }
    }
}

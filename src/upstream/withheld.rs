//! What is never said of one credential: every secret that its calls sent, and every token that
//! their answers brought.
//!
//! An answer may repeat what another call sent: one gateway often serves both the login host and
//! the API, and logs what it saw of a caller.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::scrub::Scrubber;

/// Most secrets that are remembered; those that were used longest ago are forgotten.
const MOST: usize = 24;

/// Fields of an answer that hold a token (RFC 6749, section 5.1).
const TOKEN_FIELDS: &[&str] = &["access_token", "refresh_token", "id_token"];

/// Whatever is shorter is no token.
const SHORTEST_TOKEN: usize = 12;

/// The same for what has no digit, as names of errors have none.
const SHORTEST_OF_LETTERS: usize = 20;

/// The secrets of one credential; clones share them.
#[derive(Clone, Default)]
pub struct Withheld(Arc<Mutex<Vec<SecretString>>>);

impl Withheld {
    /// Remembers a secret.
    pub(super) fn add(&self, secret: &str) {
        let mut all = self.locked();
        let known = all.iter().position(|one| one.expose_secret() == secret);
        let secret = known.map_or_else(|| SecretString::from(secret), |at| all.remove(at));
        all.push(secret);
        let excess = all.len().saturating_sub(MOST);
        all.drain(..excess);
    }

    /// Remembers the tokens in an answer's body or in one of its headers.
    pub(super) fn add_tokens(&self, text: &str) {
        if !TOKEN_FIELDS.iter().any(|name| text.contains(name)) {
            return;
        }
        if let Ok(value) = serde_json::from_str(text.trim_start_matches('\u{feff}')) {
            self.add_fields(&value);
        }
        for name in TOKEN_FIELDS {
            for (at, _) in text.match_indices(name) {
                let rest = text.get(at + name.len()..).unwrap_or_default();
                if let Some(token) = token_after_name(rest) {
                    self.add(token);
                }
            }
        }
    }

    /// A text without any of them.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        self.scrubber(&[]).scrub(text)
    }

    /// What removes them, and `others`.
    pub(super) fn scrubber(&self, others: &[SecretString]) -> Scrubber {
        Scrubber::new(self.locked().iter().chain(others))
    }

    fn add_fields(&self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.add_fields(item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(token) if TOKEN_FIELDS.contains(&name.as_str()) => {
                            if is_token_like(token) {
                                self.add(token);
                            }
                        }
                        _ => self.add_fields(value),
                    }
                }
            }
            _ => {}
        }
    }

    fn locked(&self) -> MutexGuard<'_, Vec<SecretString>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows how many there are.
impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Withheld({})", self.locked().len())
    }
}

/// The token in `=…`, `": "…`, `\":\"…` and the like: in a URL, a form, or JSON that is broken or
/// stands within a text.
fn token_after_name(rest: &str) -> Option<&str> {
    let quoted = |it: char| it.is_whitespace() || matches!(it, '"' | '\'' | '\\');
    let rest = rest.trim_start_matches(quoted);
    let rest = rest.strip_prefix([':', '='])?.trim_start_matches(quoted);
    let is_part = |it: char| it.is_ascii_alphanumeric() || "-._~+/=%".contains(it);
    let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
    rest.get(..end).filter(|token| is_token_like(token))
}

/// Whether it may be a token, and not a word about one: words have to stay in what is read.
fn is_token_like(text: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| text.as_bytes().iter().any(kind);
    let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    text.bytes().all(|byte| byte.is_ascii_graphic())
        && ((text.len() >= SHORTEST_TOKEN && has(u8::is_ascii_digit))
            || (text.len() >= SHORTEST_OF_LETTERS && is_mixed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let withheld = Withheld::default();
        withheld.add_tokens(text);
        let all = withheld.locked();
        all.iter().map(|it| it.expose_secret().to_owned()).collect()
    }

    #[test]
    fn tokens_are_found_wherever_an_answer_has_them() {
        for text in [
            r#"{"access_token":"abcdefghijk1","expires_in":1}"#,
            r#"{"a":[{"refresh_token":"abcdefghijk1"}]}"#,
            r#"{"access_token" : "abcdefghijk1","#,
            r#"{"message":"got {\"id_token\":\"abcdefghijk1\"}"}"#,
            "https://host/#access_token=abcdefghijk1&state=1",
            "access_token=abcdefghijk1",
        ] {
            assert_eq!(tokens(text), ["abcdefghijk1"], "{text}");
        }
        let odd = r#"{"access_token":"odd\"one\"/12345"}"#;
        assert_eq!(tokens(odd), ["odd\"one\"/12345"]);
        assert_eq!(tokens(r#"{"id_token":"ofLettersAlone.andLong"}"#).len(), 1);
        for text in [
            "",
            r#"{"access_token":"TokenIsMissing"}"#,
            "the access_token is required",
            r#"{"access_token":null}"#,
            r#"{"error_description":"access_token: missing"}"#,
            r#"{"errors":{"access_token":"missing.permissions"}}"#,
            r#"{"errors":{"access_token":"is not one of the 12 that are valid"}}"#,
        ] {
            assert!(tokens(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn what_was_used_longest_ago_is_forgotten_first() {
        let withheld = Withheld::default();
        withheld.add("first-secret");
        for number in 0..MOST - 1 {
            withheld.add(&format!("token-{number:03}"));
            withheld.add("first-secret");
        }
        withheld.add("one-too-many");
        let said = withheld.scrub("first-secret token-000 token-001 one-too-many");
        assert_eq!(said, "[redacted] token-000 [redacted] [redacted]");
        assert_eq!(format!("{withheld:?}"), format!("Withheld({MOST})"));
    }
}

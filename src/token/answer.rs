//! Reading the token endpoint's success (RFC 6749 section 5.1).

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::policy::{DEFAULT_LIFETIME, LONGEST_LIFETIME, SHORTEST_LIFETIME};
use crate::config::{SecretKind, secret_can_be};
use crate::evidence::printable;

/// Most scopes that are kept.
const MOST_SCOPES: usize = 100;

/// Most characters of a scope that are kept.
const SCOPE_CAP: usize = 200;

/// What a success grants.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) value: SecretString,
    /// How long the token lives: what the answer says, or what is assumed.
    pub(super) lifetime: Duration,
    /// Whether the answer says it.
    pub(super) stated: bool,
    /// The scopes that the answer names; `None` when it names none.
    pub(super) scopes: Option<Vec<String>>,
}

/// Reads the body of a success.
///
/// # Errors
/// Says why it holds no usable token, without repeating any of it.
pub(super) fn granted(body: &SecretString) -> Result<Granted, &'static str> {
    let body = body.expose_secret();
    if body.trim().is_empty() {
        return Err("the answer is empty");
    }
    let Ok(answer) = serde_json::from_str::<Value>(body) else {
        return Err("the answer is no JSON");
    };
    let Value::Object(answer) = answer else {
        return Err("the answer is JSON, but no object");
    };
    let value = match answer.get("access_token") {
        Some(Value::String(value)) if !value.is_empty() => value,
        Some(Value::String(_)) => return Err("the answer's access_token is empty"),
        Some(_) => return Err("the answer's access_token is no text"),
        None => return Err("the answer has no access_token"),
    };
    if !can_be_sent(value) {
        return Err("the answer's access_token has characters that no header may carry");
    }
    match answer.get("token_type") {
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => {}
        Some(_) => return Err("the answer's token_type is not bearer"),
    }
    let lifetime = lifetime(&answer)?;
    Ok(Granted {
        value: SecretString::from(value.as_str()),
        lifetime: lifetime.unwrap_or(DEFAULT_LIFETIME),
        stated: lifetime.is_some(),
        scopes: scopes(&answer),
    })
}

/// The refresh token of a success, if there is one that can be stored and read again.
///
/// It counts also when the rest of the answer is of no use: the one before it may be dead by now.
pub(super) fn refresh_token(body: &SecretString) -> Option<SecretString> {
    let answer: Value = serde_json::from_str(body.expose_secret()).ok()?;
    let token = answer.get("refresh_token")?.as_str()?;
    secret_can_be(token, SecretKind::Field).then(|| SecretString::from(token))
}

/// Whether a token fits into a header: RFC 6750's `b64token` is a part of visible ASCII.
pub(super) fn can_be_sent(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `expires_in` in seconds, in any type that means a number; none when it is missing.
fn lifetime(answer: &Map<String, Value>) -> Result<Option<Duration>, &'static str> {
    const UNREADABLE: &str = "the answer's expires_in is no number of seconds";
    let seconds = match answer.get("expires_in") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    let seconds = seconds
        .filter(|seconds: &f64| !seconds.is_nan())
        .ok_or(UNREADABLE)?;
    if seconds < SHORTEST_LIFETIME.as_secs_f64() {
        return Err("the token expires on arrival");
    }
    let lifetime = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    Ok(Some(lifetime.min(LONGEST_LIFETIME)))
}

fn scopes(answer: &Map<String, Value>) -> Option<Vec<String>> {
    let text = answer.get("scope")?.as_str()?;
    let scopes = text.split_ascii_whitespace().take(MOST_SCOPES);
    // Of one that has nothing printable nothing is left.
    let scopes = scopes.map(|scope| printable(scope, SCOPE_CAP));
    let scopes: Vec<_> = scopes.filter(|scope| !scope.is_empty()).collect();
    (!scopes.is_empty()).then_some(scopes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> Result<u64, &'static str> {
        granted(&SecretString::from(body)).map(|granted| granted.lifetime.as_secs())
    }

    fn with_expiry(expires_in: &str) -> Result<u64, &'static str> {
        read(&format!(
            r#"{{"access_token":"t","token_type":"bearer","expires_in":{expires_in}}}"#
        ))
    }

    #[test]
    fn lifetimes_are_read_in_every_type_that_means_one() {
        assert_eq!(with_expiry("3600"), Ok(3_600));
        assert_eq!(with_expiry("3600.9"), Ok(3_600));
        assert_eq!(with_expiry("\"3600\""), Ok(3_600));
        assert_eq!(with_expiry("1e30"), Ok(172_800));
        assert_eq!(with_expiry("\"inf\""), Ok(172_800));
        assert_eq!(with_expiry("18446744073709551615"), Ok(172_800));
        assert_eq!(with_expiry("null"), Ok(300));
        assert_eq!(read(r#"{"access_token":"t"}"#), Ok(300));
    }

    #[test]
    fn a_token_that_is_dead_on_arrival_is_a_failed_attempt() {
        for expires_in in ["0", "-1", "5", "\"-7\"", "-1e30"] {
            assert_eq!(
                with_expiry(expires_in),
                Err("the token expires on arrival"),
                "{expires_in}"
            );
        }
        assert_eq!(with_expiry("10"), Ok(10), "short, and of use");
    }

    #[test]
    fn what_holds_no_usable_token_is_said() {
        for body in [
            "",
            " ",
            "<html>",
            "[]",
            "null",
            "{}",
            r#"{"access_token":null}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":["a"]}"#,
            r#"{"access_token":"a\r\nX: y"}"#,
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"é"}"#,
            r#"{"access_token":"a\u0000"}"#,
            r#"{"access_token":"t","token_type":"mac"}"#,
            r#"{"access_token":"t","token_type":7}"#,
            r#"{"access_token":"t","expires_in":"soon"}"#,
            r#"{"access_token":"t","expires_in":"NaN"}"#,
            r#"{"access_token":"t","expires_in":{}}"#,
            "\u{feff}{\"access_token\":\"t\"}",
        ] {
            assert!(read(body).is_err(), "{body}");
        }
        let empty = read(r#"{"access_token":""}"#);
        assert_eq!(empty, Err("the answer's access_token is empty"));
    }

    #[test]
    fn scopes_are_kept_when_named() {
        let scopes = |body: &str| granted(&SecretString::from(body)).unwrap().scopes;
        assert_eq!(
            scopes(r#"{"access_token":"t","scope":"routing  users:readonly"}"#),
            Some(vec!["routing".to_owned(), "users:readonly".to_owned()])
        );
        assert_eq!(
            scopes(r#"{"access_token":"t","scope":"\u0001 routing \u200b"}"#),
            Some(vec!["routing".to_owned()])
        );
        assert_eq!(scopes(r#"{"access_token":"t","scope":"\u200b"}"#), None);
        assert_eq!(scopes(r#"{"access_token":"t","scope":""}"#), None);
        assert_eq!(scopes(r#"{"access_token":"t","scope":7}"#), None);
    }

    #[test]
    fn a_refresh_token_is_found_whatever_else_is_wrong() {
        let token = |body: &str| {
            let found = refresh_token(&SecretString::from(body));
            found.map(|token| token.expose_secret().to_owned())
        };
        for body in [
            r#"{"access_token":"t","refresh_token":"r"}"#,
            r#"{"access_token":"t","expires_in":0,"refresh_token":"r"}"#,
            r#"{"refresh_token":"r"}"#,
        ] {
            assert_eq!(token(body).as_deref(), Some("r"), "{body}");
        }
        for body in [
            "",
            "[]",
            r#"{"access_token":"t"}"#,
            r#"{"refresh_token":null}"#,
            r#"{"refresh_token":""}"#,
            r#"{"refresh_token":7}"#,
            r#"{"refresh_token":"a\nb"}"#,
            r#"{"refresh_token":" a"}"#,
        ] {
            assert_eq!(token(body), None, "{body}");
        }
        let long = format!(r#"{{"refresh_token":"{}"}}"#, "r".repeat(64 * 1024 + 1));
        assert_eq!(token(&long), None);
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body: String, number: f64) {
            drop(granted(&SecretString::from(body)));
            for text in [number.to_string(), format!("\"{number}\"")] {
                let life = with_expiry(&text);
                prop_assert!(number < 10.0 || life.is_ok_and(|life| life <= 172_800), "{}", text);
            }
        }
    }
}

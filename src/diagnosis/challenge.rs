//! The `WWW-Authenticate` challenge of RFC 6750 section 3.

use crate::evidence::{Answer, printable};

/// What a bearer challenge says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    /// Whether there is a bearer challenge at all.
    pub(super) is_bearer: bool,
    pub(super) error: Option<String>,
    pub(super) description: Option<String>,
    pub(super) scope: Option<String>,
}

impl Challenge {
    /// The bearer challenge of an answer; empty when it has none.
    pub(super) fn read(answer: &Answer) -> Self {
        answer
            .headers
            .iter()
            .filter(|(name, _)| name == "www-authenticate")
            .find_map(|(_, value)| Self::parse(value))
            .unwrap_or_default()
    }

    fn parse(value: &str) -> Option<Self> {
        let at = value.to_ascii_lowercase().find("bearer")?;
        let mut rest = value.get(at..)?.get("bearer".len()..)?;
        let mut challenge = Self {
            is_bearer: true,
            ..Self::default()
        };
        while let Some((name, value, after)) = parameter(rest) {
            let slot = match name.to_ascii_lowercase().as_str() {
                "error" => Some(&mut challenge.error),
                "error_description" => Some(&mut challenge.description),
                "scope" => Some(&mut challenge.scope),
                _ => None,
            };
            if let Some(slot) = slot {
                slot.get_or_insert_with(|| printable(&value, 300));
            }
            rest = after;
        }
        Some(challenge)
    }
}

/// The next `name="value"` or `name=value`, and what follows it.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let text = text.trim_start_matches([' ', '\t', ',']);
    let (name, rest) = text.split_once('=')?;
    let rest = rest.trim_start();
    let (value, after) = if let Some(quoted) = rest.strip_prefix('"') {
        quoted_string(quoted)
    } else {
        let end = rest.find([',', ' ']).unwrap_or(rest.len());
        let (value, after) = rest.split_at(end);
        (value.to_owned(), after)
    };
    Some((name.trim(), value, after))
}

/// The text up to the closing quote with escapes undone, and what follows it.
fn quoted_string(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(value: &str) -> (Option<String>, Option<String>) {
        let challenge = Challenge::parse(value).unwrap_or_default();
        (challenge.error, challenge.scope)
    }

    #[test]
    fn bearer_challenges_are_read() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            parse(
                r#"Bearer realm="x", error="insufficient_scope", scope="routing routing:readonly""#
            ),
            (some("insufficient_scope"), some("routing routing:readonly"))
        );
        assert_eq!(
            parse("bearer error=insufficient_scope"),
            (some("insufficient_scope"), None)
        );
        assert_eq!(
            parse(r#"Basic realm="a", Bearer error="invalid_token""#),
            (some("invalid_token"), None)
        );
        assert_eq!(parse(r#"Bearer scope="a \"b\"""#), (None, some("a \"b\"")));
        assert_eq!(parse("Bearer"), (None, None));
        assert_eq!(parse("Basic realm=x"), (None, None));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(text: String) {
            Challenge::parse(&text);
            Challenge::parse(&format!("Bearer {text}"));
        }
    }
}

//! Why a 403: what one answer can say, and how far it can be trusted.

use super::body::{Body, ErrorBody, excerpt};
use super::challenge::Challenge;
use super::permissions::{Named, named};
use super::{Cause, Confidence, Division, Missing, edge};
use crate::evidence::Answer;
use crate::target::{IdentityKind, Operation};

/// What one 403 says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) cause: Cause,
    pub(super) confidence: Confidence,
    pub(super) missing: Missing,
    /// Whether one of the divisions that it names is enough.
    pub(super) any_division: bool,
    /// What the cause was read from, for people.
    pub(super) read_from: String,
}

/// Reads a 403. The rules stand in order, the most telling first, and the last one always fits.
pub(super) fn refusal(answer: &Answer, operation: &Operation, identity: IdentityKind) -> Refusal {
    let body = Body::read(answer);
    let challenge = Challenge::read(answer);
    if challenge.error.as_deref() == Some("insufficient_scope") {
        return by_challenge(&challenge, operation, identity);
    }
    if let Some(trace) = edge::trace(answer, &body) {
        return Refusal {
            cause: Cause::EdgeBlock,
            confidence: if trace.by_its_maker {
                Confidence::Likely
            } else {
                Confidence::Possible
            },
            missing: Missing::default(),
            any_division: false,
            read_from: format!(
                "{}, and there is no correlation id of the platform",
                trace.says
            ),
        };
    }
    match body.error() {
        Some(error) if !error.is_silent() => by_error_body(error, operation, identity),
        Some(_) => unknown("the body is JSON without code or message".to_owned()),
        None if body == Body::OtherJson => {
            unknown("the body is JSON, but no error body".to_owned())
        }
        None => unreadable(&body, answer),
    }
}

fn by_challenge(challenge: &Challenge, operation: &Operation, identity: IdentityKind) -> Refusal {
    Refusal {
        cause: Cause::MissingScope,
        confidence: scope_confidence(identity),
        missing: Missing {
            scopes: scopes(challenge.scope.as_deref(), operation),
            ..Missing::default()
        },
        any_division: false,
        read_from: "the WWW-Authenticate header says insufficient_scope (RFC 6750)".to_owned(),
    }
}

/// Scopes do not apply to client credentials, so that for a machine such an answer is doubtful.
fn scope_confidence(identity: IdentityKind) -> Confidence {
    match identity {
        IdentityKind::Machine => Confidence::Possible,
        IdentityKind::User | IdentityKind::Unknown => Confidence::Likely,
    }
}

fn by_error_body(error: &ErrorBody, operation: &Operation, identity: IdentityKind) -> Refusal {
    let code = error.code_lower();
    let message = error.message.as_deref().unwrap_or_default();
    let mut named = named(&code, message);
    if named.permissions.is_empty() && named.divisions.is_empty() {
        let params = self::named(&code, &error.params.join(" "));
        named.permissions = params.permissions;
        named.divisions = params.divisions;
    }
    let cause = cause(&code, &error.message_lower(), &named);
    let disputed = !named.permissions.is_empty() && !agrees(&named.permissions, operation);
    let missing = match cause {
        Cause::MissingScope => Missing {
            scopes: match error.scope.as_deref().or(scope_in(message)) {
                // The names of the original specification look like permissions.
                None if !named.permissions.is_empty() => named.permissions,
                listed => scopes(listed, operation),
            },
            ..Missing::default()
        },
        Cause::MissingPermission | Cause::MissingDivisionPermission => missing(named, operation),
        Cause::TrustorPermission if !named.permissions.is_empty() => missing(named, operation),
        _ => Missing::default(),
    };
    Refusal {
        cause,
        confidence: confidence(cause, &code, disputed, operation, identity),
        any_division: error
            .message_lower()
            .contains("at least one of the following division"),
        read_from: read_from(error),
        missing,
    }
}

/// The cause that code and message name; codes come first, because texts are translated and vary.
fn cause(code: &str, message: &str, named: &Named) -> Cause {
    let is_permission_code = code.contains("permission");
    let says_scope = has_word(message, "scope") || has_word(message, "scopes");
    if code.replace('.', "_").contains("insufficient_scope") {
        Cause::MissingScope
    } else if code.contains("trustor") {
        Cause::TrustorPermission
    } else if !is_permission_code && says_scope && !message.contains("permission") {
        // Before the names: those of the original specification have the form of permissions.
        Cause::MissingScope
    } else if code == "missing.division.permission"
        || (named.about_divisions && (is_permission_code || !named.permissions.is_empty()))
    {
        Cause::MissingDivisionPermission
    } else if is_permission_code || !named.permissions.is_empty() {
        Cause::MissingPermission
    } else if code == "not.authorized" {
        Cause::ObjectForbidden
    } else if says_scope {
        Cause::MissingScope
    } else if message.contains("permission") || message.contains("access denied") {
        Cause::MissingPermission
    } else {
        Cause::UnknownForbidden
    }
}

/// How far one answer can be trusted; nothing that one answer says of a refusal is proven.
fn confidence(
    cause: Cause,
    code: &str,
    disputed: bool,
    operation: &Operation,
    identity: IdentityKind,
) -> Confidence {
    let known_code = matches!(
        code,
        "missing.permissions"
            | "missing.any.permissions"
            | "missing.division.permission"
            | "missing.trustor.permissions"
            | "not.authorized"
    );
    match cause {
        Cause::MissingScope => scope_confidence(identity),
        // The permission that a message names can be the wrong one.
        Cause::MissingPermission | Cause::MissingDivisionPermission if known_code && !disputed => {
            Confidence::Likely
        }
        Cause::TrustorPermission if known_code => Confidence::Likely,
        // A list is no object: there the code says little.
        Cause::ObjectForbidden if known_code && !operation.lists => Confidence::Likely,
        _ => Confidence::Possible,
    }
}

/// Whether one of these is a permission that the vendor's description requires.
pub(super) fn agrees(named: &[String], operation: &Operation) -> bool {
    operation
        .permissions
        .iter()
        .any(|required| named.iter().any(|named| named == required))
}

fn missing(named: Named, operation: &Operation) -> Missing {
    let found = if named.permissions.is_empty() {
        required(operation)
    } else {
        Missing {
            mode: named.mode.or(Some(operation.mode)),
            permissions: named.permissions,
            ..Missing::default()
        }
    };
    Missing {
        divisions: named
            .divisions
            .into_iter()
            .map(|id| Division { id, name: None })
            .collect(),
        ..found
    }
}

/// What the vendor's description of the operation requires, as if nothing of it were held.
pub(super) fn required(operation: &Operation) -> Missing {
    let permissions = operation.permissions.iter().map(|&text| text.to_owned());
    Missing {
        mode: Some(operation.mode).filter(|_| !operation.permissions.is_empty()),
        permissions: permissions.collect(),
        assumed: true,
        ..Missing::default()
    }
}

/// The scopes that an answer names, or those that the operation accepts.
fn scopes(named: Option<&str>, operation: &Operation) -> Vec<String> {
    let named: Vec<_> = named
        .unwrap_or_default()
        .split([' ', ','])
        .filter(|scope| !scope.is_empty())
        .take(20)
        .map(str::to_owned)
        .collect();
    if named.is_empty() {
        operation
            .scopes
            .iter()
            .map(|&scope| scope.to_owned())
            .collect()
    } else {
        named
    }
}

/// The list in square brackets or quotes behind the word "scope" of a message.
fn scope_in(message: &str) -> Option<&str> {
    let at = message.to_ascii_lowercase().find("scope")?;
    let rest = message.get(at..)?;
    [('[', ']'), ('"', '"'), ('\'', '\'')]
        .iter()
        .find_map(|(open, close)| {
            let (_, inner) = rest.split_once(*open)?;
            let (list, _) = inner.split_once(*close)?;
            (!list.trim().is_empty()).then_some(list)
        })
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric())
        .any(|part| part == word)
}

fn read_from(error: &ErrorBody) -> String {
    match (&error.code, &error.message) {
        (Some(code), _) => format!("the error code {code}"),
        (None, _) => "the words of the message, which carries no error code".to_owned(),
    }
}

fn unknown(read_from: String) -> Refusal {
    Refusal {
        cause: Cause::UnknownForbidden,
        confidence: Confidence::Possible,
        missing: Missing::default(),
        any_division: false,
        read_from,
    }
}

fn unreadable(body: &Body, answer: &Answer) -> Refusal {
    let what = match body {
        Body::Empty => "the body is empty".to_owned(),
        Body::Html => "the body is an HTML page".to_owned(),
        _ => match excerpt(answer) {
            Some(excerpt) => format!("the body is no JSON: {excerpt:?}"),
            None => "the body is no JSON and has no printable character".to_owned(),
        },
    };
    Refusal {
        cause: Cause::UnreadableForbidden,
        confidence: Confidence::Possible,
        missing: Missing::default(),
        any_division: false,
        read_from: what,
    }
}

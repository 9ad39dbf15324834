//! Scopes and permissions, and names that are taken for one or the other.

use super::super::catalogue::{in_ui, sentence};
use super::super::{Cause, Finding, Missing};
use super::{Explanation, remedy_for};
use crate::target::{Mode, OPERATIONS, Operation};

/// Where to look up what the small catalogue does not hold.
pub(super) const LOOK_UP: &str = "Genesys publishes the permissions and scopes of every operation \
    at https://api.<domain>/api/v2/docs/swagger, which needs no authentication: read \
    `x-inin-requires-permissions` and `security` of the operation.";

const SCOPES_IN_GENERAL: &str = "A scope limits what an application may do for a user; it adds no \
    permission. Scopes do not apply to client credentials: there the client's roles in divisions \
    decide.";

const PERMISSIONS_IN_GENERAL: &str = "A permission reaches a caller only through a role that is \
    granted in a division: to the OAuth client for client credentials, to the user or a group \
    otherwise. No scope replaces it.";

/// A name that articles give to something else: word, title, what it really is.
type Mistaken = (&'static str, &'static str, &'static [&'static str]);

const MISTAKEN: &[Mistaken] = &[
    (
        "routing:queue",
        "Neither a scope nor a permission of Genesys Cloud",
        &[
            "Articles call `routing:queue` the scope for queues. There is no such scope: the scopes \
             for queues are `routing` and `routing:readonly`. It is no permission either, because \
             the action is missing: `routing:queue:view`, for example.",
            "People who ask for it mean the scope `routing` for a user's token, or a role with \
             `routing:queue:view` for client credentials.",
            "A token that carries this name got it from a gateway; why403 then reads it as the \
             parent of `routing:queue:read` and `routing:queue:view`.",
        ],
    ),
    (
        "routing:queue:read",
        "Neither a scope nor a permission of Genesys Cloud",
        &[
            "Articles call `routing:queue:read` the scope for reading queues. There is no such scope: \
             the scope for that is `routing:readonly`. The permission for that is called \
             `routing:queue:view`, with `view` and not `read`.",
            "People who ask for it mean the scope `routing:readonly` for a user's token, or a role \
             with `routing:queue:view` for client credentials.",
            "A token that carries this name got it from a gateway.",
        ],
    ),
    (
        "routing:queue:view",
        "Not a scope, although articles call it a legacy one",
        &[
            "`routing:queue:view` is a permission and never was a scope of Genesys Cloud: it belongs \
             into a role and not into a token's scopes. The scopes for reading queues are `routing` \
             and `routing:readonly`.",
            "A token that carries this name as a scope got it from a gateway.",
        ],
    ),
];

/// A name that is taken for a scope.
pub(super) fn mistaken(word: &str) -> Option<Explanation> {
    let (name, title, paragraphs) = MISTAKEN
        .iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case(word))?;
    Some(Explanation {
        word: (*name).to_owned(),
        kind: "mistaken name",
        title: (*title).to_owned(),
        paragraphs: paragraphs.iter().map(|&text| text.to_owned()).collect(),
        steps: Vec::new(),
        see_also: ["routing", "routing:readonly", "routing:queue:view"]
            .iter()
            .filter(|other| *other != name)
            .map(|&other| other.to_owned())
            .collect(),
    })
}

/// The scope `word`, or a word with the form of a read scope.
pub(super) fn scope(word: &str) -> Option<Explanation> {
    let word = word.to_lowercase();
    let accepting: Vec<&Operation> = OPERATIONS
        .iter()
        .filter(|operation| operation.scopes.contains(&word.as_str()))
        .collect();
    let Some(first) = accepting.first() else {
        let is_shaped = word.strip_suffix(":readonly").is_some_and(is_segment);
        return is_shaped.then(|| unknown_scope(word));
    };
    let (title, says, sibling) = scope_in_words(&word);
    let labels = accepting.iter().map(|one| one.label()).collect();
    let missing = Missing {
        scopes: vec![word.clone()],
        ..Missing::default()
    };
    let cause = Cause::MissingScope;
    Some(Explanation {
        kind: "scope",
        title,
        paragraphs: vec![
            says,
            SCOPES_IN_GENERAL.to_owned(),
            format!(
                "In the small catalogue it is accepted by {}.",
                sentence(labels)
            ),
        ],
        steps: remedy_for(Finding::Forbidden(cause), first, &missing).steps,
        see_also: sibling
            .into_iter()
            .chain([cause.slug().to_owned()])
            .collect(),
        word,
    })
}

/// Title, meaning and counterpart of a known scope.
fn scope_in_words(word: &str) -> (String, String, Option<String>) {
    if word == "user-basic-info" {
        (
            "OAuth scope for user tokens: basic facts about the user and the token".to_owned(),
            "It is an exception from the form `area` and `area:readonly`: `GET /api/v2/tokens/me` \
             and `GET /api/v2/users/me` ask for it."
                .to_owned(),
            None,
        )
    } else if let Some(area) = word.strip_suffix(":readonly") {
        (
            format!("OAuth scope for user tokens: read the area `{area}`"),
            format!("Scopes come in pairs: `{area}` covers `{word}`, and a GET accepts either."),
            Some(area.to_owned()),
        )
    } else {
        (
            format!("OAuth scope for user tokens: read and write the area `{word}`"),
            format!(
                "Scopes come in pairs: `{word}` covers `{word}:readonly`, and a GET accepts either. \
                 For reading, `{word}:readonly` is enough."
            ),
            Some(format!("{word}:readonly")),
        )
    }
}

fn unknown_scope(word: String) -> Explanation {
    Explanation {
        word,
        kind: "scope",
        title: "Has the form of a scope, but is not in the small catalogue".to_owned(),
        paragraphs: vec![
            "Scopes have the form `area` or `area:readonly`, where the first covers the second; this \
             word has that form. Whether Genesys Cloud has this scope is not known here."
                .to_owned(),
            LOOK_UP.to_owned(),
            SCOPES_IN_GENERAL.to_owned(),
        ],
        steps: Vec::new(),
        see_also: vec![Cause::MissingScope.slug().to_owned()],
    }
}

/// The permission `word`, a wildcard, or a word with the form of a permission.
pub(super) fn permission(word: &str) -> Option<Explanation> {
    let mut segments: Vec<&str> = word.split(':').collect();
    let division = (segments.len() == 4).then(|| segments.pop()).flatten();
    let &[domain, entity, action] = segments.as_slice() else {
        return None;
    };
    if !is_segment(domain) || ![entity, action].iter().all(|s| *s == "*" || is_segment(s)) {
        return None;
    }
    let name = segments.join(":");
    let is_mistaken = name.eq_ignore_ascii_case("routing:queue:read");
    if is_mistaken && division.is_none() {
        return None;
    }
    let mut explained = if name.contains('*') {
        wildcard(&name)
    } else {
        known_permission(&name).unwrap_or_else(|| unknown_permission(&name))
    };
    if let Some(division) = division {
        explained.paragraphs.push(format!(
            "The fourth part, `{division}`, is the id of a division: answers name it when the \
             permission is missing in that division."
        ));
        let slug = Cause::MissingDivisionPermission.slug();
        explained.see_also.insert(0, slug.to_owned());
    }
    Some(explained)
}

fn known_permission(name: &str) -> Option<Explanation> {
    let requiring = |operation: &&Operation| {
        operation
            .permissions
            .iter()
            .any(|one| one.eq_ignore_ascii_case(name))
    };
    let operations: Vec<&Operation> = OPERATIONS.iter().filter(requiring).collect();
    let first = operations.first()?;
    let name = first
        .permissions
        .iter()
        .find(|one| one.eq_ignore_ascii_case(name))?;
    let uses: Vec<String> = operations
        .iter()
        .map(
            |operation| match (operation.permissions.len(), operation.mode) {
                (1, _) => operation.label(),
                (_, Mode::Any) => format!("{} (where others would do too)", operation.label()),
                (_, Mode::All) => format!("{} (together with others)", operation.label()),
            },
        )
        .collect();
    let missing = Missing {
        mode: Some(Mode::All),
        permissions: vec![(*name).to_owned()],
        ..Missing::default()
    };
    let cause = Finding::Forbidden(Cause::MissingPermission);
    Some(Explanation {
        word: (*name).to_owned(),
        kind: "permission",
        title: format!("Permission of Genesys Cloud{}", in_ui(name)),
        paragraphs: vec![
            PERMISSIONS_IN_GENERAL.to_owned(),
            format!(
                "In the small catalogue it is required by {}.",
                sentence(uses)
            ),
        ],
        steps: remedy_for(cause, first, &missing).steps,
        see_also: vec![
            Cause::MissingPermission.slug().to_owned(),
            Cause::MissingDivisionPermission.slug().to_owned(),
        ],
    })
}

fn wildcard(name: &str) -> Explanation {
    let mut covered: Vec<&str> = OPERATIONS
        .iter()
        .flat_map(|operation| operation.permissions)
        .copied()
        .filter(|permission| {
            permission
                .split(':')
                .zip(name.split(':'))
                .all(|(one, pattern)| pattern == "*" || pattern.eq_ignore_ascii_case(one))
        })
        .collect();
    covered.sort_unstable();
    covered.dedup();
    let covers = if covered.is_empty() {
        "It covers no permission of the small catalogue.".to_owned()
    } else {
        let covered = covered.iter().map(|one| format!("`{one}`")).collect();
        format!("Of the small catalogue it covers {}.", sentence(covered))
    };
    Explanation {
        word: name.to_owned(),
        kind: "permission",
        title: "A wildcard, as granted roles may hold it".to_owned(),
        paragraphs: vec![
            "The permissions that a role grants may hold `*` as entity or action, which stands for \
             each of them. Operations require single permissions, so an integration needs no \
             wildcard."
                .to_owned(),
            covers,
            PERMISSIONS_IN_GENERAL.to_owned(),
        ],
        steps: Vec::new(),
        see_also: covered.iter().map(|&one| one.to_owned()).collect(),
    }
}

fn unknown_permission(name: &str) -> Explanation {
    Explanation {
        word: name.to_owned(),
        kind: "permission",
        title: "Has the form of a permission, but is not in the small catalogue".to_owned(),
        paragraphs: vec![
            "Permissions have the form `domain:entity:action`; this word has it. Whether your org \
             has this permission is not known here: if the role editor does not offer it, the org \
             does not have it."
                .to_owned(),
            LOOK_UP.to_owned(),
            PERMISSIONS_IN_GENERAL.to_owned(),
        ],
        steps: Vec::new(),
        see_also: vec![
            Cause::MissingPermission.slug().to_owned(),
            Cause::PermissionNotInOrg.slug().to_owned(),
        ],
    }
}

/// Whether `text` can be one part of a permission or scope.
fn is_segment(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// All words of this file that are in no other table.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    MISTAKEN.iter().map(|(name, ..)| *name)
}

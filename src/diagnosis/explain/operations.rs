//! Operations of the small catalogue, and calls that look like one.

use super::super::catalogue::sentence;
use super::super::{Cause, Outcome};
use super::Explanation;
use super::names::LOOK_UP;
use crate::target::{Mode, OPERATIONS, Operation};

const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

/// The operations that `text` means: `GET /api/v2/routing/queues`, the path alone, a whole URL, or
/// a path with real ids in it.
pub(super) fn operations(text: &str) -> Vec<Explanation> {
    let (method, rest) =
        text.split_once(char::is_whitespace)
            .map_or((None, text), |(first, rest)| {
                let method = METHODS
                    .iter()
                    .find(|known| known.eq_ignore_ascii_case(first));
                (method.copied(), rest.trim())
            });
    let Some(path) = path_of(rest) else {
        return Vec::new();
    };
    let named: Vec<&Operation> = OPERATIONS
        .iter()
        .filter(|operation| method.is_none_or(|method| operation.method == method))
        .collect();
    let exact = |operation: &&&Operation| operation.path == path;
    let mut meant: Vec<&Operation> = named.iter().filter(exact).copied().collect();
    if meant.is_empty() {
        let like = |operation: &&Operation| fits(operation.path, path);
        meant = named.into_iter().filter(like).collect();
    }
    if meant.is_empty() {
        let label = method.map_or_else(|| path.to_owned(), |method| format!("{method} {path}"));
        return vec![unknown(label)];
    }
    meant.into_iter().map(known).collect()
}

/// The path of a path or URL, without query; only paths of the API.
fn path_of(text: &str) -> Option<&str> {
    let start = text.find("/api/v")?;
    let (before, path) = text.split_at_checked(start)?;
    let is_origin = before.is_empty() || before.contains("://");
    let path = path.split(['?', '#']).next()?.trim_end_matches('/');
    (is_origin && !path.contains(char::is_whitespace)).then_some(path)
}

/// Whether `path` is `template` with something in place of each `{parameter}`.
fn fits(template: &str, path: &str) -> bool {
    let parts = || template.split('/').zip(path.split('/'));
    template.split('/').count() == path.split('/').count()
        && parts().all(|(wanted, given)| {
            wanted == given || (wanted.starts_with('{') && !given.is_empty())
        })
}

fn known(operation: &Operation) -> Explanation {
    let permissions: Vec<String> = operation
        .permissions
        .iter()
        .map(|one| format!("`{one}`"))
        .collect();
    let requires = match (permissions.len(), operation.mode) {
        (0, _) => "It requires no permission.".to_owned(),
        (1, _) => format!("It requires the permission {}.", sentence(permissions)),
        (_, Mode::Any) => format!("It requires any one of {}.", sentence(permissions)),
        (_, Mode::All) => format!("It requires all of {}.", sentence(permissions)),
    };
    let scopes: Vec<String> = operation
        .scopes
        .iter()
        .map(|one| format!("`{one}`"))
        .collect();
    let accepts = match scopes.len() {
        0 => "No scope is known for it.".to_owned(),
        1 => format!(
            "A user's token needs the scope {} where the org enforces scopes; client credentials \
             need no scope.",
            sentence(scopes)
        ),
        _ => format!(
            "A user's token needs one of the scopes {} where the org enforces scopes; client \
             credentials need no scope.",
            sentence(scopes)
        ),
    };
    let mut paragraphs = vec![requires, accepts];
    let mut see_also: Vec<String> = operation
        .permissions
        .iter()
        .chain(operation.scopes)
        .map(|&one| one.to_owned())
        .collect();
    if operation.lists && !operation.permissions.is_empty() {
        paragraphs.push(
            "The list shows only what lies in divisions where the caller holds the permission, and \
             does not say what it leaves out."
                .to_owned(),
        );
        see_also.push(Outcome::QueuesEmpty.slug().to_owned());
    }
    if !operation.can_be_probed() {
        paragraphs.push(
            "why403 does not probe it: it calls only GETs without parameters in the path."
                .to_owned(),
        );
    }
    Explanation {
        word: operation.label(),
        kind: "operation",
        title: format!("Operation of the Platform API: {}", operation.label()),
        paragraphs,
        steps: Vec::new(),
        see_also,
    }
}

fn unknown(label: String) -> Explanation {
    Explanation {
        title: "Looks like an operation, but is not in the small catalogue".to_owned(),
        word: label,
        kind: "operation",
        paragraphs: vec![
            "Its permissions and scopes are not known here.".to_owned(),
            LOOK_UP.to_owned(),
        ],
        steps: Vec::new(),
        see_also: vec![Cause::MissingPermission.slug().to_owned()],
    }
}

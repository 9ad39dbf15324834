//! Fills the templates of the catalogue with what an answer named.
//!
//! Every placeholder has a wording for the case that nothing is known, so that each step reads
//! as a full sentence in every case.

use super::super::Division;
use super::{Context, When};
use crate::target::{Mode, covers};

/// Places in the admin UI. Genesys is moving its menus: where the help pages give two wordings
/// both are named, elsewhere the menu's own search finds the page under its title.
const PLACES: &[(&str, &str)] = &[
    (
        "oauth",
        "Admin > Integrations > OAuth (newer menu: IT and Integrations > OAuth)",
    ),
    (
        "apps",
        "Admin > Integrations > Authorized Applications (or search the menu for it)",
    ),
    (
        "roles",
        "Admin > People & Permissions > Roles / Permissions (newer menu: User Management > Roles \
         and Permissions)",
    ),
    (
        "people",
        "Admin > People & Permissions > People (or search the menu for it)",
    ),
    ("groups", "Admin > Directory > Groups"),
    (
        "divisions",
        "Admin > People & Permissions > Divisions (or search the menu for it)",
    ),
    (
        "policies",
        "Admin > People & Permissions > Access Policies (newer menu: User Management > Access \
         Policies)",
    ),
    (
        "orgs",
        "Admin > People & Permissions > Authorized Organizations (or search the menu for it)",
    ),
    (
        "settings",
        "Admin > Account Settings > Organization Settings > Settings (or search the menu for \
         Organization Settings)",
    ),
    (
        "queues",
        "Admin > Contact Center > Queues (or search the menu for it)",
    ),
];

/// Whether a step with this condition is shown.
pub(super) fn applies(when: When, context: &Context<'_>) -> bool {
    match when {
        When::Always => true,
        When::PermissionsDiffer => {
            let named = &context.missing.permissions;
            let published = context.operation.permissions;
            !named.is_empty()
                && !published.is_empty()
                && !named.iter().any(|one| published.contains(&one.as_str()))
        }
        When::ForeignScope => context.missing.scopes.iter().any(|scope| {
            scope
                .split_once(':')
                .is_some_and(|(_, rest)| rest != "readonly")
        }),
    }
}

/// Replaces every `{placeholder}` of `template`.
pub(super) fn fill(template: &str, context: &Context<'_>) -> String {
    let mut filled = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        if let Some((name, tail)) = after.split_once('}') {
            filled.push_str(&value(name, context));
            rest = tail;
        } else {
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

fn value(name: &str, context: &Context<'_>) -> String {
    if let Some((_, place)) = PLACES.iter().find(|(key, _)| *key == name) {
        return (*place).to_owned();
    }
    match name {
        "operation" => context.operation.label(),
        "permissions" => permissions(context),
        "choice" => choice(context),
        "published" => published(context),
        "scope" => scope(context),
        "division" => divisions(context),
        "objects" => objects(context).to_owned(),
        "client" => context.identity.client_id.as_ref().map_or_else(
            || "the integration's OAuth client".to_owned(),
            |id| format!("the OAuth client {id}"),
        ),
        "correlation" => context
            .answer
            .and_then(|answer| answer.correlation_id.as_ref())
            .map_or_else(
                || {
                    "the correlation id of a refused call (response header ININ-Correlation-Id)"
                        .to_owned()
                },
                |id| format!("the correlation id {id}"),
            ),
        "host" => context
            .host
            .map_or_else(|| "the host that was called".to_owned(), str::to_owned),
        "wait" => context
            .answer
            .and_then(|answer| answer.retry_after)
            .map_or_else(
                || "as long as the Retry-After header of the answer asks".to_owned(),
                |wait| format!("{} seconds, as the answer asks", wait.as_secs()),
            ),
        _ => String::new(),
    }
}

/// The fewest and least powerful permissions that make the operation work.
fn permissions(context: &Context<'_>) -> String {
    let (mode, list) = required(context);
    let shown = |one: &&str| format!("`{one}`{}", in_ui(one));
    match (mode, list.as_slice()) {
        (_, []) => "the permission that the operation requires".to_owned(),
        (_, [one]) => format!("the permission {}", shown(one)),
        (Mode::All, all) => format!(
            "the permissions {}",
            sentence(all.iter().map(shown).collect())
        ),
        (Mode::Any, any) => {
            let least = any.iter().min_by_key(|one| power(one));
            format!("the permission {}", least.map(shown).unwrap_or_default())
        }
    }
}

/// Says that the permission shown is one of several, where it is.
fn choice(context: &Context<'_>) -> String {
    match required(context) {
        (Mode::Any, list) if list.len() > 1 => format!(
            "any one of {} permissions would do, and this is the least powerful; ",
            list.len()
        ),
        _ => String::new(),
    }
}

/// The permissions that the answer names or, if it names none, that Genesys publishes.
fn required<'a>(context: &Context<'a>) -> (Mode, Vec<&'a str>) {
    let (missing, operation) = (context.missing, context.operation);
    if missing.permissions.is_empty() {
        (operation.mode, operation.permissions.to_vec())
    } else {
        let named = missing.permissions.iter().map(String::as_str).collect();
        (missing.mode.unwrap_or(operation.mode), named)
    }
}

/// The permission as the admin UI shows it, for example ` (Routing > Queue > View)`.
pub(in super::super) fn in_ui(permission: &str) -> String {
    let segments: Vec<&str> = permission.split(':').collect();
    if segments.len() != 3 || permission.contains('*') {
        return String::new();
    }
    let titled: Vec<String> = segments
        .iter()
        .map(|segment| {
            let mut letters = segment.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(letters).collect()
            })
        })
        .collect();
    format!(" ({})", titled.join(" > "))
}

/// How much a permission lets its holder do, by its action; unknown actions count as writing.
fn power(permission: &str) -> u8 {
    match permission.rsplit(':').next() {
        Some("view") => 0,
        Some("readonly") => 1,
        Some("search") => 2,
        Some("add") => 3,
        Some("edit") => 4,
        Some("manage" | "delete") => 6,
        Some("*") => 7,
        _ => 5,
    }
}

fn published(context: &Context<'_>) -> String {
    let operation = context.operation;
    let list: Vec<String> = operation
        .permissions
        .iter()
        .map(|one| format!("`{one}`"))
        .collect();
    match (list.len(), operation.mode) {
        (0, _) => "no permission at all".to_owned(),
        (1, _) => sentence(list),
        (_, Mode::Any) => format!("any one of {}", sentence(list)),
        (_, Mode::All) => format!("all of {}", sentence(list)),
    }
}

/// The scopes to ask for: of a scope and its read scope, only the read scope.
fn scope(context: &Context<'_>) -> String {
    let named: Vec<&str> = if context.missing.scopes.is_empty() {
        context.operation.scopes.to_vec()
    } else {
        context.missing.scopes.iter().map(String::as_str).collect()
    };
    let least: Vec<String> = named
        .iter()
        .filter(|one| {
            !named
                .iter()
                .any(|other| other != *one && covers(one, other))
        })
        .map(|one| format!("`{one}`"))
        .collect();
    match least.len() {
        0 => "the scope that the operation requires".to_owned(),
        1 => format!("the scope {}", sentence(least)),
        _ => format!("the scopes {}", sentence(least)),
    }
}

fn divisions(context: &Context<'_>) -> String {
    let shown = |division: &Division| match &division.name {
        Some(name) => format!("{name} (id {})", division.id),
        None => format!("id {}", division.id),
    };
    match context.missing.divisions.as_slice() {
        [] => format!(
            "every division whose {} the integration needs",
            objects(context)
        ),
        [Division { id, name: None }] => format!("the division with the id {id}"),
        [one] => format!("the division {}", shown(one)),
        several => format!(
            "the divisions {}",
            sentence(several.iter().map(shown).collect())
        ),
    }
}

fn objects(context: &Context<'_>) -> &'static str {
    if context.operation.path.starts_with("/api/v2/routing/queues") {
        "queues"
    } else {
        "objects"
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(in super::super) fn sentence(mut words: Vec<String>) -> String {
    let last = words.pop().unwrap_or_default();
    if words.is_empty() {
        last
    } else {
        format!("{} and {last}", words.join(", "))
    }
}

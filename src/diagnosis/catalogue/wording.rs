//! Fills the templates of the catalogue with what an answer named.
//!
//! Every placeholder has a wording for the case that nothing is known, so that each step reads
//! as a full sentence in every case.

use jiff::Timestamp;

use super::super::Division;
use super::Context;
use crate::evidence::{Named, Origin};
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
        "client" => client(context),
        "named" => named(context),
        "role" => context.case.carrier.role().map_or_else(
            || "the role that carries it".to_owned(),
            |role| format!("the role {}", shown(role)),
        ),
        "carries" => {
            let verb = if context.case.is_carried {
                "carries"
            } else {
                "has to carry"
            };
            format!("it {verb} {}", permissions(context))
        }
        "formerly" => {
            let roles = context.case.formerly.iter().take(6);
            match roles.len() {
                0 => String::new(),
                _ => format!(
                    "; when access last worked the caller had {}",
                    sentence(roles.map(|one| one.shown().to_owned()).collect())
                ),
            }
        }
        "could" => context
            .case
            .could
            .as_ref()
            .map_or_else(|| "a role of the caller".to_owned(), shown),
        "bound" => bound(context),
        "org" => org(
            context.case.organization.as_ref(),
            "the org that is visited",
        ),
        "here" => org(context.case.organization.as_ref(), "this org"),
        "home" => org(context.case.home.as_ref(), "the caller's own org"),
        "ends" => context.case.ends_at.map_or_else(
            || "when the cached token dies".to_owned(),
            |at| format!("at {} or before", minute(at)),
        ),
        "until" => context.case.settled_at.map_or_else(
            || "until five minutes have passed since the change".to_owned(),
            |at| format!("until {}, five minutes after the grant", second(at)),
        ),
        "when" => context.case.at.map_or_else(
            || "the time of the call".to_owned(),
            |at| format!("the time {}", second(at)),
        ),
        "trace" => {
            let trace = context.case.trace.iter();
            sentence(
                trace
                    .map(|one| format!("`{}`", one.replace('`', "'")))
                    .collect(),
            )
        }
        "file" => file(context),
        "target" => context
            .case
            .target
            .clone()
            .unwrap_or_else(|| "{target}".to_owned()),
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
        "port" => context.case.port.unwrap_or(443).to_string(),
        "proxy" => match context.case.fault.as_ref().map(|fault| &fault.origin) {
            Some(Origin::Proxy(address)) => format!("the proxy {address}"),
            _ => "the configured proxy".to_owned(),
        },
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
    let shown: Vec<String> = context
        .case
        .need(context)
        .permissions
        .iter()
        .map(|one| format!("`{one}`{}", in_ui(one)))
        .collect();
    match shown.len() {
        0 => "the permission that the operation requires".to_owned(),
        1 => format!("the permission {}", sentence(shown)),
        _ => format!("the permissions {}", sentence(shown)),
    }
}

/// Says that the permission shown is one of several, where it is.
fn choice(context: &Context<'_>) -> String {
    match context.case.need(context).any_of {
        0 => String::new(),
        several => {
            format!("any one of {several} permissions would do, and this is the least powerful; ")
        }
    }
}

/// What the answer names, where that is not what the vendor publishes.
fn named(context: &Context<'_>) -> String {
    let named = &context.missing.permissions;
    sentence(named.iter().map(|one| format!("`{one}`")).collect())
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
    /// Most divisions that are named.
    const MOST: usize = 6;
    let divisions = match context.missing.divisions.as_slice() {
        [] => context.case.divisions.as_slice(),
        missing => missing,
    };
    let shown = |division: &Division| match &division.name {
        Some(name) => name.clone(),
        None => format!("id {}", division.id),
    };
    match divisions {
        [] => format!(
            "every division whose {} the integration needs",
            objects(context)
        ),
        all if all.iter().any(|one| one.id == "*") => "all divisions".to_owned(),
        [Division { id, name: None }] => format!("the division with the id {id}"),
        [one] => format!("the division {}", shown(one)),
        several => {
            let mut words: Vec<String> = several.iter().take(MOST).map(shown).collect();
            let more = several.len().saturating_sub(MOST);
            words.extend((more > 0).then(|| format!("{more} more")));
            format!("the divisions {}", sentence(words))
        }
    }
}

fn objects(context: &Context<'_>) -> &'static str {
    if context.operation.path.starts_with("/api/v2/routing/queues") {
        "queues"
    } else {
        "objects"
    }
}

/// The OAuth client, with its name where that says more than its id.
fn client(context: &Context<'_>) -> String {
    let told = context.case.client.as_ref();
    let configured = context.identity.client_id.as_deref();
    let Some(id) = configured.or_else(|| told.map(|client| client.id.as_str())) else {
        return "the integration's OAuth client".to_owned();
    };
    let name = told
        .filter(|client| client.id == id)
        .and_then(|client| client.name.as_deref());
    match name.filter(|name| *name != id) {
        Some(name) => format!("the OAuth client {name} ({id})"),
        None => format!("the OAuth client {id}"),
    }
}

/// Roles that carry the permission only under a condition.
fn bound(context: &Context<'_>) -> String {
    /// Most roles that are named.
    const MOST: usize = 3;
    let roles = context.case.bound.iter().take(MOST);
    match roles.len() {
        0 => "a role of the caller".to_owned(),
        1 => format!("the role {}", sentence(roles.map(shown).collect())),
        _ => format!("each of the roles {}", sentence(roles.map(shown).collect())),
    }
}

fn org(named: Option<&Named>, unknown: &str) -> String {
    named.map_or_else(
        || unknown.to_owned(),
        |org| format!("the org {}", org.shown()),
    )
}

/// A name and an id, or the id alone.
fn shown(named: &Named) -> String {
    match &named.name {
        Some(name) if *name != named.id => format!("{name} (id {})", named.id),
        _ => named.id.clone(),
    }
}

/// What somebody who is asked for help needs to find the case.
fn file(context: &Context<'_>) -> String {
    let case = context.case;
    let id = context
        .answer
        .and_then(|answer| answer.correlation_id.as_ref());
    let mut parts = vec![id.map_or_else(
        || "the correlation id of a refused call (response header ININ-Correlation-Id)".to_owned(),
        |id| format!("the correlation id {id}"),
    )];
    parts.push(case.at.map_or_else(
        || "its time".to_owned(),
        |at| format!("the time {}", second(at)),
    ));
    let org = case.organization.as_ref();
    parts.push(org.map_or_else(
        || "the id of the org".to_owned(),
        |org| format!("the org's id {}", org.id),
    ));
    let told = case.client.as_ref().map(|client| &client.id);
    let client = context.identity.client_id.as_ref().or(told);
    parts.push(client.map_or_else(
        || "the id of the OAuth client".to_owned(),
        |id| format!("the client's id {id}"),
    ));
    sentence(parts)
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
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

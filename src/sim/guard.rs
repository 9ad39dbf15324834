//! Who may call what: token, address, rate limit, user context, scope, permission; in this order.

use std::net::IpAddr;

use tokio::time::Instant;

use super::answer::Failure;
use super::org::{ClientState, Org, Wording};
use super::permission::Authority;

/// What an operation asks of its caller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    pub(super) permissions: Permissions,
    /// A token's scopes must hold one of these; only user tokens have scopes.
    pub(super) scopes: &'static [&'static str],
    /// Whether client credentials cannot be used at all.
    pub(super) user_context: bool,
}

/// The permissions of an operation and how they add up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Permissions {
    None,
    Any(&'static [&'static str]),
    All(&'static [&'static str]),
}

/// What a request says about its caller.
#[derive(Debug)]
pub(super) struct Credentials<'a> {
    pub(super) authorization: Option<&'a str>,
    pub(super) peer: Option<IpAddr>,
    pub(super) preserve_idle: bool,
}

/// An admitted caller.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) token: String,
    pub(super) authority: Authority,
    pub(super) correlation: String,
}

/// Admits a caller to an operation, or says why not.
pub(super) fn admit(
    org: &mut Org,
    credentials: &Credentials<'_>,
    needs: &Needs,
    correlation: &str,
    now: Instant,
) -> Result<Caller, Failure> {
    let token = authenticate(org, credentials, now)?;
    count(org, &token, credentials.preserve_idle, now)?;
    check_context_and_scope(org, &token, needs)?;
    let authority = org
        .token(&token)
        .map(|known| org.believed(known, now).authority(known.subject()))
        .unwrap_or_default();
    let caller = Caller {
        token,
        authority,
        correlation: correlation.to_owned(),
    };
    require(org, &caller, needs.permissions, None)?;
    Ok(caller)
}

/// The live token of a request, or the 401 for it.
pub(super) fn authenticate(
    org: &Org,
    credentials: &Credentials<'_>,
    now: Instant,
) -> Result<String, Failure> {
    let header = credentials
        .authorization
        .filter(|_| !org.rules.authorization_dropped);
    let Some(value) = header.and_then(bearer) else {
        let message = "No authentication bearer token specified in authorization header.";
        return Err(Failure::new(401, "authentication.required", message));
    };
    let dead = || Failure::new(401, "bad.credentials", "Invalid login credentials.");
    let token = org.token(value).ok_or_else(dead)?;
    let client = org.client(&token.client).ok_or_else(dead)?;
    if client.state == ClientState::Disabled || token.is_dead(now, org.rules.idle_timeout) {
        return Err(dead());
    }
    if token.is_expired(now) {
        return Err(Failure::new(
            401,
            "credentials.expired",
            "The supplied credentials are expired.",
        ));
    }
    let listed = |list: &Vec<IpAddr>| credentials.peer.is_none_or(|peer| list.contains(&peer));
    if !org.rules.allowed_addresses.as_ref().is_none_or(listed) {
        return Err(Failure::new(
            401,
            "ip.not.authorized",
            "The request's IP address is not authorized.",
        ));
    }
    Ok(value.to_owned())
}

/// The token in an `Authorization` header.
pub(super) fn bearer(header: &str) -> Option<&str> {
    let (scheme, value) = header.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !value.trim().is_empty()).then(|| value.trim())
}

fn count(org: &mut Org, token: &str, preserve_idle: bool, now: Instant) -> Result<(), Failure> {
    let limit = org.rules.requests_per_minute;
    let Some(token) = org.tokens.iter_mut().find(|known| known.value == token) else {
        return Ok(());
    };
    if !preserve_idle {
        token.last_used = now;
    }
    let Some(limit) = limit else { return Ok(()) };
    token.window.count(now, limit).map_err(|seconds| {
        let message =
            format!("Rate limit exceeded the maximum. Retry the request in [{seconds}] seconds");
        Failure::new(429, "too.many.requests.retry.after", message)
            .with_header("Retry-After", &seconds.to_string())
    })
}

fn check_context_and_scope(org: &Org, token: &str, needs: &Needs) -> Result<(), Failure> {
    let Some(token) = org.token(token) else {
        return Ok(());
    };
    if needs.user_context && token.user.is_none() {
        // The message is known, the code is not: a stand-in.
        let message = "This request requires a user context. Client credentials cannot be used for requests to this \
                       resource.";
        return Err(Failure::new(400, "bad.request", message));
    }
    let Some(scopes) = token.scopes.as_ref().filter(|_| org.rules.enforces_scopes) else {
        return Ok(());
    };
    if needs.scopes.is_empty()
        || needs
            .scopes
            .iter()
            .any(|accepted| scopes.iter().any(|scope| scope == accepted))
    {
        return Ok(());
    }
    // How the platform words this is not known: code and message are stand-ins that say "scope".
    let message = format!(
        "The token does not have the required scope: [{}]",
        needs.scopes.join(", ")
    );
    Err(Failure::new(403, "missing.scope", message))
}

/// Checks permissions in a division, or anywhere.
pub(super) fn require(
    org: &Org,
    caller: &Caller,
    permissions: Permissions,
    division: Option<&str>,
) -> Result<(), Failure> {
    let has = |permission: &&str| org.permits(&caller.authority, permission, division);
    let (granted, list, all) = match permissions {
        Permissions::None => return Ok(()),
        Permissions::Any(list) => (list.iter().any(has), list, false),
        Permissions::All(list) => (list.iter().all(has), list, true),
    };
    if granted {
        return Ok(());
    }
    let missing: Vec<&str> = list
        .iter()
        .copied()
        .filter(|permission| !all || !has(permission))
        .collect();
    let held_elsewhere = list
        .iter()
        .any(|permission| org.permits(&caller.authority, permission, None));
    Err(refusal(
        org,
        &missing,
        all,
        division.filter(|_| held_elsewhere),
        &caller.correlation,
    ))
}

fn refusal(
    org: &Org,
    permissions: &[&str],
    all: bool,
    division: Option<&str>,
    correlation: &str,
) -> Failure {
    if org.rules.home_organization.is_some() && org.rules.wording == Wording::Standard {
        // The code is known, the message is a stand-in.
        let message =
            "The trustor organization has not granted the required access to the trustee.";
        return Failure::new(403, "missing.trustor.permissions", message);
    }
    let plain = if all { Wording::All } else { Wording::Standard };
    let (wording, permissions) = match &org.rules.wording {
        Wording::Naming(other) => (Wording::Standard, std::slice::from_ref(other)),
        wording => (*wording, permissions),
    };
    let wording = match (wording, division) {
        (Wording::Standard, Some(_)) if all => Wording::DivisionSegment,
        (Wording::Standard, Some(_)) => Wording::DivisionList,
        // Nothing to say about a division where the permission is held in none.
        (Wording::Standard | Wording::DivisionList | Wording::DivisionSegment, None) => plain,
        (wording, _) => wording,
    };
    let division = division.unwrap_or_default();
    let (code, message) = words(wording, permissions, division, correlation);
    Failure::new(403, code, message)
}

/// Code and message of a refusal. Which code goes with either division form is not known for
/// certain, and "access.denied" is a stand-in.
fn words(
    wording: Wording,
    permissions: &[&str],
    division: &str,
    correlation: &str,
) -> (&'static str, String) {
    let list = permissions.join(", ");
    let unable = "Unable to perform the requested action.";
    let any = "You must have at least one of the following permissions assigned:";
    let all = "You are missing the following permission(s):";
    match wording {
        Wording::Standard | Wording::Naming(_) => (
            "missing.any.permissions",
            format!("{unable} {any} [{list}]"),
        ),
        Wording::All => ("missing.permissions", format!("{unable} {all} [{list}]")),
        Wording::WithoutBrackets => (
            "missing.permissions",
            format!("{unable} {all} {list} ({correlation})"),
        ),
        Wording::Said { code, message } => (code, message.to_owned()),
        Wording::AccessDenied => ("access.denied", format!("Access denied. ({correlation})")),
        Wording::DivisionList => {
            let place = format!("in at least one of the following division(s): [{division}]");
            (
                "missing.any.permissions",
                format!("{unable} {any} [] {place}"),
            )
        }
        Wording::DivisionSegment => {
            let with_division = |permission: &&str| format!("{permission}:{division}");
            let list: Vec<String> = permissions.iter().map(with_division).collect();
            let message = format!("{unable} {all} [{}]", list.join(", "));
            ("missing.division.permission", message)
        }
    }
}

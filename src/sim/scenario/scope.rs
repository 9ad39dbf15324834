//! Scopes that a token lacks, or is said to lack.

use serde_json::json;

use super::super::fault::Scripted;
use super::arrange::{refuse_queues, user_scopes, user_without_role};
use super::{Scenario, forbidden, of_user, ok};

/// Scopes that open the calls about the token itself, but not the queues.
const WITHOUT_ROUTING: &[&str] = &[
    "analytics:readonly",
    "authorization:readonly",
    "user-basic-info",
];

pub(super) const SCENARIOS: &[Scenario] = &[
    forbidden(
        "insufficient-scope",
        "missing_scope",
        "A gateway refuses by RFC 6750",
        "403 with WWW-Authenticate: Bearer error=\"insufficient_scope\".",
        |world| refuse_queues(world, insufficient_scope()),
    ),
    forbidden(
        "insufficient-scope-body",
        "missing_scope",
        "The body that the first specification of the service describes",
        "403 with {\"errorCode\": \"insufficient_scope\", …}; Genesys Cloud itself has no errorCode.",
        |world| {
            let body = json!({
                "errorCode": "insufficient_scope",
                "message": "The token does not have the required scope routing:queue:read",
            });
            refuse_queues(world, Scripted::json(403, &body));
        },
    ),
    of_user(forbidden(
        "user-scope-missing",
        "missing_scope",
        "The user's token lacks routing and routing:readonly",
        "403 for the demo user's token; machine clients have no scopes and read on. The real body is not known.",
        |world| user_scopes(world, WITHOUT_ROUTING),
    )),
    of_user(forbidden(
        "user-scope-and-role",
        "missing_scope",
        "The user's token lacks the scope, and the user the permission",
        "403 about the scope, which is checked first; the grants show that the permission is held nowhere, so that the \
         next 403 will be about it. Both have to be mended.",
        |world| {
            user_scopes(world, WITHOUT_ROUTING);
            user_without_role(world);
        },
    )),
    of_user(forbidden(
        "user-scope-missing-blind",
        "missing_scope",
        "The user's token lacks the scopes of every call that would help, too",
        "403 about the scope, from the list and from tokens/me, subjects/me, divisionspermitted and permissions alike: \
         what the token may do can be read from the refusals only.",
        |world| user_scopes(world, &["analytics:readonly"]),
    )),
    forbidden(
        "insufficient-scope-gateway",
        "missing_scope",
        "A gateway refuses every call with a token by RFC 6750",
        "403 insufficient_scope from the whole API, 401 without a token: no other call can confirm it. As tokens of \
         machines have no scopes, a gateway that is set up wrongly fits as well as a missing scope.",
        |world| {
            world
                .faults
                .everywhere(&insufficient_scope().with_authorization());
        },
    ),
    of_user(ok(
        "user-scopes-unenforced",
        "The user's token lacks the scope, and the organisation does not enforce scopes",
        "200, although tokens/me shows no scope for routing: a missing scope alone is no cause.",
        |world| {
            user_scopes(world, WITHOUT_ROUTING);
            world.org.enforce_scopes(false);
        },
    )),
];

/// What a gateway answers by RFC 6750 section 3.1.
pub(super) fn insufficient_scope() -> Scripted {
    let challenge = "Bearer realm=\"gateway\", error=\"insufficient_scope\", \
                     error_description=\"The token lacks the required scope\", scope=\"routing:readonly\"";
    let headers = [
        ("WWW-Authenticate", challenge),
        ("content-type", "application/json"),
    ];
    Scripted::respond(403, &headers, b"{\"error\":\"insufficient_scope\"}")
}

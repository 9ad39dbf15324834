//! The causes of a 403.

use std::time::Duration;

use serde_json::json;

use super::super::clock;
use super::super::demo_org::{DEMO_CLIENT_ID, DEMO_USER_TOKEN, PORTAL_CLIENT_ID, QUEUE_READER};
use super::super::fault::{Route, Scripted};
use super::super::org::{Org, Wording};
use super::super::{World, demo_org};
use super::{Credential, Scenario, forbidden};

pub(super) const SCENARIOS: &[Scenario] = &[
    forbidden(
        "role-removed",
        "missing_permission",
        "The role that carries routing:queue:view was taken from the client",
        "403 missing.any.permissions on the list; the grants and the permitted divisions agree.",
        role_removed,
    ),
    forbidden(
        "role-removed-all",
        "missing_permission",
        "The same, worded as a list of which all are needed",
        "403 missing.permissions.",
        |world| {
            role_removed(world);
            world.org.word_refusals(Wording::All);
        },
    ),
    forbidden(
        "role-removed-old-text",
        "missing_permission",
        "The same, without brackets and with the context id in the text",
        "403 whose message says permission(s), names one without brackets and ends with (context id).",
        |world| {
            role_removed(world);
            world.org.word_refusals(Wording::WithoutBrackets);
        },
    ),
    forbidden(
        "access-denied",
        "missing_permission",
        "The same, as no more than the words Access denied",
        "403 access.denied; code and message are stand-ins for texts that name no permission.",
        |world| {
            role_removed(world);
            world.org.word_refusals(Wording::AccessDenied);
        },
    ),
    forbidden(
        "policy-emptied",
        "missing_permission",
        "The client keeps its role, but the role has lost the permission",
        "403 missing.any.permissions; the grants show a role without routing:queue:view.",
        |world| {
            world
                .org
                .set_policies(QUEUE_READER, &["routing:skill:view"]);
        },
    ),
    forbidden(
        "division-refused",
        "missing_division_permission",
        "The permission is held in Support, but needed in Home (empty list of permissions)",
        "403 with an empty list of permissions and the division's id behind it.",
        |world| other_division(world, Wording::DivisionList),
    ),
    forbidden(
        "division-refused-segment",
        "missing_division_permission",
        "The permission is held in Support, but needed in Home (fourth segment)",
        "403 with the division's id as the fourth segment of the permission.",
        |world| other_division(world, Wording::DivisionSegment),
    ),
    forbidden(
        "insufficient-scope",
        "missing_scope",
        "A gateway refuses by RFC 6750",
        "403 with WWW-Authenticate: Bearer error=\"insufficient_scope\".",
        insufficient_scope,
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
    Scenario {
        credential: Credential::User,
        ..forbidden(
            "user-scope-missing",
            "missing_scope",
            "The user's token lacks routing and routing:readonly",
            "403 for the demo user's token; machine clients have no scopes and read on. The real body is not known.",
            |world| {
                let scopes = [
                    "analytics:readonly",
                    "authorization:readonly",
                    "user-basic-info",
                ];
                let user = demo_org::DEMO_USER_ID;
                world
                    .org
                    .issue_user_token(DEMO_USER_TOKEN, PORTAL_CLIENT_ID, user, &scopes);
            },
        )
    },
    forbidden(
        "stale-token",
        "stale_token",
        "The role is back, but tokens keep what they were minted with",
        "403 for tokens issued before the switch (or for the first one after it, if the client had none); 200 with a \
         fresh token.",
        stale_token,
    ),
    forbidden(
        "propagating",
        "propagating",
        "The role was granted just now, and the caches do not know it for a minute",
        "403 for 60 s, then 200 with the same token; the grants show the role at once.",
        propagating,
    ),
    forbidden(
        "permission-not-in-org",
        "permission_not_in_org",
        "The organisation has lost the product that brings routing:queue:view",
        "403 missing.any.permissions, although a role names the permission; the organisation's list does not.",
        |world| world.org.remove_permission("routing:queue:view"),
    ),
    forbidden(
        "policy-denied",
        "policy_denied",
        "An attribute-based policy denies what the role grants",
        "403 although permission, division and token are right. The real body is not known: worded as a missing \
         permission.",
        |world| world.org.deny_by_policy("routing:queue:view"),
    ),
    forbidden(
        "trustor",
        "trustor_permission",
        "The client is a guest from another organisation, which has no access",
        "403 missing.trustor.permissions; tokens/me shows another home organisation.",
        |world| {
            role_removed(world);
            world.org.set_home_organization(Some((
                "06000000-0000-4000-8000-0000000000ff",
                "Partner Ltd",
            )));
        },
    ),
    forbidden(
        "not-authorized",
        "object_forbidden",
        "Not authorised for this one resource",
        "403 not.authorized; permission and division are in order.",
        |world| {
            let message = "You are not authorized to perform the requested action.";
            refuse_queues(world, Scripted::error(403, "not.authorized", message));
        },
    ),
    forbidden(
        "edge-block",
        "edge_block",
        "A content delivery network refuses before the API is reached",
        "403 as HTML, without a correlation id, with or without a token.",
        |world| world.faults.everywhere(&edge_block()),
    ),
    forbidden(
        "unreadable-403",
        "unreadable_403",
        "A 403 with a body of bytes that are no text",
        "403 application/octet-stream.",
        |world| {
            refuse_queues(
                world,
                respond(
                    403,
                    "application/octet-stream",
                    &[0, 159, 146, 150, 255, 7, 27, 91],
                ),
            );
        },
    ),
    forbidden(
        "unreadable-403-text",
        "unreadable_403",
        "A 403 with a word of plain text",
        "403 text/plain: Forbidden.",
        |world| refuse_queues(world, respond(403, "text/plain", b"Forbidden")),
    ),
    forbidden(
        "unreadable-403-empty",
        "unreadable_403",
        "A 403 without a body",
        "403 application/json, and nothing in it.",
        |world| refuse_queues(world, respond(403, "application/json", b"")),
    ),
    forbidden(
        "unknown-403",
        "unknown_403",
        "A 403 with a code that nobody has seen",
        "403 with a well-formed body, code synthetic.refusal.",
        |world| {
            let message = "The request was refused for a reason of its own.";
            refuse_queues(world, Scripted::error(403, "synthetic.refusal", message));
        },
    ),
];

fn role_removed(world: &mut World) {
    world.org.revoke(DEMO_CLIENT_ID, QUEUE_READER);
}

fn other_division(world: &mut World, wording: Wording) {
    role_removed(world);
    world.org.grant(DEMO_CLIENT_ID, QUEUE_READER, "Support");
    world.org.require_division(Some("Home"));
    world.org.word_refusals(wording);
}

/// Refuses the queues to callers with a live token: without one it is a 401, as from the real API.
fn refuse_queues(world: &mut World, step: Scripted) {
    let step = step.authenticated();
    world.faults.always(Route::Queue, Some(step.clone()));
    world.faults.always(Route::Queues, Some(step));
}

fn respond(status: u16, content_type: &str, body: &[u8]) -> Scripted {
    let headers = vec![("content-type".to_owned(), content_type.to_owned())];
    Scripted::Respond {
        status,
        headers,
        body: body.to_vec(),
    }
}

fn insufficient_scope(world: &mut World) {
    let challenge = "Bearer realm=\"gateway\", error=\"insufficient_scope\", \
                     error_description=\"The token lacks the required scope\", scope=\"routing:readonly\"";
    let headers = vec![
        ("WWW-Authenticate".to_owned(), challenge.to_owned()),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    let body = json!({"error": "insufficient_scope"})
        .to_string()
        .into_bytes();
    refuse_queues(
        world,
        Scripted::Respond {
            status: 403,
            headers,
            body,
        },
    );
}

fn stale_token(world: &mut World) {
    role_removed(world);
    world.org.propagate_to_tokens_after(None);
    change(world, grant_reader);
}

fn propagating(world: &mut World) {
    role_removed(world);
    world.org.propagate_after(Duration::from_mins(1));
    change(world, grant_reader);
}

fn grant_reader(org: &mut Org) {
    for division in ["Home", "Sales", "Support"] {
        org.grant(DEMO_CLIENT_ID, QUEUE_READER, division);
    }
}

/// Changes what is granted in a way that the caches notice as a change of this moment.
///
/// The demo client's first token counts as issued before it, even if it is yet to come.
fn change(world: &mut World, edit: fn(&mut Org)) {
    let before = world.org.access.clone();
    edit(&mut world.org);
    world.org.remember(before, clock::now());
    let mut tokens = world.org.tokens.iter();
    let has_token = tokens.any(|token| token.client == DEMO_CLIENT_ID && !token.revoked);
    if let (false, Some(past)) = (has_token, world.org.past.last_mut()) {
        past.last_token += 1;
    }
}

/// What a content delivery network sends when it does not let a request through.
fn edge_block() -> Scripted {
    let body = "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\" \"http://www.w3.org/TR/html4/loose.dtd\">\n\
                <HTML><HEAD><META HTTP-EQUIV=\"Content-Type\" CONTENT=\"text/html; charset=iso-8859-1\">\n\
                <TITLE>ERROR: The request could not be satisfied</TITLE>\n</HEAD><BODY>\n<H1>403 ERROR</H1>\n\
                <H2>The request could not be satisfied.</H2>\n<HR noshade size=\"1px\">\nRequest blocked.\n\
                <PRE>\nGenerated by cloudfront (CloudFront)\nRequest ID: SIMULATED==\n</PRE>\n</BODY></HTML>\n";
    let headers = [
        ("Server", "CloudFront"),
        ("content-type", "text/html"),
        ("X-Cache", "Error from cloudfront"),
        ("Via", "1.1 simulated.cloudfront.net (CloudFront)"),
        ("X-Amz-Cf-Pop", "FRA56-P1"),
        ("X-Amz-Cf-Id", "SIMULATED=="),
    ];
    let headers = headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    Scripted::Respond {
        status: 403,
        headers,
        body: body.as_bytes().to_vec(),
    }
}

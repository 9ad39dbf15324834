//! Tokens that are refused (401), and tokens that cannot be had.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::super::World;
use super::super::demo_org::DEMO_CLIENT_ID;
use super::super::fault::{Route, Scripted};
use super::super::org::{ClientState, GrantType};
use super::{Scenario, failing, ok};

pub(super) const SCENARIOS: &[Scenario] = &[
    failing(
        "token-rejected",
        "token_rejected",
        "Every token is dead on arrival, as from another region",
        "401 bad.credentials, also for fresh tokens.",
        |world| world.org.kill_tokens_after(Some(Duration::ZERO)),
    ),
    failing(
        "token-expired",
        "token_expired",
        "Tokens expire at once, whatever expires_in says",
        "401 credentials.expired, also for fresh tokens.",
        |world| world.org.expire_tokens_after(Some(Duration::ZERO)),
    ),
    failing(
        "token-missing",
        "token_missing",
        "A proxy on the way takes the Authorization header",
        "401 authentication.required, although the client sends a token.",
        |world| world.org.drop_authorization(true),
    ),
    failing(
        "ip-not-allowed",
        "ip_not_allowed",
        "The organisation's IP allow-list does not have this machine",
        "401 ip.not.authorized; the token endpoint still answers (what the real one does is not known).",
        |world| {
            world
                .org
                .allow_addresses(Some(vec![IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7))]));
        },
    ),
    failing(
        "client-rejected",
        "client_rejected",
        "The client's secret was rotated",
        "Issued tokens are revoked; the token endpoint answers 401 invalid_client.",
        |world| {
            world.org.revoke_tokens();
            world.org.rotate_secret(DEMO_CLIENT_ID, "another-secret");
        },
    ),
    failing(
        "unknown-client",
        "client_rejected",
        "The client was deleted",
        "Issued tokens die; the token endpoint answers 400 invalid_client.",
        |world| world.org.remove_client(DEMO_CLIENT_ID),
    ),
    failing(
        "client-disabled",
        "client_rejected",
        "The client was disabled",
        "Issued tokens die; the token endpoint answers 401 invalid_client (what the real one says is not known).",
        |world| {
            world
                .org
                .set_client_state(DEMO_CLIENT_ID, ClientState::Disabled);
        },
    ),
    failing(
        "grant-rejected",
        "grant_rejected",
        "The client is now one of the code grant",
        "Issued tokens are revoked; the token endpoint answers 400 unauthorized_client.",
        |world| {
            world.org.revoke_tokens();
            world.org.set_client_grant(DEMO_CLIENT_ID, GrantType::Code);
        },
    ),
    failing(
        "grant-unsupported",
        "grant_rejected",
        "The token endpoint does not know the grant type",
        "Issued tokens are revoked; the token endpoint answers 400 unsupported_grant_type.",
        |world| {
            let body = "{\"error\":\"unsupported_grant_type\",\"description\":\"grant type is not supported\",\
                        \"error_description\":\"grant type is not supported\"}";
            no_tokens(world, Scripted::text(400, "application/json", body));
        },
    ),
    failing(
        "auth-rate-limited",
        "auth_rate_limited",
        "The token endpoint's own rate limit",
        "Issued tokens are revoked; the token endpoint answers 400 invalid_request, rate limit exceeded; … (not 429).",
        |world| {
            world.org.revoke_tokens();
            world.org.set_token_rate_limit(Some(0));
        },
    ),
    failing(
        "token-unreadable",
        "token_unreadable",
        "The token endpoint answers 200 with a page",
        "Issued tokens are revoked; the token endpoint answers HTML.",
        |world| {
            let page = "<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please wait.</body></html>";
            no_tokens(world, Scripted::text(200, "text/html", page));
        },
    ),
    failing(
        "token-unreadable-types",
        "token_unreadable",
        "The token endpoint answers JSON with wrong types",
        "Issued tokens are revoked; access_token is a number.",
        |world| {
            let body = "{\"access_token\":403,\"token_type\":null,\"expires_in\":\"soon\"}";
            no_tokens(world, Scripted::text(200, "application/json", body));
        },
    ),
    failing(
        "token-endpoint-down",
        "token_endpoint_down",
        "The token endpoint is out of order",
        "Issued tokens are revoked; the token endpoint answers 503.",
        |world| {
            no_tokens(
                world,
                Scripted::text(503, "text/plain", "Service Unavailable"),
            );
        },
    ),
    ok(
        "short-tokens",
        "Tokens live for five minutes",
        "All is well; expires_in is 300, the shortest that can be set.",
        |world| world.org.set_expires_in(300),
    ),
    ok(
        "flapping-token",
        "Another process mints too many tokens, so that ours die after 45 s",
        "200 until a token is 45 s old, then 401 bad.credentials; a fresh one works again.",
        |world| world.org.kill_tokens_after(Some(Duration::from_secs(45))),
    ),
];

/// Revokes what was issued, so that the loss shows at once, and gives no more tokens.
fn no_tokens(world: &mut World, step: Scripted) {
    world.org.revoke_tokens();
    world.faults.always(Route::Token, Some(step));
}

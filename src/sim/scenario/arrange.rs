//! What several scenarios do to the demo organisation.

use super::super::World;
use super::super::clock;
use super::super::demo_org::{
    DEMO_CLIENT_ID, DEMO_USER_ID, DEMO_USER_TOKEN, PORTAL_CLIENT_ID, QUEUE_READER,
};
use super::super::fault::{Route, Scripted};
use super::super::org::Org;

/// Takes the role that carries `routing:queue:view` from the demo client.
pub(super) fn role_removed(world: &mut World) {
    world.org.revoke(DEMO_CLIENT_ID, QUEUE_READER);
}

/// Grants that role again where it was.
pub(super) fn role_granted(org: &mut Org) {
    for division in ["Home", "Sales", "Support"] {
        org.grant(DEMO_CLIENT_ID, QUEUE_READER, division);
    }
}

/// Makes the demo client a guest from another organisation.
pub(super) fn guest(world: &mut World) {
    let home = ("06000000-0000-4000-8000-0000000000ff", "Partner Ltd");
    world.org.set_home_organization(Some(home));
}

/// Takes every role from the demo user.
pub(super) fn user_without_role(world: &mut World) {
    world.org.revoke_all(DEMO_USER_ID);
}

/// Gives the demo user's token other scopes.
pub(super) fn user_scopes(world: &mut World, scopes: &[&str]) {
    world
        .org
        .issue_user_token(DEMO_USER_TOKEN, PORTAL_CLIENT_ID, DEMO_USER_ID, scopes);
}

/// Changes what is granted in a way that the caches notice as a change of this moment.
///
/// The demo client's first token counts as issued before it, even if it is yet to come.
pub(super) fn change(world: &mut World, edit: fn(&mut Org)) {
    let before = world.org.access.clone();
    edit(&mut world.org);
    world.org.remember(before, clock::now());
    if let (false, Some(past)) = (client_has_token(world), world.org.past.last_mut()) {
        past.last_token += 1;
    }
}

/// Lets the token endpoint give no more tokens, except a first one to a client that has none.
pub(super) fn no_further_token(world: &mut World) {
    if !client_has_token(world) {
        world.faults.script(Route::Token, [Scripted::Honest]);
    }
    let body = "{\"error\":\"invalid_request\",\"description\":\"rate limit exceeded; retry later\",\
                \"error_description\":\"rate limit exceeded; retry later\"}";
    let refusal = Scripted::text(400, "application/json", body);
    world.faults.always(Route::Token, Some(refusal));
}

fn client_has_token(world: &World) -> bool {
    let mut tokens = world.org.tokens.iter();
    tokens.any(|token| token.client == DEMO_CLIENT_ID && !token.revoked)
}

/// Gives every request for queues this step, with or without a token.
pub(super) fn queues(world: &mut World, step: &Scripted) {
    for route in [Route::Queues, Route::Queue] {
        world.faults.always(route, Some(step.clone()));
    }
}

/// Refuses the queues to callers with a live token: without one it is a 401, as from the real API.
pub(super) fn refuse_queues(world: &mut World, step: Scripted) {
    queues(world, &step.authenticated());
}

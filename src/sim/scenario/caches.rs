//! Changes of what is granted that are not known everywhere yet.

use std::time::Duration;

use super::super::World;
use super::super::demo_org::{DEMO_CLIENT_ID, QUEUE_READER};
use super::super::fault::Route;
use super::super::obstacle::Obstacle;
use super::arrange::{change, no_further_token, role_granted, role_removed};
use super::{Scenario, forbidden, ok};

/// How long a change takes here; the real platform speaks of minutes.
const DELAY: Duration = Duration::from_mins(1);

pub(super) const SCENARIOS: &[Scenario] = &[
    forbidden(
        "stale-token",
        "stale_token",
        "The role is back, but tokens keep what they were minted with",
        "403 for tokens issued before the switch (or for the first one after it, if the client had none); 200 with a \
         fresh token.",
        |world| stale(world, None),
    ),
    forbidden(
        "stale-token-for-a-while",
        "stale_token",
        "The role is back; tokens from before learn it after a minute, newer ones at once",
        "403 for tokens issued before the switch (or for the first one after it), 200 with a fresh token: a replay proves \
         stale_token. Without one the old token turns good by itself, which looks like propagating.",
        |world| stale(world, Some(DELAY)),
    ),
    forbidden(
        "stale-token-slow-grants",
        "stale_token",
        "The role is back, but old tokens do not even see it among the grants",
        "403 with the old token, and asked with it subjects/me and divisionspermitted know no role: it looks like \
         missing_permission. 200 with a fresh token, with which the grants show the role.",
        |world| {
            stale(world, None);
            world.org.delay_helpers(true);
        },
    ),
    forbidden(
        "stale-token-blind",
        "stale_token",
        "The role is back, tokens keep what they were minted with, and no other token can be had",
        "403, although the grants show the role since just now; the token endpoint gives no further token, so that \
         nobody can replay: propagating and policy_denied fit as well and cannot be told apart from it.",
        |world| {
            stale(world, None);
            no_further_token(world);
        },
    ),
    forbidden(
        "propagating",
        "propagating",
        "The role was granted just now, and the caches do not know it for a minute",
        "403 for 60 s, then 200 with the same token; the grants show the role at once.",
        late,
    ),
    forbidden(
        "propagating-slow-grants",
        "propagating",
        "The same, and the calls about grants ask the same caches",
        "403 for 60 s, then 200; meanwhile nothing tells it from missing_permission: the grants do not show the role \
         either. Only the recovery without another change says so.",
        |world| {
            late(world);
            world.org.delay_helpers(true);
        },
    ),
    forbidden(
        "propagating-division",
        "propagating",
        "The role was granted in the division asked for just now, and the caches know the other one only",
        "403 names the division for 60 s, as for missing_division_permission; the grants show the role there at once.",
        |world| {
            role_removed(world);
            world.org.grant(DEMO_CLIENT_ID, QUEUE_READER, "Support");
            world.org.require_division(Some("Home"));
            world.org.propagate_after(DELAY);
            change(world, |org| org.grant(DEMO_CLIENT_ID, QUEUE_READER, "Home"));
        },
    ),
    forbidden(
        "propagating-one-client",
        "propagating",
        "The role was granted just now; the caches know it for everybody but this client",
        "403 for 60 s with old and fresh tokens of the client, whereas changes for others work at once: that they do says \
         nothing about this one.",
        |world| {
            late(world);
            world.org.propagate_to_client_after(DEMO_CLIENT_ID, DELAY);
        },
    ),
    forbidden(
        "propagating-blind",
        "propagating",
        "The role was granted just now, and nobody may look at grants",
        "403 for 60 s, then 200; divisionspermitted does not exist and subjects/me is refused, so that missing_permission \
         fits as well until it is over. A fresh token is refused, too.",
        |world| {
            late(world);
            let faults = &mut world.faults;
            faults.obstruct(&[Route::DivisionsPermitted], Obstacle::Missing);
            faults.obstruct(&[Route::SubjectsMe], Obstacle::Refused);
        },
    ),
    ok(
        "access-ending",
        "The role was taken, but tokens keep what they were minted with",
        "200 with tokens issued before the switch (or with the first one after it), 403 with a fresh one: access ends \
         with the token, and subjects/me, which shows no role, can warn before.",
        |world| {
            world.org.propagate_to_tokens_after(None);
            change(world, |org| org.revoke(DEMO_CLIENT_ID, QUEUE_READER));
        },
    ),
];

/// The role was away and is back; older tokens learn it after `delay`, or never.
fn stale(world: &mut World, delay: Option<Duration>) {
    role_removed(world);
    world.org.propagate_to_tokens_after(delay);
    change(world, role_granted);
}

/// The role was away and is back; no token knows it for a while.
fn late(world: &mut World) {
    role_removed(world);
    world.org.propagate_after(DELAY);
    change(world, role_granted);
}

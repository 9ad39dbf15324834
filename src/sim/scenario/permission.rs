//! Permissions that are missing, everywhere or in a division.

use super::super::World;
use super::super::demo_org::{DEMO_CLIENT_ID, QUEUE_READER};
use super::super::fault::Route;
use super::super::obstacle::Obstacle;
use super::super::org::Wording;
use super::arrange::{guest, role_removed, user_scopes, user_without_role};
use super::{Scenario, forbidden, of_user};

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
        |world| removed_and_worded(world, Wording::All),
    ),
    forbidden(
        "role-removed-old-text",
        "missing_permission",
        "The same, without brackets and with the context id in the text",
        "403 whose message says permission(s), names one without brackets and ends with (context id).",
        |world| removed_and_worded(world, Wording::WithoutBrackets),
    ),
    forbidden(
        "access-denied",
        "missing_permission",
        "The same, as no more than the words Access denied",
        "403 access.denied; code and message are stand-ins for texts that name no permission.",
        |world| removed_and_worded(world, Wording::AccessDenied),
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
        "role-removed-vague",
        "missing_permission",
        "The same, worded as not.authorized",
        "403 not.authorized reads as a refusal of one object (object_forbidden); the grants and the permitted divisions \
         show that the permission is held nowhere. That the platform words it so is a stand-in.",
        |world| {
            let wording = Wording::Said {
                code: "not.authorized",
                message: "You are not authorized to perform the requested action.",
            };
            removed_and_worded(world, wording);
        },
    ),
    forbidden(
        "role-removed-unknown-code",
        "missing_permission",
        "The same, with a code that nobody has seen",
        "403 synthetic.refusal reads as unknown_403; the grants and the permitted divisions show that the permission is \
         held nowhere.",
        |world| {
            let wording = Wording::Said {
                code: "synthetic.refusal",
                message: "The request was refused for a reason of its own.",
            };
            removed_and_worded(world, wording);
        },
    ),
    forbidden(
        "wrong-permission-named",
        "missing_permission",
        "The role was taken, and the message names a permission that would not help",
        "403 names routing:skill:assign; the operation requires routing:queue:view, which is held nowhere. Whoever grants \
         what the message names is refused again.",
        |world| removed_and_worded(world, Wording::Naming("routing:skill:assign")),
    ),
    forbidden(
        "wrong-permission-unknown",
        "missing_permission",
        "The role was taken, and the message names a permission that the organisation does not have",
        "403 names routing:settings:view, which is not in the organisation's list: it looks like permission_not_in_org, \
         but routing:queue:view, which the operation requires, is in the list and held nowhere.",
        |world| removed_and_worded(world, Wording::Naming("routing:settings:view")),
    ),
    forbidden(
        "wrong-permission-held",
        "missing_permission",
        "The role has lost the permission, and the message names one that it still carries",
        "403 names routing:queue:search, which is held everywhere: it looks like policy_denied or a cache, but \
         routing:queue:view, which the operation requires, is held nowhere.",
        |world| {
            let left = ["routing:queue:search"];
            world.org.set_policies(QUEUE_READER, &left);
            world
                .org
                .word_refusals(Wording::Naming("routing:queue:search"));
        },
    ),
    forbidden(
        "guest-role-removed",
        "trustor_permission",
        "The client is a guest whose role was taken, refused like anybody else",
        "403 missing.permissions; tokens/me shows another home organisation, so that this is the word of a host to a \
         guest: the organisation that is visited grants the role.",
        |world| {
            guest(world);
            removed_and_worded(world, Wording::All);
        },
    ),
    of_user(forbidden(
        "user-role-missing",
        "missing_permission",
        "The user has no role; the token's scopes are in order",
        "403 missing.any.permissions for the demo user's token; tokens/me shows routing:readonly.",
        user_without_role,
    )),
    of_user(forbidden(
        "user-role-missing-no-scope",
        "missing_permission",
        "The user has no role, and the token lacks a scope that nobody enforces",
        "403 missing.any.permissions; tokens/me shows no scope for routing, so that missing_scope seems to fit, but the \
         organisation does not enforce scopes: the refusal is about the permission.",
        |world| {
            user_without_role(world);
            user_scopes(world, &["authorization:readonly", "user-basic-info"]);
            world.org.enforce_scopes(false);
        },
    )),
    forbidden(
        "role-removed-blind",
        "missing_permission",
        "The role was taken, and nobody may look at grants",
        "403 missing.any.permissions; divisionspermitted is refused and subjects/me does not exist, so that nothing \
         confirms what the message says: propagating and policy_denied fit as well.",
        |world| {
            role_removed(world);
            let faults = &mut world.faults;
            faults.obstruct(&[Route::DivisionsPermitted], Obstacle::Refused);
            faults.obstruct(&[Route::SubjectsMe], Obstacle::Missing);
        },
    ),
    forbidden(
        "role-removed-hanging",
        "missing_permission",
        "The role was taken, and subjects/me never answers",
        "403 missing.any.permissions; divisionspermitted says that the permission is held nowhere, which is enough. The \
         silence of subjects/me is no evidence.",
        |world| {
            role_removed(world);
            let faults = &mut world.faults;
            faults.obstruct(&[Route::SubjectsMe], Obstacle::Silence);
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
        "division-refused-plain",
        "missing_division_permission",
        "The permission is held in Support, but needed in Home (no division is named)",
        "403 missing.permissions without any division; the grants show the permission in Support alone. As long as \
         nobody knows which division is needed, policy_denied fits as well.",
        |world| other_division(world, Wording::All),
    ),
    forbidden(
        "division-refused-blind",
        "missing_division_permission",
        "The same, and the calls about grants answer nothing of use",
        "403 with the division's id; divisionspermitted answers 429 and subjects/me breaks off, so that nobody knows \
         whether the permission is held elsewhere, or nowhere.",
        |world| {
            other_division(world, Wording::DivisionList);
            let faults = &mut world.faults;
            faults.obstruct(&[Route::DivisionsPermitted], Obstacle::RateLimited);
            faults.obstruct(&[Route::SubjectsMe], Obstacle::CutJson);
        },
    ),
];

fn removed_and_worded(world: &mut World, wording: Wording) {
    role_removed(world);
    world.org.word_refusals(wording);
}

fn other_division(world: &mut World, wording: Wording) {
    role_removed(world);
    world.org.grant(DEMO_CLIENT_ID, QUEUE_READER, "Support");
    world.org.require_division(Some("Home"));
    world.org.word_refusals(wording);
}

//! What the organisation itself does not allow: products, policies, guests, objects.

use super::super::World;
use super::super::demo_org::QUEUE_READER;
use super::super::fault::{Route, Scripted};
use super::super::obstacle::Obstacle;
use super::arrange::{guest, refuse_queues, role_granted, role_removed};
use super::{Scenario, forbidden};

const VIEW: &str = "routing:queue:view";

pub(super) const SCENARIOS: &[Scenario] = &[
    forbidden(
        "permission-not-in-org",
        "permission_not_in_org",
        "The organisation has lost the product that brings routing:queue:view",
        "403 missing.any.permissions, although a role names the permission; the organisation's list does not.",
        |world| world.org.remove_permission(VIEW),
    ),
    forbidden(
        "not-in-org-roleless",
        "permission_not_in_org",
        "The organisation has lost the product, and the client the role",
        "403 missing.any.permissions; no role names the permission, as for missing_permission, but no role can be given \
         that does: the organisation's list does not have it.",
        |world| {
            world.org.remove_permission(VIEW);
            role_removed(world);
        },
    ),
    forbidden(
        "not-in-org-blind",
        "permission_not_in_org",
        "The organisation has lost the product, and nobody may see its list of permissions",
        "403 missing.any.permissions; a role names the permission and divisionspermitted says that it is held nowhere: \
         only a permission that the organisation lacks explains both, but policy_denied cannot be ruled out.",
        |world| {
            world.org.remove_permission(VIEW);
            let faults = &mut world.faults;
            faults.obstruct(&[Route::Permissions], Obstacle::Refused);
        },
    ),
    forbidden(
        "policy-denied",
        "policy_denied",
        "An attribute-based policy denies what the role grants",
        "403 although permission, division and token are right. The real body is not known: worded as a missing \
         permission.",
        |world| world.org.deny_by_policy(VIEW),
    ),
    forbidden(
        "policy-condition",
        "policy_denied",
        "The role carries the permission under a condition that is not met",
        "403 although the role names the permission; subjects/me shows the condition beside it. Its text and the body are \
         stand-ins.",
        |world| {
            world
                .org
                .set_condition(QUEUE_READER, "Queue.Name EQ Billing", false);
        },
    ),
    forbidden(
        "policy-denied-after-grant",
        "policy_denied",
        "A policy denies what the role grants since just now",
        "403 with old and fresh tokens, although the grants show the role; as long as the grant is only minutes old, \
         propagating fits as well and cannot be told apart.",
        |world| {
            role_removed(world);
            role_granted(&mut world.org);
            world.org.deny_by_policy(VIEW);
        },
    ),
    forbidden(
        "policy-denied-blind",
        "policy_denied",
        "A policy denies what the role grants, and nobody may look at grants",
        "403 worded as a missing permission; divisionspermitted is refused and subjects/me answers a page, so that \
         missing_permission fits as well and cannot be told apart.",
        |world| {
            world.org.deny_by_policy(VIEW);
            let faults = &mut world.faults;
            faults.obstruct(&[Route::DivisionsPermitted], Obstacle::Refused);
            faults.obstruct(&[Route::SubjectsMe], Obstacle::Page);
        },
    ),
    forbidden(
        "trustor",
        "trustor_permission",
        "The client is a guest from another organisation, which has no access",
        "403 missing.trustor.permissions; tokens/me shows another home organisation.",
        |world| {
            role_removed(world);
            guest(world);
        },
    ),
    forbidden(
        "trustor-same-org",
        "trustor_permission",
        "The refusal speaks of a trustor, but the client is at home",
        "403 missing.trustor.permissions; tokens/me shows the same organisation twice, and the permission is held: the \
         code stands alone, and what it means here is not known.",
        |world| {
            let message =
                "The trustor organization has not granted the required access to the trustee.";
            let step = Scripted::error(403, "missing.trustor.permissions", message);
            refuse_queues(world, step);
        },
    ),
    forbidden(
        "trustor-blind",
        "trustor_permission",
        "The client is a guest, and nobody may ask whose",
        "403 missing.trustor.permissions; tokens/me does not exist, so that nothing but the code says that the client is \
         a guest.",
        |world| {
            role_removed(world);
            guest(world);
            let faults = &mut world.faults;
            faults.obstruct(&[Route::TokensMe], Obstacle::Missing);
        },
    ),
    forbidden(
        "not-authorized",
        "object_forbidden",
        "Not authorised for this one resource",
        "403 not.authorized; permission and division are in order.",
        |world| {
            not_authorized(
                world,
                "You are not authorized to perform the requested action.",
            );
        },
    ),
    forbidden(
        "not-authorized-words",
        "object_forbidden",
        "Not authorised for this one resource, in words about a permission",
        "403 not.authorized whose message says permission, as for missing_permission; the grants and the permitted \
         divisions are in order.",
        |world| not_authorized(world, "You do not have permission to access this resource."),
    ),
    forbidden(
        "not-authorized-blind",
        "object_forbidden",
        "Not authorised for this one resource, and nobody may look at grants",
        "403 not.authorized; subjects/me and divisionspermitted are refused with the same code, so that \
         missing_permission and policy_denied fit as well.",
        |world| {
            not_authorized(
                world,
                "You are not authorized to perform the requested action.",
            );
            let routes = [Route::DivisionsPermitted, Route::SubjectsMe];
            world.faults.obstruct(&routes, Obstacle::Refused);
        },
    ),
];

fn not_authorized(world: &mut World, message: &str) {
    refuse_queues(world, Scripted::error(403, "not.authorized", message));
}

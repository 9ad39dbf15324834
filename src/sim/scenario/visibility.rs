//! Queues that are not refused but gone from the list.

use super::super::World;
use super::super::demo_org::{DEMO_CLIENT_ID, QUEUE_READER};
use super::super::fault::Route;
use super::super::obstacle::Obstacle;
use super::{Scenario, failing};

pub(super) const SCENARIOS: &[Scenario] = &[
    failing(
        "queues-empty",
        "queues_empty",
        "The client holds the permission only in a division without queues",
        "200 with total 0: the list filters silently. divisionspermitted shows one division, Archive.",
        moved_to_archive,
    ),
    failing(
        "queues-none",
        "queues_empty",
        "There is no queue in the organisation",
        "200 with total 0, as where the permission was lost; but allDivsPermitted is true: nothing is hidden, there is \
         nothing to see.",
        |world| {
            let org = &mut world.org;
            org.revoke(DEMO_CLIENT_ID, QUEUE_READER);
            org.grant(DEMO_CLIENT_ID, QUEUE_READER, "*");
            remove(world, |_| true);
        },
    ),
    failing(
        "queues-empty-blind",
        "queues_empty",
        "The client holds the permission only in a division without queues, and nobody may look at grants",
        "200 with total 0; divisionspermitted and subjects/me are refused: whether queues are hidden or there are none \
         cannot be told.",
        |world| {
            moved_to_archive(world);
            blind(world);
        },
    ),
    failing(
        "queues-missing",
        "queues_missing",
        "The permission was lost in Sales and Support",
        "200 with 4 of 12 queues: queues_missing where more are expected by configuration, or by what was seen before, \
         else ok. divisionspermitted shows Home alone.",
        lost_divisions,
    ),
    failing(
        "queues-deleted",
        "queues_missing",
        "The queues of Sales and Support were deleted",
        "200 with 4 of 12 queues, as where the permission was lost; but it is held in all three divisions as before. \
         Whether queues were deleted or moved to where nothing is visible cannot be told apart.",
        |world| {
            let home = world.org.division_id("Home");
            remove(world, |division| division != home);
        },
    ),
    failing(
        "queues-moved",
        "queues_missing",
        "The queues of Sales and Support were moved to a division without access",
        "200 with 4 of 12 queues, as where they were deleted: the permission is held in all three divisions as before, \
         and what lies elsewhere is not visible. The two cannot be told apart.",
        |world| {
            let archive = world.org.add_division("Archive");
            let home = world.org.division_id("Home");
            let moved = world.org.queues.iter_mut();
            moved
                .filter(|queue| queue.division != home)
                .for_each(|queue| queue.division.clone_from(&archive));
        },
    ),
    failing(
        "queues-missing-blind",
        "queues_missing",
        "The permission was lost in Sales and Support, and nobody may look at grants",
        "200 with 4 of 12 queues; divisionspermitted and subjects/me are refused: whether the permission was lost or the \
         queues are gone cannot be told.",
        |world| {
            lost_divisions(world);
            blind(world);
        },
    ),
];

fn moved_to_archive(world: &mut World) {
    world.org.add_division("Archive");
    world.org.revoke(DEMO_CLIENT_ID, QUEUE_READER);
    world.org.grant(DEMO_CLIENT_ID, QUEUE_READER, "Archive");
}

fn lost_divisions(world: &mut World) {
    world.org.revoke_in(DEMO_CLIENT_ID, QUEUE_READER, "Sales");
    world.org.revoke_in(DEMO_CLIENT_ID, QUEUE_READER, "Support");
}

/// Removes the queues of the divisions that `gone` says.
fn remove(world: &mut World, gone: impl Fn(&str) -> bool) {
    world.org.queues.retain(|queue| !gone(&queue.division));
}

fn blind(world: &mut World) {
    let routes = [Route::DivisionsPermitted, Route::SubjectsMe];
    world.faults.obstruct(&routes, Obstacle::Refused);
}

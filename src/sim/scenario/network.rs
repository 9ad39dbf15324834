//! Connections that end badly, or do not end.

use std::time::Duration;

use super::super::World;
use super::super::fault::{Route, Scripted};
use super::{Scenario, failing};

/// More than any client should read of a list of queues.
const FLOOD_BYTES: u64 = 64 * 1024 * 1024;

pub(super) const SCENARIOS: &[Scenario] = &[
    failing(
        "timeout",
        "timeout",
        "The API takes requests and never answers",
        "No answer; the connection stays open.",
        |world| {
            world.faults.everywhere(&Scripted::Hang);
        },
    ),
    failing(
        "timeout-dripping",
        "timeout",
        "The list of queues never ends",
        "200, chunked, a byte every 100 ms: only a limit on the whole request ends it.",
        |world| {
            queues(
                world,
                Scripted::Endless {
                    status: 200,
                    every: Duration::from_millis(100),
                },
            );
        },
    ),
    failing(
        "reset",
        "reset",
        "The connection is reset",
        "RST instead of an answer.",
        |world| {
            world.faults.everywhere(&Scripted::Reset);
        },
    ),
    failing(
        "closed",
        "reset",
        "The connection is closed without an answer",
        "FIN instead of an answer.",
        |world| {
            world.faults.everywhere(&Scripted::Close);
        },
    ),
    failing(
        "truncated",
        "reset",
        "The connection is closed in the middle of the body",
        "200 with fewer bytes than content-length announces.",
        |world| {
            let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            let body = b"{\"entities\":[{\"id\":\"".to_vec();
            queues(
                world,
                Scripted::Truncate {
                    status: 200,
                    headers,
                    body,
                    missing: 500,
                },
            );
        },
    ),
    failing(
        "answer-too-large",
        "answer_too_large",
        "The list of queues is larger than anybody should read",
        "200 with 64 MiB, as fast as they are taken.",
        |world| {
            queues(
                world,
                Scripted::Flood {
                    status: 200,
                    bytes: FLOOD_BYTES,
                },
            );
        },
    ),
];

fn queues(world: &mut World, step: Scripted) {
    world.faults.always(Route::Queues, Some(step));
}

//! Refusals whose cause cannot be read from them.

use serde_json::json;

use super::super::fault::Scripted;
use super::super::obstacle::Obstacle;
use super::arrange::refuse_queues;
use super::{Scenario, forbidden};

const TEXT: &str = "text/plain";
const JSON: &str = "application/json";

pub(super) const SCENARIOS: &[Scenario] = &[
    forbidden(
        "unreadable-403",
        "unreadable_403",
        "A 403 with a body of bytes that are no text",
        "403 application/octet-stream.",
        |world| {
            let headers = [("content-type", "application/octet-stream")];
            let bytes = [0, 159, 146, 150, 255, 7, 27, 91];
            refuse_queues(world, Scripted::respond(403, &headers, &bytes));
        },
    ),
    forbidden(
        "unreadable-403-text",
        "unreadable_403",
        "A 403 with a word of plain text",
        "403 text/plain: Forbidden.",
        |world| refuse_queues(world, Scripted::text(403, TEXT, "Forbidden")),
    ),
    forbidden(
        "unreadable-403-empty",
        "unreadable_403",
        "A 403 without a body",
        "403 application/json, and nothing in it.",
        |world| refuse_queues(world, Scripted::text(403, JSON, "")),
    ),
    forbidden(
        "unreadable-403-page",
        "unreadable_403",
        "A 403 of the platform's own that is a page",
        "403 as HTML, as for edge_block, but with the platform's correlation id; without a token the API's own 401. Which \
         permission or policy is meant stays unknown: the grants are in order.",
        |world| {
            let headers = [
                ("content-type", "text/html"),
                (
                    "ININ-Correlation-Id",
                    "c0000000-0000-4000-8000-0000000004a3",
                ),
            ];
            let page = b"<html><body><h1>Forbidden</h1></body></html>";
            refuse_queues(world, Scripted::respond(403, &headers, page));
        },
    ),
    forbidden(
        "unreadable-403-cut",
        "unreadable_403",
        "A 403 whose JSON breaks off",
        "403 application/json that ends before the permission is named; the grants are in order, so that missing_permission \
         is ruled out and the rest stays unknown.",
        |world| {
            let body = "{\"message\":\"Unable to perform the requested action. You are mis";
            refuse_queues(world, Scripted::text(403, JSON, body));
        },
    ),
    forbidden(
        "unreadable-403-blind",
        "unreadable_403",
        "A 403 with a word of plain text, and none of the calls that help exists",
        "403 text/plain: Forbidden, and 404 for everything else: every cause fits.",
        |world| {
            refuse_queues(world, Scripted::text(403, TEXT, "Forbidden"));
            world.faults.obstruct(&Obstacle::HELPERS, Obstacle::Missing);
        },
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
    forbidden(
        "unknown-403-silent",
        "unknown_403",
        "A 403 whose JSON says nothing",
        "403 with {\"status\": 403} alone; the grants are in order.",
        |world| refuse_queues(world, Scripted::json(403, &json!({"status": 403}))),
    ),
    forbidden(
        "unknown-403-suspended",
        "unknown_403",
        "The organisation is no longer active",
        "403 organization.inactive, a stand-in: the real code is not known. Permission, division and token are in order, \
         as for policy_denied; organizations/me shows the state inactive.",
        |world| {
            world.org.set_state("inactive");
            let message = "The organization is not active.";
            refuse_queues(
                world,
                Scripted::error(403, "organization.inactive", message),
            );
        },
    ),
    forbidden(
        "unknown-403-blind",
        "unknown_403",
        "A 403 with a code that nobody has seen, and every call that helps is refused",
        "403 synthetic.refusal for the queues, not.authorized for everything else: every cause fits.",
        |world| {
            let message = "The request was refused for a reason of its own.";
            refuse_queues(world, Scripted::error(403, "synthetic.refusal", message));
            world.faults.obstruct(&Obstacle::HELPERS, Obstacle::Refused);
        },
    ),
];

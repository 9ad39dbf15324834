//! Answers that are no refusal: less than expected, or a failure of something else.

use serde_json::json;

use super::super::World;
use super::super::fault::Scripted;
use super::arrange::queues;
use super::{Scenario, failing, ok};

pub(super) const HEALTHY: Scenario = ok(
    "healthy",
    "All is well",
    "200 with the queues of Home, Sales and Support.",
    |_| {},
);

pub(super) const SCENARIOS: &[Scenario] = &[
    failing(
        "user-context-required",
        "user_context_required",
        "The operation is for users only",
        "400; the message is the real one, the code a stand-in.",
        |world| {
            let message = "This request requires a user context. Client credentials cannot be used for requests to \
                           this resource.";
            queues(
                world,
                &Scripted::error(400, "bad.request", message).authenticated(),
            );
        },
    ),
    failing(
        "bad-request",
        "bad_request",
        "The request is refused as malformed",
        "400 invalid.query.param.value.",
        |world| {
            let message = "The value of query parameter pageSize is not valid.";
            queues(
                world,
                &Scripted::error(400, "invalid.query.param.value", message).authenticated(),
            );
        },
    ),
    failing(
        "not-found",
        "not_found",
        "The path does not exist there",
        "404 not.found.",
        |world| {
            queues(
                world,
                &Scripted::error(404, "not.found", "HTTP 404 Not Found"),
            );
        },
    ),
    failing(
        "feature-disabled",
        "feature_disabled",
        "The feature is not there",
        "501 not.implemented.",
        |world| {
            queues(
                world,
                &Scripted::error(501, "not.implemented", "Not implemented.").authenticated(),
            );
        },
    ),
    failing(
        "feature-toggled-off",
        "feature_disabled",
        "The feature is switched off",
        "405 featuretoggleservice.featurenotenabled.",
        |world| {
            let code = "featuretoggleservice.featurenotenabled";
            queues(
                world,
                &Scripted::error(405, code, "The feature is not enabled.").authenticated(),
            );
        },
    ),
    failing(
        "rate-limited",
        "rate_limited",
        "The token's requests of this minute are used up, again and again",
        "429 too.many.requests.retry.after with Retry-After.",
        |world| world.org.set_rate_limit(Some(0)),
    ),
    failing(
        "auth-service-slow",
        "auth_service_slow",
        "The platform's own authorisation service does not answer in time",
        "504 authentication.request.timeout.",
        |world| {
            everywhere(
                world,
                504,
                "authentication.request.timeout",
                "Authentication request timed out.",
            );
        },
    ),
    failing(
        "upstream-error",
        "upstream_error",
        "The platform fails",
        "500 internal.server.error.",
        |world| {
            everywhere(
                world,
                500,
                "internal.server.error",
                "The server encountered an unexpected condition.",
            );
        },
    ),
    failing(
        "upstream-unavailable",
        "upstream_error",
        "The platform is not available",
        "503 service.unavailable.",
        |world| everywhere(world, 503, "service.unavailable", "Service Unavailable"),
    ),
    failing(
        "redirected",
        "redirected",
        "Something on the way redirects to a login page",
        "302 to another host.",
        |world| {
            let headers = vec![(
                "Location".to_owned(),
                "https://login.example.com/sso?from=api".to_owned(),
            )];
            world.faults.everywhere(&Scripted::Respond {
                status: 302,
                headers,
                body: Vec::new(),
            });
        },
    ),
    failing(
        "unreadable-answer",
        "unreadable_answer",
        "200 with a page instead of queues",
        "200 text/html.",
        |world| {
            let page = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>";
            queues(world, &Scripted::text(200, "text/html", page));
        },
    ),
    failing(
        "unreadable-answer-types",
        "unreadable_answer",
        "200 with JSON of wrong types",
        "200 application/json; entities is a text and total a list.",
        |world| {
            let body =
                json!({"entities": "none", "total": [], "pageSize": "one", "pageNumber": null});
            queues(world, &Scripted::json(200, &body).authenticated());
        },
    ),
];

fn everywhere(world: &mut World, status: u16, code: &str, message: &str) {
    world
        .faults
        .everywhere(&Scripted::error(status, code, message));
}

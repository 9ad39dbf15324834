//! Findings about answers of the platform other than 401 and 403, success included.

use super::{
    ADMIN, AT_ONCE, Entry, NETWORK, ROLES_SPREAD, RUNNERS, Step, UNDOCUMENTED, WORKS, When, both,
    grant, machine, unlike, user,
};

const SEEN: &str =
    "Expect the outcome `ok` and the number of {objects} that the integration needs.";

/// What to do when less is visible than should be, by the reason for it.
const SHOW_ALL: &[Step] = &[
    machine(
        "Make every process that uses {client} drop its cached token and request a new one; why403 \
         uses the new one already.",
    )
    .when(When::TokenBehind),
    user("Have the user log in again, so that the application gets a new token.")
        .when(When::TokenBehind),
    both(
        "In {queues}, see whether there are queues at all, and in which divisions: none, or none \
         elsewhere, is no fault of access.",
    )
    .when(When::LossUnknown),
    grant().when(When::Grantable),
    both(
        "Nothing has to be granted. In {queues}, see whether the missing queues were deleted, or \
         moved to a division that the caller does not see; the org's audit says who did it.",
    )
    .when(When::QueuesGone),
    both(
        "Only for queues that were moved and are still needed, have a role with {permissions} assigned \
         to the caller in their new division.",
    )
    .when(When::QueuesGone),
    both(
        "Nothing has to be granted. In {queues}, see which queues are left; the org's audit says who \
         deleted the others.",
    )
    .when(When::QueuesDeleted),
    both(
        "Nothing has to be granted. If {here} should have queues, have them made; if not, the \
         credentials are perhaps those of another org than the integration means.",
    )
    .when(When::NoQueues),
    both("If fewer queues are right, lower `min_queues` in the configuration.")
        .when(When::BelowMinimum),
];

pub(super) static OK: Entry = Entry {
    title: "Access works",
    meaning: "The platform answered the operation with success, and the answer holds what is \
        expected.",
    who: "Nobody",
    confused_with: &[unlike(
        "queues_empty",
        "The call succeeds too, but shows nothing.",
    )],
    steps: &[both("Nothing has to be done.")],
    propagation: AT_ONCE,
    expect: WORKS,
};

pub(super) static QUEUES_EMPTY: Entry = Entry {
    title: "Access works, but no queue is visible",
    meaning: "The answer is 200 with no entries. The list shows only queues of divisions in which the \
        caller holds the permission, and does not say what it leaves out; so this is either an org \
        without queues or a role granted in the wrong divisions.",
    who: ADMIN,
    confused_with: &[
        unlike(
            "missing_permission",
            "Without the permission in any division the answer is 403.",
        ),
        unlike("queues_missing", "Some queues are visible, but too few."),
    ],
    steps: SHOW_ALL,
    propagation: ROLES_SPREAD,
    expect: SEEN,
};

pub(super) static QUEUES_MISSING: Entry = Entry {
    title: "Access works, but fewer queues are visible than expected",
    meaning: "The list shows only queues of divisions in which the caller holds the permission, and \
        does not say what it leaves out. Queues that were there before have been deleted or moved to \
        another division, or the caller has lost a division.",
    who: ADMIN,
    confused_with: &[unlike("queues_empty", "No queue is visible at all.")],
    steps: SHOW_ALL,
    propagation: ROLES_SPREAD,
    expect: SEEN,
};

pub(super) static USER_CONTEXT_REQUIRED: Entry = Entry {
    title: "The operation works for users only",
    meaning: "400 \"This request requires a user context\": the operation is about the logged-in user, \
        and a client-credentials token has none. No role or permission changes that.",
    who: "The developers of the integration",
    confused_with: &[unlike(
        "missing_permission",
        "403: the operation works for clients, and a role is missing.",
    )],
    steps: &[
        machine(
            "Use an operation without `me` in its path instead, for example `GET \
             /api/v2/routing/queues`, with the permission it requires.",
        ),
        machine(
            "If it must be about one user, use a grant with a user, such as authorization code, for \
             this part of the integration.",
        ),
        user(
            "Check that the token really is a user's: the platform treats it as one of client \
             credentials.",
        ),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};

pub(super) static BAD_REQUEST: Entry = Entry {
    title: "The platform refuses the request itself",
    meaning: "The request is not what the operation accepts: a parameter, a value or the form of the \
        body. Permissions were not the reason given.",
    who: "The developers of the integration",
    confused_with: &[
        unlike(
            "user_context_required",
            "The message asks for a user context.",
        ),
        unlike(
            "auth_rate_limited",
            "At the token endpoint, 400 can mean too many token requests.",
        ),
    ],
    steps: &[
        both("Read code and message in the diagnosis: they name the parameter or value."),
        both("Compare {operation} with the API description of your region."),
        both("If a gateway stands between, check that it passes path and query on unchanged."),
        both("If the request is right, open a case with Genesys support and quote {correlation}."),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};

pub(super) static NOT_FOUND: Entry = Entry {
    title: "The path or the object does not exist",
    meaning: "404: the host knows no such path, or the object with this id does not exist in this \
        org.",
    who: RUNNERS,
    confused_with: &[unlike(
        "object_forbidden",
        "The object exists and is refused.",
    )],
    steps: &[
        both(
            "Check that {host} is the API host of the region and not the login host or a web page.",
        ),
        both("If a gateway is used, check the path prefix in the configured URL."),
        both("If the path holds an id, check that it is an id of this org and still exists."),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};

pub(super) static FEATURE_DISABLED: Entry = Entry {
    title: "The feature is switched off in this org",
    meaning: "405 or 501, often with the code `featuretoggleservice.featurenotenabled`: the platform \
        knows the operation, but the feature behind it is not enabled for this org.",
    who: "A Genesys Cloud administrator, with whoever holds the contract with Genesys",
    confused_with: &[unlike(
        "permission_not_in_org",
        "403 that names a permission which no role can carry.",
    )],
    steps: &[
        both(
            "Check the method and path of {operation}: a 405 is also the answer to a wrong method.",
        ),
        both(
            "Ask Genesys, with {correlation}, which product or setting enables the feature in your \
             org.",
        ),
        both("Until then, take {operation} out of what the integration needs."),
    ],
    propagation: UNDOCUMENTED,
    expect: WORKS,
};

pub(super) static RATE_LIMITED: Entry = Entry {
    title: "Too many calls: the platform limits the rate",
    meaning: "429: the calls made with this token, or by this client, are over the limit of 300 \
        requests per minute. All processes that share the token share the limit.",
    who: RUNNERS,
    confused_with: &[unlike(
        "auth_rate_limited",
        "400 at the token endpoint: too many token requests.",
    )],
    steps: &[
        both("Stop calling for {wait}."),
        both(
            "Find the process that calls most, and let it page with larger pages or poll less often.",
        ),
        both("Make every process honour Retry-After before it retries."),
        both(
            "If the answer has no header ININ-Correlation-Id, ask the team that runs the proxy or \
             gateway which limit it has.",
        )
        .when(When::Doubted),
        both(
            "Do not spread the calls over more tokens or clients: Genesys may shut such clients down.",
        ),
    ],
    propagation: "The limit counts per minute; the Retry-After header says when to come back.",
    expect: WORKS,
};

pub(super) static AUTH_SERVICE_SLOW: Entry = Entry {
    title: "The platform's own authentication service is slow",
    meaning: "504 `authentication.request.timeout`: Genesys Cloud could not check the token in time. \
        Neither the token nor the roles are at fault.",
    who: "Genesys; the team that runs the integration waits",
    confused_with: &[
        unlike("token_rejected", "401: the token was checked and refused."),
        unlike("timeout", "No answer came at all."),
    ],
    steps: &[
        both("Wait for the next probes, and do not replace tokens or secrets meanwhile."),
        both("Look at the Genesys Cloud status page for your region."),
        both("If it lasts, open a case with Genesys support and quote {correlation}."),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};

pub(super) static UPSTREAM_ERROR: Entry = Entry {
    title: "The platform fails",
    meaning: "The platform, or a gateway before it, answered with an error of its own. This says \
        nothing about credentials or roles.",
    who: "Genesys, or the team that runs the gateway",
    confused_with: &[
        unlike(
            "auth_service_slow",
            "504 about the platform's authentication service.",
        ),
        unlike("feature_disabled", "501: the feature is not enabled."),
    ],
    steps: &[
        both("Wait for the next probes: short failures pass by themselves."),
        both("Look at the Genesys Cloud status page for your region."),
        both(
            "If the answer has no header ININ-Correlation-Id, ask the team that runs the proxy or \
             gateway; otherwise open a case with Genesys support and quote {correlation}.",
        ),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};

pub(super) static REDIRECTED: Entry = Entry {
    title: "The answer is a redirect, which is never followed",
    meaning: "3xx: the API does not redirect calls of this kind, so a web page, a portal or a gateway \
        answered. why403 does not follow, because that would send the token to another host.",
    who: NETWORK,
    confused_with: &[unlike("edge_block", "The way refuses with 403.")],
    steps: &[
        both(
            "Check that {host} is the API host of the region (`api.` and the domain), with `https`.",
        ),
        both("Read the Location header in the evidence: it names the portal or the new address."),
        both("If a proxy asks for a login, have this machine exempted from it."),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};

pub(super) static UNREADABLE_ANSWER: Entry = Entry {
    title: "An answer that is not what the operation answers",
    meaning: "The status says success, but the body is not the JSON that the operation answers with; or \
        the status is none that an answer may end with. Usually a proxy, a portal or another host \
        answered.",
    who: NETWORK,
    confused_with: &[unlike(
        "answer_too_large",
        "The answer was cut because it is too long.",
    )],
    steps: &[
        both(
            "Look at the excerpt in the diagnosis: a login page or an error page names its sender.",
        ),
        both("Check that {host} is the API host of the region (`api.` and the domain)."),
        both("If a gateway stands between, have it pass the body through unchanged."),
    ],
    propagation: AT_ONCE,
    expect: WORKS,
};

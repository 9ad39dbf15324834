//! The causes of a 403.

use super::{
    ADMIN, AT_ONCE, Entry, NETWORK, ROLES_SPREAD, RUNNERS, UNDOCUMENTED, WORKS, When, both,
    machine, unlike, user,
};

const SUPPORT: &str = "If that leads nowhere, open a case with Genesys support and quote \
    {correlation}.";

pub(super) static MISSING_PERMISSION: Entry = Entry {
    title: "No role of the caller carries the permission that the operation requires",
    meaning: "Genesys Cloud knows the caller and refuses the operation because none of the caller's \
        roles carries the required permission. Permissions come only from roles, and each role is \
        granted in one or more divisions; OAuth scopes cannot add a permission.",
    who: ADMIN,
    confused_with: &[
        unlike(
            "missing_division_permission",
            "The permission is held, only not in the division asked for.",
        ),
        unlike(
            "permission_not_in_org",
            "The role editor does not offer the permission at all.",
        ),
        unlike(
            "propagating",
            "The role was granted within the last five minutes.",
        ),
    ],
    steps: &[
        both(
            "In {roles}, open a custom role made for this caller, or add one, and tick \
             {permissions} on its Permissions tab; {choice}{operation} needs nothing more.",
        ),
        machine(
            "In {oauth}, open {client}, Roles tab: assign that role in {division} and save. If \
             the role is not offered there, the administrator who does this may have to hold it \
             first.",
        ),
        user(
            "In {people}, open the person, Roles tab, and assign that role in {division}; where \
             roles come from a group, assign it in {groups}, open the group, Roles tab.",
        ),
        both(
            "The permission in the answer can be wrong: for {operation} Genesys publishes \
             {published}. Check that one too.",
        )
        .when(When::PermissionsDiffer),
    ],
    propagation: ROLES_SPREAD,
    expect: WORKS,
};

pub(super) static MISSING_DIVISION_PERMISSION: Entry = Entry {
    title: "The permission is held, but not in the division asked for",
    meaning: "A role of the caller carries the permission, but that role is not granted in the \
        division of the object. The answer names the division, often with an empty list of \
        permissions or with the division's id as a fourth part of the permission.",
    who: ADMIN,
    confused_with: &[
        unlike(
            "missing_permission",
            "No role carries the permission in any division.",
        ),
        unlike(
            "queues_empty",
            "A list leaves out what lies in other divisions and answers 200.",
        ),
    ],
    steps: &[
        both(
            "In {divisions}, find {division} and see whether the {objects} that the integration \
             needs belong there.",
        ),
        machine(
            "In {oauth}, open {client}, Roles tab: assign the role that carries {permissions} \
             in {division} as well, and save.",
        ),
        user(
            "In {people}, open the person, Roles tab: add {division} in the Divisions column of the \
             role that carries {permissions}; for a role that comes from a group, do it in \
             {groups}, open the group, Roles tab.",
        ),
        both(
            "If the {objects} lie in the wrong division instead, move them: open the right division \
             on the same Divisions page and add them there.",
        ),
    ],
    propagation: ROLES_SPREAD,
    expect: WORKS,
};

pub(super) static MISSING_SCOPE: Entry = Entry {
    title: "The token's scopes do not cover the operation",
    meaning: "A scope limits what an application may do for a user, on top of the user's own \
        permissions. Scopes do not apply to client credentials: what such a client may do is \
        decided by its roles in divisions alone.",
    who: "The application's developers and a Genesys Cloud administrator who may authorize OAuth \
        clients; for client credentials the team that runs the gateway",
    confused_with: &[unlike(
        "missing_permission",
        "The answer names a permission with three parts, such as `routing:queue:view`.",
    )],
    steps: &[
        machine(
            "Look at roles, not at scopes: scopes do not apply to client credentials, so no scope \
             setting of {client} can be the reason.",
        ),
        machine(
            "Find out who answered: an error of the platform itself has the header \
             ININ-Correlation-Id. Without it, ask the team that runs the gateway or proxy on the \
             way which of its rules refused {operation}.",
        ),
        machine(
            "In {oauth}, open {client}: check that its grant type is Client Credentials and, on the \
             Roles tab, that a role carries {permissions} in {division}.",
        ),
        both(
            "The platform's scopes have the form `area` or `area:readonly`, so {scope} is asked for \
             by a gateway on the way: take this to the team that runs it.",
        )
        .when(When::ForeignScope),
        user(
            "Have the application ask for {scope} when it sends the user to log in; its OAuth client \
             in {oauth} must allow that scope.",
        ),
        user(
            "In {apps}, authorize the application for that scope; this needs the permission OAuth > \
             Client > Authorize.",
        ),
        user("Have the user log in again, because the old token keeps its old scopes."),
        user(
            "Check that the user also holds {permissions}: a scope adds no permission. Leave Enforce \
             Scopes in {settings} on: it is one switch for every application of the org.",
        ),
    ],
    propagation: "A new scope needs a new token. How soon Genesys Cloud applies a newly authorized \
        scope is not documented.",
    expect: WORKS,
};

pub(super) static STALE_TOKEN: Entry = Entry {
    title: "The cached token is refused and a fresh one is accepted",
    meaning: "The same call fails with the token in use and works with a token issued just now. \
        Something changed after the old token was issued, most often roles or divisions, and the \
        old token still gets the earlier answer.",
    who: RUNNERS,
    confused_with: &[
        unlike(
            "propagating",
            "The same token begins to work after a while, without a new one.",
        ),
        unlike("token_rejected", "A dead token is answered 401, not 403."),
    ],
    steps: &[
        machine(
            "Make every process that uses {client} drop its cached token and request a new one; a \
             restart usually does that.",
        ),
        user("Have the user log in again, so that the application gets a new token."),
        both(
            "Replace the token of this service with `POST /token/refresh` if it still holds the old \
             one.",
        ),
        machine(
            "Let the integration request at most one new token after a first 403, never in a loop: \
             too many new tokens make the oldest ones invalid.",
        ),
    ],
    propagation: AT_ONCE,
    expect: "Expect the outcome `ok` for {operation} with a token that was issued after the change.",
};

pub(super) static PROPAGATING: Entry = Entry {
    title: "A change of roles has not reached every cache yet",
    meaning: "Genesys Cloud checks permissions through caches that agree only after a while. The \
        grant is there, but a part of the platform still answers from before the change.",
    who: "Nobody for five minutes, then the administrator who made the change",
    confused_with: &[
        unlike(
            "stale_token",
            "A new token works at once, while the old one stays refused.",
        ),
        unlike(
            "missing_permission",
            "The grant is not there, or was not saved.",
        ),
    ],
    steps: &[
        both("Wait five minutes and change nothing meanwhile, so that the next result is clear."),
        machine(
            "If it is still refused, check in {oauth}, open {client}, Roles tab, that the role was \
             saved in {division}.",
        ),
        user(
            "If it is still refused, check in {people}, open the person, Roles tab, that the role was \
             saved in {division}.",
        ),
        both("If the grant is there, request one new token and try once more."),
        both(SUPPORT),
    ],
    propagation: ROLES_SPREAD,
    expect: "Expect the outcome `ok` for {operation} within five minutes of the change.",
};

pub(super) static PERMISSION_NOT_IN_ORG: Entry = Entry {
    title: "The org does not have this permission: licence, product or beta",
    meaning: "The answer names a permission that Genesys Cloud does not offer in this org, so that \
        no role can carry it. Usually the licence, product or beta programme behind the operation \
        is missing.",
    who: "A Genesys Cloud administrator, with whoever holds the contract with Genesys",
    confused_with: &[
        unlike(
            "missing_permission",
            "The role editor offers the permission, and nobody has granted it.",
        ),
        unlike(
            "feature_disabled",
            "A feature that is switched off answers 405 or 501.",
        ),
    ],
    steps: &[
        both(
            "In {roles}, open any role, Permissions tab, and search for {permissions}: if it is not \
             offered, no grant can help.",
        ),
        both(
            "Ask Genesys, with {correlation}, which licence, product or beta programme brings it to \
             your org.",
        ),
        machine(
            "Once it is offered, add it to a role and assign that role in {oauth}, open {client}, \
             Roles tab.",
        ),
        user(
            "Once it is offered, add it to a role and assign that role in {people}, open the person, \
             Roles tab.",
        ),
        both("Until then, take {operation} out of what the integration needs."),
    ],
    propagation: UNDOCUMENTED,
    expect: WORKS,
};

pub(super) static POLICY_DENIED: Entry = Entry {
    title: "An access policy seems to refuse although the permission is held",
    meaning: "The caller holds the permission in the right division, and a fresh token is still \
        refused. What is left is an attribute-based access policy of the org, or a cache that is \
        slow; no documented answer tells the two apart.",
    who: "The Genesys Cloud administrator who owns the org's access policies",
    confused_with: &[
        unlike("propagating", "It works by itself within five minutes."),
        unlike(
            "missing_division_permission",
            "The role is not granted in the division of the object.",
        ),
    ],
    steps: &[
        both(
            "In {settings}, Security & Compliance, see whether Enable Attribute Based Access Control \
             is on: if it is off, no policy is in force.",
        ),
        machine(
            "In {policies}, look for an enabled policy whose target is {permissions} and whose \
             subject covers {client} or everybody.",
        ),
        user(
            "In {policies}, look for an enabled policy whose target is {permissions} and whose \
             subject covers the person, one of their groups or everybody.",
        ),
        both(
            "Have the owner of that policy make the exception; do not switch policies off for the \
             whole org.",
        ),
        both("If no policy fits, wait five minutes and look again."),
        both(SUPPORT),
    ],
    propagation: UNDOCUMENTED,
    expect: WORKS,
};

pub(super) static TRUSTOR_PERMISSION: Entry = Entry {
    title: "Access to another org that its administrators have not granted",
    meaning: "The call works on another org (the trustor) than the one the caller belongs to (the \
        trustee). What the caller may do there is granted by the other org's administrators; roles \
        in the caller's own org do not count.",
    who: "An administrator of the other org, not of the caller's own",
    confused_with: &[unlike(
        "missing_permission",
        "The call works on the caller's own org.",
    )],
    steps: &[
        both(
            "Settle whether another org is meant at all: if not, correct the region, the URL or the \
             credentials.",
        ),
        user(
            "Have an administrator of the other org open {orgs}, Access To My Organization, and \
             select the caller's org.",
        ),
        user(
            "There, have a role that carries {permissions} given to the user or to a group of the \
             user.",
        ),
        machine(
            "For an integration, have an administrator of the other org create an OAuth client \
             there, with a role that carries {permissions}, and use that client instead.",
        ),
    ],
    propagation: ROLES_SPREAD,
    expect: WORKS,
};

pub(super) static OBJECT_FORBIDDEN: Entry = Entry {
    title: "One object or resource is refused",
    meaning: "The platform answers `not.authorized` and names no permission. It refuses this object \
        or this use of it; its division, its owner or a rule of its own can be the reason.",
    who: ADMIN,
    confused_with: &[
        unlike("missing_permission", "The answer names the permission."),
        unlike(
            "not_found",
            "The object does not exist, or its id is of another org.",
        ),
    ],
    steps: &[
        both(
            "Make the same call for another object of the kind: if that works, the object is the \
             difference and not the operation.",
        ),
        both("In {divisions}, find the division that the object belongs to."),
        machine(
            "In {oauth}, open {client}, Roles tab: check that a role with {permissions} is assigned \
             in that division.",
        ),
        user(
            "In {people}, open the person, Roles tab: check that a role with {permissions} is \
             assigned in that division.",
        ),
        both(SUPPORT),
    ],
    propagation: ROLES_SPREAD,
    expect: WORKS,
};

pub(super) static EDGE_BLOCK: Entry = Entry {
    title: "An edge, firewall or proxy refused the call, not the platform",
    meaning: "The answer is no error body of Genesys Cloud: it has neither an error code nor a \
        context id. Something on the way answered instead, for example a corporate proxy, an API \
        gateway or the edge in front of the platform. Roles, permissions and scopes are not the \
        reason.",
    who: NETWORK,
    confused_with: &[
        unlike(
            "ip_not_allowed",
            "The org's own allow-list answers 401 with a code of the platform.",
        ),
        unlike("missing_scope", "A gateway that checks scopes says so."),
    ],
    steps: &[
        both(
            "Repeat the call without a token: the platform answers 401, an edge answers 403 again.",
        ),
        both(
            "Read the answer's Server and Via headers and its body to see who wrote it; Via and \
             X-Amz-Cf-Id of CloudFront alone prove nothing, because normal answers carry them too.",
        ),
        both("Make the call from another network to see whether the way or the address decides."),
        both(
            "Have the proxy or gateway let HTTPS to {host} through unchanged, with the Authorization \
             header.",
        ),
        both(
            "If the answer came from the edge of Genesys Cloud, open a case with Genesys support and \
             give the time, your public address and the header X-Amz-Cf-Id.",
        ),
    ],
    propagation: AT_ONCE,
    expect: "Expect the outcome `ok`, or an error that has a code of the platform.",
};

pub(super) static UNREADABLE_FORBIDDEN: Entry = Entry {
    title: "403 with a body that cannot be read",
    meaning: "The body is neither the platform's JSON nor a page of a known edge or proxy. The \
        platform's own refusals are JSON, so something on the way has probably written or changed \
        this one.",
    who: NETWORK,
    confused_with: &[unlike(
        "edge_block",
        "The page names the edge or proxy that wrote it.",
    )],
    steps: &[
        both(
            "Read the excerpt of the body and the headers in the diagnosis to see who wrote them.",
        ),
        both(
            "Make the call from a network without the proxy or gateway: a readable answer there means \
             that the way changes it.",
        ),
        both(
            "If the answer carries the header ININ-Correlation-Id, open a case with Genesys support \
             and quote {correlation}.",
        ),
    ],
    propagation: AT_ONCE,
    expect: "Expect the outcome `ok`, or an error that has a code of the platform.",
};

pub(super) static UNKNOWN_FORBIDDEN: Entry = Entry {
    title: "403 with a code or message that why403 does not know",
    meaning: "The answer is JSON, but neither its code nor its message says what is missing. They \
        are shown as they came.",
    who: ADMIN,
    confused_with: &[unlike("unreadable_403", "The body is not JSON at all.")],
    steps: &[
        both("Read code and message in the diagnosis; they may name what is missing."),
        machine(
            "For {operation} Genesys publishes {published}: check in {oauth}, open {client}, Roles \
             tab, that a role carries it in {division}.",
        ),
        user(
            "For {operation} Genesys publishes {published}: check in {people}, open the person, View \
             Permissions tab, that the person holds it in {division}.",
        ),
        both("Open a case with Genesys support and quote {correlation}."),
    ],
    propagation: ROLES_SPREAD,
    expect: WORKS,
};

pub(super) static FORBIDDEN: Entry = Entry {
    title: "The call is refused: 403, and a cause says why",
    meaning: "The caller is known and may not do this. Each 403 is given one of twelve causes, from \
        a missing permission to a proxy on the way.",
    who: ADMIN,
    confused_with: &[unlike(
        "token_rejected",
        "401: the caller is not known, because the token is not accepted.",
    )],
    steps: &[
        both("Read the cause in the diagnosis and look it up with `why403 explain`."),
        both(SUPPORT),
    ],
    propagation: ROLES_SPREAD,
    expect: WORKS,
};

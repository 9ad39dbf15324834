//! The causes of a 403.

use super::{
    ADMIN, AT_ONCE, Entry, NETWORK, ROLES_SPREAD, RUNNERS, UNDOCUMENTED, WORKS, When, both, grant,
    machine, unlike, user,
};

const SUPPORT: &str = "If that leads nowhere, open a case with Genesys support and send {file}.";

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
        grant(),
        both(
            "The answer names {named}, but Genesys publishes {published} for {operation}, and messages \
             are known to name the wrong permission: add {named} only if the answer stays the same.",
        )
        .when(When::PermissionsDiffer),
        both(
            "The caller holds {published} already, which Genesys publishes for {operation}: {named} is \
             what is left to try.",
        )
        .when(When::PublishedIsHeld),
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
        grant(),
        both(
            "If the {objects} lie in that division by mistake, move them instead: in {divisions}, open \
             the right division and add them there.",
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
            "Ask the team that runs the gateway or proxy on the way which of its rules refused \
             {operation}. No scope setting of {client} can be the reason, because scopes do not apply to \
             client credentials.",
        ),
        machine(
            "If the answer has the header ININ-Correlation-Id, it is the platform's own: then check in \
             {oauth}, open {client}, Roles, that a role carries {permissions} in {division}.",
        )
        .when(When::NotHeld),
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
            "Leave Enforce Scopes in {settings} on: it is one switch for every application of the org. \
             A scope adds no permission, so the user must hold {permissions} too.",
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
        both("why403 itself uses the fresh token already.").when(When::FreshWorks),
        both(
            "To settle it, let why403 try a new token with `POST /token/refresh`: if the call is still \
             refused, the token is not the reason.",
        )
        .when(When::FreshUntried),
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
    who: "Nobody for five minutes after the change, then the administrator who made it",
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
        both("Nothing has to be done: the token that was refused is accepted by now.")
            .when(When::WorksAgain),
        both("Wait {until}, and change nothing meanwhile, so that the next result is clear.")
            .when(When::NotYet),
        machine(
            "If it is still refused then, check in {oauth}, open {client}, Roles, that the role was \
             saved in {division}, and request one new token.",
        )
        .when(When::NotYet),
        user(
            "If it is still refused then, check in {people}, open the person, Roles, that the role was \
             saved in {division}, and have the person log in again.",
        )
        .when(When::NotYet),
        both(SUPPORT).when(When::NotYet),
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
        both("Grant nothing: no role of {here} can carry {permissions}.").when(When::Proven),
        both("In {roles}, see whether any role can be given {permissions}: if not, no grant can help.")
            .when(When::Doubted),
        both(
            "Have whoever holds the contract ask Genesys which licence, product or beta programme brings \
             it to the org, and send {file}.",
        ),
        machine(
            "Once {roles} offers it, add it to a role and assign that role in {oauth}, open {client}, \
             Roles.",
        ),
        user(
            "Once {roles} offers it, add it to a role and assign that role in {people}, open the person, \
             Roles.",
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
            "In {roles}, open {bound}: the policy for {permissions} has a condition there, which this \
             call does not seem to meet. Have its owner widen the condition, if this call should be allowed.",
        )
        .when(When::OnCondition),
        both(
            "Or have a role with {permissions} and nothing else, without a condition, assigned to the \
             caller in {division}.",
        )
        .when(When::OnCondition),
        machine(
            "In {policies}, look for an enabled policy whose target is {permissions} and whose \
             subject covers {client} or everybody.",
        )
        .when(When::NoCondition),
        user(
            "In {policies}, look for an enabled policy whose target is {permissions} and whose \
             subject covers the person, one of their groups or everybody.",
        )
        .when(When::NoCondition),
        both(
            "Have the owner of that policy make the exception; do not switch policies off for the \
             whole org.",
        )
        .when(When::NoCondition),
        both(
            "No policy is in force where Enable Attribute Based Access Control is off in {settings}, \
             Security & Compliance; then wait five minutes and look again.",
        )
        .when(When::NoCondition),
        both(SUPPORT).when(When::NoCondition),
    ],
    propagation: UNDOCUMENTED,
    expect: WORKS,
};

pub(super) static TRUSTOR_PERMISSION: Entry = Entry {
    title: "Access to another org that its administrators have not granted",
    meaning: "The call works on another org (the trustor) than the one the caller belongs to (the \
        trustee). What the caller may do there is granted by the other org's administrators; roles \
        in the caller's own org do not count.",
    who: "An administrator of the org that is visited, not of the caller's own",
    confused_with: &[unlike(
        "missing_permission",
        "The call works on the caller's own org.",
    )],
    steps: &[
        both(
            "Settle whether {org} is meant at all: if not, correct the region, the URL or the \
             credentials.",
        ),
        user(
            "Have an administrator of {org} open {orgs}, Access To My Organization, select {home}, and \
             give the user, or a group of the user, a role that carries {permissions}.",
        ),
        machine(
            "For an integration, have an administrator of {org} create an OAuth client there, with a \
             role that carries {permissions} and nothing else, and use that client instead.",
        ),
        both(SUPPORT).when(When::Doubted),
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
        )
        .when(When::OneObject),
        both("In {divisions}, find the division that the object belongs to.").when(When::OneObject),
        machine(
            "In {oauth}, open {client}, Roles: check that a role with {permissions} is assigned in \
             {division}.",
        )
        .when(When::NotHeld),
        user(
            "In {people}, open the person, Roles: check that a role with {permissions} is assigned in \
             {division}.",
        )
        .when(When::NotHeld),
        both(
            "The operation is a list, and no object can be the reason: look in {policies} for an enabled \
             policy whose target is {permissions}.",
        )
        .when(When::Lists),
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
        )
        .when(When::NotControlled),
        both(
            "Find out whose edge it is; the answer came with {trace}. Via and X-Amz-Cf-Id of CloudFront \
             alone prove nothing, because normal answers carry them too.",
        )
        .when(When::Traced),
        both(
            "Ask who runs the proxy, firewall or gateway between this machine and {host} to let \
             {operation} through unchanged, with the Authorization header. Tell them {when} and the \
             caller's public address.",
        ),
        both("Make the call from another network: if it works there, the way decides."),
        both(
            "If nothing of your own answered, it was the edge of Genesys Cloud: open a case with Genesys \
             support and give {when}, your public address and the header X-Amz-Cf-Id.",
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
            "An answer with the header ININ-Correlation-Id is the platform's own: open a case with \
             Genesys support and send {file}.",
        )
        .when(When::Correlated),
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
        both(
            "Grant nothing for now: the caller holds {published}, which is all that Genesys publishes for \
             {operation}.",
        )
        .when(When::Held),
        machine(
            "For {operation} Genesys publishes {published}: check in {oauth}, open {client}, Roles, \
             that a role carries it in {division}.",
        )
        .when(When::NotHeld),
        user(
            "For {operation} Genesys publishes {published}: check in {people}, open the person, View \
             Permissions, that the person holds it in {division}.",
        )
        .when(When::NotHeld),
        both("Open a case with Genesys support and send {file}."),
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

//! What every scenario becomes, in one table.

/// A scenario and everything that follows from it.
pub(super) struct Row {
    pub(super) scenario: &'static str,
    pub(super) outcome: &'static str,
    pub(super) cause: Option<&'static str>,
    pub(super) confidence: &'static str,
    /// The counter that goes up by one, and no other.
    pub(super) counter: Counter,
    /// Status and word of `/health` when the very first probe meets the scenario.
    pub(super) cold: Health,
    /// The same when access worked before.
    pub(super) warm: Health,
    /// Exit status of `why403 diagnose`.
    pub(super) exit: i32,
    /// What stands between this row and the scenario's own promise, if anything does.
    pub(super) lacks: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    /// `why403_forbidden_total{cause=…}`
    Forbidden(&'static str),
    /// `why403_probe_failures_total{class=…}`
    Failures(&'static str),
    None,
}

pub(super) type Health = (u16, &'static str);

pub(super) const PASS: Health = (200, "pass");
pub(super) const WARN: Health = (200, "warn");
/// Known to be bad, or not known yet.
pub(super) const FAIL: Health = (503, "fail");

/// What a 403 becomes: refused at once, whatever was before.
const fn forbidden(scenario: &'static str, cause: &'static str, confidence: &'static str) -> Row {
    Row {
        scenario,
        outcome: "forbidden",
        cause: Some(cause),
        confidence,
        counter: Counter::Forbidden(cause),
        cold: FAIL,
        warm: FAIL,
        exit: 1,
        lacks: "",
    }
}

/// A failure that counts at once.
const fn definite(scenario: &'static str, outcome: &'static str, class: &'static str) -> Row {
    Row {
        scenario,
        outcome,
        cause: Some(outcome),
        confidence: "proven",
        counter: Counter::Failures(class),
        cold: FAIL,
        warm: FAIL,
        exit: 1,
        lacks: "",
    }
}

/// A failure that may pass: unknown when nothing was known before, else a warning.
const fn passing(scenario: &'static str, outcome: &'static str, class: &'static str) -> Row {
    Row {
        warm: WARN,
        exit: 3,
        ..definite(scenario, outcome, class)
    }
}

/// The queues can be read, but not all that should be.
const fn visibility(scenario: &'static str, outcome: &'static str) -> Row {
    Row {
        confidence: "likely",
        cold: WARN,
        warm: WARN,
        exit: 0,
        ..definite(scenario, outcome, "visibility")
    }
}

const fn good(scenario: &'static str) -> Row {
    Row {
        outcome: "ok",
        cause: None,
        counter: Counter::None,
        cold: PASS,
        warm: PASS,
        exit: 0,
        ..definite(scenario, "ok", "")
    }
}

impl Row {
    const fn likely(self) -> Self {
        Self {
            confidence: "likely",
            ..self
        }
    }

    const fn lacks(self, lacks: &'static str) -> Self {
        Self { lacks, ..self }
    }
}

const REPLAY: &str = "needs a replay of the call with a fresh token";
const GRANTS: &str = "needs a look at the grants";
const CATALOGUE: &str = "needs a look at the org's permissions";
const CONTROL: &str = "needs the same call without a token";
const TIME: &str = "shows only when it is over";

pub(super) const TABLE: &[Row] = &[
    good("healthy"),
    forbidden("role-removed", "missing_permission", "likely"),
    forbidden("role-removed-all", "missing_permission", "likely"),
    forbidden("role-removed-old-text", "missing_permission", "likely"),
    forbidden("access-denied", "missing_permission", "possible"),
    forbidden("policy-emptied", "missing_permission", "likely"),
    forbidden("role-removed-vague", "object_forbidden", "possible").lacks(GRANTS),
    forbidden("role-removed-unknown-code", "unknown_403", "possible").lacks(GRANTS),
    forbidden("wrong-permission-named", "missing_permission", "possible"),
    forbidden("wrong-permission-unknown", "missing_permission", "possible"),
    forbidden("wrong-permission-held", "missing_permission", "possible"),
    forbidden("guest-role-removed", "missing_permission", "likely"),
    forbidden("user-role-missing", "missing_permission", "likely"),
    forbidden("user-role-missing-no-scope", "missing_permission", "likely"),
    forbidden("role-removed-blind", "missing_permission", "likely"),
    forbidden("role-removed-hanging", "missing_permission", "likely"),
    forbidden("division-refused", "missing_division_permission", "likely"),
    forbidden(
        "division-refused-segment",
        "missing_division_permission",
        "likely",
    ),
    forbidden("division-refused-plain", "missing_permission", "likely").lacks(GRANTS),
    forbidden(
        "division-refused-blind",
        "missing_division_permission",
        "likely",
    ),
    forbidden("insufficient-scope", "missing_scope", "possible"),
    forbidden("insufficient-scope-body", "missing_scope", "possible"),
    forbidden("user-scope-missing", "missing_scope", "likely"),
    forbidden("user-scope-and-role", "missing_scope", "likely"),
    forbidden("user-scope-missing-blind", "missing_scope", "likely"),
    forbidden("insufficient-scope-gateway", "missing_scope", "possible"),
    good("user-scopes-unenforced"),
    forbidden("stale-token", "missing_permission", "likely").lacks(REPLAY),
    forbidden("stale-token-for-a-while", "missing_permission", "likely").lacks(REPLAY),
    forbidden("stale-token-slow-grants", "missing_permission", "likely").lacks(REPLAY),
    forbidden("stale-token-blind", "missing_permission", "likely").lacks(REPLAY),
    forbidden("propagating", "missing_permission", "likely").lacks(GRANTS),
    forbidden("propagating-slow-grants", "missing_permission", "likely").lacks(TIME),
    forbidden(
        "propagating-division",
        "missing_division_permission",
        "likely",
    )
    .lacks(GRANTS),
    forbidden("propagating-one-client", "missing_permission", "likely").lacks(GRANTS),
    forbidden("propagating-blind", "missing_permission", "likely").lacks(TIME),
    good("access-ending"),
    forbidden("permission-not-in-org", "missing_permission", "likely").lacks(CATALOGUE),
    forbidden("not-in-org-roleless", "missing_permission", "likely").lacks(CATALOGUE),
    forbidden("not-in-org-blind", "missing_permission", "likely").lacks(CATALOGUE),
    forbidden("policy-denied", "missing_permission", "likely").lacks(GRANTS),
    forbidden("policy-condition", "missing_permission", "likely").lacks(GRANTS),
    forbidden("policy-denied-after-grant", "missing_permission", "likely").lacks(GRANTS),
    forbidden("policy-denied-blind", "missing_permission", "likely").lacks(GRANTS),
    forbidden("trustor", "trustor_permission", "likely"),
    forbidden("trustor-same-org", "trustor_permission", "likely"),
    forbidden("trustor-blind", "trustor_permission", "likely"),
    forbidden("not-authorized", "object_forbidden", "possible"),
    forbidden("not-authorized-words", "object_forbidden", "possible"),
    forbidden("not-authorized-blind", "object_forbidden", "possible"),
    forbidden("edge-block", "edge_block", "likely"),
    forbidden("edge-block-plain", "edge_block", "possible"),
    forbidden("edge-block-authorization", "edge_block", "likely"),
    forbidden("edge-block-queues", "edge_block", "likely"),
    forbidden("edge-block-json", "missing_permission", "likely").lacks(CONTROL),
    forbidden("edge-block-scope", "missing_scope", "possible").lacks(CONTROL),
    forbidden("edge-block-empty", "unreadable_403", "possible").lacks(CONTROL),
    forbidden("edge-block-blind", "edge_block", "possible"),
    forbidden("unreadable-403", "unreadable_403", "possible"),
    forbidden("unreadable-403-text", "unreadable_403", "possible"),
    forbidden("unreadable-403-empty", "unreadable_403", "possible"),
    forbidden("unreadable-403-page", "unreadable_403", "possible"),
    forbidden("unreadable-403-cut", "unreadable_403", "possible"),
    forbidden("unreadable-403-blind", "unreadable_403", "possible"),
    forbidden("unknown-403", "unknown_403", "possible"),
    forbidden("unknown-403-silent", "unknown_403", "possible"),
    forbidden("unknown-403-suspended", "unknown_403", "possible"),
    forbidden("unknown-403-blind", "unknown_403", "possible"),
    definite("token-rejected", "token_rejected", "unauthorized"),
    definite("token-expired", "token_expired", "unauthorized"),
    definite("token-missing", "token_missing", "unauthorized"),
    definite("ip-not-allowed", "ip_not_allowed", "unauthorized"),
    definite("client-rejected", "client_rejected", "credentials"),
    definite("unknown-client", "client_rejected", "credentials"),
    definite("client-disabled", "client_rejected", "credentials"),
    definite("grant-rejected", "grant_rejected", "credentials"),
    definite("grant-unsupported", "grant_rejected", "credentials"),
    passing("auth-rate-limited", "auth_rate_limited", "throttled"),
    passing("token-unreadable", "token_unreadable", "unreadable"),
    passing("token-unreadable-types", "token_unreadable", "unreadable"),
    passing("token-endpoint-down", "token_endpoint_down", "upstream"),
    good("short-tokens"),
    good("flapping-token"),
    visibility("queues-empty", "queues_empty"),
    visibility("queues-none", "queues_empty"),
    visibility("queues-empty-blind", "queues_empty"),
    visibility("queues-missing", "queues_missing"),
    visibility("queues-deleted", "queues_missing"),
    visibility("queues-moved", "queues_missing"),
    visibility("queues-missing-blind", "queues_missing"),
    definite(
        "user-context-required",
        "user_context_required",
        "misconfigured",
    ),
    definite("bad-request", "bad_request", "misconfigured"),
    definite("not-found", "not_found", "misconfigured"),
    definite("feature-disabled", "feature_disabled", "misconfigured").likely(),
    definite("feature-toggled-off", "feature_disabled", "misconfigured"),
    passing("rate-limited", "rate_limited", "throttled"),
    passing("auth-service-slow", "auth_service_slow", "upstream"),
    passing("upstream-error", "upstream_error", "upstream"),
    passing("upstream-unavailable", "upstream_error", "upstream"),
    definite("redirected", "redirected", "misconfigured"),
    passing("unreadable-answer", "unreadable_answer", "unreadable"),
    passing("unreadable-answer-types", "unreadable_answer", "unreadable"),
    passing("timeout", "timeout", "network"),
    passing("timeout-dripping", "timeout", "network"),
    passing("reset", "reset", "network"),
    passing("closed", "reset", "network"),
    passing("truncated", "reset", "network"),
    passing("answer-too-large", "answer_too_large", "unreadable"),
];

/// Causes and outcomes that no row shows, and why.
pub(super) const NOT_IN_THE_TABLE: &[(&str, &str)] = &[
    ("stale_token", REPLAY),
    ("propagating", GRANTS),
    ("permission_not_in_org", CATALOGUE),
    ("policy_denied", GRANTS),
    ("dns", "no answer can show it; see probe/transport.rs"),
    ("connect", "no answer can show it; see probe/transport.rs"),
    ("tls", "no answer can show it; see probe/transport.rs"),
];

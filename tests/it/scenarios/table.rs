//! What every scenario becomes, in one table.

/// A scenario and everything that follows from it.
pub(super) struct Row {
    pub(super) scenario: &'static str,
    pub(super) outcome: &'static str,
    pub(super) cause: Option<&'static str>,
    pub(super) confidence: &'static str,
    /// Cause and confidence when the very first probe meets the scenario, where they differ: its
    /// token is minted just now, so that none is replayed, and nothing was known before.
    pub(super) young: Option<(&'static str, &'static str)>,
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
        young: None,
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
        young: None,
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
const fn visibility(
    scenario: &'static str,
    outcome: &'static str,
    confidence: &'static str,
) -> Row {
    Row {
        confidence,
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

    const fn young(self, cause: &'static str, confidence: &'static str) -> Self {
        Self {
            young: Some((cause, confidence)),
            ..self
        }
    }

    /// Cause and confidence when the very first probe meets the scenario.
    pub(super) fn at_first(&self) -> (Option<&'static str>, &'static str) {
        match self.young {
            Some((cause, confidence)) => (Some(cause), confidence),
            None => (self.cause, self.confidence),
        }
    }

    /// The counter that goes up then.
    pub(super) fn counter_at_first(&self) -> Counter {
        match (self.counter, self.young) {
            (Counter::Forbidden(_), Some((cause, _))) => Counter::Forbidden(cause),
            (counter, _) => counter,
        }
    }

    const fn lacks(self, lacks: &'static str) -> Self {
        Self { lacks, ..self }
    }
}

const REPLAY: &str = "needs a replay of the call with a fresh token, which cannot be had";
const GRANTS: &str = "needs a look at the grants, which is refused";
const DIVISION: &str = "needs to know which division is asked for";
const TIME: &str = "shows only when some minutes have passed";

pub(super) const TABLE: &[Row] = &[
    good("healthy"),
    forbidden("role-removed", "missing_permission", "proven"),
    forbidden("role-removed-all", "missing_permission", "proven"),
    forbidden("role-removed-old-text", "missing_permission", "proven"),
    forbidden("access-denied", "missing_permission", "proven"),
    forbidden("policy-emptied", "missing_permission", "proven"),
    forbidden("role-removed-vague", "missing_permission", "likely"),
    forbidden("role-removed-unknown-code", "missing_permission", "likely"),
    forbidden("wrong-permission-named", "missing_permission", "likely"),
    forbidden("wrong-permission-unknown", "missing_permission", "possible"),
    forbidden("wrong-permission-held", "missing_permission", "likely"),
    forbidden("guest-role-removed", "trustor_permission", "likely"),
    forbidden("user-role-missing", "missing_permission", "proven"),
    forbidden("user-role-missing-no-scope", "missing_permission", "proven"),
    forbidden("role-removed-blind", "missing_permission", "likely"),
    forbidden("role-removed-hanging", "missing_permission", "proven"),
    forbidden("division-refused", "missing_division_permission", "proven"),
    forbidden(
        "division-refused-segment",
        "missing_division_permission",
        "proven",
    ),
    forbidden("division-refused-plain", "propagating", "likely").lacks(DIVISION),
    forbidden(
        "division-refused-blind",
        "missing_division_permission",
        "likely",
    ),
    forbidden("insufficient-scope", "missing_scope", "likely"),
    forbidden("insufficient-scope-body", "missing_scope", "likely"),
    forbidden("user-scope-missing", "missing_scope", "proven"),
    forbidden("user-scope-and-role", "missing_scope", "proven"),
    forbidden("user-scope-missing-blind", "missing_scope", "likely"),
    forbidden("insufficient-scope-gateway", "missing_scope", "possible"),
    good("user-scopes-unenforced"),
    forbidden("stale-token", "stale_token", "proven").young("propagating", "likely"),
    forbidden("stale-token-for-a-while", "stale_token", "proven").young("propagating", "likely"),
    forbidden("stale-token-slow-grants", "stale_token", "proven")
        .young("missing_permission", "proven"),
    forbidden("stale-token-blind", "propagating", "possible")
        .young("propagating", "likely")
        .lacks(REPLAY),
    forbidden("propagating", "propagating", "likely"),
    forbidden("propagating-slow-grants", "missing_permission", "proven").lacks(TIME),
    forbidden("propagating-division", "propagating", "likely"),
    forbidden("propagating-one-client", "propagating", "likely"),
    forbidden("propagating-blind", "missing_permission", "likely").lacks(TIME),
    good("access-ending"),
    forbidden("permission-not-in-org", "permission_not_in_org", "proven"),
    forbidden("not-in-org-roleless", "permission_not_in_org", "proven"),
    forbidden("not-in-org-blind", "permission_not_in_org", "possible"),
    forbidden("policy-denied", "policy_denied", "likely"),
    forbidden("policy-condition", "policy_denied", "likely"),
    forbidden("policy-denied-after-grant", "propagating", "likely").lacks(TIME),
    forbidden("policy-denied-blind", "missing_permission", "likely").lacks(GRANTS),
    forbidden("trustor", "trustor_permission", "proven"),
    forbidden("trustor-same-org", "trustor_permission", "possible"),
    forbidden("trustor-blind", "trustor_permission", "likely"),
    forbidden("not-authorized", "object_forbidden", "possible"),
    forbidden("not-authorized-words", "object_forbidden", "possible"),
    forbidden("not-authorized-blind", "object_forbidden", "possible"),
    forbidden("edge-block", "edge_block", "proven"),
    forbidden("edge-block-plain", "edge_block", "proven"),
    forbidden("edge-block-authorization", "edge_block", "likely"),
    forbidden("edge-block-queues", "edge_block", "proven"),
    forbidden("edge-block-json", "edge_block", "proven"),
    forbidden("edge-block-scope", "edge_block", "proven"),
    forbidden("edge-block-empty", "edge_block", "proven"),
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
    visibility("queues-empty", "queues_empty", "proven").young("queues_empty", "likely"),
    visibility("queues-none", "queues_empty", "proven"),
    visibility("queues-empty-blind", "queues_empty", "likely"),
    visibility("queues-missing", "queues_missing", "proven").young("queues_missing", "likely"),
    visibility("queues-deleted", "queues_missing", "likely"),
    visibility("queues-moved", "queues_missing", "likely"),
    visibility("queues-missing-blind", "queues_missing", "likely"),
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
    ("dns", "no answer can show it; see probe/transport.rs"),
    ("connect", "no answer can show it; see probe/transport.rs"),
    ("tls", "no answer can show it; see probe/transport.rs"),
];

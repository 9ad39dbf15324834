//! The right alert goes off for each cause, only that one, and it resolves when the cause is mended.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use why403::sim::{Route, Scripted};

use super::{Case, Stage, page, warning};
use crate::process::wait_for;

/// Every class, and every cause of a 403 that stays until somebody mends it; a stale token does not,
/// because the fresh one that proves it is used from then on.
const CASES: &[Case] = &[
    page(
        "permission",
        "role-removed",
        "Why403Refused",
        "missing_permission",
    ),
    page(
        "division",
        "division-refused",
        "Why403Refused",
        "missing_division_permission",
    ),
    page(
        "scope",
        "insufficient-scope",
        "Why403Refused",
        "missing_scope",
    ),
    page(
        "caches",
        "stale-token-blind",
        "Why403Refused",
        "propagating",
    ),
    page(
        "org",
        "permission-not-in-org",
        "Why403Refused",
        "permission_not_in_org",
    ),
    page(
        "policy",
        "policy-condition",
        "Why403Refused",
        "policy_denied",
    ),
    page("trustor", "trustor", "Why403Refused", "trustor_permission"),
    page(
        "object",
        "not-authorized",
        "Why403Refused",
        "object_forbidden",
    ),
    page("edge", "edge-block", "Why403Refused", "edge_block"),
    page(
        "garbled",
        "unreadable-403",
        "Why403Refused",
        "unreadable_403",
    ),
    page("unknown", "unknown-403", "Why403Refused", "unknown_403"),
    page(
        "token",
        "token-rejected",
        "Why403Unauthorized",
        "unauthorized",
    ),
    page(
        "client",
        "client-rejected",
        "Why403Unauthorized",
        "credentials",
    ),
    page("outage", "upstream-error", "Why403Outage", "upstream"),
    page("network", "reset", "Why403Outage", "network"),
    page("path", "not-found", "Why403Misconfigured", "misconfigured"),
    page(
        "answer",
        "unreadable-answer",
        "Why403Unreadable",
        "unreadable",
    ),
    warning("limit", "rate-limited", "Why403Throttled", "throttled"),
    warning("fewer", "queues-missing", VANISHED, "queues_missing"),
    warning("none", "queues-empty", VANISHED, "queues_empty"),
];

/// The page.
const LOST: &str = "Why403AccessLost";

/// The alert that names no class: what is visible tells more.
const VANISHED: &str = "Why403QueuesVanished";

/// A target that stays well, and one whose tokens live shortly.
const WELL: &str = "well";
const SHORT: &str = "short";

/// Which alerts fire for whom: the target, the credential, or nobody.
type Firing = BTreeMap<String, BTreeSet<String>>;

fn label<'a>(labels: &'a Value, name: &str) -> &'a str {
    labels[name].as_str().unwrap_or_default()
}

/// Whom an alert is about, and its name with the cause or class that it names.
fn identity(labels: &Value) -> (String, String) {
    let of = |names: &[&str]| -> String { names.iter().map(|name| label(labels, name)).collect() };
    let named = [
        label(labels, "alertname").to_owned(),
        of(&["cause", "class"]),
    ];
    (
        of(&["target", "credential"]),
        named.join(" ").trim_end().to_owned(),
    )
}

/// The alerts that fire, and what each says.
fn firing(stage: &Stage) -> (Firing, BTreeMap<(String, String), Value>) {
    let mut firing = Firing::new();
    let mut texts = BTreeMap::new();
    for mut alert in stage.prometheus.firing() {
        let (whom, name) = identity(&alert["labels"]);
        firing.entry(whom.clone()).or_default().insert(name.clone());
        let annotations = alert["annotations"].take();
        texts.insert((whom, name), annotations);
    }
    (firing, texts)
}

impl Case {
    /// The alert of the cause, as [`identity`] tells it.
    fn cause(&self) -> String {
        let is_named = self.alert != VANISHED;
        let label = if is_named { self.label } else { "" };
        format!("{} {label}", self.alert).trim_end().to_owned()
    }

    fn alerts(&self) -> BTreeSet<String> {
        let page = self.is_page.then(|| LOST.to_owned());
        page.into_iter().chain([self.cause()]).collect()
    }

    /// What has been counted for the target by now: by cause, or by class.
    fn counted(&self, stage: &Stage) -> BTreeSet<String> {
        let target = self.target;
        let query = format!(
            "why403_forbidden_total{{target=\"{target}\"}} > 0 \
             or why403_probe_failures_total{{target=\"{target}\"}} > 0"
        );
        let found = stage.prometheus.query(&query);
        let name = |labels: &Value| format!("{}{}", label(labels, "cause"), label(labels, "class"));
        found.iter().map(|sample| name(&sample.labels)).collect()
    }
}

fn expected() -> Firing {
    let cases = CASES.iter();
    let firing = cases.map(|case| (case.target.to_owned(), case.alerts()));
    firing.collect()
}

/// Waits until exactly these alerts fire.
#[track_caller]
fn wait_until_firing(stage: &Stage, expected: &Firing) {
    let mut last = Firing::new();
    // What it is instead says more than that it was waited for in vain.
    let reached = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_for("the alerts are these", || {
            last = firing(stage).0;
            (last == *expected).then_some(())
        });
    }));
    assert!(reached.is_ok(), "{last:#?} instead of {expected:#?}");
}

/// All that have fired since the start.
fn fired(stage: &Stage) -> Firing {
    let query = "group by (alertname, target, credential, cause, class) \
         (count_over_time(ALERTS{alertstate=\"firing\"}[10m]))";
    let mut fired = Firing::new();
    for sample in stage.prometheus.query(query) {
        let (whom, name) = identity(&sample.labels);
        fired.entry(whom).or_default().insert(name);
    }
    fired
}

fn assert_texts(stage: &Stage) {
    let (_, texts) = firing(stage);
    for case in CASES {
        let text = |alert: &str| &texts[&(case.target.to_owned(), alert.to_owned())];
        let own = text(&case.cause());
        for name in ["summary", "description", "action", "runbook_url"] {
            let written = label(own, name);
            assert!(!written.is_empty(), "{}: no {name}", case.target);
            assert!(!written.contains("<no value>"), "{written}");
            assert!(!written.contains("error"), "{written}");
        }
        let page = format!("/{}.md", case.label);
        let url = label(own, "runbook_url");
        assert!(url.ends_with(&page), "{}: {url}", case.target);
        if case.is_page {
            let said = label(text(LOST), "description");
            let seen = format!(" {};", case.label);
            assert!(said.contains(&seen), "{}: {said}", case.target);
        }
    }
}

#[test]
#[ignore = "needs Prometheus"]
fn each_cause_has_its_alert_and_one_page_until_it_is_mended() {
    let healthy = CASES.iter().map(|case| (case.target, "healthy"));
    let others = [(WELL, "healthy"), (SHORT, "short-tokens")];
    let targets: Vec<_> = healthy.chain(others).collect();
    let stage = Stage::start(&targets);
    assert_eq!(firing(&stage).0, Firing::new());
    for case in CASES {
        assert_eq!(case.counted(&stage), BTreeSet::new(), "{}", case.target);
    }

    for (index, case) in CASES.iter().enumerate() {
        stage.switch(index, case.scenario);
        if case.label == "throttled" {
            // The scenario asks for a pause of a minute, which nobody waits for here.
            let answer = Scripted::respond(429, &[("retry-after", "1")], b"{}");
            let simulator = &stage.platforms[index].simulator;
            simulator.always(Route::Queues, Some(answer));
        }
    }
    let mut all = expected();
    wait_until_firing(&stage, &all);
    assert_texts(&stage);
    for case in CASES {
        let label = if case.alert == VANISHED {
            "visibility"
        } else {
            case.label
        };
        let mut counted = case.counted(&stage);
        // A client that is refused loses its token first.
        if case.target == "client" {
            counted.remove("unauthorized");
        }
        assert_eq!(counted, BTreeSet::from([label.to_owned()]));
    }

    // Nobody replaces a token that has little of its life left.
    all.insert(
        SHORT.to_owned(),
        BTreeSet::from(["Why403TokenExpiring".to_owned()]),
    );
    wait_until_firing(&stage, &all);

    for index in 0..targets.len() {
        stage.switch(index, "healthy");
    }
    for target in ["client", "token", SHORT] {
        stage.renew(target, 200);
    }
    wait_until_firing(&stage, &Firing::new());
    assert_eq!(fired(&stage), all);

    stage.service.signal("KILL");
    let down = BTreeSet::from(["Why403Down".to_owned()]);
    wait_until_firing(&stage, &Firing::from([(String::new(), down.clone())]));
    all.insert(String::new(), down);
    assert_eq!(fired(&stage), all);
}

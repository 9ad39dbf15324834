//! No panel of the shipped dashboard is empty.

use serde_json::Value;

use super::Stage;
use super::server::shipped;
use crate::process::{ask, wait_for};

/// What breaks while the dashboard is looked at.
const SCENARIOS: &[(&str, &str)] = &[
    ("permission", "role-removed"),
    ("limit", "rate-limited"),
    ("outage", "upstream-error"),
    ("fewer", "queues-missing"),
    ("well", "healthy"),
];

/// An expression of the dashboard, and whose it is.
struct Query {
    title: String,
    expression: String,
}

/// The expression with every variable replaced by what it is in the browser when all is chosen.
fn substituted(expression: &str) -> String {
    let mut text = expression.to_owned();
    for (variable, value) in [
        ("$__rate_interval", "10s"),
        ("$__range", "5m"),
        ("$job", ".*"),
        ("$instance", ".*"),
        ("$target", ".*"),
    ] {
        text = text.replace(variable, value);
    }
    assert!(!text.contains('$'), "an unknown variable: {text}");
    text
}

fn queries(dashboard: &Value) -> Vec<Query> {
    let query = |title: &Value, expression: &Value| Query {
        title: title.as_str().unwrap().to_owned(),
        expression: substituted(expression.as_str().unwrap()),
    };
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        if panel["type"] != "row" {
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{}", panel["title"]);
            found.extend(targets.iter().map(|it| query(&panel["title"], &it["expr"])));
        }
    }
    let annotations = dashboard["annotations"]["list"].as_array().unwrap();
    found.extend(annotations.iter().map(|it| query(&it["name"], &it["expr"])));
    found
}

/// The query behind `label_values(…)`, and its label.
fn of_variable(variable: &Value) -> (String, String) {
    let definition = variable["definition"].as_str().unwrap();
    let inner = definition.strip_prefix("label_values(").unwrap();
    let (selector, label) = inner.strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
    (substituted(selector), label.to_owned())
}

#[test]
#[ignore = "needs Prometheus"]
fn no_panel_is_empty() {
    let dashboard: Value =
        serde_json::from_str(&shipped("deploy/components/grafana/why403.json")).unwrap();
    let healthy: Vec<_> = SCENARIOS
        .iter()
        .map(|(name, _)| (*name, "healthy"))
        .collect();
    let mut stage = Stage::start(&healthy);
    for (index, (_, scenario)) in SCENARIOS.iter().enumerate() {
        stage.switch(index, scenario);
    }
    // What is left of a rate limit is shown where the platform tells it.
    let well = &stage.platforms[SCENARIOS.len() - 1];
    well.simulator.with(|org| {
        org.set_rate_limit(Some(300));
        org.report_rate_limit(true);
    });
    for request in ["GET /", "GET /health", "GET /nothing"] {
        ask(stage.address, request, "");
    }
    wait_for("a page goes off", || {
        let page = "ALERTS{alertstate=\"firing\",severity=\"critical\"}";
        (!stage.prometheus.query(page).is_empty()).then_some(())
    });

    let variables = dashboard["templating"]["list"].as_array().unwrap();
    for variable in variables.iter().filter(|it| it["type"] == "query") {
        let (selector, label) = of_variable(variable);
        let found = stage.prometheus.query(&selector);
        assert!(!found.is_empty(), "{selector}");
        assert!(
            found.iter().all(|sample| sample.labels[&label].is_string()),
            "{selector}"
        );
    }

    let queries = queries(&dashboard);
    assert!(queries.len() > 40, "{} queries", queries.len());
    let (starts, panels): (Vec<_>, Vec<_>) = queries
        .into_iter()
        .partition(|query| query.title == "Starts");
    for query in panels {
        let found = stage.prometheus.query(&query.expression);
        // A division by nothing is no value.
        let told = found.iter().any(|sample| sample.value.is_finite());
        assert!(told, "{}: {}: {found:?}", query.title, query.expression);
    }

    // A start is seen when there was one before.
    stage.restart();
    wait_for("the restart is seen", || {
        let seen = stage.prometheus.query(&starts[0].expression);
        (!seen.is_empty()).then_some(())
    });
}

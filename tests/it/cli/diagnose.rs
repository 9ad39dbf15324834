//! `why403 diagnose` against a simulated platform.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::process::{Platform, run, why403};

/// The shape that is promised to whoever parses it; one value stands for all of its kind.
const PROMISED: &str = r#"{"status":"fail","generated_at":"","suspected_local_fault":false,"diagnoses":[{
  "target":"","operation":"","status":"fail","outcome":"","cause":"","confidence":"",
  "title":"","summary":"","since":"","examined_at":"",
  "answer":{"status":403,"code":"","message":"","correlation_id":""},
  "missing":{"mode":"any","permissions":[""],"scopes":[],"divisions":[{"id":"","name":null}]},
  "identity":{"kind":"","grant":"","client_id":"","client_name":null,"organization":null,
    "roles":[{"id":"","name":null,"division":{"id":"","name":null}}]},
  "token":{"age_seconds":41,"expires_at":"","scopes":null},
  "queues":{"total":null,"first":null},
  "remedy":{"who":"","steps":[""],"propagation":"","verify":"","commands":[{"tool":"","purpose":"","text":""}]},
  "ruled_out":[{"cause":"","because":""}],"undetermined":[{"question":"","because":""}],
  "evidence":[{"step":"","request":"","status":403,"duration_ms":31,"correlation_id":"","says":"",
    "at":"","supports":[],"rules_out":[]}],
  "required":{"mode":"any","permissions":[""],"scopes":[""]},
  "clock_skew_seconds":0,
  "early_warning":{"cause":"","missing":{"mode":"any","permissions":[""],"scopes":[],"divisions":[]},
    "message":null,"ends_at":null},
  "token_refresh_failing":"","episode":{"id":1,"began":"","ended":null,
    "last_good":{"at":"","queues":null,"organization":null,"token":{"generation":1,"age_seconds":null},
      "roles":[{"id":"","name":null,"division":{"id":"","name":null}}],
      "divisions":{"permission":"","all":false,"total":0,"names":[]},"scopes":[]},
    "first_bad":{"at":"","queues":null,"organization":null,"token":{"generation":1,"age_seconds":null},
      "roles":[{"id":"","name":null,"division":{"id":"","name":null}}],
      "divisions":{"permission":"","all":false,"total":0,"names":[]},"scopes":[]},
    "changed":[{"what":"","subject":null,"division":{"id":"","name":null},"says":""}],
    "changes":[{"at":"","outcome":"","cause":"","confidence":"","because":""}],"changes_dropped":0,
    "recovery":{"at":"","by":"","because":"",
      "standing":{"at":"","queues":null,"organization":null,"token":{"generation":1,"age_seconds":null},
      "roles":[{"id":"","name":null,"division":{"id":"","name":null}}],
      "divisions":{"permission":"","all":false,"total":0,"names":[]},"scopes":[]},
      "changed":[{"what":"","subject":null,"division":{"id":"","name":null},"says":""}]}}}]}"#;

/// The names of fields, in their order.
#[derive(Debug, PartialEq)]
enum Shape {
    /// Anything without fields.
    Leaf,
    List(Vec<Shape>),
    Object(Vec<(String, Shape)>),
}

impl Shape {
    /// The first place where `self` is not as `promised`; null and an empty list promise nothing.
    fn differs(&self, promised: &Self, place: &str) -> Option<String> {
        match (self, promised) {
            (Self::Leaf, _) | (_, Self::Leaf) => None,
            (Self::List(own), Self::List(promised)) => {
                let promised = promised.first()?;
                own.iter().find_map(|own| own.differs(promised, place))
            }
            (Self::Object(own), Self::Object(promised)) => {
                let names = |fields: &[(String, Self)]| -> Vec<String> {
                    fields.iter().map(|(name, _)| name.clone()).collect()
                };
                if names(own) != names(promised) {
                    let (own, promised) = (names(own), names(promised));
                    return Some(format!("{place}: {own:?} instead of {promised:?}"));
                }
                let both = own.iter().zip(promised);
                both.into_iter()
                    .find_map(|((name, a), (_, b))| a.differs(b, &format!("{place}.{name}")))
            }
            _ => Some(format!("{place}: {self:?} instead of {promised:?}")),
        }
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Shape, E> {
                Ok(Shape::Leaf)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
                Ok(Shape::Leaf)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
                Ok(Shape::Leaf)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
                Ok(Shape::Leaf)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
                Ok(Shape::Leaf)
            }
            fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
                Ok(Shape::Leaf)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
                let mut found = Vec::new();
                while let Some(item) = list.next_element()? {
                    found.push(item);
                }
                Ok(Shape::List(found))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
                let mut found = Vec::new();
                while let Some(field) = map.next_entry()? {
                    found.push(field);
                }
                Ok(Shape::Object(found))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[track_caller]
fn assert_promised(json: &str) {
    let promised: Shape = serde_json::from_str(PROMISED).unwrap();
    let own: Shape = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert_eq!(own.differs(&promised, "$"), None);
}

/// Scenario, exit status, outcome, cause.
const CASES: &[(&str, i32, &str, Option<&str>)] = &[
    ("healthy", 0, "ok", None),
    ("role-removed", 1, "forbidden", Some("missing_permission")),
    (
        "division-refused",
        1,
        "forbidden",
        Some("missing_division_permission"),
    ),
    (
        "token-rejected",
        1,
        "token_rejected",
        Some("token_rejected"),
    ),
    (
        "client-rejected",
        1,
        "client_rejected",
        Some("client_rejected"),
    ),
    ("bad-request", 1, "bad_request", Some("bad_request")),
    ("not-found", 1, "not_found", Some("not_found")),
    (
        "upstream-error",
        3,
        "upstream_error",
        Some("upstream_error"),
    ),
    ("rate-limited", 3, "rate_limited", Some("rate_limited")),
    (
        "unreadable-answer",
        3,
        "unreadable_answer",
        Some("unreadable_answer"),
    ),
    ("reset", 3, "reset", Some("reset")),
    (
        "token-endpoint-down",
        3,
        "token_endpoint_down",
        Some("token_endpoint_down"),
    ),
    ("queues-empty", 0, "queues_empty", Some("queues_empty")),
];

#[test]
fn the_exit_status_says_the_verdict_and_json_has_the_promised_shape() {
    for (scenario, status, outcome, cause) in CASES {
        let platform = Platform::start(scenario);
        let finished = run(&["diagnose", "--format", "json"], &platform.variables());
        assert_eq!(finished.status, Some(*status), "{scenario}: {finished:#?}");
        assert_eq!(finished.stderr, "", "{scenario}: not on a terminal");
        assert_promised(&finished.stdout);
        let json: Value = serde_json::from_str(&finished.stdout).unwrap();
        let diagnosis = &json["diagnoses"][0];
        assert_eq!(diagnosis["outcome"], *outcome, "{scenario}");
        assert_eq!(diagnosis["cause"].as_str(), *cause, "{scenario}");
        assert_eq!(diagnosis["target"], "default", "{scenario}");
        assert_eq!(diagnosis["operation"], "GET /api/v2/routing/queues");
    }
}

#[test]
fn one_diagnosis_costs_one_token_and_a_few_calls() {
    let platform = Platform::start("role-removed");
    run(&["diagnose"], &platform.variables());
    let requests = platform.simulator.requests();
    let paths: Vec<&str> = requests.iter().map(|it| it.path.as_str()).collect();
    // The token was minted just now, so that no second one could tell more.
    let expected = [
        "/oauth/token",
        "/api/v2/routing/queues",
        "/api/v2/tokens/me",
        "/api/v2/authorization/divisionspermitted/paged/me",
        "/api/v2/authorization/subjects/me",
        "/api/v2/authorization/permissions",
    ];
    assert_eq!(paths, expected);
    let platform = Platform::start("healthy");
    run(&["diagnose"], &platform.variables());
    assert_eq!(platform.simulator.requests().len(), 2, "nothing to explain");
}

#[test]
fn the_text_says_cause_and_remedy_without_colours() {
    let platform = Platform::start("role-removed");
    let finished = run(&["diagnose"], &platform.variables());
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    for part in [
        "missing_permission",
        "routing:queue:view",
        "403",
        "1. ",
        "default",
    ] {
        assert!(
            finished.stdout.contains(part),
            "lacks {part}: {finished:#?}"
        );
    }
    assert!(!finished.stdout.contains('\u{1b}'), "{finished:#?}");
    assert_eq!(finished.stderr, "");
}

#[test]
fn an_empty_list_is_success_but_said_loudly() {
    let platform = Platform::start("queues-empty");
    let finished = run(&["diagnose"], &platform.variables());
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert!(lines[0].starts_with("! default"), "{finished:#?}");
    assert!(lines[0].contains("queues_empty"), "{finished:#?}");
    assert!(
        lines[1].contains("accessible, but no queue is returned"),
        "{finished:#?}"
    );
}

#[test]
fn without_credentials_it_says_what_to_set() {
    let finished = run(&["diagnose", "--format", "json"], &[]);
    assert_eq!(finished.status, Some(2), "{finished:#?}");
    assert_eq!(finished.stdout, "");
    for name in ["GENESYS_CLOUD_CLIENT_ID", "GENESYS_CLOUD_CLIENT_SECRET"] {
        assert!(
            finished.stderr.contains(&format!("{name}: is not set")),
            "{finished:#?}"
        );
    }
}

#[test]
fn flags_win_over_variables() {
    let platform = Platform::start("healthy");
    let mut variables = platform.variables().to_vec();
    variables[2].1 = "http://127.0.0.1:1";
    let refused = run(&["diagnose", "--format", "json"], &variables);
    assert_eq!(refused.status, Some(3), "{refused:#?}");
    let arguments = ["diagnose", "--base-url", &platform.url, "--timeout", "5s"];
    let finished = run(&arguments, &variables);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let wrong = run(&["diagnose", "--timeout", "5"], &platform.variables());
    assert_eq!(wrong.status, Some(2), "{wrong:#?}");
    assert!(wrong.stderr.contains("flags: probe.timeout"), "{wrong:#?}");
}

/// Two targets, of which one is refused.
#[test]
fn several_targets_are_diagnosed_together_or_by_name() {
    let (good, bad) = (Platform::start("healthy"), Platform::start("role-removed"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("why403.toml");
    let target = |name: &str, url: &str| {
        format!(
            "[[targets]]\nname = \"{name}\"\nbase_url = \"{url}\"\nclient_id = \"demo-client\"\n\
             client_secret_env = \"DEMO_SECRET\"\n"
        )
    };
    let text = target("good", &good.url) + &target("bad", &bad.url);
    std::fs::write(&file, text).unwrap();
    let diagnose = |more: &[&str]| {
        let mut arguments = vec!["--config", file.to_str().unwrap(), "diagnose"];
        arguments.extend(["--format", "json"].iter().chain(more));
        run(&arguments, &[("DEMO_SECRET", "demo-secret")])
    };
    let both = diagnose(&[]);
    assert_eq!(both.status, Some(1), "{both:#?}");
    let json: Value = serde_json::from_str(&both.stdout).unwrap();
    let names: Vec<&Value> = json["diagnoses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|diagnosis| &diagnosis["target"])
        .collect();
    assert_eq!(names, ["good", "bad"]);
    assert_promised(&both.stdout);
    let one = diagnose(&["--target", "good"]);
    assert_eq!(one.status, Some(0), "{one:#?}");
    assert!(!one.stdout.contains("\"bad\""), "{one:#?}");
    let unknown = diagnose(&["--target", "good", "--target", "ugly"]);
    assert_eq!(unknown.status, Some(2), "{unknown:#?}");
    assert_eq!(unknown.stdout, "");
    for part in ["ugly", "good, bad"] {
        assert!(unknown.stderr.contains(part), "lacks {part}: {unknown:#?}");
    }
}

#[test]
fn whoever_stops_reading_does_not_make_it_panic() {
    let platform = Platform::start("role-removed");
    for format in ["text", "json"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = why403(&["diagnose", "--format", format]);
        let command = command.envs(platform.variables()).stdout(writer);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "the verdict stays");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
fn the_comparison_of_shapes_can_fail() {
    let shape = |text: &str| -> Shape { serde_json::from_str(text).unwrap() };
    let promised = shape(r#"{"a":1,"b":[{"c":null}]}"#);
    for good in [
        r#"{"a":"x","b":[]}"#,
        r#"{"a":null,"b":[{"c":{"d":1}},{"c":2}]}"#,
    ] {
        assert_eq!(shape(good).differs(&promised, "$"), None, "{good}");
    }
    for bad in [
        r#"{"b":[],"a":1}"#,
        r#"{"a":1}"#,
        r#"{"a":1,"b":[],"c":1}"#,
        r#"{"a":1,"b":[{"c":1},{"d":1}]}"#,
        r#"{"a":1,"b":{}}"#,
    ] {
        assert!(shape(bad).differs(&promised, "$").is_some(), "{bad}");
    }
    let all: IgnoredAny = serde_json::from_str(PROMISED).unwrap();
    assert_eq!(all, IgnoredAny);
}

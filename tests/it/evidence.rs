//! Saved evidence: what is written is read to the same diagnosis, today and by every later version.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use why403::diagnosis::{Diagnosis, diagnose};
use why403::evidence::file::{MOST_BYTES, Saved, UnreadError};
use why403::health::{Health, Seen, Thresholds};
use why403::http::{text, wire};
use why403::sim::{Credential, Scenario, Simulator};

use crate::harness::*;

/// Files of every version that was ever written, and what they are diagnosed as. Files of an old
/// version are never changed: whoever kept one must be able to read it.
const FILES: &[(&str, &str, Option<&str>, &str)] = &[
    (
        "v1/edge-block.json",
        "forbidden",
        Some("edge_block"),
        "proven",
    ),
    (
        "v1/minting-failure.json",
        "client_rejected",
        Some("client_rejected"),
        "proven",
    ),
    (
        "v1/missing-permission.json",
        "forbidden",
        Some("missing_permission"),
        "proven",
    ),
    ("v1/outage.json", "timeout", Some("timeout"), "proven"),
    (
        "v1/silent-loss.json",
        "queues_missing",
        Some("queues_missing"),
        "proven",
    ),
    (
        "v1/stale-token.json",
        "forbidden",
        Some("stale_token"),
        "proven",
    ),
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evidence")
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(directory().join(name)).unwrap()
}

#[test]
fn files_of_every_version_are_diagnosed_as_ever() {
    let mut present = BTreeSet::new();
    for version in std::fs::read_dir(directory()).unwrap() {
        let version = version.unwrap();
        for file in std::fs::read_dir(version.path()).unwrap() {
            let file = file.unwrap().file_name().into_string().unwrap();
            present.insert(format!("{}/{file}", version.file_name().to_str().unwrap()));
        }
    }
    let listed: BTreeSet<String> = FILES.iter().map(|(file, ..)| (*file).to_owned()).collect();
    assert_eq!(present, listed);
    for (name, outcome, cause, confidence) in FILES {
        let saved = Saved::read(&file(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(saved.records.len(), 1, "{name}");
        let diagnosis = diagnose(&saved.records[0].evidence);
        let found = (
            diagnosis.finding.outcome().slug(),
            diagnosis.finding.cause(),
            diagnosis.confidence.as_str(),
        );
        assert_eq!(found, (*outcome, *cause, *confidence), "{name}");
    }
}

/// What is shown of a diagnosis, in every way that it is shown.
fn shown(diagnosis: &Diagnosis, saved: &Saved) -> String {
    let thresholds = Thresholds {
        policy: why403::config::HealthPolicy::default(),
        fall: 1,
        rise: 1,
        stale_after: seconds(1_000),
    };
    let now = saved.taken_at;
    let health = Health::default().observe(Seen::from(diagnosis), now, &thresholds);
    let verdict = health.verdict(now, &thresholds);
    let since = saved.records[0].since;
    let report = wire::of(vec![wire::examined(diagnosis, verdict, since, now)], now);
    let json = serde_json::to_string(&report).unwrap();
    format!("{json}\n{}\n{diagnosis:#?}", text::render(&report, false))
}

/// Compares what the service says with what its evidence says after a journey through a file.
async fn assert_replays(service: &Service, scenario: &str) -> Saved {
    let reply = service.get("/diagnose/default?format=evidence").await;
    assert_eq!(reply.status, 200, "{scenario}: {}", reply.text());
    let saved = Saved::read(&reply.body).unwrap_or_else(|error| panic!("{scenario}: {error}"));
    let snapshot = service.monitor.snapshot();
    let replayed = diagnose(&saved.records[0].evidence);
    let (before, after) = (
        shown(diagnosis(&snapshot), &saved),
        shown(&replayed, &saved),
    );
    assert!(before == after, "{scenario}\n{before}\n{after}");
    let again = saved.write(MOST_BYTES).unwrap();
    assert_eq!(again, reply.text(), "{scenario}: written once more");
    assert_eq!(saved.write(again.len()).unwrap(), again);
    let one_too_few = saved.write(again.len() - 1).unwrap_err().to_string();
    assert!(
        one_too_few.contains("choose fewer targets"),
        "{one_too_few}"
    );
    saved
}

fn configuration(scenario: &Scenario) -> &'static str {
    match scenario.credential {
        Credential::User => {
            "[[targets]]\nname = \"default\"\ngrant = \"access_token\"\naccess_token_env = \"TOKEN\""
        }
        Credential::Machine => "",
    }
}

#[tokio::test(start_paused = true)]
async fn the_evidence_of_every_scenario_is_replayed_to_the_same_diagnosis() {
    for scenario in Simulator::scenarios() {
        let platform = Platform::start().await;
        let service = platform.watched(configuration(scenario));
        service.first_round().await;
        platform.simulator.set_scenario(scenario.name).unwrap();
        for _ in 0..2 {
            service.next_probe().await;
            assert_replays(&service, scenario.name).await;
        }
        let cold = platform.watched(configuration(scenario));
        cold.first_round().await;
        assert_replays(&cold, scenario.name).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_list_only_the_count_and_the_first_name_are_kept() {
    let platform = Platform::start().await;
    let service = platform.watched("");
    service.first_round().await;
    let saved = assert_replays(&service, "healthy").await;
    let exchange = saved.records[0].evidence.last_probe().unwrap();
    let body = &exchange.answer().unwrap().body;
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["total"], 12);
    let first = body["entities"][0].as_object().unwrap();
    let fields: Vec<&String> = first.keys().collect();
    assert_eq!(fields, ["id", "name"], "{body}");
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
}

fn message(bytes: &[u8]) -> String {
    Saved::read(bytes).unwrap_err().to_string()
}

/// A good file in which the value at a pointer was replaced.
fn with(pointer: &str, value: serde_json::Value) -> Vec<u8> {
    let good = file("v1/missing-permission.json");
    let mut json: serde_json::Value = serde_json::from_slice(&good).unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    serde_json::to_vec(&json).unwrap()
}

#[test]
fn nonsense_is_named_with_its_place() {
    for (pointer, value, said) in [
        (
            "/evidence/0/target",
            "No Name".into(),
            "evidence[0].target: a name has",
        ),
        (
            "/evidence/0/operation/label",
            "GET /api/v9/x".into(),
            "evidence[0].operation.label: why403",
        ),
        (
            "/evidence/0/operation/mode",
            "some".into(),
            "evidence[0].operation.mode: \"some\" is not known here",
        ),
        (
            "/evidence/0/exchanges/0/sent_at/wall",
            "noon".into(),
            "evidence[0].exchanges[0].sent_at.wall: is no time",
        ),
        (
            "/evidence/0/exchanges/0/phases_ms/total",
            (-1.5).into(),
            "evidence[0].exchanges[0].phases_ms.total: is no length of time",
        ),
        (
            "/evidence/0/exchanges/0/result/answer/status",
            7.into(),
            "evidence[0].exchanges[0].result.answer.status: 7 is no status",
        ),
        (
            "/evidence/0/exchanges/0/result/answer/status",
            "x".into(),
            "evidence[0].exchanges[0].result.answer.status: invalid type",
        ),
        (
            "/evidence/0/exchanges/0/request",
            "x".repeat(9_000).into(),
            "evidence[0].exchanges[0].request: is longer than 8192 characters",
        ),
        (
            "/evidence/0/identity/grant",
            "magic".into(),
            "evidence[0].identity.grant: \"magic\" is not known here",
        ),
        (
            "/evidence",
            serde_json::Value::Null,
            "evidence: invalid type: null",
        ),
        (
            "/why403_evidence",
            2.into(),
            "the file has version 2 of the format, written by why403 0.1.0; this is why403",
        ),
        ("/why403_evidence", 0.into(), "there is no version 0"),
        ("/why403_evidence", "1".into(), "this is no saved evidence"),
    ] {
        let message = message(&with(pointer, value));
        assert!(message.contains(said), "{pointer}: {message}");
        assert!(message.len() < 600, "{message}");
    }
    for (bytes, said) in [
        (&b""[..], "this is no saved evidence: EOF"),
        (b"{}", "the field why403_evidence is missing"),
        (b"[]", "this is no saved evidence"),
        (b"\x1b]0;x\x07", "this is no saved evidence"),
    ] {
        let message = message(bytes);
        assert!(message.contains(said), "{message}");
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
    let long = vec![b' '; 16 * 1024 * 1024 + 1];
    assert_eq!(Saved::read(&long).unwrap_err(), UnreadError::TooLong);
}

#[test]
fn fields_of_a_later_minor_are_passed_over() {
    let good = String::from_utf8(file("v1/stale-token.json")).unwrap();
    let later = good.replace("\"target\":", "\"weather\": [1, {}], \"target\":");
    assert_ne!(good, later);
    let diagnosis = |text: &str| {
        let saved = Saved::read(text.as_bytes()).unwrap();
        format!("{:?}", diagnose(&saved.records[0].evidence))
    };
    assert_eq!(diagnosis(&good), diagnosis(&later));
}

/// What the vendor publishes may change; what was evidence of a refusal then stays evidence.
#[test]
fn an_operation_is_judged_by_what_was_published_then() {
    let pointer = "/evidence/0/operation/permissions";
    let saved = Saved::read(&with(pointer, serde_json::json!(["routing:queue:old"]))).unwrap();
    let operation = saved.records[0].evidence.operation;
    assert_eq!(operation.permissions, ["routing:queue:old"]);
}

#[test]
fn text_of_a_file_is_made_printable() {
    let said = "\u{1b}[31mred\r\nline\u{202e}";
    for pointer in [
        "/evidence/0/exchanges/0/request",
        "/evidence/0/exchanges/0/result/answer/body",
        "/evidence/0/identity/client_id",
        "/written_by",
    ] {
        let saved = Saved::read(&with(pointer, said.into())).unwrap();
        let diagnosis = diagnose(&saved.records[0].evidence);
        let mut all =
            shown(&diagnosis, &saved) + &text::taken(saved.taken_at.wall, &saved.written_by);
        all.retain(|character| character != '\n');
        assert!(!all.chars().any(char::is_control), "{pointer}: {all}");
    }
}

/// Whatever is read can be diagnosed and shown.
fn survives(bytes: &[u8]) {
    if let Ok(saved) = Saved::read(bytes) {
        for record in &saved.records {
            drop(shown(&diagnose(&record.evidence), &saved));
        }
        drop(saved.write(MOST_BYTES));
    }
}

proptest! {
    #[test]
    fn a_damaged_file_makes_nothing_panic(
        which in 0..FILES.len(),
        cut in any::<prop::sample::Index>(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = file(FILES[which].0);
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        survives(&bytes);
        survives(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn any_value_in_any_place_makes_nothing_panic(
        which in 0..FILES.len(),
        place in any::<prop::sample::Index>(),
        value in prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
            Just(serde_json::json!([])),
            Just(serde_json::json!({})),
            Just(serde_json::json!("9999-12-31T23:59:59Z")),
            Just(serde_json::json!(1e15)),
        ],
    ) {
        let mut json = serde_json::from_slice(&file(FILES[which].0)).unwrap();
        let mut places = Vec::new();
        pointers(&json, String::new(), &mut places);
        let pointer = &places[place.index(places.len())];
        *json.pointer_mut(pointer).unwrap() = value;
        survives(&serde_json::to_vec(&json).unwrap());
    }
}

/// Every place below `value`.
fn pointers(value: &serde_json::Value, at: String, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                pointers(item, format!("{at}/{place}"), found);
            }
        }
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                pointers(field, format!("{at}/{name}"), found);
            }
        }
        _ => {}
    }
    found.push(at);
}

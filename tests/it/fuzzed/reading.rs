//! What must hold of everything that is read from evidence, wherever the evidence comes from.

use why403::config::HealthPolicy;
use why403::diagnosis::{
    Depth, Diagnosis, Outcome, diagnose, first_impression, next, refused_in_words, rejects_token,
};
use why403::evidence::Evidence;
use why403::health::{Health, Seen, Thresholds};
use why403::http::{text, wire};

use super::{assert_lines, assert_one_line};

/// The most that a report about one operation may have, in characters.
const LONGEST_REPORT: usize = 400_000;

/// Reads the evidence in every way that it is read.
pub(super) fn check(evidence: &Evidence) -> Diagnosis {
    let diagnosis = diagnose(evidence);
    let again = diagnose(&evidence.clone());
    assert_eq!(format!("{diagnosis:?}"), format!("{again:?}"), "twice");
    if let Some(answer) = evidence.last_probe().and_then(|probe| probe.answer()) {
        let is_refusal = diagnosis.finding.outcome() == Outcome::Forbidden;
        assert_eq!(is_refusal, answer.status == 403, "{:?}", diagnosis.finding);
        assert!(!rejects_token(answer) || answer.status == 401);
        let words = refused_in_words(answer);
        assert_one_line(&words, "what refuses");
        assert!(words.contains(&answer.status.to_string()), "{words}");
    }
    let impression = first_impression(evidence);
    let alone = Evidence {
        experiments: Vec::new(),
        ..evidence.clone()
    };
    assert_eq!(impression, first_impression(&alone), "before experiments");
    for depth in [Depth::Explain, Depth::Survey] {
        assert_eq!(
            next(evidence, depth),
            next(evidence, depth),
            "the next call"
        );
    }
    shown(&diagnosis, evidence);
    diagnosis
}

/// Everything that is shown of a diagnosis is whole, printable and of bounded length.
fn shown(diagnosis: &Diagnosis, evidence: &Evidence) {
    assert_one_line(&diagnosis.summary, "the summary");
    let is_fine = diagnosis.finding.outcome() == Outcome::Ok;
    assert!(is_fine || !diagnosis.summary.is_empty());
    let now = evidence.at;
    let thresholds = Thresholds {
        policy: HealthPolicy::default(),
        fall: 1,
        rise: 1,
        stale_after: std::time::Duration::MAX,
    };
    let health = Health::default().observe(Seen::from(diagnosis), now, &thresholds);
    let verdict = health.verdict(now, &thresholds);
    let report = wire::of(vec![wire::examined(diagnosis, verdict, None, now)], now);
    let page = text::render(&report, false);
    assert_lines(&page, "the report");
    assert!(page.ends_with('\n'), "the report has no end: {page}");
    assert!(page.chars().count() < LONGEST_REPORT, "{}", page.len());
    let json = serde_json::to_value(&report).expect("a report is JSON");
    texts_are_printable(&json);
}

/// No text of a document breaks out of its line; what is to be pasted has several.
fn texts_are_printable(value: &serde_json::Value) {
    match value {
        serde_json::Value::String(text) => assert_lines(text, "a text of the report"),
        serde_json::Value::Array(all) => all.iter().for_each(texts_are_printable),
        serde_json::Value::Object(all) => all.values().for_each(texts_are_printable),
        _ => {}
    }
}

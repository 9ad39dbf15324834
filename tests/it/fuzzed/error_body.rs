//! A refused answer: whatever the platform, a gateway, an edge or a proxy may have put into it.
//!
//! The first line has the status and letters: `p` for the platform's correlation id, `h` for a
//! page, `j` for JSON, `c` for a body that was cut. The rest is the body.

use std::sync::Arc;

use why403::evidence::file::Saved;
use why403::evidence::{
    Answer, Evidence, Exchange, MintFailure, Step, TokenEvidence, grants, permissions, permitted,
    printable, token_owner,
};

use super::{assert_one_line, first_line, reading};

const SAVED: &[u8] = include_bytes!("../../evidence/v1/missing-permission.json");

/// Most bytes of a body that are read of an answer.
const BODY_CAP: usize = 64 * 1024;

/// # Panics
/// When something does not hold.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (head, body) = first_line(&text);
    let digits = head.trim_end_matches(|c: char| !c.is_ascii_digit());
    let Some(status) = digits.parse().ok().filter(|it| (100..1_000).contains(it)) else {
        return;
    };
    let mut headers = Vec::new();
    let mut header = |mark: char, name: &str, value: &str| {
        if head.contains(mark) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    };
    header('h', "content-type", "text/html");
    header('j', "content-type", "application/json");
    header(
        'p',
        "inin-correlation-id",
        "5c1de4a0-5b37-4f0e-b4be-0f6c3c0e9a77",
    );
    let body: String = body.chars().take(BODY_CAP / 4).collect();
    let answer = Answer {
        status,
        headers,
        length: body.len(),
        body,
        truncated: head.contains('c'),
    };
    refusal(&answer);
    minting(&answer);
    experiments(&answer.body);
}

/// The evidence of a saved file with another answer to the probe, before and after experiments.
pub(super) fn examined(answer: &Answer) -> [Evidence; 2] {
    let saved = Saved::read(SAVED).expect("a file of ours");
    let mut evidence = Evidence::clone(&saved.records[0].evidence);
    for exchange in &mut evidence.exchanges {
        if exchange.step != Step::Token {
            exchange.result = Ok(answer.clone());
        }
    }
    let cold = Evidence {
        experiments: Vec::new(),
        ..evidence.clone()
    };
    [cold, evidence]
}

/// As the answer to the probe.
fn refusal(answer: &Answer) {
    for evidence in examined(answer) {
        let diagnosis = reading::check(&evidence);
        if let Some(facts) = &diagnosis.answer {
            assert_eq!(facts.status, answer.status);
            bounded(facts.code.as_deref(), 121);
            bounded(facts.message.as_deref(), 2_001);
        }
    }
}

fn bounded(text: Option<&str>, most: usize) {
    let text = text.unwrap_or_default();
    assert_one_line(text, "what the answer says");
    assert!(text.chars().count() <= most, "{} characters", text.len());
}

/// As the answer to a request for a token.
fn minting(answer: &Answer) {
    let [mut evidence, _] = examined(answer);
    let exchange = Exchange {
        step: Step::Token,
        flaw: Some("the answer has no access_token".to_owned()),
        ..evidence.exchanges.pop().expect("a probe")
    };
    let failure = MintFailure {
        exchange: Some(exchange),
        at: evidence.at,
    };
    let outcome = why403::diagnosis::mint_outcome(&failure);
    evidence.exchanges.clear();
    evidence.token = TokenEvidence::Unavailable(Arc::new(failure));
    let diagnosis = reading::check(&evidence);
    assert_eq!(diagnosis.finding.outcome(), outcome);
}

/// As the answer to an experiment.
fn experiments(body: &str) {
    let mut errors = Vec::new();
    errors.extend(token_owner(body).err());
    errors.extend(permitted("routing:queue:view", body).err());
    errors.extend(grants(&["routing", "authorization"], body).err());
    match permissions("routing", body) {
        Ok(names) => {
            for name in names {
                assert_eq!(printable(&name, usize::MAX), name);
            }
        }
        Err(error) => errors.push(error),
    }
    for error in errors {
        assert_one_line(&error, "why an experiment found nothing");
        assert!(error.chars().count() < 1_000, "{error}");
    }
}

//! The answer of a token endpoint, by the task that asks for a token.
//!
//! The first line is the status, the rest the body; `{secret}` stands for the client's secret.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use why403::diagnosis::{is_definitive, mint_outcome};
use why403::evidence::{Evidence, Exchange, MintFailure, TokenEvidence};
use why403::target::Operation;
use why403::token::{Attempt, Minter, Setup, Token};

use super::wire::{self, Stage};
use super::{answer, assert_one_line, assert_silent, first_line, reading};

/// The bounds of a token's life, in seconds.
const LIFE: (i64, i64) = (10, 172_800);

/// # Panics
/// When something does not hold.
pub fn check(data: &[u8]) {
    let bytes = answer::with_secret(data);
    let text = String::from_utf8_lossy(&bytes);
    let (status, body) = first_line(&text);
    let Some(status) = status.parse().ok().filter(|it| (200..600).contains(it)) else {
        return;
    };
    let status: u16 = status;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} So\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    let said = [head.as_bytes(), body.as_bytes()].concat();
    wire::against(said, async |stage| {
        let (result, attempt) = asked(stage).await;
        match result {
            Ok(token) => granted(&token, &attempt, status, body),
            Err(failure) => refused(stage, failure, &attempt),
        }
    });
}

/// What comes of asking for a token once.
async fn asked(stage: &Stage) -> (Result<Arc<Token>, Arc<MintFailure>>, Attempt) {
    let (sender, mut attempts) = mpsc::unbounded_channel();
    let setup = Setup {
        upstream: stage.upstream.clone(),
        clock: stage.clock.clone(),
        call_timeout: wire::TIMEOUT,
        beside_pause: Duration::from_mins(5),
        permits: Arc::default(),
        attempts: sender,
        random: || 0.5,
    };
    let credential = Arc::clone(&stage.config.targets[0].credential);
    let (minter, tokens) = Minter::new(credential, setup, Duration::ZERO);
    let asking = async {
        let result = tokens.token().await;
        let attempt = attempts.recv().await;
        (result, attempt.expect("an attempt is reported"))
    };
    tokio::select! {
        asked = asking => asked,
        () = minter.run(CancellationToken::new()) => panic!("the task ended"),
    }
}

fn granted(token: &Token, attempt: &Attempt, status: u16, body: &str) {
    assert_eq!(attempt.result, Ok(()));
    assert!((200..300).contains(&status), "a token came with {status}");
    let value = token.value.expose_secret();
    let answer: serde_json::Value = serde_json::from_str(body).expect("a token came of no JSON");
    assert_eq!(answer["access_token"], value);
    assert!(!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()));
    let facts = &token.facts;
    let is_stated = !answer["expires_in"].is_null();
    assert_eq!(facts.expires_at.is_some(), is_stated, "{facts:?}");
    if let Some(expires) = facts.expires_at {
        let life = expires.duration_since(facts.issued_at.wall).as_secs();
        assert!((LIFE.0..=LIFE.1).contains(&life), "{life} seconds");
    }
    assert!(token.is_usable(facts.issued_at), "of no use on arrival");
    let scopes = facts.scopes.as_deref().unwrap_or_default();
    assert!(scopes.len() <= 100, "{} scopes", scopes.len());
    for scope in scopes {
        assert_one_line(scope, "a scope");
        assert!(!scope.is_empty() && scope.chars().count() <= 201);
    }
    let minted_by = token.minted_by.as_ref().expect("an exchange");
    kept_nothing(minted_by);
    // A value that says what the facts say, or that stands in the scope, is shown by these.
    if body.matches(value).count() == 1 && value.len() >= 30 {
        let shown = format!("{token:?} {minted_by:?}");
        assert!(!shown.contains(value), "{shown}");
    }
}

/// Of a success of the token endpoint nothing is kept but what it was.
fn kept_nothing(exchange: &Exchange) {
    let answer = exchange.answer().expect("an answer");
    assert_eq!(answer.body, "");
    assert_silent(&format!("{exchange:?}"), "the exchange");
}

fn refused(stage: &Stage, failure: Arc<MintFailure>, attempt: &Attempt) {
    let outcome = mint_outcome(&failure);
    assert_eq!(attempt.result, Err(outcome));
    let exchange = failure.exchange.as_ref().expect("a request was made");
    assert_silent(&format!("{failure:?}"), "the failure");
    if let Some(answer) = exchange.answer() {
        let is_success = (200..300).contains(&answer.status);
        assert_eq!(exchange.flaw.is_some(), is_success, "{exchange:?}");
        if is_success {
            kept_nothing(exchange);
            assert!(!is_definitive(outcome), "{outcome:?}");
        }
    }
    assert_one_line(exchange.flaw.as_deref().unwrap_or_default(), "the flaw");
    let target = &stage.config.targets[0];
    let mut evidence = Evidence::new(target, Operation::queues(), failure.at);
    evidence.token = TokenEvidence::Unavailable(failure);
    let diagnosis = reading::check(&evidence);
    assert_eq!(diagnosis.finding.outcome(), outcome);
    assert_silent(&format!("{diagnosis:?}"), "the diagnosis");
}

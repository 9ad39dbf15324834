//! The bytes of a whole HTTP answer to a call of the API, as they come from the network.
//!
//! `{secret}` stands for the token that the call carried: servers do echo it.

use why403::diagnosis::Outcome;
use why403::evidence::{Evidence, Step, TokenEvidence};
use why403::target::Operation;
use why403::upstream::{Auth, BODY_CAP_BYTES, Call, Withheld};

use super::{CANARY, SECRET_MARK, assert_one_line, assert_silent, reading, wire};

/// Most characters of a header's value.
const VALUE_CAP: usize = 513;

/// # Panics
/// When something does not hold.
pub fn check(data: &[u8]) {
    let bytes = with_secret(data);
    let evidence = wire::against(bytes, async |stage| {
        let target = &stage.config.targets[0];
        let token = CANARY.into();
        let call = Call {
            step: Step::Probe,
            url: target.probe_url(Operation::queues()),
            auth: Auth::Bearer(&token),
            withheld: &Withheld::default(),
            form: None,
            timeout: wire::TIMEOUT,
            body_cap: BODY_CAP_BYTES,
        };
        let mut evidence = Evidence::new(target, Operation::queues(), stage.clock.now());
        evidence.token = TokenEvidence::Unknown;
        evidence.exchanges.push(stage.upstream.send(call).await);
        evidence
    });
    let exchange = &evidence.exchanges[0];
    assert_silent(&format!("{exchange:?}"), "the exchange");
    match &exchange.result {
        Ok(answer) => {
            assert!((100..1_000).contains(&answer.status), "{}", answer.status);
            assert!(answer.length <= BODY_CAP_BYTES);
            assert!(!answer.truncated || answer.length == BODY_CAP_BYTES);
            for (name, value) in &answer.headers {
                assert_one_line(value, name);
                assert!(value.chars().count() <= VALUE_CAP, "{name}: {value}");
            }
        }
        Err(fault) => {
            assert_one_line(&fault.detail, "the fault");
            assert!(!fault.detail.is_empty() && fault.detail.chars().count() < 300);
        }
    }
    let diagnosis = reading::check(&evidence);
    assert_silent(&format!("{diagnosis:?}"), "the diagnosis");
    if exchange.result.is_err() {
        assert_ne!(diagnosis.finding.outcome(), Outcome::Ok);
    }
}

/// The bytes with the secret in place of its mark, wherever that stands.
pub(super) fn with_secret(data: &[u8]) -> Vec<u8> {
    let mark = SECRET_MARK.as_bytes();
    let mut bytes = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(mark.len()).position(|part| part == mark) {
        let (before, after) = rest.split_at(at);
        bytes.extend_from_slice(before);
        bytes.extend_from_slice(CANARY.as_bytes());
        rest = &after[mark.len()..];
    }
    bytes.extend_from_slice(rest);
    bytes
}

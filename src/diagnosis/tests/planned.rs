//! Which experiment comes next, and when none does.

use super::build::*;
use super::*;
use ExperimentKind::{DivisionsPermitted, FreshToken, Permissions, SubjectsMe, TokensMe};

/// The order in which experiments are made when each of them brings nothing.
fn order(mut evidence: Evidence, depth: Depth) -> Vec<ExperimentKind> {
    let mut order = Vec::new();
    while let Some(ask) = next(&evidence, depth) {
        order.push(ask.kind);
        evidence
            .experiments
            .push(experiment(ask.kind, Err(NOBODY.to_owned())));
    }
    order
}

fn works(age: u64) -> Evidence {
    evidence(machine(), 200, API, r#"{"total":3,"entities":[]}"#, age)
}

#[test]
fn a_refusal_is_explained_in_order() {
    let all = [
        TokensMe,
        DivisionsPermitted,
        FreshToken,
        SubjectsMe,
        Permissions,
    ];
    assert_eq!(order(refused(), Depth::Explain), all);
}

#[test]
fn the_budget_is_of_calls_and_not_of_tokens() {
    let spent = |calls: usize, tokens: usize| {
        let mut one = owner("o", "CLIENT-CREDENTIALS", &[]);
        let call = one.exchanges[0].clone();
        let token = answered(Step::Token, 200, "{}");
        one.exchanges = vec![call; calls];
        one.exchanges.extend(vec![token; tokens]);
        let refused = Evidence {
            experiments: vec![one],
            ..refused()
        };
        next(&refused, Depth::Explain).is_none()
    };
    assert!(!spent(MOST_CALLS - 1, 5));
    assert!(spent(MOST_CALLS, 0));
}

#[test]
fn a_good_answer_is_surveyed_and_only_on_request_compared_with_a_fresh_token() {
    let survey = [TokensMe, DivisionsPermitted, SubjectsMe];
    assert_eq!(order(works(3_600), Depth::Survey), survey);
    let verify = [TokensMe, DivisionsPermitted, FreshToken, SubjectsMe];
    assert_eq!(order(works(3_600), Depth::Verify), verify);
    assert_eq!(order(works(3_600), Depth::Explain), []);
    // A young token is as good as a fresh one, until it is ten seconds old.
    assert_eq!(order(works(9), Depth::Verify), survey);
    assert_eq!(order(works(10), Depth::Verify), verify);
}

#[test]
fn what_works_although_nothing_is_held_is_looked_at_with_a_fresh_token() {
    let with = |divisions: &[&str]| Evidence {
        experiments: vec![
            owner("o", "CLIENT-CREDENTIALS", &[]),
            permitted(VIEW, divisions),
        ],
        ..works(3_600)
    };
    assert_eq!(order(with(&[]), Depth::Survey), [FreshToken, SubjectsMe]);
    assert_eq!(order(with(&["a"]), Depth::Survey), [SubjectsMe]);
}

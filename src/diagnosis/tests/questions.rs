//! Which questions are left open, and which are not asked.

use super::build::*;
use super::*;
use crate::target::OPERATIONS;

fn questions(evidence: Evidence, experiments: Vec<Experiment>) -> Vec<String> {
    let open = told(evidence, experiments).2.undetermined;
    open.into_iter().map(|one| one.question).collect()
}

fn asks(questions: &[String], about: &str) -> bool {
    questions.iter().any(|one| one.contains(about))
}

#[test]
fn what_needs_no_explanation_leaves_no_question() {
    let works = evidence(machine(), 200, API, r#"{"total":3,"entities":[]}"#, 3_600);
    assert_eq!(questions(works, vec![]), [""; 0]);
    let limited = evidence(machine(), 429, API, &api("too.many.requests", ""), 3_600);
    assert_eq!(questions(limited, vec![]), [""; 0]);
}

#[test]
fn a_fresh_token_is_asked_for_what_it_could_change() {
    let refused = questions(refused(), vec![]);
    assert!(
        asks(&refused, "Would a fresh token be refused too?"),
        "{refused:?}"
    );
    let none = evidence(machine(), 200, API, r#"{"total":0,"entities":[]}"#, 3_600);
    let none = questions(none, vec![]);
    assert!(asks(&none, "Would a fresh token see more?"), "{none:?}");
    assert!(!asks(&none, "refused"), "{none:?}");
}

#[test]
fn what_is_proven_is_not_asked_and_what_is_disputed_is() {
    let proven = questions(refused(), vec![permitted(VIEW, &[])]);
    assert!(!asks(&proven, "really what is missing"), "{proven:?}");
    let named = api("missing.any.permissions", "[routing:magic:view]");
    let other = evidence(machine(), 403, API, &named, 60);
    let disputed = questions(other, vec![permitted(VIEW, &[])]);
    assert!(asks(&disputed, "really what is missing"), "{disputed:?}");
    let held = questions(refused(), vec![held(), old_role(), fresh(403, None)]);
    assert!(!asks(&held, "really what is missing"), "{held:?}");
}

#[test]
fn the_maker_is_asked_about_only_where_nothing_tells() {
    let unsigned = |experiments| {
        let html: &[(&str, &str)] = &[("content-type", "application/json")];
        questions(
            evidence(machine(), 403, html, r#"{"message":"no"}"#, 60),
            experiments,
        )
    };
    let maker = "or something in front of it";
    assert!(asks(
        &unsigned(vec![control(401)]),
        "something in front of it that looks at the token"
    ));
    assert!(!asks(&unsigned(vec![control(403)]), maker));
    let signed = questions(refused(), vec![control(401), permitted(VIEW, &[])]);
    assert!(!asks(&signed, maker), "{signed:?}");
}

#[test]
fn a_policy_and_a_change_that_spreads_are_asked_apart() {
    let recent = grants(vec![role(&[VIEW], "d", Some(60), false)]);
    let policy = questions(refused(), vec![held(), fresh(403, None), old_role()]);
    assert!(
        asks(&policy, "Is it a policy, or a change of roles"),
        "{policy:?}"
    );
    let spreading = questions(refused(), vec![held(), fresh(403, None), recent]);
    assert!(
        asks(&spreading, "Is the change on its way"),
        "{spreading:?}"
    );
    let passed = questions(refused(), vec![held(), fresh(200, Some(200))]);
    assert!(asks(&passed, "or something else that passed"), "{passed:?}");
    let stale = questions(refused(), vec![held(), fresh(200, Some(403))]);
    assert!(!asks(&stale, "Is the token too old"), "{stale:?}");
    let unknown = evidence(machine(), 403, API, &api("x.y", "No."), 60);
    let held_and_unknown = questions(unknown.clone(), vec![held(), fresh(403, None)]);
    let apart = "Does an access policy refuse, or has a change of roles not spread yet?";
    assert!(asks(&held_and_unknown, apart), "{held_and_unknown:?}");
    assert!(!asks(&questions(unknown, vec![]), apart));
}

#[test]
fn an_old_token_that_was_not_compared_is_asked_about() {
    let old = questions(refused(), vec![held(), old_role()]);
    assert!(
        asks(&old, "Is the token too old, or does a policy refuse?"),
        "{old:?}"
    );
}

#[test]
fn one_object_is_not_asked_about_as_a_list() {
    let which = "Is one object refused, or does an access policy refuse the call?";
    let of = |operation| {
        let mut refused = evidence(machine(), 403, API, &api("not.authorized", "No."), 60);
        refused.operation = Operation::find(operation).unwrap();
        let permission = refused.operation.permissions.first().copied().unwrap();
        asks(
            &questions(
                refused,
                vec![permitted(permission, &["d"]), fresh(403, None)],
            ),
            which,
        )
    };
    assert!(of("GET /api/v2/routing/queues"));
    let single = OPERATIONS
        .iter()
        .find(|it| !it.lists && !it.permissions.is_empty())
        .unwrap();
    assert!(!of(&single.label()));
}

#[test]
fn a_token_that_was_given_is_not_missed_where_an_edge_refuses() {
    let page = "<html><head><title>403 Forbidden</title></head><body>nginx</body></html>";
    let html: &[(&str, &str)] = &[("content-type", "text/html"), ("server", "nginx")];
    let mut edge = evidence(machine(), 403, html, page, 3_600);
    let mut refused = refused();
    for one in [&mut edge, &mut refused] {
        let TokenEvidence::Held(facts) = &mut one.token else {
            unreachable!()
        };
        facts.given = true;
    }
    let elsewhere = "Would a fresh token be refused too?";
    assert!(!asks(&questions(edge, vec![control(403)]), elsewhere));
    assert!(asks(
        &questions(refused, vec![permitted(VIEW, &[])]),
        elsewhere
    ));
}

//! What the experiments make of a refusal: tokens, edges, guests, scopes; and what stays open.

use super::build::*;
use super::*;
use Confidence::{Likely, Possible, Proven};

#[test]
fn a_fresh_token_that_is_accepted_proves_the_old_one_stale() {
    check(
        refused(),
        vec![fresh(200, Some(403))],
        "stale_token",
        Proven,
    );
    check(refused(), vec![fresh(200, None)], "stale_token", Likely);
    check(
        refused(),
        vec![fresh(200, Some(401))],
        "stale_token",
        Proven,
    );
    // Even against what the roles say: only the token differs.
    check(
        refused(),
        vec![permitted(VIEW, &[]), fresh(200, Some(403))],
        "stale_token",
        Proven,
    );
}

/// The refused token refused again, and a fresh one tried twice, of which the second time is this.
fn tried_twice(status: u16) -> Experiment {
    let mut fresh = fresh(200, Some(403));
    let step = Step::Experiment(ExperimentKind::FreshToken);
    fresh.exchanges.insert(2, answered(step, status, "{}"));
    fresh
}

#[test]
fn a_fresh_token_that_is_refused_once_more_proves_no_old_one_stale() {
    let twice = |status| vec![tried_twice(status)];
    check(refused(), twice(200), "stale_token", Proven);
    check(refused(), twice(403), "propagating", Possible);
    check(refused(), twice(401), "propagating", Possible);
    check(refused(), twice(503), "stale_token", Likely);
    let (_, _, diagnosis) = told(refused(), twice(403));
    let summary = &diagnosis.summary;
    assert!(summary.contains("do not agree"), "{summary}");
    let mut open = diagnosis.undetermined.iter();
    assert!(
        open.any(|one| one.question.contains("one part of the platform")),
        "{:?}",
        diagnosis.undetermined
    );
}

#[test]
fn an_old_token_that_is_accepted_again_was_a_matter_of_time() {
    check(
        refused(),
        vec![fresh(200, Some(200))],
        "propagating",
        Likely,
    );
}

#[test]
fn a_403_without_a_token_proves_an_edge() {
    let forged = evidence(
        machine(),
        403,
        &[],
        &api("missing.permissions", &format!("[{VIEW}]")),
        60,
    );
    check(forged.clone(), vec![control(403)], "edge_block", Proven);
    check(
        forged.clone(),
        vec![control(401)],
        "missing_permission",
        Likely,
    );
    // What carries the platform's sign is the platform's, whatever is done to other calls.
    check(refused(), vec![control(403)], "missing_permission", Likely);
    let mut marked = control(403);
    marked.exchanges[0] = answered(Step::Experiment(ExperimentKind::WithoutToken), 403, "{}");
    check(forged.clone(), vec![marked], "edge_block", Likely);
    let page = evidence(machine(), 403, &[("server", "CloudFront")], "<html>", 60);
    check(page.clone(), vec![control(403)], "edge_block", Proven);
    check(page, vec![control(401)], "edge_block", Likely);
    let empty = evidence(machine(), 403, &[], "", 60);
    check(empty.clone(), vec![control(403)], "edge_block", Proven);
    check(empty, vec![control(401)], "unreadable_403", Possible);
    // An edge may look at the token only: a 401 without one does not rule it out.
    let (_, _, diagnosis) = told(forged, vec![control(401)]);
    assert!(
        diagnosis
            .ruled_out
            .iter()
            .all(|one| one.cause != "edge_block")
    );
}

#[test]
fn a_guest_is_granted_access_by_the_org_that_is_visited() {
    let trustor = evidence(
        machine(),
        403,
        API,
        &api("missing.trustor.permissions", ""),
        60,
    );
    let guest = || owner("elsewhere", "CLIENT-CREDENTIALS", &[]);
    let local = || owner("o", "CLIENT-CREDENTIALS", &[]);
    check(trustor.clone(), vec![guest()], "trustor_permission", Proven);
    check(trustor.clone(), vec![], "trustor_permission", Likely);
    check(
        trustor.clone(),
        vec![local()],
        "trustor_permission",
        Possible,
    );
    let (_, _, contradicted) = told(trustor, vec![local()]);
    assert!(
        contradicted.undetermined[0]
            .question
            .starts_with("Which org refuses")
    );
    check(refused(), vec![guest()], "trustor_permission", Likely);
    check(
        refused(),
        vec![guest(), permitted(VIEW, &[])],
        "trustor_permission",
        Likely,
    );
    check(refused(), vec![local()], "missing_permission", Likely);
    // A guest who holds the permission is refused for another reason.
    check(
        refused(),
        vec![guest(), held(), fresh(403, None), old_role()],
        "policy_denied",
        Likely,
    );
}

#[test]
fn a_scope_is_missing_when_the_token_does_not_carry_it() {
    let asks = || user(403, &api("insufficient_scope", ""));
    check(
        asks(),
        vec![owner("o", "CODE", &["analytics"])],
        "missing_scope",
        Proven,
    );
    check(
        asks(),
        vec![owner("o", "CODE", &["routing"])],
        "missing_scope",
        Possible,
    );
    check(
        asks(),
        vec![owner("o", "CODE", &["routing:readonly"])],
        "missing_scope",
        Possible,
    );
    check(
        asks(),
        vec![owner("o", "CODE", &[])],
        "missing_scope",
        Likely,
    );
    check(asks(), vec![], "missing_scope", Likely);
    let machine = || evidence(machine(), 403, API, &api("insufficient_scope", ""), 60);
    check(machine(), vec![held()], "missing_scope", Likely);
    check(
        machine(),
        vec![permitted(VIEW, &[])],
        "missing_permission",
        Likely,
    );
    check(machine(), vec![], "missing_scope", Possible);
    let handed = vec![owner("o", "CLIENT-CREDENTIALS", &["analytics"]), held()];
    check(asks(), handed, "missing_scope", Likely);
}

#[test]
fn a_scope_that_may_not_be_what_is_missing_leaves_a_question() {
    let question = |evidence, experiments| {
        let (cause, sure, diagnosis) = told(evidence, experiments);
        assert_eq!((cause, sure), ("missing_scope", Possible));
        let mut open = diagnosis.undetermined.into_iter();
        open.next().unwrap().question
    };
    let asks = user(403, &api("insufficient_scope", ""));
    let covered = owner("o", "CODE", &["routing"]);
    assert!(question(asks, vec![covered]).starts_with("Did the platform ask"));
    let silent = user(403, &api("some.code", "Something."));
    let narrow = owner("o", "CODE", &["analytics"]);
    let disagreed = vec![narrow, permitted(VIEW, &[]), old_role()];
    assert!(question(silent, disagreed).starts_with("Does the user hold routing:queue:view"));
}

#[test]
fn a_silent_lack_of_scope_is_found() {
    let names = || user(403, &api("missing.permissions", &format!("[{VIEW}]")));
    let narrow = || owner("o", "CODE", &["analytics"]);
    check(names(), vec![narrow(), held()], "missing_scope", Likely);
    check(names(), vec![narrow()], "missing_scope", Possible);
    let (cause, sure, diagnosis) = told(names(), vec![narrow(), permitted(VIEW, &[])]);
    assert_eq!((cause, sure), ("missing_permission", Proven));
    assert!(
        diagnosis
            .undetermined
            .iter()
            .any(|one| one.because.contains("scope"))
    );
}

#[test]
fn what_is_ruled_out_says_by_what() {
    let experiments = vec![
        owner("o", "CLIENT-CREDENTIALS", &[]),
        held(),
        fresh(403, None),
        old_role(),
        org(&[VIEW]),
    ];
    let (_, _, diagnosis) = told(refused(), experiments);
    let excluded: Vec<_> = diagnosis.ruled_out.iter().map(|one| one.cause).collect();
    for cause in [
        "edge_block",
        "missing_scope",
        "stale_token",
        "trustor_permission",
        "missing_permission",
        "permission_not_in_org",
    ] {
        assert!(excluded.contains(&cause), "{cause}: {excluded:?}");
    }
    let line = |step: &str| {
        diagnosis
            .evidence
            .iter()
            .find(|line| line.step == step)
            .unwrap()
    };
    assert_eq!(line("fresh_token").rules_out, ["stale_token"]);
    assert_eq!(line("fresh_token").supports, ["policy_denied"]);
    assert_eq!(line("tokens_me").rules_out, ["trustor_permission"]);
    assert_eq!(line("permissions").rules_out, ["permission_not_in_org"]);
    assert!(
        line("divisions_permitted")
            .rules_out
            .contains(&"missing_permission")
    );
    assert!(line("probe").rules_out.is_empty());
}

#[test]
fn a_failed_experiment_is_an_open_question_with_its_reason() {
    let failed: Vec<_> = ExperimentKind::ALL
        .iter()
        .map(|&kind| experiment(kind, Err(NOBODY.to_owned())))
        .collect();
    let (cause, sure, diagnosis) = told(refused(), failed);
    assert_eq!((cause, sure), ("missing_permission", Likely));
    let open: Vec<_> = diagnosis
        .undetermined
        .iter()
        .filter(|one| one.because == NOBODY)
        .collect();
    assert_eq!(open.len(), 5, "{:?}", diagnosis.undetermined);
}

#[test]
fn what_was_not_asked_says_why_not() {
    let mut postponed = refused();
    postponed.unasked = Some("too soon".to_owned());
    let (_, _, diagnosis) = told(postponed, vec![]);
    let why = diagnosis
        .undetermined
        .iter()
        .filter(|one| one.because == "too soon");
    assert_eq!(why.count(), 5);
    let mut given = user(403, &api("missing.permissions", VIEW));
    if let TokenEvidence::Held(facts) = &mut given.token {
        facts.given = true;
    }
    let (_, _, given) = told(given, vec![]);
    assert!(
        given
            .undetermined
            .iter()
            .any(|one| one.because.contains("elsewhere"))
    );
}

#[test]
fn a_token_that_was_handed_over_tells_whose_it_is() {
    let (_, _, diagnosis) = told(
        user(403, &api("missing.permissions", VIEW)),
        vec![owner("o", "CLIENT-CREDENTIALS", &[])],
    );
    assert_eq!(
        diagnosis.identity.kind,
        crate::target::IdentityKind::Machine
    );
    let (_, _, diagnosis) = told(
        user(403, &api("missing.permissions", VIEW)),
        vec![owner("o", "CODE", &["routing"])],
    );
    assert_eq!(diagnosis.identity.kind, crate::target::IdentityKind::User);
    assert!(
        diagnosis
            .ruled_out
            .iter()
            .any(|one| one.cause == "missing_scope")
    );
}

#[test]
fn nothing_is_ruled_out_that_may_still_be() {
    let rules_out = |evidence: Evidence, cause: &str| {
        let (_, _, diagnosis) = told(evidence, vec![]);
        diagnosis.ruled_out.iter().any(|one| one.cause == cause)
    };
    let names = api("missing.permissions", &format!("[{VIEW}]"));
    // Scopes do not apply to machines, and do to users.
    let of_machine = |age| evidence(machine(), 403, API, &names, age);
    assert!(rules_out(of_machine(60), "missing_scope"));
    assert!(!rules_out(user(403, &names), "missing_scope"));
    // A token is fresh for ten seconds.
    assert!(rules_out(of_machine(9), "stale_token"));
    assert!(!rules_out(of_machine(10), "stale_token"));
    // What is concluded is not ruled out, whatever speaks against it.
    let scope = api("insufficient_scope", "");
    let odd = evidence(machine(), 403, API, &scope, 60);
    assert_eq!(told(odd.clone(), vec![]).0, "missing_scope");
    assert!(!rules_out(odd, "missing_scope"));
}

#[test]
fn access_that_hides_its_own_end_is_told() {
    let works = evidence(machine(), 200, API, r#"{"total":3,"entities":[]}"#, 3_600);
    let mut replay = fresh(403, None);
    let body = api("missing.any.permissions", &format!("[{VIEW}]"));
    replay.exchanges[1] = answered(Step::Experiment(ExperimentKind::FreshToken), 403, &body);
    let (cause, _, diagnosis) = told(works.clone(), vec![permitted(VIEW, &[]), replay]);
    assert_eq!(cause, "ok");
    let warning = diagnosis.early_warning.unwrap();
    assert_eq!(warning.cause, Cause::MissingPermission);
    assert_eq!(warning.missing.permissions, [VIEW]);
    assert!(
        diagnosis.summary.contains("access ends"),
        "{}",
        diagnosis.summary
    );
    let (_, _, fine) = told(works, vec![held(), fresh(200, None)]);
    assert!(fine.early_warning.is_none());
}

//! What is known of permissions, roles, divisions and the org makes of a refusal.

use super::build::*;
use super::*;
use Confidence::{Likely, Possible, Proven};

fn in_division(id: &str) -> Evidence {
    let message =
        format!("permissions assigned: [] in at least one of the following division(s): [{id}]");
    evidence(
        machine(),
        403,
        API,
        &api("missing.any.permissions", &message),
        60,
    )
}

#[test]
fn a_division_is_missing_when_the_permission_is_held_elsewhere() {
    check(
        in_division(GUID),
        vec![held()],
        "missing_division_permission",
        Proven,
    );
    check(
        in_division(GUID),
        vec![],
        "missing_division_permission",
        Likely,
    );
    check(
        in_division(GUID),
        vec![permitted(VIEW, &[])],
        "missing_permission",
        Proven,
    );
    check(
        in_division(GUID),
        vec![old_role()],
        "missing_division_permission",
        Proven,
    );
    let there = || permitted(VIEW, &[GUID]);
    check(
        in_division(GUID),
        vec![there(), fresh(403, None), old_role()],
        "policy_denied",
        Likely,
    );
    check(
        in_division(GUID),
        vec![permitted(VIEW, &["*"]), fresh(403, None), old_role()],
        "policy_denied",
        Likely,
    );
}

#[test]
fn a_division_gets_its_name_from_whatever_knows_it() {
    let elsewhere = grants(vec![
        role(&[VIEW], "d", None, false),
        role(&["routing:skill:view"], GUID, None, false),
    ]);
    let (_, _, diagnosis) = told(in_division(GUID), vec![held(), elsewhere]);
    let name = diagnosis.missing.divisions[0].name.as_deref();
    assert_eq!(name, Some(format!("Name of {GUID}").as_str()));
    assert!(
        diagnosis.summary.contains("Name of"),
        "{}",
        diagnosis.summary
    );
    let (_, _, unnamed) = told(in_division(GUID), vec![held()]);
    assert_eq!(unnamed.missing.divisions[0].name, None);
}

#[test]
fn what_the_org_does_not_have_no_role_can_carry() {
    let others = || org(&["routing:skill:view"]);
    check(
        refused(),
        vec![permitted(VIEW, &[]), others()],
        "permission_not_in_org",
        Proven,
    );
    check(refused(), vec![others()], "permission_not_in_org", Proven);
    check(
        refused(),
        vec![permitted(VIEW, &[]), org(&[VIEW])],
        "missing_permission",
        Proven,
    );
    let silent = || evidence(machine(), 403, API, &api("", "Access denied"), 60);
    check(silent(), vec![others()], "permission_not_in_org", Likely);
    // Another domain was asked about: that says nothing.
    let mut elsewhere = org(&[]);
    elsewhere.about = Some("analytics".to_owned());
    check(refused(), vec![elsewhere], "missing_permission", Likely);
}

#[test]
fn a_permission_that_is_held_nowhere_is_missing() {
    check(
        refused(),
        vec![permitted(VIEW, &[])],
        "missing_permission",
        Proven,
    );
    check(
        refused(),
        vec![grants(vec![])],
        "missing_permission",
        Proven,
    );
    check(
        refused(),
        vec![permitted(VIEW, &[]), grants(vec![])],
        "missing_permission",
        Proven,
    );
    for (code, cause) in [
        ("not.authorized", "object_forbidden"),
        ("x.y", "unknown_403"),
    ] {
        let other = || evidence(machine(), 403, API, &api(code, "No."), 60);
        check(
            other(),
            vec![permitted(VIEW, &[])],
            "missing_permission",
            Likely,
        );
        check(other(), vec![], cause, Possible);
    }
    let gateway = evidence(machine(), 403, &[], r#"{"code":"x.y"}"#, 60);
    check(
        gateway,
        vec![permitted(VIEW, &[]), control(401)],
        "missing_permission",
        Possible,
    );
}

#[test]
fn a_message_that_names_another_permission_is_weighed_against_the_catalogue() {
    let other = "routing:skill:view";
    let named = || {
        let body = api("missing.permissions", &format!("[{other}]"));
        evidence(machine(), 403, API, &body, 60)
    };
    let roles = |held: &[&str]| grants(vec![role(held, "d", Some(90_000), false)]);
    check(named(), vec![roles(&[VIEW])], "missing_permission", Likely);
    let (cause, sure, diagnosis) = told(named(), vec![roles(&[other])]);
    assert_eq!((cause, sure), ("missing_permission", Likely));
    assert_eq!(
        diagnosis.missing.permissions,
        [VIEW],
        "the message is wrong"
    );
    let (cause, sure, diagnosis) = told(named(), vec![roles(&["routing:wrapupCode:view"])]);
    assert_eq!((cause, sure), ("missing_permission", Likely));
    assert!(
        diagnosis
            .undetermined
            .iter()
            .any(|one| one.because.contains(VIEW))
    );
    check(
        named(),
        vec![permitted(other, &[])],
        "missing_permission",
        Possible,
    );
    check(
        named(),
        vec![roles(&[VIEW]), org(&[VIEW])],
        "permission_not_in_org",
        Likely,
    );
    check(
        named(),
        vec![roles(&[]), org(&[VIEW])],
        "missing_permission",
        Possible,
    );
    check(
        named(),
        vec![org(&[VIEW])],
        "permission_not_in_org",
        Possible,
    );
    check(
        named(),
        vec![roles(&[VIEW, other]), fresh(403, None)],
        "policy_denied",
        Likely,
    );
}

#[test]
fn what_is_held_and_refused_is_time_token_or_policy() {
    let recent = || grants(vec![role(&[VIEW], "d", Some(60), false)]);
    let undated = || grants(vec![role(&[VIEW], "d", None, false)]);
    let again = || fresh(403, None);
    check(
        refused(),
        vec![held(), again(), old_role()],
        "policy_denied",
        Likely,
    );
    check(
        refused(),
        vec![held(), again(), undated()],
        "policy_denied",
        Possible,
    );
    check(refused(), vec![held(), again()], "policy_denied", Possible);
    check(
        refused(),
        vec![held(), again(), recent()],
        "propagating",
        Likely,
    );
    // No fresh token could be tried: the token is older than the grant, or the other way round.
    check(refused(), vec![held(), recent()], "propagating", Possible);
    check(refused(), vec![held(), undated()], "stale_token", Possible);
    check(refused(), vec![held(), old_role()], "stale_token", Possible);
    let later = grants(vec![role(&[VIEW], "d", Some(1_800), false)]);
    check(refused(), vec![held(), later], "stale_token", Likely);
    let young = evidence(
        machine(),
        403,
        API,
        &api("missing.any.permissions", VIEW),
        30,
    );
    check(young, vec![held(), recent()], "propagating", Likely);
    let conditional = grants(vec![role(&[VIEW], "d", Some(90_000), true)]);
    check(
        refused(),
        vec![held(), again(), conditional],
        "policy_denied",
        Likely,
    );
}

#[test]
fn five_minutes_divide_time_from_policy() {
    for (ago, cause) in [
        (299, "propagating"),
        (300, "policy_denied"),
        (-60, "propagating"),
    ] {
        let roles = grants(vec![role(&[VIEW], "d", Some(ago), false)]);
        check(
            refused(),
            vec![held(), fresh(403, None), roles],
            cause,
            Likely,
        );
    }
}

#[test]
fn a_role_that_has_no_effect_is_behind_or_not_in_the_org() {
    let nowhere = || permitted(VIEW, &[]);
    check(
        refused(),
        vec![nowhere(), old_role()],
        "permission_not_in_org",
        Possible,
    );
    check(
        refused(),
        vec![nowhere(), old_role(), org(&[VIEW])],
        "propagating",
        Possible,
    );
    check(
        refused(),
        vec![nowhere(), old_role(), org(&["routing:skill:view"])],
        "permission_not_in_org",
        Proven,
    );
    let recent = grants(vec![role(&[VIEW], "d", Some(60), false)]);
    check(
        refused(),
        vec![nowhere(), fresh(403, None), recent],
        "propagating",
        Likely,
    );
}

#[test]
fn one_object_is_refused_when_the_permission_is_held() {
    let vague = || evidence(machine(), 403, API, &api("not.authorized", "No."), 60);
    check(
        vague(),
        vec![held(), fresh(403, None)],
        "object_forbidden",
        Possible,
    );
    let mut one = vague();
    one.operation = Operation::find("GET /api/v2/routing/queues/{queueId}").unwrap();
    one.experiments = vec![held(), fresh(403, None)];
    let experiments = one.experiments.clone();
    check(one, experiments, "object_forbidden", Likely);
}

#[test]
fn of_several_that_are_needed_only_those_are_missing_that_no_role_carries() {
    let skill = "routing:skill:view";
    let body = api("missing.permissions", &format!("[{skill}, {VIEW}]"));
    let both = evidence(machine(), 403, API, &body, 60);
    let roles = grants(vec![role(&[skill], "d", Some(90_000), false)]);
    let (cause, sure, diagnosis) = told(both.clone(), vec![roles]);
    assert_eq!((cause, sure), ("missing_permission", Proven));
    assert_eq!(diagnosis.missing.permissions, [VIEW]);
    let (_, _, unknown) = told(both, vec![]);
    assert_eq!(unknown.missing.permissions, [skill, VIEW]);
}

#[test]
fn an_empty_list_of_the_org_proves_nothing() {
    check(
        refused(),
        vec![permitted(VIEW, &[]), org(&[])],
        "permission_not_in_org",
        Likely,
    );
    check(
        refused(),
        vec![permitted(VIEW, &[]), org(&["routing:queue:*"])],
        "missing_permission",
        Proven,
    );
}

#[test]
fn of_several_divisions_one_can_be_enough() {
    let other = "11111111-2222-3333-4444-555555555555";
    let any = || {
        let message = format!("[] in at least one of the following division(s): [{GUID}, {other}]");
        evidence(
            machine(),
            403,
            API,
            &api("missing.any.permissions", &message),
            60,
        )
    };
    let in_one = || permitted(VIEW, &[GUID]);
    check(
        any(),
        vec![in_one(), fresh(403, None), old_role()],
        "policy_denied",
        Likely,
    );
    let (cause, _, diagnosis) = told(any(), vec![permitted(VIEW, &["d"])]);
    assert_eq!(cause, "missing_division_permission");
    assert_eq!(diagnosis.missing.divisions.len(), 1, "one is enough");
    let each = format!("[{VIEW}:{GUID}, {VIEW}:{other}]");
    let each = evidence(machine(), 403, API, &api("missing.permissions", &each), 60);
    let (cause, sure, diagnosis) = told(each, vec![in_one()]);
    assert_eq!((cause, sure), ("missing_division_permission", Proven));
    let lacking: Vec<_> = diagnosis
        .missing
        .divisions
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    assert_eq!(lacking, [other]);
}

#[test]
fn roles_and_the_platform_can_disagree_either_way() {
    let (cause, sure, diagnosis) = told(refused(), vec![held(), grants(vec![])]);
    assert_eq!((cause, sure), ("propagating", Possible));
    assert!(
        diagnosis
            .ruled_out
            .iter()
            .all(|one| one.cause != "missing_permission")
    );
}

#[test]
fn what_the_platform_did_not_sign_is_no_policy_of_its_own() {
    let body = api("missing.any.permissions", &format!("[{VIEW}]"));
    let unsigned = evidence(machine(), 403, &[], &body, 3_600);
    let experiments = vec![held(), fresh(403, None), old_role(), control(401)];
    let (cause, sure, diagnosis) = told(unsigned, experiments);
    assert_eq!((cause, sure), ("policy_denied", Possible));
    assert!(
        diagnosis
            .ruled_out
            .iter()
            .all(|one| one.cause != "edge_block")
    );
    assert!(
        diagnosis
            .undetermined
            .iter()
            .any(|one| one.question.contains("in front of it"))
    );
}

//! What stands on the border of a rule: the case beside the one that it is for.

use super::build::*;
use super::*;
use Confidence::{Likely, Possible};

/// The platform's sign is taken away: anybody may have answered.
fn unsigned(mut evidence: Evidence) -> Evidence {
    let answer = evidence.exchanges[0].result.as_mut().unwrap();
    answer
        .headers
        .retain(|(name, _)| name != "inin-correlation-id");
    answer.body = answer.body.replace("contextId", "id");
    evidence
}

#[test]
fn a_scope_asked_for_by_nobody_known_stays_a_scope() {
    let asks = || evidence(machine(), 403, API, &api("insufficient_scope", ""), 60);
    let nowhere = || vec![permitted(VIEW, &[])];
    check(asks(), nowhere(), "missing_permission", Likely);
    check(unsigned(asks()), nowhere(), "missing_scope", Possible);
}

#[test]
fn an_edge_that_refuses_does_not_speak_of_scopes() {
    let page =
        "<html><head><title>403 Forbidden</title></head><body><center>nginx</center></body></html>";
    let html: &[(&str, &str)] = &[("content-type", "text/html"), ("server", "nginx")];
    let mut refused = user(403, page);
    let answer = refused.exchanges[0].result.as_mut().unwrap();
    answer.headers = html
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let narrow = owner("o", "CODE", &["analytics"]);
    let (cause, _, _) = told(refused, vec![narrow]);
    assert_eq!(cause, "edge_block");
}

#[test]
fn what_is_published_is_told_where_the_org_lacks_what_is_named() {
    let named = api("missing.any.permissions", "[routing:magic:view]");
    let wrong = || evidence(machine(), 403, API, &named, 60);
    let (cause, sure, diagnosis) = told(wrong(), vec![permitted(VIEW, &[]), org(&[VIEW])]);
    assert_eq!((cause, sure), ("missing_permission", Possible));
    assert_eq!(diagnosis.missing.permissions, [VIEW]);
}

#[test]
fn one_of_two_permissions_that_could_be_looked_up_is_little() {
    let named = api("missing.any.permissions", "[routing:magic:view]");
    let wrong = || evidence(machine(), 403, API, &named, 60);
    let (cause, sure, diagnosis) = told(wrong(), vec![permitted(VIEW, &[])]);
    assert_eq!((cause, sure), ("missing_permission", Possible));
    let summary = &diagnosis.summary;
    assert!(summary.contains("only one of the two"), "{summary}");
}

#[test]
fn a_role_counts_in_its_own_division_only() {
    let message =
        format!("permissions assigned: [] in at least one of the following division(s): [{GUID}]");
    let body = api("missing.any.permissions", &message);
    let asked = || evidence(machine(), 403, API, &body, 60);
    let there = || grants(vec![role(&[VIEW], GUID, Some(90_000), false)]);
    let (elsewhere, _, _) = told(asked(), vec![old_role()]);
    let (here, _, _) = told(asked(), vec![fresh(403, None), there()]);
    assert_eq!(
        [elsewhere, here],
        ["missing_division_permission", "policy_denied"]
    );
}

#[test]
fn a_token_is_young_for_less_than_ten_seconds() {
    let of_age = |age| {
        let body = api("missing.any.permissions", &format!("[{VIEW}]"));
        let refused = evidence(machine(), 403, API, &body, age);
        told(refused, vec![held(), old_role()]).0
    };
    assert_eq!([of_age(9), of_age(10)], ["policy_denied", "stale_token"]);
}

#[test]
fn a_division_is_called_as_the_list_of_divisions_calls_it() {
    let message =
        format!("permissions assigned: [] in at least one of the following division(s): [{GUID}]");
    let body = api("missing.any.permissions", &message);
    let refused = evidence(machine(), 403, API, &body, 60);
    let (_, _, diagnosis) = told(
        refused,
        vec![held(), permitted("routing:skill:view", &[GUID])],
    );
    let name = diagnosis.missing.divisions.iter().find(|it| it.id == GUID);
    let name = name.and_then(|it| it.name.as_deref());
    assert_eq!(name, Some(format!("Name of {GUID}").as_str()));
}

//! What code and message of a refusal name, where one of them is odd.

use super::build::*;
use super::*;
use Confidence::{Likely, Possible};

fn read(code: &str, message: &str) -> Diagnosis {
    diagnose(&evidence(machine(), 403, API, &api(code, message), 3_600))
}

#[test]
fn an_error_body_that_says_nothing_is_called_that() {
    let silent = read("", "");
    assert_eq!(silent.finding.cause(), Some("unknown_403"));
    assert!(
        silent.summary.contains("without code or message"),
        "{}",
        silent.summary
    );
}

#[test]
fn an_answer_about_the_trustor_names_what_is_missing_there() {
    let known = read("missing.trustor.permissions", &format!("[{VIEW}]"));
    assert_eq!(known.missing.permissions, [VIEW]);
    assert_eq!(known.confidence, Likely);
    let unknown = read("some.trustor.trouble", "");
    assert_eq!(unknown.finding.cause(), Some("trustor_permission"));
    assert_eq!(unknown.confidence, Possible);
}

#[test]
fn an_answer_about_scopes_that_names_none_asks_for_the_published_ones() {
    let asks = user(403, &api("insufficient_scope", ""));
    let (cause, _, diagnosis) = told(asks, vec![]);
    assert_eq!(cause, "missing_scope");
    assert_eq!(diagnosis.missing.scopes, ["routing", "routing:readonly"]);
}

#[test]
fn a_division_is_read_from_the_message_whatever_the_code_is() {
    let message = format!(
        "permissions assigned: [{VIEW}] in at least one of the following division(s): [{GUID}]"
    );
    let odd = read("x.y", &message);
    assert_eq!(odd.finding.cause(), Some("missing_division_permission"));
    // Divisions without a permission, by a code that is about none, say nothing of permissions.
    let unnamed = "assigned: [] in at least one of the following division(s): [here]";
    assert_ne!(
        read("x.y", unnamed).finding.cause(),
        Some("missing_division_permission")
    );
}

#[test]
fn one_object_is_likelier_refused_than_a_list() {
    let refused = |operation: &'static Operation| {
        let mut refused = evidence(machine(), 403, API, &api("not.authorized", "No."), 60);
        refused.operation = operation;
        diagnose(&refused)
    };
    let list = refused(Operation::queues());
    assert_eq!(list.finding.cause(), Some("object_forbidden"));
    assert_eq!(list.confidence, Possible);
    let mut operations = crate::target::OPERATIONS.iter();
    let single = operations.find(|it| !it.lists).unwrap();
    assert_eq!(refused(single).confidence, Likely);
}

//! What a diagnosis says beside its cause: words, facts and reasons that people act on.

use super::build::*;
use super::*;
use crate::evidence::{Fault, FaultKind, Origin};
use Confidence::{Likely, Possible, Proven};

#[test]
fn confidences_have_names() {
    let names = [Possible, Likely, Proven].map(Confidence::as_str);
    assert_eq!(names, ["possible", "likely", "proven"]);
}

#[test]
fn a_challenge_tells_what_the_body_does_not() {
    let unauthorized = |challenge: &str| {
        let headers = [API[0], ("www-authenticate", challenge)];
        diagnose(&evidence(machine(), 401, &headers, "", 60))
    };
    for (challenge, cause) in [
        (r#"Bearer realm="x""#, "token_missing"),
        (r#"Basic realm="x""#, "token_rejected"),
        (r#"Bearer error="invalid_token""#, "token_rejected"),
        (
            r#"Bearer error="invalid_token", error_description="The token Expired""#,
            "token_expired",
        ),
    ] {
        let told = unauthorized(challenge);
        assert_eq!(told.finding.cause(), Some(cause), "{challenge}");
    }
}

#[test]
fn an_edge_leaves_its_name_on_what_passes_through_it() {
    let unsigned = |headers: &[(&str, &str)], body: &str| {
        let told = diagnose(&evidence(machine(), 403, headers, body, 3_600));
        (told.finding.cause().unwrap(), told.summary)
    };
    for header in [
        ("server", "Cloudflare-7"),
        ("cf-ray", "8f2c"),
        ("x-iinfo", "3-4"),
    ] {
        let (cause, summary) = unsigned(&[header], "");
        assert_eq!(cause, "edge_block");
        let name = format!("came through an edge or proxy ({}: {})", header.0, header.1);
        assert!(summary.contains(&name), "{summary}");
    }
    // Nobody's name: nothing to go by.
    assert_ne!(unsigned(&[("server", "nginx")], "").0, "edge_block");
}

#[test]
fn an_error_body_that_says_something_is_no_edge_whoever_passed_it_on() {
    let made_by_an_edge = [
        ("x-amzn-waf-action", "block"),
        ("content-type", "application/json"),
    ];
    for (body, is_edge) in [
        (r#"{"code":"not.authorized","message":"No."}"#, false),
        (r#"{"message":"You lack the permission."}"#, false),
        (r#"{"message":"Forbidden"}"#, true),
    ] {
        let told = diagnose(&evidence(machine(), 403, &made_by_an_edge, body, 3_600));
        assert_eq!(
            told.finding.cause() == Some("edge_block"),
            is_edge,
            "{body}"
        );
    }
}

#[test]
fn a_body_that_was_cut_still_says_its_message() {
    let whole = api("x.y", "Something about this request was wrong");
    let cut = whole.trim_end_matches('}');
    let mut refused = evidence(machine(), 403, API, cut, 3_600);
    if let Ok(answer) = &mut refused.exchanges[0].result {
        answer.truncated = true;
    }
    let answer = diagnose(&refused).answer.unwrap();
    assert_eq!(answer.code.as_deref(), Some("x.y"));
    let message = answer.message.unwrap();
    assert_eq!(message, "Something about this request was wrong");
}

#[test]
fn what_an_answer_says_is_told_unless_it_is_a_success() {
    let told = |status, body: &str| {
        let told = diagnose(&evidence(machine(), status, API, body, 3_600));
        let answer = told.answer.unwrap();
        (answer.code, answer.message)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        told(403, "{}"),
        (None, some("{}")),
        "an error body that says nothing"
    );
    assert_eq!(told(404, "gone"), (None, some("gone")));
    assert_eq!(told(500, &api("a.b", "c")), (some("a.b"), some("c")));
    assert_eq!(told(300, "moved"), (None, some("moved")));
    let listed = r#"{"total":1,"entities":[],"code":"a.b","message":"c"}"#;
    assert_eq!(told(200, listed), (None, None));
}

#[test]
fn parameters_of_a_message_name_permissions_too() {
    let body = serde_json::json!({
        "code": "missing.permissions",
        "message": "You are missing something",
        "messageParams": {"permissions": format!("[{VIEW}]"), "number": 3},
        "status": 403,
    });
    let told = diagnose(&evidence(machine(), 403, API, &body.to_string(), 3_600));
    assert_eq!(told.missing.permissions, [VIEW]);
    assert!(!told.missing.assumed, "it was named");
}

#[test]
fn the_reason_of_a_failure_is_in_its_summary() {
    let mut failed = evidence(machine(), 200, API, "", 60);
    failed.exchanges[0].result = Err(Fault {
        kind: FaultKind::Dns,
        origin: Origin::Way,
        detail: "no such name".to_owned(),
    });
    let told = diagnose(&failed);
    assert_eq!(told.finding.cause(), Some("dns"));
    assert!(told.summary.contains("no such name"), "{}", told.summary);
}

#[test]
fn a_scope_that_is_only_concluded_is_that_of_the_operation() {
    // The answer speaks of a permission; the token, looked at, carries no scope for the operation.
    let refused = user(403, &api("missing.any.permissions", &format!("[{VIEW}]")));
    let scopes = owner("o", "authorization-code", &["users"]);
    let (cause, _, told) = told(refused, vec![scopes]);
    assert_eq!(cause, "missing_scope");
    assert_eq!(told.missing.scopes, ["routing", "routing:readonly"]);
    assert_eq!(told.missing.permissions, [] as [&str; 0]);
}

#[test]
fn a_warning_before_access_ends_says_why_it_will() {
    let ends_by = |fresh: Experiment, more: Vec<Experiment>| {
        let mut works = evidence(machine(), 200, API, r#"{"total":3,"entities":[]}"#, 60);
        works.experiments = vec![fresh];
        works.experiments.extend(more);
        diagnose(&works).early_warning.unwrap().cause.slug()
    };
    assert_eq!(
        ends_by(fresh(403, None), vec![permitted(VIEW, &[])]),
        "missing_permission"
    );
    // An edge refuses whatever is held.
    let mut edge = fresh(403, None);
    if let Ok(answer) = &mut edge.exchanges[1].result {
        answer.headers = vec![("x-amzn-waf-action".to_owned(), "block".to_owned())];
        answer.body = String::new();
    }
    assert_eq!(ends_by(edge, vec![permitted(VIEW, &[])]), "edge_block");
}

//! What a later look says about an earlier one, where saved evidence has no example.

use super::super::verify::{
    Progress, Verified, could_need_fresh, is_on_its_way, progress, says, summary,
};
use super::super::{first_impression, refused_in_words, rejects_token};
use super::build::*;
use super::*;

fn works() -> Evidence {
    evidence(machine(), 200, API, r#"{"total":3,"entities":[]}"#, 60)
}

fn with(mut evidence: Evidence, experiments: Vec<Experiment>) -> Diagnosis {
    evidence.experiments = experiments;
    diagnose(&evidence)
}

/// Works, and a fresh token is refused.
fn ending() -> Diagnosis {
    with(works(), vec![fresh(403, None), permitted(VIEW, &[])])
}

#[test]
fn results_have_names() {
    use Verified as V;
    let all = [V::Ok, V::Fixed, V::Undetermined, V::NotFixed, V::Changed];
    let names = ["ok", "fixed", "undetermined", "not_fixed", "changed"];
    assert_eq!(all.map(Verified::as_str), names);
}

#[test]
fn a_fresh_token_is_minted_only_where_it_could_tell() {
    assert!(could_need_fresh(&diagnose(&refused())));
    assert!(could_need_fresh(&ending()));
    assert!(!could_need_fresh(&diagnose(&works())));
    let edge = evidence(machine(), 403, &[("cf-ray", "8f2c")], "", 60);
    assert!(!could_need_fresh(&diagnose(&edge)));
    let empty = evidence(machine(), 200, API, r#"{"total":0,"entities":[]}"#, 60);
    assert!(could_need_fresh(&diagnose(&empty)), "none is visible");
}

#[test]
fn access_that_was_ending_goes_on_when_a_fresh_token_says_so() {
    let unasked = progress(&ending(), &diagnose(&works()));
    assert_eq!(unasked, Progress::Waiting(Verified::Undetermined));
    let accepted = with(works(), vec![control(401), fresh(200, None)]);
    assert_eq!(
        progress(&ending(), &accepted),
        Progress::Settled(Verified::Fixed)
    );
    assert_eq!(
        progress(&ending(), &ending()),
        Progress::Waiting(Verified::NotFixed)
    );
}

#[test]
fn one_look_is_told_in_a_few_words() {
    use Progress::{Settled, Waiting};
    let (well, ending, refused) = (diagnose(&works()), ending(), diagnose(&refused()));
    let outage = diagnose(&evidence(machine(), 503, API, "", 60));
    let limited = diagnose(&evidence(machine(), 429, API, "", 60));
    let not_fixed = Waiting(Verified::NotFixed);
    let half = "works, but a fresh token is refused";
    for (progress, before, now, words) in [
        (Settled(Verified::Ok), &well, &well, "works"),
        (Settled(Verified::Ok), &well, &ending, half),
        (Settled(Verified::Fixed), &refused, &well, "works"),
        (not_fixed, &refused, &refused, "as before"),
        (not_fixed, &ending, &ending, "as before"),
        (not_fixed, &refused, &ending, half),
        (
            not_fixed,
            &outage,
            &limited,
            "fails otherwise than before, and tells nothing of access",
        ),
        (
            Settled(Verified::Changed),
            &well,
            &refused,
            "something else than before",
        ),
        (
            Waiting(Verified::Undetermined),
            &well,
            &refused,
            "tells nothing",
        ),
    ] {
        assert_eq!(says(progress, before, now), words);
    }
}

#[test]
fn what_is_not_as_before_is_not_called_that() {
    let (refused, ending) = (diagnose(&refused()), ending());
    assert_eq!(
        progress(&refused, &ending),
        Progress::Waiting(Verified::NotFixed)
    );
    let minute = Duration::from_mins(1);
    let text = summary(&refused, &[&ending], minute);
    assert!(!text.contains("as before"), "{text}");
    assert!(
        text.contains("Before, it was missing_permission."),
        "{text}"
    );
    let text = summary(&ending, &[&ending], minute);
    assert!(text.contains("That is as before, 60 s later."), "{text}");
}

#[test]
fn a_policy_that_is_proven_is_not_a_matter_of_time() {
    let policy = |confidence| Diagnosis {
        finding: Finding::Forbidden(Cause::PolicyDenied),
        confidence,
        ..diagnose(&refused())
    };
    assert!(is_on_its_way(&policy(Confidence::Likely)));
    assert!(!is_on_its_way(&policy(Confidence::Proven)));
}

#[test]
fn what_made_the_difference_is_told() {
    let second = Duration::from_secs(1);
    let well = diagnose(&works());
    let told = |before: &Diagnosis, after| summary(before, &[&well], after);
    // The token is the same one.
    let lacked = diagnose(&refused());
    assert!(told(&lacked, second).contains("The change propagated within"));
    let at_once = told(&lacked, Duration::from_millis(999));
    assert!(at_once.contains("none had to be minted"), "{at_once}");
    // A fresh token was accepted while the old one was not.
    let stale = with(refused(), vec![fresh(200, Some(403))]);
    assert_eq!(stale.finding.cause(), Some("stale_token"));
    assert!(told(&stale, second).contains("A fresh token was needed"));
    // The old one was accepted, too, when it was tried again.
    let on_its_way = with(refused(), vec![fresh(200, Some(200))]);
    assert_eq!(on_its_way.finding.cause(), Some("propagating"));
    let text = told(&on_its_way, second);
    assert!(
        text.contains("the old token was accepted by then, too"),
        "{text}"
    );
    assert!(!told(&lacked, second).contains("by then, too"));
}

#[test]
fn a_first_impression_says_whether_there_is_something_to_explain() {
    assert!(first_impression(&refused()).is_explainable());
    assert!(!first_impression(&works()).is_explainable());
}

#[test]
fn answers_are_told_in_a_few_words_and_may_be_about_the_token() {
    let answer = |status, code: &str| {
        let evidence = evidence(machine(), status, API, &api(code, "No."), 60);
        evidence.exchanges[0].result.clone().unwrap()
    };
    assert_eq!(
        refused_in_words(&answer(403, "a.b")),
        "it was answered 403 a.b"
    );
    assert!(rejects_token(&answer(401, "bad.credentials")));
    assert!(!rejects_token(&answer(401, "ip.not.authorized")));
    assert!(!rejects_token(&answer(403, "bad.credentials")));
}

#[test]
fn scopes_are_read_from_the_message_unless_it_names_none() {
    let missing = |message: &str| {
        let (cause, _, told) = told(user(403, &api("insufficient_scope", message)), vec![]);
        assert_eq!(cause, "missing_scope", "{message}");
        told.missing.scopes
    };
    for (open, close) in [('[', ']'), ('"', '"'), ('\'', '\'')] {
        let message = format!("The token lacks the scope {open}routing:readonly{close}");
        assert_eq!(missing(&message), ["routing:readonly"]);
    }
    let published = ["routing", "routing:readonly"];
    assert_eq!(missing("The token lacks a scope: []"), published);
}

#[test]
fn an_empty_refusal_is_called_empty() {
    let told = diagnose(&evidence(machine(), 403, API, "", 60));
    assert_eq!(told.finding.cause(), Some("unreadable_403"));
    assert!(
        told.summary.contains("The body is empty"),
        "{}",
        told.summary
    );
}

#[test]
fn what_is_no_matter_of_access_leaves_no_experiment_unmade() {
    let gone = diagnose(&evidence(machine(), 404, API, &api("not.found", "No."), 60));
    assert!(gone.undetermined.is_empty(), "{:?}", gone.undetermined);
}

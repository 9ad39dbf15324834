//! What a good answer hides: deleted queues, lost divisions, orgs without queues.

use std::sync::Arc;

use super::build::*;
use super::*;
use crate::evidence::{Permitted, Standing};
use Confidence::{Likely, Proven};

/// An answer that shows so many queues, after a time when it showed `before` in `divisions`.
fn shows(total: u64, before: Option<(u64, &[&str])>) -> Evidence {
    let body = format!(r#"{{"total":{total},"entities":[]}}"#);
    let mut evidence = evidence(machine(), 200, API, &body, 3_600);
    evidence.before = before.map(|(queues, divisions)| {
        Arc::new(Standing {
            at: Timestamp::UNIX_EPOCH - jiff::SignedDuration::from_secs(30),
            queues: Some(queues),
            divisions: Some(Permitted {
                permission: VIEW.to_owned(),
                all: divisions == ["*"],
                total: divisions.len() as u64,
                divisions: divisions
                    .iter()
                    .map(|id| named(id, &format!("Name of {id}")))
                    .collect(),
            }),
            ..Standing::default()
        })
    });
    evidence
}

#[track_caller]
fn check_loss(
    evidence: Evidence,
    experiments: Vec<Experiment>,
    cause: &str,
    confidence: Confidence,
    says: &str,
) -> Diagnosis {
    let (found, sure, diagnosis) = told(evidence, experiments);
    assert_eq!((found, sure), (cause, confidence), "{}", diagnosis.summary);
    assert!(diagnosis.summary.contains(says), "{}", diagnosis.summary);
    diagnosis
}

#[test]
fn a_lost_division_is_named() {
    let before = Some((12, ["a", "b"].as_slice()));
    let diagnosis = check_loss(
        shows(8, before),
        vec![permitted(VIEW, &["a"])],
        "queues_missing",
        Proven,
        "Name of b",
    );
    assert_eq!(diagnosis.missing.divisions.len(), 1);
    assert_eq!(
        diagnosis.missing.divisions[0].name.as_deref(),
        Some("Name of b")
    );
    check_loss(
        shows(0, before),
        vec![permitted(VIEW, &["a"])],
        "queues_empty",
        Proven,
        "Name of b",
    );
    let all = Some((12, ["*"].as_slice()));
    check_loss(
        shows(8, all),
        vec![permitted(VIEW, &["a"])],
        "queues_missing",
        Proven,
        "in every division when",
    );
}

#[test]
fn deleted_queues_are_no_lost_access() {
    let all = Some((12, ["*"].as_slice()));
    let everywhere = || vec![permitted(VIEW, &["*"])];
    check_loss(
        shows(8, all),
        everywhere(),
        "queues_missing",
        Proven,
        "deleted",
    );
    check_loss(
        shows(0, all),
        everywhere(),
        "queues_empty",
        Proven,
        "deleted",
    );
    let some = Some((12, ["a"].as_slice()));
    let moved = "moved to a division that the caller cannot see";
    check_loss(
        shows(8, some),
        vec![permitted(VIEW, &["a"])],
        "queues_missing",
        Likely,
        moved,
    );
}

#[test]
fn an_org_without_queues_is_told_from_divisions_without_queues() {
    check_loss(
        shows(0, None),
        vec![permitted(VIEW, &["*"])],
        "queues_empty",
        Proven,
        "has no queues",
    );
    check_loss(
        shows(0, None),
        vec![permitted(VIEW, &["a"])],
        "queues_empty",
        Likely,
        "stay hidden",
    );
    check_loss(
        shows(0, None),
        vec![permitted(VIEW, &[])],
        "queues_empty",
        Likely,
        "no division",
    );
    check_loss(shows(0, None), vec![], "queues_empty", Likely, "no queue");
}

#[test]
fn a_fresh_token_that_sees_more_proves_the_old_one_behind() {
    let before = Some((3, ["a"].as_slice()));
    let experiments = vec![permitted(VIEW, &["a"]), fresh(200, None)];
    check_loss(
        shows(1, before),
        experiments,
        "queues_missing",
        Proven,
        "minted just now",
    );
}

#[test]
fn expected_divisions_are_missed_although_enough_queues_are_visible() {
    let mut expecting = shows(5, None);
    expecting.expect.divisions = vec!["name of A".to_owned(), "Sales".to_owned()];
    let diagnosis = check_loss(
        expecting.clone(),
        vec![permitted(VIEW, &["a"])],
        "queues_missing",
        Proven,
        "Sales",
    );
    assert_eq!(
        diagnosis.missing.divisions.len(),
        1,
        "the other one is seen"
    );
    check_loss(
        expecting.clone(),
        vec![permitted(VIEW, &["*"])],
        "ok",
        Proven,
        "works",
    );
    check_loss(expecting, vec![], "ok", Proven, "works");
}

#[test]
fn fewer_queues_are_accepted_after_an_hour_when_no_division_was_lost() {
    let at = |seconds, before: Option<(u64, &[&str])>, total| {
        let mut evidence = shows(total, before);
        evidence.at.wall = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(seconds);
        evidence
    };
    let some = Some((12, ["a", "b"].as_slice()));
    let intact = || vec![permitted(VIEW, &["a", "b"])];
    check_loss(
        at(3_500, some, 8),
        intact(),
        "queues_missing",
        Likely,
        "only 8 queues",
    );
    check_loss(
        at(3_570, some, 8),
        intact(),
        "ok",
        Proven,
        "taken for what is meant",
    );
    check_loss(
        at(9_999, some, 8),
        vec![permitted(VIEW, &["a"])],
        "queues_missing",
        Proven,
        "no longer held",
    );
    check_loss(at(9_999, some, 0), intact(), "queues_empty", Likely, "");
    let mut least = at(9_999, some, 8);
    least.expect.min_queues = 9;
    check_loss(
        least,
        intact(),
        "queues_missing",
        Likely,
        "at least 9 are expected",
    );
    check_loss(
        at(9_999, some, 8),
        vec![],
        "queues_missing",
        Likely,
        "12 when access last worked",
    );
}

#[test]
fn more_queues_or_as_many_are_no_loss() {
    let before = Some((12, ["a"].as_slice()));
    for total in [12, 13] {
        check_loss(shows(total, before), vec![], "ok", Proven, "works");
    }
}

/// A full page without a total, in an org that showed 12 queues before.
fn untold() -> Evidence {
    let body = r#"{"entities":[{"id":"1","name":"Sales"}],"pageSize":1}"#;
    Evidence {
        before: shows(0, Some((12, ["a", "b"].as_slice()))).before,
        ..evidence(machine(), 200, API, body, 3_600)
    }
}

#[test]
fn a_count_that_is_not_told_is_no_loss() {
    let says = "the answer does not tell how many queues are visible";
    let diagnosis = check_loss(untold(), vec![], "ok", Proven, says);
    assert_eq!(diagnosis.queues.total, None);
    // What was known is not forgotten for that.
    let before = untold().before.unwrap();
    assert_eq!(diagnosis.standing.or(&before).queues, Some(12));
    let mut least = untold();
    least.expect.min_queues = 5;
    check_loss(least, vec![], "ok", Proven, says);
}

#[test]
fn expected_divisions_are_missed_although_no_count_is_told() {
    let mut expecting = untold();
    expecting.expect.divisions = vec!["Name of b".to_owned()];
    let held = vec![permitted(VIEW, &["a"])];
    let says = "does not show everything that is expected";
    check_loss(expecting, held, "queues_missing", Proven, says);
}

#[test]
fn a_list_of_something_else_is_never_missed() {
    let mut other = shows(0, Some((12, ["a"].as_slice())));
    other.operation = Operation::find("GET /api/v2/authorization/products").unwrap();
    check_loss(other, vec![], "ok", Proven, "works");
}

fn summary(evidence: Evidence, experiments: Vec<Experiment>) -> String {
    told(evidence, experiments).2.summary
}

#[test]
fn each_reason_is_told_in_full() {
    let held_in = |divisions: &[&str]| vec![permitted(VIEW, divisions)];
    let all = Some((12, ["*"].as_slice()));
    let some = Some((12, ["a"].as_slice()));
    let mut without = shows(8, some);
    let standing = Arc::make_mut(without.before.as_mut().unwrap());
    standing.divisions = None;
    let with_owner = || {
        vec![
            owner("o", "CLIENT-CREDENTIALS", &[]),
            permitted(VIEW, &["*"]),
        ]
    };
    let mut more = shows(3, None);
    more.expect.min_queues = 4;
    for (evidence, experiments, says) in [
        (
            shows(8, all),
            held_in(&["a"]),
            "routing:queue:view was held in every division when access last worked, and is held in \
             Name of a now",
        ),
        (
            shows(8, all),
            held_in(&[]),
            "routing:queue:view was held in every division when access last worked, and is held in \
             no division now",
        ),
        (
            shows(8, some),
            held_in(&["a"]),
            "no division was lost (routing:queue:view is held in Name of a): queues were deleted",
        ),
        // Where it was held before is not known: nothing is said about what was lost.
        (
            without,
            held_in(&["a"]),
            "routing:queue:view is held in Name of a: queues of any other division stay hidden",
        ),
        (
            shows(0, None),
            held_in(&[]),
            "routing:queue:view is held in no division.",
        ),
        (
            shows(0, None),
            with_owner(),
            "routing:queue:view is held in every division, so that nothing is hidden: the org Org has \
             no queues",
        ),
        (more, with_owner(), "the org Org has no more queues"),
    ] {
        let summary = summary(evidence, experiments);
        let summary = summary.trim_end();
        assert!(
            summary.to_lowercase().contains(&says.to_lowercase()),
            "{summary}\n{says}"
        );
    }
}

#[test]
fn a_fresh_token_that_sees_as_much_explains_nothing() {
    // It sees three.
    let experiments = || vec![permitted(VIEW, &["a"]), fresh(200, None)];
    let before = Some((12, ["a"].as_slice()));
    let (less, as_much) = (shows(2, before), shows(3, before));
    let (_, _, behind) = told(less, experiments());
    let (_, _, not_behind) = told(as_much, experiments());
    assert!(
        behind.summary.contains("minted just now"),
        "{}",
        behind.summary
    );
    assert!(
        !not_behind.summary.contains("minted just now"),
        "{}",
        not_behind.summary
    );
    let supports = |diagnosis: &Diagnosis, step: &str| {
        let mut lines = diagnosis.evidence.iter().filter(|line| line.step == step);
        lines.any(|line| !line.supports.is_empty())
    };
    let of =
        |diagnosis| ["fresh_token", "divisions_permitted"].map(|step| supports(diagnosis, step));
    assert_eq!(of(&behind), [true, false]);
    assert_eq!(of(&not_behind), [false, true]);
    // What nothing is known about is supported by nothing.
    let (_, _, unknown) = told(shows(3, before), vec![fresh(200, None)]);
    assert_eq!(of(&unknown), [false, false]);
}

#[test]
fn as_many_as_expected_are_compared_with_what_was() {
    let mut enough = shows(8, Some((12, ["a"].as_slice())));
    enough.expect.min_queues = 8;
    let said = summary(enough, vec![permitted(VIEW, &["a"])]);
    assert!(said.contains("there were 12"), "{said}");
}

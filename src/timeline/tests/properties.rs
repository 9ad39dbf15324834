//! What holds whatever is observed.

use proptest::prelude::*;

use super::*;

fn any_standing() -> impl Strategy<Value = Standing> {
    let divisions = prop::sample::subsequence(vec!["Home", "Sales", "Support"], 0..=3);
    let queues = prop::option::of(0..3_u64);
    (1..4_u64, divisions, any::<bool>(), queues).prop_map(|(token, names, seen, queues)| Standing {
        queues,
        ..if seen {
            standing(token, &names)
        } else {
            unseen(token)
        }
    })
}

fn any_diagnosis() -> impl Strategy<Value = Diagnosis> {
    let outcomes = Outcome::ALL.iter().filter(|it| **it != Outcome::Forbidden);
    let mut findings: Vec<Finding> = outcomes.copied().map(Finding::Other).collect();
    findings.extend(Cause::ALL.iter().copied().map(Finding::Forbidden));
    findings.extend([OK; 20]);
    let finding = prop::sample::select(findings);
    let sure = any::<bool>();
    (0..100_000_i64, finding, any_standing(), sure, any::<bool>()).prop_map(
        |(second, finding, standing, sure, provisional)| Diagnosis {
            provisional,
            confidence: if sure {
                Confidence::Proven
            } else {
                Confidence::Possible
            },
            ..found(second, finding, standing)
        },
    )
}

proptest! {
    /// Whatever is observed, in whatever order of the wall clock: episodes stand in order, do not
    /// overlap, only the last can be open, what is closed stays closed, and all caps hold.
    #[test]
    fn episodes_stay_in_order(diagnoses in prop::collection::vec(any_diagnosis(), 0..200)) {
        let mut timeline = Timeline::with_room_for(4);
        let mut good: Option<Arc<Standing>> = None;
        let mut closed: Vec<(u64, Timestamp)> = Vec::new();
        for diagnosis in &diagnoses {
            timeline.observe(diagnosis, good.as_ref());
            if diagnosis.finding == OK {
                good = Some(Arc::new(diagnosis.standing.clone()));
            }
            let all: Vec<_> = timeline.episodes.iter().collect();
            prop_assert!(all.len() <= 4);
            for pair in all.windows(2) {
                prop_assert!(pair[0].id < pair[1].id);
                let ended = pair[0].ended.as_ref().map(|ended| ended.at);
                prop_assert!(ended.is_some_and(|ended| ended <= pair[1].began));
            }
            for episode in &all {
                prop_assert!(episode.changes.len() <= MOST_CHANGES);
                prop_assert!(episode.turns().is_sorted_by_key(|turn| turn.at));
                prop_assert!(episode.began <= episode.latest_at());
                let end = episode.ended.as_ref().map(|ended| ended.at);
                if let Some((_, before)) = closed.iter().find(|(id, _)| *id == episode.id) {
                    prop_assert_eq!(end, Some(*before));
                } else if let Some(end) = end {
                    closed.push((episode.id, end));
                }
            }
            let works = diagnosis.finding == OK;
            let limited = diagnosis.finding.outcome().class() == Some(Class::Throttled);
            prop_assert!(limited || works != timeline.is_open());
        }
    }

    #[test]
    fn changes_are_capped(count in 0..400_i64) {
        let mut timeline = Timeline::new(1);
        for number in 0..count {
            let finding = if number % 2 == 0 { MISSING } else { STALE };
            timeline.observe(&found(number, finding, unseen(1)), None);
        }
        let kept = timeline.latest().map_or(0, |one| one.changes.len());
        let dropped = timeline.latest().map_or(0, |one| one.changes_dropped);
        prop_assert!(kept <= MOST_CHANGES);
        let all = u64::try_from(kept).unwrap() + dropped;
        prop_assert_eq!(all, u64::try_from((count - 1).max(0)).unwrap());
    }

    /// Nothing differs from itself, and what one side lost the other side gained.
    #[test]
    fn differences_have_two_sides(one in any_standing(), two in any_standing()) {
        prop_assert_eq!(difference(&one, &one), []);
        let there = difference(&one, &two);
        let back = difference(&two, &one);
        prop_assert_eq!(there.len(), back.len());
        let gains = |found: &[Difference]| found.iter().filter(|it| it.is_gain()).count();
        let losses = |found: &[Difference]| {
            found.iter().filter(|it| it.slug().ends_with("_lost")).count()
        };
        prop_assert_eq!(gains(&there), losses(&back));
    }
}

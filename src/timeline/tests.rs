mod properties;

use super::*;
use crate::diagnosis::{Cause, Confidence, Missing, Queues, Remedy};
use crate::evidence::{Identity, Named, Permitted, RoleIn, TokenAge};
use crate::target::{IdentityKind, Name, Operation};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_452_800 + second).unwrap()
}

fn named(name: &str) -> Named {
    Named {
        id: format!("id-{name}"),
        name: Some(name.to_owned()),
    }
}

fn role(division: &str) -> RoleIn {
    RoleIn {
        role: named("Queue Reader"),
        division: named(division),
    }
}

fn held(divisions: &[&str]) -> Permitted {
    Permitted {
        permission: "routing:queue:view".to_owned(),
        all: false,
        total: u64::try_from(divisions.len()).unwrap(),
        divisions: divisions.iter().map(|name| named(name)).collect(),
    }
}

/// Token `generation`, and rights in these divisions.
fn standing(generation: u64, divisions: &[&str]) -> Standing {
    Standing {
        token: Some(TokenAge {
            generation,
            age: Some(Duration::from_mins(1)),
        }),
        queues: None,
        organization: Some(named("Org")),
        roles: Some(divisions.iter().map(|name| role(name)).collect()),
        divisions: Some(held(divisions)),
        scopes: None,
        at: at(0),
    }
}

/// The same, with rights that were not looked at.
fn unseen(generation: u64) -> Standing {
    Standing {
        roles: None,
        divisions: None,
        organization: None,
        ..standing(generation, &[])
    }
}

const OK: Finding = Finding::Other(Outcome::Ok);
const MISSING: Finding = Finding::Forbidden(Cause::MissingPermission);
const STALE: Finding = Finding::Forbidden(Cause::StaleToken);
const DOWN: Finding = Finding::Other(Outcome::UpstreamError);
const LIMITED: Finding = Finding::Other(Outcome::RateLimited);

fn found(second: i64, finding: Finding, standing: Standing) -> Diagnosis {
    let at = at(second);
    Diagnosis {
        target: Name::new("prod-eu").unwrap(),
        operation: Operation::queues(),
        finding,
        confidence: Confidence::Likely,
        provisional: false,
        summary: format!("It is {}.", finding.cause().unwrap_or("ok")),
        answer: None,
        missing: Missing::default(),
        identity: Identity {
            kind: IdentityKind::Machine,
            grant: "client_credentials",
            client_id: None,
        },
        owner: None,
        token: None,
        standing: Standing { at, ..standing },
        clock_skew: None,
        early_warning: None,
        queues: Queues::default(),
        remedy: Remedy::default(),
        ruled_out: Vec::new(),
        undetermined: Vec::new(),
        evidence: Vec::new(),
        examined_at: at,
    }
}

fn proven(diagnosis: Diagnosis) -> Diagnosis {
    Diagnosis {
        confidence: Confidence::Proven,
        ..diagnosis
    }
}

/// The timeline after these diagnoses; what came before the first failure is the good standing.
fn after(diagnoses: &[Diagnosis]) -> Timeline {
    let mut timeline = Timeline::new(1);
    let mut good: Option<Arc<Standing>> = None;
    for diagnosis in diagnoses {
        timeline.observe(diagnosis, good.as_ref());
        if diagnosis.finding == OK {
            good = Some(Arc::new(diagnosis.standing.clone()));
        }
    }
    timeline
}

fn only(timeline: &Timeline) -> &Episode {
    assert_eq!(timeline.episodes().count(), 1);
    timeline.latest().unwrap()
}

fn says(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(Difference::says).collect()
}

#[test]
fn a_role_that_was_taken_and_granted_again_is_named_with_its_division() {
    let timeline = after(&[
        found(0, OK, standing(1, &["Home", "Sales"])),
        found(30, MISSING, standing(1, &["Home"])),
        found(60, MISSING, standing(1, &["Home"])),
        found(90, OK, standing(1, &["Home", "Sales"])),
    ]);
    let episode = only(&timeline);
    assert_eq!((episode.began, episode.changes.len()), (at(30), 0));
    assert_eq!(
        says(&episode.changed),
        [
            "the role Queue Reader in the division Sales is no longer granted",
            "routing:queue:view is no longer held in the division Sales",
        ]
    );
    let recovery = episode.ended.as_ref().unwrap();
    assert_eq!(
        (recovery.at, recovery.by),
        (at(90), RecoveredBy::RightsChanged)
    );
    assert_eq!(
        recovery.because,
        "The role Queue Reader in the division Sales is granted; routing:queue:view is held in \
         the division Sales."
    );
}

#[test]
fn what_recovered_access_is_told_apart() {
    let good = || found(0, OK, standing(1, &["Home"]));
    let by = |diagnoses: &[Diagnosis]| {
        let timeline = after(&[&[good()], diagnoses].concat());
        only(&timeline).ended.as_ref().unwrap().by
    };
    let home = |generation| standing(generation, &["Home"]);
    let outage = |finding| by(&[found(30, finding, unseen(1)), found(60, OK, unseen(1))]);
    assert_eq!(outage(DOWN), RecoveredBy::UpstreamBack);
    assert_eq!(
        outage(Finding::Other(Outcome::Dns)),
        RecoveredBy::UpstreamBack
    );
    let edge = Finding::Forbidden(Cause::EdgeBlock);
    assert_eq!(outage(edge), RecoveredBy::UpstreamBack);
    assert_eq!(
        outage(Finding::Other(Outcome::NotFound)),
        RecoveredBy::Unknown
    );
    // A fresh token is accepted, and the roles were there all the time.
    let stale = by(&[found(30, STALE, home(1)), found(60, OK, home(2))]);
    assert_eq!(stale, RecoveredBy::NewToken);
    // Nothing differs but the time.
    let waiting = by(&[found(30, MISSING, home(1)), found(60, OK, home(1))]);
    assert_eq!(waiting, RecoveredBy::Time);
    // Granted while it still failed: what ended it came later.
    let late = by(&[
        found(30, MISSING, standing(1, &[])),
        found(60, STALE, home(1)),
        found(90, OK, home(2)),
    ]);
    assert_eq!(late, RecoveredBy::NewToken);
    let policy = Finding::Forbidden(Cause::PolicyDenied);
    let policy = by(&[found(30, policy, home(1)), found(60, OK, home(1))]);
    assert_eq!(policy, RecoveredBy::Unknown);
    let rejected = Finding::Other(Outcome::TokenRejected);
    let rejected = by(&[found(30, rejected, unseen(1)), found(60, OK, unseen(2))]);
    assert_eq!(rejected, RecoveredBy::NewToken);
    // An outage in between changes nothing of what was refused.
    let mixed = by(&[
        found(30, MISSING, standing(1, &[])),
        found(60, DOWN, unseen(1)),
        found(90, DOWN, unseen(1)),
        found(120, OK, home(1)),
    ]);
    assert_eq!(mixed, RecoveredBy::RightsChanged);
}

#[test]
fn queues_that_are_back_are_no_queues_that_nobody_misses() {
    let seeing = |second, finding, queues| {
        let standing = Standing {
            queues: Some(queues),
            ..standing(1, &["Home"])
        };
        found(second, finding, standing)
    };
    let less = Finding::Other(Outcome::QueuesMissing);
    for (count, by) in [(12, RecoveredBy::QueuesBack), (8, RecoveredBy::Accepted)] {
        let timeline = after(&[
            seeing(0, OK, 12),
            seeing(30, less, 8),
            seeing(60, OK, count),
        ]);
        let episode = only(&timeline);
        assert_eq!(says(&episode.changed), ["12 were visible, then 8"]);
        assert_eq!(episode.ended.as_ref().unwrap().by, by);
    }
}

#[test]
fn what_is_learned_later_is_added() {
    let mut timeline = after(&[
        found(0, OK, standing(1, &["Home"])),
        found(30, MISSING, unseen(1)),
        proven(found(330, MISSING, standing(1, &[]))),
        found(360, OK, unseen(1)),
    ]);
    let episode = only(&timeline);
    assert_eq!(episode.changed.len(), 2, "{:?}", episode.changed);
    assert_eq!(episode.changes.len(), 1, "it is surer now");
    let recovery = episode.ended.as_ref().unwrap();
    assert_eq!(recovery.by, RecoveredBy::Unknown);
    assert!(recovery.because.contains("not known"), "{recovery:?}");
    let recorded = timeline.observe(&found(400, OK, standing(1, &["Home"])), None);
    let recovery = recorded.episode.unwrap().ended.clone().unwrap();
    assert_eq!(
        (recovery.at, recovery.by),
        (at(360), RecoveredBy::RightsChanged)
    );
    let recorded = timeline.observe(&found(430, OK, standing(2, &[])), None);
    assert_eq!(recorded, Recorded::default());
}

#[test]
fn what_is_learned_too_late_is_not() {
    let mut timeline = after(&[found(0, MISSING, unseen(1)), found(30, OK, unseen(1))]);
    let day = found(86_400, OK, standing(1, &["Home"]));
    assert_eq!(timeline.observe(&day, None), Recorded::default());
    let soon = found(60, OK, standing(1, &["Home"]));
    assert_eq!(timeline.observe(&soon, None), Recorded::default());
}

#[test]
fn every_change_of_cause_is_kept_and_no_repetition() {
    let home = || standing(1, &["Home"]);
    let timeline = after(&[
        found(0, MISSING, home()),
        found(30, MISSING, home()),
        proven(found(60, MISSING, home())),
        found(90, MISSING, home()),
        found(120, STALE, home()),
        found(150, STALE, home()),
    ]);
    let turns: Vec<_> = only(&timeline)
        .turns()
        .map(|turn| (turn.at, turn.finding, turn.confidence))
        .collect();
    assert_eq!(
        turns,
        [
            (at(0), MISSING, Confidence::Likely),
            (at(60), MISSING, Confidence::Proven),
            (at(120), STALE, Confidence::Likely),
        ]
    );
}

#[test]
fn one_failure_of_the_platform_between_refusals_is_a_blip_and_two_are_not() {
    let home = || standing(1, &["Home"]);
    let blip = [
        found(0, MISSING, home()),
        found(30, DOWN, home()),
        found(60, MISSING, home()),
        found(90, DOWN, home()),
        found(120, MISSING, home()),
    ];
    assert_eq!(only(&after(&blip)).changes, []);
    let lasting = [
        found(0, MISSING, home()),
        found(30, DOWN, home()),
        found(60, DOWN, home()),
        found(90, MISSING, home()),
    ];
    let timeline = after(&lasting);
    let changes = only(&timeline)
        .changes
        .iter()
        .map(|turn| (turn.at, turn.finding));
    assert_eq!(
        changes.collect::<Vec<_>>(),
        [(at(30), DOWN), (at(90), MISSING)]
    );
}

#[test]
fn a_rate_limit_says_nothing_about_access() {
    let timeline = after(&[
        found(0, OK, standing(1, &[])),
        found(30, LIMITED, unseen(1)),
    ]);
    assert_eq!(timeline.episodes().count(), 0);
    let timeline = after(&[found(0, MISSING, unseen(1)), found(30, LIMITED, unseen(1))]);
    let episode = only(&timeline);
    assert_eq!((episode.changes.len(), &episode.ended), (0, &None));
}

#[test]
fn many_timelines_share_the_room_that_there_is() {
    for (count, each) in [
        (0, 50),
        (1, 50),
        (80, 50),
        (200, 20),
        (1_333, 3),
        (10_000, 3),
    ] {
        assert_eq!(Timeline::new(count).most, each, "of {count}");
    }
}

#[test]
fn outages_do_not_push_out_refusals() {
    let mut timeline = Timeline::with_room_for(4);
    let mut dropped = Vec::new();
    for number in 0..20 {
        let finding = if number == 0 { MISSING } else { DOWN };
        let second = number * 60;
        for diagnosis in [
            found(second, finding, unseen(1)),
            found(second + 30, OK, unseen(1)),
        ] {
            dropped.extend(timeline.observe(&diagnosis, None).dropped);
        }
    }
    let ids: Vec<u64> = timeline.episodes().map(|episode| episode.id).collect();
    assert_eq!(ids, [20, 19, 18, 1]);
    assert_eq!(dropped.len(), 16);
    assert_eq!(timeline.dropped(), 16);
}

#[test]
fn those_that_come_later_get_their_share_of_the_room() {
    let mut timeline = Timeline::with_room_for(4);
    for number in 0..4 {
        let second = number * 60;
        for (second, finding) in [(second, MISSING), (second + 30, OK)] {
            let recorded = timeline.observe(&found(second, finding, unseen(1)), None);
            assert!(recorded.dropped.is_empty());
        }
    }
    let crowded = Timeline::with_room_for(2);
    assert_eq!(timeline.make_room_like(&crowded), [1, 2]);
    assert!(
        timeline
            .make_room_like(&Timeline::with_room_for(3))
            .is_empty()
    );
    let ids: Vec<u64> = timeline.episodes().map(|episode| episode.id).collect();
    assert_eq!(ids, [4, 3]);
}

#[test]
fn an_episode_goes_on_after_a_restart() {
    let before = after(&[
        found(0, OK, standing(1, &["Home"])),
        found(30, MISSING, standing(1, &[])),
    ]);
    let saved: Vec<Episode> = before.episodes().map(|one| Episode::clone(one)).collect();
    let recalled = || {
        let mut timeline = Timeline::new(1);
        assert!(timeline.recall(saved.clone()).is_empty());
        timeline
    };
    // It fails on: the same episode.
    let mut timeline = recalled();
    timeline.observe(&found(90, MISSING, standing(1, &[])), None);
    timeline.observe(&found(120, OK, standing(1, &["Home"])), None);
    let episode = only(&timeline);
    assert!(episode.restarted && episode.id == 1, "{episode:?}");
    let ended = episode.ended.as_ref().unwrap();
    assert_eq!(ended.by, RecoveredBy::RightsChanged);
    // It works at once: either the rights tell why, or it is not known.
    let mut timeline = recalled();
    timeline.observe(&found(120, OK, standing(1, &["Home"])), None);
    let by = |timeline: &Timeline| only(timeline).ended.as_ref().unwrap().by;
    assert_eq!(by(&timeline), RecoveredBy::RightsChanged);
    let mut timeline = recalled();
    timeline.observe(&found(120, OK, unseen(1)), None);
    assert_eq!(by(&timeline), RecoveredBy::Restart);
}

#[test]
fn what_cannot_be_true_is_not_recalled() {
    let open = after(&[found(0, MISSING, unseen(1))]);
    let open = Episode::clone(only(&open));
    let second = Episode {
        id: 2,
        ..open.clone()
    };
    let mut timeline = Timeline::new(1);
    assert_eq!(timeline.recall(vec![second.clone(), open, second]), [1]);
    assert_eq!(only(&timeline).id, 2);
    assert!(timeline.recall(Vec::new()).is_empty());
    assert_eq!(timeline.latest(), None);
}

#[test]
fn long_lists_are_cut_and_then_not_compared() {
    let names: Vec<String> = (0..300).map(|number| format!("d{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let timeline = after(&[
        found(0, OK, standing(1, &names)),
        found(30, MISSING, standing(1, &names[..299])),
    ]);
    let episode = only(&timeline);
    assert_eq!(episode.changed.len(), 2, "compared before they are cut");
    let kept = episode.first_bad.roles.as_ref().unwrap();
    assert_eq!(kept.len(), MOST_LISTED);
    let mut recalled = Timeline::new(1);
    assert!(recalled.recall(vec![episode.clone()]).is_empty());
    recalled.observe(&found(60, OK, standing(1, &names)), None);
    let ended = only(&recalled).ended.as_ref().unwrap();
    let roles = |one: &Difference| matches!(one, Difference::RoleGained(_));
    assert!(!ended.changed.iter().any(roles), "{:?}", ended.changed);
}

#[test]
fn divisions_of_one_role_are_told_together() {
    let all: Vec<String> = (1..=9).map(|number| format!("d{number}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let words = |names: &[&str]| in_words(&difference(&standing(1, names), &standing(2, &[])));
    assert_eq!(
        words(&["Home", "Sales"]),
        "The role Queue Reader in the divisions Home, Sales is no longer granted; \
         routing:queue:view is no longer held in the divisions Home, Sales; the token is another \
         one (1 then 2)."
    );
    assert!(words(&all).contains("in the divisions d1, d2, d3, d4, d5, d6 and 3 more is no"));
    assert_eq!(in_words(&[]), "");
}

#[test]
fn a_division_is_lost_only_where_the_list_is_whole() {
    let listed = |total, all, names: &[&str]| Standing {
        divisions: Some(Permitted {
            all,
            total,
            ..held(names)
        }),
        roles: None,
        ..standing(1, &[])
    };
    let whole = listed(2, false, &["Home", "Sales"]);
    let told = |after: &Standing| says(&difference(&whole, after));
    assert_eq!(
        told(&listed(1, false, &["Home"])),
        ["routing:queue:view is no longer held in the division Sales"]
    );
    assert_eq!(told(&listed(7, false, &["Home"])), [""; 0]);
    assert_eq!(
        told(&listed(2, true, &["Home"])),
        ["routing:queue:view is held in all divisions"]
    );
}

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::record::{read_episode, read_good, write_episode, write_good};
use super::*;
use crate::diagnosis::{Cause, Confidence, Finding, Outcome};
use crate::evidence::{Named, Permitted, RoleIn, TokenAge};
use crate::timeline::{Counts, Difference, Held, RecoveredBy, Recovery, Turn};

fn at(second: i64) -> Timestamp {
    Timestamp::from_millisecond(1_772_452_800_000 + second * 1000 + 7).unwrap()
}

fn named(name: &str) -> Named {
    Named {
        id: format!("id-{name}"),
        name: Some(name.to_owned()),
    }
}

fn role() -> RoleIn {
    RoleIn {
        role: named("Reader"),
        division: Named {
            id: "*".to_owned(),
            name: None,
        },
    }
}

fn standing() -> Standing {
    Standing {
        at: at(0),
        token: Some(TokenAge {
            generation: 3,
            age: Some(Duration::from_millis(1234)),
        }),
        queues: Some(12),
        organization: Some(named("Org")),
        roles: Some(vec![role()]),
        divisions: Some(Permitted {
            permission: "routing:queue:view".to_owned(),
            all: false,
            total: 2,
            divisions: vec![named("Home"), named("Sälés \u{1f980}")],
        }),
        scopes: Some(vec!["routing:readonly".to_owned()]),
    }
}

fn every_difference() -> Vec<Difference> {
    let held = || Held {
        permission: "routing:queue:view".to_owned(),
        division: named("Home"),
    };
    let scope = || "routing".to_owned();
    let counts = Counts { from: 1, to: 2 };
    vec![
        Difference::RoleLost(role()),
        Difference::RoleGained(role()),
        Difference::PermissionLost(held()),
        Difference::PermissionGained(held()),
        Difference::ScopeLost(scope()),
        Difference::ScopeGained(scope()),
        Difference::TokenReplaced(counts),
        Difference::Queues(counts),
        Difference::Organization {
            from: named("Here"),
            to: named("There"),
        },
    ]
}

fn turn(finding: Finding) -> Turn {
    Turn {
        at: at(1),
        finding,
        confidence: Confidence::Proven,
        because: "It is so.".to_owned(),
    }
}

fn episode(id: u64) -> Episode {
    let outcomes = Outcome::ALL.iter().filter(|it| **it != Outcome::Forbidden);
    let findings = outcomes.copied().map(Finding::Other);
    let causes = Cause::ALL.iter().copied().map(Finding::Forbidden);
    Episode {
        id,
        target: Name::new("prod-eu").unwrap(),
        operation: Operation::queues(),
        began: at(0),
        last_good: Some(Arc::new(standing())),
        first_bad: Arc::new(Standing::default()),
        changed: every_difference(),
        first: turn(Finding::Other(Outcome::Timeout)),
        changes: findings.chain(causes).map(turn).collect(),
        changes_dropped: 4,
        restarted: true,
        ended: Some(Recovery {
            at: at(9),
            standing: Arc::new(standing()),
            changed: every_difference(),
            by: RecoveredBy::NewToken,
            because: "A new token.".to_owned(),
        }),
    }
}

const KEY: (&str, &str, u64) = ("prod-eu", "GET /api/v2/routing/queues", 7);

#[test]
fn what_is_written_is_read() {
    let written = write_episode(&episode(7)).unwrap();
    assert_eq!(read_episode(KEY, &written).unwrap(), Some(episode(7)));
    let written = write_good(&standing()).unwrap();
    assert_eq!(read_good(&written).unwrap(), Some(standing()));
    for by in RecoveredBy::ALL {
        let mut one = episode(7);
        one.ended.as_mut().unwrap().by = *by;
        let written = write_episode(&one).unwrap();
        assert_eq!(read_episode(KEY, &written).unwrap(), Some(one));
    }
}

/// The layout on disk is read by later versions: whoever changes it changes the version.
#[test]
fn the_layout_on_disk_is_pinned() {
    let mut one = episode(7);
    one.changes.truncate(1);
    let written = String::from_utf8(write_episode(&one).unwrap()).unwrap();
    insta::assert_snapshot!(written.replace(",\"", ",\n\""));
}

#[test]
fn unknown_words_are_skipped_and_what_is_no_record_is_an_error() {
    let written = String::from_utf8(write_episode(&episode(7)).unwrap()).unwrap();
    for (word, other) in [
        ("\"version\":1", "\"version\":2"),
        ("\"found\":\"timeout\"", "\"found\":\"novelty\""),
        ("\"by\":\"new_token\"", "\"by\":\"magic\""),
        ("\"confidence\":\"proven\"", "\"confidence\":\"sure\""),
    ] {
        assert!(written.contains(word), "{word}");
        let odd = written.replace(word, other);
        assert_eq!(read_episode(KEY, odd.as_bytes()).unwrap(), None, "{other}");
    }
    assert_eq!(
        read_episode(("prod-eu", "GET /nothing", 7), written.as_bytes()).unwrap(),
        None
    );
    for wrong in ["", "{}", "[]", "\u{0}"] {
        assert!(read_episode(KEY, wrong.as_bytes()).is_err(), "{wrong}");
        assert!(read_good(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

fn target() -> Name {
    Name::new("prod-eu").unwrap()
}

/// Runs the keeper until what the store was told is written.
async fn end(store: Store, keeper: Keeper) {
    drop(store);
    keeper.run(|written| assert!(written)).await;
}

#[tokio::test]
async fn the_latest_value_of_each_record_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (store, keeper, recalled) = open(directory.path(), at(0)).unwrap();
    assert!(recalled.of.is_empty());
    for id in 1..4 {
        store.keep(&Arc::new(episode(id)));
    }
    let open_again = Episode {
        ended: None,
        ..episode(2)
    };
    store.keep(&Arc::new(open_again.clone()));
    store.forget(&target(), Operation::queues(), 1);
    let good = Arc::new(standing());
    store.good(&target(), Operation::queues(), good, false);
    end(store, keeper).await;
    let (store, keeper, mut recalled) = open(directory.path(), at(0)).unwrap();
    let past = recalled.take(&target(), Operation::queues());
    assert_eq!(past.episodes, [open_again, episode(3)]);
    assert_eq!(past.good, Some(standing()));
    assert!(recalled.of.is_empty());
    end(store, keeper).await;
}

#[tokio::test]
async fn of_targets_that_are_no_longer_configured_not_everything_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (store, keeper, _) = open(directory.path(), at(0)).unwrap();
    let most = u64::try_from(MOST_STRANGERS).unwrap();
    for id in 1..=most + 3 {
        let mut one = episode(id);
        one.changes.clear();
        one.began = at(i64::try_from(id).unwrap());
        store.keep(&Arc::new(one));
    }
    end(store, keeper).await;
    let (store, keeper, recalled) = open(directory.path(), at(0)).unwrap();
    store.forget_strangers(&recalled);
    end(store, keeper).await;
    let (store, keeper, mut recalled) = open(directory.path(), at(0)).unwrap();
    let left = recalled.take(&target(), Operation::queues()).episodes;
    assert_eq!(left.len(), MOST_STRANGERS);
    assert_eq!(left[0].id, 4);
    end(store, keeper).await;
}

/// A disk that fails costs nothing but what a restart would show.
#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_is_written_later() {
    let directory = tempfile::tempdir().unwrap();
    let (store, mut keeper, _) = open(directory.path(), at(0)).unwrap();
    let elsewhere = directory.path().join("later");
    // A directory that is missing would be made.
    std::fs::write(&elsewhere, "in the way").unwrap();
    keeper.lose_the_disk(elsewhere.join(FILE));
    let counts = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
    let counted = Arc::clone(&counts);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(keeper.run(move |written| {
        counted[usize::from(written)].fetch_add(1, Ordering::Relaxed);
    }));
    let count = |written: bool| counts[usize::from(written)].load(Ordering::Relaxed);
    store.keep(&Arc::new(episode(1)));
    while count(false) < 2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        store.keep(&Arc::new(episode(2)));
    }
    assert_eq!(count(true), 0);
    std::fs::remove_file(&elsewhere).unwrap();
    while count(true) == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(count(false), 2, "news do not make it try more often");
    drop(store);
    tasks.join_next().await.unwrap().unwrap();
    let (store, keeper, mut recalled) = open(&elsewhere, at(0)).unwrap();
    let ids = recalled.take(&target(), Operation::queues()).episodes;
    assert_eq!(ids.iter().map(|one| one.id).collect::<Vec<_>>(), [1, 2]);
    end(store, keeper).await;
}

/// Whoever writes to a file that was removed is told that all is well, and loses it at the end.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_file_that_is_removed_or_replaced_is_begun_anew_with_all_that_was_in_it() {
    type Loss = fn(&Path);
    let losses: &[Loss] = &[
        |state| std::fs::remove_file(state.join(FILE)).unwrap(),
        |state| std::fs::remove_dir_all(state).unwrap(),
        |state| {
            std::fs::rename(state, state.with_file_name("before")).unwrap();
            std::fs::create_dir(state).unwrap();
        },
        |state| {
            std::fs::rename(state.join(FILE), state.join("before")).unwrap();
            std::fs::write(state.join(FILE), "").unwrap();
        },
    ];
    for (number, lose) in losses.iter().enumerate() {
        let outer = tempfile::tempdir().unwrap();
        let state = outer.path().join("state");
        let (store, keeper, _) = open(&state, at(0)).unwrap();
        let counts = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let counted = Arc::clone(&counts);
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(keeper.run(move |written| {
            counted[usize::from(written)].fetch_add(1, Ordering::Relaxed);
        }));
        let count = |written: bool| counts[usize::from(written)].load(Ordering::Relaxed);
        store.keep(&Arc::new(episode(1)));
        let good = Arc::new(standing());
        store.good(&target(), Operation::queues(), good, true);
        while count(true) == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let before = count(true);
        lose(&state);
        // Once it is noticed because there is something to write, and once although there is not.
        if number % 2 == 0 {
            store.keep(&Arc::new(episode(2)));
        }
        for _ in 0..90 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!((count(false), count(true)), (1, before + 1), "{number}");
        store.keep(&Arc::new(episode(2)));
        drop(store);
        tasks.join_next().await.unwrap().unwrap();
        assert_eq!((count(false), count(true)), (1, before + 2), "{number}");
        let (store, keeper, mut recalled) = open(&state, at(0)).unwrap();
        let past = recalled.take(&target(), Operation::queues());
        assert_eq!(past.episodes, [episode(1), episode(2)], "{number}");
        assert_eq!(past.good, Some(standing()), "{number}");
        end(store, keeper).await;
    }
}

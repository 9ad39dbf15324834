use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::diagnosis::{Cause, Outcome};

const OK: Finding = Finding::Other(Outcome::Ok);
const OUTAGE: Finding = Finding::Other(Outcome::UpstreamError);
const FORBIDDEN: Finding = Finding::Forbidden(Cause::MissingPermission);
const MISSING: Finding = Finding::Other(Outcome::QueuesMissing);
const LIMITED: Finding = Finding::Other(Outcome::RateLimited);

fn thresholds() -> Thresholds {
    Thresholds {
        policy: HealthPolicy {
            forbidden: Level::Fail,
            unauthorized: Level::Fail,
            misconfigured: Level::Fail,
            visibility: Level::Warn,
            outage: Level::Fail,
            throttled: Level::Warn,
            stale: Level::Warn,
        },
        fall: 3,
        rise: 2,
        stale_after: stale_after(Duration::from_secs(30), Duration::from_secs(10)),
    }
}

fn seen(finding: Finding) -> Seen {
    Seen {
        finding,
        provisional: false,
        ending: false,
    }
}

fn at(seconds: u64) -> Moment {
    Moment {
        elapsed: Duration::from_secs(seconds),
        wall: Timestamp::UNIX_EPOCH,
    }
}

/// The verdicts after each finding, one every 30 s.
fn verdicts(findings: &[Finding], thresholds: &Thresholds) -> Vec<(Status, State)> {
    let mut health = Health::default();
    findings
        .iter()
        .zip((0..).step_by(30))
        .map(|(finding, seconds)| {
            health = health.observe(seen(*finding), at(seconds), thresholds);
            let verdict = health.verdict(at(seconds), thresholds);
            (verdict.status, verdict.state)
        })
        .collect()
}

#[test]
fn nothing_is_known_before_the_first_result() {
    let verdict = Health::default().verdict(at(0), &thresholds());
    assert_eq!(
        (verdict.status, verdict.state),
        (Status::Unknown, State::Starting)
    );
}

#[test]
fn the_first_success_counts_at_once() {
    assert_eq!(
        verdicts(&[OK], &thresholds()),
        [(Status::Pass, State::Healthy)]
    );
}

#[test]
fn a_refusal_counts_at_once_and_recovery_needs_two() {
    assert_eq!(
        verdicts(&[OK, FORBIDDEN, OK, OK], &thresholds()),
        [
            (Status::Pass, State::Healthy),
            (Status::Fail, State::Unhealthy),
            (Status::Fail, State::Recovering),
            (Status::Pass, State::Healthy),
        ]
    );
}

#[test]
fn an_outage_warns_first_and_counts_after_three() {
    assert_eq!(
        verdicts(&[OK, OUTAGE, OUTAGE, OUTAGE, OUTAGE], &thresholds()),
        [
            (Status::Pass, State::Healthy),
            (Status::Warn, State::Degrading),
            (Status::Warn, State::Degrading),
            (Status::Fail, State::Unhealthy),
            (Status::Fail, State::Unhealthy),
        ]
    );
}

#[test]
fn an_outage_from_the_start_stays_unknown_until_it_counts() {
    assert_eq!(
        verdicts(&[OUTAGE, OUTAGE, OUTAGE], &thresholds()),
        [
            (Status::Unknown, State::Starting),
            (Status::Unknown, State::Starting),
            (Status::Fail, State::Unhealthy),
        ]
    );
}

#[test]
fn an_outage_does_not_end_a_refusal() {
    let mut lenient = thresholds();
    lenient.policy.outage = Level::Warn;
    let seen = verdicts(
        &[OK, FORBIDDEN, OUTAGE, OUTAGE, OUTAGE, OUTAGE, OK, OK],
        &lenient,
    );
    let statuses: Vec<_> = seen.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses.first(), Some(&Status::Pass));
    assert_eq!(statuses[1..7], [Status::Fail; 6]);
    assert_eq!(statuses.last(), Some(&Status::Pass));
}

#[test]
fn a_provisional_finding_counts_like_a_transient_one() {
    let thresholds = thresholds();
    let provisional = Seen {
        provisional: true,
        ..seen(Finding::Other(Outcome::TokenRejected))
    };
    let mut health = Health::default().observe(seen(OK), at(0), &thresholds);
    for (seconds, status) in [(30, Status::Warn), (60, Status::Warn), (90, Status::Fail)] {
        health = health.observe(provisional, at(seconds), &thresholds);
        assert_eq!(health.verdict(at(seconds), &thresholds).status, status);
    }
}

#[test]
fn access_that_is_about_to_end_is_a_warning_at_most() {
    let ending = Seen {
        ending: true,
        ..seen(OK)
    };
    let verdict = |forbidden| {
        let mut thresholds = thresholds();
        thresholds.policy.forbidden = forbidden;
        let health = Health::default().observe(ending, at(0), &thresholds);
        let over = health.observe(seen(OK), at(30), &thresholds);
        assert_eq!(over.verdict(at(30), &thresholds).status, Status::Pass);
        health.verdict(at(0), &thresholds).status
    };
    assert_eq!(verdict(Level::Fail), Status::Warn);
    assert_eq!(verdict(Level::Warn), Status::Warn);
    assert_eq!(verdict(Level::Pass), Status::Pass);
}

#[test]
fn a_token_that_cannot_be_renewed_is_a_warning_at_most_and_hides_nothing() {
    let mut thresholds = thresholds();
    let healthy = verdict(Status::Pass, State::Healthy);
    let expiring = |of: Verdict, why, thresholds: &Thresholds| of.expiring(why, thresholds);
    for why in [Outcome::ClientRejected, Outcome::TokenEndpointDown] {
        let warned = verdict(Status::Warn, State::Expiring);
        assert_eq!(expiring(healthy, why, &thresholds), warned);
    }
    thresholds.policy.unauthorized = Level::Pass;
    let silent = verdict(Status::Pass, State::Expiring);
    assert_eq!(
        expiring(healthy, Outcome::ClientRejected, &thresholds),
        silent
    );
    thresholds.policy.throttled = Level::Pass;
    assert_eq!(
        expiring(healthy, Outcome::AuthRateLimited, &thresholds),
        silent
    );
    let thresholds = self::thresholds();
    for more in [
        verdict(Status::Fail, State::Unhealthy),
        verdict(Status::Warn, State::Recovering),
        verdict(Status::Warn, State::Stale),
        verdict(Status::Warn, State::Doubted),
        verdict(Status::Unknown, State::Starting),
    ] {
        assert_eq!(expiring(more, Outcome::ClientRejected, &thresholds), more);
    }
    // What nobody else is to hear of hides nothing.
    for state in [State::Degrading, State::Recovering, State::Unhealthy] {
        let quiet = verdict(Status::Pass, state);
        let warned = verdict(Status::Warn, State::Expiring);
        assert_eq!(
            expiring(quiet, Outcome::ClientRejected, &thresholds),
            warned
        );
    }
}

/// How often the status changes, and what it is in the end, where results come in turns.
fn in_turns(first: &[Finding], turns: [Finding; 2]) -> (usize, Status) {
    let turns = turns.into_iter().cycle().take(40);
    let findings: Vec<_> = first.iter().copied().chain(turns).collect();
    let statuses: Vec<_> = verdicts(&findings, &thresholds())
        .into_iter()
        .map(|(status, _)| status)
        .skip(first.len().saturating_sub(1))
        .collect();
    let changes = statuses.windows(2).filter(|pair| pair[0] != pair[1]);
    (changes.count(), *statuses.last().unwrap())
}

#[test]
fn alternating_results_do_not_flap() {
    assert_eq!(in_turns(&[OK], [OUTAGE, OK]), (1, Status::Warn));
    assert_eq!(in_turns(&[FORBIDDEN], [OK, OUTAGE]), (0, Status::Fail));
    assert_eq!(in_turns(&[FORBIDDEN], [OK, FORBIDDEN]), (0, Status::Fail));
    assert_eq!(in_turns(&[OUTAGE; 3], [OK, OUTAGE]), (0, Status::Fail));
    assert_eq!(in_turns(&[], [OUTAGE, OK]), (2, Status::Warn));
    assert_eq!(in_turns(&[OK], [LIMITED, OK]), (1, Status::Warn));
    let mut unconcerned = thresholds();
    unconcerned.policy.visibility = Level::Pass;
    let turns: Vec<_> = [OK, OUTAGE, MISSING, OUTAGE, MISSING, MISSING].into();
    let seen = verdicts(&turns, &unconcerned);
    let statuses: Vec<_> = seen.into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses[1..5], [Status::Warn; 4]);
    assert_eq!(statuses[5], Status::Pass);
}

#[test]
fn more_successes_that_are_asked_for_count_from_the_next_failure() {
    let mut thresholds = thresholds();
    let mut health = Health::default();
    for (seconds, finding) in [(0, OK), (30, OUTAGE), (60, OK), (90, OK)] {
        health = health.observe(seen(finding), at(seconds), &thresholds);
    }
    thresholds.rise = 5;
    let verdict = health.verdict(at(90), &thresholds);
    assert_eq!(
        (verdict.status, verdict.state),
        (Status::Pass, State::Healthy)
    );
}

#[test]
fn a_warning_ends_like_a_failure_after_enough_successes() {
    assert_eq!(
        verdicts(&[OK, OUTAGE, OK, OK, OK], &thresholds()),
        [
            (Status::Pass, State::Healthy),
            (Status::Warn, State::Degrading),
            (Status::Warn, State::Recovering),
            (Status::Pass, State::Healthy),
            (Status::Pass, State::Healthy),
        ]
    );
    let mut silent = thresholds();
    silent.policy.outage = Level::Pass;
    let seen = verdicts(&[OK, OUTAGE, OK, LIMITED, FORBIDDEN, OK], &silent);
    let statuses: Vec<_> = seen.into_iter().map(|(status, _)| status).collect();
    let expected = [Status::Pass, Status::Pass, Status::Pass, Status::Warn];
    assert_eq!(statuses[..4], expected);
    assert_eq!(statuses[4..], [Status::Fail; 2]);
}

#[test]
fn a_rate_limit_keeps_the_verdict_and_says_so() {
    assert_eq!(
        verdicts(&[OK, LIMITED, OK, OK], &thresholds()),
        [
            (Status::Pass, State::Healthy),
            (Status::Warn, State::Healthy),
            (Status::Warn, State::Healthy),
            (Status::Pass, State::Healthy),
        ]
    );
    assert_eq!(
        verdicts(&[FORBIDDEN, LIMITED], &thresholds())[1],
        (Status::Fail, State::Unhealthy)
    );
}

#[test]
fn an_old_result_is_neither_green_nor_red() {
    let thresholds = thresholds();
    let health = Health::default().observe(seen(OK), at(0), &thresholds);
    assert_eq!(health.verdict(at(100), &thresholds).state, State::Healthy);
    let stale = health.verdict(at(101), &thresholds);
    assert_eq!((stale.status, stale.state), (Status::Warn, State::Stale));
}

#[test]
fn a_rate_limit_does_not_refresh_an_old_result() {
    let thresholds = thresholds();
    let health = Health::default()
        .observe(seen(OK), at(0), &thresholds)
        .observe(seen(LIMITED), at(90), &thresholds);
    assert_eq!(health.verdict(at(120), &thresholds).state, State::Stale);
}

#[test]
fn a_class_that_passes_never_warns() {
    let mut lenient = thresholds();
    lenient.policy.outage = Level::Pass;
    let seen = verdicts(&[OK, OUTAGE, OUTAGE, OUTAGE], &lenient);
    assert!(
        seen.iter().all(|(status, _)| *status == Status::Pass),
        "{seen:?}"
    );
}

#[test]
fn the_worst_verdict_speaks_for_all() {
    let pass = verdict(Status::Pass, State::Healthy);
    let fail = verdict(Status::Fail, State::Unhealthy);
    assert_eq!(worst([pass, fail, pass]), fail);
    assert_eq!(worst([]).status, Status::Unknown);
}

fn any_finding() -> impl Strategy<Value = Finding> {
    prop_oneof![
        proptest::sample::select(Cause::ALL).prop_map(Finding::Forbidden),
        proptest::sample::select(Outcome::ALL)
            .prop_filter("a 403 carries a cause", |outcome| *outcome
                != Outcome::Forbidden)
            .prop_map(Finding::Other),
    ]
}

proptest! {
    #[test]
    fn a_definitive_finding_always_decides(findings in proptest::collection::vec(any_finding(), 0..20)) {
        let mut all = findings;
        all.push(FORBIDDEN);
        prop_assert_eq!(
            verdicts(&all, &thresholds()).pop(),
            Some((Status::Fail, State::Unhealthy))
        );
    }

    #[test]
    fn enough_successes_always_heal(findings in proptest::collection::vec(any_finding(), 0..20)) {
        let mut all = findings;
        all.extend([OK, OK]);
        prop_assert_eq!(
            verdicts(&all, &thresholds()).pop(),
            Some((Status::Pass, State::Healthy))
        );
    }
}

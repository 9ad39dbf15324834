//! Simulated days and weeks of token life, with what goes wrong in bad ones.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use why403::diagnosis::Outcome;
use why403::health::Status;
use why403::sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Org, Request, Route, Scripted};

use crate::harness::*;

/// Time between two probes of the bad week.
const INTERVAL: Duration = Duration::from_mins(5);

const fn hours(n: u64) -> Duration {
    Duration::from_hours(n)
}

const fn minutes(n: u64) -> Duration {
    Duration::from_mins(n)
}

fn unavailable() -> Scripted {
    Scripted::text(503, "text/plain", "Service Unavailable")
}

/// Waits until this long after the start.
async fn at(service: &Service, time: Duration) {
    assert!(service.elapsed() <= time, "the schedule is in order");
    service.clock.sleep_until(time).await;
}

/// From when a verdict and an outcome held.
type Turn = (Duration, Status, Outcome);

/// From when a verdict and an outcome must be seen, how much later at most, and which.
type Expected = (Duration, Duration, Status, Outcome);

/// Everything that a reader of the snapshots sees, written down at every change.
struct Diary {
    turns: Arc<Mutex<Vec<Turn>>>,
    _writer: JoinSet<()>,
}

impl Diary {
    fn of(service: &Service) -> Self {
        let turns = Arc::new(Mutex::new(Vec::<Turn>::new()));
        let (pages, clock) = (Arc::clone(&turns), service.clock.clone());
        let mut snapshots = service.monitor.subscribe();
        let mut writer = JoinSet::new();
        writer.spawn(async move {
            while snapshots.changed().await.is_ok() {
                let snapshot = Arc::clone(&snapshots.borrow_and_update());
                if !snapshot.first_round_is_over() {
                    continue;
                }
                let now = clock.now();
                let turn = (snapshot.verdict(now).status, outcome(&snapshot));
                let mut pages = pages.lock().unwrap();
                if pages.last().map(|(_, status, seen)| (*status, *seen)) != Some(turn) {
                    pages.push((now.elapsed, turn.0, turn.1));
                }
            }
        });
        Self {
            turns,
            _writer: writer,
        }
    }

    /// Compares what was seen with what must be seen, each no later than said.
    fn assert_is(&self, expected: &[Expected]) {
        let turns = self.turns.lock().unwrap().clone();
        let seen: Vec<_> = turns.iter().map(|it| (it.1, it.2)).collect();
        let wanted: Vec<_> = expected.iter().map(|it| (it.2, it.3)).collect();
        assert_eq!(seen, wanted, "{turns:#?}");
        for (seen, (from, within, ..)) in turns.iter().zip(expected) {
            let late = seen.0.checked_sub(*from);
            assert!(
                late.is_some_and(|late| late <= *within),
                "{seen:?} is not within {within:?} after {from:?}"
            );
        }
    }
}

fn probes(platform: &Platform) -> Vec<Request> {
    let requests = platform.simulator.requests().into_iter();
    requests.filter(|it| it.route == Route::Queues).collect()
}

#[tokio::test(start_paused = true)]
async fn a_quiet_week_costs_one_token_a_day_and_never_drifts() {
    let platform = Platform::start().await;
    let service = platform.watched("[probe]\ninterval = \"15m\"\njitter = 0.0\n");
    let diary = Diary::of(&service);
    service.first_round().await;
    let mut slots = Vec::new();
    while slots.len() < 7 * 24 * 4 {
        let snapshot = service.next_probe().await;
        slots.push(snapshot.targets[0].last_probe().unwrap().elapsed);
    }
    for (n, slot) in (0_u32..).zip(&slots) {
        assert_eq!(*slot, slots[0] + minutes(15) * n, "slot {n} drifted");
    }
    // Tokens of 24 h, each renewed 16 to 20 minutes before its end: the first and seven more.
    assert_eq!(platform.mints(), 8);
    for probe in probes(&platform) {
        assert_eq!(probe.status, Some(200), "{probe:?}");
    }
    diary.assert_is(&[(Duration::ZERO, Duration::ZERO, Status::Pass, Outcome::Ok)]);
    let counted = service.metrics(&["token_refreshes_total"]).await;
    let total: f64 = counted.values().sum();
    assert!((total - 8.0).abs() < f64::EPSILON, "{counted:?}");
}

#[tokio::test(start_paused = true)]
async fn a_bad_week_is_told_as_it_was() {
    let platform = Platform::start().await;
    let simulator = &platform.simulator;
    let service = platform.watched("[probe]\ninterval = \"5m\"\njitter = 0.0\n");
    let diary = Diary::of(&service);
    service.first_round().await;

    // Day 1: the token endpoint is down for three hours, and nobody needs it.
    at(&service, hours(6)).await;
    platform.always(Route::Token, unavailable());
    at(&service, hours(9)).await;
    platform.mend(Route::Token);
    assert_eq!(platform.mints(), 1, "nothing to renew yet");

    // Day 1 to 2: it is down from before the renewal until two hours after the token's end.
    at(&service, hours(23)).await;
    platform.always(Route::Token, unavailable());
    at(&service, hours(26)).await;
    platform.mend(Route::Token);
    // 140 minutes of retries, at most a minute apart, and never closer than half of that
    // after the first few.
    let retries = platform.mints() - 1;
    assert!((130..=300).contains(&retries), "{retries}");

    // Day 3: somebody revokes all tokens, in the middle of the day; one 401, one new token.
    at(&service, hours(60)).await;
    let before = platform.mints();
    simulator.with(Org::revoke_tokens);
    at(&service, hours(61)).await;
    assert_eq!(platform.mints(), before + 1);

    // Day 4: for three hours the API rejects every token.
    at(&service, hours(80)).await;
    let before = platform.mints();
    platform.always(
        Route::Queues,
        Scripted::error(401, "bad.credentials", "Invalid login credentials."),
    );
    at(&service, hours(83)).await;
    platform.mend(Route::Queues);
    // At once, then after 5, 25 and every 30 minutes: minting cures nothing here.
    assert_eq!(platform.mints(), before + 7);

    // Day 5: the secret is rotated and the tokens are revoked; somebody notices an hour later.
    at(&service, hours(100)).await;
    let before = platform.mints();
    simulator.with(|org| {
        org.rotate_secret(DEMO_CLIENT_ID, "another");
        org.revoke_tokens();
    });
    at(&service, hours(101)).await;
    simulator.with(|org| org.rotate_secret(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET));
    let refused = platform.mints() - before;
    assert!((11..=32).contains(&refused), "{refused}");

    // Day 6: the wall clock is set ahead by two days and back again.
    at(&service, hours(125)).await;
    let before = platform.mints();
    service.clock.skew_wall(2 * 86_400);
    at(&service, hours(126)).await;
    assert_eq!(platform.mints(), before + 1, "expired by the wall clock");
    service.clock.skew_wall(-2 * 86_400);
    at(&service, hours(127)).await;
    assert_eq!(platform.mints(), before + 1, "set back, it expires nothing");

    // Day 7: the platform has an outage of its own for an hour.
    at(&service, hours(150)).await;
    platform.always(Route::Queues, unavailable());
    at(&service, hours(151)).await;
    platform.mend(Route::Queues);
    at(&service, hours(7 * 24)).await;

    let (ok, pass, warn, fail) = (Outcome::Ok, Status::Pass, Status::Warn, Status::Fail);
    let next = INTERVAL;
    let start = Duration::ZERO;
    diary.assert_is(&[
        (start, start, pass, ok),
        // Renewing begins 20 to 16 minutes before the end, and soon has failed three times.
        (hours(23) + minutes(40), minutes(5), warn, ok),
        // The token's last 30 s are not used.
        (
            seconds(24 * 3_600 - 30),
            next,
            warn,
            Outcome::TokenEndpointDown,
        ),
        (hours(26), next, warn, ok),
        // Two good probes in a row turn bad into good; after one it is `recovering`.
        (hours(26) + next, next, pass, ok),
        (hours(80), next, fail, Outcome::TokenRejected),
        (hours(83), next, fail, ok),
        (hours(83) + next, next, pass, ok),
        // The new token is refused before the probe that needs it ends.
        (hours(100), next, warn, ok),
        (hours(100), next, warn, Outcome::TokenRejected),
        (hours(100) + next, next, fail, Outcome::ClientRejected),
        // The pause after a refusal is five minutes at most.
        (hours(101), next + minutes(5), fail, ok),
        (hours(101) + next, next + minutes(5), pass, ok),
        (hours(150), next, warn, Outcome::UpstreamError),
        (hours(151), next, warn, ok),
        (hours(151) + next, next, pass, ok),
    ]);
    assert_tokens(&platform);
    assert!(platform.mints() < 400, "{}", platform.mints());
}

/// Every probe carried a token that the platform had issued, and none was expired: it told them
/// from rejected ones by another code, but both are 401s, so those are counted.
fn assert_tokens(platform: &Platform) {
    let probes = probes(platform);
    assert!(probes.iter().all(|probe| probe.token.is_some()));
    let rejected = probes.iter().filter(|probe| probe.status == Some(401));
    // Day 3: one. Day 4: 36 probes, and a repetition for each new token. Day 5: one.
    assert_eq!(rejected.count(), 1 + 36 + 7 + 1);
}

/// As NTP does it, by a second every 2,000: 500 parts per million, the most that Linux slews.
#[tokio::test(start_paused = true)]
async fn a_slewed_clock_changes_nothing() {
    let mut costs = Vec::new();
    for second in [0, 1, -1] {
        let platform = Platform::start().await;
        let service = platform.watched("[probe]\ninterval = \"15m\"\njitter = 0.0\n");
        let diary = Diary::of(&service);
        service.first_round().await;
        while service.elapsed() < hours(72) {
            pass(seconds(2_000)).await;
            service.clock.skew_wall(second);
        }
        for probe in probes(&platform) {
            assert_eq!(probe.status, Some(200), "{second}: {probe:?}");
        }
        diary.assert_is(&[(Duration::ZERO, Duration::ZERO, Status::Pass, Outcome::Ok)]);
        costs.push((platform.mints(), platform.probes()));
    }
    assert_eq!(costs, [costs[0]; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_day_of_the_shortest_tokens() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| org.set_expires_in(300));
    let service = platform.watched("[probe]\ninterval = \"1m\"\njitter = 0.0\n");
    let diary = Diary::of(&service);
    service.first_round().await;
    at(&service, hours(12)).await;
    // Ten minutes without the token endpoint: the first are bridged.
    platform.always(Route::Token, unavailable());
    at(&service, hours(12) + minutes(10)).await;
    platform.mend(Route::Token);
    at(&service, hours(24)).await;
    // 300 s, renewed after 150 to 180 s.
    let mints = platform.mints();
    assert!((480..=600).contains(&mints), "{mints}");
    for probe in probes(&platform) {
        assert_eq!(probe.status, Some(200), "{probe:?}");
        assert!(probe.token.is_some());
    }
    let turns = diary.turns.lock().unwrap().clone();
    let seen: Vec<_> = turns
        .iter()
        .map(|(_, status, what)| (*status, *what))
        .collect();
    let down = Outcome::TokenEndpointDown;
    assert_eq!(
        seen,
        [
            (Status::Pass, Outcome::Ok),
            (Status::Warn, Outcome::Ok),
            (Status::Warn, down),
            (Status::Warn, Outcome::Ok),
            (Status::Pass, Outcome::Ok),
        ]
    );
    let (warned, lost, found) = (turns[1].0, turns[2].0, turns[3].0);
    let early = lost.saturating_sub(warned);
    assert!(early >= seconds(60), "warned so long before: {early:?}");
    assert!(lost >= hours(12) + seconds(90), "bridged: {lost:?}");
    assert!(found <= hours(12) + minutes(12), "found again: {found:?}");
}

//! The token of one credential, against a token endpoint that does what other people's did.
//!
//! The tests `k1_…` to `k18_…` are named after the bugs that other clients had in this place.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use why403::diagnosis::{Outcome, mint_outcome};
use why403::health::Status;
use why403::sim::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, GrantType, Route, Scripted};
use why403::token::{NotRenewed, Token};

use crate::harness::*;

const DAY: Duration = Duration::from_hours(24);
const MINUTE: Duration = Duration::from_mins(1);

/// A success of the token endpoint, with a token that the platform does not know.
fn granted(expires_in: &Value) -> Scripted {
    let body = json!({"access_token": "made-up", "token_type": "bearer", "expires_in": expires_in});
    Scripted::json(200, &body)
}

fn unavailable() -> Scripted {
    Scripted::text(503, "text/plain", "Service Unavailable")
}

fn refused(status: u16, error: &str) -> Scripted {
    Scripted::json(status, &json!({"error": error, "error_description": "no"}))
}

fn with_retry_after(status: u16, value: &str) -> Scripted {
    Scripted::Respond {
        status,
        headers: vec![("retry-after".to_owned(), value.to_owned())],
        body: Vec::new(),
    }
}

fn html() -> Scripted {
    Scripted::text(200, "text/html", "<!DOCTYPE html><title>Welcome</title>")
}

fn torn() -> Scripted {
    Scripted::Truncate {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: b"{\"access_token\":\"ha".to_vec(),
        missing: 100,
    }
}

/// Every way in which an attempt fails without anybody being able to do something about it.
fn transient_failures() -> Vec<(&'static str, Scripted)> {
    vec![
        ("500", Scripted::text(500, "text/plain", "")),
        ("502", Scripted::text(502, "text/html", "<html>")),
        ("503", unavailable()),
        ("504", Scripted::text(504, "text/plain", "")),
        ("torn", torn()),
        ("closed", Scripted::Close),
        ("reset", Scripted::Reset),
        ("hanging", Scripted::Hang),
        (
            "dripping",
            Scripted::Endless {
                status: 200,
                every: seconds(1),
            },
        ),
        ("empty", Scripted::text(200, "application/json", "")),
        ("a page", html()),
        ("no object", Scripted::text(200, "application/json", "[]")),
        ("no token", Scripted::json(200, &json!({"expires_in": 60}))),
        ("expired on arrival", granted(&json!(0))),
        (
            "too large",
            Scripted::Flood {
                status: 200,
                bytes: 200_000,
            },
        ),
        (
            "another type",
            Scripted::json(200, &json!({"access_token": "x", "token_type": "mac"})),
        ),
        (
            "no header value",
            Scripted::json(200, &json!({"access_token": "a\r\nb: c"})),
        ),
        ("400 of a proxy", Scripted::text(400, "text/html", "<html>")),
        ("403 of an edge", Scripted::text(403, "text/html", "<html>")),
        ("404", Scripted::text(404, "text/plain", "")),
    ]
}

/// A task that holds its first token, valid for a day.
async fn minted(platform: &Platform) -> Mint {
    let mut mint = Mint::start(&platform.config(""));
    assert_eq!(mint.tried().await.result, Ok(()));
    mint
}

fn generation(result: Result<Arc<Token>, NotRenewed>) -> u64 {
    result.unwrap().facts.generation
}

#[tokio::test(start_paused = true)]
async fn k1_a_failure_never_replaces_a_usable_token() {
    for (name, step) in transient_failures()
        .into_iter()
        .chain([("refused", refused(401, "invalid_client"))])
    {
        let platform = Platform::start().await;
        let mint = minted(&platform).await;
        platform.always(Route::Token, step);
        let forced = mint.tokens.force().await;
        assert!(matches!(forced, Err(NotRenewed::Failed(_))), "{name}");
        let state = mint.tokens.state();
        assert_eq!(state.current.unwrap().facts.generation, 1, "{name}");
        assert!(state.last_failure.is_some(), "{name}");
        assert_eq!(mint.usable(), Some(1), "{name}");
        let token = mint.tokens.token().await.unwrap();
        assert_eq!(token.facts.generation, 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn k2_no_failure_ends_the_loop() {
    for (name, step) in transient_failures() {
        let platform = Platform::start().await;
        platform.always(Route::Token, step);
        let mut mint = Mint::start(&platform.config(""));
        for _ in 0..12 {
            assert!(mint.tried().await.result.is_err(), "{name}");
        }
        platform.mend(Route::Token);
        let mended = mint.elapsed();
        let healed = mint.tried().await;
        assert_eq!(healed.result, Ok(()), "{name}");
        let pause = healed.began.checked_sub(mended).unwrap();
        assert!(pause <= MINUTE, "{name}: {pause:?}");
        assert_eq!(mint.usable(), Some(1), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn k3_tokens_that_are_dead_on_arrival_make_no_hot_loop() {
    for expires_in in [json!(0), json!(-1), json!(5), json!("0"), json!(9.9)] {
        let platform = Platform::start().await;
        platform.always(Route::Token, granted(&expires_in));
        let mut mint = Mint::start(&platform.config(""));
        let tries = mint.tries_for(10 * MINUTE).await;
        let pauses = pauses(&tries);
        assert!(pauses.iter().all(|pause| *pause >= seconds(1)));
        assert!(pauses.windows(2).all(|two| two[0] <= two[1]), "{pauses:?}");
        // 1, 2, 4, 8, 16 s, then every 30 s.
        assert!(tries.len() <= 26, "{expires_in}: {}", tries.len());
        assert_eq!(platform.mints(), tries.len() as u64);
        assert_eq!(mint.usable(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn k3_the_floor_holds_against_everybody_who_asks() {
    let platform = Platform::start().await;
    platform.always(Route::Token, granted(&json!(10)));
    let mut mint = Mint::start(&platform.config(""));
    mint.tried().await;
    // Rejecting and forcing without end does not get more than one attempt per second either.
    let tokens = mint.tokens.clone();
    let mut noise = JoinSet::new();
    noise.spawn(async move {
        loop {
            drop(tokens.force().await);
            drop(tokens.replace(tokens.state().attempts).await);
            pass(Duration::from_millis(10)).await;
        }
    });
    let tries = mint.tries_for(MINUTE).await;
    assert!(pauses(&tries).iter().all(|pause| *pause >= seconds(1)));
    assert!(tries.len() <= 60, "{}", tries.len());
}

#[tokio::test(start_paused = true)]
async fn k4_renewals_follow_the_lifetime_however_short() {
    // The window is half of a short life and 20 minutes of a long one.
    for (lifetime, within, most) in [
        (10, 60, 13),
        (60, 3_600, 121),
        (300, 3_600, 25),
        (1_020, 86_400, 170),
        (86_400, 7 * 86_400, 8),
    ] {
        let platform = Platform::start().await;
        platform.simulator.with(|org| org.set_expires_in(lifetime));
        let mut mint = Mint::start(&platform.config(""));
        let tries = mint.tries_for(seconds(within)).await;
        assert!(tries.iter().all(|tried| tried.result == Ok(())));
        assert!(tries.len() <= most, "{lifetime}: {}", tries.len());
        // At most one more or less than the number of renewals that fit.
        let window = Duration::from_secs(lifetime / 2).min(20 * MINUTE);
        let period = seconds(lifetime).checked_sub(window).unwrap();
        let fit = seconds(within).as_secs() / period.as_secs();
        assert!(tries.len() as u64 >= fit, "{lifetime}: {}", tries.len());
    }
}

// K4 also has a reload that leaks the old task: the configuration is read once, so that there is
// no reload to test. All tasks end with the service; `service.rs` has that.

#[tokio::test(start_paused = true)]
async fn k5_an_error_is_not_kept_for_ever() {
    let platform = Platform::start().await;
    platform.script(Route::Token, [unavailable()]);
    let mut mint = Mint::start(&platform.config(""));
    assert!(mint.tokens.token().await.is_err());
    let failed = mint.tried().await;
    assert_eq!(failed.result, Err(Outcome::TokenEndpointDown));
    let healed = mint.tried().await;
    assert!(healed.began.checked_sub(failed.ended).unwrap() <= seconds(2));
    assert_eq!(mint.tokens.token().await.unwrap().facts.generation, 1);
    assert!(mint.tokens.state().last_failure.is_none());
}

#[tokio::test(start_paused = true)]
async fn k6_jitter_moves_a_renewal_later_within_its_window_only() {
    for (random, minutes_left) in [
        ((|| 0.0) as fn() -> f64, 20.0),
        (|| 0.5, 18.0),
        (|| 1.0, 16.0),
        // A broken source of randomness is no reason to miss the expiry.
        (|| 1e9, 16.0),
        (|| -1e9, 20.0),
    ] {
        let platform = Platform::start().await;
        let mut mint = Mint::with_jitter(&platform.config(""), random);
        let first = mint.tried().await;
        let second = mint.tried().await;
        assert_eq!((first.result, second.result), (Ok(()), Ok(())));
        let left = (DAY + first.began).checked_sub(second.began).unwrap();
        assert_eq!(left, MINUTE.mul_f64(minutes_left));
    }
}

#[tokio::test(start_paused = true)]
async fn k7_targets_that_share_a_client_share_one_token() {
    let platform = Platform::start().await;
    let targets: String = (0..20)
        .map(|n| format!("[[targets]]\nname = \"t-{n}\"\n"))
        .collect();
    let service = platform.watched(&targets).await;
    service.first_round().await;
    pass(10 * MINUTE).await;
    let snapshot = service.monitor.snapshot();
    assert_eq!(snapshot.credentials.len(), 1);
    assert_eq!(snapshot.targets.len(), 20);
    assert_eq!(platform.mints(), 1);
    let requests = platform.simulator.requests();
    let serials: BTreeSet<_> = requests.iter().filter_map(|it| it.token).collect();
    assert_eq!(serials.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn k8_a_slow_credential_does_not_hold_up_another() {
    let platform = Platform::start().await;
    platform.script(Route::Token, [Scripted::Hang]);
    let mut slow = Mint::start(&platform.config(""));
    while platform.mints() == 0 {
        tokio::task::yield_now().await;
    }
    let mut other = Mint::start(&platform.config(""));
    let quick = other.tried().await;
    assert_eq!((quick.result, quick.ended), (Ok(()), quick.began));
    assert_eq!(slow.elapsed(), seconds(0));
    let cut = slow.tried().await;
    assert_eq!(cut.result, Err(Outcome::TokenEndpointDown));
    assert_eq!(cut.ended, seconds(10));
}

#[tokio::test(start_paused = true)]
async fn k9_only_the_background_task_asks_the_token_endpoint() {
    let platform = Platform::start().await;
    platform.always(Route::Token, unavailable());
    let mut mint = Mint::start(&platform.config(""));
    mint.tried().await;
    for _ in 0..1_000 {
        assert!(mint.tokens.token().await.is_err());
    }
    assert_eq!(platform.mints(), 1);
    // Readers in the renewal window do not ask either, though every renewal fails.
    platform.mend(Route::Token);
    assert_eq!(mint.tried().await.result, Ok(()));
    let minted = platform.mints();
    platform.always(Route::Token, unavailable());
    pass(DAY.checked_sub(15 * MINUTE).unwrap()).await;
    let by_schedule = platform.mints();
    assert!(by_schedule > minted);
    for _ in 0..1_000 {
        assert_eq!(mint.tokens.token().await.unwrap().facts.generation, 1);
    }
    assert_eq!(platform.mints(), by_schedule);
}

#[tokio::test(start_paused = true)]
async fn k10_an_expired_token_is_never_sent() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| org.set_expires_in(300));
    let service = platform.watched("[probe]\njitter = 0.0").await;
    service.first_round().await;
    pass(10 * MINUTE).await;
    platform.always(Route::Token, unavailable());
    let lost = |snapshot: &_| outcome(snapshot) == Outcome::TokenEndpointDown;
    service
        .until("no token is left", |snapshot| lost(snapshot))
        .await;
    let sent = platform.probes();
    pass(Duration::from_hours(2)).await;
    assert_eq!(platform.probes(), sent, "a probe without a token");
    assert_eq!(
        outcome(&service.monitor.snapshot()),
        Outcome::TokenEndpointDown
    );
    assert_eq!(service.verdict(), Status::Warn);
    platform.mend(Route::Token);
    let mended = service.elapsed();
    let well = |snapshot: &_| outcome(snapshot) == Outcome::Ok;
    service.until("recovery", |snapshot| well(snapshot)).await;
    // The next attempt within a minute, the next probe within half of one.
    assert!(service.elapsed().checked_sub(mended).unwrap() <= seconds(91));
    let requests = platform.simulator.requests();
    let probes = requests.iter().filter(|it| it.route == Route::Queues);
    for probe in probes {
        assert!(probe.token.is_some(), "{probe:?}");
        assert_eq!(probe.status, Some(200), "{probe:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn k11_a_success_without_a_token_is_retried_soon() {
    let platform = Platform::start().await;
    let nothing = Scripted::text(200, "application/json", "");
    let half = Scripted::text(200, "application/json", "{\"access_token\":");
    platform.script(Route::Token, [nothing, half, html(), torn()]);
    let mut mint = Mint::start(&platform.config(""));
    let tries = mint.tries_for(MINUTE).await;
    let results: Vec<_> = tries.iter().map(|tried| tried.result).collect();
    let unreadable = Err(Outcome::TokenUnreadable);
    let down = Err(Outcome::TokenEndpointDown);
    assert_eq!(results, [unreadable, unreadable, unreadable, down, Ok(())]);
    let pauses = pauses(&tries);
    assert_eq!(pauses, [1, 2, 4, 8].map(seconds));
}

#[tokio::test(start_paused = true)]
async fn k12_a_token_without_expiry_lives_five_minutes() {
    let platform = Platform::start().await;
    let endless = Scripted::json(200, &json!({"access_token": "made-up"}));
    platform.always(Route::Token, endless);
    let mut mint = Mint::start(&platform.config(""));
    let first = mint.tried().await;
    let token = mint.tokens.token().await.unwrap();
    let life = token.facts.expires_at.unwrap();
    let life = life.duration_since(token.facts.issued_at.wall);
    assert_eq!(life.as_secs(), 300);
    let second = mint.tried().await;
    assert_eq!(second.result, Ok(()));
    assert_eq!(second.began.checked_sub(first.began).unwrap(), seconds(150));
}

#[tokio::test(start_paused = true)]
async fn k12_absurd_lifetimes_are_not_believed() {
    let forms = [
        (json!("3600"), 3_600),
        (json!(3600.0), 3_600),
        (json!(1e30), 86_400),
        (json!(u64::MAX), 86_400),
    ];
    for (expires_in, lifetime) in forms {
        let platform = Platform::start().await;
        platform.always(Route::Token, granted(&expires_in));
        let mut mint = Mint::start(&platform.config(""));
        assert_eq!(mint.tried().await.result, Ok(()), "{expires_in}");
        let token = mint.tokens.token().await.unwrap();
        let life = token.facts.expires_at.unwrap();
        let life = life.duration_since(token.facts.issued_at.wall);
        assert_eq!(life.as_secs(), lifetime, "{expires_in}");
    }
}

#[tokio::test(start_paused = true)]
async fn k13_a_401_replaces_the_rejected_token_and_only_that() {
    let platform = Platform::start().await;
    let mint = minted(&platform).await;
    pass(MINUTE).await;
    assert_eq!(generation(mint.tokens.replace(1).await), 2);
    assert_eq!(platform.mints(), 2);
    // A late 401 to the old token says nothing about the new one.
    for _ in 0..100 {
        assert_eq!(generation(mint.tokens.replace(1).await), 2);
    }
    assert_eq!(platform.mints(), 2);
    assert_eq!(mint.usable(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn k13_at_most_one_rejection_a_minute_costs_a_token() {
    let platform = Platform::start().await;
    let mint = minted(&platform).await;
    let end = Duration::from_mins(30);
    while mint.elapsed() < end {
        let current = mint.usable().unwrap();
        drop(mint.tokens.replace(current).await);
        pass(seconds(5)).await;
    }
    assert_eq!(platform.mints(), 1 + 30);
    let current = mint.usable().unwrap();
    drop(mint.tokens.replace(current).await);
    let newest = mint.usable().unwrap();
    let again = mint.tokens.replace(newest).await;
    assert!(matches!(again, Err(NotRenewed::TooSoon(wait)) if wait <= MINUTE));
}

#[tokio::test(start_paused = true)]
async fn k13_rejections_do_not_bypass_the_backoff() {
    let platform = Platform::start().await;
    let mut mint = minted(&platform).await;
    platform.always(Route::Token, refused(401, "invalid_client"));
    let rejected = mint.tokens.replace(1).await;
    assert!(matches!(rejected, Err(NotRenewed::Failed(_))));
    mint.tried().await;
    assert_eq!(mint.usable(), None, "the rejected token is gone");
    let minted = platform.mints();
    for _ in 0..50 {
        drop(mint.tokens.replace(1).await);
        pass(seconds(1)).await;
    }
    assert_eq!(platform.mints(), minted);
}

#[tokio::test(start_paused = true)]
async fn k14_a_refresh_outlives_whoever_asked_for_it() {
    let platform = Platform::start().await;
    let mut mint = minted(&platform).await;
    pass(MINUTE).await;
    platform.script(Route::Token, [Scripted::DelayHonest(seconds(5))]);
    let asked = tokio::time::timeout(seconds(1), mint.tokens.force()).await;
    assert!(asked.is_err(), "gone before the answer");
    assert_eq!(platform.mints(), 2);
    assert_eq!(mint.tried().await.result, Ok(()));
    assert_eq!(mint.tokens.token().await.unwrap().facts.generation, 2);
    assert_eq!(platform.mints(), 2);
}

#[tokio::test(start_paused = true)]
async fn k14_the_same_for_the_first_token_and_after_a_401() {
    let platform = Platform::start().await;
    platform.script(Route::Token, [Scripted::DelayHonest(seconds(5))]);
    let mut mint = Mint::start(&platform.config(""));
    let asked = tokio::time::timeout(seconds(1), mint.tokens.token()).await;
    assert!(asked.is_err());
    assert_eq!(mint.tried().await.ended, seconds(5));
    platform.script(Route::Token, [Scripted::DelayHonest(seconds(5))]);
    let asked = tokio::time::timeout(seconds(1), mint.tokens.replace(1)).await;
    assert!(asked.is_err());
    mint.tried().await;
    assert_eq!(mint.usable(), Some(2));
    assert_eq!(platform.mints(), 2);
}

/// A thousand waiters at the same time; what each of them got.
async fn thousand<T: Send + 'static, F>(wait: impl Fn() -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let mut waiters = JoinSet::new();
    for _ in 0..1_000 {
        waiters.spawn(wait());
    }
    waiters.join_all().await
}

#[tokio::test(start_paused = true)]
async fn k15_a_thousand_waiters_share_one_success() {
    let platform = Platform::start().await;
    platform.script(Route::Token, [Scripted::DelayHonest(seconds(2))]);
    let mint = Mint::start(&platform.config(""));
    let tokens = mint.tokens.clone();
    let got = thousand(|| {
        let tokens = tokens.clone();
        async move { tokens.token().await.unwrap().facts.generation }
    })
    .await;
    assert_eq!(got, vec![1; 1_000]);
    assert_eq!(platform.mints(), 1);
    assert_eq!(mint.elapsed(), seconds(2));
}

#[tokio::test(start_paused = true)]
async fn k15_a_thousand_waiters_share_one_failure() {
    let platform = Platform::start().await;
    let slow_failure = Scripted::Delay(seconds(2), Box::new(unavailable()));
    platform.always(Route::Token, slow_failure);
    let mint = Mint::start(&platform.config(""));
    let tokens = mint.tokens.clone();
    let got = thousand(|| {
        let tokens = tokens.clone();
        async move { mint_outcome(&tokens.token().await.unwrap_err()) }
    })
    .await;
    assert_eq!(got, vec![Outcome::TokenEndpointDown; 1_000]);
    assert_eq!(platform.mints(), 1);
    assert_eq!(mint.elapsed(), seconds(2));
}

#[tokio::test(start_paused = true)]
async fn k15_a_thousand_rejections_share_one_attempt() {
    for (step, succeeds) in [(Scripted::Honest, true), (unavailable(), false)] {
        let platform = Platform::start().await;
        let mint = minted(&platform).await;
        platform.script(Route::Token, [Scripted::Delay(seconds(2), Box::new(step))]);
        let tokens = mint.tokens.clone();
        let got = thousand(|| {
            let tokens = tokens.clone();
            async move {
                match tokens.replace(1).await {
                    Ok(token) => token.facts.generation == 2,
                    Err(NotRenewed::Failed(_)) => false,
                    Err(other) => panic!("not shared: {other:?}"),
                }
            }
        })
        .await;
        assert_eq!(got, vec![succeeds; 1_000]);
        assert_eq!(platform.mints(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn k16_a_wall_clock_that_jumps_ahead_ends_the_token() {
    // The machine slept, or the clock was set: the monotonic clock knows of neither.
    let platform = Platform::start().await;
    let mut mint = minted(&platform).await;
    pass(MINUTE).await;
    mint.clock.skew_wall(25 * 3_600);
    assert_eq!(mint.usable(), None, "expired by the wall clock");
    let tries = mint.tries_for(10 * MINUTE).await;
    assert_eq!(tries.len(), 1, "renewed once, and no storm: {tries:?}");
    assert!(tries[0].began <= MINUTE + seconds(15));
    assert_eq!(mint.usable(), Some(2));
    // The new life is measured from the new time.
    let tries = mint.tries_for(Duration::from_hours(23)).await;
    assert_eq!(tries, []);
}

#[tokio::test(start_paused = true)]
async fn k16_a_wall_clock_set_back_does_not_prolong_a_token() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| org.set_expires_in(3_600));
    let mut mint = minted(&platform).await;
    mint.clock.skew_wall(-365 * 86_400);
    platform.always(Route::Token, unavailable());
    pass(seconds(3_600 - 31)).await;
    assert_eq!(mint.usable(), Some(1));
    pass(seconds(2)).await;
    assert_eq!(mint.usable(), None, "the monotonic clock ends it");
    platform.mend(Route::Token);
    while mint.tried().await.result.is_err() {}
    assert_eq!(mint.usable(), Some(2));
}

#[tokio::test(start_paused = true)]
async fn k16_a_clock_that_jumps_to_and_fro_makes_no_storm() {
    let platform = Platform::start().await;
    let mut mint = minted(&platform).await;
    for jump in [86_400, -86_400, 3_600, -3_600]
        .into_iter()
        .cycle()
        .take(40)
    {
        mint.clock.skew_wall(jump);
        pass(MINUTE).await;
    }
    let tries = mint.tries_for(seconds(0)).await;
    // Only the jumps of a day can end a token of a day.
    assert!((1..=10).contains(&tries.len()), "{}", tries.len());
    assert!(mint.usable().is_some());
}

#[tokio::test(start_paused = true)]
async fn k17_a_life_begins_when_the_request_is_sent() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| org.set_expires_in(300));
    platform.always(Route::Token, Scripted::DelayHonest(seconds(9)));
    let mut mint = Mint::start(&platform.config(""));
    let first = mint.tried().await;
    assert_eq!((first.began, first.ended), (seconds(0), seconds(9)));
    let token = mint.tokens.token().await.unwrap();
    assert_eq!(token.facts.issued_at.elapsed, seconds(0));
    let life = token.facts.expires_at.unwrap();
    let life = life.duration_since(token.facts.issued_at.wall);
    assert_eq!(life.as_secs(), 300);
    assert_eq!(mint.tried().await.began, seconds(150));
}

/// A platform whose client's secret is in a file.
async fn with_secret_file(directory: &std::path::Path) -> (Platform, std::path::PathBuf, Mint) {
    let platform = Platform::start().await;
    let path = directory.join("secret");
    write_secret(&path, DEMO_CLIENT_SECRET);
    let config = platform.config(&format!(
        "[[targets]]\nname = \"default\"\nclient_id = \"{DEMO_CLIENT_ID}\"\nclient_secret_file = \"{}\"",
        path.display()
    ));
    let mint = Mint::start(&config);
    (platform, path, mint)
}

#[tokio::test(start_paused = true)]
async fn k18_a_rotated_secret_is_used_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (platform, path, mut mint) = with_secret_file(directory.path()).await;
    assert_eq!(mint.tried().await.result, Ok(()));
    platform
        .simulator
        .with(|org| org.rotate_secret(DEMO_CLIENT_ID, "the-next-one"));
    write_secret(&path, "the-next-one");
    let rotated = mint.elapsed();
    let renewed = mint.tried().await;
    assert_eq!(renewed.result, Ok(()));
    assert!(renewed.began.checked_sub(rotated).unwrap() <= seconds(15));
    assert_eq!(mint.tries_for(Duration::from_hours(1)).await, []);
}

#[tokio::test(start_paused = true)]
async fn k18_a_rotated_secret_ends_the_pause_after_a_refusal() {
    let directory = tempfile::tempdir().unwrap();
    let (platform, path, mut mint) = with_secret_file(directory.path()).await;
    platform
        .simulator
        .with(|org| org.rotate_secret(DEMO_CLIENT_ID, "the-next-one"));
    for _ in 0..4 {
        assert_eq!(mint.tried().await.result, Err(Outcome::ClientRejected));
    }
    write_secret(&path, "the-next-one");
    let rotated = mint.elapsed();
    let renewed = mint.tried().await;
    assert_eq!(renewed.result, Ok(()));
    assert!(renewed.began.checked_sub(rotated).unwrap() <= seconds(15));
}

#[tokio::test(start_paused = true)]
async fn k18_a_secret_that_cannot_be_read_for_a_while_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (platform, path, mut mint) = with_secret_file(directory.path()).await;
    assert_eq!(mint.tried().await.result, Ok(()));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(mint.tries_for(MINUTE).await, []);
    write_secret(&path, "");
    assert_eq!(mint.tries_for(MINUTE).await, []);
    // A renewal meanwhile is made with the secret that was read before.
    pass(seconds(30)).await;
    assert_eq!(generation(mint.tokens.force().await), 2);
    write_secret(&path, DEMO_CLIENT_SECRET);
    let tries = mint.tries_for(MINUTE).await;
    assert_eq!(
        tries.len(),
        1,
        "the forced one, and none for an unchanged secret"
    );
    assert_eq!(platform.mints(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_forced_refreshes_are_one() {
    let platform = Platform::start().await;
    let mint = minted(&platform).await;
    platform.script(Route::Token, [Scripted::DelayHonest(seconds(1))]);
    let mut asking = JoinSet::new();
    for _ in 0..100 {
        let tokens = mint.tokens.clone();
        asking.spawn(async move { generation(tokens.force().await) });
    }
    assert_eq!(asking.join_all().await, vec![2; 100]);
    assert_eq!(platform.mints(), 2);
}

#[tokio::test(start_paused = true)]
async fn forced_refreshes_are_half_a_minute_apart() {
    let platform = Platform::start().await;
    let mint = minted(&platform).await;
    pass(MINUTE).await;
    assert_eq!(generation(mint.tokens.force().await), 2);
    let again = mint.tokens.force().await;
    assert!(matches!(again, Err(NotRenewed::TooSoon(wait)) if wait == seconds(30)));
    pass(seconds(29)).await;
    let again = mint.tokens.force().await;
    assert!(matches!(again, Err(NotRenewed::TooSoon(wait)) if wait == seconds(1)));
    pass(seconds(1)).await;
    assert_eq!(generation(mint.tokens.force().await), 3);
    assert_eq!(platform.mints(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_forced_refresh_ends_the_pause_after_a_refusal() {
    let platform = Platform::start().await;
    platform.always(Route::Token, refused(401, "invalid_client"));
    let mut mint = Mint::start(&platform.config(""));
    mint.tried().await;
    pass(seconds(5)).await;
    platform.mend(Route::Token);
    assert_eq!(generation(mint.tokens.force().await), 1);
    assert_eq!(mint.elapsed(), seconds(5));
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_within_limits() {
    let date = "Mon, 02 Mar 2026 12:05:00 GMT";
    let past = "Mon, 02 Mar 2026 11:00:00 GMT";
    let long_text = "x".repeat(10_000);
    for (status, value, least, most) in [
        (429, "120", 120, 121),
        (503, "120", 120, 121),
        (400, "120", 120, 121),
        (429, date, 299, 301),
        (429, "99999999", 3_600, 3_601),
        (429, "999999999999999999999999", 3_600, 3_601),
        // Nonsense, and what is shorter than our own pause, leaves it at that.
        (503, "0", 1, 2),
        (503, "-1", 1, 2),
        (503, past, 1, 2),
        (503, &long_text, 1, 2),
        (429, "-1", 15, 30),
    ] {
        let platform = Platform::start().await;
        platform.script(Route::Token, [with_retry_after(status, value)]);
        let mut mint = Mint::start(&platform.config(""));
        let first = mint.tried().await;
        let second = mint.tried().await;
        assert_eq!(second.result, Ok(()), "{status} {value:.30}");
        let pause = second.began.checked_sub(first.ended).unwrap();
        let allowed = seconds(least)..=seconds(most);
        assert!(allowed.contains(&pause), "{status} {value:.30}: {pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn transient_failures_are_retried_within_a_minute_for_ever() {
    for random in [(|| 0.0) as fn() -> f64, || 1.0] {
        let platform = Platform::start().await;
        platform.always(Route::Token, unavailable());
        let mut mint = Mint::with_jitter(&platform.config(""), random);
        let pauses = pauses(&mint.tries_for(Duration::from_hours(3)).await);
        assert!(
            pauses
                .iter()
                .all(|pause| *pause >= seconds(1) && *pause <= MINUTE)
        );
        assert!(pauses.windows(2).all(|two| two[0] <= two[1]), "it grows");
        assert!(pauses.len() >= 170, "{}", pauses.len());
        assert!(pauses.len() <= 370, "{}", pauses.len());
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_are_retried_slowly_for_ever() {
    for random in [(|| 0.0) as fn() -> f64, || 1.0] {
        for error in ["invalid_client", "unauthorized_client", "invalid_scope"] {
            let platform = Platform::start().await;
            platform.always(Route::Token, refused(400, error));
            let mut mint = Mint::with_jitter(&platform.config(""), random);
            let tries = mint.tries_for(DAY).await;
            let pauses = pauses(&tries);
            let limits = MINUTE..=5 * MINUTE;
            assert!(pauses.iter().all(|pause| limits.contains(pause)), "{error}");
            assert!(pauses.len() >= 24 * 12 - 1, "{error}: {}", pauses.len());
            platform.mend(Route::Token);
            assert_eq!(mint.tried().await.result, Ok(()), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_token_endpoint_says_has_an_outcome() {
    use Outcome as O;
    let limited =
        json!({"error": "invalid_request", "error_description": "rate limit exceeded; x"});
    let cases = [
        (refused(400, "invalid_client"), O::ClientRejected),
        (refused(401, "invalid_client"), O::ClientRejected),
        (refused(400, "unauthorized_client"), O::GrantRejected),
        (refused(400, "unsupported_grant_type"), O::GrantRejected),
        (Scripted::json(400, &limited), O::AuthRateLimited),
        (with_retry_after(429, "1"), O::AuthRateLimited),
        (html(), O::TokenUnreadable),
        (granted(&json!(0)), O::TokenUnreadable),
        (granted(&json!("soon")), O::TokenUnreadable),
        (unavailable(), O::TokenEndpointDown),
        (Scripted::Close, O::TokenEndpointDown),
        (Scripted::Reset, O::TokenEndpointDown),
        (Scripted::Hang, O::TokenEndpointDown),
        (torn(), O::TokenEndpointDown),
    ];
    for (step, expected) in cases {
        let platform = Platform::start().await;
        platform.always(Route::Token, step.clone());
        let mut mint = Mint::start(&platform.config(""));
        let tried = mint.tried().await;
        assert_eq!(tried.result, Err(expected), "{step:?}");
        assert!(tried.ended <= seconds(10), "{step:?}");
        let failure = mint.tokens.token().await.unwrap_err();
        assert_eq!(mint_outcome(&failure), expected, "{step:?}");
    }
    let platform = Platform::start().await;
    platform
        .simulator
        .with(|org| org.set_client_grant(DEMO_CLIENT_ID, GrantType::Code));
    let mut mint = Mint::start(&platform.config(""));
    assert_eq!(mint.tried().await.result, Err(O::GrantRejected));
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed_and_takes_no_secret_along() {
    let elsewhere = Platform::start().await;
    for status in [301, 302, 303, 307, 308] {
        let platform = Platform::start().await;
        let redirect = Scripted::Respond {
            status,
            headers: vec![(
                "location".to_owned(),
                format!("{}/oauth/token", elsewhere.url()),
            )],
            body: Vec::new(),
        };
        platform.always(Route::Token, redirect);
        let mut mint = Mint::start(&platform.config(""));
        assert_eq!(
            mint.tried().await.result,
            Err(Outcome::Redirected),
            "{status}"
        );
        assert_eq!(platform.mints(), 1);
    }
    assert_eq!(elsewhere.simulator.requests(), []);
}

#[tokio::test(start_paused = true)]
async fn a_given_token_is_neither_renewed_nor_replaced() {
    let platform = Platform::start().await;
    let mint = Mint::start(&platform.config(
        "[[targets]]\nname = \"default\"\ngrant = \"access_token\"\naccess_token_env = \"TOKEN\"",
    ));
    assert_eq!(mint.usable(), Some(1));
    assert!(matches!(mint.tokens.force().await, Err(NotRenewed::Given)));
    assert!(matches!(
        mint.tokens.replace(1).await,
        Err(NotRenewed::Given)
    ));
    pass(7 * DAY).await;
    assert_eq!(mint.usable(), Some(1));
    assert_eq!(platform.mints(), 0);
}

//! How long a token is sent.

use std::time::Duration;

use serde_json::json;
use why403::diagnosis::Outcome;
use why403::health::Status;
use why403::sim::{Route, Scripted};
use why403::token::NotRenewed;

use super::*;
use crate::harness::*;

#[tokio::test(start_paused = true)]
async fn k10_an_expired_token_is_never_sent() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| org.set_expires_in(300));
    let service = platform.watched("[probe]\njitter = 0.0");
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
async fn k12_a_token_without_expiry_lives_five_minutes() {
    let platform = Platform::start().await;
    let endless = Scripted::json(200, &json!({"access_token": "made-up"}));
    platform.always(Route::Token, endless);
    let mut mint = Mint::start(&platform.config(""));
    let first = mint.tried().await;
    let token = mint.tokens.token().await.unwrap();
    assert_eq!(token.facts.expires_at, None, "nobody said when");
    let second = mint.tried().await;
    assert_eq!(second.result, Ok(()));
    assert_eq!(second.began.checked_sub(first.began).unwrap(), seconds(150));
}

#[tokio::test(start_paused = true)]
async fn k12_absurd_lifetimes_are_not_believed() {
    let forms = [
        (json!("3600"), 3_600),
        (json!(3600.0), 3_600),
        (json!(1e30), 172_800),
        (json!(u64::MAX), 172_800),
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
        mint.tokens.accepted(current);
        drop(mint.tokens.replace(current).await);
        pass(seconds(5)).await;
    }
    assert_eq!(platform.mints(), 1 + 30);
    let current = mint.usable().unwrap();
    drop(mint.tokens.replace(current).await);
    let newest = mint.usable().unwrap();
    let again = mint.tokens.replace(newest).await;
    assert!(matches!(again, Err(NotRenewed::TooSoon(wait)) if wait <= 5 * MINUTE));
}

#[tokio::test(start_paused = true)]
async fn k13_tokens_that_are_never_accepted_are_replaced_ever_less_often() {
    let platform = Platform::start().await;
    let mint = minted(&platform).await;
    while mint.elapsed() < Duration::from_hours(3) {
        let current = mint.usable().unwrap();
        drop(mint.tokens.replace(current).await);
        pass(seconds(5)).await;
    }
    // At once, then after 5, 25, and every 30 minutes.
    assert_eq!(platform.mints(), 1 + 7);
    let current = mint.usable().unwrap();
    mint.tokens.accepted(current);
    drop(mint.tokens.replace(current).await);
    assert_eq!(
        mint.usable(),
        Some(current + 1),
        "one that worked is replaced at once"
    );
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

/// Nobody waits for the task to wake up: whoever needs a token wakes it.
#[tokio::test(start_paused = true)]
async fn k16_whoever_needs_a_token_after_a_jump_gets_one_at_once() {
    let platform = Platform::start().await;
    let mint = minted(&platform).await;
    // Not when it wakes up anyway.
    pass(seconds(65)).await;
    mint.clock.skew_wall(25 * 3_600);
    let token = mint.tokens.token().await.unwrap();
    assert_eq!((token.facts.generation, mint.elapsed()), (2, seconds(65)));
    assert_eq!(mint.tokens.token().await.unwrap().facts.generation, 2);
    assert_eq!(platform.mints(), 2);
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

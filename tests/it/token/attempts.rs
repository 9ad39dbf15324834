//! When the token endpoint is asked, and when again.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use why403::diagnosis::Outcome;
use why403::evidence::FaultKind;
use why403::sim::{Route, Scripted, Simulator};
use why403::token::NotRenewed;

use super::*;
use crate::harness::*;

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
        ("403 of an edge", Scripted::text(403, "text/html", "<html>")),
        ("404", Scripted::text(404, "text/plain", "")),
    ]
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

/// The same as for [`transient_failures`], which come from a server that is there.
#[tokio::test(start_paused = true)]
async fn refused_connections_end_no_loop_and_replace_no_usable_token() {
    // Bound, so that nobody else gets the port, but not listening yet.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let mut mint = Mint::start(&config_for(&url, ""));
    let tries = mint.tries_for(10 * MINUTE).await;
    let down = Err(Outcome::TokenEndpointDown);
    assert!(tries.iter().all(|tried| tried.result == down), "{tries:?}");
    let soon = tries.iter().filter(|tried| tried.began <= MINUTE).count();
    assert!((2..=15).contains(&soon), "{soon}");
    assert!(pauses(&tries).iter().all(|pause| *pause <= MINUTE));
    let failure = mint.tokens.state().last_failure.unwrap();
    let fault = failure.exchange.as_ref().unwrap().result.as_ref();
    assert_eq!(fault.unwrap_err().kind, FaultKind::Connect);

    let mut server = JoinSet::new();
    let listener = socket.listen(16).unwrap();
    server.spawn(Simulator::new().run(listener, std::future::pending()));
    let there = mint.elapsed();
    let healed = mint.tried().await;
    assert_eq!(healed.result, Ok(()));
    let pause = healed.began.checked_sub(there).unwrap();
    assert!(pause <= MINUTE, "{pause:?}");

    server.shutdown().await;
    let forced = mint.tokens.force().await;
    assert!(matches!(forced, Err(NotRenewed::Failed(_))), "{forced:?}");
    assert_eq!(mint.tried().await.result, down);
    assert_eq!(mint.usable(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_drips_is_cut_at_the_limit_of_the_whole_call() {
    let platform = Platform::start().await;
    let dripping = Scripted::Endless {
        status: 200,
        every: seconds(1),
    };
    platform.script(Route::Token, [dripping]);
    let mut mint = Mint::start(&platform.config(""));
    let cut = mint.tried().await;
    assert_eq!(cut.result, Err(Outcome::TokenEndpointDown));
    assert_eq!((cut.began, cut.ended), (seconds(0), seconds(10)));
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

// K4 also has a reload that leaks the old task: `service/reload.rs` counts the tasks.

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
async fn retry_after_is_obeyed_within_limits() {
    let date = "Mon, 02 Mar 2026 12:05:00 GMT";
    let past = "Mon, 02 Mar 2026 11:00:00 GMT";
    let long_text = "x".repeat(10_000);
    for (status, value, least, most) in [
        (429, "120", 120, 121),
        (503, "120", 120, 121),
        (429, date, 299, 301),
        (429, "99999999", 3_600, 3_601),
        (429, "999999999999999999999999", 3_600, 3_601),
        (503, "99999999", 300, 301),
        // Whoever limits no rate and is not overloaded may not ask.
        (200, "3600", 1, 2),
        (204, "3600", 1, 2),
        (400, "3600", 1, 2),
        (401, "3600", 60, 120),
        (403, "3600", 1, 2),
        (500, "3600", 1, 2),
        (502, "3600", 1, 2),
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

//! Who shares an attempt with whom.

use std::collections::BTreeSet;

use tokio::task::JoinSet;
use why403::diagnosis::{Outcome, mint_outcome};
use why403::sim::{DEMO_CLIENT_SECRET, Route, Scripted};
use why403::snapshot::Snapshot;
use why403::token::NotRenewed;

use super::*;
use crate::harness::*;

#[tokio::test(start_paused = true)]
async fn k7_targets_that_share_a_client_share_one_token() {
    let platform = Platform::start().await;
    let service = platform.watched(&fleet(20));
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
async fn many_clients_of_one_server_do_not_ask_it_all_at_once() {
    let platform = Platform::start().await;
    let mut toml = String::new();
    for n in 0..40 {
        let id = format!("client-{n}");
        platform
            .simulator
            .with(|org| org.add_client(&id, DEMO_CLIENT_SECRET));
        let target = format!("[[targets]]\nname = \"t-{n}\"\nclient_id = \"{id}\"\n");
        toml.push_str(&target);
        toml.push_str("client_secret_env = \"SECRET\"\n");
    }
    platform.always(Route::Token, Scripted::DelayHonest(seconds(5)));
    let service = platform.watched(&toml);
    while platform.mints() < 40 {
        let requests = platform.simulator.requests();
        let open = requests
            .iter()
            .filter(|it| it.route == Route::Token && it.status.is_none())
            .count();
        assert!(open <= 4, "{open}");
        pass(Duration::from_millis(500)).await;
    }
    // Ten rounds of four, and the first of them is spread over two seconds.
    assert!(service.elapsed() <= seconds(52), "{:?}", service.elapsed());
}

/// More servers than can be asked at once, with more clients than each of them is asked for.
#[tokio::test(start_paused = true)]
async fn many_servers_are_not_asked_all_at_once() {
    let mut platforms = Vec::new();
    let mut toml = String::new();
    for p in 0..20 {
        let platform = Platform::start().await;
        platform.always(Route::Token, Scripted::DelayHonest(seconds(5)));
        let url = platform.url();
        for n in 0..5 {
            let id = format!("client-{n}");
            platform
                .simulator
                .with(|org| org.add_client(&id, DEMO_CLIENT_SECRET));
            let target = format!(
                "[[targets]]\nname = \"t-{p}-{n}\"\nclient_id = \"{id}\"\n\
                 client_secret_env = \"SECRET\"\nbase_url = \"{url}\"\n"
            );
            toml.push_str(&target);
        }
        platforms.push(platform);
    }
    let service = platforms[0].watched(&toml);
    let mut most = 0;
    while platforms.iter().map(Platform::mints).sum::<u64>() < 100 {
        let requests = platforms.iter().flat_map(|it| it.simulator.requests());
        let open = requests
            .filter(|it| it.route == Route::Token && it.status.is_none())
            .count();
        assert!(open <= 16, "{open}");
        most = most.max(open);
        pass(Duration::from_millis(500)).await;
    }
    assert_eq!(most, 16, "as many as may be");
    let all = |it: &Arc<Snapshot>| it.credentials.iter().all(|it| it.token.is_some());
    let snapshot = service.until("all have a token", all).await;
    assert_eq!(snapshot.credentials.len(), 100);
    assert_eq!(platforms.iter().map(Platform::mints).sum::<u64>(), 100);
    // Seven rounds of sixteen, and the first of them is spread over two seconds.
    assert!(service.elapsed() <= seconds(40), "{:?}", service.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_does_not_hold_up_another() {
    let (slow, quick) = (Platform::start().await, Platform::start().await);
    slow.always(Route::Token, Scripted::Hang);
    let mut toml = format!(
        "[[targets]]\nname = \"quick\"\nbase_url = \"{}\"\n",
        quick.url()
    );
    for n in 0..40 {
        let target = format!("[[targets]]\nname = \"t-{n}\"\nclient_id = \"client-{n}\"\n");
        toml.push_str(&target);
        toml.push_str("client_secret_env = \"SECRET\"\n");
    }
    let service = slow.watched(&toml);
    // By now all have begun, and the slow server's first ones are still waited for.
    pass(seconds(5)).await;
    assert_eq!(slow.mints(), 4);
    let before = quick.mints();
    let asked = service.elapsed();
    assert_eq!(service.post("/token/quick/refresh").await.status, 200);
    assert_eq!(quick.mints(), before + 1);
    assert_eq!(service.elapsed(), asked);
}

#[tokio::test(start_paused = true)]
async fn clients_that_fail_together_do_not_return_together() {
    let platform = Platform::start().await;
    platform.always(Route::Token, Scripted::Close);
    fastrand::seed(403);
    let config = platform.config("");
    let mints: Vec<_> = (0..100)
        .map(|_| Mint::with_jitter(&config, fastrand::f64))
        .collect();
    // They began together, but after a few failures their attempts are spread.
    pass(MINUTE).await;
    let mut before = platform.mints();
    for second in 60..180 {
        pass(seconds(1)).await;
        let mints = platform.mints();
        assert!(
            mints - before <= 15,
            "{} in second {second}",
            mints - before
        );
        before = mints;
    }
    assert!(mints.iter().all(|mint| mint.usable().is_none()));
}

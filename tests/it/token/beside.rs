//! Tokens beside the cached one, with which experiments are made.

use why403::sim::Route;

use super::*;

/// One whose lifetime leaves no renewal in the time of a test, and an examination every 5 minutes.
async fn beside_once(platform: &Platform) -> Mint {
    let mint = minted(platform).await;
    assert_eq!(generation(mint.tokens.beside(false).await), 2);
    assert_eq!((mint.usable(), platform.mints()), (Some(1), 2));
    mint
}

#[tokio::test(start_paused = true)]
async fn one_token_serves_all_experiments_of_a_minute() {
    let platform = Platform::start().await;
    let mint = beside_once(&platform).await;
    for asked in [false, true] {
        assert_eq!(generation(mint.tokens.beside(asked).await), 2);
    }
    pass(seconds(59)).await;
    assert_eq!(generation(mint.tokens.beside(true).await), 2);
    pass(seconds(1)).await;
    // By then who asks gets another, and the schedule waits for its pause.
    let regular = mint.tokens.beside(false).await;
    // It was asked for a second before it could be minted: that is the least between two attempts.
    let pause = matches!(regular, Err(NotRenewed::TooSoon(wait)) if wait == seconds(239));
    assert!(pause, "{regular:?}");
    assert_eq!(generation(mint.tokens.beside(true).await), 3);
    assert_eq!((mint.usable(), platform.mints()), (Some(1), 3));
    pass(5 * MINUTE).await;
    assert_eq!(generation(mint.tokens.beside(false).await), 4);
}

/// What was minted beside an older token than the cached one compares nothing with it.
#[tokio::test(start_paused = true)]
async fn a_token_older_than_the_cached_one_serves_no_experiment() {
    let platform = Platform::start().await;
    let mint = beside_once(&platform).await;
    assert_eq!(generation(mint.tokens.force().await), 3);
    let regular = mint.tokens.beside(false).await;
    assert!(
        matches!(regular, Err(NotRenewed::TooSoon(_))),
        "{regular:?}"
    );
    pass(seconds(30)).await;
    assert_eq!(generation(mint.tokens.beside(true).await), 4);
    assert_eq!(mint.usable(), Some(3));
}

#[tokio::test(start_paused = true)]
async fn the_token_beside_takes_the_place_of_an_older_one_only() {
    let platform = Platform::start().await;
    let mint = beside_once(&platform).await;
    let adopt = async |which| {
        mint.tokens.adopt(which);
        pass(Duration::from_millis(1)).await;
        mint.usable()
    };
    assert_eq!(adopt(1).await, Some(1));
    assert_eq!(adopt(3).await, Some(1), "there is no such token");
    assert_eq!(adopt(2).await, Some(2));
    assert_eq!(platform.mints(), 2);
    pass(MINUTE).await;
    assert_eq!(generation(mint.tokens.beside(true).await), 3);
    assert_eq!(generation(mint.tokens.force().await), 4);
    assert_eq!(adopt(3).await, Some(4), "a newer one is there by now");
}

/// A token endpoint that fails is asked by the schedule of its retries, and by nobody else.
#[tokio::test(start_paused = true)]
async fn neither_experiments_nor_rejections_ask_a_failing_endpoint_more_often() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| org.set_expires_in(3_600));
    let mut mint = minted(&platform).await;
    platform.always(Route::Token, refused(401, "invalid_client"));
    assert!(mint.tried().await.result.is_err(), "at the renewal");
    assert_eq!(mint.usable(), Some(1));
    let before = platform.mints();
    let beside = mint.tokens.beside(true).await;
    assert!(matches!(beside, Err(NotRenewed::Failed(_))), "{beside:?}");
    let replaced = mint.tokens.replace(1).await;
    assert!(
        matches!(replaced, Err(NotRenewed::Failed(_))),
        "{replaced:?}"
    );
    assert_eq!(mint.usable(), None, "a rejected token is gone all the same");
    assert_eq!(platform.mints(), before);
    // But it goes on, and who asks then gets what there is.
    platform.mend(Route::Token);
    assert_eq!(mint.tried().await.result, Ok(()));
    assert_eq!(mint.usable(), Some(2));
    assert_eq!(generation(mint.tokens.beside(true).await), 3);
}

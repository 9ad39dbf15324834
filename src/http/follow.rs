//! Files that are replaced while the service runs: looked at by content, and taken when whole.
//!
//! Their times are not asked: a mounted Secret is swapped by a link, and a file may be written
//! piece by piece. The look happens here and never in a handler.

use std::time::Duration;

use tokio::task::spawn_blocking;

use crate::clock::Clock;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(15);
/// How long what is new must have been the same before it is taken for whole.
const SETTLED: Duration = Duration::from_secs(1);

/// A digest of what files hold, or why they cannot be read.
pub(super) type Content = Result<[u8; 32], String>;

/// What one look found: content to compare, and what was made of it, for good or bad.
#[derive(Debug)]
pub(super) struct Found<T> {
    pub(super) content: Content,
    pub(super) value: Result<T, String>,
}

/// Looks again and again, and hands over what has changed since `known`, each change once.
pub(super) async fn follow<T: Send + 'static>(
    clock: Clock,
    mut known: Content,
    look: impl Fn() -> Found<T> + Clone + Send + 'static,
    mut take: impl FnMut(Result<T, String>),
) {
    loop {
        pause(&clock, LOOK).await;
        let Ok(first) = spawn_blocking(look.clone()).await else {
            continue;
        };
        if first.content == known {
            continue;
        }
        pause(&clock, SETTLED).await;
        let Ok(again) = spawn_blocking(look.clone()).await else {
            continue;
        };
        if again.content == first.content {
            known = again.content;
            take(again.value);
        }
    }
}

async fn pause(clock: &Clock, time: Duration) {
    let until = clock.since_start().saturating_add(time);
    clock.sleep_until(until).await;
}

//! Files that are replaced while the service runs: looked at by content, and taken when whole.
//!
//! Their times are not asked: a mounted Secret is swapped by a link, and a file may be written
//! piece by piece. The look happens here and never in a handler.

use std::time::Duration;

use crate::clock::Clock;
use crate::config::Reading;

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
    let mut looks = Reading::default();
    loop {
        pause(&clock, LOOK).await;
        let first = look_in_time(&mut looks, look.clone()).await;
        if first.content == known {
            continue;
        }
        pause(&clock, SETTLED).await;
        let again = look_in_time(&mut looks, look.clone()).await;
        if again.content == first.content {
            known = again.content;
            take(again.value);
        }
    }
}

/// What hangs cannot be read, like what is not there, until it ends.
async fn look_in_time<T: Send + 'static>(
    looks: &mut Reading<Found<T>>,
    look: impl FnOnce() -> Found<T> + Send + 'static,
) -> Found<T> {
    let unread = |why: String| Found {
        content: Err(why.clone()),
        value: Err(why),
    };
    let found = looks.again(look).await;
    found.unwrap_or_else(|why| unread(why.to_string()))
}

async fn pause(clock: &Clock, time: Duration) {
    let until = clock.since_start().saturating_add(time);
    clock.sleep_until(until).await;
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::runtime;
    use tokio::task::{JoinSet, spawn_blocking};
    use tokio::time::advance;

    use super::*;

    /// As on a dead disk: no thread is free for the look, and none ends.
    #[test]
    fn a_look_that_hangs_is_told_once_and_the_next_change_is_taken() {
        let mut builder = runtime::Builder::new_current_thread();
        let builder = builder.enable_all().max_blocking_threads(1);
        let runtime = builder.start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (end, hangs) = mpsc::channel::<()>();
            let disk = spawn_blocking(move || hangs.recv());
            let clock = Clock::simulated("2026-03-02T12:00:00Z".parse().unwrap());
            let look = || Found {
                content: Ok([2; 32]),
                value: Ok("new"),
            };
            let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
            let take = move |found| told.send(found).unwrap();
            let mut following = JoinSet::new();
            following.spawn(follow(clock, Ok([1; 32]), look, take));
            for _ in 0..120 {
                advance(Duration::from_secs(1)).await;
                tokio::task::yield_now().await;
            }
            let late = Err("cannot be read in time".to_owned());
            assert_eq!(tells.try_recv().unwrap(), late);
            assert!(tells.try_recv().is_err(), "it is told once");
            end.send(()).unwrap();
            disk.await.unwrap().unwrap();
            assert_eq!(tells.recv().await.unwrap(), Ok("new"));
        });
    }
}

//! `/metrics`, made once for all who ask at about the same time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use tokio::sync::Mutex;

use super::{AppState, Shared, exposition};

/// For how many times as long as it took to make an exposition is shown to whoever asks: making
/// them takes a fifth of a processor at most, and with a few targets one is a millisecond old.
const SHOWN: u32 = 4;

/// The latest exposition. The lock is held while one is made, so that those who wait share it.
#[derive(Debug, Default)]
pub(super) struct Latest(Mutex<Option<Exposition>>);

#[derive(Debug)]
struct Exposition {
    text: Bytes,
    /// When making it began, after the start of the clock.
    begun: Duration,
    took: Duration,
}

/// `GET /metrics`
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    exposition(shared.exposition.at_most_a_moment_old(&shared.app).await)
}

impl Latest {
    async fn at_most_a_moment_old(&self, app: &AppState) -> Bytes {
        let mut latest = self.0.lock().await;
        let begun = app.clock.since_start();
        if let Some(latest) = &*latest
            && begun.saturating_sub(latest.begun) < latest.took.saturating_mul(SHOWN)
        {
            return latest.text.clone();
        }
        let text = app.metrics.render(&app.monitor.snapshot(), app.clock.now());
        let text = Bytes::from(text);
        *latest = Some(Exposition {
            text: text.clone(),
            begun,
            took: app.clock.since_start().saturating_sub(begun),
        });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::examples::{Stage, check, good, passing, snapshot, target};

    async fn pass(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_took_long_is_shown_to_all_who_ask_meanwhile_and_a_little_longer() {
        let app = Stage::new(passing()).await.app;
        let latest = Latest::default();
        let old = Exposition {
            text: Bytes::from_static(b"old"),
            begun: app.clock.since_start(),
            took: Duration::from_secs(1),
        };
        *latest.0.lock().await = Some(old);
        pass(3).await;
        assert_eq!(latest.at_most_a_moment_old(&app).await, "old");
        pass(1).await;
        let new = latest.at_most_a_moment_old(&app).await;
        assert!(new.len() > 1_000, "{new:?}");
        // Where making one takes no time, everybody gets one of their own.
        app.metrics.connections().cut();
        assert_ne!(latest.at_most_a_moment_old(&app).await, new);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn twenty_who_ask_at_once_about_ten_thousand_targets_share_one() {
        let many = (0..10_000).map(|n| target(&format!("t-{n}"), check(Some(good("t")), 1)));
        let app = Arc::new(Stage::live(snapshot(many.collect())).app);
        let latest = Arc::new(Latest::default());
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (app, latest) = (Arc::clone(&app), Arc::clone(&latest));
            asking.spawn(async move { latest.at_most_a_moment_old(&app).await });
        }
        let texts = asking.join_all().await;
        let first = &texts[0];
        assert!(texts.iter().all(|it| it.as_ptr() == first.as_ptr()));
        let text = String::from_utf8_lossy(first);
        assert_eq!(text.matches("\nwhy403_access{").count(), 10_000);
    }
}

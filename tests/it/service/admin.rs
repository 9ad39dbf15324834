//! The admin token while the service runs.

use std::path::PathBuf;

use super::*;
use crate::harness::*;

const OLD: &str = "the-old-admin-token";
const NEW: &str = "the-new-admin-token";

/// A service whose details are behind a token in a file.
struct Guarded {
    _platform: Platform,
    service: Service,
    file: PathBuf,
    _directory: tempfile::TempDir,
}

impl Guarded {
    async fn start() -> Self {
        let platform = Platform::start().await;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("admin-token");
        write_secret(&file, OLD);
        let toml = format!(
            "[server]\nadmin_token_file = \"{}\"\nprotect_details = true\n",
            file.display()
        );
        let service = platform.watched(&toml);
        service.first_round().await;
        Self {
            _platform: platform,
            service,
            file,
            _directory: directory,
        }
    }

    async fn status_with(&self, token: &str) -> u16 {
        let header = format!("authorization: Bearer {token}\r\n");
        let reply = self.service.send("GET", "/diagnose", &header).await;
        reply.status
    }
}

#[tokio::test(start_paused = true)]
async fn a_replaced_token_takes_the_place_of_the_old_one() {
    let it = Guarded::start().await;
    assert_eq!(it.status_with(OLD).await, 200);
    assert_eq!(it.status_with(NEW).await, 401);
    write_secret(&it.file, NEW);
    pass(seconds(17)).await;
    assert_eq!(it.status_with(NEW).await, 200);
    assert_eq!(it.status_with(OLD).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_file_without_a_token_keeps_the_old_one() {
    let it = Guarded::start().await;
    for nothing in ["", "short", "two words in a token file", "changeme"] {
        std::fs::write(&it.file, nothing).unwrap();
        pass(seconds(17)).await;
        assert_eq!(it.status_with(OLD).await, 200, "{nothing}");
    }
    std::fs::remove_file(&it.file).unwrap();
    pass(seconds(17)).await;
    assert_eq!(it.status_with(OLD).await, 200);
    write_secret(&it.file, NEW);
    pass(seconds(17)).await;
    assert_eq!(it.status_with(NEW).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_still_being_written_is_waited_for() {
    let it = Guarded::start().await;
    let long = "a-token-that-comes-in-many-pieces-over-a-while".repeat(4);
    for end in (20..=long.len()).step_by(4) {
        std::fs::write(&it.file, long.split_at(end).0).unwrap();
        pass(Duration::from_millis(700)).await;
        assert_eq!(it.status_with(OLD).await, 200, "{end}");
    }
    pass(seconds(17)).await;
    assert_eq!(it.status_with(&long).await, 200);
}

#[tokio::test(start_paused = true)]
async fn whoever_guesses_is_stopped_for_a_minute() {
    let it = Guarded::start().await;
    for _ in 0..5 {
        assert_eq!(it.status_with("a-guess").await, 401);
    }
    assert_eq!(it.status_with(OLD).await, 429);
    pass(seconds(59)).await;
    assert_eq!(it.status_with(OLD).await, 429);
    pass(seconds(1)).await;
    assert_eq!(it.status_with(OLD).await, 200);
}

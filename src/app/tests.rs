//! What becomes of the service when a part of it ends.

use tokio::net::TcpListener;

use super::*;
use crate::config::{self, Environment, Sources};

fn app() -> App {
    let variables = [
        ("GENESYS_CLOUD_CLIENT_ID", "id"),
        ("GENESYS_CLOUD_CLIENT_SECRET", "secret"),
        ("GENESYS_CLOUD_BASE_URL", "http://127.0.0.1:1"),
    ];
    let sources = Sources {
        environment: Environment::from_pairs(variables),
        ..Sources::default()
    };
    let config = config::load(&sources).unwrap().config;
    App::start(config, Clock::system(), Pace::Spread).unwrap()
}

/// How the service ends although nobody tells it to.
async fn end_of(app: App) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_signals, receiver) = mpsc::channel(1);
    let ended = app.serve(listener, receiver, None).await;
    format!("{:#}", ended.unwrap_err())
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_by_itself_ends_the_service() {
    let mut app = app();
    monitor::supervise(&mut app.tasks, "probe of a", &app.stop, async {
        tokio::time::sleep(Duration::from_secs(90)).await;
    });
    assert_eq!(end_of(app).await, "the probe of a task ended early");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_ends_the_service() {
    let mut app = app();
    monitor::supervise(&mut app.tasks, "token", &app.stop, async {
        tokio::time::sleep(Duration::from_secs(90)).await;
        panic!("on purpose");
    });
    let end = end_of(app).await;
    assert!(end.starts_with("a task panicked"), "{end}");
}

#[tokio::test(start_paused = true)]
async fn somebody_who_waits_for_one_answer_is_told_too() {
    let mut app = app();
    monitor::supervise(&mut app.tasks, "recorder", &app.stop, async {});
    let ended = app.first_round().await.map(drop);
    let end = format!("{:#}", ended.unwrap_err());
    assert_eq!(end, "the recorder task ended early");
}

//! What becomes of the service when a part of it ends.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::config::{self, Environment, Sources};

fn app() -> App {
    app_by(Clock::system())
}

fn app_by(clock: Clock) -> App {
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
    App::start(config, clock, Pace::Spread).unwrap()
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

/// The status line of an answer.
async fn status(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_that_hangs_is_told_by_livez_alone() {
    const HANGS_FROM: Duration = Duration::from_mins(10);
    let app = app_by(Clock::system().hanging_from(HANGS_FROM));
    let clock = Clock::system();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (signals, receiver) = mpsc::channel(1);
    let mut service = JoinSet::new();
    service.spawn(app.serve(listener, receiver, None));
    // Its last sign of life came a few seconds before it hung, at the most.
    for (seconds, expected) in [(1, 200), (599, 200), (650, 200), (661, 503), (3_600, 503)] {
        clock.sleep_until(Duration::from_secs(seconds)).await;
        let said = status(address, "/livez").await;
        assert!(said.contains(&expected.to_string()), "{seconds} s: {said}");
        // Nothing can be reached at the address of the platform, and that is no reason.
        assert_eq!(status(address, "/readyz").await, "HTTP/1.1 200 OK");
    }
    signals.send(StopSignal::Interrupt).await.unwrap();
    let ended = service.join_next().await.unwrap().unwrap();
    assert!(ended.is_ok(), "it still stops in order: {ended:?}");
}

//! The end of the service.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use why403::app::StopSignal;
use why403::sim::{Route, Scripted};

use super::*;
use crate::harness::*;

#[tokio::test(start_paused = true)]
async fn a_stop_is_announced_before_it_happens() {
    let platform = Platform::start().await;
    let mut service = platform.watched("");
    service.first_round().await;
    service.signal(StopSignal::Terminate).await;
    pass(Duration::from_millis(1)).await;
    // Not ready at once, but still serving: endpoints change later than the signal comes.
    let paths = ["/readyz", "/livez", "/health", "/diagnose"];
    assert_eq!(statuses(&service, paths).await, [503, 200, 200, 200]);
    pass(seconds(4)).await;
    assert_eq!(statuses(&service, paths).await, [503, 200, 200, 200]);
    service.stopped().await;
    assert_eq!(service.elapsed(), seconds(5));
    let refused = send(service.address, "GET", "/livez", "").await;
    assert!(refused.is_err(), "{refused:?}");
}

/// An idle connection is closed without a word when the listener closes, and a request that is on
/// its way there is lost: so nobody is left with one.
#[tokio::test(start_paused = true)]
async fn callers_are_sent_away_with_an_answer_before_the_listener_closes() {
    let platform = Platform::start().await;
    let mut service = platform.watched("");
    service.first_round().await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let request = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut kept = [0; 1024];
    let length = stream.read(&mut kept).await.unwrap();
    let kept = String::from_utf8_lossy(&kept[..length]);
    assert!(
        kept.starts_with("HTTP/1.1 200 ") && kept.ends_with("ok"),
        "{kept}"
    );
    assert!(!kept.contains("connection"), "{kept}");
    service.signal(StopSignal::Terminate).await;
    pass(seconds(1)).await;
    stream.write_all(request).await.unwrap();
    let mut last = String::new();
    stream.read_to_string(&mut last).await.unwrap();
    assert!(last.starts_with("HTTP/1.1 200 "), "{last}");
    assert!(last.contains("connection: close\r\n"), "{last}");
    // Long before the listener closes.
    assert_eq!(service.elapsed(), seconds(1));
    service.stopped().await;
    assert_eq!(service.elapsed(), seconds(5));
}

#[tokio::test(start_paused = true)]
async fn a_request_in_flight_is_finished() {
    let platform = Platform::start().await;
    let mut service = platform.watched("[probe]\ninterval = \"10m\"");
    service.first_round().await;
    pass(seconds(20)).await;
    platform.script(Route::Queues, [Scripted::DelayHonest(seconds(9))]);
    let address = service.address;
    let mut asking = JoinSet::new();
    asking.spawn(async move { send(address, "GET", "/diagnose?fresh=1", "").await.unwrap() });
    pass(seconds(1)).await;
    service.signal(StopSignal::Terminate).await;
    service.stopped().await;
    let reply = asking.join_next().await.unwrap().unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["diagnoses"][0]["outcome"], "ok");
    // Sent at 20 s, answered at 29 s, and nothing else was waited for.
    assert_eq!(service.elapsed(), seconds(29));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_finishes_is_cut_at_the_deadline() {
    let platform = Platform::start().await;
    let mut service =
        platform.watched("[server]\nheader_timeout = \"5m\"\n[probe]\ninterval = \"10m\"");
    service.first_round().await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    pass(seconds(1)).await;
    service.signal(StopSignal::Terminate).await;
    service.stopped().await;
    // Five seconds of delay and at most fifteen of draining.
    assert!(service.elapsed() <= seconds(21), "{:?}", service.elapsed());
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest).await;
    assert!(read.is_err() || rest.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_stops_at_once() {
    for first in [StopSignal::Terminate, StopSignal::Interrupt] {
        let platform = Platform::start().await;
        let mut service = platform.watched("[probe]\ninterval = \"10m\"");
        service.first_round().await;
        pass(seconds(20)).await;
        platform.script(Route::Queues, [Scripted::DelayHonest(seconds(9))]);
        let address = service.address;
        let mut asking = JoinSet::new();
        asking.spawn(async move { send(address, "GET", "/diagnose?fresh=1", "").await });
        pass(seconds(1)).await;
        service.signal(first).await;
        pass(seconds(1)).await;
        service.signal(first).await;
        service.stopped().await;
        assert_eq!(service.elapsed(), seconds(22), "{first:?}");
        let reply = asking.join_next().await.unwrap().unwrap();
        assert!(reply.is_err(), "{first:?}: {reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_stops_without_delay() {
    let platform = Platform::start().await;
    let mut service = platform.watched("");
    service.first_round().await;
    service.signal(StopSignal::Interrupt).await;
    service.stopped().await;
    assert_eq!(service.elapsed(), seconds(0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_what_hangs_upstream() {
    let platform = Platform::start().await;
    platform.always(Route::Queues, Scripted::Hang);
    platform.always(Route::Token, Scripted::Hang);
    let mut service = platform.watched("");
    pass(seconds(1)).await;
    service.signal(StopSignal::Interrupt).await;
    service.stopped().await;
    assert_eq!(service.elapsed(), seconds(1));
}

/// After the end nothing is asked of the platform any more.
#[tokio::test(start_paused = true)]
async fn no_task_outlives_the_service() {
    let platform = Platform::start().await;
    platform.simulator.with(|org| org.set_expires_in(300));
    let mut service = platform.watched("");
    service.first_round().await;
    service.signal(StopSignal::Interrupt).await;
    service.stopped().await;
    let asked = platform.simulator.requests().len();
    pass(Duration::from_hours(1)).await;
    assert_eq!(platform.simulator.requests().len(), asked);
}

//! Peers that hold what others need.

use rustls::pki_types::ServerName;
use tokio::io::AsyncRead;
use tokio::net::TcpSocket;

use super::*;

const BIG: &[u8] = b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n";

/// Asks for the large answer on a connection with a small window.
async fn greedy(running: &Running) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut greedy = socket.connect(running.address).await.unwrap();
    greedy.write_all(BIG).await.unwrap();
    greedy
}

#[tokio::test]
async fn a_peer_that_never_reads_is_given_up() {
    let running = Running::start().await;
    let mut greedy = greedy(&running).await;
    running.open(1).await;
    running.open(0).await;
    assert!(rest(&mut greedy).await.len() < 64 * 1024 * 1024);
}

#[tokio::test]
async fn a_peer_that_reads_a_little_now_and_then_is_given_up() {
    let running = Running::start().await;
    sip(greedy(&running).await, &running).await;
}

#[tokio::test]
async fn the_same_over_tls() {
    let (secured, trusting) = secured();
    let running = Running::secured(LIMITS, Some(secured)).await;
    let name = ServerName::try_from("a").unwrap();
    let stream = trusting.connect(name, running.connect().await).await;
    let mut stream = stream.unwrap();
    stream.write_all(BIG).await.unwrap();
    sip(stream, &running).await;
}

/// Reads a little from time to time until the server has given up.
async fn sip(mut stream: impl AsyncRead + Unpin, running: &Running) {
    let sips = async {
        let mut sip = [0; 1024];
        loop {
            sleep(Duration::from_millis(20)).await;
            // What is in the kernel's buffers can be read long after the server has given up.
            let _read = stream.read(&mut sip).await;
        }
    };
    running.open(1).await;
    tokio::select! {
        () = sips => {}
        () = running.open(0) => {}
    }
}

#[tokio::test]
async fn silent_connections_make_room_for_whoever_asks() {
    let limits = Limits {
        connections: 2,
        header_timeout: Duration::from_mins(1),
        ..LIMITS
    };
    let running = Running::with(limits).await;
    let mut first = running.connect().await;
    let mut second = running.connect().await;
    second.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut others = Vec::new();
    for _ in 0..5 {
        let mut other = running.connect().await;
        other.write_all(GET.as_bytes()).await.unwrap();
        other.readable().await.unwrap();
        others.push(other);
    }
    for gone in [&mut first, &mut second] {
        assert_eq!(rest(gone).await, "", "the longest idle had to go");
    }
    assert_eq!(
        running.metric("http_connections_cut_total"),
        5,
        "one for each that came when two were open"
    );
}

#[tokio::test]
async fn what_is_being_answered_is_not_cut() {
    let limits = Limits {
        connections: 2,
        header_timeout: Duration::from_mins(1),
        ..LIMITS
    };
    let running = Running::with(limits).await;
    let mut busy = [running.connect().await, running.connect().await];
    for one in &mut busy {
        one.write_all(b"GET /slow HTTP/1.0\r\n\r\n").await.unwrap();
        running.reached.notified().await;
    }
    let mut third = running.connect().await;
    third.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let early = timeout(Duration::from_millis(100), third.readable()).await;
    assert!(early.is_err(), "the third is not served yet");
    running.go.notify_one();
    assert!(rest(&mut third).await.starts_with("HTTP/1.0 200"));
    running.go.notify_one();
    for one in &mut busy {
        assert!(rest(one).await.ends_with("done"));
    }
    assert_eq!(running.metric("http_connections_cut_total"), 0);
}

#[tokio::test]
async fn large_answers_that_nobody_takes_make_room_for_others() {
    let limits = Limits {
        header_timeout: Duration::from_mins(1),
        write_timeout: Duration::from_mins(1),
        ..LIMITS
    };
    let running = Running::with(limits).await;
    // Each asks for as much as may wait in all.
    let mut first = greedy(&running).await;
    first.readable().await.unwrap();
    let mut second = running.connect().await;
    second.write_all(BIG).await.unwrap();
    second.readable().await.unwrap();
    assert!(
        rest(&mut first).await.len() < 64 * 1024 * 1024,
        "it was cut"
    );
    assert_eq!(taken(&mut second).await, 64 * 1024 * 1024, "it takes");
    let mut third = running.connect().await;
    third.write_all(BIG).await.unwrap();
    assert_eq!(taken(&mut third).await, 64 * 1024 * 1024);
    running.open(2).await;
}

/// The length of the body of one answer.
async fn taken(stream: &mut TcpStream) -> usize {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.unwrap().parse().unwrap();
    let mut body = vec![0; length];
    timeout(PATIENCE, stream.read_exact(&mut body))
        .await
        .unwrap()
        .unwrap()
}

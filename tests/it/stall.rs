//! The real binary, stopped and continued as a machine that is suspended, or a container that is
//! frozen, would be.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use why403::sim::Route;

use crate::process::{DEADLINE, Platform, Running, ask, free_address, wait_for, why403};

const TARGETS: u64 = 400;
const INTERVAL: Duration = Duration::from_secs(5);
/// Longer than the age from which the scheduler's heartbeat means that it hangs.
const STOPPED_FOR: Duration = Duration::from_secs(65);
/// Connections that wait for the process when it goes on: half of them were there before.
const WAITING: usize = 80;

/// A service with so many targets that their tasks keep it busy when all of them are due.
fn start(platform: &Platform, address: SocketAddr, directory: &std::path::Path) -> Running {
    let mut config = "[server]\nheader_timeout = \"5m\"\n\
                      [probe]\ninterval = \"5s\"\ntimeout = \"4s\"\njitter = 0.0\n"
        .to_owned();
    for number in 0..TARGETS {
        writeln!(config, "[[targets]]\nname = \"t{number}\"").unwrap();
    }
    let path = directory.join("why403.toml");
    std::fs::write(&path, config).unwrap();
    let mut command = why403(&["serve", "--config", path.to_str().unwrap()]);
    command.args(["--listen", &address.to_string()]);
    command.envs(platform.variables());
    command.env("WHY403__SERVER__SHUTDOWN_DELAY", "0s");
    let running = Running::listening(&mut command, address);
    wait_until_well(address);
    running
}

/// Waits until every target has been probed, with success.
fn wait_until_well(address: SocketAddr) {
    wait_for("every target is well", || {
        let health = ask(address, "GET /health", "");
        health
            .body
            .starts_with("{\"status\":\"pass\"")
            .then_some(())
    });
}

fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn ask_whether_alive(mut stream: &TcpStream) {
    let head = "GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[allow(
    clippy::disallowed_methods,
    reason = "bounds follow from how long a test really took"
)]
fn now() -> Instant {
    Instant::now()
}

#[test]
#[ignore = "needs more than a minute"]
fn a_process_that_stood_still_for_a_minute_is_alive_at_once_and_makes_up_nothing() {
    let platform = Platform::start("healthy");
    // So many calls with one token are more than the platform allows.
    platform.simulator.with(|org| org.set_rate_limit(None));
    let directory = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut running = start(&platform, address, directory.path());
    let mints = platform.simulator.count(Route::Token);
    let mut waiting: Vec<_> = (0..WAITING / 2).map(|_| connected(address)).collect();
    assert_eq!(ask(address, "GET /livez", "").status, 200);
    running.signal("STOP");
    thread::sleep(STOPPED_FOR);
    // The kernel takes them, and the process finds them when it goes on.
    waiting.extend((0..WAITING / 2).map(|_| connected(address)));
    waiting.iter().for_each(ask_whether_alive);
    let before = platform.simulator.count(Route::Queues);
    let began = now();
    running.signal("CONT");
    for stream in waiting {
        let answer = answer(stream);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    // One round at once for each target, and then not more than the schedule asks for: two slots
    // are half an interval apart at least. A round that was made up would come at once.
    while began.elapsed() < INTERVAL {
        let probes = platform.simulator.count(Route::Queues) - before;
        let rounds = 1 + began.elapsed().as_millis() / (INTERVAL / 2).as_millis();
        let most = u128::from(TARGETS) * rounds;
        assert!(u128::from(probes) <= most, "{probes} probes, of {most}");
        assert_eq!(ask(address, "GET /livez", "").status, 200);
        thread::sleep(Duration::from_millis(50));
    }
    wait_for("every target was probed again", || {
        let probes = platform.simulator.count(Route::Queues) - before;
        (probes >= TARGETS).then_some(())
    });
    assert_eq!(platform.simulator.count(Route::Token), mints);
    wait_until_well(address);
    assert!(running.is_alive());
    running.signal("TERM");
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:#?}");
}

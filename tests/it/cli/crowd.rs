//! More connections than there is room for.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::process::{Platform, Running, ask, free_address, wait_for, wait_until_probed, why403};

/// `serve` with these settings, once it listens.
fn serve(platform: &Platform, address: SocketAddr, settings: &[(&str, &str)]) -> Running {
    let mut command = why403(&["serve", "--listen", &address.to_string()]);
    command.envs(platform.variables());
    command.envs(settings.iter().copied());
    Running::listening(&mut command, address)
}

fn crowd(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let connect = |_| TcpStream::connect(address).unwrap();
    (0..count).map(connect).collect()
}

/// What a metric says.
fn metric(address: SocketAddr, name: &str) -> u64 {
    let body = ask(address, "GET /metrics", "").body;
    let line = body
        .lines()
        .find_map(|it| it.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{body}")).parse().unwrap()
}

#[test]
fn silent_connections_keep_nobody_from_being_answered() {
    let platform = Platform::start("healthy");
    let address = free_address();
    let settings = [
        ("WHY403__SERVER__MAX_CONNECTIONS", "20"),
        // As if they all came back as soon as they are closed.
        ("WHY403__SERVER__HEADER_TIMEOUT", "5m"),
    ];
    let running = serve(&platform, address, &settings);
    let silent = crowd(address, 100);
    for path in ["GET /livez", "GET /readyz", "GET /health"] {
        let reply = wait_for(path, || {
            Some(ask(address, path, "")).filter(|it| it.status == 200)
        });
        assert_eq!(reply.status, 200, "{path}");
    }
    assert!(metric(address, "why403_http_connections") <= 20);
    assert!(metric(address, "why403_http_connections_cut_total") >= 80);
    let told = running
        .stderr()
        .matches("server.max_connections is reached")
        .count();
    assert_eq!(told, 1, "however many are cut: {}", running.stderr());
    let mut oldest = silent.first().unwrap();
    assert_eq!(oldest.read(&mut [0; 8]).unwrap_or(0), 0, "it was cut");
}

#[test]
fn too_few_descriptors_for_the_configuration_are_told_before_anything_is_done() {
    let platform = Platform::start("healthy");
    let mut command = Command::new("sh");
    let line = "ulimit -n 300 && exec \"$0\" serve --listen 127.0.0.1:0";
    command.args(["-c", line, env!("CARGO_BIN_EXE_why403")]);
    command.env_clear().envs(platform.variables());
    let finished = Running::start(&mut command).finish();
    assert_eq!(finished.status, Some(2), "{finished:#?}");
    for part in [
        "832 file descriptors",
        "allows 300",
        "ulimit -n",
        "max_connections",
    ] {
        assert!(
            finished.stderr.contains(part),
            "lacks {part}: {finished:#?}"
        );
    }
    assert_eq!(platform.simulator.requests().len(), 0, "nothing was called");
    let fits = [
        ("WHY403__SERVER__MAX_CONNECTIONS", "20"),
        ("WHY403__PROBE__MAX_IN_FLIGHT", "8"),
    ];
    command.envs(fits);
    let running = Running::start(&mut command);
    wait_for("it listens", || {
        running.stderr().contains("listening on").then_some(())
    });
}

/// A soft limit is only where a process begins.
#[test]
#[cfg(target_os = "linux")]
fn the_limit_of_descriptors_is_raised_as_far_as_it_goes() {
    let platform = Platform::start("healthy");
    let mut command = Command::new("sh");
    let line = "ulimit -Sn 64 && ulimit -Hn 900 && exec \"$0\" serve --listen 127.0.0.1:0";
    command.args(["-c", line, env!("CARGO_BIN_EXE_why403")]);
    command.env_clear().envs(platform.variables());
    let running = Running::start(&mut command);
    wait_for("it listens", || {
        running.stderr().contains("listening on").then_some(())
    });
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.id())).unwrap();
    let open_files = limits.lines().find(|it| it.starts_with("Max open files"));
    let numbers: Vec<&str> = open_files.unwrap().split_whitespace().skip(3).collect();
    assert_eq!(numbers, ["900", "900", "files"]);
}

/// Half a request keeps a connection open, but not beyond the deadline, and the log tells.
#[test]
fn what_is_cut_at_the_end_is_counted_in_the_log() {
    let platform = Platform::start("healthy");
    let address = free_address();
    let settings = [
        ("WHY403__SERVER__SHUTDOWN_DELAY", "0s"),
        ("WHY403__SERVER__DRAIN_TIMEOUT", "1s"),
        ("WHY403__SERVER__HEADER_TIMEOUT", "5m"),
    ];
    let running = serve(&platform, address, &settings);
    let mut halves = crowd(address, 3);
    for half in &mut halves {
        half.write_all(b"GET /livez HTTP/1.1\r\nHo").unwrap();
    }
    wait_for("they are open", || {
        (metric(address, "why403_http_connections") >= 3).then_some(())
    });
    running.signal("TERM");
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let told = "drain deadline: 3 open connections were cut";
    assert_eq!(finished.stderr.matches(told).count(), 1, "{finished:#?}");
    assert_eq!(
        finished.stderr.matches("were cut").count(),
        1,
        "{finished:#?}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn descriptors_that_run_out_all_the_same_are_taken_from_idle_connections() {
    let platform = Platform::start("healthy");
    let address = free_address();
    let running = serve(&platform, address, &[]);
    wait_until_probed(address, "");
    let open = std::fs::read_dir(format!("/proc/{}/fd", running.id()))
        .unwrap()
        .count();
    let pid = running.id().to_string();
    let limit = format!("--nofile={}", open + 6);
    let limited = Command::new("prlimit")
        .args(["--pid", &pid, &limit])
        .status();
    assert!(limited.unwrap().success());
    let silent = crowd(address, 40);
    for _ in 0..20 {
        assert_eq!(ask(address, "GET /livez", "").status, 200);
    }
    assert!(metric(address, "why403_http_accept_errors_total") >= 30);
    // Once they are gone there is room again, and nothing fails any more.
    drop(silent);
    wait_for("it is asked by nobody else", || {
        (metric(address, "why403_http_connections") <= 1).then_some(())
    });
    let before = metric(address, "why403_http_accept_errors_total");
    for _ in 0..20 {
        assert_eq!(ask(address, "GET /livez", "").status, 200);
    }
    assert_eq!(metric(address, "why403_http_accept_errors_total"), before);
    let told = running
        .stderr()
        .matches("connections cannot be accepted")
        .count();
    assert_eq!(told, 1, "however often that is: {}", running.stderr());
}

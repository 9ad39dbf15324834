//! Commands that run until they are told to stop.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use serde_json::Value;
use why403::sim::{Route, Scripted};

use crate::process::{
    Platform, Running, ask, free_address, limited, run, try_ask, wait_for, wait_until_probed,
    why403,
};

/// `serve` on `address` for the simulated platform.
fn serve(platform: &Platform, address: SocketAddr) -> Command {
    let mut command = why403(&["serve", "--listen", &address.to_string()]);
    command.envs(platform.variables());
    command
}

fn has_ended_well(running: Running) -> String {
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:#?}");
    finished.stdout + &finished.stderr
}

#[test]
fn a_port_in_use_is_told_with_the_address_and_the_fix() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let platform = Platform::start("healthy");
    let finished = run(&["serve", "--listen", &address], &platform.variables());
    assert_eq!(finished.status, Some(2), "{finished:#?}");
    for part in [address.as_str(), "in use", "--listen"] {
        assert!(
            finished.stderr.contains(part),
            "lacks {part}: {finished:#?}"
        );
    }
    let finished = run(&["simulate", "--listen", &address], &[]);
    assert_eq!(finished.status, Some(2), "{finished:#?}");
    assert!(finished.stderr.contains(&address), "{finished:#?}");
    assert_eq!(platform.simulator.requests().len(), 0, "nothing was called");
}

/// Where the machine has an IPv6 loopback; else this says so and shows nothing.
#[test]
fn an_address_of_ipv6_is_listened_on_and_told_when_it_is_taken() {
    if let Err(error) = TcpListener::bind("[::1]:0") {
        return eprintln!("skipped: no IPv6 loopback here: {error}");
    }
    let platform = Platform::start("healthy");
    let mut command = serve(&platform, "[::1]:0".parse().unwrap());
    let running = Running::start(&mut command);
    let address: SocketAddr = wait_for("it says where it listens", || {
        let said = running.stderr();
        let (_, rest) = said.split_once("listening on ")?;
        rest.split_once('"')?.0.parse().ok()
    });
    assert!(address.is_ipv6() && address.port() != 0, "{address}");
    assert_eq!(ask(address, "GET /livez", "").status, 200);
    let arguments = ["serve", "--listen", &address.to_string()];
    let finished = run(&arguments, &platform.variables());
    assert_eq!(finished.status, Some(2), "{finished:#?}");
    for part in [address.to_string().as_str(), "in use", "--listen"] {
        let is_said = finished.stderr.contains(part);
        assert!(is_said, "lacks {part}: {finished:#?}");
    }
}

#[test]
fn a_wrong_listen_address_is_told() {
    let platform = Platform::start("healthy");
    let finished = run(&["serve", "--listen", "nowhere:1"], &platform.variables());
    assert_eq!(finished.status, Some(2), "{finished:#?}");
    assert!(finished.stderr.contains("server.listen"), "{finished:#?}");
}

#[test]
fn sigterm_ends_the_service_in_order() {
    for signal in ["TERM", "INT"] {
        let platform = Platform::start("healthy");
        let address = free_address();
        let mut command = serve(&platform, address);
        command.env("WHY403__SERVER__SHUTDOWN_DELAY", "0s");
        let running = Running::listening(&mut command, address);
        running.signal(signal);
        let said = has_ended_well(running);
        assert!(said.contains("stopped"), "{said}");
    }
}

#[test]
fn sigterm_during_start_is_obeyed() {
    let platform = Platform::start("healthy");
    // The first token is never answered.
    platform
        .simulator
        .always(Route::Token, Some(Scripted::Hang));
    let address = free_address();
    let mut command = serve(&platform, address);
    command.env("WHY403__SERVER__SHUTDOWN_DELAY", "0s");
    let running = Running::listening(&mut command, address);
    running.signal("TERM");
    has_ended_well(running);
}

#[test]
fn the_log_says_when_a_token_is_asked_for_again() {
    let platform = Platform::start("healthy");
    let limit = Scripted::Respond {
        status: 429,
        headers: vec![("retry-after".to_owned(), "120".to_owned())],
        body: Vec::new(),
    };
    platform.simulator.always(Route::Token, Some(limit));
    let address = free_address();
    let running = Running::listening(&mut serve(&platform, address), address);
    let line = wait_for("it says that it has no token", || {
        let said = running.stderr();
        let whole = said.rsplit_once('\n')?.0;
        let line = whole.lines().find(|line| line.contains("no token for"))?;
        Some(serde_json::from_str::<Value>(line).unwrap())
    });
    assert_eq!(line["cause"], "auth_rate_limited", "{line}");
    assert_eq!(line["next_attempt_seconds"], 120, "{line}");
}

#[test]
fn a_failure_that_lasts_is_one_line() {
    let platform = Platform::start("role-removed");
    platform.simulator.set_scenario("role-removed").unwrap();
    let address = free_address();
    let mut command = serve(&platform, address);
    command.env("WHY403__PROBE__INTERVAL", "1s");
    command.env("WHY403__PROBE__TIMEOUT", "900ms");
    command.env("WHY403__PROBE__CONNECT_TIMEOUT", "900ms");
    let running = Running::listening(&mut command, address);
    wait_for("it was probed again and again", || {
        (platform.simulator.count(Route::Queues) >= 5).then_some(())
    });
    let said = running.stderr();
    assert_eq!(said.matches("missing_permission").count(), 1, "{said}");
}

#[test]
fn after_sigterm_it_still_serves_and_a_second_one_ends_it_at_once() {
    let platform = Platform::start("healthy");
    let address = free_address();
    let mut command = serve(&platform, address);
    // So long that only the second signal can end it in the time of this test.
    command.env("WHY403__SERVER__SHUTDOWN_DELAY", "10m");
    let running = Running::listening(&mut command, address);
    // Before that it is not ready either, and two signals at once are one.
    wait_for("the service is ready", || {
        let reply = ask(address, "GET /readyz", "");
        (reply.status == 200).then_some(())
    });
    running.signal("TERM");
    wait_for("the service is no longer ready", || {
        let reply = ask(address, "GET /readyz", "");
        (reply.status == 503).then_some(())
    });
    assert_eq!(ask(address, "GET /livez", "").status, 200);
    running.signal("TERM");
    let said = has_ended_well(running);
    assert!(said.contains("second signal"), "{said}");
}

#[test]
fn a_closed_log_does_not_end_the_service() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    loses_its_log(writer.into(), "unlimited");
}

/// The limit of a file's size comes with a signal that ends whoever does not handle it.
#[test]
fn a_log_file_that_may_not_grow_does_not_end_the_service() {
    loses_its_log(tempfile::tempfile().unwrap().into(), "0");
}

fn loses_its_log(log: Stdio, blocks: &str) {
    let platform = Platform::start("healthy");
    let address = free_address();
    let mut command = serve(&platform, address);
    command.env("WHY403__LOG__LEVEL", "trace");
    command.env("WHY403__SERVER__SHUTDOWN_DELAY", "0s");
    let mut command = limited(&command, blocks);
    command.stdout(Stdio::piped()).stderr(log);
    let mut running = Running::start_as_is(&mut command);
    running.wait_until_listening(address);
    wait_until_probed(address, "");
    assert_eq!(ask(address, "GET /livez", "").status, 200);
    assert!(running.is_alive());
    let metrics = ask(address, "GET /metrics", "").body;
    let mut lines = metrics.lines();
    let dropped = lines.find_map(|it| it.strip_prefix("why403_log_lines_dropped_total "));
    let dropped: u64 = dropped.unwrap().parse().unwrap();
    assert!(dropped >= 2, "every line is lost: {dropped}");
    running.signal("TERM");
    has_ended_well(running);
}

/// The address behind `label` in the welcome of a command.
fn address_of(running: &Running, label: &str) -> SocketAddr {
    wait_for("the address is told", || {
        let said = running.stdout();
        let (_, rest) = said.split_once(label)?;
        let (_, rest) = rest.split_once("http://")?;
        let end = |c: char| !c.is_ascii_digit() && c != '.' && c != ':';
        // The rest may not be written yet.
        let (address, _) = rest.split_once(end)?;
        address.parse().ok()
    })
}

#[test]
fn the_demonstration_takes_another_port_and_ends_on_ctrl_c() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut command = why403(&["demo", "--listen", &address.to_string()]);
    // Real credentials beside it are neither needed nor used.
    command.env("GENESYS_CLOUD_CLIENT_SECRET", "a-real-secret");
    let running = Running::start(&mut command);
    let other = address_of(&running, "status page");
    assert_ne!(other, address);
    assert_eq!(ask(other, "GET /livez", "").status, 200);
    wait_for("the demonstration tells what it finds", || {
        running.stdout().contains("✓ 200 ok").then_some(())
    });
    running.signal("INT");
    let said = has_ended_well(running);
    assert!(said.contains("Stopping."), "{said}");
    assert!(!said.contains("a-real-secret"), "{said}");
}

#[test]
fn the_demonstration_goes_on_when_nobody_reads() {
    let address = free_address();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = why403(&["demo", "--once", "--listen", &address.to_string()]);
    let mut running = Running::start_as_is(command.stdout(writer).stderr(Stdio::piped()));
    running.wait_until_listening(address);
    assert_eq!(ask(address, "GET /livez", "").status, 200);
    running.signal("INT");
    assert_eq!(has_ended_well(running), "");
}

#[test]
fn the_simulator_runs_until_it_is_stopped() {
    for signal in ["TERM", "INT"] {
        let mut command = why403(&[
            "simulate",
            "--listen",
            "127.0.0.1:0",
            "--scenario",
            "role-removed",
        ]);
        // The simulator's own secret is no real one.
        command.env("GENESYS_CLOUD_CLIENT_SECRET", "demo-secret");
        let running = Running::start(&mut command);
        let address = address_of(&running, "Simulating Genesys Cloud on");
        let scenario = ask(address, "GET /sim/scenario", "");
        assert!(scenario.body.contains("role-removed"), "{scenario:?}");
        running.signal(signal);
        has_ended_well(running);
        assert!(try_ask(address, "GET /", "").is_err());
    }
}

#[test]
fn sighup_reads_the_configuration_again() {
    let platform = Platform::start("healthy");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("why403.toml");
    let write = |names: &[&str]| {
        let targets = names
            .iter()
            .map(|it| format!("[[targets]]\nname = \"{it}\"\n"));
        std::fs::write(&file, targets.collect::<String>()).unwrap();
    };
    write(&["a"]);
    let address = free_address();
    let mut command = serve(&platform, address);
    command.env("WHY403_CONFIG", &file);
    command.env("WHY403__SERVER__SHUTDOWN_DELAY", "0s");
    let running = Running::listening(&mut command, address);
    write(&["a", "b"]);
    running.signal("HUP");
    wait_for("the new target is there", || {
        let reply = ask(address, "GET /sd", "");
        reply.body.contains("\"b\"").then_some(())
    });
    std::fs::write(&file, "[[targets]]\nname = \"not a name\"\n").unwrap();
    running.signal("HUP");
    wait_for("the mistake is told", || {
        let reply = ask(address, "GET /metrics", "");
        reply
            .body
            .contains("why403_config_last_reload_successful 0")
            .then_some(())
    });
    let reply = ask(address, "GET /health/b", "");
    assert_ne!(reply.status, 404, "{reply:?}");
    running.signal("TERM");
    let said = has_ended_well(running);
    assert!(said.contains("1 targets kept, 1 added"), "{said}");
    assert!(said.contains("not a name"), "{said}");
}

/// A collector of logs may stop reading; the service goes on, and ends when it is told to.
#[test]
fn a_log_that_nobody_reads_holds_up_nothing() {
    let platform = Platform::start("healthy");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("why403.toml");
    std::fs::write(&file, "[[targets]]\nname = \"a\"\n").unwrap();
    let address = free_address();
    let mut command = serve(&platform, address);
    command.env("WHY403_CONFIG", &file);
    command.env("WHY403__SERVER__SHUTDOWN_DELAY", "0s");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wait_for("the service listens", || {
        try_ask(address, "GET /livez", "").ok()
    });
    let signal = |name: &str| {
        let line = format!("kill -{name} {}", child.id());
        Command::new("sh").args(["-c", &line]).status().unwrap();
    };
    // Everything that is wrong is said, which is far more than a pipe holds.
    let wrong = (0..3_000).map(|n| format!("[[targets]]\nname = \"no name {n}\"\n"));
    std::fs::write(&file, wrong.collect::<String>()).unwrap();
    signal("HUP");
    wait_for("the mistakes are told", || {
        let reply = ask(address, "GET /metrics", "");
        let told = "why403_config_last_reload_successful 0";
        reply.body.contains(told).then_some(())
    });
    assert_eq!(ask(address, "GET /livez", "").status, 200);
    signal("TERM");
    let status = wait_for("the process ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

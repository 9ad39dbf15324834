//! The state directory of real processes: killed, broken, foreign, shared, read-only.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{
    Finished, Platform, Running, ask, free_address, limited, wait_for, wait_until_probed, why403,
};

const FILE: &str = "why403.redb";

fn serve(platform: &Platform, address: SocketAddr, directory: &Path) -> Command {
    let mut command = why403(&["serve", "--listen", &address.to_string()]);
    command.envs(platform.variables());
    command.env("WHY403__SERVER__STATE_DIR", directory);
    command.env("WHY403__SERVER__SHUTDOWN_DELAY", "0s");
    command.env("WHY403__PROBE__INTERVAL", "1s");
    command.env("WHY403__PROBE__TIMEOUT", "900ms");
    command.env("WHY403__PROBE__CONNECT_TIMEOUT", "900ms");
    command
}

fn start(platform: &Platform, directory: &Path) -> (Running, SocketAddr) {
    let address = free_address();
    let running = Running::listening(&mut serve(platform, address, directory), address);
    (running, address)
}

fn episodes(address: SocketAddr) -> Vec<Value> {
    let body = ask(address, "GET /timeline", "").body;
    let answer: Value = serde_json::from_str(&body).unwrap();
    answer["episodes"].as_array().unwrap().clone()
}

/// Waits until an episode, and how it stands, are on the disk.
fn wait_until_written(address: SocketAddr, count: usize) {
    wait_for("the episode is on the disk", || {
        let metrics = ask(address, "GET /metrics", "").body;
        let line = metrics
            .lines()
            .find(|line| line.starts_with("why403_state_writes_total{result=\"ok\"}"))?;
        let written: f64 = line.rsplit_once(' ')?.1.parse().ok()?;
        (written >= 1.0 && episodes(address).len() == count).then_some(())
    });
}

/// A directory with the state of a service that saw a refusal and was killed.
fn killed() -> (TempDir, Value) {
    let directory = tempfile::tempdir().unwrap();
    let platform = Platform::start("role-removed");
    let (running, address) = start(&platform, directory.path());
    wait_until_probed(address, "");
    wait_until_written(address, 1);
    let episode = episodes(address)[0].clone();
    running.signal("KILL");
    running.finish();
    (directory, episode)
}

/// Stops it in order; what it logged.
fn stopped(running: Running) -> String {
    running.signal("TERM");
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    finished.stderr
}

fn set_aside(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .filter(|path| {
            path.display()
                .to_string()
                .contains("why403.redb.set-aside-")
        })
        .collect()
}

#[test]
fn a_killed_service_goes_on_with_what_it_knew() {
    let (directory, before) = killed();
    let path = directory.path().join(FILE);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    for _ in 0..3 {
        let platform = Platform::start("role-removed");
        let (running, address) = start(&platform, directory.path());
        wait_until_probed(address, "");
        let episodes = episodes(address);
        assert_eq!(episodes.len(), 1, "{episodes:#?}");
        assert_eq!(episodes[0]["began"], before["began"]);
        // In the middle of whatever it does.
        running.signal("KILL");
        running.finish();
    }
    assert!(set_aside(directory.path()).is_empty());
}

#[test]
fn the_directory_is_made_for_its_owner_only() {
    let outer = tempfile::tempdir().unwrap();
    let directory = outer.path().join("a/b");
    let platform = Platform::start("healthy");
    let (running, address) = start(&platform, &directory);
    // It listens before it looks at the disk.
    wait_until_probed(address, "");
    assert_eq!(
        fs::metadata(&directory).unwrap().permissions().mode() & 0o777,
        0o700
    );
    stopped(running);
}

/// Whatever stands in its place is kept, told in one line, and a new file is begun.
#[test]
fn what_cannot_be_used_is_set_aside() {
    type Damage = fn(&Path);
    let damages: &[(&str, Damage)] = &[
        ("random bytes", |path| {
            let bytes: Vec<u8> = (0..100_000_u32)
                .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect();
            fs::write(path, bytes).unwrap();
        }),
        ("a file that was cut in half", |path| {
            let length = fs::metadata(path).unwrap().len();
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(length / 2).unwrap();
        }),
        ("a file that was cut after its head", |path| {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(4096).unwrap();
        }),
        ("text", |path| fs::write(path, "hello\n").unwrap()),
        ("bytes that were overwritten", |path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[4096..].iter_mut().for_each(|byte| *byte ^= 0x5a);
            fs::write(path, bytes).unwrap();
        }),
        ("a directory", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
            fs::write(path.join("precious"), "").unwrap();
        }),
        ("the database of another program", |path| {
            fs::remove_file(path).unwrap();
            foreign(path, "notes", "a", "b");
        }),
        ("the database of a later version", |path| {
            fs::remove_file(path).unwrap();
            foreign(path, "why403", "format", "99");
        }),
    ];
    for (what, damage) in damages {
        let (directory, _) = killed();
        damage(&directory.path().join(FILE));
        let platform = Platform::start("role-removed");
        let (running, address) = start(&platform, directory.path());
        wait_until_probed(address, "");
        wait_until_written(address, 1);
        let said = stopped(running);
        let aside = set_aside(directory.path());
        assert_eq!(aside.len(), 1, "{what}: {said}");
        let told: Vec<_> = said
            .lines()
            .filter(|line| line.contains("cannot be used"))
            .collect();
        assert_eq!(told.len(), 1, "{what}: {said}");
        let name = aside[0].file_name().unwrap().to_str().unwrap();
        assert!(told[0].contains(name), "{what}: {said}");
    }
}

fn foreign(path: &Path, table: &str, key: &str, value: &str) {
    let database = redb::Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    let definition = redb::TableDefinition::<&str, &str>::new(table);
    transaction
        .open_table(definition)
        .unwrap()
        .insert(key, value)
        .unwrap();
    transaction.commit().unwrap();
}

#[test]
fn an_empty_file_is_begun() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(FILE), "").unwrap();
    let platform = Platform::start("role-removed");
    let (running, address) = start(&platform, directory.path());
    wait_until_probed(address, "");
    wait_until_written(address, 1);
    stopped(running);
    assert!(set_aside(directory.path()).is_empty());
}

fn refused(platform: &Platform, directory: &Path) -> Finished {
    let mut command = serve(platform, free_address(), directory);
    let finished = Running::start(&mut command).finish();
    assert_eq!(finished.status, Some(2), "{finished:#?}");
    let path = directory.display().to_string();
    assert!(finished.stderr.contains(&path), "{finished:#?}");
    assert!(
        finished.stderr.contains("server.state_dir"),
        "{finished:#?}"
    );
    finished
}

#[test]
fn a_second_process_is_told_that_the_file_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let platform = Platform::start("role-removed");
    let (running, address) = start(&platform, directory.path());
    wait_until_probed(address, "");
    let finished = refused(&platform, directory.path());
    assert!(
        finished.stderr.contains("in use by another process"),
        "{finished:#?}"
    );
    assert!(set_aside(directory.path()).is_empty());
    wait_until_written(address, 1);
    // A question in between needs no state.
    let mut command = why403(&["diagnose"]);
    command.envs(platform.variables());
    command.env("WHY403__SERVER__STATE_DIR", directory.path());
    assert_eq!(Running::start(&mut command).finish().status, Some(1));
    stopped(running);
}

#[test]
fn a_directory_that_cannot_be_written_to_is_told() {
    let platform = Platform::start("healthy");
    refused(&platform, Path::new("/proc/why403"));
    let outer = tempfile::tempdir().unwrap();
    let file = outer.path().join("file");
    fs::write(&file, "").unwrap();
    refused(&platform, &file);
    refused(&platform, &file.join("below"));
    let directory = outer.path().join("read-only");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o500)).unwrap();
    // Whoever may do everything is not stopped by permissions.
    if fs::write(directory.join("probe"), "").is_err() {
        refused(&platform, &directory);
    }
    assert_eq!(platform.simulator.requests().len(), 0, "nothing was called");
}

/// Sets the largest size of a file that the process may write to: a disk without room.
fn limit_files(running: &Running, bytes: &str) {
    let pid = running.id().to_string();
    let mut command = Command::new("prlimit");
    command.args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")]);
    assert!(command.status().expect("prlimit is needed").success());
}

fn writes(address: SocketAddr, result: &str) -> f64 {
    let metrics = ask(address, "GET /metrics", "").body;
    let name = format!("why403_state_writes_total{{result=\"{result}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
    value.unwrap().parse().unwrap()
}

/// Nothing is waited for, it is told once, and what happened meanwhile is written in the end.
#[test]
#[ignore = "needs half a minute"]
fn a_disk_without_room_is_told_once_and_written_to_when_it_has_some() {
    let directory = tempfile::tempdir().unwrap();
    let platform = Platform::start("healthy");
    let address = free_address();
    let mut command = limited(&serve(&platform, address, directory.path()), "unlimited");
    let running = Running::listening(&mut command, address);
    wait_until_probed(address, "");
    wait_for("it has written", || {
        (writes(address, "ok") >= 1.0).then_some(())
    });
    limit_files(&running, "1");
    platform.simulator.set_scenario("role-removed").unwrap();
    wait_for("it fails to write", || {
        (writes(address, "failed") >= 1.0).then_some(())
    });
    // Everything else goes on: another episode begins and ends, and is shown.
    for (scenario, ended) in [
        ("healthy", true),
        ("upstream-error", false),
        ("healthy", true),
    ] {
        platform.simulator.set_scenario(scenario).unwrap();
        wait_for("the change is shown", || {
            let all = episodes(address).into_iter();
            let latest = all.max_by_key(|episode| episode["id"].as_u64())?;
            (latest["ended"].is_null() != ended).then_some(())
        });
        assert_eq!(ask(address, "GET /livez", "").status, 200);
        assert_eq!(ask(address, "GET /readyz", "").status, 200);
    }
    assert_eq!(episodes(address).len(), 2);
    let written = writes(address, "ok");
    limit_files(&running, "unlimited");
    wait_for("it has written again", || {
        (writes(address, "ok") > written).then_some(())
    });
    let said = stopped(running);
    let told = |words: &str| said.lines().filter(|line| line.contains(words)).count();
    assert_eq!(told("changes cannot be written to"), 1, "{said}");
    assert_eq!(told("are written to"), 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");
    // Nothing was set aside, and nothing is missing.
    assert!(set_aside(directory.path()).is_empty(), "{said}");
    let (running, address) = start(&platform, directory.path());
    wait_until_probed(address, "");
    assert_eq!(episodes(address).len(), 2);
    stopped(running);
}

/// A start is refused for what is wrong with the configuration; room is no matter of it.
#[test]
#[ignore = "needs half a minute"]
fn a_start_without_room_goes_on_in_memory_until_there_is_some() {
    let directory = tempfile::tempdir().unwrap();
    let platform = Platform::start("role-removed");
    for _ in 0..2 {
        let address = free_address();
        let mut command = limited(&serve(&platform, address, directory.path()), "0");
        let running = Running::listening(&mut command, address);
        wait_until_probed(address, "");
        assert_eq!(ask(address, "GET /livez", "").status, 200);
        assert_eq!(ask(address, "GET /readyz", "").status, 200);
        assert_eq!(episodes(address).len(), 1);
        // Killed before there is any, so that it starts once more with what that left.
        running.signal("KILL");
        running.finish();
        let path = directory.path().join(FILE);
        assert_eq!(fs::metadata(path).unwrap().len(), 0);
    }
    let address = free_address();
    let mut command = limited(&serve(&platform, address, directory.path()), "0");
    let running = Running::listening(&mut command, address);
    wait_until_probed(address, "");
    limit_files(&running, "unlimited");
    wait_until_written(address, 1);
    let said = stopped(running);
    let told = |words: &str| said.lines().filter(|line| line.contains(words)).count();
    assert_eq!(told("changes cannot be written to"), 1, "{said}");
    assert_eq!(told("are written to"), 1, "{said}");
    assert!(set_aside(directory.path()).is_empty(), "{said}");
    let (running, address) = start(&platform, directory.path());
    wait_until_probed(address, "");
    assert_eq!(episodes(address).len(), 1);
    stopped(running);
}

#[test]
fn a_directory_that_is_removed_meanwhile_is_made_again_with_all_that_was_in_it() {
    let outer = tempfile::tempdir().unwrap();
    let directory = outer.path().join("state");
    let platform = Platform::start("role-removed");
    let (running, address) = start(&platform, &directory);
    wait_until_probed(address, "");
    wait_until_written(address, 1);
    let written = writes(address, "ok");
    fs::remove_dir_all(&directory).unwrap();
    platform.simulator.set_scenario("healthy").unwrap();
    wait_for("it has written again", || {
        (writes(address, "ok") > written).then_some(())
    });
    assert!(writes(address, "failed") >= 1.0);
    let before = episodes(address);
    running.signal("KILL");
    let said = running.finish().stderr;
    let told = "a new one is begun, with everything that was in it";
    assert_eq!(said.matches(told).count(), 1, "{said}");
    let (running, address) = start(&platform, &directory);
    wait_until_probed(address, "");
    let after = episodes(address);
    assert_eq!(after.len(), 1, "{after:#?}");
    assert_eq!(after[0]["began"], before[0]["began"]);
    stopped(running);
}

//! The real binary while somebody sets the clock of its machine: libfaketime moves its wall clock,
//! its monotonic clock stays real, and the simulator's clocks know nothing of it. All of these are
//! ignored, because libfaketime needs to be installed.
//!
//! Time is real here, and the machine may be busy: whatever is bounded is bounded by how long it
//! really took.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use why403::sim::{Route, Scripted};

use crate::over_tls::{Certificate, Delays, TlsServer};
use crate::process::{Platform, Running, ask, free_address, runtime, wait_for, why403};

const HOUR: i64 = 3_600;
/// The first second of the year 2100.
const YEAR_2100: i64 = 4_102_444_800;
/// How long the platform's tokens live, in seconds.
const TOKEN_LIFE: u64 = 20;
/// The least time from a token to the one that replaces it, as long as nothing is wrong with it.
const RENEWED_AFTER: Duration = Duration::from_secs(TOKEN_LIFE / 2);

/// How far two clocks are apart: the one number that has a sign.
const SIGNED: &str = "clock_skew_seconds";

/// Where the wall clock stands, compared with the real one.
struct FakedClock {
    directory: TempDir,
}

impl FakedClock {
    fn at(offset_seconds: i64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Self { directory };
        clock.set(offset_seconds);
        clock
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("offset")
    }

    /// Sets the clock of the running process, in one step.
    fn set(&self, offset_seconds: i64) {
        let new = self.directory.path().join("new");
        fs::write(&new, format!("{offset_seconds:+}\n")).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    fn variables(&self) -> [(&'static str, PathBuf); 4] {
        [
            ("LD_PRELOAD", library()),
            ("FAKETIME_TIMESTAMP_FILE", self.file()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }
}

/// Where Debian has it, whatever the architecture.
fn library() -> PathBuf {
    let places = fs::read_dir("/usr/lib").unwrap();
    let mut candidates =
        places.map(|place| place.unwrap().path().join("faketime/libfaketimeMT.so.1"));
    let found = candidates.find(|path| path.exists());
    found.expect("libfaketime is needed")
}

/// The real time, in seconds since 1970.
#[allow(
    clippy::disallowed_methods,
    reason = "the clock of the test's machine, which is not that of the service"
)]
fn real_now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn to_1970() -> i64 {
    100 - real_now()
}

fn to_2100() -> i64 {
    YEAR_2100 - real_now()
}

/// A service whose wall clock can be set, and the platform that it watches.
struct Stage {
    platform: Platform,
    clock: FakedClock,
    running: Running,
    address: SocketAddr,
    began: Instant,
}

impl Stage {
    fn start(offset_seconds: i64) -> Self {
        Self::start_with(offset_seconds, None)
    }

    fn start_with(offset_seconds: i64, kept_in: Option<&Path>) -> Self {
        let platform = Platform::start("healthy");
        switch(&platform, "healthy");
        let clock = FakedClock::at(offset_seconds);
        let address = free_address();
        let mut command = why403(&["serve", "--listen", &address.to_string()]);
        command.envs(platform.variables()).envs(clock.variables());
        command.env("WHY403__SERVER__SHUTDOWN_DELAY", "0s");
        command.env("WHY403__PROBE__INTERVAL", "1s");
        command.env("WHY403__PROBE__TIMEOUT", "900ms");
        command.env("WHY403__PROBE__CONNECT_TIMEOUT", "900ms");
        if let Some(directory) = kept_in {
            command.env("WHY403__SERVER__STATE_DIR", directory);
        }
        let began = real_instant();
        let running = Running::listening(&mut command, address);
        let started = Self {
            platform,
            clock,
            running,
            address,
            began,
        };
        started.wait_until_probed_again();
        started
    }

    /// Sets the wall clock, and waits until the service shows it and has probed with it.
    fn jump(&self, offset_seconds: i64) {
        self.clock.set(offset_seconds);
        wait_for("the service sees the new time", || {
            let shown = self.answer("/diagnose")["generated_at"].clone();
            let shown: jiff::Timestamp = shown.as_str()?.parse().ok()?;
            let expected = real_now() + offset_seconds;
            (shown.as_second().abs_diff(expected) < 30).then_some(())
        });
        self.wait_until_probed_again();
    }

    /// Waits for two more probes: the first one may have begun before.
    fn wait_until_probed_again(&self) {
        let before = self.platform.simulator.count(Route::Queues);
        wait_for("it was probed again", || {
            let now = self.platform.simulator.count(Route::Queues);
            (now >= before + 2).then_some(())
        });
    }

    fn wait_until_found(&self, outcome: &str) {
        wait_for(outcome, || {
            let found = self.answer("/diagnose")["diagnoses"][0]["outcome"].clone();
            (found == outcome).then_some(())
        });
    }

    fn close_the_token_endpoint(&self) {
        let unavailable = Scripted::text(503, "text/plain", "");
        let simulator = &self.platform.simulator;
        simulator.always(Route::Token, Some(unavailable));
    }

    fn answer(&self, path: &str) -> Value {
        let reply = ask(self.address, &format!("GET {path}"), "");
        serde_json::from_str(&reply.body)
            .unwrap_or_else(|error| panic!("{path}: {error}: {reply:?}"))
    }

    fn mints(&self) -> u64 {
        self.platform.simulator.count(Route::Token)
    }

    /// How many tokens may have been minted since the start, when the clock has jumped so often:
    /// the first one, one for each jump, and those whose time had come.
    fn most_mints(&self, jumps: u64) -> u64 {
        let renewals = self.began.elapsed().as_secs() / RENEWED_AFTER.as_secs();
        1 + jumps + renewals
    }

    /// Whatever the clock says: no token was sent after its end, nothing that is shown is negative,
    /// and the process is well.
    fn is_in_order(&mut self) {
        for request in self.platform.simulator.requests() {
            assert_ne!(
                request.status,
                Some(401),
                "a dead token was sent: {request:?}"
            );
        }
        for path in ["/health", "/diagnose", "/timeline"] {
            let negative = negative_numbers(&self.answer(path));
            assert_eq!(negative, [""; 0], "{path}");
        }
        for path in ["/health", "/diagnose", "/timeline"] {
            let text = ask(
                self.address,
                &format!("GET {path}"),
                "accept: text/plain\r\n",
            )
            .body;
            let negative = text.split([' ', '(', '\n']).find(|word| is_negative(word));
            assert_eq!(negative, None, "{path}: {text}");
        }
        for path in ["/metrics", "/probe?target=default"] {
            let text = ask(self.address, &format!("GET {path}"), "").body;
            let signed = |line: &&str| line.starts_with(&format!("why403_{SIGNED}"));
            let samples = text.lines().filter(|line| !line.starts_with('#'));
            let samples = samples.filter(|line| !signed(line));
            for sample in samples {
                let value: f64 = sample.rsplit_once(' ').unwrap().1.parse().unwrap();
                assert!(value >= 0.0 || sample.contains("NaN"), "{path}: {sample}");
                assert!(!value.is_nan(), "{path}: {sample}");
            }
        }
        assert_eq!(ask(self.address, "GET /livez", "").status, 200);
        assert_eq!(ask(self.address, "GET /readyz", "").status, 200);
        assert!(self.running.is_alive());
        assert!(!self.running.stderr().contains("panicked"));
    }

    fn ends_well(mut self) {
        self.is_in_order();
        self.running.signal("TERM");
        let finished = self.running.finish();
        assert_eq!(finished.status, Some(0), "{finished:#?}");
        assert!(!finished.stderr.contains("panicked"), "{finished:#?}");
    }
}

/// Puts the platform into a scenario, with tokens that live shortly.
fn switch(platform: &Platform, scenario: &str) {
    platform.simulator.set_scenario(scenario).unwrap();
    platform
        .simulator
        .with(|org| org.set_expires_in(TOKEN_LIFE));
}

#[allow(
    clippy::disallowed_methods,
    reason = "bounds follow from how long a test really took"
)]
fn real_instant() -> Instant {
    Instant::now()
}

/// Where negative numbers stand.
fn negative_numbers(value: &Value) -> Vec<String> {
    let below = |key: &str, value: &Value| -> Vec<String> {
        let found = negative_numbers(value).into_iter();
        found.map(|place| format!("{key}.{place}")).collect()
    };
    match value {
        Value::Number(number) if number.as_f64().is_some_and(|it| it < 0.0) => {
            vec![number.to_string()]
        }
        Value::Array(values) => values.iter().flat_map(|it| below("[]", it)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(key, _)| *key != SIGNED);
            fields.flat_map(|(key, it)| below(key, it)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a word of a text is a number below zero.
fn is_negative(word: &str) -> bool {
    let digits = word.strip_prefix('-');
    digits.is_some_and(|it| it.starts_with(|first: char| first.is_ascii_digit()))
}

#[test]
fn negative_numbers_are_found() {
    let value = serde_json::json!({
        "a": [1, {"age_seconds": -2, "clock_skew_seconds": -3600}], "b": 0.0, "c": "-3"
    });
    assert_eq!(negative_numbers(&value), ["a.[].age_seconds.-2"]);
    assert!(is_negative("-1"));
    assert!(
        !["1", "-", "--format", "2026-11-26"]
            .into_iter()
            .any(is_negative)
    );
}

#[test]
#[ignore = "needs libfaketime"]
fn a_clock_that_jumps_by_hours_and_by_decades_costs_one_token_each_time() {
    let mut stage = Stage::start(0);
    let jumps = [HOUR, 0, -HOUR, to_1970(), to_2100(), to_1970(), 0];
    for (done, offset) in (1..).zip(jumps) {
        stage.jump(offset);
        stage.is_in_order();
        let (mints, most) = (stage.mints(), stage.most_mints(done));
        assert!(
            mints <= most,
            "{mints} tokens after {done} jumps, of {most}"
        );
        assert_eq!(
            stage.answer("/health")["status"],
            "pass",
            "after {offset} s"
        );
    }
    // Nothing else was found on the way: access worked at every probe.
    let metrics = ask(stage.address, "GET /metrics", "").body;
    let failures = metrics
        .lines()
        .filter(|line| line.starts_with("why403_probe_failures_total{"));
    for failure in failures {
        assert!(failure.ends_with(" 0"), "{failure}");
    }
    stage.ends_well();
}

/// By the wall clock the token would live for another hour; it really ends after twenty seconds,
/// and no other one can be had.
#[test]
#[ignore = "needs libfaketime"]
fn a_token_ends_in_time_although_the_date_is_before_its_issue() {
    let mut stage = Stage::start(0);
    stage.jump(-HOUR);
    stage.close_the_token_endpoint();
    stage.wait_until_found("token_endpoint_down");
    stage.is_in_order();
    stage.platform.simulator.always(Route::Token, None);
    stage.wait_until_found("ok");
    // As often as its time had come, once for the jump, and the attempts that failed: ever fewer.
    let (mints, most) = (stage.mints(), stage.most_mints(1) + 8);
    assert!(mints <= most, "{mints} attempts, of {most}");
    stage.ends_well();
}

/// The token would really live for a day; by the wall clock it is over, as after a long sleep of
/// the machine.
#[test]
#[ignore = "needs libfaketime"]
fn a_token_that_is_over_by_the_date_is_not_sent() {
    let stage = Stage::start(0);
    stage
        .platform
        .simulator
        .with(|org| org.set_expires_in(24 * 3_600));
    let before = stage.mints();
    wait_for("there is a token for a day", || {
        (stage.mints() > before).then_some(())
    });
    stage.wait_until_probed_again();
    stage.close_the_token_endpoint();
    stage.clock.set(25 * HOUR);
    stage.wait_until_found("token_endpoint_down");
    let calls = stage.platform.simulator.count(Route::Queues);
    // Three slots later there was still no call.
    let probes = || stage.answer("/diagnose")["diagnoses"][0]["examined_at"].clone();
    for _ in 0..3 {
        let last = probes();
        wait_for("there was another slot", || {
            (probes() != last).then_some(())
        });
    }
    assert_eq!(stage.platform.simulator.count(Route::Queues), calls);
    stage.platform.simulator.always(Route::Token, None);
    stage.wait_until_found("ok");
    stage.ends_well();
}

#[test]
#[ignore = "needs libfaketime"]
fn a_clock_that_jumps_to_and_fro_makes_no_storm() {
    let stage = Stage::start(0);
    for turn in 0..40 {
        let offset = if turn % 2 == 0 { to_2100() } else { to_1970() };
        stage.clock.set(offset);
        // Long enough to be seen, too short to mint in between.
        thread::sleep(Duration::from_millis(250));
    }
    stage.jump(0);
    let (mints, seconds) = (stage.mints(), stage.began.elapsed().as_secs());
    // Never two attempts in a second.
    assert!(mints <= 2 + seconds, "{mints} tokens in {seconds} s");
    stage.ends_well();
}

#[test]
#[ignore = "needs libfaketime"]
fn it_starts_in_any_year_and_goes_on_when_the_clock_is_set_right() {
    for offset in [to_1970(), to_2100()] {
        let mut stage = Stage::start(offset);
        assert_eq!(stage.answer("/health")["status"], "pass", "{offset} s");
        stage.is_in_order();
        let (mints, most) = (stage.mints(), stage.most_mints(0));
        assert!(mints <= most, "{offset} s: {mints} tokens, of {most}");
        stage.jump(0);
        assert_eq!(stage.answer("/health")["status"], "pass", "{offset} s");
        let (mints, most) = (stage.mints(), stage.most_mints(1));
        assert!(mints <= most, "{offset} s: {mints} tokens, of {most}");
        stage.ends_well();
    }
}

/// Whatever an episode lasted by the wall clock, it is told without nonsense; also after a restart
/// at another time.
#[test]
#[ignore = "needs libfaketime"]
fn trouble_while_the_clock_jumps_is_told_without_negative_times() {
    let directory = tempfile::tempdir().unwrap();
    let mut stage = Stage::start_with(to_2100(), Some(directory.path()));
    let turns = [
        ("role-removed", to_2100()),
        ("role-removed", -HOUR),
        ("healthy", to_1970()),
        ("role-removed", HOUR),
        ("healthy", 0),
    ];
    for (scenario, offset) in turns {
        switch(&stage.platform, scenario);
        let expected = if scenario == "healthy" {
            "ok"
        } else {
            "forbidden"
        };
        stage.wait_until_found(expected);
        stage.jump(offset);
        stage.is_in_order();
    }
    let episodes = stage.answer("/timeline")["episodes"]
        .as_array()
        .map(Vec::len);
    assert_eq!(episodes, Some(2));
    stage.ends_well();
    let mut again = Stage::start_with(to_1970(), Some(directory.path()));
    let episodes = again.answer("/timeline")["episodes"]
        .as_array()
        .map(Vec::len);
    assert_eq!(episodes, Some(2));
    again.is_in_order();
    again.ends_well();
}

/// Certificates are the first to notice, and the advice is to compare the clock.
#[test]
#[ignore = "needs libfaketime"]
fn a_clock_that_is_years_off_is_told_by_certificates() {
    let runtime = runtime();
    let certificate = Certificate::valid("127.0.0.1", 2019, 2090);
    let server = runtime.block_on(TlsServer::start(&certificate, Delays::default()));
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    fs::write(&roots, &certificate.pem).unwrap();
    for (offset, status, words) in [
        (0, 0, "200 ok"),
        (
            to_1970(),
            3,
            "the certificate begins only at 2019-01-01 00:00 UTC",
        ),
        (
            to_2100(),
            3,
            "the certificate ended at 2090-01-01 00:00 UTC",
        ),
    ] {
        let clock = FakedClock::at(offset);
        let mut command = why403(&["diagnose"]);
        command.envs(clock.variables());
        command.env("GENESYS_CLOUD_BASE_URL", server.url());
        command.env("GENESYS_CLOUD_LOGIN_URL", server.url());
        command.env("GENESYSCLOUD_ACCESS_TOKEN", "a-token");
        command.env("WHY403__NETWORK__TLS_ROOTS", &roots);
        let finished = Running::start(&mut command).finish();
        assert_eq!(finished.status, Some(status), "{finished:#?}");
        let told = finished
            .stdout
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(told.contains(words), "{told}");
        let advises = told.contains("Compare the clock of this machine");
        assert_eq!(advises, offset != 0, "{told}");
    }
}
